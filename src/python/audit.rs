//! The audit, fed with Arrow streams.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3_arrow::PyRecordBatchReader;

use super::each_batch;
use crate::changes::EventIndex;
use crate::columns::Columns;
use crate::error::Error;
use crate::run::audit;

/// One thing an audit found wrong.
#[pyclass(frozen, get_all, module = "stripe_raw_rs._core")]
pub struct Finding {
    /// The kind of fault, in one or two words, e.g. "altered", "rows missing" or "gap".
    kind: &'static str,
    /// Id of the run that it was found in; None if it is not about one run.
    run_id: Option<String>,
    /// Number of the page in the run, from 1; None if it is not about one page.
    page_number: Option<i64>,
    /// `Request-Id` of Stripe's answer with that page; None if it is not about one page, or none is known.
    request_id: Option<String>,
    /// What is wrong, and where: one line.
    message: String,
}

#[pymethods]
impl Finding {
    fn __repr__(&self) -> String {
        format!("Finding({}: {})", self.kind, self.message)
    }
}

/// The events of all accounts, to compare lists with. It takes a few hundred bytes an event.
#[pyclass(module = "stripe_raw_rs._core")]
#[derive(Default)]
pub struct AuditedEvents(Arc<audit::Reports>);

#[pymethods]
impl AuditedEvents {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Add rows of `events`, with the columns `AUDITED_EVENT_COLUMNS`.
    ///
    /// Raises UsageError if an audit uses these events already.
    fn add(&mut self, py: Python<'_>, rows: PyRecordBatchReader) -> PyResult<()> {
        let reports = Arc::get_mut(&mut self.0).ok_or_else(|| Error::usage("an audit uses these events already"))?;
        each_batch(py, rows, |batch| {
            let columns = Columns(batch);
            for row in 0..batch.num_rows() {
                let account = columns.text("_stripe_account", row)?.map(str::to_owned);
                reports.entry(account).or_insert_with(EventIndex::without_bodies).add_row(columns, row)?;
            }
            Ok(())
        })
    }
}

/// An audit of one entity, from its events and rows alone, in any order and in bounded pieces.
///
/// `accounts` are those to look at, None among them for the key's own; without it all are looked at. Events and rows of
/// a form that this project does not write raise TableError.
#[pyclass(module = "stripe_raw_rs._core")]
pub struct Audit(audit::Audit);

impl Audit {
    fn add(
        &mut self,
        py: Python<'_>,
        stream: PyRecordBatchReader,
        add: impl Fn(&mut audit::Audit, &arrow_array::RecordBatch) -> crate::error::Result<()> + Send + Sync,
    ) -> PyResult<()> {
        each_batch(py, stream, |batch| add(&mut self.0, batch))
    }
}

#[pymethods]
impl Audit {
    #[new]
    #[pyo3(signature = (entity, accounts = None))]
    fn new(entity: &str, accounts: Option<Vec<Option<String>>>) -> Self {
        let mut audit = audit::Audit::new(entity);
        if let Some(accounts) = accounts {
            audit.narrow(accounts);
        }
        Self(audit)
    }

    /// Take in rows of the checkpoint table with all columns; those of other entities are left out.
    fn add_events(&mut self, py: Python<'_>, events: PyRecordBatchReader) -> PyResult<()> {
        self.add(py, events, audit::Audit::add_events)
    }

    /// Take in rows of the raw table with all columns; every payload is hashed again.
    fn add_rows(&mut self, py: Python<'_>, rows: PyRecordBatchReader) -> PyResult<()> {
        self.add(py, rows, audit::Audit::add_rows)
    }

    /// Take in the rows of the parents, with `AUDITED_PARENT_COLUMNS`, for a list of single objects.
    fn add_parents(&mut self, py: Python<'_>, rows: PyRecordBatchReader) -> PyResult<()> {
        self.add(py, rows, audit::Audit::add_parents)
    }

    /// Compare with the events that runs followed; to be called before the rows are added.
    fn follow(&mut self, events: &AuditedEvents) {
        self.0.follow(Arc::clone(&events.0));
    }

    /// Say that there is no raw table: that is one finding then, and not one for each page.
    const fn without_table(&mut self) {
        self.0.without_table();
    }

    /// Compare events and rows, and give everything that is wrong; empty if nothing is. To be called once.
    fn finish(&mut self) -> Vec<Finding> {
        let findings = self.0.finish();
        findings
            .into_iter()
            .map(|finding| Finding {
                kind: finding.kind,
                run_id: finding.run_id,
                page_number: finding.page_number,
                request_id: finding.request_id,
                message: finding.message,
            })
            .collect()
    }

    /// Number of accounts seen.
    #[getter]
    fn accounts(&self) -> usize {
        self.0.account_count()
    }

    /// Number of runs that have events.
    #[getter]
    fn runs(&self) -> usize {
        self.0.counts().0
    }

    /// Number of PAGE_COMMITTED events seen.
    #[getter]
    fn pages(&self) -> u64 {
        self.0.counts().1
    }

    /// Number of rows of the raw table seen.
    #[getter]
    fn rows(&self) -> u64 {
        self.0.counts().2
    }

    /// Facts that are not faults but worth knowing: unfinished runs, runs from before a reset.
    ///
    /// Empty before `finish`.
    #[getter]
    fn notes(&self) -> Vec<String> {
        self.0.notes().to_vec()
    }
}
