//! How far an attempt is, and how its runs have ended.

use std::collections::BTreeMap;

use pyo3::prelude::*;

use crate::{run, walk};

/// Counters of one attempt so far, over all its runs.
#[pyclass(frozen, get_all, module = "stripe_raw_rs._core")]
pub struct Progress {
    /// Pages that were received.
    pages: u64,
    /// Objects that became rows, whether their commit has landed or not.
    rows: u64,
    /// Of the rows, those whose commit is known to be in the table.
    landed: u64,
    /// Objects that did not become rows because their newest rows have the same content.
    unchanged: u64,
    /// Requests that were sent, with the repeated ones.
    requests: u64,
    /// Of the requests, those that repeated another one.
    retries: u64,
    /// The retries, by the class of the error that each would have been without another try, such as `RateLimit`.
    retries_by_reason: BTreeMap<&'static str, u64>,
    /// Requests that remain, as far as the pages show; 0 while the list's end is not in sight.
    remaining: u64,
    /// Bytes of the bodies received, after decompression.
    bytes: u64,
    /// `created` of the oldest row so far, in seconds since 1970; None if no row has a time.
    reached: Option<i64>,
    /// The largest `created` seen in the whole run, in seconds since 1970; None if there was none.
    ///
    /// The next run begins from it.
    newest: Option<i64>,
    /// Of the rows, those whose time should be there and cannot be used: their `_stripe_created_at` is null.
    undated: u64,
    /// Objects that cannot be rows, each named by an OBJECT_REFUSED event.
    refused: u64,
    /// Older objects that have changed, as events or they themselves report: each gets a row, or is unchanged.
    changed: u64,
    /// Of the rows, those whose payload was in an event.
    of_events: u64,
    /// Of the rows, those that say that the object has left its list.
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

/// The state in which an attempt leaves the run of one account.
#[pyclass(frozen, get_all, module = "stripe_raw_rs._core")]
pub struct Ending {
    /// Id of the connected account; None for the key's own.
    account: Option<String>,
    /// Id of the run.
    run_id: String,
    /// Whether an earlier attempt has begun the run.
    is_continued: bool,
    /// Whether it has come to its end: for a run that was given up, its last event.
    is_complete: bool,
    /// Whether the account does not have the list, nobody has named it, and nothing of it was ever read.
    is_skipped: bool,
    /// What went wrong with the run of this account alone, or the objects of it that cannot be rows.
    ///
    /// None if nothing did.
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
