//! Reads Arrow columns by name, in any of the equivalent types that an engine may choose when it reads a table.

use std::collections::{BTreeSet, HashMap};

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, FieldRef, Schema, TimeUnit};

use crate::error::{Class, Error, Result, foreign};

/// The time type of all our tables: microseconds, UTC.
#[must_use]
pub fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// A field with its comment.
#[must_use]
pub fn field(name: &str, kind: DataType, nullable: bool, comment: &str) -> Field {
    Field::new(name, kind, nullable).with_metadata([("comment".to_owned(), comment.to_owned())].into())
}

/// The same columns without comments, for rows: a table keeps those that it was made with, and delta-rs refuses others.
#[must_use]
pub fn without_comments(schema: &Schema) -> Schema {
    let plain = |field: &FieldRef| field.as_ref().clone().with_metadata(HashMap::new());
    Schema::new(schema.fields().iter().map(plain).collect::<Vec<_>>())
}

/// The difference between two tables' columns, in one line; `None` if a writer of `expected` fits `actual`.
///
/// Columns are appended by name, and a column without a value becomes null. So their order does not matter, and a
/// column that the table's owner added to ours only has to allow null. A column that a later layout `added` may be
/// missing, see [`additions`].
#[must_use]
pub fn difference(expected: &Schema, actual: &Schema, added: &[&str]) -> Option<String> {
    for field in expected.fields() {
        let Ok(found) = actual.field_with_name(field.name()) else {
            if added.contains(&field.name().as_str()) {
                continue;
            }
            return Some(format!("column '{}' is missing", field.name()));
        };
        if family(found.data_type()) != family(field.data_type()) {
            return Some(format!("column '{}' is {} and should be {}", field.name(), kind(found), field.data_type()));
        }
        if field.is_nullable() && !found.is_nullable() {
            return Some(format!("column '{}' must allow null", field.name()));
        }
    }
    let mut added = actual.fields().iter().filter(|found| expected.field_with_name(found.name()).is_err());
    added
        .find(|found| !found.is_nullable())
        .map(|found| format!("column '{}' is not ours and must allow null", foreign(found.name())))
}

/// The columns that a table of an earlier layout lacks: those of `expected` that later layouts `added`.
#[must_use]
pub fn additions(expected: &Schema, actual: &Schema, added: &[&str]) -> Schema {
    let is_missing =
        |field: &&FieldRef| added.contains(&field.name().as_str()) && actual.field_with_name(field.name()).is_err();
    Schema::new(expected.fields().iter().filter(is_missing).cloned().collect::<Vec<_>>())
}

/// A column's type. A type that an engine cannot express in Arrow is null here, with its name beside it.
fn kind(field: &Field) -> String {
    let other = field.metadata().get("type").filter(|_| *field.data_type() == DataType::Null);
    other.map_or_else(|| field.data_type().to_string(), |name| foreign(name))
}

/// Types that hold the same values under other layouts count as one.
fn family(kind: &DataType) -> DataType {
    match kind {
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Timestamp(_, Some(_)) => timestamp(),
        other => other.clone(),
    }
}

/// One batch, read by column name.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'batch>(pub &'batch RecordBatch);

impl<'batch> Columns<'batch> {
    /// Whether there is such a column: a table of an earlier layout lacks those that later ones added.
    #[must_use]
    pub fn has(self, name: &str) -> bool {
        self.0.column_by_name(name).is_some()
    }

