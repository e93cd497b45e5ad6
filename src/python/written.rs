//! Options as a user writes them in Python.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt};

use crate::options::{Written, row};

/// Options as a user wrote them in Python, each under the name of a row.
pub(super) fn written(options: Option<&Bound<'_, PyDict>>) -> PyResult<BTreeMap<String, Written>> {
    let mut written = BTreeMap::new();
    for (name, value) in options.into_iter().flatten() {
        let name: String = name.extract()?;
        row(&name)?;
        if !value.is_none() {
            written.insert(name, written_value(&value)?);
        }
    }
    Ok(written)
}

/// A number stays a number; anything else becomes text, and then a truth value and a number beyond 64 bits are refused.
pub(super) fn written_value(value: &Bound<'_, PyAny>) -> PyResult<Written> {
    if value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>() {
        if let Ok(number) = value.extract() {
            return Ok(Written::Integer(number));
        }
    } else if value.is_instance_of::<PyFloat>() {
        return Ok(Written::Decimal(value.extract()?));
    }
    // Python makes no text of a number of thousands of digits.
    let text =
        value.str().map_or_else(|_| "a number that is too long".to_owned(), |text| text.to_string_lossy().into_owned());
    Ok(Written::Text(text))
}
