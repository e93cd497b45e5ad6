//! Commits, as Arrow streams.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StructArray};
use arrow_schema::Schema;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use pyo3_arrow::error::PyArrowResult;
use pyo3_arrow::ffi::to_schema_pycapsule;

use super::record_batch::stream;
use crate::columns::without_comments;
use crate::run;
use crate::{checkpoint, raw};

/// One Delta commit: the rows to append, and the transaction identifier that fences it.
///
/// An Arrow stream that can be read more than once: pyarrow, polars, duckdb, deltalake and Spark take it. Its length is
/// the number of rows.
#[pyclass(frozen, subclass, module = "stripe_raw_rs._core")]
pub struct Commit {
    commit: run::Commit,
    schema: Schema,
}

/// Rows for one commit of a raw table; without rows it is a fence.
#[pyclass(frozen, extends = Commit, module = "stripe_raw_rs._core")]
pub(super) struct Rows;

/// Events for one commit of the checkpoint table.
#[pyclass(frozen, get_all, extends = Commit, module = "stripe_raw_rs._core")]
pub(super) struct Checkpoint {
    /// Number of PAGE_COMMITTED events in it.
    pages: usize,
    /// Number of rows that its pages have in the raw table.
    rows: i64,
    /// `created` of the oldest object in its pages, in seconds since 1970; None if none has a time.
    reached: Option<i64>,
}

pub(super) fn rows(py: Python<'_>, commit: run::Commit) -> PyResult<Py<Rows>> {
    let base = Commit { commit, schema: without_comments(&raw::schema()) };
    Py::new(py, PyClassInitializer::from(base).add_subclass(Rows))
}

pub(super) fn checkpoint(py: Python<'_>, commit: run::Commit) -> PyResult<Py<Checkpoint>> {
    let events = Checkpoint { pages: commit.pages, rows: commit.rows, reached: commit.reached };
    let base = Commit { commit, schema: without_comments(&checkpoint::schema()) };
    Py::new(py, PyClassInitializer::from(base).add_subclass(events))
}

#[pymethods]
impl Commit {
    /// The rows, as the stream that Arrow libraries take; with other types of columns if they ask for them.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyArrowResult<Bound<'py, PyCapsule>> {
        let structs = self.commit.batches.iter().map(|batch| Arc::new(StructArray::from(batch.clone())) as ArrayRef);
        let structs: Vec<ArrayRef> = structs.collect();
        stream(py, &self.schema, structs.into_iter().map(Ok), requested_schema)
    }

    /// The columns of the rows, in the form in which Arrow libraries take them.
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyArrowResult<Bound<'py, PyCapsule>> {
        to_schema_pycapsule(py, &self.schema)
    }

    fn __len__(&self) -> usize {
        self.commit.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// Application id of the transaction identifier: one for each entity of a lake.
    #[getter]
    fn app_id(&self) -> &str {
        &self.commit.app_id
    }

    /// Version of the transaction identifier: `epoch << 32 | sequence`.
    #[getter]
    const fn commit_version(&self) -> i64 {
        self.commit.version
    }

    /// Distinguishes this attempt's commits from those of any other.
    #[getter]
    fn nonce(&self) -> &str {
        &self.commit.nonce
    }

    /// User metadata of the commit, as JSON.
    #[getter]
    fn metadata(&self) -> &str {
        &self.commit.metadata
    }

    /// Whether it must be seen in the table before anything else is committed.
    ///
    /// An engine that drops a repeated transaction silently (Spark) has to be asked; one that refuses it (delta-rs
    /// under a compare-and-swap) has answered already.
    #[getter]
    const fn must_be_seen(&self) -> bool {
        self.commit.must_be_seen
    }

    fn __repr__(&self) -> String {
        format!("Commit({} rows for {}, version {})", self.__len__(), self.commit.app_id, self.commit.version)
    }
}
