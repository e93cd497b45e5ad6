//! Decides which answers are worth another try, how long to wait before it, and what the other answers mean.
//!
//! The rule is that of Stripe's own clients: obey `Stripe-Should-Retry` if it is sent, else retry failures that pass by
//! themselves. A list request changes nothing, so another try is always safe.

use std::time::Duration;

use serde::Deserialize;

use crate::error::{Class, Error, counted, foreign};
use crate::options::Options;
use crate::stripe::entities::Entity;
use crate::stripe::exchange::{Failure, Response};

/// Longest `Retry-After` that is obeyed.
pub const RETRY_AFTER_CAP: Duration = Duration::from_secs(300);

/// The meaning of an HTTP status.
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
const STATUSES: [StatusRow; 11] = [
    status(401, 401, Class::Authentication, false, "check that the key is whole and not revoked"),
    status(403, 403, Class::Permission, false, "give the restricted key read permission for this list, or leave the entity out"),
    status(404, 404, Class::Request, false, "check the base URL, and that the account has this product"),
    status(408, 409, Class::Server, true, "run again later"),
    status(421, 421, Class::Server, true, "run again later"),
    status(424, 425, Class::Server, true, "run again later"),
    status(429, 429, Class::RateLimit, true, "run again later, or let fewer jobs share the account"),
    status(499, 499, Class::Server, true, "run again later"),
    status(400, 499, Class::Request, false, "see the message; an account without the product, or an unknown API version, is refused like this"),
    status(500, 599, Class::Server, true, "run again later; Stripe's status page may know more"),
    status(0, u16::MAX, Class::Answer, false, "this is not an answer of Stripe's API; check the base URL"),
];

fn row(status: u16) -> &'static StatusRow {
    let fits = |row: &&StatusRow| (row.first..=row.last).contains(&status);
    STATUSES.iter().find(fits).unwrap_or(&STATUSES[STATUSES.len() - 1])
}

/// Whether an answer that is not a success is worth another try.
#[must_use]
pub fn is_worth_retrying(response: &Response) -> bool {
    response.should_retry.unwrap_or(row(response.status).retry)
}

/// Whether a request that got no complete answer is worth another try.
#[must_use]
pub const fn is_passing(failure: Failure) -> bool {
    match failure {
        Failure::Connect | Failure::Read | Failure::Timeout => true,
        Failure::TooLarge | Failure::Encoding | Failure::Redirect => false,
    }
}

/// How long to wait before retry number `retry` (from 0): the wait grows exponentially, the share `backoff_jitter` of
/// it is random, and it is never shorter than the `Retry-After` of the answer. `jitter` is uniform in `[0, 1)`.
#[must_use]
pub fn wait(options: &Options, retry: u32, retry_after: Option<Duration>, jitter: f64) -> Duration {
    let doublings = i32::try_from(retry.min(64)).unwrap_or(64);
    let ceiling = (options.backoff_base.as_secs_f64() * 2f64.powi(doublings)).min(options.backoff_max.as_secs_f64());
    let seconds = ceiling * (1.0 - options.backoff_jitter * (1.0 - jitter.clamp(0.0, 1.0)));
    Duration::from_secs_f64(seconds.max(0.0)).max(retry_after.unwrap_or_default().min(RETRY_AFTER_CAP))
}

