//! `StripeSimulator` for Python.

mod values;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use self::values::{Ids, counts, narrow, unknown, value_error};
use super::process::Home;
use crate::error::Error;
use crate::simulator::{AccountData, Settings, StripeSimulator};

/// Adds the class to the module.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Simulator>()
}

/// A fake Stripe on 127.0.0.1, running from its construction until `stop()`, the end of its `with`, or its deletion.
///
/// The same seed, counts, history and end give the same objects, byte for byte. An argument that cannot be used
/// raises a ValueError of one plain line.
///
/// port: 0 is any free one.
/// seed: all chance follows from it.
/// objects: of the five default entities together (30 % balance transactions, 25 % charges, 25 % payment intents,
///     15 % invoices, 5 % refunds); every other entity has 36, or as many as this if that is fewer.
/// counts: objects of single entities, by name, in place of the above.
/// rate_limit, endpoint_rate_limit: requests a second, over all endpoints and for each; None means no limit. A
///     request over a limit is answered with 429 and its reason.
/// retry_after: seconds that `Retry-After` says then; None sends none, as Stripe does.
/// latency_ms, latency_jitter_ms: wait before each answer, and the most that chance adds to it.
/// faults: the requests that go wrong; see `set_faults`.
/// arrivals, arrivals_every: after every so many pages of an entity that many objects are created in it.
/// denied: entities (or "account") that no key may read, in any account: 403; see `set_denied`.
/// products_off: products that no account has, e.g. "Issuing": their lists are refused with 400 or 404; see
///     `set_products_off`.
/// keys: those that are known; None or none: every `sk_` and `rk_` key that does not contain "invalid".
/// gzip: compress answers for clients that accept it.
/// history_days, end: the objects were created in these days before `end` (seconds since 1970; None: now). The
///     simulator's clock goes on from `end`.
/// threads: the number that serve.
/// object_events: new objects have events, if Stripe has a type for them, and the events at the start are those of
///     the objects of the last 30 days. If not, the events at the start are made-up ones, which show no state
///     that an object had, never age out, and can be left out with `counts={"events": 0}`.
/// event_delay: the most seconds after its `created` that an event becomes visible; every second one is late.
/// sublist_items: the most items of one sub-list, from 11 on: of invoices, subscriptions, credit notes, transfers,
///     application fees and radar value lists every third then has more items than the ten that it shows, and its
///     sub-list can be read at its `url`. 0: sub-lists are as they come, and cannot be read further.
/// frozen_clock: the simulator's clock stands still until `advance` moves it.
/// connected_accounts: accounts with data of their own, which follow from the seed and are made when they are asked
///     for. The platform's list of accounts has exactly these (objects added to it are more of them). A request
///     reads one with `Stripe-Account`, or with `Stripe-Context`; other accounts are refused: 403. A key that
///     begins with `sk_org_` needs `Stripe-Context`, which is the platform's id, or that, a slash and a connected
///     account's id, and `Stripe-Version`. 0: `Stripe-Account` may name any account, with the platform's data.
/// account_objects: of the five default entities together in each connected account, with the shares of `objects`;
///     every other entity has 36, or as many as this if that is fewer. 0: none.
/// account_counts: objects of single entities in each connected account, by name, in place of the above.
/// limits_per_account: each account has the rate limits for itself; if not, all accounts share them.
#[pyclass(frozen, name = "StripeSimulator", module = "stripe_raw_rs._core")]
struct Simulator {
    served: Arc<StripeSimulator>,
    home: Home,
}

impl Simulator {
    /// The account. A process that was forked off has a copy of it, which no longer changes and may be locked for ever.
    fn inner(&self) -> PyResult<&StripeSimulator> {
        if self.home.is_here() {
            return Ok(&self.served);
        }
        Err(value_error(Error::usage(
            "the simulator runs in the process that this one was forked from: call it there; its address can be used \
             here",
        )))
    }

    /// The data of that account; the platform's without one.
    fn data(&self, account: Option<&str>) -> PyResult<AccountData<'_>> {
        self.inner()?.data(account).map_err(value_error)
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // Its thread is not in this process, and stopping would wait for it.
        if !self.home.is_here() {
            std::mem::forget(Arc::clone(&self.served));
        }
    }
}

