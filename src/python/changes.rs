//! The events that runs follow, from the rows of their table.

use pyo3::prelude::*;
use pyo3_arrow::PyRecordBatchReader;

use super::each_batch;
use super::run::{PyCondition, Run, condition};
use crate::changes;
use crate::checkpoint::{self, Span};
use crate::error::Error;
use crate::run::{events_since, fresh_events, oldest_event};

/// What the runs of `events` have landed.
#[pyclass(frozen, module = "stripe_raw_rs._core")]
pub struct Reported(pub checkpoint::Reported);

#[pymethods]
impl Reported {
    fn __repr__(&self) -> String {
        format!("Reported(up to attempt {})", self.0.position.epoch)
    }
}

/// Events of one account, by the objects that they are about.
#[pyclass(module = "stripe_raw_rs._core")]
pub struct EventIndex {
    pub index: changes::EventIndex,
    account: Option<String>,
    /// The rows that it has, but for those that land later.
    span: Span,
    /// When the oldest event of those rows was created.
    oldest: Option<i64>,
}

#[pymethods]
impl EventIndex {
    #[new]
    #[pyo3(signature = (run, lists, account = None))]
    fn new(run: &Run, lists: Vec<String>, account: Option<String>) -> PyResult<Self> {
        let span = run.follows_from()?.ok_or_else(|| Error::usage("the run follows no events"))?;
        Ok(Self { index: changes::EventIndex::of(lists), account, span, oldest: None })
    }

    fn covers(&self, run: &Run) -> PyResult<bool> {
        Ok(run.follows_from()?.is_none_or(|span| self.span.begins_before(span)))
    }

    #[getter]
    fn fresh(&self) -> Vec<PyCondition> {
        fresh_events(self.account.clone(), self.span.from, self.span.since).into_iter().map(condition).collect()
    }

    fn add_fresh(&mut self, py: Python<'_>, rows: PyRecordBatchReader) -> PyResult<()> {
        each_batch(py, rows, |batch| {
            self.oldest = oldest_event(batch)?.into_iter().chain(self.oldest).min();
            Ok(())
        })
    }

    #[getter]
    fn rows(&self) -> Option<Vec<PyCondition>> {
        let rows = events_since(self.account.clone(), self.oldest?);
        Some(rows.into_iter().map(condition).collect())
    }

    fn add(&mut self, py: Python<'_>, rows: PyRecordBatchReader) -> PyResult<()> {
        each_batch(py, rows, |batch| self.index.add(batch))
    }

    fn __repr__(&self) -> String {
        format!("EventIndex(after attempt {})", self.span.from)
    }
}
