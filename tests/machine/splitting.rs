//! Which part of the list the machine reads next, and when it splits one. Pages hold two objects: the seconds of a
//! tail, times the objects a second, halved, are its requests.

use arrow_array::cast::AsArray as _;
use stripe_raw_rs::checkpoint::Circumstances;

use crate::reader::{Reader, TODAY, answer, attempt, page, page_of};

/// A run that asks for objects created in the last `seconds`, and has read a first page down to `last` seconds ago.
fn read(seconds: i64, last: i64) -> Reader {
    let mut reader = Reader::begun(&Circumstances { start: Some(TODAY - seconds), ..attempt() }).0;
    reader.take(&page(&[("ch_9", 1), ("ch_8", last)], true));
    reader
}

fn down_to(age: i64) -> String {
    format!("created[gte]={}", TODAY - age)
}

fn below(age: i64) -> String {
    format!("created[lt]={}", TODAY - age)
}

#[test]
fn a_tail_worth_less_than_three_requests_is_not_split() {
    let mut reader = read(8, 3);
    let (ticket, _) = reader.ask();
    assert_eq!(
        (reader.idle_slot(), reader.run.walk().wants(reader.now())),
        (None, None),
        "5 seconds of one object each"
    );
    reader.hand(ticket, &page(&[("ch_7", 4), ("ch_6", 5)], true));
    assert_eq!(reader.ask().1, format!("limit=2&created[gte]={}&starting_after=ch_6", TODAY - 8));
}

#[test]
fn a_tail_worth_three_requests_is_split_in_its_middle() {
    let mut reader = read(9, 3);
    assert_eq!(reader.run.walk().wants(reader.now()), Some(3.0));
    let (_, newer) = reader.ask();
    assert_eq!(newer, format!("limit=2&created[gte]={}&starting_after=ch_8", TODAY - 9));
    assert_eq!(
        reader.run.walk().wants(reader.now()),
        Some(0.8 * 3.0),
        "a reader that need not split a list goes first"
    );
    let (_, older) = reader.idle_slot().unwrap();
    assert_eq!(older, format!("limit=2&created[gte]={}&{}", TODAY - 9, below(6)));
    assert_eq!((reader.idle_slot(), reader.run.walk().wants(reader.now())), (None, None));
}

#[test]
fn the_pages_read_last_weigh_most_in_the_estimate_of_the_remaining_ones() {
    let mut reader = read(113, 3);
    reader.take(&page(&[("ch_7", 4), ("ch_6", 13)], true));
    // Two objects in ten seconds, and seven tenths of the two in two seconds before.
    let density = (2.0 + 1.4) / (10.0 + 1.4);
    assert_eq!(reader.run.walk().wants(reader.now()), Some(density * 100.0 / 2.0));
}

#[test]
fn a_list_that_no_time_can_cut_is_not_split() {
    let mut reader = Reader::of("accounts");
    reader.take(&page_of("account", &[("acct_9", 1), ("acct_8", 3)], true));
    reader.ask();
    assert_eq!(reader.idle_slot(), None);
}

#[test]
fn a_part_that_is_split_off_is_read_once() {
    let mut reader = read(9, 3);
    let (newer, _) = reader.ask();
    let (older, _) = reader.idle_slot().unwrap();
    reader.hand(newer, &page(&[("ch_7", 5), ("ch_6", 7)], true));
    reader.hand(older, &page(&[("ch_6", 7), ("ch_5", 9)], true));
    let bottoms: Vec<String> = (0..2).map(|_| reader.take(&page(&[], false)).0).collect();
    assert!(bottoms.iter().any(|query| query.ends_with("starting_after=ch_5")), "{bottoms:?}");
    let newer = format!("limit=2&created[gte]={}&starting_after=ch_7", TODAY - 6);
    assert!(bottoms.contains(&newer), "the earlier request went further down: {bottoms:?}");
    assert!(reader.run.has_read_all(), "the newer part ends where the older one begins");
    let rows = reader.group().unwrap().rows.batches;
    let ids: Vec<&str> =
        rows.iter().flat_map(|batch| batch["_stripe_id"].as_string::<i32>().iter().flatten()).collect();
    assert_eq!(ids, ["ch_9", "ch_8", "ch_7", "ch_6", "ch_5"]);
}

#[test]
fn a_list_without_an_end_in_sight_is_split_four_times_as_deep_as_it_was_read() {
    let mut reader = Reader::new();
    assert_eq!(reader.run.walk().wants(reader.now()), Some(f64::INFINITY), "nothing is known before the first page");
    let (first, _) = reader.ask();
    assert_eq!((reader.idle_slot(), reader.run.walk().wants(reader.now())), (None, None));
    reader.hand(first, &page(&[("ch_9", 1), ("ch_8", 3)], true));
    // One object a second since Stripe began, on 1 January 2011.
    assert_eq!(reader.run.walk().wants(reader.now()), Some(f64::from(1_735_689_597 - 1_293_840_000) / 2.0));
    reader.ask();
    let (oldest, query) = reader.idle_slot().unwrap();
    assert_eq!(query, format!("limit=2&{}", below(3 + 4 * (3 - 1))));
    let (middle, query) = reader.idle_slot().unwrap();
    assert_eq!(query, format!("limit=2&{}&{}", down_to(3 + 4 * (3 - 1)), below(3 + 4)), "it has an end now");
    assert_ne!(middle, oldest, "an answer finds the part that asked");
    assert_eq!(reader.idle_slot(), None, "no answer has come from the deeper parts");
}