    fn column(self, name: &str) -> Result<&'batch ArrayRef> {
        self.0.column_by_name(name).ok_or_else(|| unreadable(name, "is missing"))
    }

    /// Text.
    ///
    /// # Errors
    /// There is no such column, or it does not hold text.
    pub fn text(self, name: &str, row: usize) -> Result<Option<&'batch str>> {
        let column = self.column(name)?;
        if column.is_null(row) {
            return Ok(None);
        }
        match column.data_type() {
            DataType::Utf8 => Ok(Some(column.as_string::<i32>().value(row))),
            DataType::LargeUtf8 => Ok(Some(column.as_string::<i64>().value(row))),
            DataType::Utf8View => Ok(Some(column.as_string_view().value(row))),
            other => Err(unreadable(name, &format!("is {other}, not text"))),
        }
    }

    /// Text that must be there.
    ///
    /// # Errors
    /// As [`Columns::text`], or null.
    pub fn required_text(self, name: &str, row: usize) -> Result<&'batch str> {
        self.text(name, row)?.ok_or_else(|| unreadable(name, "is null"))
    }

    /// A whole number.
    ///
    /// # Errors
    /// There is no such column, or it does not hold whole numbers.
    pub fn long(self, name: &str, row: usize) -> Result<Option<i64>> {
        let column = self.column(name)?;
        if column.is_null(row) {
            return Ok(None);
        }
        match column.data_type() {
            DataType::Int64 => Ok(Some(column.as_primitive::<Int64Type>().value(row))),
            DataType::Int32 => Ok(Some(column.as_primitive::<Int32Type>().value(row).into())),
            other => Err(unreadable(name, &format!("is {other}, not a whole number"))),
        }
    }

    /// A whole number that must be there.
    ///
    /// # Errors
    /// As [`Columns::long`], or null.
    pub fn required_long(self, name: &str, row: usize) -> Result<i64> {
        self.long(name, row)?.ok_or_else(|| unreadable(name, "is null"))
    }

    /// The number of an attempt, a commit or a page, or a count of rows. It is bounded so that any number computed from
    /// it (the next one, a commit's version) fits its type, too.
    ///
    /// # Errors
    /// As [`Columns::required_long`], or a number that no count can reach.
    pub fn count(self, name: &str, row: usize) -> Result<i64> {
        counted(name, self.required_long(name, row)?)
    }

    /// A yes or no; null means no.
    ///
    /// # Errors
    /// There is no such column, or it has another type.
    pub fn truth(self, name: &str, row: usize) -> Result<bool> {
        let column = self.column(name)?;
        let values = column.as_boolean_opt().ok_or_else(|| unreadable(name, "is not boolean"))?;
        Ok(!values.is_null(row) && values.value(row))
    }

    /// A moment, in microseconds since 1970.
    ///
    /// # Errors
    /// There is no such column, it does not hold timestamps, or a timestamp cannot be written in microseconds.
    pub fn micros(self, name: &str, row: usize) -> Result<Option<i64>> {
        let column = self.column(name)?;
        if column.is_null(row) {
            return Ok(None);
        }
        let micros = |value: i64, each: i64| {
            value.checked_mul(each).map(Some).ok_or_else(|| unreadable(name, "is beyond all times"))
        };
        match column.data_type() {
            DataType::Timestamp(TimeUnit::Second, _) => {
                micros(column.as_primitive::<TimestampSecondType>().value(row), 1_000_000)
            }
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                micros(column.as_primitive::<TimestampMillisecondType>().value(row), 1_000)
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                Ok(Some(column.as_primitive::<TimestampMicrosecondType>().value(row)))
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                Ok(Some(column.as_primitive::<TimestampNanosecondType>().value(row).div_euclid(1_000)))
            }
            other => Err(unreadable(name, &format!("is {other}, not a timestamp"))),
        }
    }

    /// A moment, in whole seconds since 1970.
    ///
    /// # Errors
    /// As [`Columns::micros`].
    pub fn seconds(self, name: &str, row: usize) -> Result<Option<i64>> {
        Ok(self.micros(name, row)?.map(|micros| micros.div_euclid(1_000_000)))
    }
}

/// The rows of each connected account. One account's rows are mostly beside each other.
///
/// # Errors
/// A column that is absent, or of another type.
pub fn by_account(batch: &RecordBatch) -> Result<Vec<(Option<String>, RecordBatch)>> {
    let columns = Columns(batch);
    let (mut parts, mut start) = (Vec::new(), 0);
    for row in 0..batch.num_rows() {
        let account = columns.text("_stripe_account", row)?;
        let is_last = row + 1 == batch.num_rows() || columns.text("_stripe_account", row + 1)? != account;
        if is_last {
            parts.push((account.map(str::to_owned), batch.slice(start, row + 1 - start)));
            start = row + 1;
        }
    }
    Ok(parts)
}

