//! The groups that a run hands over to be committed: when pages become a group, and what the commits carry.

use std::time::Duration;

use arrow_array::RecordBatch;
use stripe_raw_rs::checkpoint::{Circumstances, Extent, GiveUp, History, Kind, events_of};
use stripe_raw_rs::error::Class;
use stripe_raw_rs::options::Options;
use stripe_raw_rs::run::{Promise, RunContext, Value, rows_of_second};
use stripe_raw_rs::stripe::scope::Scope;

use crate::reader::{Reader, TODAY, answer, attempt, page, setting, unknown_key, vanished};

/// Page number `number`, with its two objects and more to come.
pub(crate) fn some_page(reader: &mut Reader, number: i64) {
    let ids = [2 * number, 2 * number + 1].map(|id| (format!("ch_{id}"), id));
    let objects = ids.each_ref().map(|(id, age)| (id.as_str(), *age));
    reader.take(&page(&objects, true));
}

/// The types of the events.
pub(crate) fn names(batches: &[RecordBatch]) -> Vec<&'static str> {
    kinds(batches).iter().map(Kind::name).collect()
}

pub(crate) fn kinds(batches: &[RecordBatch]) -> Vec<Kind> {
    batches.iter().flat_map(|batch| events_of(batch).unwrap()).map(|event| event.kind).collect()
}

fn failed(class: Class, message: &str) -> Vec<Kind> {
    vec![Kind::Failed { class: class.name().to_owned(), message: message.to_owned() }]
}

/// The next attempt, planned by RUN_STARTED alone, and opened with all events written since.
fn next(events: &[RecordBatch], give_up: Option<GiveUp>) -> Reader {
    let mut reader = Reader::after(&events[..1], &Circumstances { give_up, ..attempt() });
    reader.run.started(reader.now()).unwrap();
    reader.run.fence().unwrap();
    reader.run.recover_events(events).unwrap();
    reader.run.begin(reader.now()).unwrap();
    reader
}

#[test]
fn pages_gather_until_ten_seconds_have_passed_since_the_last_group() {
    let mut reader = Reader::new();
    assert_eq!((reader.run.poll_timeout(), reader.run.has_news(reader.now())), (None, false));
    for began in [0, 10] {
        some_page(&mut reader, 2 * began + 1);
        assert!(reader.run.has_news(reader.now()), "the first page of a group sets how long to wait");
        assert_eq!(reader.run.poll_timeout(), Some(Duration::from_secs(began.unsigned_abs() + 10)));
        some_page(&mut reader, 2 * began + 2);
        assert!(!reader.run.has_news(reader.now()));
        reader.wait(9);
        assert!(reader.group().is_none());
        reader.wait(1);
        assert!(reader.run.has_news(reader.now()));
        let group = reader.group().unwrap();
        assert_eq!((group.fetched, group.checkpoint.pages, group.checkpoint.rows), (2, 2, 4));
    }
}

#[test]
fn a_run_waits_for_a_retry_that_is_due_before_the_group() {
    let mut reader = Reader::new();
    some_page(&mut reader, 1);
    reader.take(&answer(500, ""));
    assert_eq!(reader.run.poll_timeout(), Some(Duration::from_secs(1)));
}

#[test]
fn without_an_interval_each_page_is_a_group() {
    let options = Options { commit_interval: Duration::ZERO, ..setting("charges").options };
    let setting = RunContext { options, ..setting("charges") };
    let mut reader = Reader::planned(setting, &History::default(), &attempt()).opened().0;
    some_page(&mut reader, 1);
    some_page(&mut reader, 2);
    assert_eq!((reader.group().unwrap().fetched, reader.group().unwrap().fetched), (1, 1));
    assert!(reader.group().is_none());
}

#[test]
fn a_group_is_handed_over_at_once_if_the_buffers_are_full_or_nothing_more_comes() {
    let mut reader = Reader::new();
    some_page(&mut reader, 1);
    reader.run.flush();
    assert!(reader.group().is_some());
    some_page(&mut reader, 2);
    assert!(reader.group().is_none(), "once");
    reader.take(&page(&[("ch_0", 9)], false));
    assert_eq!(reader.group().unwrap().fetched, 2);
}

