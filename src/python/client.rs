//! A key, an address and the options of a run.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3_arrow::PyRecordBatchReader;

use super::attempt::Attempt;
use super::batches;
use super::history::{Histories, History, Known, known_entity};
use super::key::Given;
use super::outlook::{Outlook, outlook};
use super::parents::ParentRows;
use super::planner::{Call, Wishes, planner};
use super::probe::Probe;
use super::process::RUNTIME;
use super::reader::{Source, Stream};
use super::runtime::{runtime, wait};
use super::survey::{Survey, survey};
use super::written::written;
use crate::ask::{probe, witness};
use crate::columns::text_column;
use crate::error::Error;
use crate::http_client::{
    ByteBudget, Driver, HttpClient, Mode, Origin, Quota, Resources, Slots, connected_accounts, new_ulid, now,
};
use crate::options::{Options, refuse_secret};
use crate::pace::{Limits, estimate, seconds};
use crate::page::{Decoders, TextPool};
use crate::read::{Columns, Query};
use crate::run::LandedByAccount;
use crate::store::{self, Identity};
use crate::stripe::expand;
use crate::stripe::window::Range;

/// Buffers of all clients of the process together.
static BUDGET: LazyLock<ByteBudget> = LazyLock::new(ByteBudget::default);

/// A Stripe key, an API address and the options of a run.
#[pyclass(frozen, module = "stripe_raw_rs._core")]
pub struct Client {
    pub(super) resources: Resources,
    pub(super) options: Options,
    mode: Mode,
    pub(super) livemode: Option<bool>,
    limits: Limits,
    pub(super) interrupted: Arc<AtomicBool>,
}

impl Client {
    fn identity(&self, account: Option<String>) -> Identity {
        Identity { origin: self.resources.client.origin().as_str().to_owned(), mode: self.mode.name(), account }
    }
}

#[pymethods]
impl Client {
    #[new]
    #[pyo3(signature = (api_key, **options))]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands extracted values over by value")]
    fn new(api_key: Given<'_>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        RUNTIME.check()?;
        let written = written(options)?;
        let key = api_key.key()?;
        let (mode, livemode) = (key.mode(), key.livemode());
        let options = Options::read(|name| written.get(name).cloned())?;
        expand::check(&options.expand)?;
        let origin = Origin::parse(&options.api_base_url, mode)?;
        let client = HttpClient::new(&key, origin, &options)?;
        let limits = Limits::of(&options, client.origin().usual_rates(mode));
        let (slots, quota) = (Slots::of_account(&client, limits), Quota::new(options.max_requests));
        let resources =
            Resources { client, buffers: BUDGET.clone(), decoders: Decoders::new(TextPool::shared()), slots, quota };
        Ok(Self { resources, options, mode, livemode, limits, interrupted: Arc::default() })
    }