#[pymethods]
impl Simulator {
    #[new]
    #[pyo3(signature = (
        *, port=0, seed=1, objects=20_000, counts=None, rate_limit=None, endpoint_rate_limit=None, retry_after=None,
        latency_ms=0, latency_jitter_ms=0, faults=None, arrivals=0, arrivals_every=1, denied=None,
        products_off=None, keys=None,
        gzip=false, history_days=730, end=None, threads=2, object_events=false, event_delay=0, sublist_items=0,
        frozen_clock=false, connected_accounts=0, account_objects=0, account_counts=None, limits_per_account=false
    ))]
    #[expect(
        clippy::too_many_arguments,
        clippy::fn_params_excessive_bools,
        reason = "keyword arguments of a Python constructor, one for each setting"
    )]
    fn new(
        py: Python<'_>,
        port: i64,
        seed: i64,
        objects: i64,
        counts: Option<BTreeMap<String, i64>>,
        rate_limit: Option<f64>,
        endpoint_rate_limit: Option<f64>,
        retry_after: Option<i64>,
        latency_ms: i64,
        latency_jitter_ms: i64,
        faults: Option<String>,
        arrivals: i64,
        arrivals_every: i64,
        denied: Option<Vec<String>>,
        products_off: Option<Vec<String>>,
        keys: Option<Vec<String>>,
        gzip: bool,
        history_days: i64,
        end: Option<i64>,
        threads: i64,
        object_events: bool,
        event_delay: i64,
        sublist_items: i64,
        frozen_clock: bool,
        connected_accounts: i64,
        account_objects: i64,
        account_counts: Option<BTreeMap<String, i64>>,
        limits_per_account: bool,
    ) -> PyResult<Self> {
        let settings = Settings {
            port: narrow("port", port)?,
            seed: seed.cast_unsigned(),
            objects: narrow("objects", objects)?,
            counts: self::counts(counts)?,
            connected_accounts: narrow("connected_accounts", connected_accounts)?,
            account_objects: narrow("account_objects", account_objects)?,
            account_counts: self::counts(account_counts)?,
            limits_per_account,
            history_days: narrow("history_days", history_days)?,
            end,
            rate_limit,
            endpoint_rate_limit,
            retry_after: retry_after.map(|seconds| narrow("retry_after", seconds)).transpose()?,
            latency: Duration::from_millis(narrow("latency_ms", latency_ms)?),
            latency_jitter: Duration::from_millis(narrow("latency_jitter_ms", latency_jitter_ms)?),
            faults: faults.unwrap_or_default(),
            arrivals: narrow("arrivals", arrivals)?,
            arrivals_every: narrow("arrivals_every", arrivals_every)?,
            object_events,
            event_delay: narrow("event_delay", event_delay)?,
            sublist_items: narrow("sublist_items", sublist_items)?,
            frozen_clock,
            denied: denied.unwrap_or_default(),
            products_off: products_off.unwrap_or_default(),
            keys: keys.unwrap_or_default(),
            gzip,
            threads: narrow("threads", threads)?,
        };
        // A million objects take a moment to place.
        let served = py.detach(|| StripeSimulator::start(settings)).map_err(value_error)?;
        Ok(Self { served: Arc::new(served), home: Home::here() })
    }

    /// Its address, e.g. `http://127.0.0.1:8080`, which a client takes as Stripe's base URL.
    #[getter]
    fn url(&self) -> String {
        self.served.url()
    }

    /// Its port.
    #[getter]
    fn port(&self) -> u16 {
        self.served.port()
    }

    /// Id of the platform's account, e.g. `acct_1PgafTB7WZ01zgkW`.
    #[getter]
    fn account(&self) -> &str {
        self.served.account()
    }

    /// Ids of the connected accounts, newest first, as a complete walk of the platform's list of accounts sees them.
    ///
    /// `account` of the other methods is one of these, or one that is revoked. None is the platform, and all accounts
    /// together where requests are counted. An unknown one raises a ValueError.
    fn accounts(&self) -> PyResult<Vec<String>> {
        Ok(self.inner()?.accounts())
    }

    /// Revoke the platform's access to a connected account: it is in no list, and answers as an unknown one: 403.
    ///
    /// Its data stay, and can still be looked at and changed. Revoking it once more changes nothing.
    fn revoke(&self, account: &str) -> PyResult<()> {
        self.inner()?.revoke(account).map_err(value_error)
    }

    /// Give the platform access to a revoked account again: it is back at its place in the list, with its data.
    fn restore(&self, account: &str) -> PyResult<()> {
        self.inner()?.restore(account).map_err(value_error)
    }

    /// Set the entities (or "account") that no key may read in an account, in place of those set before.
    #[pyo3(signature = (denied, *, account=None))]
    fn set_denied(&self, denied: Vec<String>, account: Option<&str>) -> PyResult<()> {
        self.data(account)?.set_denied(denied).map_err(value_error)
    }

    /// Set the products that an account does not have, in place of those set before.
    #[pyo3(signature = (products_off, *, account=None))]
    fn set_products_off(&self, products_off: Vec<String>, account: Option<&str>) -> PyResult<()> {
        self.data(account)?.set_products_off(products_off).map_err(value_error)
    }

    /// Requests received over all endpoints, answered or not.
    #[getter]
    fn requests(&self) -> PyResult<u64> {
        Ok(self.inner()?.requests())
    }

    /// Requests received for the list of one entity, to one account; None is all accounts together.
    #[pyo3(signature = (entity, *, account=None))]
    fn entity_requests(&self, entity: &str, account: Option<&str>) -> PyResult<u64> {
        let inner = self.inner()?;
        match account {
            Some(_) => self.data(account)?.entity_requests(entity),
            None => inner.entity_requests(entity),
        }
        .map_err(value_error)
    }

    /// Requests received for single objects of one entity, by their ids, to one account; None is all together.
    #[pyo3(signature = (entity, *, account=None))]
    fn retrieves(&self, entity: &str, account: Option<&str>) -> PyResult<u64> {
        let inner = self.inner()?;
        match account {
            Some(_) => self.data(account)?.retrieves(entity),
            None => inner.retrieves(entity),
        }
        .map_err(value_error)
    }

    /// The latest 10,000 requests, oldest first: number, path and query, status (0: no answer was given).
    ///
    /// With an account, only those to that account; the platform's own have its id.
    #[pyo3(signature = (*, account=None))]
    fn request_log(&self, account: Option<&str>) -> PyResult<Vec<(u64, String, u16)>> {
        let log = self.inner()?.request_log().into_iter();
        let asked = log.filter(|line| account.is_none_or(|account| line.account == account));
        Ok(asked.map(|line| (line.number, line.target, line.status)).collect())
    }

    /// The account of each request of the log, by the request's number; an unknown one as the request names it.
    fn request_accounts(&self) -> PyResult<BTreeMap<u64, String>> {
        Ok(self.inner()?.request_log().into_iter().map(|line| (line.number, line.account)).collect())
    }

    /// Ids of all objects of an entity that are there, newest first, as a complete walk of its list sees them.
    #[pyo3(signature = (entity, *, account=None))]
    fn ids(&self, py: Python<'_>, entity: &str, account: Option<&str>) -> PyResult<Vec<String>> {
        let data = self.data(account)?;
        py.detach(|| data.ids(entity)).map_err(value_error)
    }

    /// An object as it is served: its bytes in `data`, without the indent of its first line.
    ///
    /// Raises a ValueError if there is no such object, as does each method that takes an id.
    #[pyo3(signature = (entity, id, *, account=None))]
    fn raw<'py>(
        &self,
        py: Python<'py>,
        entity: &str,
        id: &str,
        account: Option<&str>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.data(account)?.object_bytes(entity, id).map_err(value_error)?;
        bytes.map(|bytes| PyBytes::new(py, &bytes)).ok_or_else(|| unknown(entity, id))
    }

    /// The time of creation that an object states, in seconds since 1970; None if it states none.
    #[pyo3(signature = (entity, id, *, account=None))]
    fn created(&self, entity: &str, id: &str, account: Option<&str>) -> PyResult<Option<i64>> {
        self.data(account)?.created(entity, id).map_err(value_error)
    }

    /// Add objects created at that time (seconds since 1970; None: now); their ids, newest first.
    ///
    /// Among objects of one second those added later are the newer ones.
    #[pyo3(signature = (entity, count=1, created=None, *, account=None))]
    fn add(
        &self,
        py: Python<'_>,
        entity: &str,
        count: i64,
        created: Option<i64>,
        account: Option<&str>,
    ) -> PyResult<Vec<String>> {
        let (data, count) = (self.data(account)?, narrow("count", count)?);
        py.detach(|| data.add(entity, count, created)).map_err(value_error)
    }

    /// Give an object other bytes from now on, at its place in the list: any bytes, even if they are not JSON.
    #[pyo3(signature = (entity, id, raw, *, account=None))]
    fn replace(&self, entity: &str, id: &str, raw: Vec<u8>, account: Option<&str>) -> PyResult<()> {
        let is_there = self.data(account)?.replace(entity, id, raw).map_err(value_error)?;
        if is_there { Ok(()) } else { Err(unknown(entity, id)) }
    }

    /// Change objects: in their list, in the answers by their ids, and by one event for each, in the order of `ids`.
    ///
    /// An id may be given twice: then the object changes twice in one second. The event holds the object as it is then,
    /// and stays in the list of events for 30 days. Its type is `event_type`, one of the list's, or the one that Stripe
    /// has for changes of these objects.
    ///
    /// Returns the ids of the events: none if Stripe has no such type, as for balance transactions. Nothing changes if
    /// one of the objects is not there.
    #[pyo3(signature = (entity, ids, event_type=None, *, account=None))]
    fn change(
        &self,
        py: Python<'_>,
        entity: &str,
        ids: Ids,
        event_type: Option<&str>,
        account: Option<&str>,
    ) -> PyResult<Vec<String>> {
        let (data, ids) = (self.data(account)?, ids.all());
        py.detach(|| data.change(entity, &ids, event_type)).map_err(value_error)
    }

    /// Add items at the ends of the lists that an object has, remove the first ones, and return the events' ids.
    ///
    /// The object itself does not change, but for what it shows of these lists. The event is one of a change of the
    /// object, or of `event_type`, e.g. `customer.tax_id.created`, which is about the newest item. It needs
    /// `sublist_items`. Raises ValueError if there is no such object, or no such type.
    #[pyo3(signature = (entity, id, added=1, removed=0, event_type=None, *, account=None))]
    fn change_items(
        &self,
        entity: &str,
        id: &str,
        added: i64,
        removed: i64,
        event_type: Option<&str>,
        account: Option<&str>,
    ) -> PyResult<Vec<String>> {
        let numbers = (narrow("added", added)?, narrow("removed", removed)?);
        self.data(account)?.change_items(entity, id, numbers, event_type).map_err(value_error)
    }

    /// The items of the list that an object has, as JSON, in the order of the list. It needs `sublist_items`.
    #[pyo3(signature = (child, parent, *, account=None))]
    fn items(&self, child: &str, parent: &str, account: Option<&str>) -> PyResult<Vec<String>> {
        self.data(account)?.items(child, parent).map_err(value_error)
    }

    /// Delete an object: it is in no list and no cursor any more.
    ///
    /// An event reports it, with the object as it was last, if Stripe has a type for that. A GET by its id answers
    /// 404, or, for customers and for configurations, locations and readers of terminals, that it was deleted.
    #[pyo3(signature = (entity, id, *, account=None))]
    fn delete(&self, entity: &str, id: &str, account: Option<&str>) -> PyResult<()> {
        let was_there = self.data(account)?.delete(entity, id).map_err(value_error)?;
        if was_there { Ok(()) } else { Err(unknown(entity, id)) }
    }

    /// Move the simulator's clock forward: late events become visible, and events older than 30 days are gone.
    fn advance(&self, seconds: i64) -> PyResult<()> {
        self.inner()?.advance(seconds).map_err(value_error)
    }

    /// Set the requests that go wrong from now on, in place of those set before.
    ///
    /// Rules are separated by commas, `kind@when`, e.g. `status=500@p0.01,reset@n7,hang@charges:n12`; the first that
    /// fits a request counts.
    ///
    /// kind: `status=N` (300 to 599; `/reason=…`, `/retry-after=…`, `/should-retry=…` after it set that header, `none`
    /// removes it), `reset_head` (the connection, before the first byte), `reset` (in mid-body), `cut` (it ends before
    /// the promised length), `truncate` (complete HTTP, broken JSON), `hang` (no answer), `slow` or `slow=N` (drips for
    /// N ms, 2000), `html` (200 with a page for people), `error_body` (200 with Stripe's error body), `wrong_type=M`
    /// (the member `created` of an object, `has_more` or `data` is of another type), `empty` (no objects, but
    /// has_more), `more` and `no_more` (has_more is true, or false, in any case), `short` (half of the objects, and
    /// not has_more), `wrong_object` (one of another list among the others), `repeat` (the page before once more),
    /// `stuck` (the first page, for any cursor), `vanish` (the cursor's object is deleted just before).
    ///
    /// when: `p0.01` (that share), `n7` (the seventh request from now), `n3-5`, `n3+`; with `charges:` before it only
    /// that entity's requests are looked at and counted.
    fn set_faults(&self, faults: &str) -> PyResult<()> {
        self.inner()?.set_faults(faults).map_err(value_error)
    }

    /// From now on no request goes wrong.
    fn reset_faults(&self) -> PyResult<()> {
        self.set_faults("")
    }

    /// Stop listening and end all connections. The requests and the objects can still be looked at.
    ///
    /// In a process that was forked off, it does nothing: the simulator runs in the other one.
    fn stop(&self, py: Python<'_>) {
        if self.home.is_here() {
            py.detach(|| self.served.stop());
        }
    }

    /// Give the simulator itself, which runs already.
    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    /// Stop it.
    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, pyo3::types::PyTuple>) {
        self.stop(py);
    }

    fn __repr__(&self) -> String {
        format!("<StripeSimulator {}>", self.served.url())
    }
}
