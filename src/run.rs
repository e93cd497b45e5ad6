//! The machine: one attempt at one run of one entity, without sockets, clock or tables.
//!
//! Its caller asks what to send ([`Walk::poll_request`]), reports the outcome ([`Walk::handle_response`]), takes what
//! is to be committed ([`Run::poll_group`]) and asks when to come back ([`Run::poll_timeout`]).
//!
//! A new run reads at once, and its first group claims it: only then may rows be appended. An attempt that continues or
//! ends an earlier run first goes through the write protocol's opening: [`Run::started`], [`Run::fence`],
//! [`Run::recover_events`], [`Run::recover_rows`]. Then [`Run::begin`] opens the reading.

mod attempt;
pub mod audit;
mod claim;
mod commit;
mod condition;
mod follow;
mod group;
mod history_reads;
mod numbering;
mod orphans;
mod overlap;
mod parents;
mod promise;
mod recover;
mod uncommitted;
mod wave;

use std::collections::HashSet;
use std::time::Duration;

pub use attempt::{
    Asked, Attempt, Bounds, Ending, JointGroup, Landed as LandedByAccount, Member, NextRun, Outlook, Planner,
};
pub use commit::Commit;
pub use condition::{Condition, Value, hull};
pub use follow::{events_since, fresh_events, oldest_event};
pub use group::Group;
pub use history_reads::NewestAttempts;
pub use overlap::{DUE_COLUMNS, OVERLAP_COLUMNS};
pub use promise::{Promise, rows_of_second};
pub use wave::Wave;

use claim::Claim;
use group::Groups;
use recover::Recovery;

use crate::changes::Change;
use crate::checkpoint::{LandedCommit, Plan, Purpose};
use crate::error::{Class, Error, Result};
use crate::options::Options;
use crate::parents::Parents;
use crate::stripe::entities::Entity;
use crate::stripe::exchange::Now;
use crate::stripe::scope::Scope;
use crate::walk::{Newest, Progress, Walk};

/// The values that a run is made with.
#[derive(Debug, Clone)]
pub struct RunContext {
    /// The list and its account.
    pub scope: Scope,
    /// The `livemode` that its objects must have; `None` if the key does not show it.
    pub livemode: Option<bool>,
    /// How to ask, retry and group.
    pub options: Options,
    /// The lake's id.
    pub store_id: String,
    /// The name of this process, or of its job.
    pub owner: String,
    /// Random: distinguishes this attempt's commits from those of any other.
    pub nonce: String,
    /// The settings that RUN_STARTED records, as JSON.
    pub settings: String,
    /// Version of this library.
    pub library_version: String,
    /// Whether lists are asked for that its objects have and do not show. Then an object that events report lands again
    /// even if it has not changed: its list may have.
    pub has_asked_lists: bool,
    /// Whether the account may lack the list: nobody has named it.
    pub may_lack: bool,
}

/// How far the write protocol has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Planned,
    Started,
    Fenced,
    EventsRead,
    Reading,
    /// The closing event was handed over with the last group.
    Closed,
    /// And the caller has come back from committing it.
    Confirmed,
    Ended,
    /// RUN_FAILED was handed over, whatever was before.
    Failed,
}

/// The most memory that a page of a hundred rows takes beside its payload, in bytes: eighteen columns, most of them
/// with the same text in each row. (It takes less if it shares some of them with the page before.)
const PAGE_OVERHEAD: usize = 40 << 10;

/// The memory that a page with a body of that length takes, in bytes, until it is committed.
#[must_use]
pub const fn page_bytes(body: usize) -> usize {
    body + PAGE_OVERHEAD
}

/// One attempt at one run of one entity.
#[derive(Debug)]
pub struct Run {
    context: RunContext,
    plan: Plan,
    stage: Stage,
    claim: Claim,
    /// Largest `created` seen in the whole run.
    seen: Option<i64>,
    /// The newest commit with rows that counts.
    landed: Option<LandedCommit>,
    /// The commit with rows that was handed over last: it counts once the next group is asked for.
    landing: Option<LandedCommit>,
    walk: Walk,
    groups: Groups,
    recovery: Recovery,
    overlap: Newest,
    /// The objects that have changed; `None` until the run was given the events that it follows.
    changes: Option<Vec<Change>>,
    changed_ids: HashSet<String>,
    /// Whether events report a change of any object, or in any list that one has.
    reports_more: bool,
    /// The rows of the parents whose lists it asks for; `None` until it was given them.
    parents: Option<Parents>,
    /// The newest commit that may have an object which shows only the beginning of a list.
    cut_version: i64,
    /// The newest answer so far, in seconds since 1970.
    answered: Option<i64>,
}

impl Run {
    /// A run that has done nothing yet.
    #[must_use]
    pub fn new(plan: Plan, context: RunContext) -> Self {
        Self {
            seen: plan.seen_before,
            landed: plan.landed.clone(),
            landing: None,
            cut_version: plan.cut_before,
            parents: None,
            plan,
            stage: Stage::Planned,
            claim: Claim::None,
            walk: Walk::new(context.scope.clone(), context.livemode, context.options.clone()),
            context,
            groups: Groups::new(),
            recovery: Recovery::default(),
            overlap: Newest::default(),
            changes: None,
            changed_ids: HashSet::new(),
            reports_more: false,
            answered: None,
        }
    }

    /// The reading of its list: the requests to send, and their outcomes.
    #[must_use]
    pub const fn walk(&self) -> &Walk {
        &self.walk
    }

    /// The reading of its list: the requests to send, and their outcomes.
    pub const fn walk_mut(&mut self) -> &mut Walk {
        &mut self.walk
    }

