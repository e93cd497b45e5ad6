//! One attempt at a list, as an iterator of pairs.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::RecordBatch;
use pyo3::exceptions::PyStopAsyncIteration;
use pyo3::prelude::*;
use pyo3_arrow::PyRecordBatchReader;

use super::changes::EventIndex;
use super::commit::{Checkpoint, Rows, checkpoint, rows};
use super::conditions::{PyCondition, alternatives};
use super::history::{Histories, Known};
use super::parents::ParentRows;
use super::process::RUNTIME;
use super::progress::{Ending, Progress};
use super::runtime::runtime;
use super::{batches, each_batch};
use crate::checkpoint::{Purpose, Span};
use crate::error::Result as CoreResult;
use crate::http_client::{Driver, Resources, new_ulid, now, within_a_tick};
use crate::run::{self, Condition, JointGroup, LandedByAccount, Planner};

/// One attempt at a list, for one account or many: the machine that decides the requests and the commits.
///
/// Each account has a run of its own; all commit together, under one fence. The order is the write protocol's: the
/// pairs, then `ended`. A new run is claimed by the first pair that has events of it. If the attempt continues or ends
/// earlier runs (`is_new` is False), `started`, the fences, `recover_events`, `recover_rows` and `stop_if_over` come
/// before. In both cases `follow` and `compare` may come right before the pairs. After the pairs, `next_runs` lets more
/// runs begin while any remain. A step that is out of order raises UsageError.
///
/// A loop over it (`for`, `async for`) gives the pairs: rows for the raw table, to be appended first, and the events
/// about them. It reads Stripe meanwhile, and raises what ends the reading as a class of `stripe_raw_rs.exceptions`. In
/// an `async for`, a wait that is cancelled ends the attempt: the pair that it waited for may be lost to it.
#[pyclass(frozen, module = "stripe_raw_rs._core")]
pub struct Attempt {
    driver: Arc<Driver>,
    resources: Resources,
    interrupted: Arc<AtomicBool>,
    planner: Mutex<Planner>,
}

type Next = Pin<Box<dyn Future<Output = CoreResult<Option<JointGroup>>> + Send>>;

impl Attempt {
    pub fn new(driver: Driver, resources: Resources, interrupted: Arc<AtomicBool>, planner: Planner) -> Self {
        Self { driver: Arc::new(driver), resources, interrupted, planner: Mutex::new(planner) }
    }

    /// The attempt itself. In a process that was forked off, a thread that does not exist there may have locked it.
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut run::Attempt) -> T) -> PyResult<T> {
        RUNTIME.check()?;
        Ok(self.driver.with(look))
    }

    pub(super) fn follows_from(&self) -> PyResult<HashMap<Option<String>, Span>> {
        let span = |run: &run::Run| Some((run.scope().account.clone(), run.follows_from()?));
        self.with(|attempt| attempt.begins().filter_map(span).collect())
    }

    /// Looks at the run, if there is one alone that is not over.
    fn only<T>(&self, look: impl FnOnce(&run::Run) -> T) -> PyResult<Option<T>> {
        self.with(|attempt| attempt.only().map(look))
    }

    fn reads(&self, of: impl Fn(&mut run::Run) -> Vec<Vec<Condition>>) -> PyResult<Vec<Vec<PyCondition>>> {
        let reads = self.with(|attempt| attempt.reads(of))?;
        Ok(alternatives(reads))
    }

    fn give(
        &self,
        py: Python<'_>,
        rows: PyRecordBatchReader,
        of: fn(&mut run::Run) -> Vec<Vec<Condition>>,
        take: fn(&mut run::Run, &RecordBatch) -> CoreResult<()>,
    ) -> PyResult<()> {
        RUNTIME.check()?;
        let asked = self.driver.with(|attempt| attempt.asked(of));
        // Batch by batch: a list without a window is compared as a whole.
        each_batch(py, rows, |batch| self.driver.with(|attempt| attempt.give(batch, &asked, take)))
    }

    fn next(&self) -> PyResult<Next> {
        let _inside = runtime()?.enter();
        self.driver.begin(&self.resources)?;
        Ok(Box::pin(self.driver.next_group()))
    }

    fn stop_if_asked(&self) {
        if self.interrupted.load(Ordering::Relaxed) {
            self.driver.with(run::Attempt::interrupt);
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !RUNTIME.is_here() {
            std::mem::forget((Arc::clone(&self.driver), self.resources.clone()));
        }
    }
}

type Pair = (Py<Rows>, Py<Checkpoint>);

