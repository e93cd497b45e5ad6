//! The history of one entity in the checkpoint table.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use pyo3::prelude::*;
use pyo3_arrow::PyRecordBatchReader;

use super::conditions::{PyCondition, alternatives, conditions};
use super::each_batch;
use super::parents::ParentRows;
use super::promise::Promise;
use super::written::written_value;
use crate::checkpoint::{self, Extent, State, events_of};
use crate::error::{Error, foreign};
use crate::http_client::now;
use crate::options::Options;
use crate::run;
use crate::stripe::entities;

/// The state of one entity of one account in the checkpoint table: folded from its events, in any order.
///
/// A run is planned by all events of the entity and account, or by those from the newest RUN_COMPLETED on that has a
/// `landed_version`: it carries the facts about older runs. The latest run is the one with the newest attempt.
///
/// account: the connected account; None for the key's own.
/// lifecycle: events of the entity and account; None if it never ran. Other events are left out.
///
/// Raises UsageError for an unknown entity, and TableError for events that cannot be read.
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

/// The histories of one list, of all accounts that its events name.
#[pyclass(module = "stripe_raw_rs._core")]
pub struct Histories {
    pub entity: &'static entities::Entity,
    pub folded: checkpoint::Histories,
}

#[pymethods]
impl Histories {
    /// Name of the list.
    #[getter]
    const fn entity(&self) -> &'static str {
        self.entity.name
    }

    /// Number of the newest attempt at the list, over all accounts; 0 if there was none.
    #[getter]
    fn epoch(&self) -> i64 {
        self.folded.epoch()
    }

    /// Take in that the attempts up to that number were made before this call.
    const fn were_before(&mut self, epoch: i64) {
        self.folded.were_before(epoch);
    }

    /// Names of the processes that the newest attempts at the list belong to.
    #[getter]
    fn owners(&self) -> BTreeSet<&str> {
        self.folded.owners().collect()
    }

    /// Whether a run of one of these accounts is complete, since its last reset.
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands extracted collections over by value")]
    fn any_completed(&self, accounts: Vec<Option<String>>) -> bool {
        let has_completed = |account: &Option<String>| Some(self.folded.of(account.as_deref())?.completed().is_some());
        accounts.iter().any(|account| has_completed(account) == Some(true))
    }

    /// Whether nothing of any account has landed.
    #[getter]
    fn is_fresh(&self) -> bool {
        self.folded
            .accounts()
            .filter_map(|account| self.folded.of(account))
            .all(|history| history.watermark().is_none())
    }

    /// The rows of the newest commit of all accounts, and those of the one of these that is furthest behind.
    ///
    /// A table that was set back lacks the newest commits, and one that was made again the oldest ones.
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

    /// What complete runs have landed, for the runs of the objects' own lists.
    #[getter]
    fn parent_rows(&self) -> ParentRows {
        let rows = |account: Option<&str>| {
            Some((account.map(str::to_owned), self.folded.of(account).and_then(checkpoint::History::parent_rows)?))
        };
        ParentRows(self.folded.accounts().filter_map(rows).collect())
    }

    /// The history of the account with the newest attempt.
    #[getter]
    fn newest(&self) -> History {
        let epoch = |account: Option<&str>| self.folded.of(account).map(checkpoint::History::epoch);
        let account = self.folded.accounts().max_by_key(|account| epoch(*account)).flatten();
        self.of(account.map(str::to_owned))
    }

    /// The history of one account; None for the key's own.
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

/// The histories of some lists by name, from one read of their events.
///
/// `newest` are the numbers of their newest attempts that are known of: a new attempt gets a larger one.
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

