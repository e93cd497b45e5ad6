//! The findings of one request for one object, for Python.

use pyo3::prelude::*;

use crate::ask::probe;
use crate::error::Error;

/// The findings of one request for one object of an entity.
#[pyclass(frozen, module = "stripe_raw_rs._core")]
pub struct Probe {
    #[pyo3(get)]
    entity: &'static str,
    #[pyo3(get)]
    state: &'static str,
    #[pyo3(get)]
    permission: String,
    #[pyo3(get)]
    api_version: Option<String>,
    #[pyo3(get)]
    clock_offset_seconds: Option<i64>,
    error: Option<Error>,
}

#[pymethods]
impl Probe {
    #[getter]
    fn error(&self) -> Option<PyErr> {
        self.error.clone().map(PyErr::from)
    }

    fn __repr__(&self) -> String {
        format!("Probe({}: {})", self.entity, self.state)
    }
}

impl From<probe::Probe> for Probe {
    fn from(found: probe::Probe) -> Self {
        Self {
            entity: found.entity.name,
            state: found.state.name(),
            permission: found.permission,
            api_version: found.api_version,
            clock_offset_seconds: found.clock_offset_seconds,
            error: found.error,
        }
    }
}
