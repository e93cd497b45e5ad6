//! One request to Stripe and its outcome: the values that `walk` and `http_client` exchange.

use std::sync::Arc;
use std::time::Duration;

/// A moment, given twice: for pacing (monotonic) and for the tables (wall clock).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Time since the process's own start: never goes back.
    pub monotonic: Duration,
    /// Microseconds since 1970, UTC.
    pub wall_micros: i64,
}

/// Name of an endpoint: its path, with a placeholder for each id in it, e.g. `/v1/invoices/{invoice}/lines`. Stripe's
/// limits count by it.
pub type Endpoint = Arc<str>;

/// A GET to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The endpoint that it counts for.
    pub endpoint: Endpoint,
    /// Path of the list, e.g. `/v1/charges`.
    pub path: String,
    /// Query parameters, in order, not yet percent-encoded.
    pub query: Vec<(&'static str, String)>,
    /// Value of `Stripe-Version`.
    pub api_version: String,
    /// Value of `Stripe-Account`, if a connected account is read.
    pub account: Option<String>,
}

impl Request {
    /// A request to an endpoint whose path has no id in it.
    #[must_use]
    pub fn to(path: &str, query: Vec<(&'static str, String)>, api_version: String, account: Option<String>) -> Self {
        Self { endpoint: path.into(), path: path.to_owned(), query, api_version, account }
    }
}

/// A complete HTTP answer of any status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// `Request-Id`.
    pub request_id: Option<String>,
    /// `Stripe-Version`, as echoed.
    pub api_version: Option<String>,
    /// `Date`, in seconds since 1970.
    pub date: Option<i64>,
    /// `Retry-After`, as a span from the moment of the answer (whole seconds, or a date compared with `Date`).
    pub retry_after: Option<Duration>,
    /// `Stripe-Should-Retry`.
    pub should_retry: Option<bool>,
    /// `Stripe-Rate-Limited-Reason`.
    pub rate_limited_reason: Option<String>,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

impl Response {
    /// Whether it is the whole answer to the request: a part of it (206), or a version that a proxy changed (203), is
    /// not.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.status == 200
    }
}

/// The reason why no complete answer arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No connection: refused, unknown host, TLS.
    Connect,
    /// The answer was cut off or could not be read.
    Read,
    /// The request's deadline passed.
    Timeout,
    /// The body is larger than any Stripe page can be.
    TooLarge,
    /// The body is encoded in a way that was not asked for.
    Encoding,
    /// A redirect, which is never followed.
    Redirect,
}

/// The outcome of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// An answer of any status.
    Answered(Response),
    /// No complete answer, and a line on why (without URL, without key).
    Failed(Failure, String),
}
