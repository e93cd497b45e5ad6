//! `StripeSimulator` for Python.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::process::Home;
use crate::error::{Error, foreign};
use crate::simulator::{Settings, StripeSimulator};

/// Adds the class to the module.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Simulator>()
}

fn value_error(error: Error) -> PyErr {
    PyValueError::new_err(error.message)
}

/// Converts a Python number to the width of the setting.
fn narrow<T: TryFrom<i64>>(name: &str, value: i64) -> PyResult<T> {
    T::try_from(value).map_err(|_| value_error(Error::usage(format!("{name} cannot be {value}"))))
}

/// One id, or several.
#[derive(FromPyObject)]
enum Ids {
    One(String),
    Several(Vec<String>),
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

    fn unknown(entity: &str, id: &str) -> PyErr {
        value_error(Error::usage(format!("{entity} has no object '{}'", foreign(id))))
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
        frozen_clock=false
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of a Python constructor, one for each setting")]
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
    ) -> PyResult<Self> {
        let settings = Settings {
            port: narrow("port", port)?,
            seed: seed.cast_unsigned(),
            objects: narrow("objects", objects)?,
            counts: counts
                .into_iter()
                .flatten()
                .map(|(name, count)| Ok((name, narrow("a count", count)?)))
                .collect::<PyResult<_>>()?,
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

    /// Id of the account.
    #[getter]
    fn account(&self) -> &str {
        self.served.account()
    }

    /// Requests received over all endpoints.
    #[getter]
    fn requests(&self) -> PyResult<u64> {
        Ok(self.inner()?.requests())
    }

    /// Requests received for the list of one entity.
    fn entity_requests(&self, entity: &str) -> PyResult<u64> {
        self.inner()?.entity_requests(entity).map_err(value_error)
    }

    /// Requests received for single objects of one entity.
    fn retrieves(&self, entity: &str) -> PyResult<u64> {
        self.inner()?.retrieves(entity).map_err(value_error)
    }

    /// The latest 10,000 requests: (number, path and query, status; 0 means no answer).
    fn request_log(&self) -> PyResult<Vec<(u64, String, u16)>> {
        let log = self.inner()?.request_log();
        Ok(log.into_iter().map(|line| (line.number, line.target, line.status)).collect())
    }

    /// Ids of all objects of an entity, newest first.
    fn ids(&self, py: Python<'_>, entity: &str) -> PyResult<Vec<String>> {
        let inner = self.inner()?;
        py.detach(|| inner.ids(entity)).map_err(value_error)
    }

    /// An object, byte for byte as it is served.
    fn raw<'py>(&self, py: Python<'py>, entity: &str, id: &str) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.inner()?.object_bytes(entity, id).map_err(value_error)?;
        bytes.map(|bytes| PyBytes::new(py, &bytes)).ok_or_else(|| Self::unknown(entity, id))
    }

    /// The time that an object gives for its creation, in seconds since 1970; None if it gives none.
    fn created(&self, entity: &str, id: &str) -> PyResult<Option<i64>> {
        self.inner()?.created(entity, id).map_err(value_error)
    }

    /// Adds objects and returns their ids, newest first.
    #[pyo3(signature = (entity, count=1, created=None))]
    fn add(&self, py: Python<'_>, entity: &str, count: i64, created: Option<i64>) -> PyResult<Vec<String>> {
        let (inner, count) = (self.inner()?, narrow("count", count)?);
        py.detach(|| inner.add(entity, count, created)).map_err(value_error)
    }

    /// Gives an object other bytes from now on.
    fn replace(&self, entity: &str, id: &str, raw: Vec<u8>) -> PyResult<()> {
        let is_there = self.inner()?.replace(entity, id, raw).map_err(value_error)?;
        if is_there { Ok(()) } else { Err(Self::unknown(entity, id)) }
    }

    /// Changes objects and returns the ids of the events that tell of it.
    #[pyo3(signature = (entity, ids, event_type=None))]
    fn change(&self, py: Python<'_>, entity: &str, ids: Ids, event_type: Option<&str>) -> PyResult<Vec<String>> {
        let inner = self.inner()?;
        let ids = match ids {
            Ids::One(id) => vec![id],
            Ids::Several(ids) => ids,
        };
        py.detach(|| inner.change(entity, &ids, event_type)).map_err(value_error)
    }

    /// Changes the lists that an object has and returns the ids of the events that tell of it.
    #[pyo3(signature = (entity, id, added=1, removed=0, event_type=None))]
    fn change_items(
        &self,
        entity: &str,
        id: &str,
        added: i64,
        removed: i64,
        event_type: Option<&str>,
    ) -> PyResult<Vec<String>> {
        let (added, removed) = (narrow("added", added)?, narrow("removed", removed)?);
        self.inner()?.change_items(entity, id, added, removed, event_type).map_err(value_error)
    }

    /// The items of the list that an object has, as JSON.
    fn items(&self, child: &str, parent: &str) -> PyResult<Vec<String>> {
        self.inner()?.items(child, parent).map_err(value_error)
    }

    /// Moves the simulator's clock forward.
    fn advance(&self, seconds: i64) -> PyResult<()> {
        self.inner()?.advance(seconds).map_err(value_error)
    }

    /// Deletes an object.
    fn delete(&self, entity: &str, id: &str) -> PyResult<()> {
        let was_there = self.inner()?.delete(entity, id).map_err(value_error)?;
        if was_there { Ok(()) } else { Err(Self::unknown(entity, id)) }
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
