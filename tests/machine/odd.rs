//! How the machine takes odd objects: those that can land do, the others are named, and the reading goes on below them.

use arrow_array::cast::AsArray as _;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array as _, RecordBatch};
use stripe_raw_rs::checkpoint::{Circumstances, Event, History, Kind, commit_version, events_of};
use stripe_raw_rs::error::Class;
use stripe_raw_rs::options::Options;
use stripe_raw_rs::run::{Group, RunContext};
use stripe_raw_rs::stripe::exchange::Outcome;
use stripe_raw_rs::walk::Effect;

use crate::reader::{Reader, TODAY, answer, attempt, setting, vanished};

/// A run with so many objects to a page.
pub(crate) fn reader(page_size: u32) -> Reader {
    let options = Options { page_size, ..setting("charges").options };
    Reader::planned(RunContext { options, ..setting("charges") }, &History::default(), &attempt()).opened().0
}

pub(crate) fn list(objects: &[String], has_more: bool) -> Outcome {
    answer(200, &format!(r#"{{"object":"list","data":[{}],"has_more":{has_more}}}"#, objects.join(",")))
}

/// A charge that was created so many seconds ago.
pub(crate) fn charge(id: &str, age: i64) -> String {
    format!(r#"{{"id":"{id}","object":"charge","created":{}}}"#, TODAY - age)
}

fn undated(id: &str) -> String {
    format!(r#"{{"id":"{id}","object":"charge","created":"soon"}}"#)
}

fn refund(id: &str) -> String {
    format!(r#"{{"id":"{id}","object":"refund"}}"#)
}

const NAMELESS: &str = r#"{"object":"charge","created":1}"#;

fn ids_and_times(batches: &[RecordBatch]) -> Vec<(String, Option<i64>)> {
    let of = |batch: &RecordBatch| {
        let ids = batch.column_by_name("_stripe_id").unwrap().as_string::<i32>().clone();
        let times = batch.column_by_name("_stripe_created_at").unwrap();
        let times = times.as_primitive::<TimestampMicrosecondType>().clone();
        let age = |row: usize| (!times.is_null(row)).then(|| TODAY - times.value(row) / 1_000_000);
        (0..ids.len()).map(|row| (ids.value(row).to_owned(), age(row))).collect::<Vec<_>>()
    };
    batches.iter().flat_map(of).collect()
}

pub(crate) fn rows(reader: &mut Reader) -> Vec<(String, Option<i64>)> {
    reader.run.flush();
    let mut rows = Vec::new();
    while let Some(group) = reader.group() {
        rows.extend(ids_and_times(&group.rows.batches));
    }
    rows
}

fn landed(rows: &[(&str, Option<i64>)]) -> Vec<(String, Option<i64>)> {
    rows.iter().map(|(id, age)| ((*id).to_owned(), *age)).collect()
}

fn events(group: &Group) -> Vec<Event> {
    group.checkpoint.batches.iter().flat_map(|batch| events_of(batch).unwrap()).collect()
}

#[test]
fn an_object_without_a_time_lands_without_one_and_is_warned_about_once() {
    let mut reader = reader(3);
    reader.take(&list(&[charge("ch_5", 1), undated("ch_4"), charge("ch_3", 2)], true));
    reader.take(&list(&[undated("ch_2"), charge("ch_1", 5)], false));
    assert_eq!(
        reader.run.walk_mut().take_warnings(),
        ["charges: the 'created' of object ch_4 cannot be used as a time, so its _stripe_created_at is null; further \
          ones are counted in the report"]
    );
    assert_eq!((reader.run.progress().undated, reader.run.progress().rows), (2, 5));
    let times = [("ch_5", Some(1)), ("ch_4", None), ("ch_3", Some(2)), ("ch_2", None), ("ch_1", Some(5))];
    assert_eq!(rows(&mut reader), landed(&times));
    assert!(reader.run.ended(reader.now()).is_ok() && reader.run.refusal().is_none());
}

#[test]
fn if_a_cursor_without_a_time_vanishes_the_second_before_it_is_read_again_and_nothing_lands_twice() {
    let mut reader = reader(3);
    reader.take(&list(&[charge("ch_5", 1), charge("ch_4", 2), undated("ch_3")], true));
    reader.take(&vanished());
    let (query, _) = reader.take(&list(&[charge("ch_4", 2), undated("ch_3"), charge("ch_2", 3)], false));
    assert_eq!(query, format!("limit=3&created[lt]={}", TODAY - 1));
    assert_eq!(reader.run.progress().rows, 4);
    assert!(reader.run.walk_mut().take_warnings().len() == 1 && reader.run.progress().undated == 1);
}

#[test]
fn an_object_without_a_time_at_the_border_of_two_parts_lands_once() {
    let far = 1_000_000;
    for (above, below) in [
        // Both parts answer it, since nobody knows on which side of the border it lies.
        ([charge("ch_4", far + 1), undated("ch_odd")], [undated("ch_odd"), charge("ch_2", 5 * far)]),
        // It follows an object below the border, so only the older part has it.
        ([charge("ch_2", 5 * far), undated("ch_odd")], [charge("ch_2", 5 * far), undated("ch_odd")]),
    ] {
        for is_above_first in [true, false] {
            let mut reader = reader(2);
            reader.take(&list(&[charge("ch_6", 1), charge("ch_5", far)], true));
            let ((newer, _), (older, query)) = (reader.ask(), reader.ask());
            assert!(query.contains("created[lt]"), "the list was split");
            let mut answers = [(newer, list(&above, true)), (older, list(&below, false))];
            if !is_above_first {
                answers.reverse();
            }
            for (ticket, outcome) in &answers {
                reader.hand(*ticket, outcome);
            }
            let mut ids: Vec<String> = rows(&mut reader).into_iter().map(|(id, _)| id).collect();
            ids.sort();
            let mut expected = vec!["ch_2", "ch_5", "ch_6", "ch_odd"];
            expected.extend(above[0].contains("ch_4").then_some("ch_4"));
            expected.sort_unstable();
            assert_eq!(ids, expected, "{above:?} first: {is_above_first}");
        }
    }
}

#[test]
fn an_object_that_cannot_be_a_row_is_named_before_its_page_and_the_list_goes_on() {
    let mut reader = reader(4);
    let page = [charge("ch_5", 1), NAMELESS.to_owned(), charge("ch_4", 2), refund("re_1")];
    assert_eq!(reader.take(&list(&page, true)).1, Effect::Page);
    let (query, _) = reader.take(&list(&[charge("ch_3", 3), "7".to_owned()], false));
    assert_eq!(query, "limit=4&starting_after=re_1", "an object that is refused serves as a cursor as well");
    assert_eq!(reader.run.progress().refused, 3);
    let named = reader.group().unwrap();
    assert_eq!((named.fetched, named.rows.batches.len(), named.checkpoint.pages), (0, 0, 0));
    assert_eq!(named.checkpoint.version, commit_version(1, 1), "the fence was commit 0");
    assert!(named.checkpoint.must_be_seen, "an engine may drop it without a word, and still take the page's rows");
    let refusals: Vec<_> = events(&named)
        .into_iter()
        .map(|event| match event.kind {
            Kind::Refused { page_number, request_id, message, .. } => (page_number, request_id.unwrap(), message),
            other => panic!("{other:?}"),
        })
        .collect();
    let line = |page: i64, object: &str, why: &str| {
        let message = format!(
            "charges: object {object} of page {page} cannot be a row and did not land: {why} [request req_1]; ask \
             Stripe's support about that request"
        );
        (page, "req_1".to_owned(), message)
    };
    let first = line(1, "2", "an object has no 'id'");
    let others = [
        line(1, "4 (re_1)", "an object of the list is not a 'charge' but a 'refund'"),
        line(2, "2", "an element of 'data' is not an object"),
    ];
    assert_eq!(refusals, [std::slice::from_ref(&first), &others[..]].concat());
    let group = reader.group().unwrap();
    assert_eq!((group.fetched, group.checkpoint.pages, group.checkpoint.rows), (2, 2, 3));
    assert_eq!(reader.group().map(|group| group.fetched), None);
    assert_eq!(events_of(&group.checkpoint.batches[0]).unwrap().last().unwrap().kind, Kind::Completed);
    assert!(reader.run.ended(reader.now()).unwrap().batches.is_empty());
    let refusal = reader.run.refusal().unwrap();
    assert_eq!(
        (refusal.class, refusal.message),
        (Class::Answer, format!("{}; and 2 more, which the events name", first.2))
    );
}

#[test]
fn an_object_refused_below_the_range_of_a_part_is_named_by_the_part_that_reads_there() {
    let far = 1_000_000;
    let mut reader = reader(3);
    reader.take(&list(&[charge("ch_6", 1), charge("ch_5b", 2), charge("ch_5", far)], true));
    let ((newer, _), (older, _)) = (reader.ask(), reader.ask());
    reader.hand(newer, &list(&[NAMELESS.to_owned(), charge("ch_4", 5 * far), refund("re_1")], true));
    reader.hand(older, &list(&[charge("ch_4", 5 * far), refund("re_1")], false));
    assert!(
        reader.take(&list(&[NAMELESS.to_owned()], false)).0.contains("created[gte]"),
        "the newer part asks again, and not further down"
    );
    assert_eq!(reader.run.progress().refused, 2);
    let named: Vec<_> = events(&reader.group().unwrap())
        .into_iter()
        .filter_map(|event| match event.kind {
            Kind::Refused { page_number, .. } => Some(page_number),
            _ => None,
        })
        .collect();
    assert_eq!(named, [2, 3]);
}

#[test]
fn an_object_that_both_parts_refuse_at_their_border_is_named_once() {
    let far = 1_000_000;
    for objects in [NAMELESS.to_owned(), refund("re_1")] {
        let mut reader = reader(3);
        reader.take(&list(&[charge("ch_6", 1), charge("ch_5b", 2), charge("ch_5", far)], true));
        let ((newer, _), (older, _)) = (reader.ask(), reader.ask());
        reader.hand(older, &list(&[objects.clone(), charge("ch_4", 5 * far)], false));
        reader.hand(newer, &list(&[objects, charge("ch_4", 5 * far), charge("ch_3", 6 * far)], true));
        assert_eq!(reader.run.progress().refused, 1);
    }
}

#[test]
fn an_object_without_an_id_between_two_parts_is_named_once_whichever_part_answers_first() {
    let far = 1_000_000;
    for is_newer_first in [true, false] {
        let mut reader = reader(3);
        reader.take(&list(&[charge("ch_9", 1), charge("ch_8", 2), charge("ch_7", far)], true));
        let ((newer, _), (older, _)) = (reader.ask(), reader.ask());
        reader.hand(newer, &list(&[charge("ch_6", far + 1), charge("ch_5", far + 2), charge("ch_4", far + 3)], true));
        let (newer, query) = reader.ask();
        assert!(query.contains("created[gte]") && query.contains("starting_after=ch_4"), "{query}");
        let mut answers =
            [(newer, vec![NAMELESS.to_owned()]), (older, vec![NAMELESS.to_owned(), charge("ch_2", 5 * far)])];
        if !is_newer_first {
            answers.reverse();
        }
        for (ticket, objects) in answers {
            reader.hand(ticket, &list(&objects, false));
        }
        assert_eq!((reader.run.progress().refused, reader.run.has_read_all()), (1, true), "{is_newer_first}");
    }
}

#[test]
fn objects_without_an_id_inside_of_a_part_are_all_named_even_if_they_look_the_same() {
    let options = Options { page_size: 3, ..setting("charges").options };
    let context = RunContext { options, ..setting("charges") };
    let attempt = Circumstances { start: Some(TODAY - 1_000), ..attempt() };
    let mut reader = Reader::planned(context, &History::default(), &attempt).opened().0;
    reader.take(&list(&[charge("ch_5", 1), charge("ch_4", 2), charge("ch_3", 3)], true));
    reader.take(&list(&[NAMELESS.to_owned(), charge("ch_2", 4)], true));
    reader.take(&list(&[NAMELESS.to_owned(), charge("ch_1", 5)], true));
    assert_eq!(reader.run.progress().refused, 2);
}

#[test]
fn a_page_whose_mode_is_not_the_keys_ends_the_run() {
    for (of_key, of_object) in [(true, true), (true, false), (false, true), (false, false)] {
        let context = RunContext { livemode: Some(of_key), ..setting("charges") };
        let mut reader = Reader::planned(context, &History::default(), &attempt()).opened().0;
        let object = format!(r#"{{"id":"ch_1","object":"charge","created":{TODAY},"livemode":{of_object}}}"#);
        let (_, effect) = reader.take(&list(&[object], false));
        assert_eq!(effect == Effect::Page, of_key == of_object, "{of_key} {of_object}");
        if of_key && !of_object {
            let message = reader.error().message;
            assert!(message.contains("object ch_1 is test data, and the key is a live key"), "{message}");
        }
    }
}

#[test]
fn the_reading_goes_past_a_page_of_refused_objects_if_one_of_them_has_an_id() {
    let mut reader = reader(2);
    reader.take(&list(&[charge("ch_5", 1), charge("ch_4", 2)], true));
    assert_eq!(reader.take(&list(&[refund("re_2"), NAMELESS.to_owned()], true)).1, Effect::Page);
    let (query, taken) = reader.take(&list(&[NAMELESS.to_owned()], false));
    assert_eq!((query.as_str(), taken), ("limit=2&starting_after=re_2", Effect::Page));
    assert!(reader.run.has_read_all());
}

#[test]
fn an_object_without_an_id_at_the_end_of_a_page_is_left_to_the_next_page_which_begins_with_it() {
    let mut reader = reader(3);
    let nameless = || NAMELESS.to_owned();
    reader.take(&list(&[charge("ch_5", 1), nameless(), nameless()], true));
    assert_eq!(reader.run.progress().refused, 0);
    let (query, _) = reader.take(&list(&[nameless(), nameless(), charge("ch_4", 2)], true));
    assert_eq!((query.as_str(), reader.run.progress().refused), ("limit=3&starting_after=ch_5", 2));
    reader.take(&list(&[charge("ch_3", 3), nameless()], false));
    assert_eq!(reader.run.progress().refused, 3, "there is no page behind the last one");
}

#[test]
fn a_full_page_without_any_id_ends_the_run_with_advice() {
    let mut reader = reader(2);
    reader.take(&list(&[charge("ch_5", 1), charge("ch_4", 2)], true));
    reader.take(&list(&[NAMELESS.to_owned(), NAMELESS.to_owned()], true));
    assert!(reader.error().message.contains("ask for more objects at once (page_size)"), "{:?}", reader.error());
}

#[test]
fn a_run_that_begins_with_objects_of_another_list_ends_at_once() {
    let mut reader = reader(2);
    reader.take(&list(&[refund("re_2"), refund("re_1")], true));
    let message = reader.error().message;
    assert!(message.contains("not a 'charge' but a 'refund', and so are all others; check the base URL"), "{message}");
    let mut reader = self::reader(2);
    reader.take(&list(&[refund("re_1")], false));
    assert_eq!((reader.run.progress().refused, reader.run.has_read_all()), (1, true), "a single one may be odd");
}

#[test]
fn a_list_that_comes_in_tiny_pages_ends_the_run_with_advice() {
    let mut reader = reader(100);
    for number in 0..99 {
        assert_eq!(reader.take(&list(&[charge(&format!("ch_{number}"), number)], true)).1, Effect::Page);
    }
    assert_eq!(reader.take(&list(&[charge("ch_last", 99)], true)).1, Effect::Nothing);
    let message = reader.error().message;
    assert!(message.contains("100 pages in a row with 10 or fewer of the 100 objects asked for"), "{message}");
    // If one page in two is small, the list is slow but not endless.
    let mut reader = self::reader(20);
    for number in 0..300 {
        let (few, many) = (number % 2 == 0, 3);
        let objects: Vec<String> =
            (0..if few { 1 } else { many }).map(|at| charge(&format!("ch_{number}_{at}"), number)).collect();
        assert_eq!(reader.take(&list(&objects, true)).1, Effect::Page, "{number}");
    }
}
