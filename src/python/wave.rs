//! The commits of first runs that other processes have read, for Python.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3_arrow::PyRecordBatchReader;

use super::commit::{Checkpoint, Rows, checkpoint, rows};
use super::progress::Ending;
use super::{batches, each_batch};
use crate::http_client::{new_ulid, now};
use crate::run;

/// The commits of one attempt at the first runs of many accounts, which other processes have read.
///
/// Each run was read by an attempt `in_wave`. Its events are added here, and its rows wait elsewhere. Once `check_rows`
/// has found that they are all there, `claims`, `refusals`, the rows under `rows`, and `pages` are appended, in this
/// order. Raises TableError for events that cannot be read.
#[pyclass(frozen, module = "stripe_raw_rs._core")]
pub(super) struct Wave(Mutex<run::Wave>);

impl Wave {
    fn wave(&self) -> MutexGuard<'_, run::Wave> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Wave {
    #[new]
    fn new(entity: &str, store_id: String, epoch: i64) -> Self {
        Self(Mutex::new(run::Wave::new(entity, store_id, epoch, new_ulid(), env!("CARGO_PKG_VERSION"))))
    }

    /// Take in events of a run, in any order.
    fn add_events(&self, py: Python<'_>, events: PyRecordBatchReader) -> PyResult<()> {
        each_batch(py, events, |batch| self.wave().add_events(batch))
    }

    /// Number of its attempt.
    #[getter]
    fn epoch(&self) -> i64 {
        self.wave().epoch()
    }

    /// Number of rows that the events report.
    #[getter]
    fn row_count(&self) -> i64 {
        self.wave().row_count()
    }

    /// Number of pages that the events report.
    #[getter]
    fn page_count(&self) -> usize {
        self.wave().page_count()
    }

    /// Number of objects that cannot be rows.
    #[getter]
    fn refused(&self) -> u64 {
        self.wave().refused()
    }

    /// The largest `created` seen, in seconds since 1970; None if there was none.
    #[getter]
    fn newest(&self) -> Option<i64> {
        self.wave().newest()
    }

    /// How the runs have ended. One that is not complete is for a later attempt to go on with.
    #[getter]
    fn endings(&self, py: Python<'_>) -> Vec<Ending> {
        self.wave().endings().map(|ending| Ending::of(py, ending)).collect()
    }

    /// Check that the rows which wait are those that the events report: an engine may have lost or doubled some.
    ///
    /// `counts` has the columns `_ingest_run_id`, `_page_number` and `count`. Raises StripeRawError if they differ.
    fn check_rows(&self, py: Python<'_>, counts: PyRecordBatchReader) -> PyResult<()> {
        let batches = batches(py, counts)?;
        Ok(self.wave().check_rows(&batches)?)
    }

    /// The RUN_STARTED events of all runs, and all events of runs without objects.
    fn claims(&self, py: Python<'_>) -> PyResult<Py<Checkpoint>> {
        let claims = self.wave().claims(now().wall_micros)?;
        checkpoint(py, claims)
    }

    /// The events about objects that cannot be rows.
    fn refusals(&self, py: Python<'_>) -> PyResult<Py<Checkpoint>> {
        checkpoint(py, self.wave().refusals())
    }

    /// The commit of the rows, without the rows.
    fn rows(&self, py: Python<'_>) -> PyResult<Py<Rows>> {
        rows(py, self.wave().rows())
    }

    /// The events about the rows.
    fn pages(&self, py: Python<'_>) -> PyResult<Py<Checkpoint>> {
        checkpoint(py, self.wave().pages())
    }
}
