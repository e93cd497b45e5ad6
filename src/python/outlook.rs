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
    run_id: Option<String>,
    goes_on: bool,
    start_created_gte: Option<i64>,
    landed: u64,
    was_ever_read: bool,
    line: String,
    warnings: Vec<String>,
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
    continued: usize,
    new: usize,
    without_news: usize,
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
    let run::Outlook { continued, new, without_news, one } = found;
    Ok(Outlook { continued, new, without_news, one: one.map(NextRun::from) })
}
