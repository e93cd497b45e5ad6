//! The machine: one attempt at one run of one entity, without sockets, clock or tables.
//!
//! Its caller asks what to send ([`Run::poll_request`]), tells what came of it ([`Run::handle_response`]), takes what is
//! to be committed ([`Run::poll_group`]) and asks when to come back ([`Run::poll_timeout`]). Before the first request
//! the caller walks the write protocol's opening: [`Run::started`], [`Run::fence`], [`Run::recover_events`],
//! [`Run::recover_rows`], [`Run::begin`].

mod answer;
mod commit;
mod recover;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_schema::Schema;

pub use commit::{Commit, Group};
pub use recover::{Condition, RECOVERY_COLUMNS, Value};

use crate::checkpoint::{Plan, Purpose};
use crate::entities::Entity;
use crate::error::{Class, Error, Result};
use crate::exchange::{Now, Request};
use crate::options::Options;
use crate::page::Page;
use crate::ranges::{Chain, Range};
use crate::raw_batch;

/// What a run is told when it is made.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The list.
    pub entity: &'static Entity,
    /// Connected account.
    pub account: Option<String>,
    /// How to ask, retry and group.
    pub options: Options,
    /// The lake's id.
    pub store_id: String,
    /// Names this process, or its job.
    pub owner: String,
    /// Random: tells this attempt's commits from those of any other.
    pub nonce: String,
    /// What RUN_STARTED records, as JSON.
    pub settings: String,
    /// Version of this library.
    pub library_version: String,
}

/// How far the opening of the write protocol has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Planned,
    Started,
    Fenced,
    EventsRead,
    Reading,
    Ended,
}

/// Counters of one attempt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Pages received.
    pub pages: u64,
    /// Rows kept.
    pub rows: u64,
    /// Requests sent.
    pub requests: u64,
    /// Of them, retries.
    pub retries: u64,
    /// Bytes of the bodies received.
    pub bytes: u64,
    /// `created` of the oldest row so far.
    pub reached: Option<i64>,
    /// Largest `created` seen in the whole run.
    pub newest: Option<i64>,
}

/// A chain being read, and what is known of the second its cursor stands in.
#[derive(Debug, Default)]
struct Reading {
    chain: Chain,
    /// The second of the last row answered.
    edge: Option<i64>,
    /// Ids of the run's rows in that second (of all its rows where the list has no window).
    held: HashSet<String>,
    /// Of the second's ids, those that this chain answered itself: to see a page that repeats.
    answered: HashSet<String>,
    /// Whether the chain was begun because a cursor vanished, and has kept no row since.
    stalled: bool,
}

/// A page received and not yet handed over.
#[derive(Debug)]
struct Fetched {
    page: Page,
    range: Range,
    request_cursor: Option<String>,
    next_cursor: Option<String>,
    http_status: u16,
    request_id: Option<String>,
    api_version: Option<String>,
    received_at_micros: i64,
    /// Newest `created`, not later than the server's own clock.
    seen: Option<i64>,
}

/// What a page takes in memory beside its payload, in bytes: nineteen columns and their buffers, however few its rows.
const PAGE_OVERHEAD: usize = 16 << 10;

/// What a page with a body of that length takes in memory, in bytes, until it is committed.
#[must_use]
pub const fn page_bytes(body: usize) -> usize {
    body + PAGE_OVERHEAD
}

/// One attempt at one run of one entity.
#[derive(Debug)]
pub struct Run {
    setting: Setting,
    plan: Plan,
    stage: Stage,
    sequence: i64,
    schema: Arc<Schema>,
    /// What is left to read; the first is being read.
    chains: VecDeque<Reading>,
    in_flight: bool,
    retries: u32,
    retry_at: Option<Duration>,
    retry_reason: String,
    pending: VecDeque<Fetched>,
    last_commit: Duration,
    /// When a commit that must be seen was last handed over.
    last_look: Duration,
    /// Whether the buffers are so full that gathering longer makes no sense.
    pressed: bool,
    next_page_number: i64,
    seen: Option<i64>,
    recovery: recover::Recovery,
    recovered: Option<Vec<crate::checkpoint::PageEvent>>,
    complete_already: bool,
    error: Option<Error>,
    progress: Progress,
}

impl Run {
    /// A run that has done nothing yet.
    #[must_use]
    pub fn new(plan: Plan, setting: Setting) -> Self {
        Self {
            seen: plan.seen_before,
            plan,
            setting,
            stage: Stage::Planned,
            sequence: 0,
            schema: Arc::new(raw_batch::schema()),
            chains: VecDeque::new(),
            in_flight: false,
            retries: 0,
            retry_at: None,
            retry_reason: String::new(),
            pending: VecDeque::new(),
            last_commit: Duration::ZERO,
            last_look: Duration::ZERO,
            pressed: false,
            next_page_number: 1,
            recovery: recover::Recovery::default(),
            recovered: None,
            complete_already: false,
            error: None,
            progress: Progress::default(),
        }
    }

