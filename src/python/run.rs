//! One attempt at one run, as an iterator of pairs.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::PyStopAsyncIteration;
use pyo3::prelude::*;
use pyo3_arrow::PyRecordBatchReader;

use super::changes::EventIndex;
use super::commit::{Checkpoint, Rows, checkpoint, rows};
use super::parents::ParentRows;
use super::process::RUNTIME;
use super::runtime::runtime;
use super::{batches, each_batch};
use crate::checkpoint::{Purpose, Span};
use crate::error::Result as CoreResult;
use crate::http_client::{Driver, Resources, now, within_a_tick};
use crate::run::{Condition, Group, Value};

/// Counters of one attempt.
#[pyclass(frozen, get_all, module = "stripe_raw_rs._core")]
pub struct Progress {
    pages: u64,
    rows: u64,
    landed: u64,
    unchanged: u64,
    requests: u64,
    retries: u64,
    remaining: u64,
    bytes: u64,
    reached: Option<i64>,
    newest: Option<i64>,
    undated: u64,
    refused: u64,
    changed: u64,
    of_events: u64,
    deleted: u64,
}

#[pymethods]
impl Progress {
    fn __repr__(&self) -> String {
        format!(
            "Progress(pages={}, rows={}, requests={}, retries={})",
            self.pages, self.rows, self.requests, self.retries
        )
    }
}

/// One attempt at one run of one entity.
#[pyclass(frozen, module = "stripe_raw_rs._core")]
pub struct Run {
    driver: Arc<Driver>,
    resources: Resources,
    interrupted: Arc<AtomicBool>,
}

type Next = Pin<Box<dyn Future<Output = CoreResult<Option<Group>>> + Send>>;

impl Run {
    pub fn new(driver: Driver, resources: Resources, interrupted: Arc<AtomicBool>) -> Self {
        Self { driver: Arc::new(driver), resources, interrupted }
    }

    /// The run itself. In a process that was forked off, a thread that does not exist there may have locked it.
    fn with<T>(&self, look: impl FnOnce(&mut crate::run::Run) -> T) -> PyResult<T> {
        RUNTIME.check()?;
        Ok(self.driver.with(look))
    }

    pub(super) fn follows_from(&self) -> PyResult<Option<Span>> {
        self.with(|run| run.follows_from())
    }

    fn next(&self) -> PyResult<Next> {
        let _inside = runtime()?.enter();
        self.driver.begin(&self.resources)?;
        Ok(Box::pin(self.driver.next_group()))
    }

    fn stop_if_asked(&self) {
        if self.interrupted.load(Ordering::Relaxed) {
            self.driver.with(crate::run::Run::interrupt);
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !RUNTIME.is_here() {
            std::mem::forget((Arc::clone(&self.driver), self.resources.clone()));
        }
    }
}

type Pair = (Py<Rows>, Py<Checkpoint>);

fn pair(py: Python<'_>, group: Option<Group>) -> PyResult<Option<Pair>> {
    group.map(|group| Ok((rows(py, group.rows)?, checkpoint(py, group.checkpoint)?))).transpose()
}

#[pymethods]
impl Run {
    #[getter]
    fn entity(&self) -> PyResult<&'static str> {
        self.with(|run| run.entity().name)
    }

    #[getter]
    fn run_id(&self) -> PyResult<String> {
        self.with(|run| run.plan().run_id.clone())
    }

    #[getter]
    fn epoch(&self) -> PyResult<i64> {
        self.with(|run| run.plan().epoch)
    }

    #[getter]
    fn attempt(&self) -> PyResult<usize> {
        self.with(|run| run.plan().attempt)
    }

    #[getter]
    fn resumed(&self) -> PyResult<bool> {
        self.with(|run| run.plan().purpose == Purpose::Resume)
    }

    #[getter]
    fn was_ever_read(&self) -> PyResult<bool> {
        self.with(|run| run.plan().was_ever_read)
    }

    #[getter]
    fn is_new(&self) -> PyResult<bool> {
        self.with(|run| run.is_new())
    }

    #[getter]
    fn is_claimed(&self) -> PyResult<bool> {
        self.with(|run| run.is_claimed())
    }

    #[getter]
    fn gives_up(&self) -> PyResult<bool> {
        self.with(|run| matches!(run.plan().purpose, Purpose::GiveUp(_)))
    }

    #[getter]
    fn warnings(&self) -> PyResult<Vec<String>> {
        self.with(|run| run.plan().warnings.clone())
    }

    #[getter]
    fn notices(&self) -> PyResult<Vec<String>> {
        self.with(|run| run.plan().notices.clone())
    }

    #[getter]
    fn refusal(&self) -> PyResult<Option<PyErr>> {
        Ok(self.with(|run| run.refusal())?.map(PyErr::from))
    }

    fn started(&self, py: Python<'_>) -> PyResult<Py<Checkpoint>> {
        checkpoint(py, self.with(|run| run.started(now()))??)
    }

    fn fence(&self, py: Python<'_>) -> PyResult<Py<Rows>> {
        rows(py, self.with(crate::run::Run::fence)??)
    }

    fn recover_events(&self, py: Python<'_>, events: PyRecordBatchReader) -> PyResult<Vec<Vec<PyCondition>>> {
        let batches = batches(py, events)?;
        let reads = self.with(|run| run.recover_events(&batches))??;
        Ok(reads.into_iter().map(|read| read.into_iter().map(condition).collect()).collect())
    }

    fn recover_rows(&self, py: Python<'_>, rows: PyRecordBatchReader) -> PyResult<()> {
        let batches = batches(py, rows)?;
        Ok(self.with(|run| run.recover_rows(&batches))??)
    }

