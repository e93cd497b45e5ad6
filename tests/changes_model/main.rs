//! Later changes of objects, and sub-lists that were cut off: models of both, with thousands of histories.

mod attempt;
mod chance;
mod check;
mod children;
mod coverage;
mod history;
mod job;
mod lake;
mod plan;
mod reading;
mod rules;
mod stories;
mod world;
mod wrong;

use history::history;
use job::Tally;
use rules::{Changes, Variant};

const HISTORIES: u64 = 3_000;

#[track_caller]
fn assert_holds(changes: Changes) -> Tally {
    let mut sum = Tally::default();
    for seed in 0..HISTORIES {
        let (faults, tally) = history(seed, Variant::Right, changes);
        assert_eq!(faults, [], "{changes:?}, seed {seed}");
        sum = sum + tally;
    }
    println!("{changes:?}: {HISTORIES} histories hold, {sum:?}");
    // A model that has silently become smaller proves less.
    assert!(sum.reaches(HISTORIES), "{sum:?}");
    sum
}

#[test]
fn any_history_of_changes_ends_with_the_newest_state_of_each_object() {
    let read = assert_holds(Changes::Read);
    let events = assert_holds(Changes::Events);
    assert!(events.requests < read.requests, "bodies are rows without a request");
    assert!(events.bodies > read.bodies);
}

#[test]
fn any_history_of_sub_lists_ends_with_the_children_of_each_parent() {
    let (faults, kills) = children::survey(children::Variant::Right, 3_000);
    assert!(faults.is_empty(), "{faults:?}");
    assert!(kills > 6_000, "{kills}");
}