/// The reads of the checkpoint table for `histories`, each a list of conditions.
///
/// `completed` and `started` are the numbers of the newest attempts, by list and account, that have a RUN_COMPLETED
/// with a `landed_version`, and of those that were begun.
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

    /// Add more events, such as the PAGE_COMMITTED events of the run `run_id`.
    fn add_pages(&mut self, py: Python<'_>, pages: PyRecordBatchReader) -> PyResult<()> {
        self.extend(py, pages)
    }

    /// Id of the latest run; None if it never ran.
    #[getter]
    fn run_id(&self) -> Option<&str> {
        self.folded.run_id()
    }

    /// The state of the latest run: "never ran", "unfinished", "failed", "complete" or "given up".
    ///
    /// "unfinished" says that no event has ended the newest attempt: a process works on it, or was killed.
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

    /// Number of the newest attempt, over all runs; 0 if there was none.
    #[getter]
    fn epoch(&self) -> i64 {
        self.folded.epoch()
    }

    /// Number of attempts at the latest run; 0 if it never ran.
    #[getter]
    fn attempts(&self) -> usize {
        self.folded.attempts()
    }

    /// The process presumed to work on the latest run, and its last sign of life (microseconds since 1970).
    ///
    /// None if the newest attempt has ended, or if its newest event is older than ten minutes.
    fn holder(&self) -> Option<(String, i64)> {
        self.folded.holder(now()).map(|(owner, at_micros)| (owner.to_owned(), at_micros))
    }

    /// Name of the process that wrote the newest event; None if it never ran.
    #[getter]
    fn owner(&self) -> Option<&str> {
        self.folded.newest().map(|(owner, _)| owner)
    }

    /// Number of pages of the latest run that have landed, as far as their events were given.
    #[getter]
    fn pages(&self) -> usize {
        self.folded.pages().count()
    }

    /// Number of rows in the pages of the latest run that have landed, as far as their events were given.
    #[getter]
    fn rows(&self) -> i64 {
        self.folded.pages().map(|(_, page)| page.row_count).sum()
    }

    /// Whether a run is complete, since the last reset.
    #[getter]
    fn has_completed(&self) -> bool {
        self.folded.completed().is_some()
    }

    /// The time up to which complete runs have followed changes, in seconds since 1970.
    ///
    /// Of `events` it is the time up to which all have landed. None if the newest complete run follows no changes.
    #[getter]
    fn followed_to(&self) -> Option<i64> {
        self.folded.followed().map(|position| position.at_micros.div_euclid(1_000_000))
    }

    /// The largest `created` that complete runs have seen, in seconds since 1970; None if they saw none.
    #[getter]
    fn watermark(&self) -> Option<i64> {
        self.folded.watermark()
    }

    /// Conditions for the rows of the raw table in the newest second that has landed; None if nothing has.
    #[getter]
    fn newest_rows(&self) -> Option<Vec<PyCondition>> {
        let rows = run::rows_of_second(self.folded.newest_created()?, self.account.clone());
        Some(conditions(rows))
    }

    /// The time of the newest event, in microseconds since 1970; None if it never ran.
    #[getter]
    fn newest_event_at_micros(&self) -> Option<i64> {
        self.folded.newest().map(|(_, at)| at)
    }

    /// Class of the error that ended the newest attempt, as its RUN_FAILED has it; None if no error did.
    #[getter]
    fn error_class(&self) -> Option<&str> {
        self.folded.failure().map(|(class, _)| class)
    }

    /// Message of the error that ended the newest attempt, in one line; None if no error did.
    #[getter]
    fn error_message(&self) -> Option<&str> {
        self.folded.failure().map(|(_, message)| message)
    }

    /// One line for each object that cannot be a row, since the last reset, in no order.
    #[getter]
    fn refused(&self) -> Vec<&str> {
        self.folded.refused().collect()
    }

    /// The rows that the raw table holds according to the events; None if they report no row.
    ///
    /// "rows" leaves fences out, and "earlier rows" the latest run, too: both for a history with the pages of all runs.
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

    /// One line that says what the next run will do with that lookback. Raises UsageError if it is out of bounds.
    fn next_run(&self, lookback_seconds: &Bound<'_, PyAny>) -> PyResult<String> {
        let written = written_value(lookback_seconds)?;
        let options = Options::read(|name| (name == "lookback_seconds").then(|| written.clone()))?;
        Ok(self.folded.next_run(self.entity, &options, now()))
    }

    fn __repr__(&self) -> String {
        format!("History({}, {})", self.entity.name, self.state())
    }
}
