//! How many requests at once: additive increase, multiplicative decrease, as TCP does it.

use std::time::Duration;

/// Where it begins.
const FIRST: f64 = 8.0;
/// It changes at most once in so long: by then the answers tell what the last change did.
const ROUND: Duration = Duration::from_secs(1);
/// The same while it doubles, which is at the beginning only.
const DOUBLING_ROUND: Duration = Duration::from_millis(250);
/// Answers that take so many times as long as the fastest did: more at once only makes them wait for each other.
const SLOW: f64 = 3.0;
/// Share of a new answer in the smoothed time.
const SMOOTHING: f64 = 0.1;

/// The number of requests at once.
#[derive(Debug)]
pub(super) struct Bound {
    most: f64,
    /// Where it ends.
    top: f64,
    /// Doubles each round until something speaks against it.
    doubling: bool,
    /// Whether the bound held anybody up in this round.
    reached: bool,
    changed_at: Duration,
    /// Smoothed time of an answer, in seconds, and the least that it ever was.
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

    /// Somebody could not be served for the bound's sake.
    pub(super) const fn reached(&mut self) {
        self.reached = true;
    }

    /// A good answer came, after so long.
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
            // A line that has become slow for good is what fast means from now on.
            self.fastest *= 1.1;
            self.change((self.most - 1.0).max(FIRST.min(self.top)), now);
        } else if self.reached {
            let more = if self.doubling { self.most * 2.0 } else { self.most + 1.0 };
            self.change(more.min(self.top), now);
        }
    }

    /// Stripe says that it is too many.
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