    /// What it was planned for.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The list it reads.
    #[must_use]
    pub const fn entity(&self) -> &'static Entity {
        self.setting.entity
    }

    /// Counters so far.
    #[must_use]
    pub const fn progress(&self) -> Progress {
        Progress { newest: self.seen, ..self.progress }
    }

    /// Opens the reading: from here on [`Run::poll_request`] answers. Time counts from `now`.
    ///
    /// # Errors
    /// The opening's steps were left out or taken in another order.
    pub fn begin(&mut self, now: Now) -> Result<()> {
        if self.stage == Stage::Reading {
            return Ok(());
        }
        self.step(Stage::EventsRead, Stage::Reading)?;
        self.last_commit = now.monotonic;
        self.last_look = now.monotonic;
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        self.open_chains().inspect_err(|error| self.error = Some(error.clone()))
    }

    /// The next request, if one can be sent now.
    pub fn poll_request(&mut self, now: Now) -> Option<Request> {
        if self.stage != Stage::Reading || self.in_flight || self.error.is_some() {
            return None;
        }
        if self.retry_at.is_some_and(|at| now.monotonic < at) {
            return None;
        }
        let reading = self.chains.front()?;
        let request = self.request(&reading.chain);
        self.retry_at = None;
        self.in_flight = true;
        self.progress.requests += 1;
        Some(request)
    }

    /// The same filters for the life of a cursor: only the chain's top and the cursor differ between requests.
    fn request(&self, chain: &Chain) -> Request {
        let entity = self.setting.entity;
        let mut query = vec![("limit", self.setting.options.page_size.to_string())];
        query.extend(entity.fixed_query.iter().map(|(name, value)| (*name, (*value).to_owned())));
        query.extend(self.plan.start_created_gte.map(|start| ("created[gte]", start.to_string())));
        query.extend(chain.range.lt.map(|top| ("created[lt]", top.to_string())));
        query.extend(chain.cursor.clone().map(|cursor| ("starting_after", cursor)));
        Request {
            path: entity.path,
            query,
            api_version: self.plan.stripe_version.clone(),
            account: self.setting.account.clone(),
        }
    }

    /// When to poll again, if nothing else happens before: a retry is due, or a group has gathered long enough.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        let group = (!self.pending.is_empty()).then(|| self.last_commit + self.setting.options.commit_interval);
        [self.retry_at, group].into_iter().flatten().min()
    }

    /// The retry that is waiting: for how long yet, and what went wrong.
    #[must_use]
    pub fn retry_pending(&self, now: Now) -> Option<(Duration, String)> {
        self.retry_at.map(|at| (at.saturating_sub(now.monotonic), self.retry_reason.clone()))
    }

    /// Whether nothing more will be fetched.
    #[must_use]
    pub fn has_fetched_all(&self) -> bool {
        self.stage >= Stage::Reading && !self.in_flight && (self.error.is_some() || self.chains.is_empty())
    }

    /// Whether everything fetched has been handed over.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.has_fetched_all() && self.pending.is_empty() && self.recovered.is_none()
    }

    /// The error that ended the fetching, once everything fetched before it has been handed over.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref().filter(|_| self.is_finished())
    }

    /// Stops fetching; what has been received is still handed over.
    pub fn interrupt(&mut self) {
        if self.error.is_none() && self.stage < Stage::Ended {
            let message =
                format!("{}: interrupted; the next run goes on from the last committed page", self.setting.entity.name);
            self.fail(Error::new(Class::Interrupted, message));
        }
    }

    /// Tells that the buffers are full: the pages gathered so far become a group at once.
    pub const fn press(&mut self) {
        self.pressed = true;
    }

    /// Drops what waits, and fetches no more.
    pub fn discard(&mut self) {
        self.interrupt();
        self.chains.clear();
        self.pending.clear();
        self.recovered = None;
    }

    fn fail(&mut self, error: Error) {
        if self.error.is_none() {
            self.error = Some(error);
        }
        self.in_flight = false;
        self.retry_at = None;
    }

    fn step(&mut self, from: Stage, to: Stage) -> Result<()> {
        if self.stage == from {
            self.stage = to;
            return Ok(());
        }
        let order = "started, fence, recover_events, recover_rows, the pairs, ended";
        Err(Error::usage(format!("the write protocol's steps are {order}; {:?} cannot follow {:?}", to, self.stage)))
    }

    fn gives_up(&self) -> bool {
        matches!(self.plan.purpose, Purpose::GiveUp(_))
    }

    fn batch(&self, fetched: Fetched, page_number: i64, commit_version: i64) -> Result<RecordBatch> {
        let facts = raw_batch::PageFacts {
            entity: self.setting.entity.name,
            account: self.setting.account.clone(),
            run_id: self.plan.run_id.clone(),
            ingested_at_micros: fetched.received_at_micros,
            page_number,
            range: fetched.range,
            request_cursor: fetched.request_cursor,
            next_cursor: fetched.next_cursor,
            has_more: fetched.page.has_more,
            http_status: fetched.http_status,
            request_id: fetched.request_id,
            api_version: fetched.api_version,
            commit_version,
        };
        raw_batch::to_batch(&self.schema, fetched.page, &facts)
    }
}
