//! A process that lands the list of many accounts, one effect a step. Its order of steps is that of
//! `python/stripe_raw_rs/attempt.py`.

mod wave;
mod work;

use std::collections::BTreeMap;

use stripe_raw_rs::checkpoint::{GiveUp, Histories};
use stripe_raw_rs::error::{Class, Error};
use stripe_raw_rs::options::Options;
use stripe_raw_rs::run::{
    Attempt, Bounds, Commit, Condition, Ending, JointGroup, LandedByAccount, Member, NewestAttempts, Planner, Run,
};
use stripe_raw_rs::stripe::exchange::Outcome;
use stripe_raw_rs::walk::Ticket;

use super::lake::Lake;
use crate::world::select_any;
use wave::Spread;

/// The ways in which calls differ.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) options: Options,
    pub(crate) accounts: Vec<Option<String>>,
    pub(crate) bounds: Bounds,
    /// Requests in flight at most.
    pub(crate) width: usize,
    pub(crate) takes_over: bool,
    /// Whether nobody has named the list.
    pub(crate) may_lack: bool,
    /// Requests that it may send.
    pub(crate) quota: Option<usize>,
    /// How its first attempt gives up the runs.
    pub(crate) gives_up: Option<GiveUp>,
    /// Whether other processes read the first runs for it.
    pub(crate) spreads: bool,
}

/// The next action.
#[derive(Debug)]
enum Next {
    Look,
    Read(NewestAttempts),
    Plan,
    Start,
    Fence,
    RecoverEvents,
    RecoverRows(Vec<Vec<Condition>>),
    LookAgain,
    ReadAgain(NewestAttempts),
    Prepare,
    Land,
    Rows(JointGroup),
    Events(Commit),
    Runs,
    /// Other processes read.
    Gather(Box<Spread>),
    /// What they have read is committed.
    Commit(Box<Spread>),
    End,
    Fail(Error),
    Over(Result<(), Error>),
}

/// A process that lands the list of many accounts.
pub(crate) struct Caller {
    pub(crate) name: String,
    wish: Wish,
    /// The accounts of the attempt at work.
    accounts: Vec<Option<String>>,
    histories: Histories,
    planner: Option<Planner>,
    attempt: Option<Attempt>,
    next: Next,
    in_flight: Vec<(Member, Ticket, Outcome)>,
    sent: usize,
    is_interrupted: bool,
    has_spread: bool,
    pub(crate) attempts: usize,
    pub(crate) endings: BTreeMap<Option<String>, Ending>,
}

impl Caller {
    pub(crate) fn new(lake: &mut Lake, wish: &Wish) -> Self {
        lake.callers += 1;
        Self {
            name: format!("caller {}", lake.callers),
            wish: wish.clone(),
            accounts: wish.accounts.clone(),
            histories: Histories::default(),
            planner: None,
            attempt: None,
            next: Next::Look,
            in_flight: Vec::new(),
            sent: 0,
            is_interrupted: false,
            has_spread: false,
            attempts: 0,
            endings: BTreeMap::new(),
        }
    }

