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

/// A Stripe key, an API address and the options of a run; one HTTP client shared by all entities.
///
/// The key is a text or an `ApiKey`, and is shown nowhere. The options are keywords, those that `_core.options` lists,
/// e.g. `max_requests_per_second=50`; one that is None has its default. No variable of the environment and no settings
/// file counts, `STRIPE_RAW_API_BASE_URL` neither. Nothing is sent yet.
///
/// Raises UsageError for a key that is not an `sk_`/`rk_` secret, an option that is unknown or out of bounds, or an
/// address that the key may not be sent to: a live key goes to Stripe alone.
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

    /// The data that its key reads: "test" or "live". A key whose prefix says neither counts as live.
    #[getter]
    const fn mode(&self) -> &'static str {
        self.mode.name()
    }

    /// The address of the API, from `api_base_url`: scheme and host, and the port if it is not the usual one.
    #[getter]
    fn origin(&self) -> &str {
        self.resources.client.origin().as_str()
    }

    /// The most requests a second over all lists; None if nothing limits them.
    #[getter]
    fn max_requests_per_second(&self) -> Option<f64> {
        self.limits.overall()
    }

    /// The source of the trusted certificate authorities: the machine, the environment in its place, `ca_file`.
    #[getter]
    fn authorities(&self) -> &str {
        self.resources.client.authorities()
    }

    /// Ask for the account behind the key, and do not wait: a later call of `account_id` waits for less.
    fn ask_account_id(&self) -> PyResult<()> {
        let client = self.resources.client.clone();
        runtime()?.spawn(async move { client.account_id().await });
        Ok(())
    }

    /// The account behind the key; None if no answer names it. One request, however often it is called.
    ///
    /// Raises ConnectionFailedError if no connection can be made: there is no network.
    fn account_id(&self, py: Python<'_>) -> PyResult<Option<String>> {
        Ok(wait(py, self.resources.client.account_id())??)
    }

    /// One line: how many requests so many lists of so many accounts are, one page each, and how long they take.
    fn estimate(&self, accounts: u64, lists: u64) -> String {
        estimate(accounts, lists, self.limits)
    }

    /// The time that so many requests to each of some lists take at the limits; None if nothing limits them.
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands extracted collections over by value")]
    fn seconds(&self, requests: Vec<u64>) -> Option<f64> {
        seconds(&requests, self.limits)
    }

    /// Ask for some pages of the list from second `since` on, to find out about how many objects it has.
    ///
    /// Raises for bad input only; Stripe's errors are in the answer's probe. `since` is in seconds since 1970; None is
    /// the whole list. `landed` of the objects have landed already.
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

    /// Say what the next attempt at the list would do. Nothing is asked, and nothing begins.
    ///
    /// Raises as `attempt` does: HeldError if another process works on the list.
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

    /// Ids of the accounts that are connected to the key's own, as Stripe lists them now. Writes nothing.
    ///
    /// Raises as a run of that list does, and BudgetError if `max_requests` is used up before all are known.
    fn connected_accounts(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        Ok(wait(py, connected_accounts(&self.resources, &self.options))??)
    }

    /// Name these paths from now on when the accounts at their ends are asked: requests carry `Stripe-Context`.
    ///
    /// A path is ids with slashes between them, e.g. `org_1/acct_1`. Raises UsageError for anything else.
    fn reach_by(&self, paths: Vec<String>) -> PyResult<()> {
        paths.iter().try_for_each(|path| store::check_account(path))?;
        self.resources.client.reach_by(paths);
        Ok(())
    }

    /// Ask whether the entity's newest landed objects are still in its list: `rows` are its `newest_rows`.
    ///
    /// False if the answer does not show it. Raises UsageError if none is there: the lake has the objects of another
    /// account.
    fn is_same_account(&self, py: Python<'_>, history: &History, rows: PyRecordBatchReader) -> PyResult<bool> {
        let Some(second) = history.folded.newest_created() else { return Ok(false) };
        let landed = text_column(&batches(py, rows)?, "_stripe_id")?;
        let request = witness::request(history.entity, &self.options, history.account.clone(), second);
        let outcome = wait(py, self.resources.ask(&request))??;
        Ok(witness::read(history.entity, &outcome, &landed)?)
    }

    /// Ask once for one object of the list. Raises for bad input only; Stripe's errors are in the answer.
    ///
    /// `account` is a connected account; None is the key's own.
    #[pyo3(signature = (entity, account = None))]
    fn probe(&self, py: Python<'_>, entity: &str, account: Option<String>) -> PyResult<Probe> {
        let entity = known_entity(entity)?;
        account.as_deref().map_or(Ok(()), store::check_account)?;
        let request = probe::request(entity, &self.options, account);
        let outcome = wait(py, self.resources.ask(&request))??;
        Ok(probe::read(entity, &outcome, probe::OBJECTS, now()).into())
    }

    /// One list as a stream of rows, from second `start` on and below second `end`; see `stripe_raw_rs.read`.
    ///
    /// `account` is a connected account, None the key's own. `start` and `end` are in seconds since 1970, None for no
    /// limit. `columns` are those of the raw table that need no run, None for all of them. Raises UsageError if
    /// something cannot be used as given.
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

    /// Properties of a new checkpoint table: which account, mode and server the lake belongs to.
    ///
    /// `account_id` is the key's account; None if it is not known.
    #[pyo3(signature = (store_id, account_id = None))]
    fn store_properties(&self, store_id: &str, account_id: Option<String>) -> BTreeMap<String, String> {
        self.identity(account_id).properties(store_id)
    }

    /// Properties that make a lake without rows this client's; None if it is already, or is not a lake of ours.
    #[pyo3(signature = (properties, account_id = None))]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands extracted collections over by value")]
    fn rebinding_properties(
        &self,
        properties: BTreeMap<String, String>,
        account_id: Option<String>,
    ) -> Option<BTreeMap<String, String>> {
        self.identity(account_id).rebinding(&properties)
    }

    /// Raise UsageError if the lake at `place` belongs to another account, mode, server or layout.
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

    /// Properties that a checkpoint table lacks and that are known now: the account.
    #[pyo3(signature = (properties, account_id = None))]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands extracted collections over by value")]
    fn missing_properties(
        &self,
        properties: BTreeMap<String, String>,
        account_id: Option<String>,
    ) -> BTreeMap<String, String> {
        self.identity(account_id).missing(&properties)
    }

    /// The next attempt at `entity`: for each account a new window, or its unfinished run. Sends nothing yet.
    ///
    /// `store_id` is the lake's (`stripe_raw.store_id`), `owner` names this process. `accounts` are those to read, None
    /// among them for the key's own; the default is the one of the history, or the key's own. `dead_owners` are
    /// processes known to be gone: their runs need not be waited for. `take_over` takes a run from a process that is
    /// presumed alive. `give_up` ends an unfinished run: after "restart" the next window begins where the last complete
    /// run ended, after "scratch" it is open at the bottom. `start` is the lower end of the first window, in seconds
    /// since 1970; None leaves it open. `settings` are recorded with the options in RUN_STARTED.
    ///
    /// `follows` says whether changes are followed, `events` what `events` has landed, `parents` what has landed of the
    /// objects whose lists these are, `has_asked_lists` whether lists that its own objects do not show are asked for in
    /// this call, `may_lack` whether an account that does not have the list is skipped, `among_others` whether the call
    /// has other accounts, too: then an error is one of its account. `in_wave` makes pairs that do not land one by one:
    /// a `Wave` commits those of many accounts together; only a first run can be part of one.
    ///
    /// Raises HeldError if another process holds the list and is presumed alive: its newest event is younger than ten
    /// minutes. Raises UsageError for bad input, and for a text that holds a secret of Stripe's.
    #[pyo3(signature = (entity, history, *, store_id, owner, accounts = None, dead_owners = None, take_over = false,
                        give_up = None, start = None, settings = None, follows = false, events = None, parents = None,
                        has_asked_lists = false, may_lack = false, among_others = false, in_wave = false))]
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
        in_wave: bool,
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
        let call = Call { settings, store_id, has_asked_lists, may_lack, in_wave };
        let mut planner = planner(self, history.entity(), accounts, wishes, call)?;
        planner.has_many |= among_others;
        let landed =
            LandedByAccount { events: events.map(|events| &events.folded), parents: parents.map(|parents| &parents.0) };
        let attempt = planner.begin(&history.histories(), landed, now(), &mut new_ulid)?;
        Ok(Attempt::new(Driver::new(attempt), self.resources.clone(), Arc::clone(&self.interrupted), planner))
    }

    /// Ask all attempts of this client to stop: each hands over what it has, then raises InterruptedRunError.
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

/// Raise UsageError if it is not the id of a connected account, or the path to one: `acct_1`, or `org_1/acct_1`.
#[pyfunction]
pub(super) fn check_account(account: &str) -> PyResult<()> {
    Ok(store::check_account(account)?)
}

/// Raise TableError if the raw table at `place`, which has these properties, is not of the lake `store_id`.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands extracted collections over by value")]
pub(super) fn check_raw_table(properties: BTreeMap<String, String>, store_id: &str, place: &str) -> PyResult<()> {
    Ok(store::check_raw_table(&properties, store_id, place)?)
}
