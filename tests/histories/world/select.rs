//! Reads of a table.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use stripe_raw_rs::run::{Condition, Value};

/// Rows that meet all conditions.
pub(crate) fn select(batches: &[RecordBatch], conditions: &[Condition]) -> Vec<RecordBatch> {
    select_any(batches, &[conditions.to_vec()])
}

/// Rows that meet all conditions of one of the reads at least, each once.
pub(crate) fn select_any(batches: &[RecordBatch], reads: &[Vec<Condition>]) -> Vec<RecordBatch> {
    let mut selected = Vec::new();
    for batch in batches {
        let mut is_met = vec![false; batch.num_rows()];
        for read in reads {
            let mut meets = vec![true; batch.num_rows()];
            for condition in read {
                narrow(&mut meets, batch, condition);
            }
            is_met.iter_mut().zip(meets).for_each(|(is_met, meets)| *is_met |= meets);
        }
        let mut from = 0;
        for rows in is_met.chunk_by(|one, other| one == other) {
            if rows[0] {
                selected.push(batch.slice(from, rows.len()));
            }
            from += rows.len();
        }
    }
    selected
}

/// Leaves the rows that meet one more condition.
fn narrow(meets: &mut [bool], batch: &RecordBatch, (column, operator, value): &Condition) {
    let column = batch.column_by_name(column).unwrap();
    let mut keep = |holds: &dyn Fn(usize) -> bool| {
        meets.iter_mut().enumerate().for_each(|(row, meets)| *meets = *meets && holds(row));
    };
    match value {
        Value::Text(None) => keep(&|row| column.is_null(row)),
        Value::Text(Some(text)) => {
            let column = column.as_string::<i32>();
            match *operator {
                "contains" => keep(&|row| column.value(row).contains(text.as_str())),
                "=" => keep(&|row| column.is_valid(row) && column.value(row) == text),
                _ => keep(&|row| column.is_valid(row) && column.value(row) != text),
            }
        }
        Value::Texts(texts) => {
            let column = column.as_string::<i32>();
            keep(&|row| column.is_valid(row) && texts.contains(column.value(row)));
        }
        Value::Timestamp(micros) => {
            let column = column.as_primitive::<TimestampMicrosecondType>();
            keep(&|row| column.is_valid(row) && compares(column.value(row), operator, *micros));
        }
        Value::Long(number) => {
            let column = column.as_primitive::<Int64Type>();
            keep(&|row| column.is_valid(row) && compares(column.value(row), operator, *number));
        }
    }
}

fn compares(found: i64, operator: &str, expected: i64) -> bool {
    match operator {
        ">" => found > expected,
        ">=" => found >= expected,
        "<" => found < expected,
        _ => found == expected,
    }
}
