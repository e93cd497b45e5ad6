//! The events that runs follow, from the rows of their table.

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3_arrow::PyRecordBatchReader;

use super::attempt::Attempt;
use super::conditions::{PyCondition, alternatives};
use super::each_batch;
use crate::changes;
use crate::checkpoint::Span;
use crate::columns::by_account;
use crate::error::Error;
use crate::run::{events_since, fresh_events, hull, oldest_event};

/// Events of some accounts, by the objects that they are about: those that runs follow, and the ones around them.
///
/// The order is `add_fresh`, then `add`, each with the rows of the reads beside it. `lists` are the lists whose events
/// it keeps. Raises UsageError if no run of the attempt follows events.
#[pyclass(module = "stripe_raw_rs._core")]
pub struct EventIndex {
    pub index: HashMap<Option<String>, changes::EventIndex>,
    /// The rows that it has of each account, but for those that land later.
    spans: HashMap<Option<String>, Span>,
    /// When the oldest event of those rows was created.
    oldest: HashMap<Option<String>, i64>,
    lists: Vec<String>,
}

#[pymethods]
impl EventIndex {
    #[new]
    fn new(attempt: &Attempt, lists: Vec<String>) -> PyResult<Self> {
        let spans = attempt.follows_from()?;
        if spans.is_empty() {
            return Err(Error::usage("the attempt follows no events").into());
        }
        Ok(Self { index: HashMap::new(), spans, oldest: HashMap::new(), lists })
    }

    /// Whether the runs of another attempt can follow these events, too.
    fn covers(&self, attempt: &Attempt) -> PyResult<bool> {
        let is_covered = |(account, span)| self.spans.get(&account).is_some_and(|ours| ours.begins_before(span));
        Ok(attempt.follows_from()?.into_iter().all(is_covered))
    }

    /// The rows of `events` that landed since the position from which the runs follow, as alternatives.
    ///
    /// Their times say how far back to read.
    #[getter]
    fn fresh(&self) -> Vec<Vec<PyCondition>> {
        let of = |(account, span): (&Option<String>, &Span)| fresh_events(account.clone(), span.from, span.since);
        alternatives(hull(self.spans.iter().map(of).collect()))
    }

    /// Take in the rows of `fresh`, with the columns `FRESH_COLUMNS`.
    fn add_fresh(&mut self, py: Python<'_>, rows: PyRecordBatchReader) -> PyResult<()> {
        each_batch(py, rows, |batch| {
            for (account, rows) in by_account(batch)? {
                let Some(span) = self.spans.get(&account) else { continue };
                if let Some(oldest) = oldest_event(&rows, *span)? {
                    let known = self.oldest.entry(account).or_insert(oldest);
                    *known = oldest.min(*known);
                }
            }
            Ok(())
        })
    }

    /// The rows of `events` that are needed, as alternatives; empty if `fresh` has none.
    #[getter]
    fn rows(&self) -> Vec<Vec<PyCondition>> {
        let of = |(account, oldest): (&Option<String>, &i64)| events_since(account.clone(), *oldest);
        alternatives(hull(self.oldest.iter().map(of).collect()))
    }

    /// Take in the rows of `rows`, with the columns `EVENT_COLUMNS`.
    fn add(&mut self, py: Python<'_>, rows: PyRecordBatchReader) -> PyResult<()> {
        each_batch(py, rows, |batch| {
            for (account, rows) in by_account(batch)? {
                if self.oldest.contains_key(&account) {
                    let lists = || changes::EventIndex::of(self.lists.clone());
                    self.index.entry(account).or_insert_with(lists).add(&rows)?;
                }
            }
            Ok(())
        })
    }

    fn __repr__(&self) -> String {
        format!("EventIndex(of {} accounts)", self.spans.len())
    }
}
