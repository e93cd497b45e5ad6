//! The options of a run, one row each: name, kind, default, unit, bounds, help. Command line, environment,
//! library and README take them from here.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::{Error, Result, foreign};
use crate::secrets::holds_secret;

/// API version that every request asks for if the user sets no other: the form of a payload depends on it.
pub const STRIPE_VERSION: &str = "2026-09-30.endive";
/// Address of Stripe's API.
pub const API_BASE_URL: &str = "https://api.stripe.com";

/// How an option's value is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A whole number within bounds (inclusive).
    Integer {
        /// Smallest value allowed.
        minimum: i64,
        /// Largest value allowed.
        maximum: i64,
    },
    /// A decimal number within bounds (inclusive).
    Decimal {
        /// Smallest value allowed.
        minimum: f64,
        /// Largest value allowed.
        maximum: f64,
    },
    /// A decimal number within bounds (inclusive), or `auto`.
    AutoDecimal {
        /// Smallest value allowed.
        minimum: f64,
        /// Largest value allowed.
        maximum: f64,
    },
    /// Free text, checked where it is used.
    Text,
}

/// One option.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Name, in snake case.
    pub name: &'static str,
    /// How its value is written.
    pub kind: Kind,
    /// Default, as a user would write it.
    pub default: &'static str,
    /// Unit of a number; empty for text.
    pub unit: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
}

const fn integer(
    name: &'static str,
    default: &'static str,
    minimum: i64,
    maximum: i64,
    unit: &'static str,
    help: &'static str,
) -> Row {
    Row { name, kind: Kind::Integer { minimum, maximum }, default, unit, help }
}

const fn decimal(
    name: &'static str,
    default: &'static str,
    minimum: f64,
    maximum: f64,
    unit: &'static str,
    help: &'static str,
) -> Row {
    Row { name, kind: Kind::Decimal { minimum, maximum }, default, unit, help }
}

const fn rate(name: &'static str, help: &'static str) -> Row {
    // No account was ever granted nearly as much as the maximum; the minimum is one request in a quarter of an hour.
    let kind = Kind::AutoDecimal { minimum: 0.001, maximum: 100_000.0 };
    Row { name, kind, default: "auto", unit: "requests/s", help }
}

const fn text(name: &'static str, default: &'static str, help: &'static str) -> Row {
    Row { name, kind: Kind::Text, default, unit: "", help }
}

/// A day, in seconds: no option sets a longer wait.
const DAY: i64 = 86_400;

/// All options that the compiled half of this library reads.
#[rustfmt::skip]
pub static OPTIONS: [Row; 15] = [
    integer("page_size", "100", 1, 100, "objects", "objects per request, 1 to 100"),
    integer("lookback_seconds", "3600", 0, 10 * 365 * DAY, "seconds", "how far before the newest object seen the next run begins again, for objects that became visible late"),
    rate("max_requests_per_second", "most requests a second over all lists; auto: with a live key 75 of the 100 that Stripe allows, with a test key 20 of 25, on loopback no limit"),
    rate("max_requests_per_second_per_endpoint", "most requests a second to each list; auto: 20 of the 25 that Stripe allows, on loopback no limit"),
    integer("max_concurrent_requests", "64", 1, 1_000, "requests", "most requests in flight over all lists; how many there are follows from the answers, from 8 upwards"),
    integer("max_requests", "0", 0, i64::MAX, "requests", "stop after so many requests over all lists, as a failure; the next run goes on from there; 0 is no end"),
    integer("max_retries", "10", 0, 1_000, "retries", "how often one request is tried again"),
    decimal("request_timeout_seconds", "60", 0.001, 3_600.0, "seconds", "deadline of one request, from connecting to the last byte"),
    decimal("backoff_base_seconds", "0.5", 0.0, 3_600.0, "seconds", "longest wait before the first retry; doubles with each one"),
    decimal("backoff_max_seconds", "60", 0.0, 3_600.0, "seconds", "longest wait before any retry"),
    decimal("backoff_jitter", "1", 0.0, 1.0, "share", "share of each wait that is random: 1 is full jitter, 0 none"),
    decimal("commit_interval_seconds", "10", 0.0, 3_600.0, "seconds", "pages gather this long before they are committed together; 0 commits each page by itself"),
    text("api_base_url", API_BASE_URL, "where the API is: https, or http on loopback with a test key"),
    text("ca_file", "", "file of certificate authorities (PEM) to trust besides the machine's own, for a network that inspects TLS"),
    text("stripe_version", STRIPE_VERSION, "Stripe-Version that every request asks for"),
];

