//! One rate: evenly spread, catching up after a delay, and never more than the rate in any second.

use std::collections::VecDeque;
use std::time::Duration;

/// How much of the unused time may be made up for at once. It is enough for a timer's lateness, and far from a burst.
const CATCH_UP: Duration = Duration::from_millis(100);
/// Time in which a rate doubles again after Stripe refused it.
const RECOVERY: Duration = Duration::from_secs(5);
/// The least rate that counts as refused, in requests a second: the account's other traffic may have taken the rest.
const LEAST_REFUSED: f64 = 4.0;

/// One rate.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: f64,
    /// When the next request would be due if all were sent exactly on time.
    due: Duration,
    /// When the requests of the last period were sent. A period is the time that `most` requests take, at least a
    /// second.
    sent: VecDeque<Duration>,
    /// The rate that it was lowered to, and when.
    lowered: Option<(f64, Duration)>,
}

impl Bucket {
    /// A rate in requests a second, with nothing sent yet.
    pub(super) fn new(rate: f64) -> Self {
        Self { rate, due: Duration::ZERO, sent: VecDeque::new(), lowered: None }
    }

    pub(super) const fn set_rate(&mut self, rate: f64) {
        self.rate = rate;
    }

    /// Number of requests in a period.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at least one; a float too large becomes the largest number"
    )]
    fn most(&self) -> usize {
        self.rate.ceil().max(1.0) as usize
    }

    /// Length of a period.
    fn period(&self) -> Duration {
        Duration::from_secs_f64((self.rate.ceil().max(1.0) / self.rate).max(1.0))
    }

    /// The time when a request may be sent: now, or later.
    pub(super) fn free_at(&self, now: Duration) -> Duration {
        // The oldest request must have left the period before one more fits.
        let oldest = self.sent.len().checked_sub(self.most()).map(|at| self.sent[at]);
        let room = oldest.map_or(Duration::ZERO, |sent| sent + self.period());
        room.max(self.due.saturating_sub(CATCH_UP)).max(now)
    }

    /// Counts a request that is sent.
    pub(super) fn take(&mut self, now: Duration) {
        self.due = self.due.max(now) + self.step(now);
        self.sent.push_back(now);
        let period = self.period();
        while self.sent.len() > self.most() || self.sent.front().is_some_and(|sent| *sent + period <= now) {
            self.sent.pop_front();
        }
    }

    /// Takes back the last one: it was not sent after all.
    pub(super) fn give_back(&mut self) {
        if self.sent.pop_back().is_some() {
            self.due = self.due.saturating_sub(Duration::from_secs_f64(1.0 / self.rate));
        }
    }

    /// Stripe refused the rate: the new one is half of the requests sent in the last second, which may be far fewer
    /// than the rate.
    pub(super) fn slow_down(&mut self, now: Duration) {
        // The requests of one second are refused together: they count once.
        let just_lowered = self.lowered.is_some_and(|(_, at)| now < at + Duration::from_secs(1));
        if !just_lowered {
            let second = now.saturating_sub(Duration::from_secs(1));
            let sent = self.sent.iter().rev().take_while(|sent| **sent >= second).map(|_| 1.0).sum::<f64>();
            self.lowered = Some((sent.max(LEAST_REFUSED).min(self.current(now)) / 2.0, now));
        }
    }

    /// The rate, as it is now.
    fn current(&self, now: Duration) -> f64 {
        self.lowered.map_or(self.rate, |(to, at)| {
            let doublings = now.saturating_sub(at).as_secs_f64() / RECOVERY.as_secs_f64();
            (to * doublings.exp2()).min(self.rate)
        })
    }

    fn step(&self, now: Duration) -> Duration {
        Duration::from_secs_f64(1.0 / self.current(now))
    }
}
