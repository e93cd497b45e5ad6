//! How the machine takes up the work that an earlier attempt left behind.

use arrow_array::RecordBatch;
use stripe_raw_rs::changes::EventIndex;
use stripe_raw_rs::checkpoint::{Circumstances, GiveUp, PageEvent, Plan, Position, Source, events_of};
use stripe_raw_rs::error::{Class, Error};
use stripe_raw_rs::run::{Run, Value};

use crate::reader::{Reader, TODAY, attempt, page, vanished};

/// A run that was killed after a page: RUN_STARTED, then the page's rows and its event.
struct Killed {
    started: Vec<RecordBatch>,
    rows: Vec<RecordBatch>,
    event: Vec<RecordBatch>,
}

/// A run that was killed after a first page of two objects, which it asked for from `start` on.
fn killed(start: Option<i64>) -> Killed {
    let (mut reader, started) = Reader::begun(&Circumstances { start, ..attempt() });
    reader.take(&page(&[("ch_4", 1), ("ch_3", 2)], true));
    reader.run.flush();
    let group = reader.group().unwrap();
    Killed { started, rows: group.rows.batches, event: group.checkpoint.batches }
}

/// The next attempt, planned by RUN_STARTED alone, and opened with the events and rows that it then finds.
fn opened(
    killed: &Killed,
    with_event: bool,
    rows: &[RecordBatch],
    attempt: &Circumstances,
) -> (Reader, Result<(), Error>) {
    let mut reader = Reader::after(&killed.started, attempt);
    let now = reader.now();
    let mut events = killed.started.clone();
    events.extend(reader.run.started(now).unwrap().batches);
    events.extend(killed.event.iter().filter(|_| with_event).cloned());
    reader.run.fence().unwrap();
    let wanted = reader.run.recover_events(&events).unwrap();
    let columns: Vec<Vec<&str>> = wanted.iter().map(|read| read.iter().map(|(name, ..)| *name).collect()).collect();
    let has_edge = with_event && attempt.give_up.is_none();
    let times: Vec<&Value> = wanted[1..].iter().map(|read| &read[1].2).collect();
    assert_eq!(columns[0], ["_ingest_run_id", "_commit_version"], "an earlier attempt may have left rows");
    assert!(columns[1..].iter().all(|read| *read == ["_ingest_run_id", "_stripe_created_at"]));
    let expected = [Value::Text(None), Value::Timestamp((TODAY - 2) * 1_000_000)];
    let expected: Vec<&Value> = expected.iter().filter(|_| has_edge).collect();
    assert_eq!(
        times, expected,
        "objects of the second to go on from, and objects without a time, are known by their ids"
    );
    reader.run.recover_rows(rows).unwrap();
    let begun = reader.run.begin(now);
    (reader, begun)
}

fn page_event(batches: &[RecordBatch]) -> PageEvent {
    events_of(&batches[0]).unwrap()[0].kind.page().unwrap().clone()
}

#[test]
fn rows_without_an_event_become_an_event_and_the_reading_goes_on_from_them() {
    let killed = killed(None);
    let (mut reader, begun) = opened(&killed, false, &killed.rows, &attempt());
    begun.unwrap();
    assert_eq!(reader.run.progress().newest, Some(TODAY - 1));
    let recovered = reader.group().unwrap();
    assert_eq!((recovered.checkpoint.pages, recovered.checkpoint.rows, recovered.rows.batches.len()), (1, 2, 0));
    assert_eq!((recovered.rows.version, recovered.checkpoint.version), ((2 << 32) + 1, (2 << 32) + 1));
    let lost = PageEvent { recovered: true, ..page_event(&killed.event) };
    assert_eq!(page_event(&recovered.checkpoint.batches), lost, "it says the same as the one that was lost");
    assert_eq!(reader.take(&page(&[("ch_2", 3)], false)).0, "limit=2&starting_after=ch_3");
}

#[test]
fn if_the_cursor_has_vanished_meanwhile_its_second_is_read_again_and_nothing_lands_twice() {
    let killed = killed(None);
    let (mut reader, begun) = opened(&killed, true, &killed.rows, &attempt());
    begun.unwrap();
    reader.take(&vanished());
    let (query, _) = reader.take(&page(&[("ch_3", 2), ("ch_2", 3)], false));
    assert_eq!((query, reader.run.progress().rows), (format!("limit=2&created[lt]={}", TODAY - 1), 1));
}

#[test]
fn a_run_keeps_the_filters_of_its_first_request() {
    let killed = killed(Some(TODAY - 9));
    for with_event in [false, true] {
        let later = Circumstances { start: Some(TODAY - 5), ..attempt() };
        let (mut reader, begun) = opened(&killed, with_event, &killed.rows, &later);
        begun.unwrap();
        assert_eq!(reader.run.plan().start_created_gte, Some(TODAY - 9), "with its event: {with_event}");
        let (query, _) = reader.take(&page(&[("ch_2", 3)], false));
        assert_eq!(query, format!("limit=2&created[gte]={}&starting_after=ch_3", TODAY - 9));
    }
    let later = Circumstances { start: Some(TODAY - 5), ..attempt() };
    let (reader, begun) = opened(&killed, false, &[], &later);
    begun.unwrap();
    assert_eq!(reader.run.plan().start_created_gte, Some(TODAY - 5), "nothing was asked for before");
}

#[test]
fn a_page_with_holes_ends_the_run_unless_it_is_given_up() {
    let killed = killed(None);
    let torn: Vec<RecordBatch> = killed.rows.iter().map(|batch| batch.slice(1, 1)).collect();
    let (reader, begun) = opened(&killed, false, &torn, &attempt());
    let error = begun.unwrap_err();
    assert!(error.class == Class::Table && error.message.contains("page 1 of run run has holes"), "{error:?}");
    assert!(reader.run.has_read_all(), "it asks for nothing");
    let (reader, begun) = opened(&killed, false, &torn, &Circumstances { give_up: Some(GiveUp::Restart), ..attempt() });
    begun.unwrap();
    assert!(reader.run.is_finished());
}

#[test]
fn a_run_that_goes_on_is_given_the_events_that_it_follows_before_anything_else() {
    let killed = killed(None);
    let reader = Reader::after(&killed.started, &attempt());
    let at = |epoch| Some(Position { epoch, at_micros: TODAY * 1_000_000 });
    let source = Source { from: at(1), to: at(2), relands: false };
    let mut run = Run::new(Plan { source, ..reader.run.plan().clone() }, reader.setting.clone());
    run.follow(&EventIndex::default()).unwrap();
    run.started(reader.now()).unwrap();
    let late = run.follow(&EventIndex::default()).unwrap_err();
    assert_eq!(late.class, Class::Usage, "recovery has to know them to place what has landed");
}
