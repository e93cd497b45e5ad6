//! What an audit finds, fault by fault, in the events and rows of a run that read four objects in two pages.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use stripe_raw_rs::checkpoint::{Event, Kind, PageEvent, events_of, to_batch};
use stripe_raw_rs::digest::rows_digest;
use stripe_raw_rs::error::Class;
use stripe_raw_rs::run::audit::Audit;

use crate::reader::{Reader, TODAY, attempt, page};

/// The tables of a lake.
struct Tables {
    events: Vec<Event>,
    /// One batch for each page.
    rows: Vec<RecordBatch>,
}

/// RUN_STARTED, two PAGE_COMMITTED with two rows each, RUN_COMPLETED.
fn whole() -> Tables {
    let (mut reader, mut batches) = Reader::begun(&attempt());
    let mut rows = Vec::new();
    for (objects, has_more) in [([("ch_4", 1), ("ch_3", 2)], true), ([("ch_2", 3), ("ch_1", 4)], false)] {
        reader.take(&page(&objects, has_more));
    }
    // A full page that ends the list is confirmed.
    reader.take(&page(&[], false));
    while let Some(group) = reader.group() {
        batches.extend(group.checkpoint.batches);
        rows.extend(group.rows.batches);
    }
    batches.extend(reader.run.ended(reader.now()).unwrap().batches);
    let events = batches.iter().flat_map(|batch| events_of(batch).unwrap()).collect();
    Tables { events, rows }
}

impl Tables {
    fn audit(&self) -> Audit {
        let mut audit = Audit::new("charges");
        audit.add_events(&to_batch(&self.events).unwrap()).unwrap();
        self.rows.iter().for_each(|rows| audit.add_rows(rows).unwrap());
        audit
    }

