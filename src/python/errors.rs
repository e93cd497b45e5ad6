//! Errors as the classes of `stripe_raw_rs.exceptions`.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::{Class, Error, Remedy};

const fn class_name(class: Class) -> &'static str {
    match class {
        Class::Usage => "UsageError",
        Class::Authentication => "AuthenticationError",
        Class::Permission => "PermissionMissingError",
        Class::Product => "ProductMissingError",
        Class::RateLimit => "RateLimitError",
        Class::Request => "RequestError",
        Class::Server => "ServerError",
        Class::Connection => "ConnectionFailedError",
        Class::Answer => "AnswerError",
        Class::Table => "TableError",
        Class::Held => "HeldError",
        Class::Fenced => "FencedError",
        Class::Budget => "BudgetError",
        Class::Internal => "StripeRawError",
        Class::Interrupted | Class::Abandoned | Class::Reset => "InterruptedRunError",
    }
}

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        Python::attach(|py| raised(py, &error).unwrap_or_else(|_| PyRuntimeError::new_err(error.message)))
    }
}

fn raised(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let class = py.import("stripe_raw_rs.exceptions")?.getattr(class_name(error.class))?;
    let fields = PyDict::new(py);
    fields.set_item("status", error.status)?;
    fields.set_item("code", error.code.as_deref())?;
    fields.set_item("request_id", error.request_id.as_deref())?;
    let message = match error.remedy {
        Some(remedy) => format!("{}; {}", error.message, with_options(py, remedy)?),
        None => error.message.clone(),
    };
    let raised = class.call((message,), Some(&fields))?;
    // RUN_FAILED is read by users of both surfaces: there an option has its plain name.
    raised.setattr("recorded", error.to_string())?;
    Ok(PyErr::from_value(raised))
}

/// The remedy in words, with options written as the caller's surface does.
fn with_options(py: Python<'_>, remedy: Remedy) -> PyResult<String> {
    py.import("stripe_raw_rs.surface")?.getattr("with_options")?.call1((remedy.text(),))?.extract()
}
