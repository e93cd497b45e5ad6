//! How a run is claimed, and what it may say of itself before and after.

use arrow_array::RecordBatch;
use stripe_raw_rs::checkpoint::{Circumstances, Extent, GiveUp, History, events_of};
use stripe_raw_rs::run::Promise;

use crate::groups::{kinds, names, some_page};
use crate::reader::{Reader, attempt, page, unknown_key};

#[test]
fn a_run_that_lands_nothing_is_one_commit() {
    let mut reader = Reader::new();
    assert!(reader.any_group().is_none(), "nothing is known yet");
    reader.take(&page(&[], false));
    assert!(reader.run.has_news(reader.now()));
    let whole = reader.any_group().unwrap();
    assert_eq!(names(&whole.checkpoint.batches), ["RUN_STARTED", "PAGE_COMMITTED", "RUN_COMPLETED"]);
    assert_eq!((whole.checkpoint.version, whole.checkpoint.must_be_seen, whole.fetched), (1 << 32, true, 1));
    assert!(whole.rows.batches.is_empty() && reader.any_group().is_none() && reader.run.is_finished());
    assert!(reader.run.failed("Internal", "late", reader.now()).is_err(), "it is unknown whether it has landed");
    assert!(reader.run.ended(reader.now()).unwrap().batches.is_empty(), "the end came with it");
}

#[test]
fn a_run_is_claimed_as_soon_as_its_first_page_says_that_there_is_more() {
    let mut reader = Reader::new();
    some_page(&mut reader, 1);
    let claim = reader.any_group().unwrap();
    assert_eq!((names(&claim.checkpoint.batches), claim.fetched), (vec!["RUN_STARTED"], 0));
    assert!(reader.run.failed("Internal", "early", reader.now()).is_err(), "it is unknown whether the claim landed");
    assert!(reader.any_group().is_none(), "the page is gathered with others");
    assert_eq!(names(&reader.run.failed("Internal", "no", reader.now()).unwrap().batches), ["RUN_FAILED"]);
}

#[test]
fn a_run_that_fails_before_it_is_claimed_says_so_in_one_commit() {
    let mut reader = Reader::new();
    reader.take(&unknown_key());
    assert!(reader.any_group().is_none());
    let failed = reader.run.failed("Authentication", "no", reader.now()).unwrap();
    assert_eq!((names(&failed.batches), failed.version), (vec!["RUN_STARTED", "RUN_FAILED"], 1 << 32));
    assert!(failed.must_be_seen);
}

#[test]
fn pages_without_rows_are_gathered_and_no_row_follows_them_in_their_group() {
    let mut reader = Reader::known(&[("ch_9", 1), ("ch_8", 2), ("ch_7", 3), ("ch_6", 4)]);
    for ids in [[("ch_9", 1), ("ch_8", 2)], [("ch_7", 3), ("ch_6", 4)], [("ch_5", 5), ("ch_4", 6)]] {
        reader.take(&page(&ids, true));
    }
    reader.run.flush();
    let group = reader.group().unwrap();
    assert_eq!((group.fetched, group.rows.batches.len(), group.checkpoint.must_be_seen), (2, 0, true));
    let unchanged: Vec<_> =
        kinds(&group.checkpoint.batches).iter().map(|kind| kind.page().unwrap().unchanged_count).collect();
    assert_eq!(unchanged, [2, 2]);
    reader.run.flush();
    assert_eq!((reader.group().unwrap().rows.batches.len(), reader.run.progress().unchanged), (1, 4));
}

#[test]
fn a_failure_promises_no_rows_whose_landing_is_unknown() {
    let (mut reader, started) = Reader::begun(&attempt());
    let promised = |events: &[RecordBatch]| {
        let mut history = History::default();
        for batch in events.iter().chain(&started) {
            history.extend(events_of(batch).unwrap());
        }
        Promise::of(&history, Extent::Everything, "store", "charges", None).map(|promise| promise.version())
    };
    some_page(&mut reader, 1);
    reader.run.flush();
    let first = reader.group().unwrap();
    assert_eq!(promised(&first.checkpoint.batches), Some((1 << 32) + 1), "events follow their rows");
    // A further call says that the group is in the tables.
    assert!(reader.group().is_none());
    reader.take(&page(&[("ch_0", 9)], false));
    let last = reader.group().unwrap();
    assert_eq!(promised(&last.checkpoint.batches), Some((1 << 32) + 2));
    let failed = reader.run.failed("Table", "the disk is full", reader.now()).unwrap();
    assert_eq!(promised(&failed.batches), Some((1 << 32) + 1));
}

#[test]
fn a_page_without_rows_that_another_follows_claims_the_run_and_does_not_end_it() {
    let mut reader = Reader::known(&[("ch_9", 1), ("ch_8", 2), ("ch_7", 3)]);
    reader.take(&page(&[("ch_9", 1), ("ch_8", 2)], true));
    assert_eq!(names(&reader.any_group().unwrap().checkpoint.batches), ["RUN_STARTED"]);
    reader.take(&page(&[("ch_7", 3)], false));
    let group = reader.any_group().unwrap();
    assert_eq!(names(&group.checkpoint.batches), ["PAGE_COMMITTED", "PAGE_COMMITTED", "RUN_COMPLETED"]);
    assert!(group.rows.batches.is_empty());
}

#[test]
fn an_attempt_is_claimed_once_its_caller_comes_back_from_committing_that() {
    let mut reader = Reader::new();
    some_page(&mut reader, 1);
    assert!(reader.any_group().is_some() && !reader.run.is_claimed());
    assert!(reader.any_group().is_none() && reader.run.is_claimed());
}

#[test]
fn an_attempt_that_ends_an_earlier_run_is_claimed_with_its_fence_and_each_of_its_commits_must_be_seen() {
    let (_, started) = Reader::begun(&attempt());
    let mut reader = Reader::after(&started, &Circumstances { give_up: Some(GiveUp::Restart), ..attempt() });
    assert!(reader.run.started(reader.now()).unwrap().must_be_seen && !reader.run.is_claimed());
    assert!(reader.run.fence().unwrap().must_be_seen && reader.run.is_claimed());
    reader.run.recover_events(&started).unwrap();
    reader.run.begin(reader.now()).unwrap();
    assert!(reader.run.ended(reader.now()).unwrap().must_be_seen);
}

#[test]
fn rows_have_landed_once_their_group_is_committed() {
    let mut reader = Reader::new();
    some_page(&mut reader, 1);
    reader.take(&page(&[("ch_0", 9)], false));
    let group = reader.group().unwrap();
    assert_eq!((group.checkpoint.rows, reader.run.progress().landed), (3, 0));
    assert!(reader.group().is_none());
    assert_eq!(reader.run.progress().landed, 3);
}