/// The `error` object of Stripe's error bodies. Each has a type; one without a type comes from something in between.
#[derive(Debug, Deserialize)]
struct ErrorBody {
    #[serde(rename = "type")]
    _type: String,
    code: Option<String>,
    message: Option<String>,
    param: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Envelope {
    error: ErrorBody,
}

/// Stripe's description of an error, if the answer is Stripe's.
fn body_of(response: &Response) -> Option<ErrorBody> {
    Some(serde_json::from_slice::<Envelope>(&response.body).ok()?.error)
}

/// The message of an error body, if the answer has one, at any status.
#[must_use]
pub fn complaint(response: &Response) -> Option<String> {
    body_of(response)?.message.as_deref().map(foreign)
}

/// Whether Stripe says that the object a page was asked to start after is gone.
#[must_use]
pub fn is_vanished_cursor(response: &Response) -> bool {
    if response.status != 400 {
        return false;
    }
    body_of(response).is_some_and(|body| {
        body.param.as_deref() == Some("starting_after") && body.code.as_deref() != Some("parameter_unknown")
    })
}

/// Whether Stripe says that the object whose list was asked for is not there.
#[must_use]
pub fn is_missing(response: &Response) -> bool {
    matches!(response.status, 400 | 404)
        && body_of(response).is_some_and(|body| body.code.as_deref() == Some("resource_missing"))
}

/// The account that Stripe's refusal of a restricted key names: "... for this endpoint on account 'acct_1'".
#[must_use]
pub fn refused_account(response: &Response) -> Option<String> {
    const BEFORE: &str = "for this endpoint on account '";
    let message = body_of(response).filter(|_| response.status == 403)?.message?;
    let (_, behind) = message.split_once(BEFORE)?;
    behind.split_once('\'').map(|(account, _)| account.to_owned())
}

/// The error behind a refusal to a list's first request that says that the account does not have the list; `None` for
/// any other refusal. Stripe's texts differ from product to product; but such a refusal names no parameter, or it does not
/// know the path.
#[must_use]
pub fn product_off(entity: &Entity, response: &Response) -> Option<Error> {
    let body = body_of(response).filter(|_| !entity.product.is_empty())?;
    let said = body.message.as_deref().map_or_else(|| "no message".to_owned(), foreign);
    let is_unknown_path = response.status == 404 && said.starts_with("Unrecognized request URL");
    let is_off = response.status == 400 && body.param.is_none() && !said.contains("API version");
    if !is_unknown_path && !is_off {
        return None;
    }
    let old = if is_unknown_path { ", or Stripe-Version is too old for the list" } else { "" };
    let remedy = format!("the account does not have {}{old}; leave the entity out", entity.product);
    let who = format!("Stripe answered {}", response.status);
    let code = body.code.as_deref().map(foreign);
    Some(Error { code, ..error(entity.name, response, Class::Product, &who, 0, &said, &remedy) })
}

/// The error behind an answer that is not a success.
#[must_use]
pub fn refusal(entity: &str, response: &Response, retries: u32) -> Error {
    let row = row(response.status);
    let Some(body) = body_of(response) else { return refusal_in_between(entity, response, row, retries) };
    let said = body.message.as_deref().map_or_else(|| "no message".to_owned(), foreign);
    // A 403 may also say that an account is not the key's, or from where the key may be used.
    let (class, remedy) = match row.class {
        Class::Permission if !said.contains("permission") => (Class::Request, "see the message"),
        class => (class, row.remedy),
    };
    let reason = response.rate_limited_reason.as_deref().map(|reason| format!(" ({})", foreign(reason)));
    let who = format!("Stripe answered {}{}", response.status, reason.unwrap_or_default());
    Error { code: body.code.as_deref().map(foreign), ..error(entity, response, class, &who, retries, &said, remedy) }
}

/// Number of characters that a message quotes of a refusal that is not Stripe's.
const QUOTED: usize = 100;

/// The error behind an answer that does not have the form of Stripe's: from a proxy, a gateway, a firewall.
fn refusal_in_between(entity: &str, response: &Response, row: &StatusRow, retries: u32) -> Error {
    let status = response.status;
    let class = if row.retry { row.class } else { Class::Answer };
    let who = match status {
        _ if row.retry => format!("Stripe, or something between here and Stripe, answered {status}"),
        0..400 => format!("something between here and Stripe answered {status}"),
        _ => format!("something between here and Stripe refused with {status}"),
    };
    let body = &response.body[..response.body.len().min(4 * QUOTED)];
    let said = match status {
        // An answer that is not a refusal may hold payload.
        0..400 => "not a whole page".to_owned(),
        _ if body.is_empty() => "no text".to_owned(),
        _ => foreign(&String::from_utf8_lossy(body)).chars().take(QUOTED).collect(),
    };
    let remedy =
        if row.retry { row.remedy } else { "check the base URL, and proxies, firewalls and IP allowlists on the way" };
    error(entity, response, class, &who, retries, &said, remedy)
}

fn error(entity: &str, response: &Response, class: Class, who: &str, retries: u32, said: &str, remedy: &str) -> Error {
    let tries = tries(retries);
    let request_id = response.request_id.as_deref().map(foreign);
    let request = request_id.as_deref().unwrap_or("without id");
    let message = format!("{entity}: {who}{tries}: {said} [request {request}]; {remedy}");
    Error { status: Some(response.status), request_id, ..Error::new(class, message) }
}

/// How often a request was sent again, for the middle of a message.
#[must_use]
pub fn tries(retries: u32) -> String {
    if retries == 0 { String::new() } else { format!(" after {}", counted(retries as usize, "retry", "retries")) }
}

/// The error behind a request that never got a complete answer.
#[must_use]
pub fn silence(entity: &str, failure: Failure, cause: &str, retries: u32) -> Error {
    let (what, remedy) = match failure {
        Failure::Connect => ("no connection to the API", "check the network and the base URL, then run again"),
        Failure::Read => ("the answer was cut off", "run again"),
        Failure::Timeout => ("no complete answer in time", "run again, or raise request_timeout_seconds"),
        Failure::TooLarge => ("the answer is larger than any Stripe page", "lower page_size, or check the base URL"),
        Failure::Encoding => ("the answer cannot be read", "check any proxy between Stripe and this machine"),
        Failure::Redirect => ("the API answered with a redirect, which is never followed", "check the base URL"),
    };
    let tries = tries(retries);
    Error::new(Class::Connection, format!("{entity}: {what}{tries} ({}); {remedy}", foreign(cause)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stripe::entities::by_name;
    use proptest::prelude::*;

    fn answer(status: u16, body: &str) -> Response {
        Response { status, request_id: Some("req_1".to_owned()), body: body.as_bytes().to_vec(), ..Response::default() }
    }

    #[test]
    fn only_failures_that_pass_by_themselves_are_retried() {
        for status in [408, 409, 421, 424, 425, 429, 499, 500, 502, 503, 504, 520] {
            assert!(is_worth_retrying(&answer(status, "")), "{status}");
            assert_ne!(refusal("charges", &answer(status, ""), 1).class, Class::Request, "{status}");
        }
        for status in [301, 400, 401, 402, 403, 404, 407, 410, 451] {
            assert!(!is_worth_retrying(&answer(status, "")), "{status}");
        }
    }

    #[test]
    fn a_product_that_is_off_is_distinguished_from_other_refusals() {
        let refusal = |message: &str, param: &str| {
            format!(r#"{{"error":{{"type":"invalid_request_error","message":"{message}"{param}}}}}"#)
        };
        for (name, status, body, is_off) in [
            ("issuing_cards", 400, refusal("Your account is not set up to use Issuing.", ""), true),
            ("issuing_cards", 404, refusal("Unrecognized request URL (GET: /v1/issuing/cards).", ""), true),
            ("issuing_cards", 400, refusal("Received unknown parameter: limt", r#","param":"limt""#), false),
            ("issuing_cards", 400, refusal("Invalid Stripe API version: 1", ""), false),
            ("issuing_cards", 404, refusal("No such thing", ""), false),
            ("issuing_cards", 403, refusal("The key lacks a permission.", ""), false),
            ("issuing_cards", 400, "not Stripe's".to_owned(), false),
            // Each account has charges: the base URL is wrong.
            ("charges", 404, refusal("Unrecognized request URL (GET: /v1/charges).", ""), false),
            ("charges", 400, refusal("No.", ""), false),
        ] {
            let error = product_off(by_name(name).unwrap(), &answer(status, &body));
            assert_eq!(error.map(|error| error.class), is_off.then_some(Class::Product), "{name} {status} {body}");
        }
    }

    #[test]
    fn stripe_should_retry_overrules_the_status() {
        assert!(!is_worth_retrying(&Response { should_retry: Some(false), ..answer(500, "") }));
        assert!(is_worth_retrying(&Response { should_retry: Some(true), ..answer(400, "") }));
    }

    #[test]
    fn a_vanished_cursor_is_distinguished_from_other_refusals() {
        let gone = r#"{"error":{"type":"invalid_request_error","code":"resource_missing","param":"starting_after"}}"#;
        assert!(is_vanished_cursor(&answer(400, gone)));
        assert!(!is_vanished_cursor(&answer(404, gone)));
        assert!(!is_vanished_cursor(&answer(400, &gone.replace("starting_after", "customer"))));
        assert!(!is_vanished_cursor(&answer(400, &gone.replace("type", "kind"))));
        assert!(!is_vanished_cursor(&answer(400, "<html>")));
    }

    #[test]
    fn a_refusal_names_what_where_and_what_to_do() {
        let says = |message: &str| format!(r#"{{"error":{{"type":"invalid_request_error","message":"{message}"}}}}"#);
        let permission = "The provided key 'rk_test_secret' does not have the permission rak_charge_read";
        let foreign = "The provided key 'rk_test_secret' does not have access to account 'acct_1'";
        for (said, class, remedy) in [
            (
                permission,
                Class::Permission,
                "give the restricted key read permission for this list, or leave the entity out",
            ),
            (foreign, Class::Request, "see the message"),
        ] {
            let error = refusal("charges", &answer(403, &says(said)), 0);
            let said = said.replace("test_secret", "***");
            let expected = format!("charges: Stripe answered 403: {said} [request req_1]; {remedy}");
            assert_eq!((error.class, error.message), (class, expected));
        }
    }

    #[test]
    fn an_answer_without_the_form_of_stripes_errors_is_not_taken_for_stripes() {
        let long = format!("<html>\n<p>{}</p>", "x".repeat(500));
        let quoted = format!("<html> <p>{}", "x".repeat(90));
        let gateways = [
            (long.as_str(), quoted.as_str()),
            ("", "no text"),
            (r#"{"message":"Forbidden"}"#, r#"{"message":"Forbidden"}"#),
            (r#"{"error":"no"}"#, r#"{"error":"no"}"#),
            (
                r#"{"error":{"code":403,"message":"No permission"}}"#,
                r#"{"error":{"code":403,"message":"No permission"}}"#,
            ),
        ];
        for (body, said) in gateways {
            for status in [400, 401, 403, 404, 407] {
                let error = refusal("charges", &answer(status, body), 0);
                let expected = format!(
                    "charges: something between here and Stripe refused with {status}: {said} [request req_1]; check the \
                     base URL, and proxies, firewalls and IP allowlists on the way"
                );
                assert_eq!((error.class, error.message), (Class::Answer, expected));
            }
            let error = refusal("charges", &answer(502, body), 3);
            let begin =
                format!("charges: Stripe, or something between here and Stripe, answered 502 after 3 retries: {said} ");
            assert!(error.class == Class::Server && error.message.starts_with(&begin), "{error}");
        }
    }

    #[test]
    fn a_refusal_for_a_missing_permission_names_the_account() {
        let body = r#"{"error":{"type":"invalid_request_error","message":"The provided key 'rk_test_***' does not have the required permissions for this endpoint on account 'acct_1Abc'. Having the 'rak_charge_read' permission would allow this request to continue."}}"#;
        assert_eq!(refused_account(&answer(403, body)).as_deref(), Some("acct_1Abc"));
        assert_eq!(refused_account(&answer(401, body)), None);
        assert_eq!(refused_account(&answer(403, "<html>for this endpoint on account 'acct_1'")), None);
        assert_eq!(refused_account(&answer(403, &body.replace("on account", "of account"))), None);
    }

    #[test]
    fn retry_after_is_obeyed_up_to_its_cap() {
        let options = Options::default();
        assert_eq!(wait(&options, 0, Some(Duration::from_secs(7)), 0.5), Duration::from_secs(7));
        assert_eq!(wait(&options, 0, Some(Duration::from_secs(9_999)), 0.5), RETRY_AFTER_CAP);
    }

    proptest! {
        #[test]
        fn waits_stay_between_zero_and_the_ceiling(retry in 0u32..10_000, jitter in 0f64..1.0, share in 0f64..=1.0) {
            let options = Options { backoff_jitter: share, ..Options::default() };
            let ceiling = (0.5 * 2f64.powi(retry.min(64).cast_signed())).min(60.0);
            let seconds = wait(&options, retry, None, jitter).as_secs_f64();
            prop_assert!(seconds <= ceiling + 1e-6);
            prop_assert!(seconds + 1e-6 >= ceiling * (1.0 - share));
        }
    }
}
