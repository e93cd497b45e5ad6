//! The write protocol, checked state by state: version 1 here, version 2 in [`version2_tests`].
//!
//! Two append-only tables without a common transaction: the raw table holds rows, the checkpoint table holds events.
//! The protocol makes these promises, whichever process is killed between any two steps, with any number of processes at
//! once:
//!
//! - **Nothing twice**: an object has at most one row in a run.
//! - **No lie**: the rows of a PAGE_COMMITTED are in the raw table.
//! - **Nothing lost**: after RUN_COMPLETED every object that Stripe still lists has its row.
//! - **One end**: a run has at most one RUN_COMPLETED, and then events and rows hold the same objects, each once.
//!
//! A process takes these steps ([`version1::Step`]). `epoch` numbers the attempts, `sequence` numbers the commits of one
//! attempt, and an append carries both as its Delta transaction version:
//!
//! 1. Read the checkpoint events; my epoch is the largest one there plus one.
//! 2. Fence the checkpoint table: append RUN_STARTED as version (epoch, 0).
//! 3. Read it back. If another process has taken the epoch, stop.
//! 4. Fence the raw table: an empty commit, also (epoch, 0). From here on no older attempt can append to either table.
//! 5. Read the state only now. The position comes from the rows that are there, not from the events.
//! 6. Write the missing PAGE_COMMITTED of rows that an older attempt appended before it died.
//! 7. Fetch a page, append its rows to the raw table, then its event to the checkpoint table; repeat.
//! 8. Append RUN_COMPLETED.
//!
//! The tables behave as Delta on Spark does: an append whose version is not above the stored one is **dropped without
//! a word**, so a process that has lost its place goes on and does not notice. (Delta-rs has no such rule; there the
//! tables' classes compare and refuse, which is stricter.) Between any two steps a process may be killed, another may
//! start, and Stripe may delete an object. The checker visits every state that can follow, with up to three processes and
//! two deletions.
//!
//! Four wrong variants show that each rule is needed, and that the checker would notice:
//!
//! - [`Variant::NoFence`]: two processes append the same page. A row is there twice.
//! - [`Variant::CheckpointOnly`] takes its position from the events. Rows whose event a kill prevented are fetched and
//!   appended again. A row is there twice.
//! - [`Variant::VersionIsPageNumber`] lets the tables drop a page that is already there, by its number. That holds
//!   until an object is deleted: then the page of that number holds other objects, and its event names rows that were
//!   dropped. This is a lie.
//! - [`Variant::RawFenceFirst`]: between the two fences an older attempt's rows are dropped, but its event is not.
//!   This is a lie.
//!
//! The numbers of states are part of the tests: a model that has silently become smaller proves less.

mod checker;
mod version1;
mod version2;
mod version2_tests;

use checker::explore;
use version1::{Rules, State, Variant, Violation};

#[track_caller]
fn assert_holds(variant: Variant, processes: usize, deletions: u32, states: usize, terminal: usize) {
    let report = explore(&State::FIRST, &Rules { variant, processes, deletions });
    println!("{variant:?}, {processes} processes, {deletions} deletions: {} states, all hold", report.states);
    assert_eq!(report.violation, None, "{:#?}", report.story);
    assert_eq!((report.states, report.terminal), (states, terminal));
}

#[track_caller]
fn assert_breaks(variant: Variant, deletions: u32, violation: Violation, states: usize) -> Vec<String> {
    let report = explore(&State::FIRST, &Rules { variant, processes: 2, deletions });
    println!("{variant:?}, 2 processes, {deletions} deletions: {violation:?} after {} states", report.states);
    println!("  {}", report.story.join("\n  "));
    assert_eq!((report.violation, report.states), (Some(violation), states), "{:#?}", report.story);
    report.story
}

#[test]
fn without_a_fence_two_processes_append_an_object_twice() {
    assert_breaks(Variant::NoFence, 0, Violation::Duplicate, 120);
}

#[test]
fn trusting_the_checkpoint_table_alone_appends_an_object_twice() {
    assert_breaks(Variant::CheckpointOnly, 0, Violation::Duplicate, 498);
}

#[test]
fn page_numbers_as_versions_hold_while_nothing_is_deleted() {
    assert_holds(Variant::VersionIsPageNumber, 2, 0, 928, 31);
}

#[test]
fn page_numbers_as_versions_lie_once_an_object_is_deleted() {
    let story = assert_breaks(Variant::VersionIsPageNumber, 1, Violation::Lie, 1_341);
    assert!(story.iter().any(|line| line.starts_with("Stripe deletes")), "{story:#?}");
}

#[test]
fn fencing_the_raw_table_first_lets_an_older_attempt_lie() {
    assert_breaks(Variant::RawFenceFirst, 0, Violation::Lie, 199);
}

#[test]
fn the_protocol_holds_for_two_processes_and_a_deletion() {
    assert_holds(Variant::Proposed, 2, 1, 21_055, 257);
}

#[test]
fn the_protocol_holds_for_two_processes_and_two_deletions() {
    assert_holds(Variant::Proposed, 2, 2, 88_868, 1_097);
}

#[test]
fn the_protocol_holds_for_three_processes() {
    assert_holds(Variant::Proposed, 3, 0, 307_882, 510);
}

#[test]
fn the_protocol_holds_for_three_processes_and_a_deletion() {
    assert_holds(Variant::Proposed, 3, 1, 3_014_176, 4_430);
}
