//! The key on its way through Python, which does not see its text unless the caller has it.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::error::Result;
use crate::http_client;

/// A Stripe API key.
#[pyclass(frozen, module = "stripe_raw_rs._core")]
pub struct ApiKey(Arc<http_client::ApiKey>);

/// A key, or the text of one.
#[derive(FromPyObject)]
pub(super) enum Given<'py> {
    Key(Bound<'py, ApiKey>),
    Text(Bound<'py, PyString>),
}

impl Given<'_> {
    pub(super) fn key(&self) -> Result<Arc<http_client::ApiKey>> {
        match self {
            Self::Key(key) => Ok(Arc::clone(&key.get().0)),
            // An error that Python raises about a text would hold it; bytes that are not Unicode become a character
            // that no key has.
            Self::Text(text) => http_client::ApiKey::parse(&text.to_string_lossy()).map(Arc::new),
        }
    }
}

#[pymethods]
impl ApiKey {
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands extracted values over by value")]
    fn new(key: Given<'_>) -> PyResult<Self> {
        Ok(Self(key.key()?))
    }

    #[staticmethod]
    fn from_environment() -> PyResult<Self> {
        Ok(Self(Arc::new(http_client::ApiKey::from_environment()?)))
    }

    #[staticmethod]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands extracted paths over by value")]
    fn from_file(path: PathBuf) -> PyResult<Self> {
        Ok(Self(Arc::new(http_client::ApiKey::from_file(&path)?)))
    }

    #[getter]
    fn mode(&self) -> &'static str {
        self.0.mode().name()
    }

    #[getter]
    fn is_restricted(&self) -> bool {
        self.0.is_restricted()
    }

    fn __repr__(&self) -> String {
        format!("ApiKey({} mode)", self.mode())
    }
}
