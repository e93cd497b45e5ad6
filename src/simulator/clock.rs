//! The simulator's clock: nothing else in the simulator reads the time.

#![expect(clippy::disallowed_methods, reason = "a fake server has a clock and makes its clients wait")]

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Time since the simulator's start, and the time of day: that of the machine, or one that began at a given second.
#[derive(Debug)]
pub(super) struct Clock {
    started: Instant,
    began: i64,
    /// Seconds by which the time of day was moved forward.
    advanced: AtomicI64,
    /// Whether the time of day stands still until it is moved.
    frozen: bool,
}

impl Clock {
    /// A clock that starts at `began` (seconds since 1970), or at the real time.
    pub(super) fn start(began: Option<i64>, frozen: bool) -> Self {
        let real = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().cast_signed());
        let began = began.unwrap_or_else(real);
        Self { started: Instant::now(), began, advanced: AtomicI64::new(0), frozen }
    }

    /// Time since the start: limits count by it, so it cannot be moved.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Seconds since 1970.
    pub(super) fn now(&self) -> i64 {
        let passed = if self.frozen { 0 } else { self.elapsed().as_secs() };
        self.began.saturating_add_unsigned(passed).saturating_add(self.advanced.load(Ordering::Relaxed))
    }

    /// Moves the time of day forward. The caller makes sure that the sum is a time that an object can have.
    pub(super) fn advance(&self, seconds: i64) {
        self.advanced.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Value of `Date`.
    pub(super) fn date(&self) -> String {
        let now = chrono::DateTime::from_timestamp(self.now(), 0).unwrap_or_default();
        now.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }
}
