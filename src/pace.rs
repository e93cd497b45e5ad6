//! One limiter for all requests to the lists of an account: how many a second, overall and to each endpoint, how many at once, and
//! which is next. Pure: the time is an argument.
//!
//! Stripe allows an account 100 requests a second in live mode and 25 in a sandbox, and each endpoint 25
//! (docs.stripe.com/rate-limits, 2026-04); it does not say how many at once. So the limiter counts to keep the rates,
//! and finds the number in flight by trial: the number grows while answers come fast and without errors, and shrinks
//! when Stripe says that it is too high.

mod bound;
mod bucket;
mod estimate;

pub use estimate::{estimate, seconds};

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bound::Bound;
use bucket::Bucket;

use crate::options::Options;
use crate::stripe::exchange::{Endpoint, Outcome, Response};

/// Highest rates, in requests a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Over all endpoints.
    pub overall: f64,
    /// To each endpoint.
    pub endpoint: f64,
}

/// Limits that are never exceeded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Requests a second.
    pub rates: Rates,
    /// Requests in flight.
    pub at_once: u32,
}

/// Rates for a live account if no option sets others: three quarters of its 100 a second, four fifths of an endpoint's
/// 25. The rest is for the account's own traffic.
pub const LIVE: Rates = Rates { overall: 75.0, endpoint: 20.0 };
/// Rates for a sandbox, whose limit over all endpoints is 25 a second.
pub const SANDBOX: Rates = Rates { overall: 20.0, endpoint: 20.0 };
/// Rates for a server on this machine: as much as it can give.
pub const UNLIMITED: Rates = Rates { overall: 1e6, endpoint: 1e6 };

impl Limits {
    /// The limits that the options set, and `usual` for those that they do not set.
    #[must_use]
    pub fn of(options: &Options, usual: Rates) -> Self {
        let rates = Rates {
            overall: options.max_requests_per_second.unwrap_or(usual.overall),
            endpoint: options.max_requests_per_second_per_endpoint.unwrap_or(usual.endpoint),
        };
        Self { rates, at_once: options.max_concurrent_requests }
    }

    /// Requests a second over all endpoints; `None` if there is no limit.
    #[must_use]
    pub fn overall(&self) -> Option<f64> {
        Some(self.rates.overall).filter(|rate| *rate < UNLIMITED.overall)
    }
}

/// Reads a month that Stripe allots to even the smallest account; others have 500 for each transaction of the last 30
/// days (docs.stripe.com/rate-limits, "API read request allocations", 2026-04).
pub const SMALLEST_ALLOCATION: u64 = 10_000;

/// The rank of a waiter in the queue. The waiter that starts earlier comes first; of equals, the one with more requests
/// remaining; of equals again, the one that came first.
#[derive(Debug, Clone, Copy)]
struct Rank {
    /// In virtual time, see [`Limiter::queue`].
    start: f64,
    remaining: f64,
    position: Position,
}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_share = self.start.total_cmp(&other.start).then(other.remaining.total_cmp(&self.remaining));
        by_share.then(self.position.cmp(&other.position))
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Rank {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Rank {}

/// Names a waiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position(u64);

/// The answer to a waiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The slot is the waiter's.
    Now,
    /// Not before then.
    At(Duration),
    /// When another waiter has been served, or a request has its answer.
    Later,
}

/// The limiter.
#[derive(Debug)]
pub struct Limiter {
    overall: Bucket,
    endpoint_rate: f64,
    endpoints: HashMap<Endpoint, Bucket>,
    bound: Bound,
    in_flight: usize,
    /// The waiters for each endpoint, in order: the next one is the first of one of these queues.
    queues: HashMap<Endpoint, BTreeSet<Rank>>,
    waiting: HashMap<Position, (Endpoint, Rank)>,
    positions: u64,
    /// The virtual times of the start of each endpoint's last request, and of the queue at present.
    starts: HashMap<Endpoint, f64>,
    virtual_time: f64,
}

