//! The conditions of reads, as Python sees them.

use pyo3::prelude::*;

use crate::run::{Condition, Value};

/// Reads as alternatives: a row is wanted that meets all conditions of one of them.
pub(super) fn alternatives(reads: Vec<Vec<Condition>>) -> Vec<Vec<PyCondition>> {
    reads.into_iter().map(conditions).collect()
}

/// The conditions of one read.
pub(super) fn conditions(read: Vec<Condition>) -> Vec<PyCondition> {
    read.into_iter().map(condition).collect()
}

/// A condition as Python sees it: column, operator, value, type.
pub(super) type PyCondition = (&'static str, &'static str, PyValue, &'static str);

#[derive(IntoPyObject)]
pub(super) enum PyValue {
    Text(Option<String>),
    Texts(Vec<String>),
    Long(i64),
}

fn condition((column, operator, value): Condition) -> PyCondition {
    match value {
        Value::Text(text) => (column, operator, PyValue::Text(text), "string"),
        Value::Texts(texts) => (column, operator, PyValue::Texts(texts.into_iter().collect()), "string"),
        Value::Long(number) => (column, operator, PyValue::Long(number), "long"),
        Value::Timestamp(micros) => (column, operator, PyValue::Long(micros), "timestamp"),
    }
}
