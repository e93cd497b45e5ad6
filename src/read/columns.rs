//! The columns of a reading: those of the raw tables that need no run, or some of them.

use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};

use crate::columns::without_comments;
use crate::error::{Error, Result, foreign, nearest};
use crate::raw::{OF_OBJECTS, schema};

/// The columns of a reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns(SchemaRef);

impl Columns {
    /// All of them, in the order of the raw tables.
    ///
    /// # Panics
    /// Never: each of them is a column of the raw tables.
    #[must_use]
    pub fn all() -> Self {
        Self::of(&OF_OBJECTS).expect("each of them is a column of the raw tables")
    }

    /// These, in this order.
    ///
    /// # Errors
    /// `Class::Usage` for no column, for one that a reading does not have, and for one that comes twice.
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut chosen = Vec::new();
        for name in names {
            let known = OF_OBJECTS.iter().find(|known| **known == name).ok_or_else(|| unknown(name))?;
            if chosen.contains(known) {
                return Err(Error::usage(format!("columns has '{name}' twice")));
            }
            chosen.push(*known);
        }
        if chosen.is_empty() {
            return Err(Error::usage("columns names no column: leave it out for all of them"));
        }
        Self::of(&chosen)
    }

    /// Their names and types.
    #[must_use]
    pub const fn schema(&self) -> &SchemaRef {
        &self.0
    }

    fn of(names: &[&str]) -> Result<Self> {
        let all = schema();
        let fields = names.iter().map(|name| all.field_with_name(name).cloned());
        let fields: Vec<_> =
            fields.collect::<std::result::Result<_, _>>().map_err(|error| Error::usage(error.to_string()))?;
        Ok(Self(Arc::new(without_comments(&Schema::new(fields)))))
    }
}

fn unknown(name: &str) -> Error {
    let is_of_run = schema().field_with_name(name).is_ok();
    let why = if is_of_run {
        "is a column of runs, and there is none; choose others".to_owned()
    } else {
        format!("is not a column, did you mean {}?", nearest(name, OF_OBJECTS).unwrap_or_default())
    };
    Error::usage(format!("columns: '{}' {why}", foreign(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(columns: &Columns) -> Vec<&str> {
        columns.schema().fields().iter().map(|field| field.name().as_str()).collect()
    }

    #[test]
    fn they_come_in_the_order_of_the_raw_tables_or_in_the_given_one() {
        let raw = schema();
        let places: Vec<usize> = OF_OBJECTS.iter().map(|name| raw.index_of(name).unwrap()).collect();
        assert!(places.is_sorted());
        assert_eq!(names(&Columns::all()), OF_OBJECTS);
        assert_eq!(names(&Columns::named(["_raw_json", "_stripe_id"]).unwrap()), ["_raw_json", "_stripe_id"]);
    }

    #[test]
    fn others_are_refused_in_one_line() {
        for (given, said) in [
            (&["_raw_jsn"][..], "columns: '_raw_jsn' is not a column, did you mean _raw_json?"),
            (&["_page_number"], "columns: '_page_number' is a column of runs, and there is none; choose others"),
            (&["_stripe_id", "_stripe_id"], "columns has '_stripe_id' twice"),
            (&[], "columns names no column: leave it out for all of them"),
        ] {
            assert_eq!(Columns::named(given.iter().copied()).unwrap_err().to_string(), said);
        }
    }
}
