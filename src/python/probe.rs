//! The findings of one request for one object, for Python.

use pyo3::prelude::*;

use crate::ask::probe;
use crate::error::Error;

/// The result of one request for one object of an entity: whether the key can read the list, and if not, why.
#[pyclass(frozen, module = "stripe_raw_rs._core")]
pub struct Probe {
    /// Name of the list.
    #[pyo3(get)]
    entity: &'static str,
    /// Whether the key can read it: "readable", "permission missing", "not available" or "failed".
    ///
    /// "not available" says that the account has no such list, "failed" that anything else went wrong.
    #[pyo3(get)]
    state: &'static str,
    /// Permission to read the list: as Stripe's refusal names it, else as the registry does, else "".
    #[pyo3(get)]
    permission: String,
    /// `Stripe-Version` as answered; None if there was no answer, or it did not say.
    #[pyo3(get)]
    api_version: Option<String>,
    /// How far this machine's clock is ahead of Stripe's, in seconds; None if the answer had no date.
    #[pyo3(get)]
    clock_offset_seconds: Option<i64>,
    error: Option<Error>,
}

#[pymethods]
impl Probe {
    /// The reason that the list cannot be read; None if it can.
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
