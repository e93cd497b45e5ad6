//! What the next run of a list would do, for Python.

use std::collections::BTreeMap;

use pyo3::prelude::*;

use super::client::Client;
use super::history::Known;
use crate::checkpoint::{self, Circumstances, GiveUp};
use crate::http_client::now;
use crate::run::{self, LandedByAccount, Planner, RunContext};
use crate::store;
use crate::stripe::entities::Entity;
use crate::stripe::scope::Scope;

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

/// What the caller of a run wishes.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(super) struct Wishes {
    owner: String,
    dead_owners: Vec<String>,
    take_over: bool,
    give_up: Option<String>,
    start: Option<i64>,
    follows: bool,
    account: Option<String>,
}

pub(super) fn outlook(
    client: &Client,
    entity: &'static Entity,
    known: Option<&Known<'_>>,
    accounts: Vec<Option<String>>,
    wishes: Wishes,
    landed: LandedByAccount<'_>,
) -> PyResult<Outlook> {
    accounts.iter().flatten().try_for_each(|account| store::check_account(account))?;
    let circumstances = Circumstances {
        take_over: wishes.take_over,
        give_up: wishes.give_up.as_deref().map(GiveUp::by_name).transpose()?,
        start: wishes.start,
        follows: wishes.follows,
        ..Circumstances::new(now(), wishes.owner.clone())
    };
    let context = RunContext {
        scope: Scope { entity, account: None },
        livemode: client.livemode,
        settings: String::new(),
        options: client.options.clone(),
        store_id: String::new(),
        owner: wishes.owner,
        nonce: String::new(),
        library_version: env!("CARGO_PKG_VERSION").to_owned(),
        has_asked_lists: false,
        may_lack: false,
    };
    let origin = client.resources.client.origin().as_str().to_owned();
    let planner = Planner::new(context, BTreeMap::new(), origin, circumstances, wishes.dead_owners, accounts);
    let histories = known.map(Known::histories).unwrap_or_default();
    let found = planner.outlook(&histories, landed, wishes.account.as_deref(), now())?;
    let run::Outlook { continued, new, without_news, one } = found;
    Ok(Outlook { continued, new, without_news, one: one.map(NextRun::from) })
}
