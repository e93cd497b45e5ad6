//! Reads of a table, as values.

use crate::columns::Columns;
use crate::error::Result;

/// The value that a condition compares with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// Text; `None` stands for null.
    Text(Option<String>),
    /// A whole number.
    Long(i64),
    /// Microseconds since 1970.
    Timestamp(i64),
}

/// One condition of a read: column, operator, value.
pub type Condition = (&'static str, &'static str, Value);

/// Most reads that a table is asked for at once. More become one that has the rows of all, and others.
const MOST_READS: usize = 16;

/// Reads that have all rows of these reads. Few stay as they are.
#[must_use]
pub fn hull(reads: Vec<Vec<Condition>>) -> Vec<Vec<Condition>> {
    if reads.len() <= MOST_READS {
        return reads;
    }
    let mut reads = reads.into_iter();
    let first = reads.next().unwrap_or_default();
    let wider = |all: Vec<Condition>, one: Vec<Condition>| {
        all.into_iter().filter_map(|condition| widened(condition, &one)).collect::<Vec<_>>()
    };
    vec![reads.fold(first, wider)]
}

/// The condition that holds where it holds or those do; `None` if that is everywhere, as far as it is known.
fn widened((column, operator, value): Condition, others: &[Condition]) -> Option<Condition> {
    let same = others.iter().filter(|other| (other.0, other.1) == (column, operator)).map(|other| &other.2);
    let value = match operator {
        // Several lower bounds of one column: the highest is the condition.
        ">=" | ">" => same.max()?.clone().min(value),
        "<" => same.min()?.clone().max(value),
        _ => value.clone().eq(same.max()?).then_some(value)?,
    };
    Some((column, operator, value))
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
    fn few_reads_stay_and_many_become_one_with_the_rows_of_all() {
        let few: Vec<_> = (0..16).map(|at| read("acct_1", at)).collect();
        assert_eq!(hull(few.clone()), few);
        let many: Vec<_> = (5..50).map(|at| read(&format!("acct_{at}"), at)).collect();
        assert_eq!(hull(many), [[("_stripe_created_at", ">=", Value::Timestamp(5))]]);
        let same: Vec<_> = (5..50).rev().map(|at| read("acct_1", at)).collect();
        assert_eq!(hull(same), [read("acct_1", 5)]);
    }

    #[test]
    fn a_read_without_a_bound_makes_the_hull_unbounded() {
        let many = (0..50).map(|at| if at == 30 { vec![] } else { read("acct_1", at) }).collect();
        assert_eq!(hull(many), [[]]);
        let below = |at| vec![("_due_at", "<", Value::Timestamp(at)), ("_due_at", ">=", Value::Timestamp(-at))];
        let expected = [("_due_at", "<", Value::Timestamp(49)), ("_due_at", ">=", Value::Timestamp(-49))];
        assert_eq!(hull((0..50).map(below).collect()), [expected]);
    }
}
