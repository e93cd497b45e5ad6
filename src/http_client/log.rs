//! Lines for the user about requests and answers.

use std::time::Duration;

use crate::stripe::exchange::{Outcome, Request};

/// Warns of odd things in answers.
pub(super) fn warn(warnings: Vec<String>) {
    for warning in warnings {
        tracing::warn!(target: "stripe_raw_rs", "{warning}");
    }
}

/// Says that a request is sent again, and why.
pub(super) fn retry(wait: Duration, why: &str) {
    tracing::info!(target: "stripe_raw_rs", "the request is tried again in {:.1} s: {why}", wait.as_secs_f64());
}

/// One event per request. No query: cursors and time windows are in the tables already. No payload, no key.
pub(super) fn outcome(request: &Request, outcome: &Outcome, elapsed: Duration) {
    let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    match outcome {
        Outcome::Answered(response) => tracing::debug!(
            target: "stripe_raw_rs",
            path = request.path,
            status = response.status,
            elapsed_ms,
            bytes = response.body.len(),
            request_id = response.request_id.as_deref(),
            "answered"
        ),
        Outcome::Failed(failure, line) => tracing::debug!(
            target: "stripe_raw_rs",
            path = request.path,
            ?failure,
            elapsed_ms,
            cause = line.as_str(),
            "not answered"
        ),
    }
}
