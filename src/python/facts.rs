//! The registry, the options and the tables' columns, as values.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyString};
use pyo3_arrow::PySchema;
use pyo3_arrow::error::PyArrowResult;
use pyo3_arrow::ffi::to_schema_pycapsule;

use crate::ask::witness::is_witness;
use crate::error::foreign;
use crate::options::{Kind, OPTIONS, refuse_secret};
use crate::stripe::entities::{all, by_name, is_named, select, to_land};
use crate::stripe::events;
use crate::{checkpoint, columns, raw, secrets};

/// One Stripe list of the registry.
#[pyclass(frozen, get_all, module = "stripe_raw_rs._core")]
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts, each with its own name in Python")]
pub struct Entity {
    name: &'static str,
    path: &'static str,
    object: &'static str,
    table: &'static str,
    time_field: &'static str,
    window: &'static str,
    has_pages: bool,
    group: &'static str,
    product: &'static str,
    fixed_query: BTreeMap<&'static str, &'static str>,
    can_vanish: bool,
    default: bool,
    is_named: bool,
    event_coverage: &'static str,
    event_types: Vec<&'static str>,
    deleted_event_type: Option<&'static str>,
    permission: &'static str,
    note: &'static str,
    parent: Option<&'static str>,
    parameter: &'static str,
    member: &'static str,
    is_shown: bool,
    is_reported: bool,
}

#[pymethods]
impl Entity {
    #[getter]
    fn is_witness(&self) -> bool {
        by_name(self.name).is_some_and(is_witness)
    }

    fn __repr__(&self) -> String {
        format!("Entity({})", self.name)
    }
}

impl Entity {
    fn of(entity: &'static crate::stripe::entities::Entity, is_named: bool) -> Self {
        let parent = entity.parent.as_ref();
        Self {
            name: entity.name,
            path: entity.path,
            object: entity.object,
            table: entity.table,
            time_field: entity.dated_by(),
            window: entity.window.name(),
            has_pages: entity.has_pages,
            group: entity.group,
            product: entity.product,
            fixed_query: entity.fixed_query.iter().copied().collect(),
            can_vanish: entity.can_vanish,
            default: entity.default,
            is_named,
            event_coverage: events::of(entity).coverage.name(),
            event_types: parent.map_or(events::of(entity).types, |parent| parent.events).to_vec(),
            deleted_event_type: events::of(entity).deleted,
            permission: entity.permission,
            note: entity.note,
            parent: parent.map(|parent| parent.entity),
            parameter: parent.map_or("", |parent| parent.parameter),
            member: parent.map_or("", |parent| parent.member),
            is_shown: parent.is_some_and(|parent| parent.is_shown),
            is_reported: parent.is_some_and(|parent| parent.is_reported),
        }
    }
}

/// The entities that a selection names: `all`, or a comma list of entities and groups; "" for the default five.
#[pyfunction]
#[pyo3(signature = (selection = "all"))]
pub(super) fn entities(selection: &str) -> PyResult<Vec<Entity>> {
    let selected = select(selection)?;
    Ok(selected.into_iter().map(|entity| Entity::of(entity, is_named(selection, entity))).collect())
}

/// The entities that a selection lands: those that it names, and the lists that their objects show the beginning of.
#[pyfunction]
pub(super) fn entities_to_land(selection: &str) -> PyResult<Vec<Entity>> {
    let selected = to_land(selection)?;
    Ok(selected.into_iter().map(|entity| Entity::of(entity, is_named(selection, entity))).collect())
}

/// All entities that can be landed: the lists of the account, then those of single objects.
#[pyfunction]
pub(super) fn all_entities() -> Vec<Entity> {
    all().map(|entity| Entity::of(entity, false)).collect()
}

/// Text from outside on one plain line: control characters escaped, long text cut, keys masked.
#[pyfunction]
pub(super) fn plain(text: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(foreign(&text.str()?.to_string_lossy()))
}

/// A message of ours on one plain line: control characters escaped, keys masked, nothing cut.
#[pyfunction]
pub(super) fn one_line(text: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(crate::error::one_line(&text.str()?.to_string_lossy()))
}

/// The text with everything masked that looks like a Stripe secret, if it holds one. Else it is the text itself: a name
/// may begin like an old key, and a path may be in another encoding than Unicode.
#[pyfunction]
pub(super) fn without_secrets<'py>(text: &Bound<'py, PyString>) -> Bound<'py, PyString> {
    let written = text.to_string_lossy();
    if secrets::holds_secret(&written) { PyString::new(text.py(), &secrets::masked(&written)) } else { text.clone() }
}

/// The error to raise if an option's value holds a Stripe secret; values that are None were not given.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands extracted collections over by value")]
pub(super) fn stray_secret(values: BTreeMap<String, Bound<'_, PyAny>>) -> Option<PyErr> {
    for (name, value) in &values {
        // Python makes no text of a number of thousands of digits.
        let text = if value.is_none() { None } else { value.str().ok() };
        let written = text.map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
        if let Err(error) = refuse_secret(name, &written) {
            return Some(error.into());
        }
    }
    None
}

/// One option of a run.
#[pyclass(frozen, get_all, name = "Option", module = "stripe_raw_rs._core")]
pub struct Option_ {
    name: &'static str,
    kind: &'static str,
    default: &'static str,
    unit: &'static str,
    choices: Vec<&'static str>,
    help: &'static str,
}

#[pymethods]
impl Option_ {
    fn __repr__(&self) -> String {
        format!("Option({}={})", self.name, self.default)
    }
}

/// All options that the compiled half of this library reads.
#[pyfunction]
pub(super) fn options() -> Vec<Option_> {
    OPTIONS
        .iter()
        .map(|row| Option_ {
            name: row.name,
            kind: match row.kind {
                Kind::Integer { .. } => "integer",
                Kind::Decimal { .. } => "decimal",
                Kind::AutoDecimal { .. } => "auto or decimal",
                Kind::Text | Kind::Header | Kind::Choice(_) => "text",
            },
            choices: if let Kind::Choice(words) = row.kind { words.to_vec() } else { Vec::new() },
            default: row.default,
            unit: row.unit,
            help: row.help,
        })
        .collect()
}

/// The columns of a table, and the names of those that a later layout added.
#[pyclass(frozen, module = "stripe_raw_rs._core")]
pub struct Schema(SchemaRef, &'static [&'static str]);

#[pymethods]
impl Schema {
    #[getter]
    fn names(&self) -> Vec<String> {
        self.0.fields().iter().map(|field| field.name().clone()).collect()
    }

    fn difference(&self, actual: PySchema) -> Option<String> {
        columns::difference(&self.0, &actual.into_inner(), self.1)
    }

    fn additions(&self, actual: PySchema) -> Self {
        Self(Arc::new(columns::additions(&self.0, &actual.into_inner(), self.1)), self.1)
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyArrowResult<Bound<'py, PyCapsule>> {
        to_schema_pycapsule(py, self.0.as_ref())
    }
}

impl Schema {
    /// The columns of rows that are in no table.
    pub(super) const fn of_rows(columns: SchemaRef) -> Self {
        Self(columns, &[])
    }
}

/// The columns of a raw table.
#[pyfunction]
pub(super) fn raw_schema() -> Schema {
    Schema(Arc::new(raw::schema()), &raw::ADDED)
}

/// The columns of the checkpoint table.
#[pyfunction]
pub(super) fn checkpoint_schema() -> Schema {
    Schema(Arc::new(checkpoint::schema()), &checkpoint::ADDED)
}
