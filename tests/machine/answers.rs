//! How the machine takes one answer: which request follows, after how long, or why the run ends.

use std::time::Duration;

use arrow_array::cast::AsArray as _;
use stripe_raw_rs::checkpoint::{Circumstances, History};
use stripe_raw_rs::error::Class;
use stripe_raw_rs::options::Options;
use stripe_raw_rs::run::{RunContext, page_bytes};
use stripe_raw_rs::stripe::exchange::{Failure, Outcome, Response};
use stripe_raw_rs::walk::Effect;

use crate::reader::{Reader, TODAY, answer, attempt, page, page_of, setting, unknown_key, vanished};

fn waits(taken: &Effect) -> u64 {
    let Effect::Retry(wait, _) = taken else { panic!("{taken:?}") };
    wait.as_secs()
}

#[test]
fn a_failing_request_is_sent_again_after_growing_waits_until_its_retries_are_used_up() {
    let silence = || Outcome::Failed(Failure::Timeout, "no answer".to_owned());
    for failing in [&silence as &dyn Fn() -> Outcome, &|| answer(500, "")] {
        let mut reader = Reader::new();
        for (wait, at) in [(1, 1), (2, 3), (3, 6)] {
            assert_eq!(waits(&reader.take(&failing()).1), wait);
            assert_eq!(reader.run.walk().next_retry(), Some(Duration::from_secs(at)));
            assert_eq!(reader.idle_slot(), None, "nothing is sent before it is due");
        }
        assert_eq!(reader.take(&failing()), ("limit=2".to_owned(), Effect::Nothing));
        assert!(reader.error().message.contains("after 3 retries"), "{:?}", reader.error());
        assert_eq!((reader.run.progress().requests, reader.run.progress().retries.total()), (4, 3));
    }
}

#[test]
fn each_request_has_its_own_retries() {
    let mut reader = Reader::new();
    assert_eq!(waits(&reader.take(&answer(500, "")).1), 1);
    assert_eq!(waits(&reader.take(&answer(500, "")).1), 2);
    assert_eq!(reader.take(&page(&[("ch_4", 1), ("ch_3", 2)], true)).1, Effect::Page);
    assert_eq!(waits(&reader.take(&answer(500, "")).1), 1);
}

#[test]
fn a_request_with_a_cursor_that_was_refused_is_sent_again_unchanged() {
    let mut reader = Reader::new();
    reader.take(&page(&[("ch_4", 1), ("ch_3", 2)], true));
    let (first, taken) = reader.take(&answer(503, ""));
    assert_eq!((first.as_str(), waits(&taken)), ("limit=2&starting_after=ch_3", 1));
    let (second, taken) = reader.take(&page(&[("ch_2", 3)], false));
    assert_eq!((second, taken), (first, Effect::Page));
}

#[test]
fn a_refusal_that_no_retry_can_mend_ends_the_run_at_once() {
    let mut reader = Reader::new();
    reader.take(&page(&[("ch_4", 1), ("ch_3", 2)], true));
    assert_eq!(reader.take(&unknown_key()).1, Effect::Nothing);
    assert_eq!(reader.error().class, Class::Authentication);
    // An answer that is not whole, or not from Stripe, is not a page.
    for status in [201, 203, 204, 206, 304] {
        let Outcome::Answered(ok) = page(&[("ch_2", 3)], false) else { unreachable!() };
        let mut reader = Reader::new();
        assert_eq!(reader.take(&Outcome::Answered(Response { status, ..ok })).1, Effect::Nothing);
        let error = reader.error();
        assert!(error.class == Class::Answer && error.message.contains(&format!("answered {status}:")), "{error:?}");
        assert!(!error.message.contains("ch_2"), "the message shows nothing of the payload: {error:?}");
    }
}

#[test]
fn after_a_cursor_has_vanished_the_list_is_read_on_from_the_end_of_its_second() {
    let mut reader = Reader::new();
    reader.take(&page(&[("ch_4", 1), ("ch_3", 2)], true));
    assert_eq!(reader.take(&vanished()).1, Effect::Nothing);
    let (query, taken) = reader.take(&page(&[("ch_3b", 2), ("ch_2", 3)], true));
    assert_eq!((query, taken), (format!("limit=2&created[lt]={}", TODAY - 1), Effect::Page));
    assert_eq!(reader.run.progress().rows, 4);
}

