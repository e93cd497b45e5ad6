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

/// A fake Stripe on 127.0.0.1, for tests of pipelines.
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

    /// Its address, e.g. `http://127.0.0.1:8080`.
    #[getter]
    fn url(&self) -> String {
        self.served.url()
    }

    /// Its port.
    #[getter]
    fn port(&self) -> u16 {
        self.served.port()
    }

    /// Id of the platform's account.
    #[getter]
    fn account(&self) -> &str {
        self.served.account()
    }

    /// Ids of the connected accounts, newest first.
    fn accounts(&self) -> PyResult<Vec<String>> {
        Ok(self.inner()?.accounts())
    }

    /// Revokes the platform's access to a connected account.
    fn revoke(&self, account: &str) -> PyResult<()> {
        self.inner()?.revoke(account).map_err(value_error)
    }

    /// Gives the platform access to a revoked account again.
    fn restore(&self, account: &str) -> PyResult<()> {
        self.inner()?.restore(account).map_err(value_error)
    }

    /// Sets the entities that no key may read in an account.
    #[pyo3(signature = (denied, *, account=None))]
    fn set_denied(&self, denied: Vec<String>, account: Option<&str>) -> PyResult<()> {
        self.data(account)?.set_denied(denied).map_err(value_error)
    }

    /// Sets the products that an account does not have.
    #[pyo3(signature = (products_off, *, account=None))]
    fn set_products_off(&self, products_off: Vec<String>, account: Option<&str>) -> PyResult<()> {
        self.data(account)?.set_products_off(products_off).map_err(value_error)
    }

    /// Requests received over all endpoints.
    #[getter]
    fn requests(&self) -> PyResult<u64> {
        Ok(self.inner()?.requests())
    }

    /// Requests received for the list of one entity.
    #[pyo3(signature = (entity, *, account=None))]
    fn entity_requests(&self, entity: &str, account: Option<&str>) -> PyResult<u64> {
        let inner = self.inner()?;
        match account {
            Some(_) => self.data(account)?.entity_requests(entity),
            None => inner.entity_requests(entity),
        }
        .map_err(value_error)
    }

    /// Requests received for single objects of one entity.
    #[pyo3(signature = (entity, *, account=None))]
    fn retrieves(&self, entity: &str, account: Option<&str>) -> PyResult<u64> {
        let inner = self.inner()?;
        match account {
            Some(_) => self.data(account)?.retrieves(entity),
            None => inner.retrieves(entity),
        }
        .map_err(value_error)
    }

    /// The latest 10,000 requests: (number, path and query, status; 0 means no answer).
    #[pyo3(signature = (*, account=None))]
    fn request_log(&self, account: Option<&str>) -> PyResult<Vec<(u64, String, u16)>> {
        let log = self.inner()?.request_log().into_iter();
        let asked = log.filter(|line| account.is_none_or(|account| line.account == account));
        Ok(asked.map(|line| (line.number, line.target, line.status)).collect())
    }

    /// The account of each of the latest 10,000 requests, by number.
    fn request_accounts(&self) -> PyResult<BTreeMap<u64, String>> {
        Ok(self.inner()?.request_log().into_iter().map(|line| (line.number, line.account)).collect())
    }

    /// Ids of all objects of an entity, newest first.
    #[pyo3(signature = (entity, *, account=None))]
    fn ids(&self, py: Python<'_>, entity: &str, account: Option<&str>) -> PyResult<Vec<String>> {
        let data = self.data(account)?;
        py.detach(|| data.ids(entity)).map_err(value_error)
    }

    /// An object, byte for byte as it is served.
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

    /// The time that an object gives for its creation, in seconds since 1970; None if it gives none.
    #[pyo3(signature = (entity, id, *, account=None))]
    fn created(&self, entity: &str, id: &str, account: Option<&str>) -> PyResult<Option<i64>> {
        self.data(account)?.created(entity, id).map_err(value_error)
    }

    /// Adds objects and returns their ids, newest first.
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

    /// Gives an object other bytes from now on.
    #[pyo3(signature = (entity, id, raw, *, account=None))]
    fn replace(&self, entity: &str, id: &str, raw: Vec<u8>, account: Option<&str>) -> PyResult<()> {
        let is_there = self.data(account)?.replace(entity, id, raw).map_err(value_error)?;
        if is_there { Ok(()) } else { Err(unknown(entity, id)) }
    }

    /// Changes objects and returns the ids of the events that tell of it.
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

    /// Changes the lists that an object has and returns the ids of the events that tell of it.
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

    /// The items of the list that an object has, as JSON.
    #[pyo3(signature = (child, parent, *, account=None))]
    fn items(&self, child: &str, parent: &str, account: Option<&str>) -> PyResult<Vec<String>> {
        self.data(account)?.items(child, parent).map_err(value_error)
    }

    /// Deletes an object.
    #[pyo3(signature = (entity, id, *, account=None))]
    fn delete(&self, entity: &str, id: &str, account: Option<&str>) -> PyResult<()> {
        let was_there = self.data(account)?.delete(entity, id).map_err(value_error)?;
        if was_there { Ok(()) } else { Err(unknown(entity, id)) }
    }

    /// Moves the simulator's clock forward.
    fn advance(&self, seconds: i64) -> PyResult<()> {
        self.inner()?.advance(seconds).map_err(value_error)
    }

    /// Sets which requests go wrong from now on.
    fn set_faults(&self, faults: &str) -> PyResult<()> {
        self.inner()?.set_faults(faults).map_err(value_error)
    }

    /// From now on no request goes wrong.
    fn reset_faults(&self) -> PyResult<()> {
        self.set_faults("")
    }

    /// Stops listening and ends all connections. In a process that was forked off there is nothing to stop.
    fn stop(&self, py: Python<'_>) {
        if self.home.is_here() {
            py.detach(|| self.served.stop());
        }
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, pyo3::types::PyTuple>) {
        self.stop(py);
    }

    fn __repr__(&self) -> String {
        format!("<StripeSimulator {}>", self.served.url())
    }
}
