//! The machine: one attempt at one run of one entity, without sockets, clock or tables.
//!
//! Its caller asks what to send ([`Run::poll_request`]), tells what came of it ([`Run::handle_response`]), takes what is
//! to be committed ([`Run::poll_group`]) and asks when to come back ([`Run::poll_timeout`]). Before the first request
//! the caller walks the write protocol's opening: [`Run::started`], [`Run::fence`], [`Run::recover_events`],
//! [`Run::recover_rows`], [`Run::begin`].

mod accept;
mod answer;
mod commit;
mod order;
mod promise;
mod reading;
mod recover;
mod split;

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use arrow_array::RecordBatch;

pub use answer::Taken;
pub use commit::{Commit, Group};
pub use promise::{Promise, rows_of_second};
pub use reading::Ticket;
pub use recover::{Condition, RECOVERY_COLUMNS, Value};

use reading::Reading;

use crate::checkpoint::{Plan, Purpose};
use crate::entities::Entity;
use crate::error::{Class, Error, Result};
use crate::exchange::{Now, Request};
use crate::options::Options;
use crate::page::{Decoder, Page, TextPool};
use crate::ranges::{Chain, Range};
use crate::raw_batch;

/// What a run is told when it is made.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The list.
    pub entity: &'static Entity,
    /// Connected account.
    pub account: Option<String>,
    /// What `livemode` of its objects must be; `None` where the key does not tell.
    pub livemode: Option<bool>,
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
    /// Requests that are left, as far as the pages tell; 0 while the list's end is not in sight.
    pub left: u64,
    /// Bytes of the bodies received.
    pub bytes: u64,
    /// `created` of the oldest row so far.
    pub reached: Option<i64>,
    /// Largest `created` seen in the whole run.
    pub newest: Option<i64>,
    /// Of the rows, those whose time should be there and cannot be used.
    pub undated: u64,
    /// Objects that cannot be rows.
    pub refused: u64,
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

/// What the requests that are left weigh where a list must be parted to send one. Each parting costs about half a page.
const STEALING: f64 = 0.8;

impl Fetched {
    /// Whether nothing but its event leads on to the next page of its chain. Without rows and next page, a lost event is
    /// a gap that is read again; without rows, but with one, it is a link that is missing.
    fn leaves_only_its_event(&self) -> bool {
        self.page.is_empty() && self.next_cursor.is_some()
    }
}

