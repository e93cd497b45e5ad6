//! The audit, fed with Arrow streams.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3_arrow::PyRecordBatchReader;

use super::each_batch;
use crate::changes::EventIndex;
use crate::columns::Columns;
use crate::error::Error;
use crate::run::audit;

/// One thing that an audit found wrong.
#[pyclass(frozen, get_all, module = "stripe_raw_rs._core")]
pub struct Finding {
    kind: &'static str,
    run_id: Option<String>,
    page_number: Option<i64>,
    request_id: Option<String>,
    message: String,
}

#[pymethods]
impl Finding {
    fn __repr__(&self) -> String {
        format!("Finding({}: {})", self.kind, self.message)
    }
}

/// The events of all accounts, to compare lists with.
#[pyclass(module = "stripe_raw_rs._core")]
#[derive(Default)]
pub struct AuditedEvents(Arc<audit::Reports>);

#[pymethods]
impl AuditedEvents {
    #[new]
    fn new() -> Self {
        Self::default()
    }

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

/// An audit of one entity.
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

    fn add_events(&mut self, py: Python<'_>, events: PyRecordBatchReader) -> PyResult<()> {
        self.add(py, events, audit::Audit::add_events)
    }

    fn add_rows(&mut self, py: Python<'_>, rows: PyRecordBatchReader) -> PyResult<()> {
        self.add(py, rows, audit::Audit::add_rows)
    }

    fn add_parents(&mut self, py: Python<'_>, rows: PyRecordBatchReader) -> PyResult<()> {
        self.add(py, rows, audit::Audit::add_parents)
    }

    fn follow(&mut self, events: &AuditedEvents) {
        self.0.follow(Arc::clone(&events.0));
    }

    const fn without_table(&mut self) {
        self.0.without_table();
    }

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

    #[getter]
    fn accounts(&self) -> usize {
        self.0.account_count()
    }

    #[getter]
    fn runs(&self) -> usize {
        self.0.counts().0
    }

    #[getter]
    fn pages(&self) -> u64 {
        self.0.counts().1
    }

    #[getter]
    fn rows(&self) -> u64 {
        self.0.counts().2
    }

    #[getter]
    fn notes(&self) -> Vec<String> {
        self.0.notes().to_vec()
    }
}
