//! One attempt at a list: the runs of one account or of many, under one fence.
//!
//! Each account has a run of its own, with its own window, pages and end. The attempt has what they share: the epoch, the
//! numbers of the commits, and the commits themselves, which mix the accounts. Few runs read at a time; the others wait
//! and cost nothing. A run joins with its RUN_STARTED in any commit of events, and its rows come only after that. The
//! error of one account ends that account's run; the others go on.

mod group;
mod members;
mod opening;
mod planning;
mod reading;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

pub use group::JointGroup;
pub use members::Ending;
pub use opening::Asked;
pub use planning::{Landed, NextRun, Outlook, Planner};

use super::Run;
use crate::checkpoint::Plan;
use crate::error::{Error, Result};
use crate::stripe::entities::Entity;
use crate::stripe::exchange::{Endpoint, Now};
use crate::walk::{Progress, Reader};

/// How much an attempt does at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// New runs that are planned and read for at once.
    pub new_runs: usize,
    /// Most runs that read at a time: beyond that, no limit of Stripe's is used any better, and memory grows.
    pub reading: usize,
    /// Bytes of payload after which a group is committed. While the rows of some runs are committed, as many bytes of
    /// those that join wait.
    pub joint_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { new_runs: 2_048, reading: 64, joint_bytes: 20 << 20 }
    }
}

impl Bounds {
    /// Those for a list. One that Stripe does not filter is compared with all of its rows before it is read.
    #[must_use]
    pub fn of(entity: &Entity) -> Self {
        let all = Self::default();
        if entity.window.is_filtered() { all } else { Self { new_runs: all.new_runs / 8, ..all } }
    }
}

/// Names a run of an attempt.
pub type Member = usize;

/// One attempt at a list.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts")]
pub struct Attempt {
    entity: &'static Entity,
    bounds: Bounds,
    /// All runs; one that is over has left its outcome only.
    runs: Vec<Option<Box<Run>>>,
    endings: Vec<Ending>,
    /// The runs that have begun to read and are not over.
    open: Vec<Member>,
    /// The runs that have not begun to read.
    waiting: VecDeque<Member>,
    /// Whether the runs that wait may begin: before that, the caller gives them what they have to know.
    are_prepared: bool,
    /// Whether more runs are to come.
    expects_more: bool,
    /// Whether its call is about one account, and it never was to have another run: a run that numbers its commits with
    /// others cannot go on by itself.
    is_alone: bool,
    /// How many answers have come, of any run.
    answers: u64,
    /// The runs whose requests have no answer at present, with the number of answers when that began.
    silent: HashMap<Member, u64>,
    /// The runs that go on with earlier attempts' and do not read any more: an error has ended all runs before.
    dismissed: Vec<Member>,
    /// The runs that have a part in the commit handed over last.
    handed: Vec<Member>,
    /// Number of the newest commit; `None` before the first.
    sequence: Option<i64>,
    has_landed: bool,
    last_group: Duration,
    is_flushing: bool,
    /// The counters of the runs that are over.
    over: Progress,
    /// The error that ends all runs.
    error: Option<Error>,
}

impl Attempt {
    /// An attempt without a run yet.
    #[must_use]
    pub fn new(entity: &'static Entity, bounds: Bounds) -> Self {
        Self {
            entity,
            bounds,
            runs: Vec::new(),
            endings: Vec::new(),
            open: Vec::new(),
            waiting: VecDeque::new(),
            are_prepared: false,
            expects_more: true,
            is_alone: false,
            answers: 0,
            silent: HashMap::new(),
            dismissed: Vec::new(),
            handed: Vec::new(),
            sequence: None,
            has_landed: false,
            last_group: Duration::ZERO,
            is_flushing: false,
            over: Progress::default(),
            error: None,
        }
    }

    /// An attempt with one run.
    #[must_use]
    pub fn of(run: Run) -> Self {
        let mut attempt = Self::new(run.entity(), Bounds::default()).of_one_account();
        attempt.add(vec![run], false);
        attempt
    }

