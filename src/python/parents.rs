//! What has landed of the parents of other lists.

use pyo3::prelude::*;

use crate::checkpoint;

/// What the complete runs of a list have landed, for the runs of its objects' own lists.
#[pyclass(frozen, module = "stripe_raw_rs._core")]
pub struct ParentRows(pub checkpoint::ParentRows);

#[pymethods]
impl ParentRows {
    fn __repr__(&self) -> String {
        format!("ParentRows(up to attempt {})", self.0.position.epoch)
    }
}
