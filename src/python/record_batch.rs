//! Rows that were read together, as an Arrow record batch.

use std::sync::Arc;

use arrow_array::{ArrayRef, StructArray};
use arrow_schema::{ArrowError, Field, FieldRef, Schema};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};
use pyo3_arrow::error::PyArrowResult;
use pyo3_arrow::ffi::{ArrayIterator, to_array_pycapsules, to_schema_pycapsule, to_stream_pycapsule};

/// The field that a batch of these columns is the value of.
fn field_of(schema: &Schema) -> FieldRef {
    Arc::new(Field::new_struct("", schema.fields().clone(), false))
}

/// Batches of these columns, one after the other, as an Arrow stream.
pub(super) fn stream<'py, Batches>(
    py: Python<'py>,
    schema: &Schema,
    batches: Batches,
    requested_schema: Option<Bound<'py, PyCapsule>>,
) -> PyArrowResult<Bound<'py, PyCapsule>>
where
    Batches: IntoIterator<Item = Result<ArrayRef, ArrowError>>,
    Batches::IntoIter: Send + 'static,
{
    let reader = ArrayIterator::new(batches.into_iter(), field_of(schema));
    to_stream_pycapsule(py, Box::new(reader), requested_schema)
}

/// Rows of one answer, newest first, as an Arrow record batch: pyarrow, polars, duckdb and others take it.
///
/// Its length is the number of rows.
#[pyclass(frozen, module = "stripe_raw_rs._core")]
pub struct RecordBatch(pub(super) arrow_array::RecordBatch);

impl RecordBatch {
    fn rows(&self) -> ArrayRef {
        Arc::new(StructArray::from(self.0.clone()))
    }
}

#[pymethods]
impl RecordBatch {
    /// The rows, as the array that Arrow libraries take; with other types of columns if they ask for them.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyArrowResult<Bound<'py, PyTuple>> {
        to_array_pycapsules(py, field_of(&self.0.schema()), &self.rows(), requested_schema)
    }

    /// The rows, as a stream of one batch that Arrow libraries take.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyArrowResult<Bound<'py, PyCapsule>> {
        stream(py, &self.0.schema(), [Ok(self.rows())], requested_schema)
    }

    /// The columns of the rows, in the form in which Arrow libraries take them.
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyArrowResult<Bound<'py, PyCapsule>> {
        to_schema_pycapsule(py, self.0.schema().as_ref())
    }

    fn __len__(&self) -> usize {
        self.0.num_rows()
    }

    fn __repr__(&self) -> String {
        format!("RecordBatch({} rows, {} columns)", self.0.num_rows(), self.0.num_columns())
    }
}