/// The row with that name.
///
/// # Errors
/// An unknown name.
pub fn row(name: &str) -> Result<&'static Row> {
    OPTIONS
        .iter()
        .find(|row| row.name == name)
        .ok_or_else(|| Error::usage(format!("unknown option '{}'", foreign(name))))
}

/// Refuses a value that holds a Stripe secret: other people see the values of options. The message does not repeat the
/// value.
///
/// # Errors
/// The value holds a secret; the error names the option.
pub fn refuse_secret(name: &str, value: &str) -> Result<()> {
    if !holds_secret(value) {
        return Ok(());
    }
    Err(Error::usage(format!(
        "{name} (--{}) holds a Stripe secret, which others would see there: the key belongs into STRIPE_API_KEY, a file \
         (--api-key-file) or a Databricks secret",
        name.replace('_', "-")
    )))
}

/// The values of all options, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Objects per request.
    pub page_size: u32,
    /// Overlap of two runs, in seconds.
    pub lookback_seconds: i64,
    /// Requests a second over all lists; `None` goes by the key's mode.
    pub max_requests_per_second: Option<f64>,
    /// Requests a second to each list; `None` goes by the key's mode.
    pub max_requests_per_second_per_endpoint: Option<f64>,
    /// Requests in flight over all lists.
    pub max_concurrent_requests: u32,
    /// Requests over all lists; 0 means no limit.
    pub max_requests: u64,
    /// Retries of one request.
    pub max_retries: u32,
    /// Deadline of one request.
    pub request_timeout: Duration,
    /// Longest wait before the first retry.
    pub backoff_base: Duration,
    /// Longest wait before any retry.
    pub backoff_max: Duration,
    /// Share of each wait that is random.
    pub backoff_jitter: f64,
    /// How long pages gather.
    pub commit_interval: Duration,
    /// Address of the API.
    pub api_base_url: String,
    /// File of certificate authorities to trust besides the machine's own.
    pub ca_file: Option<String>,
    /// `Stripe-Version` to ask for.
    pub stripe_version: String,
}

impl Options {
    /// Options from what a user wrote; an option that `value` answers `None` for has its default.
    ///
    /// # Errors
    /// A value that is not a number or is out of bounds.
    pub fn read(value: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let written = |name: &str| -> Result<(&'static Row, String)> {
            let row = row(name)?;
            let value = value(name).unwrap_or_else(|| row.default.to_owned());
            refuse_secret(name, &value)?;
            Ok((row, value))
        };
        let integer = |name: &str| written(name).and_then(|(row, value)| whole(row, &value));
        let seconds =
            |name: &str| written(name).and_then(|(row, value)| decimal_of(row, &value)).map(Duration::from_secs_f64);
        let rate = |name: &str| -> Result<Option<f64>> {
            let (row, value) = written(name)?;
            if value.trim() == "auto" { Ok(None) } else { decimal_of(row, &value).map(Some) }
        };
        let narrow = |value: i64| u32::try_from(value).map_err(|_| Error::usage("number out of range"));
        Ok(Self {
            page_size: integer("page_size").and_then(narrow)?,
            lookback_seconds: integer("lookback_seconds")?,
            max_requests_per_second: rate("max_requests_per_second")?,
            max_requests_per_second_per_endpoint: rate("max_requests_per_second_per_endpoint")?,
            max_concurrent_requests: integer("max_concurrent_requests").and_then(narrow)?,
            max_requests: integer("max_requests").map(i64::unsigned_abs)?,
            max_retries: integer("max_retries").and_then(narrow)?,
            request_timeout: seconds("request_timeout_seconds")?,
            backoff_base: seconds("backoff_base_seconds")?,
            backoff_max: seconds("backoff_max_seconds")?,
            backoff_jitter: written("backoff_jitter").and_then(|(row, value)| decimal_of(row, &value))?,
            commit_interval: seconds("commit_interval_seconds")?,
            api_base_url: written("api_base_url")?.1,
            ca_file: Some(written("ca_file")?.1).filter(|file| !file.is_empty()),
            stripe_version: written("stripe_version").and_then(|(row, value)| header_text(row, &value))?,
        })
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::read(|_| None).expect("the defaults of the table are within its bounds")
    }
}