    pub(crate) fn outcome(&self) -> Option<&Result<(), Error>> {
        match &self.next {
            Next::Over(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Whether it is about to claim what it has planned.
    pub(crate) const fn is_planned(&self) -> bool {
        matches!(self.next, Next::Start)
    }

    /// Asks it to stop; it does so in its own time.
    pub(crate) const fn interrupt(&mut self) {
        self.is_interrupted = true;
    }

    /// Runs to its end.
    pub(crate) fn finish(&mut self, lake: &mut Lake) -> Result<(), Error> {
        for _ in 0..20_000 {
            if let Some(outcome) = self.outcome() {
                return outcome.clone();
            }
            self.step(lake);
        }
        panic!("{} goes on for ever: {:#?}", self.name, self.attempt);
    }

    /// One step: at most one effect on the tables. Meanwhile an answer may come.
    pub(crate) fn step(&mut self, lake: &mut Lake) {
        if matches!(self.next, Next::Rows(_) | Next::Events(_) | Next::Runs) && lake.world.chance.one_in(2) {
            self.fetch(lake);
        }
        let next = std::mem::replace(&mut self.next, Next::Land);
        if !matches!(next, Next::Land | Next::Over(_)) {
            let said = format!("{next:?}").chars().take_while(|letter| *letter != '(').collect::<String>();
            lake.tell(format!("{}: {said}, {} accounts, {:?}", self.name, self.accounts.len(), self.accounts.first()));
        }
        let is_of_wave = matches!(next, Next::Gather(_) | Next::Commit(_));
        let writes = !is_of_wave && !matches!(next, Next::Look | Next::Read(_) | Next::Plan | Next::Fail(_));
        self.next = match self.take(next, lake) {
            Ok(next) => next,
            Err(error) if writes && error.class != Class::Fenced => Next::Fail(error),
            Err(error) => self.over(Err(error), lake),
        };
    }

    fn attempt(&mut self) -> &mut Attempt {
        self.attempt.as_mut().expect("planned")
    }

    fn take(&mut self, next: Next, lake: &mut Lake) -> Result<Next, Error> {
        let now = lake.world.now();
        Ok(match next {
            Next::Over(outcome) => Next::Over(outcome),
            Next::Look => Next::Read(self.newest_attempts(lake)),
            Next::Read(newest) => {
                self.read(&newest, lake);
                Next::Plan
            }
            Next::Plan => self.plan(lake)?,
            Next::Start => {
                let started = self.attempt().started(now)?;
                lake.append_events(&started)?;
                Next::Fence
            }
            Next::Fence => {
                let fence = self.attempt().fence()?;
                lake.append_rows(&fence)?;
                Next::RecoverEvents
            }
            Next::RecoverEvents => {
                let runs = self.attempt().continued_runs();
                let events = select_any(&lake.world.checkpoints.batches, &runs);
                Next::RecoverRows(self.attempt().recover_events(&events)?)
            }
            Next::RecoverRows(reads) => {
                let rows = select_any(&lake.world.raw.batches, &reads);
                let attempt = self.attempt.as_mut().expect("planned");
                attempt.recover_rows(&rows)?;
                self.planner.as_mut().expect("planned").stop_if_over(attempt);
                Next::LookAgain
            }
            Next::LookAgain => Next::ReadAgain(self.newest_attempts(lake)),
            Next::ReadAgain(newest) => {
                self.read(&newest, lake);
                Next::Prepare
            }
            Next::Prepare => {
                let reads = self.attempt().reads(Run::overlap);
                for batch in select_any(&lake.world.raw.batches, &reads) {
                    let asked = self.attempt().asked(Run::overlap);
                    self.attempt().give(&batch, &asked, Run::compare)?;
                }
                Next::Land
            }
            Next::Land => self.land(lake)?,
            Next::Gather(spread) => self.gather(spread, lake)?,
            Next::Commit(spread) => self.commit(spread, lake)?,
            Next::Rows(group) => {
                if !group.rows.batches.is_empty() {
                    lake.append_rows(&group.rows)?;
                }
                Next::Events(group.checkpoint)
            }
            Next::Events(commit) => {
                if !commit.batches.is_empty() {
                    lake.append_events(&commit)?;
                }
                Next::Land
            }
            Next::Runs => {
                let planner = self.planner.as_mut().expect("planned");
                if planner.remaining() == 0 {
                    return Ok(Next::End);
                }
                let attempt = self.attempt.as_mut().expect("planned");
                planner.next_runs(attempt, &self.histories, LandedByAccount::default(), now, &mut || lake.new_id())?;
                Next::Prepare
            }
            Next::End => {
                if let Some(end) = self.attempt().ended(now)?
                    && !end.batches.is_empty()
                {
                    lake.append_events(&end)?;
                }
                self.again(lake)
            }
            Next::Fail(error) => {
                let attempt = self.attempt();
                let was_ever_read = attempt.only().is_some_and(|run| run.plan().was_ever_read);
                let is_skipped = error.class == Class::Product && self.wish.may_lack && !was_ever_read;
                // Nobody knows whether the runs have begun that a commit of unknown outcome begins.
                let has_pending = error.class == Class::Table;
                let attempt = self.attempt();
                // If it cannot be written, the first error is the one to hear about.
                if (!attempt.is_new() || !is_skipped)
                    && let Ok(failed) = attempt.failed(error.class.name(), &error.message, now)
                {
                    let has_failed = lake.append_events(&failed).is_ok() && lake.world.checkpoints.holds(&failed);
                    let under_way = lake.under_way(failed.version >> 32);
                    assert!(!has_failed || has_pending || under_way.is_empty(), "runs without an end: {under_way:?}");
                }
                self.over(Err(error), lake)
            }
        })
    }

    fn over(&mut self, outcome: Result<(), Error>, lake: &Lake) -> Next {
        self.note_endings(lake);
        Next::Over(outcome)
    }

    fn note_endings(&mut self, lake: &Lake) {
        let endings = self.attempt.as_ref().map(|attempt| attempt.endings(lake.world.now())).unwrap_or_default();
        // An attempt at one account alone says so before its end has landed; then the call as a whole fails.
        let is_alone = self.attempt.as_ref().is_some_and(|attempt| attempt.only().is_some());
        for ending in endings.iter().filter(|ending| ending.is_complete && !is_alone) {
            assert!(lake.is_over(&ending.run_id), "{} says that {ending:?} is complete", self.name);
        }
        self.endings.extend(endings.into_iter().map(|ending| (ending.account.clone(), ending)));
    }

    /// A new run follows one that went on; and accounts that were left get their attempt.
    fn again(&mut self, lake: &Lake) -> Next {
        self.note_endings(lake);
        let endings = self.attempt().endings(lake.world.now());
        let followed = endings.into_iter().filter(|ending| ending.is_continued && ending.is_complete);
        let mut accounts: Vec<Option<String>> = followed.map(|ending| ending.account).collect();
        for account in self.planner.as_ref().expect("planned").left() {
            if !accounts.contains(account) {
                accounts.push(account.clone());
            }
        }
        self.accounts = accounts;
        (self.planner, self.attempt) = (None, None);
        self.in_flight.clear();
        if !self.accounts.is_empty() {
            return Next::Look;
        }
        let is_settled = |account: &&Option<String>| {
            let ending = self.endings.get(*account);
            ending.is_some_and(|ending| ending.is_complete || ending.is_skipped || ending.error.is_some())
        };
        let forgotten: Vec<_> = self.wish.accounts.iter().filter(|account| !is_settled(account)).collect();
        assert!(forgotten.is_empty(), "{} has forgotten {forgotten:?}", self.name);
        Next::Over(Ok(()))
    }
}