#[test]
fn a_group_ends_with_the_page_that_fills_thirty_two_mebibytes() {
    let mut reader = Reader::new();
    let padding = "x".repeat(16 << 20);
    for age in 1..4 {
        let object = format!(r#"{{"id":"ch_{age}","object":"charge","created":{},"text":"{padding}"}}"#, TODAY - age);
        reader.take(&answer(200, &format!(r#"{{"object":"list","data":[{object}],"has_more":true}}"#)));
    }
    assert!(reader.run.has_news(reader.now()));
    assert_eq!(reader.group().unwrap().fetched, 2);
    assert!(reader.group().is_none());
}

#[test]
fn a_page_whose_only_trace_is_its_event_ends_its_group_and_must_be_seen() {
    let mut reader = Reader::new();
    some_page(&mut reader, 1);
    reader.take(&vanished());
    reader.take(&page(&[("ch_3", 3)], true));
    reader.run.flush();
    let group = reader.group().unwrap();
    assert_eq!((group.fetched, group.rows.batches.len(), group.checkpoint.must_be_seen), (2, 1, true));
    let mut reader = Reader::new();
    some_page(&mut reader, 1);
    reader.take(&vanished());
    reader.take(&page(&[("ch_3", 3)], true));
    assert!(reader.group().is_none(), "nothing has followed it yet");
    some_page(&mut reader, 2);
    assert_eq!(reader.group().unwrap().fetched, 2);
    reader.run.flush();
    let rest = reader.group().unwrap();
    assert_eq!((rest.fetched, rest.checkpoint.must_be_seen), (1, false));
    reader.take(&page(&[], false));
    let end = reader.group().unwrap().checkpoint;
    assert_eq!(names(&end.batches), ["PAGE_COMMITTED", "RUN_COMPLETED"]);
}

#[test]
fn once_a_minute_a_group_must_be_seen() {
    let mut reader = Reader::new();
    let seen = [10, 49, 1, 10, 49, 1].map(|seconds| {
        reader.wait(seconds);
        let number = i64::try_from(reader.run.progress().pages).unwrap();
        some_page(&mut reader, number);
        reader.run.flush();
        reader.group().unwrap().checkpoint.must_be_seen
    });
    assert_eq!(seen, [false, false, true, false, false, true]);
}

#[test]
fn each_commit_names_its_run_and_its_writer() {
    let theirs = RunContext {
        scope: Scope { account: Some("acct_1".to_owned()), ..setting("charges").scope },
        ..setting("charges")
    };
    let mut reader = Reader::planned(theirs, &History::default(), &attempt());
    let now = reader.now();
    reader.run.begin(now).unwrap();
    some_page(&mut reader, 1);
    let claim = reader.any_group().unwrap();
    assert!(claim.rows.batches.is_empty(), "before any row");
    reader.take(&page(&[("ch_0", 9)], false));
    let group = reader.group().unwrap();
    let commits = [(&claim.checkpoint, 0), (&group.rows, 1), (&group.checkpoint, 1)];
    for (commit, sequence) in commits {
        assert_eq!((commit.app_id.as_str(), commit.nonce.as_str()), ("stripe_raw_rs/1/store/charges", "nonce"));
        assert_eq!(commit.version, (1 << 32) + sequence);
        let said =
            r#"{"entity":"charges","epoch":1,"nonce":"nonce","run_id":"run","sequence":N,"stripe_raw_rs":"test"}"#;
        assert_eq!(commit.metadata, said.replace('N', &sequence.to_string()));
    }
    let events: Vec<_> = group.checkpoint.batches.iter().flat_map(|batch| events_of(batch).unwrap()).collect();
    assert_eq!(
        events.iter().map(|event| event.event_id.as_str()).collect::<Vec<_>>(),
        ["run/1/1/0", "run/1/1/1", "run/1/1/2"]
    );
    let numbers: Vec<_> = events.iter().filter_map(|event| event.kind.page()).map(|page| page.page_number).collect();
    assert_eq!(numbers, [1, 2]);
    assert_eq!((group.checkpoint.reached, group.checkpoint.rows), (Some(TODAY - 9), 3));
    // The raw table was not fenced: its first rows take the fence's place.
    assert_eq!(commits.map(|(commit, _)| commit.must_be_seen), [true, true, true]);
    let mut own = Reader::of("refunds");
    assert_eq!(own.run.failed("Internal", "no", now).unwrap().app_id, "stripe_raw_rs/1/store/refunds");
}

#[test]
fn a_run_is_complete_when_all_is_handed_over_but_not_before() {
    let mut reader = Reader::new();
    some_page(&mut reader, 1);
    assert!(reader.run.ended(reader.now()).is_err());
    reader.take(&page(&[("ch_0", 9)], false));
    assert!(reader.run.ended(reader.now()).is_err());
    let group = reader.group().unwrap();
    assert_eq!(names(&group.checkpoint.batches), ["PAGE_COMMITTED", "PAGE_COMMITTED", "RUN_COMPLETED"]);
    assert!(group.checkpoint.must_be_seen);
    assert!(reader.run.ended(reader.now()).unwrap().batches.is_empty(), "it came with the last group");
    assert!(reader.run.ended(reader.now()).is_err(), "once");
    assert!(reader.run.failed("Internal", "late", reader.now()).is_err(), "and nothing follows");
}

#[test]
fn a_failure_is_recorded_after_the_start_and_its_text_is_made_harmless() {
    let (_, started) = Reader::begun(&attempt());
    let mut reader = Reader::after(&started, &attempt());
    assert!(reader.run.failed("Internal", "early", reader.now()).is_err());
    reader.run.started(reader.now()).unwrap();
    assert!(reader.run.failed("Internal", "early", reader.now()).is_err(), "it is unknown whether it has landed");
    reader.run.fence().unwrap();
    let recorded = reader.run.failed("Internal", "a\nb sk_live_CANARY", reader.now()).unwrap();
    assert_eq!(recorded.version, (2 << 32) + 1, "a version of its own");
    let [Kind::Failed { class, message }] = &kinds(&recorded.batches)[..] else { panic!("{recorded:?}") };
    assert!(class == "Internal" && !message.contains('\n') && !message.contains("CANARY"), "{message}");
    let mut reader = Reader::new();
    reader.take(&unknown_key());
    assert_eq!(reader.run.ended(reader.now()).unwrap_err().class, Class::Authentication);
}

#[test]
fn a_run_that_is_given_up_names_the_option_that_did_it() {
    let (_, started) = Reader::begun(&attempt());
    for (how, class, message) in [
        (GiveUp::Restart, Class::Abandoned, "given up: the next run reads its window again"),
        (GiveUp::Scratch, Class::Reset, "given up: the next run begins at the beginning of the account"),
    ] {
        let mut reader = next(&started, Some(how));
        assert_eq!(kinds(&reader.run.ended(reader.now()).unwrap().batches), failed(class, message));
    }
}

#[test]
fn a_run_that_turns_out_to_be_complete_is_not_completed_or_abandoned_again() {
    let (mut first, mut events) = Reader::begun(&attempt());
    first.take(&page(&[], false));
    events.extend(first.group().unwrap().checkpoint.batches.iter().map(|batch| batch.slice(1, 2)));
    for (give_up, said) in [
        (None, vec![]),
        (Some(GiveUp::Restart), vec![]),
        (Some(GiveUp::Scratch), failed(Class::Reset, "given up: the next run begins at the beginning of the account")),
    ] {
        let mut reader = next(&events, give_up);
        assert!(reader.run.is_finished());
        assert_eq!(kinds(&reader.run.ended(reader.now()).unwrap().batches), said);
    }
}

#[test]
fn events_promise_the_rows_of_their_groups() {
    let (mut reader, started) = Reader::begun(&attempt());
    let history = |batches: &[RecordBatch]| {
        let mut history = History::default();
        for batch in batches {
            history.extend(events_of(batch).unwrap());
        }
        history
    };
    let promise = |history: &History| Promise::of(history, Extent::Rows, "store", "charges", None);
    assert!(promise(&history(&started)).is_none(), "nothing has landed");
    reader.take(&page(&[("ch_2", 1)], false));
    let group = reader.group().unwrap();
    let promise = promise(&history(&[started, group.checkpoint.batches].concat())).unwrap();
    assert_eq!((promise.app_ids[0].as_str(), promise.version()), (group.rows.app_id.as_str(), group.rows.version));
    let newest = [
        ("_ingest_run_id", "=", Value::Text(Some("run".to_owned()))),
        ("_commit_version", "=", Value::Long(group.rows.version)),
    ];
    assert_eq!(promise.newest_rows(), newest);
    let of_second = [
        ("_stripe_account", "=", Value::Text(Some("acct_1".to_owned()))),
        ("_stripe_created_at", "=", Value::Timestamp(7_000_000)),
    ];
    assert_eq!(rows_of_second(7, Some("acct_1".to_owned())), of_second);
}
