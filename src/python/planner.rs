//! The planner of a list's runs, from what Python knows of a call.

use std::collections::BTreeMap;

use pyo3::prelude::*;

use super::client::Client;
use crate::checkpoint::{Circumstances, GiveUp};
use crate::http_client::{new_ulid, now};
use crate::run::{Planner, RunContext};
use crate::store;
use crate::stripe::entities::Entity;
use crate::stripe::scope::Scope;

/// What the caller of a run wishes.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(super) struct Wishes {
    pub(super) owner: String,
    pub(super) dead_owners: Vec<String>,
    pub(super) take_over: bool,
    pub(super) give_up: Option<String>,
    pub(super) start: Option<i64>,
    pub(super) follows: bool,
    pub(super) account: Option<String>,
}

/// What an attempt records, and needs to know of the call's other lists.
#[derive(Default)]
pub(super) struct Call {
    pub(super) settings: BTreeMap<String, String>,
    pub(super) store_id: String,
    pub(super) has_asked_lists: bool,
    pub(super) may_lack: bool,
    pub(super) in_wave: bool,
}

pub(super) fn planner(
    client: &Client,
    entity: &'static Entity,
    accounts: Vec<Option<String>>,
    wishes: Wishes,
    call: Call,
) -> PyResult<Planner> {
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
        store_id: call.store_id,
        owner: wishes.owner,
        nonce: new_ulid(),
        library_version: env!("CARGO_PKG_VERSION").to_owned(),
        has_asked_lists: call.has_asked_lists,
        may_lack: call.may_lack,
    };
    let origin = client.resources.client.origin().as_str().to_owned();
    let mut planner = Planner::new(context, call.settings, origin, circumstances, wishes.dead_owners, accounts);
    planner.in_wave = call.in_wave;
    Ok(planner)
}