/// What a page of a hundred rows takes in memory beside its payload at most, in bytes: eighteen columns, most of them the
/// same text in each row. (It takes less where it shares some of them with the page before.)
const PAGE_OVERHEAD: usize = 40 << 10;

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
    batches: raw_batch::Batches,
    /// What is left to read, each part by itself.
    chains: Vec<Reading>,
    tickets: u64,
    decoder: Decoder,
    pending: VecDeque<Fetched>,
    last_commit: Duration,
    /// When a commit that must be seen was last handed over.
    last_look: Duration,
    /// Whether the buffers are so full that gathering longer makes no sense.
    pressed: bool,
    next_page_number: i64,
    /// Newest `created` of the run, as far as this attempt knows.
    newest: Option<i64>,
    seen: Option<i64>,
    /// Ids of the run's rows without a time, where the others have one: their place in the list is not known to the second.
    undated: HashSet<String>,
    /// Hashes of what cannot be a row at the borders of parts: both answer it, and it may have no id to know it by.
    refused: HashSet<[u8; 32]>,
    /// The first object of this attempt that cannot be a row, as its event names it.
    first_refused: Option<String>,
    /// Lines for the user that nobody has taken yet.
    warnings: Vec<String>,
    recovery: recover::Recovery,
    recovered: Option<Vec<crate::checkpoint::PageEvent>>,
    complete_already: bool,
    error: Option<Error>,
    /// What will have ended the fetching as soon as no answer is outstanding.
    stopping: Option<Error>,
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
            batches: raw_batch::Batches::default(),
            chains: Vec::new(),
            tickets: 0,
            decoder: Decoder::default(),
            pending: VecDeque::new(),
            last_commit: Duration::ZERO,
            last_look: Duration::ZERO,
            pressed: false,
            next_page_number: 1,
            newest: None,
            undated: HashSet::new(),
            refused: HashSet::new(),
            first_refused: None,
            warnings: Vec::new(),
            recovery: recover::Recovery::default(),
            recovered: None,
            complete_already: false,
            error: None,
            stopping: None,
            progress: Progress::default(),
        }
    }

    /// Has the texts of its pages in memory of that pool, and not each in its own.
    pub fn use_pool(&mut self, pool: TextPool) {
        self.decoder = Decoder::new(pool);
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
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small number that is not negative")]
    pub fn progress(&self) -> Progress {
        Progress { newest: self.seen, left: self.requests_in_sight().ceil() as u64, ..self.progress }
    }

    /// Lines for the user on what was odd in the answers, since the last call.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Why the attempt is not a success although it goes to its end: objects that cannot be rows.
    #[must_use]
    pub fn refusal(&self) -> Option<Error> {
        let first = self.first_refused.as_ref()?;
        let others = self.progress.refused.saturating_sub(1);
        let others = if others == 0 { String::new() } else { format!("; and {others} more, which the events name") };
        Some(Error::new(Class::Answer, format!("{first}{others}")))
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

    /// How many requests are left as far as the pages tell, if one can be sent now; a number without end before the
    /// first page. One that would have to part its list for it counts less: who is ready goes before it.
    #[must_use]
    pub fn wants(&self, now: Now) -> Option<f64> {
        if !self.asks() {
            return None;
        }
        if self.ready(now).is_some() {
            return Some(self.left_to_ask());
        }
        self.heaviest().map(|_| self.left_to_ask() * STEALING)
    }

    /// The next request, if one can be sent now. Called only when it is sent at once: where each part of the list that
    /// is left is being read already, the heaviest is parted in two, and that is worth it for an idle slot only.
    pub fn poll_request(&mut self, now: Now) -> Option<(Ticket, Request)> {
        if !self.asks() {
            return None;
        }
        let at = self.ready(now).or_else(|| self.split())?;
        let request = self.request(&self.chains[at].chain);
        let reading = &mut self.chains[at];
        reading.asked_down_to = reading.chain.range.gte;
        reading.retry = None;
        reading.in_flight = true;
        self.progress.requests += 1;
        Some((reading.ticket, request))
    }

    fn asks(&self) -> bool {
        self.stage == Stage::Reading && self.error.is_none() && self.stopping.is_none()
    }

    /// A chain's top never changes, and its lower bound only rises: so what it read before stays inside of its filters.
    fn request(&self, chain: &Chain) -> Request {
        let entity = self.setting.entity;
        let mut query = vec![("limit", self.setting.options.page_size.to_string())];
        query.extend(entity.fixed_query.iter().map(|(name, value)| (*name, (*value).to_owned())));
        query.extend(chain.range.gte.map(|bottom| ("created[gte]", bottom.to_string())));
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
        [self.next_retry(), group].into_iter().flatten().min()
    }

    /// When the next retry is due, if one waits.
    #[must_use]
    pub fn next_retry(&self) -> Option<Duration> {
        self.chains.iter().filter_map(|reading| reading.retry.as_ref()).map(|retry| retry.at).min()
    }

    /// Whether nothing more will be fetched.
    #[must_use]
    pub fn has_fetched_all(&self) -> bool {
        self.stage >= Stage::Reading && (self.error.is_some() || self.chains.is_empty())
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

    /// Sends nothing more; what is in flight is still taken in, then the fetching has ended with `error`.
    pub fn stop_asking(&mut self, error: Error) {
        if self.error.is_none() && self.stopping.is_none() {
            self.stopping = Some(error);
            self.settle();
        }
    }

    fn settle(&mut self) {
        if self.stopping.is_some() && !self.chains.is_empty() && self.chains.iter().all(|reading| !reading.in_flight) {
            self.error = self.error.take().or_else(|| self.stopping.take());
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
        self.decoder = Decoder::default();
    }

    /// Ends the fetching with an error; what has been received is still handed over.
    pub fn fail(&mut self, error: Error) {
        if self.error.is_none() {
            self.error = Some(error);
        }
        // Answers that are still to come are not waited for.
        for reading in &mut self.chains {
            reading.in_flight = false;
            reading.retry = None;
        }
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

    fn batch(&mut self, fetched: Fetched, page_number: i64, commit_version: i64) -> Result<RecordBatch> {
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
        self.batches.batch(fetched.page, facts)
    }
}
