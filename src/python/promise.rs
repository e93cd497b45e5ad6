//! The content that events promise for a raw table, for Python.

use pyo3::prelude::*;

use super::conditions::{PyCondition, conditions};
use crate::run;

/// The rows that a raw table holds according to the events, as questions to it.
#[pyclass(frozen, module = "stripe_raw_rs._core")]
pub struct Promise(pub(super) run::Promise);

#[pymethods]
impl Promise {
    /// Application ids that the raw table's transaction may have: the list's, and that of version 0.1.
    #[getter]
    fn app_ids(&self) -> Vec<String> {
        self.0.app_ids.clone()
    }

    /// The least version that the transaction can stand at.
    #[getter]
    const fn version(&self) -> i64 {
        self.0.version()
    }

    /// Whether `version` is no proof unless the account has a row: other accounts have made later commits.
    #[getter]
    const fn needs_rows(&self) -> bool {
        self.0.needs_rows()
    }

    /// The rows that must be there: those of the newest commit, if it is known, else any of the account.
    #[getter]
    fn newest_rows(&self) -> Vec<PyCondition> {
        conditions(self.0.newest_rows())
    }

    /// The rows of the account.
    #[getter]
    fn any_rows(&self) -> Vec<PyCondition> {
        conditions(self.0.any_rows())
    }

    /// Whether a table that was created then had the rows: then their owner has erased them.
    ///
    /// The time is in microseconds since 1970; None says that the table does not give it, and the answer is False.
    fn is_of_table(&self, created_at_micros: Option<i64>) -> bool {
        self.0.is_of_table(created_at_micros)
    }

    /// Whether the newest commit can have landed although none of its rows remains.
    ///
    /// `commits`: the user metadata of the table's commits; `from_creation`: whether its creation is among them.
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands extracted collections over by value")]
    fn may_be_among(&self, commits: Vec<String>, from_creation: bool) -> bool {
        self.0.may_be_among(commits.iter().map(String::as_str), from_creation)
    }

    fn __repr__(&self) -> String {
        format!("Promise({}, version {})", self.0.app_ids.join(" or "), self.0.version())
    }
}
