//! Runs under one limiter, with a clock that jumps from one happening to the next.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use stripe_raw_rs::checkpoint::{Circumstances, History, events_of, plan};
use stripe_raw_rs::options::Options;
use stripe_raw_rs::pace::{Limiter, Limits, Position, Rates, Turn};
use stripe_raw_rs::page::Decoder;
use stripe_raw_rs::run::{Run, RunContext};
use stripe_raw_rs::stripe::exchange::{Now, Outcome, Response};
use stripe_raw_rs::stripe::scope::Scope;
use stripe_raw_rs::walk::{Effect, Ticket};

use crate::list::{Chance, List, PAGE, TODAY};

/// Stripe's limits in live mode.
pub(crate) const STRIPE: Rates = Rates { overall: 100.0, endpoint: 25.0 };

/// A run of a list, with the events and rows that it has committed.
pub(crate) struct Reader {
    pub(crate) list: List,
    pub(crate) run: Run,
    place: Option<Position>,
    pub(crate) events: Vec<RecordBatch>,
    pub(crate) rows: Vec<RecordBatch>,
    pub(crate) ranges: HashSet<Option<i64>>,
}

fn now(at: Duration) -> Now {
    Now { monotonic: at, wall_micros: TODAY * 1_000_000 + i64::try_from(at.as_micros()).unwrap() }
}

impl Reader {
    /// Begins, or goes on from the events and rows that were committed before.
    pub(crate) fn new(list: List, events: Vec<RecordBatch>, rows: Vec<RecordBatch>, at: Duration) -> Self {
        let mut history = History::default();
        for batch in &events {
            history.extend(events_of(batch).unwrap());
        }
        let options = Options { commit_interval: Duration::from_secs(2), ..Options::default() };
        let attempt = Circumstances {
            now: now(at),
            owner: "me".to_owned(),
            holder_is_dead: true,
            take_over: true,
            give_up: None,
            start: None,
            new_run_id: "run".to_owned(),
            follows: false,
            reported: None,
            parents: None,
        };
        let plan = plan(list.entity, &history, &options, &attempt).unwrap();
        let setting = RunContext {
            scope: Scope { entity: list.entity, account: None },
            livemode: None,
            options,
            store_id: "store".to_owned(),
            owner: "me".to_owned(),
            nonce: "nonce".to_owned(),
            settings: "{}".to_owned(),
            library_version: "test".to_owned(),
            has_asked_lists: false,
            may_lack: false,
        };
        let mut reader = Self { list, run: Run::new(plan, setting), place: None, events, rows, ranges: HashSet::new() };
        if !reader.run.is_new() {
            let started = reader.run.started(now(at)).unwrap();
            reader.events.extend(started.batches);
            reader.run.fence().unwrap();
            if !reader.run.recover_events(&reader.events).unwrap().is_empty() {
                reader.run.recover_rows(&reader.rows).unwrap();
            }
        }
        if !reader.run.overlap().is_empty() {
            for rows in &reader.rows {
                reader.run.compare(rows).unwrap();
            }
        }
        reader.run.begin(now(at)).unwrap();
        reader
    }

    fn commit(&mut self, at: Duration) {
        while let Some(group) = self.run.poll_group(now(at)).unwrap() {
            self.rows.extend(group.rows.batches);
            self.events.extend(group.checkpoint.batches);
        }
    }

    /// Ids of the rows, and how often each is there.
    fn landed(&self) -> HashMap<String, usize> {
        let mut times = HashMap::new();
        for batch in &self.rows {
            let ids = batch.column_by_name("_stripe_id").unwrap().as_string::<i32>();
            ids.iter().for_each(|id| *times.entry(id.unwrap().to_owned()).or_default() += 1);
        }
        times
    }

    pub(crate) fn check_whole(&self) {
        let landed = self.landed();
        assert_eq!(landed.len(), self.list.rows(), "objects");
        assert!(landed.values().all(|times| *times == 1), "twice");
    }

    pub(crate) fn pages(&self) -> usize {
        self.list.created.len().div_ceil(PAGE).max(1)
    }
}

