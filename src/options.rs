//! The options that the core reads, one row each: name, type, bounds, default, unit, help. Command line, environment,
//! library and the documents take them from here.

mod value;

use std::collections::BTreeMap;
use std::time::Duration;

pub use value::{Changes, Kind, Repeats, Row, Written};

use value::Value;

use crate::error::{Error, Remedy, Result, foreign};
use crate::secrets::holds_secret;

/// API version that every request asks for if the user sets no other: the form of a payload depends on it.
pub const STRIPE_VERSION: &str = "2026-11-18.endive";
/// Address of Stripe's API.
pub const API_BASE_URL: &str = "https://api.stripe.com";

/// A day, in seconds.
const DAY: i64 = 86_400;

const fn integer(minimum: i64, maximum: i64, default: &'static str, unit: &'static str) -> Row {
    Row { name: "", kind: Kind::Integer { minimum, maximum }, default, unit, help: "" }
}

const fn decimal(minimum: f64, maximum: f64, default: &'static str, unit: &'static str) -> Row {
    Row { name: "", kind: Kind::Decimal { minimum, maximum }, default, unit, help: "" }
}

/// The most that any account was ever granted is far below; the least is a request in a quarter of an hour.
const RATE: Row = Row {
    name: "",
    kind: Kind::AutoDecimal { minimum: 0.001, maximum: 100_000.0 },
    default: "auto",
    unit: "requests/s",
    help: "",
};

const fn text(kind: Kind, default: &'static str) -> Row {
    Row { name: "", kind, default, unit: "", help: "" }
}

/// Makes the table, the values, how they are read and how they are recorded from one row for each option.
macro_rules! options {
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $name:literal) => { $name };
    ($($field:ident $($name:literal)?: $kind:ty = $row:expr, $help:literal;)*) => {
        /// All options that the compiled half reads.
        pub static OPTIONS: &[Row] = &[$(Row { name: options!(@name $field $($name)?), help: $help, ..$row }),*];

        /// The values of all options, checked.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Options {
            $(#[doc = $help] pub $field: $kind,)*
        }

        impl Options {
            /// Options from the values that a user wrote; an option for which `written` answers `None` has its default.
            ///
            /// # Errors
            /// A value of another type, or out of bounds.
            pub fn read(written: impl Fn(&str) -> Option<Written>) -> Result<Self> {
                let mut rows = OPTIONS.iter().map(|row| (row, written(row.name)));
                let mut next = || rows.next().expect("there is a row for each field");
                Ok(Self { $($field: { let (row, written) = next(); value::read(row, written)? },)* })
            }

            /// Each value as RUN_STARTED records it, by the option's name.
            fn to_json(&self) -> serde_json::Map<String, serde_json::Value> {
                let names = OPTIONS.iter().map(|row| row.name.to_owned());
                names.zip([$(self.$field.recorded()),*]).collect()
            }
        }
    };
}

