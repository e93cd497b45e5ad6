//! One rate: evenly spread, catching up after a delay, and never more than the rate in any second.

use std::collections::VecDeque;
use std::time::Duration;

/// How much of what was not used may be made up for at once. Enough for a timer's lateness, far from a burst.
const CATCH_UP: Duration = Duration::from_millis(100);
/// How long a rate stays lowered after Stripe refused it, coming back evenly.
const RECOVERY: Duration = Duration::from_secs(10);

/// One rate.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: f64,
    /// When the next request would be due if all were sent exactly on time.
    due: Duration,
    /// When the requests of the last period were sent; a period is that of so many, at least a second.
    sent: VecDeque<Duration>,
    /// Share of the rate that was left when it was last lowered, and when that was.
    lowered: Option<(f64, Duration)>,
}

impl Bucket {
    /// A rate in requests a second under which nothing was sent yet.
    pub(super) fn new(rate: f64) -> Self {
        Self { rate, due: Duration::ZERO, sent: VecDeque::new(), lowered: None }
    }

    pub(super) const fn set_rate(&mut self, rate: f64) {
        self.rate = rate;
    }

    /// How many a period holds.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at least one; a float too large becomes the largest number"
    )]
    fn most(&self) -> usize {
        self.rate.ceil().max(1.0) as usize
    }

    /// When a request may be sent: now, or later.
    pub(super) fn free_at(&self, now: Duration) -> Duration {
        let most = self.most();
        let period = Duration::from_secs_f64((self.rate.ceil().max(1.0) / self.rate).max(1.0));
        // The oldest of the period must be gone before one more fits in.
        let room = self.sent.len().checked_sub(most).map_or(Duration::ZERO, |at| self.sent[at] + period);
        room.max(self.due.saturating_sub(CATCH_UP)).max(now)
    }

    /// A request is sent.
    pub(super) fn take(&mut self, now: Duration) {
        self.due = self.due.max(now) + self.step(now);
        self.sent.push_back(now);
        while self.sent.len() > self.most() {
            self.sent.pop_front();
        }
    }

    /// The last one was not sent after all.
    pub(super) fn give_back(&mut self) {
        if self.sent.pop_back().is_some() {
            self.due = self.due.saturating_sub(Duration::from_secs_f64(1.0 / self.rate));
        }
    }

    /// Stripe refused the rate.
    pub(super) fn slow_down(&mut self, now: Duration) {
        let share = self.share(now);
        // The requests of one second are refused together: they count once.
        let just_lowered = self.lowered.is_some_and(|(_, at)| now < at + Duration::from_secs(1));
        if !just_lowered {
            self.lowered = Some((share / 2.0, now));
        }
    }

    fn share(&self, now: Duration) -> f64 {
        self.lowered.map_or(1.0, |(left, at)| {
            let recovered = now.saturating_sub(at).as_secs_f64() / RECOVERY.as_secs_f64();
            (left + (1.0 - left) * recovered).min(1.0)
        })
    }

    fn step(&self, now: Duration) -> Duration {
        Duration::from_secs_f64(1.0 / (self.rate * self.share(now)))
    }
}
