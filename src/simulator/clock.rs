//! The simulator's clock: nothing else in the simulator reads the time.

#![expect(clippy::disallowed_methods, reason = "a fake server has a clock and makes its clients wait")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Time since the simulator's start, and the time of day: that of the machine, or one that began at a given second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    started: Instant,
    began: i64,
}

impl Clock {
    /// A clock that starts at `began` (seconds since 1970), or at the real time.
    pub(super) fn start(began: Option<i64>) -> Self {
        let real = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().cast_signed());
        Self { started: Instant::now(), began: began.unwrap_or_else(real) }
    }

    /// Time since the start.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Seconds since 1970.
    pub(super) fn now(&self) -> i64 {
        self.began.saturating_add_unsigned(self.elapsed().as_secs())
    }

    /// Value of `Date`.
    pub(super) fn date(&self) -> String {
        let now = chrono::DateTime::from_timestamp(self.now(), 0).unwrap_or_default();
        now.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }
}
