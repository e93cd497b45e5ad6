//! Which answers are worth another try, how long to wait before it, and what an answer that is not means.
//!
//! The rule is Stripe's own clients': obey `Stripe-Should-Retry` where it is sent, else retry what passes by itself.
//! A list request changes nothing, so trying again is always safe.

use std::time::Duration;

use serde::Deserialize;

use crate::error::{Class, Error, foreign};
use crate::exchange::{Failure, Response};
use crate::options::Options;

/// Longest `Retry-After` that is honoured.
pub const RETRY_AFTER_CAP: Duration = Duration::from_secs(300);

/// What to make of an HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StatusRow {
    first: u16,
    last: u16,
    class: Class,
    retry: bool,
    remedy: &'static str,
}

const fn status(first: u16, last: u16, class: Class, retry: bool, remedy: &'static str) -> StatusRow {
    StatusRow { first, last, class, retry, remedy }
}

/// The first row that holds a status decides; `Stripe-Should-Retry` overrules its `retry`.
#[rustfmt::skip]
const STATUSES: [StatusRow; 9] = [
    status(401, 401, Class::Authentication, false, "check that the key is whole and not revoked"),
    status(403, 403, Class::Permission, false, "give the restricted key read permission for this list, or leave the entity out"),
    status(404, 404, Class::Request, false, "check the base URL, and that the account has this product"),
    status(409, 409, Class::Server, true, "run again later"),
    status(424, 424, Class::Server, true, "run again later"),
    status(429, 429, Class::RateLimit, true, "run again later, or let fewer jobs share the account"),
    status(400, 499, Class::Request, false, "see the message; an account without the product, or an unknown API version, is refused like this"),
    status(500, 599, Class::Server, true, "run again later; Stripe's status page may know more"),
    status(0, u16::MAX, Class::Answer, false, "this is no answer of Stripe's API; check the base URL"),
];

fn row(status: u16) -> &'static StatusRow {
    let fits = |row: &&StatusRow| (row.first..=row.last).contains(&status);
    STATUSES.iter().find(fits).unwrap_or(&STATUSES[STATUSES.len() - 1])
}

/// Whether an answer that is no success is worth another try.
#[must_use]
pub fn is_worth_retrying(response: &Response) -> bool {
    response.should_retry.unwrap_or(row(response.status).retry)
}

/// Whether a request that got no complete answer is worth another try.
#[must_use]
pub const fn is_passing(failure: Failure) -> bool {
    match failure {
        Failure::Connect | Failure::Read | Failure::Timeout => true,
        Failure::TooLarge | Failure::Redirect => false,
    }
}

/// How long to wait before retry number `retry` (from 0): exponential, the share `backoff_jitter` of it random, and
/// never shorter than the `Retry-After` of the answer. `jitter` is uniform in `[0, 1)`.
#[must_use]
pub fn wait(options: &Options, retry: u32, retry_after: Option<Duration>, jitter: f64) -> Duration {
    let doublings = i32::try_from(retry.min(64)).unwrap_or(64);
    let ceiling = (options.backoff_base.as_secs_f64() * 2f64.powi(doublings)).min(options.backoff_max.as_secs_f64());
    let seconds = ceiling * (1.0 - options.backoff_jitter * (1.0 - jitter.clamp(0.0, 1.0)));
    Duration::from_secs_f64(seconds.max(0.0)).max(retry_after.unwrap_or_default().min(RETRY_AFTER_CAP))
}

/// The `error` object of Stripe's error bodies.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    code: Option<String>,
    message: Option<String>,
    param: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Envelope {
    error: ErrorBody,
}

fn body_of(response: &Response) -> ErrorBody {
    serde_json::from_slice::<Envelope>(&response.body).unwrap_or_default().error
}

/// What an error body says, if the answer has one, whatever its status.
#[must_use]
pub fn complaint(response: &Response) -> Option<String> {
    body_of(response).message.as_deref().map(foreign)
}

/// Whether Stripe says that the object a page was asked to start after is gone.
#[must_use]
pub fn is_vanished_cursor(response: &Response) -> bool {
    if response.status != 400 {
        return false;
    }
    let body = body_of(response);
    body.param.as_deref() == Some("starting_after") && body.code.as_deref() != Some("parameter_unknown")
}

