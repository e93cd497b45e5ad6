//! How far an attempt is, and how its runs have ended.

use std::collections::BTreeMap;

use pyo3::prelude::*;

use crate::{run, walk};

/// Counters of one attempt.
#[pyclass(frozen, get_all, module = "stripe_raw_rs._core")]
pub struct Progress {
    pages: u64,
    rows: u64,
    landed: u64,
    unchanged: u64,
    requests: u64,
    retries: u64,
    retries_by_reason: BTreeMap<&'static str, u64>,
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

impl From<walk::Progress> for Progress {
    fn from(progress: walk::Progress) -> Self {
        Self {
            pages: progress.pages,
            rows: progress.rows,
            landed: progress.landed,
            unchanged: progress.unchanged,
            requests: progress.requests,
            retries: progress.retries.total(),
            retries_by_reason: progress.retries.by_reason().map(|(class, count)| (class.name(), count)).collect(),
            remaining: progress.remaining,
            bytes: progress.bytes,
            reached: progress.reached,
            newest: progress.newest,
            undated: progress.undated,
            refused: progress.refused,
            changed: progress.changed,
            of_events: progress.of_events,
            deleted: progress.deleted,
        }
    }
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

/// How the run of one account has ended.
#[pyclass(frozen, get_all, module = "stripe_raw_rs._core")]
pub struct Ending {
    account: Option<String>,
    run_id: String,
    is_continued: bool,
    is_complete: bool,
    is_skipped: bool,
    error: Option<Py<PyAny>>,
}

impl Ending {
    pub(super) fn of(py: Python<'_>, ending: run::Ending) -> Self {
        Self {
            account: ending.account,
            run_id: ending.run_id,
            is_continued: ending.is_continued,
            is_complete: ending.is_complete,
            is_skipped: ending.is_skipped,
            error: ending.error.map(|error| PyErr::from(error).into_value(py).into_any()),
        }
    }
}

#[pymethods]
impl Ending {
    fn __repr__(&self) -> String {
        format!("Ending({}, {})", self.account.as_deref().unwrap_or("the key's own account"), self.run_id)
    }
}
