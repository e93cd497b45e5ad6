//! Values from Python, as the simulator takes them.

use std::collections::BTreeMap;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::error::{Error, foreign};

pub(super) fn value_error(error: Error) -> PyErr {
    PyValueError::new_err(error.message)
}

/// There is no such object.
pub(super) fn unknown(entity: &str, id: &str) -> PyErr {
    value_error(Error::usage(format!("{entity} has no object '{}'", foreign(id))))
}

/// Converts a Python number to the width of the setting.
pub(super) fn narrow<T: TryFrom<i64>>(name: &str, value: i64) -> PyResult<T> {
    T::try_from(value).map_err(|_| value_error(Error::usage(format!("{name} cannot be {value}"))))
}

/// Numbers of objects, by name of the entity.
pub(super) fn counts(counts: Option<BTreeMap<String, i64>>) -> PyResult<BTreeMap<String, u64>> {
    counts.into_iter().flatten().map(|(name, count)| Ok((name, narrow("a count", count)?))).collect()
}

/// One id, or several.
#[derive(FromPyObject)]
pub(super) enum Ids {
    One(String),
    Several(Vec<String>),
}

impl Ids {
    pub(super) fn all(self) -> Vec<String> {
        match self {
            Self::One(id) => vec![id],
            Self::Several(ids) => ids,
        }
    }
}
