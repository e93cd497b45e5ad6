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

/// One Stripe list of the registry, with the facts that Stripe's documents and answers give about it.
#[pyclass(frozen, get_all, module = "stripe_raw_rs._core")]
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts, each with its own name in Python")]
pub struct Entity {
    /// Name in options, tables and events, e.g. `charges`.
    name: &'static str,
    /// Path of the list, e.g. `/v1/charges`; `{id}` stands where the id of an object that has the list belongs.
    path: &'static str,
    /// Value of `object` in each element, e.g. `charge`; several values have a bar between them.
    object: &'static str,
    /// Name of the raw table, e.g. `stripe_charges_raw`.
    table: &'static str,
    /// Name of the field that dates an object, in whole seconds since 1970; "" if its objects have no time.
    time_field: &'static str,
    /// How a time window limits a run: "server", "client" or "whole".
    ///
    /// Stripe filters by time, or the reading ends below the window, or each run reads the whole list.
    window: &'static str,
    /// Whether Stripe answers in pages; if not, no request may ask for a number of objects.
    has_pages: bool,
    /// The name by which a selection can take it with the lists of the same section of Stripe's reference.
    group: &'static str,
    /// What an account must have switched on to have the list; "" if each account has it.
    product: &'static str,
    /// Query parameters that each request carries, so that Stripe leaves no object out; empty for most lists.
    fixed_query: BTreeMap<&'static str, &'static str>,
    /// Whether objects can leave the list: they are deleted, or age out.
    can_vanish: bool,
    /// Whether a run lands it if no entities are named.
    default: bool,
    /// Whether the selection has its own name, or it is one of the default ones: then the account must have it.
    is_named: bool,
    /// How much of the later changes of its objects Stripe's events report: "full", "partial" or "none".
    event_coverage: &'static str,
    /// The types of events whose `data.object` is one of its objects, sorted.
    event_types: Vec<&'static str>,
    /// The type of event that reports that an object has left the list; None if no type does.
    deleted_event_type: Option<&'static str>,
    /// Permission that lets a restricted key read the list; "" if only Stripe's refusal names it.
    permission: &'static str,
    /// A remark about the list for its users; "" if nothing is special.
    note: &'static str,
    /// Name of the list whose objects have the list; None if the account has it.
    parent: Option<&'static str>,
    /// The query parameter that names an object of `parent`; "" if the path has its id.
    parameter: &'static str,
    /// Where an object of `parent` shows the first items, with slashes between the names; "" if it shows none.
    member: &'static str,
    /// Whether each object of `parent` shows the first items unasked.
    ///
    /// If so, an object is asked for its list only if it shows less than all.
    is_shown: bool,
    /// Whether rows of `parent` show when the list has changed; if not, all its objects are asked again at times.
    is_reported: bool,
}

#[pymethods]
impl Entity {
    /// Whether its objects can show whose a lake is: the list has a window and never loses objects.
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

/// The entities that a selection names: `all`, a comma list of entities and groups, or "" for the default five.
///
/// Raises UsageError for a name that is neither an entity's nor a group's, and says the nearest one.
#[pyfunction]
#[pyo3(signature = (selection = "all"))]
pub(super) fn entities(selection: &str) -> PyResult<Vec<Entity>> {
    let selected = select(selection)?;
    Ok(selected.into_iter().map(|entity| Entity::of(entity, is_named(selection, entity))).collect())
}

/// The entities that a selection lands: those that it names, and the lists that their objects show.
///
/// The selection is that of `entities`, and so are the errors.
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

/// Text from outside on one plain line: control characters escaped, keys masked, cut after 500 characters.
#[pyfunction]
pub(super) fn plain(text: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(foreign(&text.str()?.to_string_lossy()))
}

/// A message of ours on one plain line: control characters escaped, keys masked, nothing cut.
#[pyfunction]
pub(super) fn one_line(text: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(crate::error::one_line(&text.str()?.to_string_lossy()))
}

/// The text with everything masked that looks like a secret of Stripe's, if it holds one; else the text itself.
///
/// A name may begin like an old key, and a path may be in another encoding than Unicode: such a text stays as it is.
#[pyfunction]
pub(super) fn without_secrets<'py>(text: &Bound<'py, PyString>) -> Bound<'py, PyString> {
    let written = text.to_string_lossy();
    if secrets::holds_secret(&written) { PyString::new(text.py(), &secrets::masked(&written)) } else { text.clone() }
}

/// The error to raise if the value of an option holds a secret of Stripe's; None if no value does.
///
/// `values` are by the names of the options; a value of None was not given.
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

/// One option of a run, as the command line, the environment and the documents show it.
#[pyclass(frozen, get_all, name = "Option", module = "stripe_raw_rs._core")]
pub struct Option_ {
    /// Name in snake case: the keyword in Python. The command line writes it with hyphens.
    name: &'static str,
    /// How its value is written: "integer", "decimal", "auto or decimal" or "text".
    kind: &'static str,
    /// The default, as a user would write it; "" for none.
    default: &'static str,
    /// Unit of a number, e.g. `seconds`; "" for a text.
    unit: &'static str,
    /// The words that it can be; empty if any text is possible.
    choices: Vec<&'static str>,
    /// Its effect, in one line.
    help: &'static str,
}

#[pymethods]
impl Option_ {
    fn __repr__(&self) -> String {
        format!("Option({}={})", self.name, self.default)
    }
}

/// All options that the compiled half reads: those that `Client` takes.
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

/// The columns of a table: `__arrow_c_schema__` with each column's comment as field metadata `comment`.
#[pyclass(frozen, module = "stripe_raw_rs._core")]
pub struct Schema(SchemaRef, &'static [&'static str]);

#[pymethods]
impl Schema {
    /// Names of the columns, in their order.
    #[getter]
    fn names(&self) -> Vec<String> {
        self.0.fields().iter().map(|field| field.name().clone()).collect()
    }

    /// One line about the first column that keeps rows of these columns out of `actual`; None if they fit.
    ///
    /// Columns are appended by name: their order does not matter, and other columns may be there if they allow null.
    /// Columns that a later layout added may be missing: `additions` names them.
    fn difference(&self, actual: PySchema) -> Option<String> {
        columns::difference(&self.0, &actual.into_inner(), self.1)
    }

    /// The columns that a later layout added and that are missing in `actual`; all allow null.
    fn additions(&self, actual: PySchema) -> Self {
        Self(Arc::new(columns::additions(&self.0, &actual.into_inner(), self.1)), self.1)
    }

    /// The columns, in the form in which Arrow libraries take them.
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
