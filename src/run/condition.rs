//! Reads of a table, as values.

use std::collections::{BTreeMap, BTreeSet};

use crate::columns::Columns;
use crate::error::Result;

/// The value that a condition compares with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// Text; `None` stands for null.
    Text(Option<String>),
    /// One of several texts, for the operator `in`.
    Texts(BTreeSet<String>),
    /// A whole number.
    Long(i64),
    /// Microseconds since 1970.
    Timestamp(i64),
}

/// One condition of a read: column, operator, value.
pub type Condition = (&'static str, &'static str, Value);

/// Most reads that a table is asked for at once. More become one that has the rows of all, and others.
const MOST_READS: usize = 16;

/// Reads that have all rows of these reads. Few stay as they are; of many, those that ask for the same columns become one.
#[must_use]
pub fn hull(reads: Vec<Vec<Condition>>) -> Vec<Vec<Condition>> {
    if reads.len() <= MOST_READS {
        return reads;
    }
    let mut alike: BTreeMap<Vec<Shape>, Vec<Vec<Condition>>> = BTreeMap::new();
    for read in reads {
        alike.entry(read.iter().map(shape).collect()).or_default().push(read);
    }
    let one = |reads: Vec<Vec<Condition>>| {
        let mut columns: Vec<Vec<Condition>> = Vec::new();
        for read in reads {
            columns.resize(read.len(), Vec::new());
            columns.iter_mut().zip(read).for_each(|(column, condition)| column.push(condition));
        }
        columns.into_iter().filter_map(widened).collect()
    };
    alike.into_values().map(one).collect()
}

/// What two conditions have in common that can be one: column, operator, and whether null is asked for.
type Shape = (&'static str, &'static str, bool);

const fn shape((column, operator, value): &Condition) -> Shape {
    (column, operator, matches!(value, Value::Text(None)))
}

/// The condition that holds where one of these does, all of one shape; `None` if that may be everywhere.
fn widened(conditions: Vec<Condition>) -> Option<Condition> {
    let &(column, operator, _) = conditions.first()?;
    let values: BTreeSet<Value> = conditions.into_iter().map(|(_, _, value)| value).collect();
    let value = match operator {
        ">=" | ">" => values.first()?.clone(),
        "<" => values.last()?.clone(),
        _ if values.len() == 1 => values.first()?.clone(),
        "=" => return Some((column, "in", Value::Texts(values.into_iter().map(text).collect::<Option<_>>()?))),
        _ => return None,
    };
    Some((column, operator, value))
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::Text(text) => text,
        _ => None,
    }
}

/// Whether a row meets all conditions.
pub(super) fn holds(conditions: &[Condition], columns: Columns<'_>, row: usize) -> Result<bool> {
    for (column, operator, value) in conditions {
        let order = match value {
            Value::Text(expected) => {
                let found = columns.text(column, row)?;
                let is_met = match *operator {
                    "=" => found == expected.as_deref(),
                    "<>" => found.is_some() && found != expected.as_deref(),
                    "contains" => found.zip(expected.as_deref()).is_some_and(|(found, part)| found.contains(part)),
                    _ => false,
                };
                if !is_met {
                    return Ok(false);
                }
                continue;
            }
            Value::Texts(expected) => {
                if !columns.text(column, row)?.is_some_and(|found| expected.contains(found)) {
                    return Ok(false);
                }
                continue;
            }
            Value::Long(expected) => columns.long(column, row)?.map(|found| found.cmp(expected)),
            Value::Timestamp(expected) => columns.micros(column, row)?.map(|found| found.cmp(expected)),
        };
        let is_met = order.is_some_and(|order| match *operator {
            "=" => order.is_eq(),
            "<>" => order.is_ne(),
            "<" => order.is_lt(),
            ">" => order.is_gt(),
            ">=" => order.is_ge(),
            _ => false,
        });
        if !is_met {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(account: &str, since: i64) -> Vec<Condition> {
        vec![
            ("_stripe_account", "=", Value::Text(Some(account.to_owned()))),
            ("_stripe_created_at", ">=", Value::Timestamp(since)),
        ]
    }

    #[test]
    fn few_reads_stay_and_many_of_the_same_columns_become_one_with_the_rows_of_all() {
        let few: Vec<_> = (0..16).map(|at| read("acct_1", at)).collect();
        assert_eq!(hull(few.clone()), few);
        let many: Vec<_> = (5..50).map(|at| read(&format!("acct_{at:02}"), at)).collect();
        let accounts = Value::Texts((5..50).map(|at| format!("acct_{at:02}")).collect());
        let together = vec![("_stripe_account", "in", accounts), ("_stripe_created_at", ">=", Value::Timestamp(5))];
        assert_eq!(hull(many.clone()), std::slice::from_ref(&together));
        let same: Vec<_> = (5..50).rev().map(|at| read("acct_1", at)).collect();
        assert_eq!(hull(same), [read("acct_1", 5)]);
        let own = vec![("_stripe_account", "=", Value::Text(None)), ("_stripe_created_at", ">=", Value::Timestamp(2))];
        let whole = vec![("_stripe_account", "=", Value::Text(Some("acct_99".to_owned())))];
        let found = hull([many, vec![own.clone(), whole.clone()]].concat());
        assert_eq!(found, [whole, together, own], "others are asked for by themselves");
    }

    #[test]
    fn a_read_without_a_bound_stays_beside_the_others() {
        let many = (0..50).map(|at| if at == 30 { vec![] } else { read("acct_1", at) }).collect();
        assert_eq!(hull(many), [vec![], read("acct_1", 0)]);
        let below = |at| vec![("_due_at", "<", Value::Timestamp(at)), ("_due_at", ">=", Value::Timestamp(-at))];
        let expected = [("_due_at", "<", Value::Timestamp(49)), ("_due_at", ">=", Value::Timestamp(-49))];
        assert_eq!(hull((0..50).map(below).collect()), [expected]);
        let seconds = |at| vec![("_stripe_created_at", "=", Value::Timestamp(at))];
        assert_eq!(hull((0..50).map(seconds).collect()), [[]], "moments have no list");
    }
}