#[test]
fn a_cursor_that_vanishes_again_without_progress_ends_the_run() {
    let mut reader = Reader::new();
    reader.take(&page(&[("ch_4", 1), ("ch_3", 2)], true));
    reader.take(&vanished());
    // The page holds only objects that the run has already: nothing was gained.
    reader.take(&page(&[("ch_3", 2)], true));
    assert_eq!(reader.take(&vanished()).1, Effect::Nothing);
    assert!(reader.error().message.contains("vanished twice"), "{:?}", reader.error());
    let mut reader = Reader::new();
    reader.take(&page(&[("ch_4", 1), ("ch_3", 2)], true));
    reader.take(&vanished());
    reader.take(&page(&[("ch_3b", 2), ("ch_3", 2)], true));
    assert_eq!(reader.take(&vanished()).1, Effect::Nothing);
    assert_eq!(reader.take(&page(&[("ch_2", 3)], false)).1, Effect::Page, "a row was gained between them");
}

#[test]
fn a_body_that_was_cut_short_is_asked_for_again_and_a_wrong_one_is_not() {
    let mut reader = Reader::new();
    assert_eq!(waits(&reader.take(&answer(200, r#"{"object":"list","data":["#)).1), 1);
    for (body, is_list) in [
        (r#"{"object":"list","data":[}]}"#, true),
        (r#"{"object":"list","data":[{"id":7],"has_more":false}"#, true),
        ("<html>", false),
    ] {
        let mut reader = Reader::new();
        assert_eq!(reader.take(&answer(200, body)).1, Effect::Nothing);
        let error = reader.error();
        assert!(error.message.contains("[request req_1]") && error.class == Class::Answer, "{error:?}");
        assert_eq!(error.message.contains("check the base URL"), !is_list, "{error:?}");
    }
}

#[test]
fn one_request_looks_behind_a_full_page_that_says_it_is_the_last() {
    let mut reader = Reader::new();
    reader.take(&page(&[("ch_4", 1), ("ch_3", 2)], false));
    assert!(!reader.run.has_read_all());
    let (query, taken) = reader.take(&page(&[], false));
    assert_eq!((query.as_str(), taken), ("limit=2&starting_after=ch_3", Effect::Page));
    assert!(reader.run.has_read_all());
    let mut reader = Reader::new();
    reader.take(&page(&[("ch_4", 1)], false));
    assert!(reader.run.has_read_all(), "a page with room left is believed");
}

#[test]
fn an_empty_page_that_says_there_is_more_is_never_believed() {
    let mut reader = Reader::new();
    assert_eq!(reader.take(&page(&[], true)).1, Effect::Nothing);
    assert!(reader.error().message.contains("an empty first page"), "{:?}", reader.error());
    let mut reader = Reader::new();
    reader.take(&page(&[("ch_4", 1), ("ch_3", 2)], true));
    assert_eq!(reader.take(&page(&[], true)).1, Effect::Nothing);
    let (query, _) = reader.take(&page(&[("ch_2", 3)], false));
    assert_eq!(query, format!("limit=2&created[lt]={}", TODAY - 1));
}

#[test]
fn an_answer_out_of_order_or_out_of_its_range_ends_the_run() {
    let rising = [("ch_3", 2), ("ch_4", 1)];
    let mut reader = Reader::new();
    reader.take(&page(&rising, true));
    assert!(reader.error().message.contains("not newest first"), "{:?}", reader.error());
    // Behind a page nothing is newer than the page's last object, and in a range nothing is at the range's upper end.
    for first in [page(&[("ch_4", 3), ("ch_3", 4)], true), vanished()] {
        let mut reader = Reader::new();
        reader.take(&page(&[("ch_6", 1), ("ch_5", 3)], true));
        reader.take(&first);
        reader.take(&page(&[("ch_2", 2)], true));
        assert!(reader.error().message.contains("ch_2 was created later"), "{:?}", reader.error());
    }
}

#[test]
fn a_page_that_repeats_an_earlier_one_ends_the_run() {
    for between in [&[][..], &[("ch_2", 2), ("ch_1", 2)]] {
        let mut reader = Reader::new();
        reader.take(&page(&[("ch_4", 2), ("ch_3", 2)], true));
        for object in between {
            assert_eq!(reader.take(&page(&[*object], true)).1, Effect::Page);
        }
        reader.take(&page(&[("ch_3", 2), ("ch_4", 2)], true));
        assert!(reader.error().message.contains("the list does not advance"), "{:?}", reader.error());
    }
}

#[test]
fn progress_counts_the_pages_received_and_those_remaining_once_the_end_is_in_sight() {
    let mut reader = Reader::new();
    let Outcome::Answered(first) = page(&[("ch_4", 1), ("ch_3", 2)], true) else { unreachable!() };
    let bytes = first.body.len() as u64;
    reader.take(&Outcome::Answered(first.clone()));
    let progress = reader.run.progress();
    assert_eq!((progress.pages, progress.rows, progress.requests, progress.bytes), (1, 2, 1, bytes));
    assert_eq!((progress.remaining, progress.reached), (0, Some(TODAY - 2)), "nobody knows where the list ends");
    reader.take(&page(&[("ch_2", 3), ("ch_1", 4)], false));
    let progress = reader.run.progress();
    assert_eq!((progress.pages, progress.rows, progress.reached), (2, 4, Some(TODAY - 4)));
    assert_eq!(
        (progress.remaining, progress.bytes),
        (1, 2 * bytes + 1),
        "one request remains: whether there is anything behind the page"
    );
}

#[test]
fn a_page_that_repeats_an_earlier_one_ends_the_run_even_if_the_list_has_no_times() {
    let mut reader = Reader::of("accounts");
    reader.take(&page_of("account", &[("acct_4", 1), ("acct_3", 2)], true));
    reader.take(&page_of("account", &[("acct_2", 3), ("acct_1", 4)], true));
    reader.take(&page_of("account", &[("acct_4", 1), ("acct_3", 2)], true));
    assert!(reader.error().message.contains("the list does not advance"), "{:?}", reader.error());
}

#[test]
fn the_newest_time_seen_is_not_later_than_the_answering_clock_or_ours() {
    for (date, seen) in [(None, TODAY), (Some(TODAY - 7), TODAY - 7), (Some(TODAY + 60), TODAY + 50)] {
        let mut reader = Reader::new();
        let Outcome::Answered(ahead) = page(&[("ch_1", -50)], false) else { unreachable!() };
        reader.take(&Outcome::Answered(Response { date, ..ahead }));
        assert!(reader.group().is_some());
        assert_eq!(reader.run.progress().newest, Some(seen), "{date:?}");
    }
}

#[test]
fn a_page_takes_less_memory_than_it_is_counted_with() {
    for rows in [1, 100] {
        let new_run_id = "01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned();
        let options = Options { page_size: 100, ..setting("charges").options };
        let attempt = Circumstances { new_run_id, ..attempt() };
        let setting = RunContext { options, ..setting("charges") };
        let mut reader = Reader::planned(setting, &History::default(), &attempt).opened().0;
        let ids: Vec<String> = (0..=rows).map(|number| format!("ch_3MmlLrLkdIwHu7ix0sn{number:05}")).collect();
        let objects: Vec<(&str, i64)> = ids.iter().zip(1..).map(|(id, age)| (id.as_str(), age)).collect();
        reader.take(&page(&objects[..1], true));
        reader.take(&page(&objects[1..], true));
        reader.run.flush();
        let group = reader.group().unwrap();
        let batch = &group.rows.batches[1];
        let payload: usize = batch.column_by_name("_raw_json").unwrap().as_string::<i32>().values().len();
        let (taken, counted) = (batch.get_array_memory_size(), page_bytes(payload));
        assert!(taken < counted && counted - payload == 40 * 1024, "{rows} rows: {taken} of {counted}");
    }
}