fn whole(row: &Row, value: &str) -> Result<i64> {
    let Kind::Integer { minimum, maximum } = row.kind else {
        return Err(Error::usage(format!("{} is not a whole number", row.name)));
    };
    match value.trim().parse::<i64>() {
        Ok(number) if (minimum..=maximum).contains(&number) => Ok(number),
        _ => Err(out_of_bounds(row, value, &minimum.to_string(), &maximum.to_string(), "a whole number")),
    }
}

fn decimal_of(row: &Row, value: &str) -> Result<f64> {
    let (minimum, maximum, what) = match row.kind {
        Kind::Decimal { minimum, maximum } => (minimum, maximum, "a number"),
        Kind::AutoDecimal { minimum, maximum } => (minimum, maximum, "auto or a number"),
        Kind::Integer { .. } | Kind::Text => return Err(Error::usage(format!("{} is not a number", row.name))),
    };
    match value.trim().parse::<f64>() {
        Ok(number) if (minimum..=maximum).contains(&number) => Ok(number),
        _ => Err(out_of_bounds(row, value, &minimum.to_string(), &maximum.to_string(), what)),
    }
}

fn header_text(row: &Row, value: &str) -> Result<String> {
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(value.to_owned())
    } else {
        Err(Error::usage(format!(
            "{} '{}' cannot be a version: letters, digits, dots and hyphens only",
            row.name,
            foreign(value)
        )))
    }
}

fn out_of_bounds(row: &Row, value: &str, minimum: &str, maximum: &str, what: &str) -> Error {
    Error::usage(format!(
        "{} must be {what} from {minimum} to {maximum} ({}), not '{}'",
        row.name,
        row.unit,
        foreign(value)
    ))
}

impl Options {
    /// The settings of an attempt with these options as RUN_STARTED records them, as JSON; `more` holds the caller's
    /// own.
    #[must_use]
    pub fn recorded(&self, stripe_version: &str, api_base_url: &str, more: BTreeMap<String, String>) -> String {
        let mut settings = serde_json::json!({
            "stripe_version": stripe_version,
            "api_base_url": api_base_url,
            "page_size": self.page_size,
            "lookback_seconds": self.lookback_seconds,
            "max_requests_per_second": self.max_requests_per_second,
            "max_requests_per_second_per_endpoint": self.max_requests_per_second_per_endpoint,
            "max_concurrent_requests": self.max_concurrent_requests,
            "max_requests": self.max_requests,
            "ca_file": self.ca_file,
            "max_retries": self.max_retries,
            "request_timeout_seconds": self.request_timeout.as_secs_f64(),
            "backoff_base_seconds": self.backoff_base.as_secs_f64(),
            "backoff_max_seconds": self.backoff_max.as_secs_f64(),
            "backoff_jitter": self.backoff_jitter,
            "commit_interval_seconds": self.commit_interval.as_secs_f64(),
        });
        for (name, value) in more {
            settings[name] = value.into();
        }
        settings.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(name: &'static str, value: &'static str) -> Result<Options> {
        Options::read(|asked| (asked == name).then(|| value.to_owned()))
    }

    #[test]
    fn defaults_are_those_of_the_table() {
        let options = Options::default();
        assert_eq!(
            (options.page_size, options.lookback_seconds, options.commit_interval),
            (100, 3_600, Duration::from_secs(10))
        );
        assert_eq!(options.stripe_version, STRIPE_VERSION);
    }

    #[test]
    fn a_value_out_of_bounds_is_answered_with_the_bounds() {
        for (name, value) in [
            ("page_size", "0"),
            ("page_size", "101"),
            ("lookback_seconds", "-1"),
            ("backoff_jitter", "NaN"),
            ("max_requests_per_second", "fast"),
            ("max_requests_per_second_per_endpoint", "0"),
            ("max_retries", "x"),
        ] {
            let message = only(name, value).unwrap_err().to_string();
            assert!(message.starts_with(name) && message.contains(value) && message.contains(" to "), "{message}");
        }
    }

    #[test]
    fn no_value_may_hold_a_secret() {
        for row in &OPTIONS {
            let message = only(row.name, "x=rk_live_CANARY").unwrap_err().to_string();
            assert!(message.starts_with(row.name) && !message.contains("CANARY"), "{message}");
        }
    }

    #[test]
    fn a_version_cannot_smuggle_a_header() {
        assert!(only("stripe_version", "2026\r\nX: y").is_err());
    }
}
