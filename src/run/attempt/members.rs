//! The runs of an attempt, one for each account, and how each has ended.

use super::{Attempt, Member};
use crate::checkpoint::{ParentRows, Purpose};
use crate::error::{Class, Error};
use crate::run::Run;
use crate::stripe::exchange::Now;

/// How the run of one account has ended, as far as it has.
#[derive(Debug, Clone)]
pub struct Ending {
    /// Connected account; `None` for the key's own.
    pub account: Option<String>,
    /// The run.
    pub run_id: String,
    /// Whether it went on with an earlier attempt's run, or gave one up: then a new run may follow.
    pub is_continued: bool,
    /// Whether all of its window has landed.
    pub is_complete: bool,
    /// The error that ended it, or that of the first object that cannot be a row.
    pub error: Option<Error>,
    /// Whether it was left out: the account does not have the product, nobody has named the list, and nothing of it was
    /// ever read.
    pub is_skipped: bool,
    /// What it has landed, for the lists of its objects.
    pub landed_parents: Option<ParentRows>,
}

impl Ending {
    pub(super) fn of(run: &Run) -> Self {
        Self {
            account: run.scope().account.clone(),
            run_id: run.plan().run_id.clone(),
            is_continued: run.plan().purpose != Purpose::New,
            is_complete: false,
            error: None,
            is_skipped: false,
            landed_parents: None,
        }
    }
}

impl Attempt {
    /// How its runs have ended; of those that are not over, what is known so far.
    #[must_use]
    pub fn endings(&self, now: Now) -> Vec<Ending> {
        let ending = |(member, ending): (Member, &Ending)| match self.run(member) {
            Some(run) => said_by(run, ending, now),
            None => ending.clone(),
        };
        self.endings.iter().enumerate().map(ending).collect()
    }

    /// A run is over: its pages, rows and lists need not be kept.
    pub(super) fn close(&mut self, member: Member, now: Now) {
        let Some(run) = self.runs.get_mut(member).and_then(Option::take) else { return };
        self.endings[member] = said_by(&run, &self.endings[member], now);
        self.over = self.over.and(run.progress());
        self.open.retain(|open| *open != member);
    }

    /// The runs that have not begun to read do not begin any more. Those that the tables show as begun are still to end.
    pub(super) fn dismiss(&mut self, error: &Error) {
        for member in std::mem::take(&mut self.waiting) {
            self.endings[member].error.get_or_insert_with(|| error.clone());
            if self.run(member).is_some_and(Run::is_claimed) {
                self.dismissed.push(member);
            } else {
                self.runs[member] = None;
            }
        }
    }
}

fn said_by(run: &Run, ending: &Ending, now: Now) -> Ending {
    let error = run.walk().error().cloned().or_else(|| run.refusal());
    let is_skipped = error.as_ref().is_some_and(|error| error.class == Class::Product) && run.may_be_skipped();
    Ending {
        is_complete: run.has_ended(),
        is_skipped,
        landed_parents: run.landed_parents(now),
        error: error.filter(|_| !is_skipped).or_else(|| ending.error.clone()),
        ..ending.clone()
    }
}