    #[getter]
    fn follows(&self) -> PyResult<bool> {
        self.with(|run| run.follows())
    }

    fn follow(&self, py: Python<'_>, events: &EventIndex) -> PyResult<()> {
        RUNTIME.check()?;
        py.detach(|| self.driver.with(|run| run.follow(&events.index)));
        Ok(())
    }

    fn due_rows(&self) -> PyResult<Option<Vec<PyCondition>>> {
        Ok(self.with(|run| run.due_rows())?.map(|conditions| conditions.into_iter().map(condition).collect()))
    }

    fn add_due(&self, py: Python<'_>, rows: PyRecordBatchReader) -> PyResult<()> {
        RUNTIME.check()?;
        each_batch(py, rows, |batch| self.driver.with(|run| run.add_due(batch)))
    }

    #[getter]
    fn is_idle(&self) -> PyResult<bool> {
        self.with(|run| run.plan().is_idle)
    }

    #[getter]
    fn asks_parents(&self) -> PyResult<bool> {
        self.with(|run| run.parent().is_some())
    }

    fn shown_rows(&self) -> PyResult<Option<Vec<PyCondition>>> {
        Ok(self.with(|run| run.shown_rows())?.map(|rows| rows.into_iter().map(condition).collect()))
    }

    fn rows_of_parents(&self) -> PyResult<Option<Vec<PyCondition>>> {
        Ok(self.with(crate::run::Run::rows_of_parents)?.map(|rows| rows.into_iter().map(condition).collect()))
    }

    fn add_shown(&self, py: Python<'_>, rows: PyRecordBatchReader) -> PyResult<()> {
        RUNTIME.check()?;
        each_batch(py, rows, |batch| self.driver.with(|run| run.add_shown(batch)))
    }

    fn add_parents(&self, py: Python<'_>, rows: PyRecordBatchReader) -> PyResult<()> {
        RUNTIME.check()?;
        each_batch(py, rows, |batch| self.driver.with(|run| run.add_parents(batch)))
    }

    #[getter]
    fn parents_to_ask(&self) -> PyResult<usize> {
        self.with(|run| run.parents_to_ask())
    }

    #[getter]
    fn landed_parents(&self) -> PyResult<Option<ParentRows>> {
        Ok(self.with(|run| run.landed_parents(now()))?.map(ParentRows))
    }

    fn overlap(&self) -> PyResult<Vec<Vec<PyCondition>>> {
        let parts = self.with(crate::run::Run::overlap)?;
        Ok(parts.into_iter().map(|part| part.into_iter().map(condition).collect()).collect())
    }

    fn compare(&self, py: Python<'_>, rows: PyRecordBatchReader) -> PyResult<()> {
        RUNTIME.check()?;
        // Batch by batch: a list without a window is compared as a whole.
        each_batch(py, rows, |batch| self.driver.with(|run| run.compare(batch)))
    }

    const fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Pair>> {
        let (runtime, mut next) = (runtime()?, self.next()?);
        loop {
            // This is checked before each wait: if pages come faster than ticks, no wait ever times out.
            self.stop_if_asked();
            if let Some(group) = py.detach(|| runtime.block_on(within_a_tick(next.as_mut()))) {
                return pair(py, group?);
            }
            py.check_signals()?;
        }
    }

    const fn __aiter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __anext__<'py>(slf: Bound<'py, Self>, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let mut next = slf.get().next()?;
        let run: Py<Self> = slf.unbind();
        pyo3_async_runtimes::tokio::future_into_py(py, async move {
            loop {
                run.get().stop_if_asked();
                if let Some(group) = within_a_tick(next.as_mut()).await {
                    let group = group?;
                    return Python::attach(|py| pair(py, group))?.ok_or_else(|| PyStopAsyncIteration::new_err(()));
                }
            }
        })
    }

    fn close(&self) -> PyResult<()> {
        RUNTIME.check()?;
        self.driver.stop();
        Ok(())
    }

    fn ended(&self, py: Python<'_>) -> PyResult<Py<Checkpoint>> {
        checkpoint(py, self.with(|run| run.ended(now()))??)
    }

    fn failed(&self, py: Python<'_>, error_class: &str, message: &str) -> PyResult<Py<Checkpoint>> {
        checkpoint(py, self.with(|run| run.failed(error_class, message, now()))??)
    }

    fn progress(&self) -> PyResult<Progress> {
        let progress = self.with(|run| run.progress())?;
        Ok(Progress {
            pages: progress.pages,
            rows: progress.rows,
            landed: progress.landed,
            unchanged: progress.unchanged,
            requests: progress.requests,
            retries: progress.retries,
            remaining: progress.remaining,
            bytes: progress.bytes,
            reached: progress.reached,
            newest: progress.newest,
            undated: progress.undated,
            refused: progress.refused,
            changed: progress.changed,
            of_events: progress.of_events,
            deleted: progress.deleted,
        })
    }

    fn __repr__(&self) -> PyResult<String> {
        Ok(format!("Run({}, {}, attempt {})", self.entity()?, self.run_id()?, self.attempt()?))
    }
}

/// A condition as Python sees it: column, operator, value, type.
pub(super) type PyCondition = (&'static str, &'static str, PyValue, &'static str);

#[derive(IntoPyObject)]
pub(super) enum PyValue {
    Text(Option<String>),
    Long(i64),
}

pub(super) fn condition((column, operator, value): Condition) -> PyCondition {
    match value {
        Value::Text(text) => (column, operator, PyValue::Text(text), "string"),
        Value::Long(number) => (column, operator, PyValue::Long(number), "long"),
        Value::Timestamp(micros) => (column, operator, PyValue::Long(micros), "timestamp"),
    }
}
