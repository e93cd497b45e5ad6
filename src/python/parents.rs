//! What has landed of the parents of other lists.

use std::collections::HashMap;

use pyo3::prelude::*;

use crate::checkpoint;

/// What the complete runs of a list have landed, for the runs of its objects' own lists, by account.
///
/// Its length is the number of accounts.
#[pyclass(frozen, module = "stripe_raw_rs._core")]
pub struct ParentRows(pub HashMap<Option<String>, checkpoint::ParentRows>);

#[pymethods]
impl ParentRows {
    /// These with those of `newer`, which take the place of those of the same accounts.
    fn and_newer(&self, newer: &Self) -> Self {
        Self(self.0.iter().chain(&newer.0).map(|(account, rows)| (account.clone(), *rows)).collect())
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __repr__(&self) -> String {
        let newest = self.0.values().map(|rows| rows.position.epoch).max().unwrap_or_default();
        format!("ParentRows(of {} accounts, up to attempt {newest})", self.0.len())
    }
}