/// A number as a count.
///
/// # Errors
/// A number that no count can reach.
pub fn counted(name: &str, number: i64) -> Result<i64> {
    let fits = (0..i64::from(i32::MAX)).contains(&number);
    if fits { Ok(number) } else { Err(unreadable(name, &format!("is {number}"))) }
}

/// All values of a text column, without nulls.
///
/// # Errors
/// As [`Columns::text`].
pub fn text_column(batches: &[RecordBatch], name: &str) -> Result<BTreeSet<String>> {
    let mut values = BTreeSet::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            values.extend(Columns(batch).text(name, row)?.map(str::to_owned));
        }
    }
    Ok(values)
}

fn unreadable(name: &str, what: &str) -> Error {
    Error::new(Class::Table, format!("column '{name}' {what}: the table was not written by this project"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, TimestampMillisecondArray, TimestampSecondArray};

    use super::*;

    #[test]
    fn a_table_with_our_columns_in_any_order_and_others_that_allow_null_fits() {
        let text = |name: &str| Field::new(name, DataType::Utf8, true);
        let long = |name: &str| Field::new(name, DataType::Int64, false);
        let nothing = |name: &str, kind: &str| {
            Field::new(name, DataType::Null, true).with_metadata([("type".to_owned(), kind.to_owned())].into())
        };
        let ours = Schema::new(vec![text("a"), long("b"), Field::new("c", timestamp(), true)]);
        let seconds = DataType::Timestamp(TimeUnit::Second, Some("UTC".into()));
        let list = DataType::new_list(DataType::Utf8, true);
        for (fields, said) in [
            (ours.fields().to_vec(), None),
            (vec![Field::new("c", seconds, true).into(), long("b").into(), text("a").into()], None),
            (vec![Field::new("a", DataType::Utf8View, true).into(), long("b").into(), ours.fields()[2].clone()], None),
            ([ours.fields(), &[text("mine").into()][..]].concat(), None),
            ([&[nothing("mine", "map<int,int>").into()][..], ours.fields()].concat(), None),
            ([&ours.fields()[..1], &[Field::new("mine", list, true).into()], &ours.fields()[1..]].concat(), None),
            (
                [ours.fields(), &[long("mine").into()][..]].concat(),
                Some("column 'mine' is not ours and must allow null"),
            ),
            (ours.fields()[..2].to_vec(), Some("column 'c' is missing")),
            (vec![ours.fields()[0].clone(), text("B").into(), ours.fields()[2].clone()], Some("column 'b' is missing")),
            ([&[long("a").into()], &ours.fields()[1..]].concat(), Some("column 'a' is Int64 and should be Utf8")),
            (
                [&[nothing("a", "date").into()], &ours.fields()[1..]].concat(),
                Some("column 'a' is date and should be Utf8"),
            ),
            (
                [&[Field::new("a", DataType::Utf8, false).into()], &ours.fields()[1..]].concat(),
                Some("column 'a' must allow null"),
            ),
        ] {
            let found = difference(&ours, &Schema::new(fields.clone()), &[]);
            assert_eq!(found.as_deref(), said, "{fields:?}");
        }
    }

    fn one(column: ArrayRef) -> RecordBatch {
        RecordBatch::try_from_iter([("a", column)]).unwrap()
    }

    #[test]
    fn a_moment_that_microseconds_cannot_express_is_refused() {
        for column in [
            Arc::new(TimestampSecondArray::from(vec![i64::MAX])) as ArrayRef,
            Arc::new(TimestampMillisecondArray::from(vec![i64::MIN])),
        ] {
            let error = Columns(&one(column)).micros("a", 0).unwrap_err();
            assert!(error.message.starts_with("column 'a' is beyond all times: "), "{error}");
        }
    }

    #[test]
    fn a_count_leaves_room_for_the_next_one() {
        let count = |value: i64| Columns(&one(Arc::new(Int64Array::from(vec![value])))).count("a", 0).ok();
        let most = i64::from(i32::MAX) - 1;
        assert_eq!([0, most].map(count), [Some(0), Some(most)]);
        assert_eq!([-1, most + 1, i64::MAX, i64::MIN].map(count), [None; 4]);
    }
}
