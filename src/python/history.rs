//! The history of one entity in the checkpoint table.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use pyo3::prelude::*;
use pyo3_arrow::PyRecordBatchReader;

use super::conditions::{PyCondition, alternatives, conditions};
use super::each_batch;
use super::parents::ParentRows;
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
    fn app_ids(&self) -> Vec<String> {
        self.0.app_ids.clone()
    }

    #[getter]
    const fn version(&self) -> i64 {
        self.0.version()
    }

    #[getter]
    const fn needs_rows(&self) -> bool {
        self.0.needs_rows()
    }

    #[getter]
    fn newest_rows(&self) -> Vec<PyCondition> {
        conditions(self.0.newest_rows())
    }

    #[getter]
    fn any_rows(&self) -> Vec<PyCondition> {
        conditions(self.0.any_rows())
    }

    fn is_of_table(&self, created_at_micros: Option<i64>) -> bool {
        self.0.is_of_table(created_at_micros)
    }

    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands extracted collections over by value")]
    fn may_be_among(&self, commits: Vec<String>, from_creation: bool) -> bool {
        self.0.may_be_among(commits.iter().map(String::as_str), from_creation)
    }

    fn __repr__(&self) -> String {
        format!("Promise({}, version {})", self.0.app_ids.join(" or "), self.0.version())
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
        let entity = known_entity(entity)?;
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

/// The histories of one list, of all accounts.
#[pyclass(module = "stripe_raw_rs._core")]
pub struct Histories {
    pub entity: &'static entities::Entity,
    pub folded: checkpoint::Histories,
}

#[pymethods]
impl Histories {
    #[getter]
    const fn entity(&self) -> &'static str {
        self.entity.name
    }

    #[getter]
    fn epoch(&self) -> i64 {
        self.folded.epoch()
    }

    const fn were_before(&mut self, epoch: i64) {
        self.folded.were_before(epoch);
    }

    #[getter]
    fn owners(&self) -> BTreeSet<&str> {
        self.folded.owners().collect()
    }

    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands extracted collections over by value")]
    fn any_completed(&self, accounts: Vec<Option<String>>) -> bool {
        let has_completed = |account: &Option<String>| Some(self.folded.of(account.as_deref())?.completed().is_some());
        accounts.iter().any(|account| has_completed(account) == Some(true))
    }

    #[getter]
    fn is_fresh(&self) -> bool {
        self.folded
            .accounts()
            .filter_map(|account| self.folded.of(account))
            .all(|history| history.watermark().is_none())
    }

    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands extracted collections over by value")]
    fn promises(&self, store_id: &str, accounts: Vec<Option<String>>) -> Vec<Promise> {
        let of = |account: Option<&str>| {
            run::Promise::of(self.folded.of(account)?, Extent::Everything, store_id, self.entity.name, account)
        };
        let newest = self.folded.accounts().filter_map(of).max_by_key(run::Promise::version);
        let oldest = accounts.iter().filter_map(|account| of(account.as_deref())).min_by_key(run::Promise::version);
        let oldest = oldest.filter(|oldest| newest.as_ref().map(run::Promise::version) != Some(oldest.version()));
        let newest = newest.map(run::Promise::of_newest);
        newest.into_iter().chain(oldest).map(Promise).collect()
    }

    #[getter]
    fn parent_rows(&self) -> ParentRows {
        let rows = |account: Option<&str>| {
            Some((account.map(str::to_owned), self.folded.of(account).and_then(checkpoint::History::parent_rows)?))
        };
        ParentRows(self.folded.accounts().filter_map(rows).collect())
    }

    #[getter]
    fn newest(&self) -> History {
        let epoch = |account: Option<&str>| self.folded.of(account).map(checkpoint::History::epoch);
        let account = self.folded.accounts().max_by_key(|account| epoch(*account)).flatten();
        self.of(account.map(str::to_owned))
    }

    #[pyo3(signature = (account = None))]
    fn of(&self, account: Option<String>) -> History {
        let folded = self.folded.of(account.as_deref()).cloned().unwrap_or_default();
        History { entity: self.entity, folded, account }
    }

    fn __repr__(&self) -> String {
        format!("Histories({}, {} accounts)", self.entity.name, self.folded.accounts().count())
    }
}

/// The history of one account, or those of all.
#[derive(FromPyObject)]
pub(super) enum Known<'py> {
    One(PyRef<'py, History>),
    All(PyRef<'py, Histories>),
}

impl Known<'_> {
    pub(super) fn entity(&self) -> &'static entities::Entity {
        match self {
            Self::One(history) => history.entity,
            Self::All(histories) => histories.entity,
        }
    }

    pub(super) fn histories(&self) -> Cow<'_, checkpoint::Histories> {
        match self {
            Self::One(history) => {
                Cow::Owned(checkpoint::Histories::of_one(history.account.clone(), history.folded.clone()))
            }
            Self::All(histories) => Cow::Borrowed(&histories.folded),
        }
    }
}

/// The histories of some lists, from one read of their events, by name. `newest` are the numbers of their newest attempts
/// that are known of.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands extracted collections over by value")]
pub(super) fn histories(
    py: Python<'_>,
    entities: Vec<String>,
    newest: BTreeMap<String, i64>,
    events: PyRecordBatchReader,
) -> PyResult<BTreeMap<String, Histories>> {
    let mut histories = BTreeMap::new();
    for name in entities {
        let entity = known_entity(&name)?;
        let mut folded = checkpoint::Histories::default();
        folded.know(newest.get(&name).copied().unwrap_or_default());
        histories.insert(name, Histories { entity, folded });
    }
    each_batch(py, events, |batch| {
        for event in events_of(batch)? {
            if let Some(histories) = histories.get_mut(&event.entity) {
                histories.folded.extend([event]);
            }
        }
        Ok(())
    })?;
    Ok(histories)
}

/// The reads of the checkpoint table for `histories`: `completed` and `started` are the newest attempts by list and
/// account.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands extracted collections over by value")]
pub(super) fn history_reads(
    entities: Vec<String>,
    accounts: Vec<Option<String>>,
    completed: HashMap<(String, Option<String>), i64>,
    started: HashMap<(String, Option<String>), i64>,
) -> Vec<Vec<PyCondition>> {
    let of = |entity: &str, newest: &HashMap<(String, Option<String>), i64>| {
        let ours = newest.iter().filter(|((list, _), _)| list == entity);
        ours.map(|((_, account), epoch)| (account.clone(), *epoch)).collect()
    };
    let reads = entities.iter().flat_map(|entity| {
        let newest = run::NewestAttempts { completed: of(entity, &completed), started: of(entity, &started) };
        newest.reads(entity, &accounts)
    });
    alternatives(reads.collect())
}

pub(super) fn known_entity(name: &str) -> PyResult<&'static entities::Entity> {
    Ok(entities::by_name(name).ok_or_else(|| Error::usage(format!("unknown entity '{}'", foreign(name))))?)
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
        Some(conditions(rows))
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
