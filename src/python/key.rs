//! The key on its way through Python, which does not see its text unless the caller has it.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::error::Result;
use crate::http_client;

/// A Stripe API key: no text of it is seen from here on.
///
/// It cannot be printed or pickled, and is wiped from memory when nothing holds it any more. Once it is made, no
/// message of this process shows it, or its base64 form. White space around the text is dropped. Raises UsageError if
/// it is not an `sk_`/`rk_` secret; the message does not repeat the text.
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

    /// The key in the environment variable `STRIPE_API_KEY`. Raises UsageError if there is none.
    #[staticmethod]
    fn from_environment() -> PyResult<Self> {
        Ok(Self(Arc::new(http_client::ApiKey::from_environment()?)))
    }

    /// The key that a file has, and nothing else. A pipe or a device is not waited for.
    ///
    /// Raises UsageError if the file cannot be read, or does not hold a key.
    #[staticmethod]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands extracted paths over by value")]
    fn from_file(path: PathBuf) -> PyResult<Self> {
        Ok(Self(Arc::new(http_client::ApiKey::from_file(&path)?)))
    }

    /// The data that it reads: "test" or "live". A key whose prefix says neither counts as live.
    #[getter]
    fn mode(&self) -> &'static str {
        self.0.mode().name()
    }

    /// Whether it is an `rk_` key, which may do only what it was given permission for.
    #[getter]
    fn is_restricted(&self) -> bool {
        self.0.is_restricted()
    }

    fn __repr__(&self) -> String {
        format!("ApiKey({} mode)", self.mode())
    }
}

/// The text of a key, to be pickled for Spark's executors, which can have it in no other way.
///
/// Nothing else may call it.
#[pyfunction]
pub(super) fn expose(key: &Bound<'_, ApiKey>) -> String {
    key.get().0.expose().to_owned()
}