#[test]
fn a_list_that_lies_in_one_second_so_far_is_assumed_to_reach_four_seconds_deeper() {
    let mut reader = Reader::new();
    reader.take(&page(&[("ch_9", 1), ("ch_8", 1)], true));
    reader.take(&page(&[("ch_7", 1), ("ch_6", 2)], true));
    reader.take(&page(&[("ch_5", 2), ("ch_4", 2)], true));
    reader.ask();
    assert_eq!(reader.idle_slot().unwrap().1, format!("limit=2&{}", below(2 + 4)));
}

#[test]
fn nothing_is_split_while_a_request_waits_to_be_sent_again() {
    let mut reader = read(100, 3);
    let (newer, _) = reader.ask();
    let (older, _) = reader.idle_slot().unwrap();
    reader.hand(older, &answer(500, ""));
    assert_eq!((reader.idle_slot(), reader.run.walk().wants(reader.now())), (None, None));
    reader.hand(newer, &page(&[("ch_7", 4), ("ch_6", 5)], true));
    assert!(reader.idle_slot().unwrap().1.ends_with("starting_after=ch_6"), "the others go on");
    assert_eq!(reader.idle_slot(), None, "it is not due");
    assert!(reader.ask().1.ends_with(&below(51)), "now it is");
}

#[test]
fn the_heaviest_part_is_read_first_and_split_first() {
    for (newer_ages, older_ages, heavier) in [([4, 5], [60, 70], "ch_6"), ([20, 40], [53, 54], "ch_4")] {
        let mut reader = read(100, 3);
        let (newer, _) = reader.ask();
        let (older, _) = reader.idle_slot().unwrap();
        reader.hand(newer, &page(&[("ch_7", newer_ages[0]), ("ch_6", newer_ages[1])], true));
        reader.hand(older, &page(&[("ch_5", older_ages[0]), ("ch_4", older_ages[1])], true));
        assert!(reader.ask().1.ends_with(heavier));
        reader.ask();
        let bottom = if heavier == "ch_6" { 51 } else { 100 };
        let top = if heavier == "ch_6" { 5 } else { 54 };
        assert!(reader.idle_slot().unwrap().1.ends_with(&below(top + (bottom - top) / 2)), "{heavier}");
    }
}

#[test]
fn an_unknown_part_is_read_before_those_that_were_read_already() {
    let mut reader = read(100, 3);
    let (newer, _) = reader.ask();
    let (older, _) = reader.idle_slot().unwrap();
    reader.hand(older, &answer(500, ""));
    reader.hand(newer, &page(&[("ch_7", 4), ("ch_6", 5)], true));
    assert!(reader.ask().1.ends_with(&below(51)));
    assert!(reader.ask().1.ends_with("ch_6"));
}

#[test]
fn a_second_that_fills_pages_is_read_before_all_else() {
    let mut reader = Reader::new();
    reader.take(&page(&[("ch_9", 1), ("ch_8", 1_000_000)], true));
    let (newer, _) = reader.ask();
    let (older, _) = reader.ask();
    reader.hand(newer, &page(&[("ch_7", 1_000_001), ("ch_6", 1_000_001)], true));
    reader.hand(older, &page(&[("ch_2", 9_000_000), ("ch_1", 9_000_001)], true));
    assert!(reader.ask().1.ends_with("ch_6"));
    assert!(reader.ask().1.ends_with("ch_1"));
}

#[test]
fn progress_shows_the_remaining_requests_once_the_end_is_in_sight_and_none_after_the_run_has_failed() {
    let mut reader = read(100, 3);
    assert_eq!(reader.run.progress().remaining, 49, "97 seconds of one object each");
    let (newer, _) = reader.ask();
    let (older, _) = reader.idle_slot().unwrap();
    assert_eq!(reader.run.progress().remaining, 24 + 1, "48 seconds, and a part of which nothing is known yet");
    assert_eq!(reader.run.walk().wants(reader.now()), Some(0.8 * (24.0 + 1.0)));
    reader.hand(older, &page(&[("ch_5", 60), ("ch_4", 70)], false));
    assert_eq!(reader.run.progress().remaining, 24 + 1, "one request looks behind a full last page");
    reader.hand(newer, &answer(401, ""));
    assert_eq!(reader.run.progress().remaining, 0);
}
