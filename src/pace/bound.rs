//! Limits how many requests are in flight at once: additive increase, multiplicative decrease, as TCP does it.

use std::time::Duration;

/// The first bound.
const FIRST: f64 = 8.0;
/// The bound changes at most once in this time: after it, the answers show the effect of the last change.
const ROUND: Duration = Duration::from_secs(1);
/// The same time while the bound doubles, which it does only at the beginning.
const DOUBLING_ROUND: Duration = Duration::from_millis(250);
/// If answers take this many times as long as the fastest did, more at once only makes them wait for each other.
const SLOW: f64 = 3.0;
/// Share of a new answer in the smoothed time.
const SMOOTHING: f64 = 0.1;

/// The number of requests at once.
#[derive(Debug)]
pub(super) struct Bound {
    most: f64,
    /// Its highest value.
    top: f64,
    /// Whether it doubles each round: it does until something is a reason against it.
    doubling: bool,
    /// Whether the bound held up a request in this round.
    reached: bool,
    changed_at: Duration,
    /// Smoothed time of an answer, in seconds, and its least value so far.
    smoothed: Option<f64>,
    fastest: f64,
}

impl Bound {
    pub(super) fn new(top: u32) -> Self {
        let top = f64::from(top);
        Self {
            most: FIRST.min(top),
            top,
            doubling: true,
            reached: false,
            changed_at: Duration::ZERO,
            smoothed: None,
            fastest: f64::INFINITY,
        }
    }

    pub(super) fn set_top(&mut self, top: u32) {
        self.top = f64::from(top);
        self.most = self.most.min(self.top);
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 1,000")]
    pub(super) const fn most(&self) -> usize {
        self.most as usize
    }

    /// Notes that a request could not be served because of the bound.
    pub(super) const fn reached(&mut self) {
        self.reached = true;
    }

    /// Takes in a good answer, which took that long.
    pub(super) fn clean(&mut self, took: Duration, now: Duration) {
        let took = took.as_secs_f64();
        let smoothed = self.smoothed.map_or(took, |before| before + SMOOTHING * (took - before));
        self.smoothed = Some(smoothed);
        self.fastest = self.fastest.min(smoothed);
        let round = if self.doubling { DOUBLING_ROUND } else { ROUND };
        if now < self.changed_at + round {
            return;
        }
        if smoothed > SLOW * self.fastest {
            self.doubling = false;
            // The least value rises slowly: if a line has become slow for good, that is its new normal.
            self.fastest *= 1.1;
            self.change((self.most - 1.0).max(FIRST.min(self.top)), now);
        } else if self.reached {
            let more = if self.doubling { self.most * 2.0 } else { self.most + 1.0 };
            self.change(more.min(self.top), now);
        }
    }

    /// Takes in that Stripe says that there are too many.
    pub(super) fn too_many(&mut self, now: Duration) {
        self.doubling = false;
        if now >= self.changed_at + ROUND || self.changed_at.is_zero() {
            self.change((self.most / 2.0).max(1.0), now);
        }
    }

    const fn change(&mut self, most: f64, now: Duration) {
        self.most = most;
        self.reached = false;
        self.changed_at = now;
    }
}
