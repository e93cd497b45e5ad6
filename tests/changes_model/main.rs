//! Two models, tried in thousands of histories: the run that follows later changes of objects, and the run that reads
//! sub-lists that were cut off ([`children`]).
//!
//! Stripe has no list of changed objects, but a list of events. A job runs `events` first, then each other list. A run
//! of a list covers a set of windows: the **list window**, in which new objects are, and below it **old windows**,
//! which hold the seconds of changed objects. Whatever is killed, deleted or late, these promises hold:
//!
//! - An object has at most one row in a run.
//! - At the end of a run, each object of its **work list** has its row, or a page counts it as unchanged.
//! - A row says something else than the row before it of the same object, unless events were lost.
//! - No row takes back a state that an earlier page has shown.
//! - When the world is quiet, the newest row of each object is its newest state, and a deleted object is marked.
//!
//! The rules, each with a wrong variant in [`wrong`]:
//!
//! - RUN_STARTED has `source_from` and `source_to`, epochs of `events`. The work list is made of the events between
//!   them that no earlier run has consumed. The newest event of an object is looked for in all rows up to `source_to`,
//!   since events become visible in any order. The list of **due** objects, which change without an event, is made of
//!   rows that are older than the run, and of the time in RUN_STARTED. So a resumed run has the same plan.
//! - Old windows are read by **jumps**: a page above the next planned second closes its chain where the page ends, and
//!   a chain begins at that second. Seconds that are not planned may stay unread.
//! - A second is **read out** when the list has shown all of it. An object of the work list that was not there gets the
//!   body of its newest event as its row. The second in which a page ends is not read out.
//! - A row is a state and lands once, but a deletion is a state of its own: its body is the last payload.
//! - An unchanged object leaves no row. So a resumed chain does not go on inside a second that may hold one.
//! - [`Changes::Events`] takes the body of the newest event without reading. The object is read all the same if several
//!   events share that second, or if it has a row and an earlier run had an answer since the event: a list may have
//!   shown a newer state then, even without a row.
//! - A body that may be older than the newest row never lands, unless it is a deletion.
//! - Events can be lost: Stripe lists them for 30 days. There is a **gap** if the newest answer of an events run came
//!   too long after the first answer of the run before it. The run that consumes such events reads the whole list once,
//!   and lands unchanged objects, too: an object without a row from that list is gone.

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

const HISTORIES: u64 = 2_000;

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