/// All readers under one limiter, with answers after a latency that varies.
pub(crate) struct World {
    pub(crate) readers: Vec<Reader>,
    limiter: Limiter,
    pub(crate) at: Duration,
    latency: f64,
    chance: Chance,
    in_flight: BinaryHeap<Reverse<(Duration, usize, u64)>>,
    answers: HashMap<u64, (Ticket, Response, Duration)>,
    number: u64,
    pub(crate) sent: Vec<Duration>,
    /// Stop at this many requests, as if killed.
    pub(crate) until: usize,
}

impl World {
    pub(crate) fn new(readers: Vec<Reader>, latency: f64, seed: u64) -> Self {
        Self {
            readers,
            limiter: Limiter::new(Limits { rates: STRIPE, at_once: 64 }),
            at: Duration::ZERO,
            latency,
            chance: Chance::new(seed),
            in_flight: BinaryHeap::new(),
            answers: HashMap::new(),
            number: 0,
            sent: Vec::new(),
            until: usize::MAX,
        }
    }

    /// Runs to the end, or until killed.
    pub(crate) fn run(&mut self) {
        while self.sent.len() < self.until && !self.readers.iter().all(|reader| reader.run.is_finished()) {
            (0..self.readers.len()).for_each(|which| self.queue(which));
            let waits: Vec<Option<Duration>> = (0..self.readers.len()).map(|which| self.ask(which)).collect();
            if waits.contains(&Some(self.at)) {
                continue;
            }
            let answer = self.in_flight.peek().map(|Reverse((at, ..))| *at);
            let groups = self.readers.iter().filter_map(|reader| reader.run.poll_timeout());
            let next = waits.into_iter().flatten().chain(answer).chain(groups).min().expect("something goes on");
            self.at = self.at.max(next);
            while let Some(Reverse((at, which, number))) =
                self.in_flight.peek().copied().filter(|next| next.0.0 <= self.at)
            {
                self.in_flight.pop();
                let (ticket, response, sent) = self.answers.remove(&number).unwrap();
                let (endpoint, outcome) =
                    (Arc::clone(self.readers[which].run.walk().endpoint()), Outcome::Answered(response));
                self.limiter.answered(&endpoint, &outcome, at.saturating_sub(sent), at);
                self.limiter.done();
                let reader = &mut self.readers[which];
                let (received, _) = reader.run.walk().reader().read(outcome, &mut Decoder::default());
                let taken = reader.run.walk_mut().handle_response(ticket, received, now(at), 0.5);
                assert!(!matches!(taken, Effect::Retry(..)), "{taken:?}");
                assert_eq!(reader.run.error(), None);
            }
            for reader in &mut self.readers {
                reader.commit(self.at);
            }
        }
    }

    /// Queues a reader that wants to send a request.
    fn queue(&mut self, which: usize) {
        let reader = &mut self.readers[which];
        if let Some(place) = reader.place.take() {
            self.limiter.leave(place);
        }
        let wanted = reader.run.walk().wants(now(self.at));
        reader.place = wanted.map(|remaining| self.limiter.queue(reader.run.walk().endpoint(), remaining));
    }

    /// Sends a request of that reader, if it may, and answers the time now; else answers when to ask again.
    fn ask(&mut self, which: usize) -> Option<Duration> {
        let reader = &mut self.readers[which];
        let place = reader.place?;
        match self.limiter.poll(place, self.at) {
            Turn::At(at) => Some(at),
            Turn::Later => None,
            Turn::Now => {
                reader.place = None;
                let (ticket, request) = reader.run.walk_mut().poll_request(now(self.at)).expect("it wants to send one");
                let top = request.query.iter().find(|(name, _)| *name == "created[lt]");
                reader.ranges.insert(top.map(|(_, text)| text.parse().unwrap()));
                let response = reader.list.serve(&request);
                let takes = Duration::from_secs_f64(self.latency * (0.75 + 0.5 * self.chance.unit()));
                self.number += 1;
                self.in_flight.push(Reverse((self.at + takes, which, self.number)));
                self.answers.insert(self.number, (ticket, response, self.at));
                self.sent.push(self.at);
                Some(self.at)
            }
        }
    }
}