fn pair(py: Python<'_>, group: Option<JointGroup>) -> PyResult<Option<Pair>> {
    group.map(|group| Ok((rows(py, group.rows)?, checkpoint(py, group.checkpoint)?))).transpose()
}

#[pymethods]
impl Attempt {
    /// Name of the list.
    #[getter]
    fn entity(&self) -> PyResult<&'static str> {
        self.with(|attempt| attempt.entity().name)
    }

    /// Id of the run of its one account; None if it has many.
    #[getter]
    fn run_id(&self) -> PyResult<Option<String>> {
        self.only(|run| run.plan().run_id.clone())
    }

    /// Number of the attempt over all runs of the list.
    #[getter]
    fn epoch(&self) -> PyResult<i64> {
        Ok(self.planner()?.epoch())
    }

    /// Number of the attempt at its one run, from 1; None if it has many.
    #[getter]
    fn number(&self) -> PyResult<Option<usize>> {
        self.only(|run| run.plan().attempt)
    }

    /// Whether it goes on with its one run, which an earlier attempt has begun: a fresh window follows then.
    #[getter]
    fn resumed(&self) -> PyResult<bool> {
        Ok(self.only(|run| run.plan().purpose == Purpose::Resume)?.unwrap_or_default())
    }

    /// Whether an earlier attempt has read anything of its one account's list, since it was begun from scratch.
    #[getter]
    fn was_ever_read(&self) -> PyResult<bool> {
        Ok(self.only(|run| run.plan().was_ever_read)?.unwrap_or_default())
    }

    /// Whether all its runs are new: nothing of them can have landed before its first pair.
    #[getter]
    fn is_new(&self) -> PyResult<bool> {
        self.with(|attempt| attempt.is_new())
    }

    /// Whether RUN_STARTED is known to be in the checkpoint table: then no other attempt has this one's `epoch`.
    #[getter]
    fn is_claimed(&self) -> PyResult<bool> {
        self.with(|attempt| attempt.is_claimed())
    }

    /// The accounts whose earlier runs it only ends (`--restart-run`, `--from-scratch`); None is the key's own.
    #[getter]
    fn given_up(&self) -> PyResult<Vec<Option<String>>> {
        self.with(|attempt| attempt.given_up().map(|account| account.map(str::to_owned)).collect())
    }

    /// Lines for the user: an ignored `--start`, a short lookback. The same line of many accounts comes once.
    #[getter]
    fn warnings(&self) -> PyResult<Vec<String>> {
        self.with(|attempt| attempt.lines(|plan| &plan.warnings))
    }

    /// Lines for the user: the runs that are resumed.
    #[getter]
    fn notices(&self) -> PyResult<Vec<String>> {
        self.with(|attempt| attempt.lines(|plan| &plan.notices))
    }

    /// The reason that its one run is not a success although it goes to its end: objects that cannot be rows.
    ///
    /// None if there is no such object, and if it has many runs.
    #[getter]
    fn refusal(&self) -> PyResult<Option<PyErr>> {
        Ok(self.only(run::Run::refusal)?.flatten().map(PyErr::from))
    }

    /// Number of runs that it has planned so far.
    #[getter]
    fn runs(&self) -> PyResult<usize> {
        self.with(|attempt| attempt.count())
    }

    /// Number of its runs that are over, of several.
    #[getter]
    fn finished(&self) -> PyResult<usize> {
        self.with(|attempt| attempt.finished())
    }

    /// Number of accounts whose runs are begun later.
    #[getter]
    fn remaining(&self) -> PyResult<usize> {
        Ok(self.planner()?.remaining())
    }

    /// The accounts that need another attempt (None: the key's own): their runs are others than they had seemed.
    #[getter]
    fn left(&self) -> PyResult<Vec<Option<String>>> {
        Ok(self.planner()?.left().to_vec())
    }

    /// Number of accounts that get no run: their `events`, as this call has read them, are as before.
    #[getter]
    fn without_news(&self) -> PyResult<usize> {
        Ok(self.planner()?.without_news())
    }

    /// Leave the new runs to another attempt if each run that it continues was over before its fence.
    fn stop_if_over(&self) -> PyResult<()> {
        let mut planner = self.planner()?;
        self.with(|attempt| planner.stop_if_over(attempt))
    }

    /// Plan some hundreds more runs, those whose account has waited longest first; see `Client.attempt`.
    #[pyo3(signature = (history, events = None, parents = None))]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands extracted values over by value")]
    fn next_runs(&self, history: Known<'_>, events: Option<&Histories>, parents: Option<&ParentRows>) -> PyResult<()> {
        let landed =
            LandedByAccount { events: events.map(|events| &events.folded), parents: parents.map(|parents| &parents.0) };
        let mut planner = self.planner()?;
        let histories = history.histories();
        Ok(self.with(|attempt| planner.next_runs(attempt, &histories, landed, now(), &mut new_ulid))??)
    }

    /// The state of each run so far, in no order.
    #[getter]
    fn endings(&self, py: Python<'_>) -> PyResult<Vec<Ending>> {
        let endings = self.with(|attempt| attempt.endings(now()))?;
        Ok(endings.into_iter().map(|ending| Ending::of(py, ending)).collect())
    }

    /// The RUN_STARTED events of the runs that it continues or ends. Raises UsageError if all are new.
    fn started(&self, py: Python<'_>) -> PyResult<Py<Checkpoint>> {
        checkpoint(py, self.with(|attempt| attempt.started(now()))??)
    }

    /// The commit without rows that keeps earlier attempts from committing.
    fn fence(&self, py: Python<'_>) -> PyResult<Py<Rows>> {
        rows(py, self.with(run::Attempt::fence)??)
    }

    /// The commits that do the same as `fence` to attempts of version 0.1, for both tables; they come before it.
    #[getter]
    fn earlier_fences(&self, py: Python<'_>) -> PyResult<Vec<(Py<Rows>, Py<Checkpoint>)>> {
        let fences = self.with(|attempt| attempt.earlier_fences())?;
        // Each table has columns of its own, and takes no commit that has others, even without rows.
        fences.into_iter().map(|fence| Ok((rows(py, fence.clone())?, checkpoint(py, fence)?))).collect()
    }

    /// The reads of the checkpoint table for `recover_events`, each a list of conditions.
    #[getter]
    fn continued_runs(&self) -> PyResult<Vec<Vec<PyCondition>>> {
        let reads = self.with(|attempt| attempt.continued_runs())?;
        Ok(alternatives(reads))
    }

    /// Take in all events of the runs that it continues, read after all fences.
    ///
    /// Returns the reads of the raw table that are wanted, each a list of conditions. Raises TableError for events that
    /// cannot be read or do not fit together.
    fn recover_events(&self, py: Python<'_>, events: PyRecordBatchReader) -> PyResult<Vec<Vec<PyCondition>>> {
        let batches = batches(py, events)?;
        let reads = self.with(|attempt| attempt.recover_events(&batches))??;
        Ok(alternatives(reads))
    }

    /// Take in the rows of the reads that `recover_events` returns, with the columns `RECOVERY_COLUMNS`.
    fn recover_rows(&self, py: Python<'_>, rows: PyRecordBatchReader) -> PyResult<()> {
        RUNTIME.check()?;
        each_batch(py, rows, |batch| self.driver.with(|attempt| attempt.recover_rows(std::slice::from_ref(batch))))
    }

    /// Whether a run that is about to begin follows events: then `follow` has to come first.
    #[getter]
    fn follows(&self) -> PyResult<bool> {
        self.with(|attempt| attempt.begins().any(run::Run::follows))
    }

    /// Give the runs that are about to begin the events that they follow, before anything else.
    fn follow(&self, py: Python<'_>, events: &EventIndex) -> PyResult<()> {
        RUNTIME.check()?;
        Ok(py.detach(|| self.driver.with(|attempt| attempt.follow(&events.index)))?)
    }

    /// The rows of the raw table that show objects which announced a change of their own, as alternatives.
    ///
    /// They come before those of `overlap`.
    fn due_rows(&self) -> PyResult<Vec<Vec<PyCondition>>> {
        self.reads(due_rows)
    }

    /// Take in the rows of `due_rows`, with the columns `DUE_COLUMNS`.
    fn add_due(&self, py: Python<'_>, rows: PyRecordBatchReader) -> PyResult<()> {
        self.give(py, rows, due_rows, run::Run::add_due)
    }

    /// Whether it asks for lists of single objects, and none need be asked: nothing is to be done or written.
    #[getter]
    fn is_idle(&self) -> PyResult<bool> {
        self.with(|attempt| attempt.is_idle())
    }

    /// Whether it asks for lists of single objects, and so needs their rows before the first pair.
    #[getter]
    fn asks_parents(&self) -> PyResult<bool> {
        self.with(|attempt| attempt.begins().any(|run| run.parent().is_some()))
    }

    /// The reads of the parents' raw table for `add_shown`, as alternatives.
    fn shown_rows(&self) -> PyResult<Vec<Vec<PyCondition>>> {
        self.reads(shown_rows)
    }

    /// The reads of the parents' raw table for `add_parents`, which comes second, as alternatives.
    fn rows_of_parents(&self) -> PyResult<Vec<Vec<PyCondition>>> {
        self.reads(rows_of_parents)
    }

    /// Take in rows of `shown_rows`, with the columns `SHOWN_COLUMNS`.
    fn add_shown(&self, py: Python<'_>, rows: PyRecordBatchReader) -> PyResult<()> {
        self.give(py, rows, shown_rows, run::Run::add_shown)
    }

    /// Take in rows of `rows_of_parents`, with the columns `PARENT_COLUMNS`.
    fn add_parents(&self, py: Python<'_>, rows: PyRecordBatchReader) -> PyResult<()> {
        self.give(py, rows, rows_of_parents, run::Run::add_parents)
    }

    /// Number of parents that it asks for their lists; 0 until it was given their rows.
    #[getter]
    fn parents_to_ask(&self) -> PyResult<usize> {
        self.with(|attempt| attempt.begins().map(run::Run::parents_to_ask).sum())
    }

    /// What its complete runs have landed, for the runs of the objects' own lists.
    #[getter]
    fn landed_parents(&self) -> PyResult<ParentRows> {
        let endings = self.with(|attempt| attempt.endings(now()))?;
        let landed = endings.into_iter().filter_map(|ending| Some((ending.account, ending.landed_parents?)));
        Ok(ParentRows(landed.collect()))
    }

    /// The rows of the raw table that show objects which may be listed again, or have changed: alternatives.
    ///
    /// They are read after the events that the runs were planned by, or after the fences; nothing if there are none.
    fn overlap(&self) -> PyResult<Vec<Vec<PyCondition>>> {
        self.reads(run::Run::overlap)
    }

    /// Take in the rows of `overlap`, with the columns `OVERLAP_COLUMNS`.
    ///
    /// An object with the same content lands no more.
    fn compare(&self, py: Python<'_>, rows: PyRecordBatchReader) -> PyResult<()> {
        self.give(py, rows, run::Run::overlap, run::Run::compare)
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
        let attempt: Py<Self> = slf.unbind();
        pyo3_async_runtimes::tokio::future_into_py(py, async move {
            loop {
                attempt.get().stop_if_asked();
                if let Some(group) = within_a_tick(next.as_mut()).await {
                    let group = group?;
                    return Python::attach(|py| pair(py, group))?.ok_or_else(|| PyStopAsyncIteration::new_err(()));
                }
            }
        })
    }

    /// End the fetching and free the buffers, even if something still holds the attempt. `failed` still works.
    fn close(&self) -> PyResult<()> {
        RUNTIME.check()?;
        self.driver.stop();
        Ok(())
    }

    /// The closing event of its one run: RUN_COMPLETED, or RUN_FAILED (Abandoned, Reset) if it is given up.
    ///
    /// It has no rows, and needs no commit, if the event came with the last pair. None for many runs: their closing
    /// events always come with pairs.
    fn ended(&self, py: Python<'_>) -> PyResult<Option<Py<Checkpoint>>> {
        let ended = self.with(|attempt| attempt.ended(now()))??;
        ended.map(|commit| checkpoint(py, commit)).transpose()
    }

    /// RUN_FAILED events of the runs that are not over; the message is masked, and made one line.
    fn failed(&self, py: Python<'_>, error_class: &str, message: &str) -> PyResult<Py<Checkpoint>> {
        checkpoint(py, self.with(|attempt| attempt.failed(error_class, message, now()))??)
    }

    /// The counters so far.
    fn progress(&self) -> PyResult<Progress> {
        Ok(self.with(|attempt| attempt.progress())?.into())
    }

    fn __repr__(&self) -> PyResult<String> {
        let (entity, runs) = (self.entity()?, self.runs()?);
        Ok(match self.run_id()? {
            Some(run_id) => format!("Attempt({entity}, {run_id}, epoch {})", self.epoch()?),
            None => format!("Attempt({entity}, {runs} runs, epoch {})", self.epoch()?),
        })
    }
}

impl Attempt {
    fn planner(&self) -> PyResult<MutexGuard<'_, Planner>> {
        RUNTIME.check()?;
        Ok(self.planner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn due_rows(run: &mut run::Run) -> Vec<Vec<Condition>> {
    run.due_rows().into_iter().collect()
}

fn shown_rows(run: &mut run::Run) -> Vec<Vec<Condition>> {
    run.shown_rows().into_iter().collect()
}

fn rows_of_parents(run: &mut run::Run) -> Vec<Vec<Condition>> {
    run.rows_of_parents().into_iter().collect()
}
