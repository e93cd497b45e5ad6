//! What the next run of a list would do, for Python.

use pyo3::prelude::*;

use super::client::Client;
use super::history::Known;
use super::planner::{Call, Wishes, planner};
use crate::checkpoint;
use crate::http_client::now;
use crate::run::{self, LandedByAccount};
use crate::stripe::entities::Entity;

/// What the next run of an account would do.
#[pyclass(frozen, get_all, module = "stripe_raw_rs._core")]
#[derive(Clone)]
pub(super) struct NextRun {
    /// The run that it goes on with, or gives up; None for a new one.
    run_id: Option<String>,
    /// Whether it goes on with an unfinished run.
    goes_on: bool,
    /// Lower end of its window, in seconds since 1970; None if it is open.
    start_created_gte: Option<i64>,
    /// Objects that the unfinished run has landed already.
    landed: u64,
    /// Whether an earlier attempt has ever read anything of the list.
    was_ever_read: bool,
    /// What it would do, in words: one line.
    line: String,
    /// Things that would be done in another way than asked, or that are unwise: a line each.
    warnings: Vec<String>,
    /// Lines about the run that goes on.
    notices: Vec<String>,
}

impl From<run::NextRun> for NextRun {
    fn from(next: run::NextRun) -> Self {
        Self {
            run_id: Some(next.plan.run_id).filter(|run_id| !run_id.is_empty()),
            goes_on: next.plan.purpose == checkpoint::Purpose::Resume,
            start_created_gte: next.start_created_gte,
            landed: next.landed,
            was_ever_read: next.plan.was_ever_read,
            line: next.line,
            warnings: next.plan.warnings,
            notices: next.plan.notices,
        }
    }
}

/// The runs that the next attempt at a list would have.
#[pyclass(frozen, get_all, module = "stripe_raw_rs._core")]
pub(super) struct Outlook {
    /// Number of runs that go on, or are given up first.
    continued: usize,
    /// Number of runs that are new.
    new: usize,
    /// Number of accounts that get no run, unless something happens in them.
    without_news: usize,
    /// Accounts whose unfinished runs are given up; None for the key's own.
    given_up: Vec<Option<String>>,
    /// The run of the account that was asked about; None if it gets none.
    one: Option<NextRun>,
}

pub(super) fn outlook(
    client: &Client,
    entity: &'static Entity,
    known: Option<&Known<'_>>,
    accounts: Vec<Option<String>>,
    wishes: Wishes,
    landed: LandedByAccount<'_>,
) -> PyResult<Outlook> {
    let account = wishes.account.clone();
    let planner = planner(client, entity, accounts, wishes, Call::default())?;
    let histories = known.map(Known::histories).unwrap_or_default();
    let found = planner.outlook(&histories, landed, account.as_deref(), now())?;
    let run::Outlook { continued, new, without_news, given_up, one } = found;
    Ok(Outlook { continued, new, without_news, given_up, one: one.map(NextRun::from) })
}