    #[getter]
    const fn mode(&self) -> &'static str {
        self.mode.name()
    }

    #[getter]
    fn origin(&self) -> &str {
        self.resources.client.origin().as_str()
    }

    #[getter]
    fn max_requests_per_second(&self) -> Option<f64> {
        self.limits.overall()
    }

    #[getter]
    fn authorities(&self) -> &str {
        self.resources.client.authorities()
    }

    fn ask_account_id(&self) -> PyResult<()> {
        let client = self.resources.client.clone();
        runtime()?.spawn(async move { client.account_id().await });
        Ok(())
    }

    fn account_id(&self, py: Python<'_>) -> PyResult<Option<String>> {
        Ok(wait(py, self.resources.client.account_id())??)
    }

    fn estimate(&self, accounts: u64, lists: u64) -> String {
        estimate(accounts, lists, self.limits)
    }

    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands extracted collections over by value")]
    fn seconds(&self, requests: Vec<u64>) -> Option<f64> {
        seconds(&requests, self.limits)
    }

    #[pyo3(signature = (entity, account = None, *, since = None, landed = 0))]
    fn survey(
        &self,
        py: Python<'_>,
        entity: &str,
        account: Option<String>,
        since: Option<i64>,
        landed: u64,
    ) -> PyResult<Survey> {
        survey(py, self, known_entity(entity)?, account, since, landed)
    }

    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands extracted values over by value")]
    #[pyo3(signature = (entity, histories = None, *, accounts, wishes, events = None, parents = None))]
    fn outlook(
        &self,
        entity: &str,
        histories: Option<Known<'_>>,
        accounts: Vec<Option<String>>,
        wishes: Wishes,
        events: Option<&Histories>,
        parents: Option<&ParentRows>,
    ) -> PyResult<Outlook> {
        let landed =
            LandedByAccount { events: events.map(|events| &events.folded), parents: parents.map(|parents| &parents.0) };
        outlook(self, known_entity(entity)?, histories.as_ref(), accounts, wishes, landed)
    }

    fn connected_accounts(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        Ok(wait(py, connected_accounts(&self.resources, &self.options))??)
    }

    fn reach_by(&self, paths: Vec<String>) -> PyResult<()> {
        paths.iter().try_for_each(|path| store::check_account(path))?;
        self.resources.client.reach_by(paths);
        Ok(())
    }

    fn is_same_account(&self, py: Python<'_>, history: &History, rows: PyRecordBatchReader) -> PyResult<bool> {
        let Some(second) = history.folded.newest_created() else { return Ok(false) };
        let landed = text_column(&batches(py, rows)?, "_stripe_id")?;
        let request = witness::request(history.entity, &self.options, history.account.clone(), second);
        let outcome = wait(py, self.resources.ask(&request))??;
        Ok(witness::read(history.entity, &outcome, &landed)?)
    }

    #[pyo3(signature = (entity, account = None))]
    fn probe(&self, py: Python<'_>, entity: &str, account: Option<String>) -> PyResult<Probe> {
        let entity = known_entity(entity)?;
        account.as_deref().map_or(Ok(()), store::check_account)?;
        let request = probe::request(entity, &self.options, account);
        let outcome = wait(py, self.resources.ask(&request))??;
        Ok(probe::read(entity, &outcome, probe::OBJECTS, now()).into())
    }

    #[pyo3(signature = (entity, *, account = None, start = None, end = None, columns = None))]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands extracted collections over by value")]
    fn read(
        &self,
        entity: &str,
        account: Option<String>,
        start: Option<i64>,
        end: Option<i64>,
        columns: Option<Vec<String>>,
    ) -> PyResult<Stream> {
        account.as_deref().map_or(Ok(()), store::check_account)?;
        let columns = match &columns {
            None => Columns::all(),
            Some(names) => Columns::named(names.iter().map(String::as_str))?,
        };
        let window = Range { gte: start, lt: end };
        let query = Query::new(entity, account, window, columns, &self.options)?;
        let resources = self.resources.clone();
        Ok(Stream::new(Source { resources, options: self.options.clone(), livemode: self.livemode, query }))
    }

    #[pyo3(signature = (store_id, account_id = None))]
    fn store_properties(&self, store_id: &str, account_id: Option<String>) -> BTreeMap<String, String> {
        self.identity(account_id).properties(store_id)
    }

    #[pyo3(signature = (properties, account_id = None))]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands extracted collections over by value")]
    fn rebinding_properties(
        &self,
        properties: BTreeMap<String, String>,
        account_id: Option<String>,
    ) -> Option<BTreeMap<String, String>> {
        self.identity(account_id).rebinding(&properties)
    }

    #[pyo3(signature = (properties, place, account_id = None))]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands extracted collections over by value")]
    fn check_store(
        &self,
        properties: BTreeMap<String, String>,
        place: &str,
        account_id: Option<String>,
    ) -> PyResult<()> {
        Ok(self.identity(account_id).check(&properties, place)?)
    }

    #[pyo3(signature = (properties, account_id = None))]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands extracted collections over by value")]
    fn missing_properties(
        &self,
        properties: BTreeMap<String, String>,
        account_id: Option<String>,
    ) -> BTreeMap<String, String> {
        self.identity(account_id).missing(&properties)
    }

    #[pyo3(signature = (entity, history, *, store_id, owner, accounts = None, dead_owners = None, take_over = false,
                        give_up = None, start = None, settings = None, follows = false, events = None, parents = None,
                        has_asked_lists = false, may_lack = false, among_others = false))]
    #[expect(
        clippy::too_many_arguments,
        clippy::fn_params_excessive_bools,
        clippy::needless_pass_by_value,
        reason = "in Python, each argument is given by its name"
    )]
    fn attempt(
        &self,
        entity: &str,
        history: Known<'_>,
        store_id: String,
        owner: String,
        accounts: Option<Vec<Option<String>>>,
        dead_owners: Option<Vec<String>>,
        take_over: bool,
        give_up: Option<&str>,
        start: Option<i64>,
        settings: Option<BTreeMap<String, String>>,
        follows: bool,
        events: Option<&Histories>,
        parents: Option<&ParentRows>,
        has_asked_lists: bool,
        may_lack: bool,
        among_others: bool,
    ) -> PyResult<Attempt> {
        if entity != history.entity().name {
            return Err(Error::usage(format!("the history belongs to {}", history.entity().name)).into());
        }
        let accounts = match (&history, accounts) {
            (Known::One(history), None) => vec![history.account.clone()],
            (Known::One(history), Some(accounts)) if accounts != [history.account.clone()] => {
                return Err(Error::usage("the history belongs to another account: give Histories of all").into());
            }
            (_, accounts) => accounts.unwrap_or_else(|| vec![None]),
        };
        let settings = settings.unwrap_or_default();
        let texts = settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in texts.chain([("owner", owner.as_str()), ("store_id", store_id.as_str())]) {
            refuse_secret("the name of a setting", name)?;
            refuse_secret(name, value)?;
        }
        let (dead_owners, give_up) = (dead_owners.unwrap_or_default(), give_up.map(str::to_owned));
        let wishes = Wishes { owner, dead_owners, take_over, give_up, start, follows, account: None };
        let call = Call { settings, store_id, has_asked_lists, may_lack };
        let mut planner = planner(self, history.entity(), accounts, wishes, call)?;
        planner.has_many |= among_others;
        let landed =
            LandedByAccount { events: events.map(|events| &events.folded), parents: parents.map(|parents| &parents.0) };
        let attempt = planner.begin(&history.histories(), landed, now(), &mut new_ulid)?;
        Ok(Attempt::new(Driver::new(attempt), self.resources.clone(), Arc::clone(&self.interrupted), planner))
    }

    fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
    }

    fn __repr__(&self) -> String {
        format!("Client({}, {} mode)", self.origin(), self.mode())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Its connections belong to the runtime's threads: if there are none, the connections stay as they are.
        if !RUNTIME.is_here() {
            std::mem::forget(self.resources.clone());
        }
    }
}

/// Checks the id of a connected account.
#[pyfunction]
pub(super) fn check_account(account: &str) -> PyResult<()> {
    Ok(store::check_account(account)?)
}

/// Checks that a raw table is one of the lake's.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands extracted collections over by value")]
pub(super) fn check_raw_table(properties: BTreeMap<String, String>, store_id: &str, place: &str) -> PyResult<()> {
    Ok(store::check_raw_table(&properties, store_id, place)?)
}
