//! The promises after a last call that nothing has stopped.

#![expect(clippy::ref_option, reason = "names are keys of maps")]

use std::collections::{BTreeMap, HashSet};

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use stripe_raw_rs::checkpoint::{Event, History, Kind, State, events_of};
use stripe_raw_rs::error::Error;
use stripe_raw_rs::run::audit::Audit;

use super::caller::Caller;
use super::lake::Lake;
use crate::world::{Account, Standing};

/// A row of the raw table.
#[derive(Debug)]
struct Row {
    version: i64,
    run_id: String,
    id: String,
    created: Option<i64>,
    state: usize,
}

/// The rows of each account, in the order in which they landed.
fn rows(lake: &Lake) -> BTreeMap<Option<String>, Vec<Row>> {
    let mut rows: BTreeMap<Option<String>, Vec<Row>> = BTreeMap::new();
    for batch in &lake.world.raw.batches {
        let text = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>();
        let (ids, runs, accounts) = (text("_stripe_id"), text("_ingest_run_id"), text("_stripe_account"));
        let versions = batch.column_by_name("_commit_version").unwrap().as_primitive::<Int64Type>();
        let texts = text("_raw_json");
        for row in 0..batch.num_rows() {
            let account = accounts.is_valid(row).then(|| accounts.value(row).to_owned());
            let object: serde_json::Value = serde_json::from_str(texts.value(row)).unwrap();
            rows.entry(account).or_default().push(Row {
                version: versions.value(row),
                run_id: runs.value(row).to_owned(),
                id: ids.value(row).to_owned(),
                created: object["created"].as_i64(),
                state: usize::try_from(object["state"].as_u64().unwrap()).unwrap(),
            });
        }
    }
    for rows in rows.values_mut() {
        rows.sort_by_key(|row| row.version);
    }
    rows
}

/// Checks that every account which can be read is whole, and no other is broken.
pub(crate) fn check(lake: &Lake, last: &Caller, outcome: &Result<(), Error>, lands_once: bool) {
    assert!(lake.orphans().is_empty(), "rows without an event: {:?}", lake.orphans());
    let events: Vec<Event> =
        lake.world.checkpoints.batches.iter().flat_map(|batch| events_of(batch).unwrap()).collect();
    let mut rows = rows(lake);
    for (name, account) in &lake.world.accounts {
        let mine: Vec<&Event> = events.iter().filter(|event| event.account == *name).collect();
        let rows = rows.remove(name).unwrap_or_default();
        check_rows(name, account, &rows, lands_once && lake.world.entity.window.has_start());
        let ending = last.endings.get(name);
        if account.standing != Standing::Readable {
            assert!(ending.is_none_or(|ending| !ending.is_complete), "{name:?} cannot be read: {ending:?}");
            continue;
        }
        assert!(ending.is_some_and(|ending| ending.is_complete && ending.error.is_none()), "{name:?}: {ending:?}");
        assert_eq!(lake.open().get(name), None, "{name:?} has a run that is not over");
        let mut history = History::default();
        history.extend(mine.into_iter().cloned());
        assert_eq!(history.state(), State::Complete, "{name:?}");
        let completed = history.completed().unwrap();
        assert_eq!((&completed.owner, &completed.run_id), (&last.name, &ending.unwrap().run_id), "{name:?}");
        check_list(name, account, &rows, completed);
    }
    assert!(rows.is_empty(), "rows of accounts that there are not: {:?}", rows.keys());
    let is_readable = |account: &Account| account.standing == Standing::Readable;
    if lake.world.accounts.values().all(is_readable) {
        assert_eq!(outcome, &Ok(()));
    }
    let mut audit = Audit::new(lake.world.entity.name);
    lake.world.checkpoints.batches.iter().for_each(|batch| audit.add_events(batch).unwrap());
    lake.world.raw.batches.iter().for_each(|batch| audit.add_rows(batch).unwrap());
    let findings = audit.finish();
    assert!(findings.is_empty(), "{findings:#?}");
    let twice = events.iter().filter(|event| event.kind == Kind::Completed).map(|event| &event.run_id);
    let mut seen = HashSet::new();
    assert!(twice.into_iter().all(|run_id| seen.insert(run_id)), "a run is complete twice");
}

/// Each row is of an object of the account. No object is twice in a run, and none lands again without a change.
fn check_rows(name: &Option<String>, account: &Account, rows: &[Row], lands_once: bool) {
    let mut seen = HashSet::new();
    let mut states: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for row in rows {
        let number: usize = row.id.trim_start_matches("ch_").parse().unwrap();
        let created = account.ever.get(number - 1);
        assert!(created.is_some(), "{name:?} has no object {}", row.id);
        assert!(row.created.is_none() || row.created.as_ref() == created, "{name:?}: {row:?} is of another account");
        assert!(seen.insert((&row.run_id, &row.id)), "{name:?}: {row:?} is there twice in its run");
        states.entry(&row.id).or_default().push(row.state);
    }
    for (id, states) in states.iter().filter(|_| lands_once) {
        assert!(states.windows(2).all(|pair| pair[0] != pair[1]), "{name:?}: {id} landed without a change: {states:?}");
    }
}

/// Each object that Stripe lists is there, and those of the last window in their present state.
fn check_list(name: &Option<String>, account: &Account, rows: &[Row], completed: &Event) {
    for object in &account.list {
        let newest = rows.iter().rfind(|row| row.id == object.id);
        let newest = newest.unwrap_or_else(|| panic!("{name:?}: {object:?} is lost"));
        if Some(object.created) >= completed.start_created_gte {
            assert_eq!(newest.state, object.state, "{name:?}: {object:?} landed as {newest:?}");
        }
    }
}