    /// The same attempt, of a call about one account: if that is its only run, it goes on by itself.
    #[must_use]
    pub fn of_one_account(self) -> Self {
        Self { is_alone: true, ..self }
    }

    /// Adds runs that have done nothing yet: they begin to read when others leave room. More may follow if it
    /// `expects_more`.
    pub fn add(&mut self, runs: Vec<Run>, expects_more: bool) {
        self.is_alone &= !self.runs.is_empty() || (runs.len() == 1 && !expects_more);
        self.expects_more = expects_more;
        self.are_prepared = false;
        for run in runs {
            self.endings.push(Ending::of(&run));
            self.waiting.push_back(self.runs.len());
            self.runs.push(Some(Box::new(run)));
        }
        // What ended all runs may have come while these were planned.
        if let Some(error) = self.error.clone() {
            self.dismiss(&error);
        }
    }

    /// The only run, if the attempt is about one account: then it is as if there were no others.
    fn alone(&self) -> Option<&Run> {
        self.runs.first().filter(|_| self.is_alone)?.as_deref()
    }

    fn alone_mut(&mut self) -> Option<&mut Run> {
        self.runs.first_mut().filter(|_| self.is_alone)?.as_deref_mut()
    }

    /// The only run, if the attempt is about one account, and it is not over.
    #[must_use]
    pub fn only(&self) -> Option<&Run> {
        self.alone()
    }