/// The error behind an answer that is no success.
#[must_use]
pub fn refusal(entity: &str, response: &Response, retries: u32) -> Error {
    let row = row(response.status);
    let body = body_of(response);
    let said = body.message.as_deref().map_or_else(|| "no message".to_owned(), foreign);
    let code = body.code.as_deref().map(foreign);
    let reason = response.rate_limited_reason.as_deref().map(|reason| format!(" ({})", foreign(reason)));
    let tries = if retries == 0 { String::new() } else { format!(" after {retries} retries") };
    let request_id = response.request_id.as_deref().map(foreign);
    Error {
        class: row.class,
        message: format!(
            "{entity}: Stripe answered {status}{reason}{tries}: {said} [request {request}]; {remedy}",
            status = response.status,
            reason = reason.unwrap_or_default(),
            request = request_id.as_deref().unwrap_or("without id"),
            remedy = row.remedy,
        ),
        status: Some(response.status),
        code,
        request_id,
    }
}

/// The error behind a request that never got a complete answer.
#[must_use]
pub fn silence(entity: &str, failure: Failure, cause: &str, retries: u32) -> Error {
    let (what, remedy) = match failure {
        Failure::Connect => ("no connection to the API", "check the network and the base URL, then run again"),
        Failure::Read => ("the answer was cut off", "run again"),
        Failure::Timeout => ("no complete answer in time", "run again, or raise request_timeout_seconds"),
        Failure::TooLarge => {
            ("the answer is larger than any page of Stripe's", "lower page_size, or check the base URL")
        }
        Failure::Redirect => ("the API redirects, which is never followed", "check the base URL"),
    };
    let tries = if retries == 0 { String::new() } else { format!(" after {retries} retries") };
    Error::new(Class::Connection, format!("{entity}: {what}{tries} ({}); {remedy}", foreign(cause)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(status: u16, body: &str) -> Response {
        Response { status, request_id: Some("req_1".to_owned()), body: body.as_bytes().to_vec(), ..Response::default() }
    }

    #[test]
    fn what_passes_by_itself_is_retried_and_nothing_else() {
        for status in [409, 424, 429, 500, 502, 503, 504] {
            assert!(is_worth_retrying(&answer(status, "")), "{status}");
        }
        for status in [301, 400, 401, 402, 403, 404] {
            assert!(!is_worth_retrying(&answer(status, "")), "{status}");
        }
    }

    #[test]
    fn stripe_should_retry_overrules_the_status() {
        assert!(!is_worth_retrying(&Response { should_retry: Some(false), ..answer(500, "") }));
        assert!(is_worth_retrying(&Response { should_retry: Some(true), ..answer(400, "") }));
    }

    #[test]
    fn a_vanished_cursor_is_told_from_other_refusals() {
        let gone = r#"{"error":{"code":"resource_missing","param":"starting_after","message":"No such charge"}}"#;
        assert!(is_vanished_cursor(&answer(400, gone)));
        assert!(!is_vanished_cursor(&answer(404, gone)));
        assert!(!is_vanished_cursor(&answer(400, r#"{"error":{"code":"resource_missing","param":"customer"}}"#)));
        assert!(!is_vanished_cursor(&answer(400, "<html>")));
    }

    #[test]
    fn a_refusal_names_what_where_and_what_to_do() {
        let body = r#"{"error":{"message":"The provided key 'rk_test_secret' does not have rak_charge_read"}}"#;
        let error = refusal("charges", &answer(403, body), 0);
        assert_eq!(error.class, Class::Permission);
        assert_eq!(
            error.message,
            "charges: Stripe answered 403: The provided key 'rk_***' does not have rak_charge_read [request req_1]; \
             give the restricted key read permission for this list, or leave the entity out"
        );
    }

    #[test]
    fn retry_after_is_honoured_up_to_its_cap() {
        let options = Options::default();
        assert_eq!(wait(&options, 0, Some(Duration::from_secs(7)), 0.5), Duration::from_secs(7));
        assert_eq!(wait(&options, 0, Some(Duration::from_secs(9_999)), 0.5), RETRY_AFTER_CAP);
    }

    proptest! {
        #[test]
        fn waits_stay_between_none_and_the_ceiling(retry in 0u32..10_000, jitter in 0f64..1.0, share in 0f64..=1.0) {
            let options = Options { backoff_jitter: share, ..Options::default() };
            let ceiling = (0.5 * 2f64.powi(retry.min(64).cast_signed())).min(60.0);
            let seconds = wait(&options, retry, None, jitter).as_secs_f64();
            prop_assert!(seconds <= ceiling + 1e-6);
            prop_assert!(seconds + 1e-6 >= ceiling * (1.0 - share));
        }
    }
}