    /// The kinds of the findings, in order and each once, and the notes.
    fn found(&self) -> (Vec<&'static str>, Vec<String>) {
        let mut audit = self.audit();
        let mut kinds: Vec<_> = audit.finish().iter().map(|finding| finding.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        (kinds, audit.notes().to_vec())
    }

    fn page(&mut self, number: usize) -> &mut PageEvent {
        match &mut self.events[number].kind {
            Kind::Page(page) => page,
            kind => panic!("no page: {kind:?}"),
        }
    }
}

fn with_column(batch: &RecordBatch, name: &str, column: ArrayRef) -> RecordBatch {
    let mut columns = batch.columns().to_vec();
    columns[batch.schema().index_of(name).unwrap()] = column;
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}

fn with_texts(batch: &RecordBatch, name: &str, change: impl Fn(&str) -> String) -> RecordBatch {
    let old: Vec<&str> = batch.column_by_name(name).unwrap().as_string::<i32>().iter().map(Option::unwrap).collect();
    with_column(batch, name, Arc::new(StringArray::from_iter_values(old.into_iter().map(change))))
}

fn with_numbers(batch: &RecordBatch, name: &str, change: impl Fn(i32) -> i32) -> RecordBatch {
    let old = batch.column_by_name(name).unwrap().as_primitive::<Int32Type>().values().to_vec();
    with_column(batch, name, Arc::new(Int32Array::from_iter_values(old.into_iter().map(change))))
}

#[test]
fn a_whole_run_has_no_findings_and_is_counted() {
    let mut audit = whole().audit();
    assert_eq!((audit.finish(), audit.notes()), (vec![], &[][..]));
    assert_eq!(audit.counts(), (1, 3, 4));
}

type Fault = (&'static str, fn(&mut Tables), &'static [&'static str]);

const FAULTS: [Fault; 19] = [
    ("a row is gone", |tables| tables.rows[0] = tables.rows[0].slice(0, 1), &["rows missing"]),
    ("all rows of a page are gone", |tables| drop(tables.rows.remove(1)), &["rows missing"]),
    (
        "a row has another position",
        |tables| tables.rows[0] = with_numbers(&tables.rows[0], "_page_row", |position| 2 * position),
        &["rows missing"],
    ),
    ("rows are there twice", |tables| tables.rows.push(tables.rows[0].clone()), &["twice"]),
    (
        "an object is there twice, in another page",
        |tables| tables.rows[1] = with_texts(&tables.rows[1], "_stripe_id", |id| id.replace("ch_2", "ch_3")),
        &["twice"],
    ),
    (
        "a payload is changed",
        |tables| tables.rows[0] = with_texts(&tables.rows[0], "_raw_json", |json| json.replace("ch_4", "ch_9")),
        &["altered"],
    ),
    (
        "a payload is exchanged for another one, hash and all",
        |tables| {
            let other = tables.rows[1].clone();
            for name in ["_raw_json", "_payload_sha256"] {
                let column = other.column_by_name(name).unwrap().clone();
                tables.rows[0] = with_column(&tables.rows[0], name, column);
            }
        },
        &["altered"],
    ),
    ("the digest of a page is changed", |tables| tables.page(1).rows_digest = "0".repeat(64), &["altered"]),
    ("the count of a page is changed", |tables| tables.page(2).row_count = 3, &["rows missing"]),
    (
        "rows name another cursor",
        |tables| tables.rows[1] = with_texts(&tables.rows[1], "_request_cursor", |_| "ch_9".to_owned()),
        &["altered"],
    ),
    (
        "an event names another cursor",
        |tables| tables.page(2).facts.starting_after = Some("ch_9".to_owned()),
        &["altered", "gap"],
    ),
    ("the event of a page is gone", |tables| drop(tables.events.remove(1)), &["event missing", "gap"]),
    ("the event of a page is there twice", |tables| tables.events.insert(1, tables.events[1].clone()), &["twice"]),
    ("the last page's event is gone", |tables| drop(tables.events.remove(3)), &["gap"]),
    ("no event is left", |tables| tables.events.clear(), &["unknown run"]),
    ("RUN_STARTED is gone", |tables| drop(tables.events.remove(0)), &["attempt"]),
    ("RUN_STARTED is there twice", |tables| tables.events.insert(0, tables.events[0].clone()), &["attempt"]),
    ("RUN_COMPLETED is there twice", |tables| tables.events.push(tables.events[4].clone()), &["completed twice"]),
    (
        "the window begins in the far future",
        |tables| tables.events[4].start_created_gte = Some(TODAY + 32 * 86_400),
        &["window"],
    ),
];

#[test]
fn each_fault_is_found_under_its_name() {
    for (fault, make, kinds) in FAULTS {
        let mut tables = whole();
        make(&mut tables);
        assert_eq!(tables.found(), (kinds.to_vec(), vec![]), "{fault}");
    }
}

#[test]
fn a_window_may_begin_ahead_of_a_wrong_clock() {
    let mut tables = whole();
    tables.events[4].start_created_gte = Some(TODAY + 31 * 86_400);
    assert_eq!(tables.found().0, [""; 0]);
}

#[test]
fn a_finding_says_where_and_in_which_request() {
    let mut tables = whole();
    tables.rows[0] = tables.rows[0].slice(0, 1);
    let mut audit = tables.audit();
    let [finding] = &audit.finish()[..] else { panic!("one finding") };
    assert_eq!((finding.run_id.as_deref(), finding.page_number), (Some("run"), Some(1)));
    assert_eq!(finding.request_id.as_deref(), Some("req_1"));
    assert_eq!(finding.message, "run run, page 1 (request req_1): the event promises 2 rows, but the table has 1");
}

#[test]
fn a_run_that_was_cut_off_is_a_note() {
    let mut tables = whole();
    tables.events.truncate(2);
    let notes = ["run run was cut off: the next run makes the events of 1 page", "run run is not complete"];
    assert_eq!(tables.found(), (vec![], notes.map(str::to_owned).to_vec()));
    tables.rows.truncate(1);
    assert_eq!(tables.found(), (vec![], vec![notes[1].to_owned()]));
}

#[test]
fn the_events_of_other_lists_are_left_out() {
    let mut tables = whole();
    let other = Event { entity: "refunds".to_owned(), ..tables.events[1].clone() };
    tables.events.push(other);
    let mut audit = tables.audit();
    assert_eq!((audit.finish().len(), audit.counts()), (0, (1, 3, 4)));
}

#[test]
fn a_table_that_is_gone_is_one_finding() {
    let mut tables = whole();
    tables.rows.clear();
    let mut audit = tables.audit();
    audit.without_table();
    let findings: Vec<_> = audit.finish().into_iter().map(|finding| (finding.kind, finding.message)).collect();
    let message = "the raw table is not there; events describe 4 rows of 2 pages in it".to_owned();
    assert_eq!(findings, [("table gone", message)]);
}

/// The tables with a reset behind the run.
fn reset() -> Tables {
    let mut tables = whole();
    let second = |kind| Event { run_id: "second".to_owned(), epoch: 2, kind, ..tables.events[0].clone() };
    let failed = Kind::Failed { class: Class::Reset.name().to_owned(), message: String::new() };
    tables.events.extend([second(tables.events[0].kind.clone()), second(failed)]);
    tables
}

#[test]
fn rows_from_before_a_reset_need_not_be_there() {
    let mut tables = reset();
    assert_eq!(tables.found(), (vec![], vec![]));
    tables.rows.clear();
    let note = "run run is from before a reset and its rows are no longer there".to_owned();
    assert_eq!(tables.found(), (vec![], vec![note]));
    for number in [1, 2] {
        tables.page(number).row_count = 0;
        tables.page(number).rows_digest = rows_digest([""; 0]);
    }
    assert_eq!(tables.found(), (vec![], vec![]), "it never had a row");
    let mut tables = reset();
    tables.rows.truncate(1);
    assert_eq!(tables.found().0, ["rows missing"], "a run is there or not");
    tables.rows.clear();
    tables.events.retain(|event| event.run_id == "run");
    assert_eq!(tables.found().0, ["rows missing"], "there was no reset");
}

#[test]
fn a_watermark_never_goes_back_except_at_a_reset() {
    let earlier = |tables: &Tables| {
        let older = Some(TODAY - 1_000);
        let of =
            |event: &Event| Event { run_id: "third".to_owned(), epoch: 3, max_created_seen: older, ..event.clone() };
        let mut events: Vec<Event> = tables.events[..5].iter().map(of).collect();
        for event in &mut events {
            if let Kind::Page(page) = &mut event.kind {
                page.row_count = 0;
                page.rows_digest = rows_digest([""; 0]);
            }
        }
        events
    };
    let mut tables = whole();
    tables.events.extend(earlier(&tables));
    assert_eq!(tables.found().0, ["watermark"]);
    let mut tables = reset();
    tables.events.extend(earlier(&tables));
    assert_eq!(tables.found().0, [""; 0]);
}

#[test]
fn an_object_that_was_refused_is_a_note() {
    let mut tables = whole();
    let kind = Kind::Refused {
        page_number: 1,
        request_id: None,
        parent_id: None,
        message: "charges: object 3 cannot be a row".to_owned(),
    };
    tables.events.insert(1, Event { kind, ..tables.events[1].clone() });
    assert_eq!(tables.found(), (vec![], vec!["run run: object 3 cannot be a row".to_owned()]));
}
