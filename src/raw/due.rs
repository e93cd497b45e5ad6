//! When an object will change, as it says itself.

use serde::Deserialize;
use serde_json::Value;

use crate::stripe::entities::Due;
use crate::stripe::window::TIMES;

/// The second at which that change of an object comes; `None` if it has come, or if the object does not say.
pub(super) fn due_at(json: &str, due: Due) -> Option<i64> {
    // Most objects have changed long ago: only the others are parsed.
    if !json.contains(due.waiting) {
        return None;
    }
    let members = serde_json::Map::deserialize(&mut serde_json::Deserializer::from_str(json)).ok()?;
    let is_waiting = members.get(due.state).and_then(Value::as_str) == Some(due.waiting);
    // What is too far ahead is no time.
    members.get(due.at)?.as_i64().filter(|at| is_waiting && TIMES.contains(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stripe::entities::by_name;

    #[test]
    fn a_pending_balance_transaction_is_due_when_it_becomes_available() {
        let due = by_name("balance_transactions").unwrap().due.unwrap();
        for (json, expected) in [
            (r#"{"id":"txn_1","available_on":7,"status":"pending"}"#, Some(7)),
            (r#"{"id":"txn_1","available_on":7,"status":"available"}"#, None),
            (r#"{"id":"txn_1","available_on":7,"status":"available","description":"pending"}"#, None),
            (r#"{"id":"txn_1","status":"pending"}"#, None),
            (r#"{"id":"txn_1","available_on":"7","status":"pending"}"#, None),
            (r#"{"id":"txn_1","available_on":7000000000000,"status":"pending"}"#, None),
        ] {
            assert_eq!(due_at(json, due), expected, "{json}");
        }
    }
}
