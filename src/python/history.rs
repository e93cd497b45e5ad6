//! The history of one entity in the checkpoint table.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use pyo3_arrow::PyRecordBatchReader;

use super::changes::Reported;
use super::each_batch;
use super::parents::ParentRows;
use super::run::{PyCondition, condition};
use super::written::written_value;
use crate::checkpoint::{self, Extent, State, events_of};
use crate::error::{Error, foreign};
use crate::http_client::now;
use crate::options::Options;
use crate::run;
use crate::stripe::entities;

/// The content that events promise for a raw table.
#[pyclass(frozen, module = "stripe_raw_rs._core")]
pub struct Promise(run::Promise);

#[pymethods]
impl Promise {
    #[getter]
    fn app_id(&self) -> &str {
        &self.0.app_id
    }

    #[getter]
    const fn version(&self) -> i64 {
        self.0.version()
    }

    #[getter]
    fn newest_rows(&self) -> Vec<PyCondition> {
        self.0.newest_rows().into_iter().map(condition).collect()
    }

    #[getter]
    fn any_rows(&self) -> Vec<PyCondition> {
        self.0.any_rows().into_iter().map(condition).collect()
    }

    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands extracted collections over by value")]
    fn may_be_among(&self, commits: Vec<String>, from_creation: bool) -> bool {
        self.0.may_be_among(commits.iter().map(String::as_str), from_creation)
    }

    fn __repr__(&self) -> String {
        format!("Promise({}, version {})", self.0.app_id, self.0.version())
    }
}

/// The history of one entity in the checkpoint table.
#[pyclass(module = "stripe_raw_rs._core")]
pub struct History {
    pub entity: &'static entities::Entity,
    pub folded: checkpoint::History,
    pub account: Option<String>,
}

impl History {
    fn of(entity: &str, account: Option<String>) -> PyResult<Self> {
        let entity =
            entities::by_name(entity).ok_or_else(|| Error::usage(format!("unknown entity '{}'", foreign(entity))))?;
        Ok(Self { entity, folded: checkpoint::History::default(), account })
    }

    fn extend(&mut self, py: Python<'_>, events: PyRecordBatchReader) -> PyResult<()> {
        each_batch(py, events, |batch| {
            let events = events_of(batch)?;
            let ours =
                events.into_iter().filter(|event| event.entity == self.entity.name && event.account == self.account);
            self.folded.extend(ours);
            Ok(())
        })
    }
}

/// The histories of some lists of one account, from one read of their events, by name.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands extracted collections over by value")]
pub(super) fn histories(
    py: Python<'_>,
    entities: Vec<String>,
    account: Option<String>,
    events: PyRecordBatchReader,
) -> PyResult<BTreeMap<String, History>> {
    let mut histories = BTreeMap::new();
    for entity in entities {
        let history = History::of(&entity, account.clone())?;
        histories.insert(entity, history);
    }
    each_batch(py, events, |batch| {
        for event in events_of(batch)?.into_iter().filter(|event| event.account == account) {
            if let Some(history) = histories.get_mut(&event.entity) {
                history.folded.extend([event]);
            }
        }
        Ok(())
    })?;
    Ok(histories)
}

#[pymethods]
impl History {
    #[new]
    #[pyo3(signature = (entity, account = None, lifecycle = None))]
    fn new(
        py: Python<'_>,
        entity: &str,
        account: Option<String>,
        lifecycle: Option<PyRecordBatchReader>,
    ) -> PyResult<Self> {
        let mut history = Self::of(entity, account)?;
        lifecycle.map_or(Ok(()), |events| history.extend(py, events))?;
        Ok(history)
    }

    fn add_pages(&mut self, py: Python<'_>, pages: PyRecordBatchReader) -> PyResult<()> {
        self.extend(py, pages)
    }

    #[getter]
    fn run_id(&self) -> Option<&str> {
        self.folded.run_id()
    }

    #[getter]
    fn state(&self) -> &'static str {
        match self.folded.state() {
            State::NeverRan => "never ran",
            State::Unfinished => "unfinished",
            State::Failed => "failed",
            State::Complete => "complete",
            State::GivenUp => "given up",
        }
    }

    #[getter]
    fn epoch(&self) -> i64 {
        self.folded.epoch()
    }

    #[getter]
    fn attempts(&self) -> usize {
        self.folded.attempts()
    }

    fn holder(&self) -> Option<(String, i64)> {
        self.folded.holder(now()).map(|(owner, at_micros)| (owner.to_owned(), at_micros))
    }

    #[getter]
    fn owner(&self) -> Option<&str> {
        self.folded.newest().map(|(owner, _)| owner)
    }

    #[getter]
    fn pages(&self) -> usize {
        self.folded.pages().count()
    }

    #[getter]
    fn rows(&self) -> i64 {
        self.folded.pages().map(|(_, page)| page.row_count).sum()
    }

    #[getter]
    fn has_completed(&self) -> bool {
        self.folded.completed().is_some()
    }

    #[getter]
    fn reported(&self) -> Option<Reported> {
        self.folded.reported().map(Reported)
    }

    #[getter]
    fn parent_rows(&self) -> Option<ParentRows> {
        self.folded.parent_rows().map(ParentRows)
    }

    #[getter]
    fn followed_to(&self) -> Option<i64> {
        self.folded.followed().map(|position| position.at_micros.div_euclid(1_000_000))
    }

    #[getter]
    fn watermark(&self) -> Option<i64> {
        self.folded.watermark()
    }

    #[getter]
    fn newest_rows(&self) -> Option<Vec<PyCondition>> {
        let rows = run::rows_of_second(self.folded.newest_created()?, self.account.clone());
        Some(rows.into_iter().map(condition).collect())
    }

    #[getter]
    fn newest_event_at_micros(&self) -> Option<i64> {
        self.folded.newest().map(|(_, at)| at)
    }

    #[getter]
    fn error_class(&self) -> Option<&str> {
        self.folded.failure().map(|(class, _)| class)
    }

    #[getter]
    fn error_message(&self) -> Option<&str> {
        self.folded.failure().map(|(_, message)| message)
    }

    #[getter]
    fn refused(&self) -> Vec<&str> {
        self.folded.refused().collect()
    }

    #[pyo3(signature = (store_id, what = "everything"))]
    fn promise(&self, store_id: &str, what: &str) -> PyResult<Option<Promise>> {
        let what = match what {
            "everything" => Extent::Everything,
            "rows" => Extent::Rows,
            "earlier rows" => Extent::EarlierRows,
            other => {
                return Err(Error::usage(format!(
                    "'{}' is not 'everything', 'rows' or 'earlier rows'",
                    foreign(other)
                ))
                .into());
            }
        };
        let account = self.account.as_deref();
        Ok(run::Promise::of(&self.folded, what, store_id, self.entity.name, account).map(Promise))
    }

    fn next_run(&self, lookback_seconds: &Bound<'_, PyAny>) -> PyResult<String> {
        let written = written_value(lookback_seconds)?;
        let options = Options::read(|name| (name == "lookback_seconds").then(|| written.clone()))?;
        Ok(self.folded.next_run(self.entity, &options, now()))
    }

    fn __repr__(&self) -> String {
        format!("History({}, {})", self.entity.name, self.state())
    }
}