#[rustfmt::skip]
options! {
    page_size: u32 = integer(1, 100, "100", "objects"), "objects per request, 1 to 100";
    lookback_seconds: i64 = integer(0, 10 * 365 * DAY, "3600", "seconds"), "how far before the newest object seen the next run begins again, for objects that became visible late";
    relist_days: u32 = integer(0, 3_650, "0", "days"), "each run also lists the objects of so many days again, and lands those that have changed; 0 lists the lookback alone";
    whole_every_days: u32 = integer(0, 3_650, "7", "days"), "a list that Stripe cannot filter by time is read down to its new objects, and whole again after so many days; 0 reads it whole in each run";
    repeats: Repeats = text(Kind::Choice(Repeats::WORDS), "skip"), "objects that are listed again without a change: skip counts them, land makes rows of them again";
    changes: Changes = text(Kind::Choice(Changes::WORDS), "read"), "later changes of objects, if events is among the entities: read lists the changed objects again, events takes them from the events, no leaves them";
    expand: String = text(Kind::Text, ""), "members of objects that Stripe sends only on request, e.g. checkout_sessions.line_items,customers.tax_ids, or all; each has at most ten items";
    max_requests_per_second: Option<f64> = RATE, "most requests a second over all lists; auto: with a live key 75 of the 100 that Stripe allows, with a test key 20 of 25, on loopback no limit";
    max_requests_per_second_per_endpoint: Option<f64> = RATE, "most requests a second to each list; auto: 20 of the 25 that Stripe allows, on loopback no limit";
    max_concurrent_requests: u32 = integer(1, 1_000, "64", "requests"), "most requests in flight over all lists; how many there are follows from the answers, from 8 upwards";
    max_requests: u64 = integer(0, i64::MAX, "0", "requests"), "stop after so many requests over all lists, as a failure; the next run goes on from there; 0 means no limit";
    max_retries: u32 = integer(0, 1_000, "10", "retries"), "how often one request is tried again";
    request_timeout "request_timeout_seconds": Duration = decimal(0.001, 3_600.0, "60", "seconds"), "deadline of one request, from connecting to the last byte";
    backoff_base "backoff_base_seconds": Duration = decimal(0.0, 3_600.0, "0.5", "seconds"), "longest wait before the first retry; doubles with each one";
    backoff_max "backoff_max_seconds": Duration = decimal(0.0, 3_600.0, "60", "seconds"), "longest wait before any retry";
    backoff_jitter: f64 = decimal(0.0, 1.0, "1", "share"), "share of each wait that is random: 1 is full jitter, 0 none";
    commit_interval "commit_interval_seconds": Duration = decimal(0.0, 3_600.0, "10", "seconds"), "pages gather this long before they are committed together; 0 commits each page by itself";
    api_base_url: String = text(Kind::Text, API_BASE_URL), "where the API is: https, or http on loopback with a test key";
    ca_file: Option<String> = text(Kind::Text, ""), "file of certificate authorities (PEM) to trust besides the machine's own, for a network that inspects TLS";
    stripe_version: String = text(Kind::Header, STRIPE_VERSION), "Stripe-Version that every request asks for";
}

impl Default for Options {
    fn default() -> Self {
        Self::read(|_| None).expect("the defaults of the table are within its bounds")
    }
}

impl Options {
    /// The settings that RUN_STARTED records of an attempt with these options, as JSON: `more` of the caller, and the
    /// options. Version, expansions, the way of changes and the time are the planned ones: an attempt that finds pages of the run keeps theirs.
    #[must_use]
    pub fn recorded(
        &self,
        stripe_version: &str,
        expand: &str,
        changes: Changes,
        planned_at_micros: i64,
        api_base_url: &str,
        more: BTreeMap<String, String>,
    ) -> String {
        let mut settings: serde_json::Map<_, _> = more.into_iter().map(|(name, value)| (name, value.into())).collect();
        settings.extend(self.to_json());
        settings.insert("stripe_version".to_owned(), stripe_version.into());
        settings.insert("expand".to_owned(), expand.into());
        settings.insert("changes".to_owned(), changes.word().into());
        // As text: a reader of JSON may take a number for one that is not whole.
        settings.insert("planned_at".to_owned(), planned_at_micros.to_string().into());
        settings.insert("api_base_url".to_owned(), api_base_url.into());
        serde_json::Value::Object(settings).to_string()
    }
}

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
    let message = format!("{name} holds a Stripe secret, which others would see there");
    Err(Error::usage(message).with(Remedy::KeyElsewhere))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(name: &'static str, value: &'static str) -> Result<Options> {
        Options::read(|asked| (asked == name).then(|| Written::Text(value.to_owned())))
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
        for row in OPTIONS {
            let message = only(row.name, "x=rk_live_CANARY").unwrap_err().to_string();
            assert!(message.starts_with(row.name) && !message.contains("CANARY"), "{message}");
        }
    }

    #[test]
    fn a_version_cannot_smuggle_a_header() {
        assert!(only("stripe_version", "2026\r\nX: y").is_err());
    }
}