    /// Its plan.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The list it reads.
    #[must_use]
    pub const fn entity(&self) -> &'static Entity {
        self.context.scope.entity
    }

    /// The list and its account.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.context.scope
    }

    pub(super) const fn options(&self) -> &Options {
        &self.context.options
    }

    /// Counters so far.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress { newest: self.seen, landed: self.groups.rows(), ..self.walk.progress() }
    }

    /// The error of an attempt that reaches its end but is not a success: objects that cannot be rows.
    #[must_use]
    pub fn refusal(&self) -> Option<Error> {
        let first = self.groups.first_refused()?;
        let others = self.walk.progress().refused.saturating_sub(1);
        let others = if others == 0 { String::new() } else { format!("; and {others} more, which the events name") };
        Some(Error::new(Class::Answer, format!("{first}{others}")))
    }

    /// The same run, as one of a wave: another process commits its groups together with those of other accounts.
    #[must_use]
    pub const fn in_wave(mut self) -> Self {
        self.groups.numbering.in_wave();
        self
    }

    pub(super) fn is_in_wave(&self) -> bool {
        self.groups.numbering.is_in_wave()
    }

    /// Opens the reading: from now on, [`Walk::poll_request`] returns requests. Time counts from `now`.
    ///
    /// # Errors
    /// Steps of the opening were left out or taken in another order.
    pub fn begin(&mut self, now: Now) -> Result<()> {
        if self.stage >= Stage::Reading {
            return Ok(());
        }
        self.step(if self.is_new() { Stage::Planned } else { Stage::EventsRead }, Stage::Reading)?;
        self.groups.begin(now);
        self.require_changes()?;
        self.require_parents()?;
        if let Some(error) = self.walk.error() {
            return Err(error.clone());
        }
        self.open_walk(now).inspect_err(|error| self.walk.fail(error.clone()))
    }

    /// When to poll again, if nothing else happens before: then a retry is due, or a group has gathered long enough.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        let waits = !self.walk.pages().is_empty();
        let group = waits.then(|| self.groups.due_at(self.context.options.commit_interval));
        [self.walk.next_retry(), group].into_iter().flatten().min()
    }

    /// Whether nothing more will be read.
    #[must_use]
    pub fn has_read_all(&self) -> bool {
        self.stage >= Stage::Reading && self.walk.has_read_all()
    }

    /// Whether everything fetched has been handed over.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.has_read_all() && self.walk.pages().is_empty() && !self.recovery.has_pages()
    }

    /// The error that ended the fetching, once everything fetched before it has been handed over.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        self.walk.error().filter(|_| self.is_finished())
    }

    /// Stops reading; pages that were received are still handed over.
    pub fn interrupt(&mut self) {
        if self.stage < Stage::Closed {
            self.walk.fail(self.interruption());
        }
    }

    /// Makes an attempt at the run that reads nothing: it only takes the run from the process that has left it.
    pub(crate) fn take_over(&mut self) {
        let message =
            format!("{}: another process took over the list; a later run goes on from here", self.entity().name);
        self.walk.fail(Error::new(Class::Interrupted, message));
    }

    pub(crate) fn interruption(&self) -> Error {
        let message = format!(
            "{}: the run was interrupted; the next run goes on from the last committed page",
            self.entity().name
        );
        Error::new(Class::Interrupted, message)
    }

    /// Reports that the buffers are full: the pages gathered so far become a group at once.
    pub const fn flush(&mut self) {
        self.groups.flush();
    }

    /// Drops the pages that wait, and reads no more.
    pub fn discard(&mut self) {
        self.interrupt();
        self.walk.discard();
        drop(self.recovery.take_pages());
    }

    fn step(&mut self, from: Stage, to: Stage) -> Result<()> {
        if self.stage == from {
            self.stage = to;
            return Ok(());
        }
        let order = if self.is_new() {
            "the pairs, ended (a new run's first pair claims it)"
        } else {
            "started, fence, recover_events, recover_rows, the pairs, ended"
        };
        Err(Error::usage(format!("the write protocol's steps are {order}; {:?} cannot follow {:?}", to, self.stage)))
    }

    /// Whether its end was handed over, and committed, as far as it knows.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        (Stage::Confirmed..Stage::Failed).contains(&self.stage) && self.walk.error().is_none()
    }

    /// Whether nothing more will be committed of it.
    pub(super) fn is_over(&self) -> bool {
        self.stage >= Stage::Confirmed
    }

    /// Whether the tables show that it has begun and not ended.
    pub(super) fn is_under_way(&self) -> bool {
        self.is_claimed() && self.stage < Stage::Closed && !self.recovery.is_over
    }

    /// Whether another attempt has ended it since the plan.
    pub(super) const fn is_over_already(&self) -> bool {
        self.recovery.is_over
    }

    /// Whether a run of a product that the account does not have is left out: nobody has named the list, and nothing of
    /// it was ever read.
    pub(super) const fn may_be_skipped(&self) -> bool {
        self.context.may_lack && !self.plan.was_ever_read
    }

    pub(super) const fn has_recovered_pages(&self) -> bool {
        self.recovery.has_pages()
    }

    /// Whether objects of the pages that wait cannot be rows, and no event has said so.
    pub(super) fn has_refused_objects(&self) -> bool {
        self.walk.pages().iter().any(|fetched| !fetched.page.refused.is_empty())
    }

    /// Whether it is a new run: nothing can have landed of it before its first pair.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.plan.purpose == Purpose::New
    }

    fn gives_up(&self) -> bool {
        matches!(self.plan.purpose, Purpose::GiveUp(_))
    }
}