    /// How many runs it has, with those that are over.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.runs.len()
    }

    /// How many of its runs are over.
    #[must_use]
    pub fn finished(&self) -> usize {
        self.runs.iter().filter(|run| run.is_none()).count()
    }

    /// Whether its RUN_STARTED is in the checkpoint table, so far as is known: then no other attempt has its number.
    #[must_use]
    pub fn is_claimed(&self) -> bool {
        match self.alone() {
            Some(run) => run.is_claimed(),
            None => self.sequence.is_some_and(|sequence| sequence > 0 || self.handed.is_empty()),
        }
    }

    /// The accounts whose runs of earlier attempts it only ends.
    pub fn given_up(&self) -> impl Iterator<Item = Option<&str>> {
        self.runs().filter(|run| run.gives_up()).map(|run| run.scope().account.as_deref())
    }

    /// Whether it asks for lists of single objects, and none need be asked: nothing is to be done or written.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        !self.expects_more && self.runs().all(|run| run.plan().is_idle)
    }

    /// Lines for the user about its runs that have not begun, each once.
    #[must_use]
    pub fn lines(&self, of: impl Fn(&Plan) -> &Vec<String>) -> Vec<String> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for line in self.begins().flat_map(|run| of(run.plan())) {
            *counts.entry(line).or_default() += 1;
        }
        let is_alone = self.alone().is_some();
        let line = |(line, count): (&str, usize)| match count {
            _ if is_alone => line.to_owned(),
            1 => format!("one account: {line}"),
            count => format!("{count} accounts: {line}"),
        };
        counts.into_iter().map(line).collect()
    }

    /// The list it reads.
    #[must_use]
    pub const fn entity(&self) -> &'static Entity {
        self.entity
    }

    /// Opens the reading of the runs that were added: from now on, [`Attempt::poll_request`] returns requests. Time counts
    /// from `now`. Once they are open, it does nothing.
    ///
    /// # Errors
    /// Steps of the opening of its only run were left out or taken in another order. Of several runs, that ends the run.
    pub fn begin(&mut self, now: Now) -> Result<()> {
        if self.are_prepared {
            return Ok(());
        }
        self.last_group = now.monotonic;
        if self.alone().is_some() {
            self.open.extend(self.waiting.drain(..));
        }
        self.alone_mut().map_or(Ok(()), |run| run.begin(now))?;
        self.are_prepared = true;
        Ok(())
    }

    /// The endpoint that its requests count for.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        self.entity.path.into()
    }

    /// The reader of the answers to its requests; `None` once all runs are over.
    #[must_use]
    pub fn reader(&self) -> Option<Reader> {
        self.runs().next().map(|run| run.walk().reader())
    }

    /// Ends the fetching of all runs with an error; pages that were received are still handed over.
    pub fn fail(&mut self, error: &Error) {
        self.error.get_or_insert_with(|| error.clone());
        self.dismiss(error);
        self.runs_mut().for_each(|run| run.walk_mut().fail(error.clone()));
    }

    /// A run that is not over.
    #[must_use]
    pub fn run(&self, member: Member) -> Option<&Run> {
        self.runs.get(member)?.as_deref()
    }

    /// A run that is not over.
    pub fn run_mut(&mut self, member: Member) -> Option<&mut Run> {
        self.runs.get_mut(member)?.as_deref_mut()
    }

    /// Runs that are not over.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().flatten().map(AsRef::as_ref)
    }

    pub(super) fn runs_mut(&mut self) -> impl Iterator<Item = &mut Run> {
        self.runs.iter_mut().flatten().map(AsMut::as_mut)
    }

    /// How many of its runs have not begun to read.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Counters so far, of all runs.
    #[must_use]
    pub fn progress(&self) -> Progress {
        if let Some(run) = self.alone() {
            return run.progress();
        }
        let open = self.open.iter().filter_map(|member| self.run(*member)).map(Run::progress);
        let sum = open.fold(self.over, Progress::and);
        Progress { remaining: sum.remaining + self.waiting.len() as u64, ..sum }
    }

    /// Whether nothing more will be read.
    #[must_use]
    pub fn has_read_all(&self) -> bool {
        if let Some(run) = self.alone() {
            return run.has_read_all();
        }
        let nothing_waits = self.waiting.is_empty() && (!self.expects_more || self.error.is_some());
        nothing_waits && self.reading().next().is_none()
    }

    /// Whether it could read more runs than it has.
    #[must_use]
    pub fn wants_more(&self) -> bool {
        self.expects_more
            && self.error.is_none()
            && self.waiting.is_empty()
            && self.reading().count() < self.bounds.reading
    }

    /// The error that ended the fetching of all runs, once everything fetched before it has been handed over.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        match self.alone() {
            Some(run) => run.error(),
            None => self.error.as_ref().filter(|_| self.has_handed_over_all()),
        }
    }

    /// Whether everything fetched has been handed over.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        match self.alone() {
            Some(run) => run.is_finished(),
            None => self.has_handed_over_all(),
        }
    }

    fn has_handed_over_all(&self) -> bool {
        self.has_read_all() && self.open.iter().filter_map(|member| self.run(*member)).all(Run::is_finished)
    }

    /// Stops reading; pages that were received are still handed over.
    pub fn interrupt(&mut self) {
        if let Some(run) = self.alone_mut() {
            return run.interrupt();
        }
        let Some(error) = self.runs().next().map(Run::interruption) else { return };
        self.error.get_or_insert_with(|| error.clone());
        self.dismiss(&error);
        for member in self.open.clone() {
            if let Some(run) = self.run_mut(member) {
                run.interrupt();
            }
        }
    }

    /// Reports that the buffers are full: the pages gathered so far become a group at once.
    pub fn flush(&mut self) {
        self.is_flushing = true;
        if let Some(run) = self.alone_mut() {
            run.flush();
        }
    }

    /// Drops the pages that wait, and reads no more.
    pub fn discard(&mut self) {
        self.interrupt();
        self.runs_mut().for_each(Run::discard);
    }

    /// Lines for the user about odd things in a run's answers, since the last call.
    pub fn take_warnings(&mut self, member: Member) -> Vec<String> {
        self.run_mut(member).map(|run| run.walk_mut().take_warnings()).unwrap_or_default()
    }
}
