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

/// One Delta commit: the batches to append, and the transaction identifier that fences it.
#[pyclass(frozen, subclass, module = "stripe_raw_rs._core")]
pub struct Commit {
    commit: run::Commit,
    schema: Schema,
}

/// Rows for one commit of a raw table.
#[pyclass(frozen, extends = Commit, module = "stripe_raw_rs._core")]
pub(super) struct Rows;

/// Events for one commit of the checkpoint table.
#[pyclass(frozen, get_all, extends = Commit, module = "stripe_raw_rs._core")]
pub(super) struct Checkpoint {
    pages: usize,
    rows: i64,
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

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyArrowResult<Bound<'py, PyCapsule>> {
        to_schema_pycapsule(py, &self.schema)
    }

    fn __len__(&self) -> usize {
        self.commit.batches.iter().map(RecordBatch::num_rows).sum()
    }

    #[getter]
    fn app_id(&self) -> &str {
        &self.commit.app_id
    }

    #[getter]
    const fn commit_version(&self) -> i64 {
        self.commit.version
    }

    #[getter]
    fn nonce(&self) -> &str {
        &self.commit.nonce
    }

    #[getter]
    fn metadata(&self) -> &str {
        &self.commit.metadata
    }

    #[getter]
    const fn must_be_seen(&self) -> bool {
        self.commit.must_be_seen
    }

    fn __repr__(&self) -> String {
        format!("Commit({} rows for {}, version {})", self.__len__(), self.commit.app_id, self.commit.version)
    }
}
