//! Rate limits: token buckets, one for all endpoints and one for each.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A bucket that holds one second's worth of requests and starts full.
#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled_at: Duration,
}

/// Values of `Stripe-Rate-Limited-Reason`.
const GLOBAL: &str = "global-rate";
const ENDPOINT: &str = "endpoint-rate";

/// The limits of one account.
#[derive(Debug)]
pub(super) struct Limits {
    global: Option<f64>,
    endpoint: Option<f64>,
    /// The global bucket first, then one for each endpoint.
    buckets: Mutex<Vec<Bucket>>,
}

impl Limits {
    /// Limits in requests a second; `None` means no limit.
    pub(super) fn new(global: Option<f64>, endpoint: Option<f64>, endpoints: usize) -> Self {
        let full = |rate: Option<f64>| Bucket { tokens: capacity(rate), filled_at: Duration::ZERO };
        let buckets = std::iter::once(full(global)).chain((0..endpoints).map(|_| full(endpoint))).collect();
        Self { global, endpoint, buckets: Mutex::new(buckets) }
    }

    /// Takes a request to that endpoint into account; returns the reason if it is one too many. `now` is the time since
    /// the simulator's start.
    pub(super) fn exceeded(&self, endpoint: usize, now: Duration) -> Option<&'static str> {
        if self.global.is_none() && self.endpoint.is_none() {
            return None;
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        for (index, rate, reason) in [(endpoint + 1, self.endpoint, ENDPOINT), (0, self.global, GLOBAL)] {
            if let (Some(rate), Some(bucket)) = (rate, buckets.get_mut(index))
                && !bucket.take(rate, now)
            {
                return Some(reason);
            }
        }
        None
    }
}

fn capacity(rate: Option<f64>) -> f64 {
    rate.unwrap_or(0.0).max(1.0)
}

impl Bucket {
    fn take(&mut self, rate: f64, now: Duration) -> bool {
        let passed = now.saturating_sub(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + passed * rate).min(capacity(Some(rate)));
        self.filled_at = now.max(self.filled_at);
        let enough = self.tokens >= 1.0;
        if enough {
            self.tokens -= 1.0;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_second_of_requests_passes_and_the_next_is_refused() {
        let limits = Limits::new(Some(3.0), None, 2);
        let answers: Vec<_> = (0..4).map(|number| limits.exceeded(number % 2, Duration::ZERO)).collect();
        assert_eq!(answers, [None, None, None, Some("global-rate")]);
        assert_eq!(limits.exceeded(0, SECOND), None);
    }

    #[test]
    fn endpoints_have_buckets_of_their_own() {
        let limits = Limits::new(None, Some(1.0), 2);
        assert_eq!(limits.exceeded(0, SECOND), None);
        assert_eq!(limits.exceeded(0, SECOND), Some("endpoint-rate"));
        assert_eq!(limits.exceeded(1, SECOND), None);
    }

    #[test]
    fn without_limits_nothing_is_refused() {
        let limits = Limits::new(None, None, 1);
        assert!((0..1_000).all(|_| limits.exceeded(0, Duration::ZERO).is_none()));
    }
}
