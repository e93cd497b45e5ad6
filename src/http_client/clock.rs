//! The clock: only this module asks for the time.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::stripe::exchange::Now;

/// The zero of monotonic time: the first call.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// This moment, for pacing (never goes back) and for the tables (UTC).
#[must_use]
pub fn now() -> Now {
    let monotonic = START.elapsed();
    let wall_micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => micros(since),
        // A clock before 1970 is wrong, but not a reason to stop.
        Err(before) => -micros(before.duration()),
    };
    Now { monotonic, wall_micros }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_forward_and_counts_microseconds_since_1970() {
        let (earlier, later) = (now(), now());
        assert!(earlier.monotonic <= later.monotonic);
        let year_2020_to_2200 = 1_577_836_800_000_000..7_258_118_400_000_000;
        assert!(year_2020_to_2200.contains(&later.wall_micros), "{}", later.wall_micros);
    }
}