impl Limiter {
    /// A limiter for a process that has not sent anything yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            overall: Bucket::new(limits.rates.overall),
            endpoint_rate: limits.rates.endpoint,
            endpoints: HashMap::new(),
            bound: Bound::new(limits.at_once),
            in_flight: 0,
            queues: HashMap::new(),
            waiting: HashMap::new(),
            positions: 0,
            starts: HashMap::new(),
            virtual_time: 0.0,
        }
    }

    /// Other limits, from now on.
    pub fn set(&mut self, limits: Limits) {
        self.overall.set_rate(limits.rates.overall);
        self.endpoint_rate = limits.rates.endpoint;
        self.endpoints.values_mut().for_each(|bucket| bucket.set_rate(limits.rates.endpoint));
        self.bound.set_top(limits.at_once);
    }

    /// Queues for a request to that endpoint. `remaining` is the number of requests that remain for it: the endpoint's
    /// share of the slots follows from that number, so that all endpoints end together. It gets a share, not the first
    /// position, because the number is an estimate: an endpoint that seems nearly done must not wait until that proves
    /// wrong.
    ///
    /// In virtual time, an endpoint's request starts `1 / remaining` after the one before, and the earliest start is
    /// next (start-time fair queueing). `remaining` is the present number: an endpoint that once seemed nearly done no
    /// longer pays for it. An endpoint that is new or comes back starts at the queue's present virtual time.
    pub fn queue(&mut self, endpoint: &Endpoint, remaining: f64) -> Position {
        self.positions += 1;
        let position = Position(self.positions);
        let after_its_last = self.starts.get(endpoint).map_or(0.0, |last| last + 1.0 / remaining.max(1.0));
        let rank = Rank { start: after_its_last.max(self.virtual_time), remaining, position };
        self.waiting.insert(position, (Arc::clone(endpoint), rank));
        self.queues.entry(Arc::clone(endpoint)).or_default().insert(rank);
        position
    }

    /// Leaves the queue.
    pub fn leave(&mut self, position: Position) {
        let Some((endpoint, rank)) = self.waiting.remove(&position) else { return };
        if let Some(queue) = self.queues.get_mut(&endpoint) {
            queue.remove(&rank);
        }
    }

    /// The waiter to wake, so that it polls: the first one that can be served now, or else the one that can be served
    /// soonest. `None` if a request has to come back before that.
    #[must_use]
    pub fn next(&self, now: Duration) -> Option<Position> {
        if self.in_flight >= self.bound.most() {
            return None;
        }
        let overall = self.overall.free_at(now);
        let first = |(endpoint, queue): (&Endpoint, &BTreeSet<Rank>)| {
            let free_at = self.endpoints.get(endpoint).map_or(now, |bucket| bucket.free_at(now));
            Some((free_at.max(overall).max(now), *queue.first()?))
        };
        self.queues.iter().filter_map(first).min().map(|(_, rank)| rank.position)
    }

    /// Whether it is that waiter's turn. With [`Turn::Now`] it has left the queue, and its request counts as sent.
    pub fn poll(&mut self, position: Position, now: Duration) -> Turn {
        let Some((endpoint, mine)) = self.waiting.get(&position).cloned() else { return Turn::Later };
        if self.in_flight >= self.bound.most() {
            self.bound.reached();
            return Turn::Later;
        }
        let overall = self.overall.free_at(now);
        let free_at = overall.max(self.bucket(&endpoint).free_at(now));
        if free_at > now {
            return Turn::At(free_at);
        }
        if self.next(now) != Some(position) {
            return Turn::Later;
        }
        self.leave(position);
        self.virtual_time = mine.start;
        self.overall.take(now);
        self.bucket(&endpoint).take(now);
        self.starts.insert(endpoint, mine.start);
        self.in_flight += 1;
        Turn::Now
    }

    fn bucket(&mut self, endpoint: &Endpoint) -> &mut Bucket {
        let rate = self.endpoint_rate;
        self.endpoints.entry(Arc::clone(endpoint)).or_insert_with(|| Bucket::new(rate))
    }

    /// Takes back an unused slot: nothing was sent.
    pub fn give_back(&mut self, endpoint: &Endpoint) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.overall.give_back();
        self.bucket(endpoint).give_back();
    }

    /// Takes in the outcome of a request, which took that long. Its slot is still taken.
    pub fn answered(&mut self, endpoint: &Endpoint, outcome: &Outcome, took: Duration, now: Duration) {
        match outcome {
            Outcome::Answered(Response { status: 429, rate_limited_reason: Some(reason), .. }) => match reason.as_str()
            {
                "global-rate" => self.overall.slow_down(now),
                "endpoint-rate" => self.bucket(endpoint).slow_down(now),
                "global-concurrency" | "endpoint-concurrency" => self.bound.too_many(now),
                _ => {}
            },
            Outcome::Answered(Response { status: 200..300, .. }) => self.bound.clean(took, now),
            // A lock's time-out, a refusal or a broken line does not say how much is too much.
            Outcome::Answered(_) | Outcome::Failed(..) => {}
        }
    }

    /// Takes back a slot after its request was sent, with any outcome.
    pub const fn done(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Requests in flight.
    #[must_use]
    pub const fn in_flight(&self) -> usize {
        self.in_flight
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stripe::exchange::Failure;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    static CHARGES: LazyLock<Endpoint> = LazyLock::new(|| "/v1/charges".into());
    static REFUNDS: LazyLock<Endpoint> = LazyLock::new(|| "/v1/refunds".into());

    fn refused(reason: &str) -> Outcome {
        Outcome::Answered(Response { rate_limited_reason: Some(reason.to_owned()), ..answer(429) })
    }

    fn answer(status: u16) -> Response {
        Response { status, ..Response::default() }
    }

    fn finish(limiter: &mut Limiter, endpoint: &Endpoint, outcome: &Outcome, took: Duration, now: Duration) {
        limiter.answered(endpoint, outcome, took, now);
        limiter.done();
    }

    fn rates(rates: Rates) -> Limits {
        Limits { rates, at_once: 64 }
    }

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn the_endpoint_with_the_most_left_begins() {
        let mut limiter = Limiter::new(rates(LIVE));
        let little = limiter.queue(&CHARGES, 3.0);
        let much = limiter.queue(&REFUNDS, 300.0);
        let unknown = limiter.queue(&"/v1/invoices".into(), f64::INFINITY);
        for (position, turn) in [(little, Turn::Later), (much, Turn::Later), (unknown, Turn::Now), (much, Turn::Now)] {
            assert_eq!(limiter.poll(position, Duration::ZERO), turn);
        }
        assert_eq!(limiter.poll(little, Duration::ZERO), Turn::Now);
    }

    #[test]
    fn each_endpoint_gets_its_share_by_its_remaining_requests() {
        let mut limiter = Limiter::new(rates(Rates { overall: 100.0, endpoint: 1_000.0 }));
        let mut now = Duration::ZERO;
        let (mut positions, mut served) = (HashMap::new(), HashMap::<Endpoint, u32>::new());
        while served.values().sum::<u32>() < 600 {
            for (endpoint, remaining) in [(&*CHARGES, 400.0), (&*REFUNDS, 200.0)] {
                let position = *positions.entry(endpoint).or_insert_with(|| limiter.queue(endpoint, remaining));
                if limiter.poll(position, now) == Turn::Now {
                    limiter.done();
                    *served.entry(Arc::clone(endpoint)).or_default() += 1;
                    positions.remove(endpoint);
                }
            }
            now += Duration::from_millis(1);
        }
        assert!((390..=410).contains(&served[&*CHARGES]), "{served:?}");
    }

    #[test]
    fn an_endpoint_that_seemed_nearly_done_does_not_pay_for_it() {
        let mut limiter = Limiter::new(rates(UNLIMITED));
        let mut serve = |endpoint: &Endpoint, remaining: f64| {
            let position = limiter.queue(endpoint, remaining);
            let turn = limiter.poll(position, Duration::ZERO);
            limiter.done();
            turn
        };
        assert_eq!(serve(&CHARGES, 1.0), Turn::Now);
        assert_eq!(serve(&REFUNDS, 300.0), Turn::Now);
        let (more, other) = (limiter.queue(&CHARGES, 300.0), limiter.queue(&REFUNDS, 300.0));
        assert_eq!(limiter.poll(other, Duration::ZERO), Turn::Later);
        assert_eq!(limiter.poll(more, Duration::ZERO), Turn::Now);
    }

    #[test]
    fn a_waiter_that_cannot_be_served_yet_holds_up_no_other() {
        let mut limiter = Limiter::new(rates(Rates { overall: 100.0, endpoint: 1.0 }));
        let first = limiter.queue(&CHARGES, 300.0);
        assert_eq!(limiter.poll(first, Duration::ZERO), Turn::Now);
        let second = limiter.queue(&CHARGES, 299.0);
        let other = limiter.queue(&REFUNDS, 1.0);
        let Turn::At(at) = limiter.poll(second, Duration::ZERO) else { panic!("one a second") };
        assert!(at >= seconds(0.89) && at <= seconds(1.0), "{at:?}");
        assert_eq!(limiter.poll(other, Duration::ZERO), Turn::Now);
    }

    #[test]
    fn a_slot_given_back_unused_can_be_taken_again() {
        let mut limiter = Limiter::new(rates(Rates { overall: 1.0, endpoint: 1.0 }));
        let position = limiter.queue(&CHARGES, 1.0);
        assert_eq!(limiter.poll(position, Duration::ZERO), Turn::Now);
        limiter.give_back(&CHARGES);
        let position = limiter.queue(&CHARGES, 1.0);
        assert_eq!(limiter.poll(position, Duration::ZERO), Turn::Now);
    }

    #[test]
    fn a_refused_rate_slows_only_what_it_names_and_only_for_a_while() {
        let rate_after = |reason: &str, endpoint: &Endpoint, wait: f64| {
            let mut limiter = Limiter::new(rates(Rates { overall: 1_000.0, endpoint: 10.0 }));
            let position = limiter.queue(&CHARGES, 1.0);
            assert_eq!(limiter.poll(position, Duration::ZERO), Turn::Now);
            finish(&mut limiter, &CHARGES, &refused(reason), seconds(0.1), Duration::ZERO);
            sent_within(&mut limiter, endpoint, seconds(wait), seconds(2.0))
        };
        assert!(rate_after("endpoint-rate", &CHARGES, 0.0) < 14);
        assert!(rate_after("endpoint-rate", &REFUNDS, 0.0) >= 19);
        assert!(rate_after("endpoint-rate", &CHARGES, 20.0) >= 20);
        assert!(rate_after("lock_timeout", &CHARGES, 0.0) >= 19);
    }

    /// Sends as often as it may, and returns how often that was.
    fn sent_within(limiter: &mut Limiter, endpoint: &Endpoint, from: Duration, span: Duration) -> usize {
        let (mut now, mut sent) = (from, 0);
        let mut position = limiter.queue(endpoint, 1.0);
        while now < from + span {
            match limiter.poll(position, now) {
                Turn::Now => {
                    sent += 1;
                    finish(limiter, endpoint, &Outcome::Answered(answer(200)), seconds(0.01), now);
                    position = limiter.queue(endpoint, 1.0);
                }
                Turn::At(at) => now = at,
                Turn::Later => panic!("nobody else is there"),
            }
        }
        limiter.leave(position);
        sent
    }

    #[test]
    fn too_many_at_once_are_halved_and_grow_again() {
        let mut limiter = Limiter::new(rates(Rates { overall: 1e6, endpoint: 1e6 }));
        let most_at = |limiter: &mut Limiter, now: Duration| {
            let mut sent = 0;
            while sent < 1_000 {
                let position = limiter.queue(&CHARGES, 1.0);
                if limiter.poll(position, now) != Turn::Now {
                    limiter.leave(position);
                    break;
                }
                sent += 1;
            }
            sent
        };
        let first = most_at(&mut limiter, Duration::ZERO);
        finish(&mut limiter, &CHARGES, &refused("endpoint-concurrency"), seconds(0.1), seconds(0.1));
        (1..first).for_each(|_| limiter.done());
        let second = most_at(&mut limiter, seconds(0.2));
        assert_eq!(second, first / 2);
        for second_number in 1..=3 {
            finish(
                &mut limiter,
                &CHARGES,
                &Outcome::Answered(answer(200)),
                seconds(0.1),
                seconds(f64::from(second_number) * 1.5),
            );
            most_at(&mut limiter, seconds(f64::from(second_number) * 1.5));
        }
        assert!(limiter.in_flight() > second, "{}", limiter.in_flight());
        finish(&mut limiter, &CHARGES, &Outcome::Failed(Failure::Read, String::new()), seconds(0.1), seconds(9.0));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// The limiter may be asked late or early, and with any answers: no second has more requests than the rates
        /// allow, wherever it begins.
        #[test]
        fn no_second_has_more_requests_than_the_rates(
            overall in 1u32..120,
            endpoint in 1u32..30,
            steps in prop::collection::vec((0u64..60, 0usize..3, prop::sample::select(vec!["", "global-rate", "endpoint-rate"])), 1..600),
        ) {
            let mut limiter = Limiter::new(rates(Rates { overall: overall.into(), endpoint: endpoint.into() }));
            let names = [CHARGES.clone(), REFUNDS.clone(), "/v1/invoices".into()];
            let mut now = Duration::ZERO;
            let mut sent: Vec<(Duration, usize)> = Vec::new();
            for (wait, which, reason) in steps {
                now += Duration::from_millis(wait);
                let position = limiter.queue(&names[which], 1.0);
                if limiter.poll(position, now) == Turn::Now {
                    sent.push((now, which));
                    let outcome = if reason.is_empty() { Outcome::Answered(answer(200)) } else { refused(reason) };
                    finish(&mut limiter, &names[which], &outcome, seconds(0.1), now);
                }
                limiter.leave(position);
            }
            for (at, (first, _)) in sent.iter().enumerate() {
                let second: Vec<usize> =
                    sent[at..].iter().take_while(|(when, _)| *when < *first + seconds(1.0)).map(|(_, which)| *which).collect();
                prop_assert!(second.len() <= overall as usize, "{} in a second", second.len());
                for which in 0..names.len() {
                    prop_assert!(second.iter().filter(|one| **one == which).count() <= endpoint as usize);
                }
            }
        }

        /// The woken waiter is the one whose turn it is, or the one that can be served soonest: no other gets a slot
        /// before it.
        #[test]
        fn nobody_is_served_before_the_one_who_is_next(
            steps in prop::collection::vec((0u64..40, 0usize..3, 1u32..100, 0usize..4), 1..200),
        ) {
            let mut limiter = Limiter::new(rates(Rates { overall: 60.0, endpoint: 25.0 }));
            let names = [CHARGES.clone(), REFUNDS.clone(), "/v1/invoices".into()];
            let (mut now, mut waiting) = (Duration::ZERO, Vec::new());
            for (wait, which, remaining, done) in steps {
                now += Duration::from_millis(wait);
                (0..done).for_each(|_| limiter.done());
                waiting.push(limiter.queue(&names[which], remaining.into()));
                let next = limiter.next(now);
                let others = waiting.iter().filter(|position| Some(**position) != next);
                for other in others.copied().collect::<Vec<_>>() {
                    prop_assert_ne!(limiter.poll(other, now), Turn::Now);
                }
                let Some(next) = next else { continue };
                match limiter.poll(next, now) {
                    Turn::Now => waiting.retain(|position| *position != next),
                    Turn::At(at) => prop_assert!(at > now),
                    Turn::Later => prop_assert!(false, "the next waiter waits for nobody"),
                }
            }
        }

        /// The rates are also used: a caller that asks whenever it is its turn gets all but a few per cent of them.
        #[test]
        fn the_rates_are_used(rate in 1u32..200, lateness in 0u64..3) {
            let mut limiter = Limiter::new(rates(Rates { overall: f64::from(rate) * 2.0, endpoint: rate.into() }));
            let (mut now, mut sent) = (Duration::ZERO, 0u32);
            let mut position = limiter.queue(&CHARGES, 1.0);
            while now < seconds(20.0) {
                match limiter.poll(position, now) {
                    Turn::Now => {
                        sent += 1;
                        finish(&mut limiter, &CHARGES, &Outcome::Answered(answer(200)), seconds(0.001), now);
                        position = limiter.queue(&CHARGES, 1.0);
                    }
                    Turn::At(at) => now = at + Duration::from_millis(lateness),
                    Turn::Later => prop_assert!(false, "nobody else is there"),
                }
            }
            prop_assert!(f64::from(sent) >= 0.97 * 20.0 * f64::from(rate), "{sent} of {}", 20 * rate);
        }
    }
}
