//! Reads the headers of an answer.

use std::time::Duration;

use chrono::DateTime;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use crate::error::foreign;
use crate::stripe::exchange::Response;

/// Longest `Retry-After` that is passed on, in seconds: a day. Its sum with any moment cannot overflow.
const LONGEST_WAIT: u64 = 86_400;

/// The answer of that status and these headers, with its body still empty. `wall_seconds` is the local clock, in
/// seconds since 1970: a date in `Retry-After` is compared with it if the answer has no `Date` of its own.
pub(super) fn read(status: u16, headers: &HeaderMap, wall_seconds: i64) -> Response {
    let date = text(headers, DATE.as_str()).and_then(seconds_since_1970);
    // Headers come from outside and end up in events and logs; `foreign` makes them fit.
    let cleaned = |name: &str| text(headers, name).map(foreign);
    Response {
        status,
        request_id: cleaned("request-id"),
        api_version: cleaned("stripe-version"),
        date,
        retry_after: text(headers, RETRY_AFTER.as_str()).and_then(|value| wait(value, date.unwrap_or(wall_seconds))),
        should_retry: text(headers, "stripe-should-retry").and_then(truth),
        rate_limited_reason: cleaned("stripe-rate-limited-reason"),
        body: Vec::new(),
    }
}

/// A header's value, trimmed; `None` for one that is absent, empty or not plain ASCII.
fn text<'head>(headers: &'head HeaderMap, name: &str) -> Option<&'head str> {
    headers.get(name)?.to_str().ok().map(str::trim).filter(|value| !value.is_empty())
}

fn seconds_since_1970(value: &str) -> Option<i64> {
    DateTime::parse_from_rfc2822(value).ok().map(|moment| moment.timestamp())
}

/// Whole seconds, or the time from `answered` to a date; a date in the past asks for no wait.
fn wait(value: &str, answered: i64) -> Option<Duration> {
    let seconds = if value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Only digits, but not a number: it is too large for one.
        value.parse().unwrap_or(LONGEST_WAIT)
    } else {
        let until = seconds_since_1970(value)?;
        u64::try_from(until.saturating_sub(answered)).unwrap_or(0)
    };
    Some(Duration::from_secs(seconds.min(LONGEST_WAIT)))
}

fn truth(value: &str) -> Option<bool> {
    if value.eq_ignore_ascii_case("true") {
        Some(true)
    } else if value.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};

    /// Sun, 06 Nov 1994 08:49:37 GMT.
    const MOMENT: i64 = 784_111_777;

    fn head(lines: &[(&'static str, &str)]) -> Response {
        let headers = lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap()))
            .collect();
        read(200, &headers, MOMENT)
    }

    #[test]
    fn an_answer_without_headers_says_nothing() {
        let silent = head(&[]);
        assert_eq!((silent.request_id, silent.api_version, silent.date), (None, None, None));
        assert_eq!((silent.retry_after, silent.should_retry, silent.rate_limited_reason), (None, None, None));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_never_negative() {
        for (value, seconds) in [
            ("0", Some(0)),
            ("17", Some(17)),
            ("99999999999999999999999", Some(LONGEST_WAIT)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("Thu, 06 Nov 2994 08:00:00 GMT", Some(LONGEST_WAIT)),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            let expected = seconds.map(Duration::from_secs);
            assert_eq!(head(&[("retry-after", value)]).retry_after, expected, "by the clock: {value}");
        }
        let dated =
            head(&[("date", "Sun, 06 Nov 1994 08:50:00 GMT"), ("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")]);
        assert_eq!((dated.date, dated.retry_after), (Some(MOMENT + 23), Some(Duration::from_secs(7))));
    }

    #[test]
    fn should_retry_is_true_false_or_unknown() {
        for (value, expected) in [("true", Some(true)), ("False", Some(false)), ("1", None), ("yes", None)] {
            assert_eq!(head(&[("stripe-should-retry", value)]).should_retry, expected, "{value}");
        }
    }

    #[test]
    fn text_from_headers_is_masked_and_cut() {
        let long = "x".repeat(9_000);
        let answer = head(&[("request-id", "rk_live_abc"), ("stripe-rate-limited-reason", &long)]);
        assert_eq!(answer.request_id.as_deref(), Some("rk_***"));
        assert_eq!(answer.rate_limited_reason.map(|reason| reason.len()), Some(500));
        assert_eq!(head(&[("request-id", "é")]).request_id, None);
    }
}
