//! How a run ends before its list does: it stops asking, it is interrupted, or it is thrown away.

use stripe_raw_rs::checkpoint::{History, Kind, events_of};
use stripe_raw_rs::error::{Class, Error};
use stripe_raw_rs::walk::Effect;

use crate::reader::{Reader, attempt, page, setting, unknown_key};

fn limit(message: &str) -> Error {
    Error::new(Class::RateLimit, message.to_owned())
}

#[test]
fn answers_in_flight_are_taken_in_before_the_run_fails() {
    let mut reader = Reader::new();
    reader.take(&page(&[("ch_4", 1), ("ch_3", 1_000_000)], true));
    let (first, _) = reader.ask();
    let (second, older) = reader.ask();
    assert!(older.contains("created[lt]"), "the list was split");
    reader.hand(first, &unknown_key());
    assert!(!reader.run.has_read_all());
    assert_eq!(reader.run.error(), None);
    assert!(reader.idle_slot().is_none(), "it asks for nothing more");
    assert_eq!(reader.hand(second, &page(&[], false)), Effect::Page);
    assert_eq!(reader.hand(second, &page(&[], false)), Effect::Nothing, "once");
    assert_eq!(reader.error().class, Class::Authentication);
}

#[test]
fn the_run_reports_the_first_reason_to_stop() {
    let mut reader = Reader::new();
    let (ticket, _) = reader.ask();
    reader.run.walk_mut().stop_asking(limit("first"));
    reader.run.walk_mut().stop_asking(limit("second"));
    reader.hand(ticket, &page(&[("ch_4", 1), ("ch_3", 2)], true));
    assert_eq!(reader.error().message, "first");
    reader.run.walk_mut().stop_asking(limit("third"));
    assert_eq!(reader.error().message, "first");
}

#[test]
fn a_run_that_stops_with_nothing_in_flight_stops_at_once_and_a_run_that_has_all_is_complete() {
    let mut reader = Reader::new();
    reader.take(&page(&[("ch_4", 1), ("ch_3", 2)], true));
    reader.run.walk_mut().stop_asking(limit("enough"));
    assert_eq!(reader.error().message, "enough");
    let mut reader = Reader::new();
    let (ticket, _) = reader.ask();
    reader.run.walk_mut().stop_asking(limit("enough"));
    reader.hand(ticket, &page(&[("ch_4", 1)], false));
    reader.group().unwrap();
    assert!(reader.run.is_finished());
    assert_eq!(reader.run.error(), None);
}

#[test]
fn an_interrupt_does_not_wait_for_an_answer_and_loses_no_page() {
    let mut reader = Reader::new();
    reader.take(&page(&[("ch_4", 1), ("ch_3", 2)], true));
    let (late, _) = reader.ask();
    reader.run.interrupt();
    assert_eq!(reader.run.error(), None, "the pages that were fetched are handed over first");
    assert_eq!(reader.group().unwrap().fetched, 1);
    let error = reader.error();
    assert!(
        error.class == Class::Interrupted && error.message.contains("charges: the run was interrupted"),
        "{error:?}"
    );
    assert_eq!(reader.hand(late, &page(&[("ch_2", 3)], false)), Effect::Nothing);
}

#[test]
fn an_interrupt_does_not_change_an_end_that_came_before_it() {
    let mut reader = Reader::new();
    reader.take(&unknown_key());
    reader.run.interrupt();
    assert_eq!(reader.error().class, Class::Authentication);
    let mut reader = Reader::new();
    reader.take(&page(&[("ch_4", 1)], false));
    reader.group().unwrap();
    reader.run.ended(reader.now()).unwrap();
    reader.run.interrupt();
    assert_eq!(reader.run.error(), None);
}

#[test]
fn a_run_that_is_interrupted_before_it_reads_never_begins() {
    let mut reader = Reader::planned(setting("charges"), &History::default(), &attempt());
    reader.run.interrupt();
    assert_eq!(reader.run.begin(reader.now()).unwrap_err().class, Class::Interrupted);
}

#[test]
fn a_run_that_is_thrown_away_drops_the_pages_that_wait_in_it() {
    let mut reader = Reader::new();
    reader.take(&page(&[("ch_4", 1), ("ch_3", 2)], true));
    reader.run.discard();
    assert!(reader.group().is_none() && reader.run.is_finished());
    assert_eq!(reader.error().class, Class::Interrupted);
}

#[test]
fn a_failure_cannot_give_a_run_up() {
    for (class, recorded) in [("Abandoned", "Internal"), (" Reset\n", "Internal"), ("Server", "Server")] {
        let mut reader = Reader::new();
        let failed = reader.run.failed(class, "no", reader.now()).unwrap();
        let kind = events_of(&failed.batches[0]).unwrap()[1].kind.clone();
        assert_eq!(kind, Kind::Failed { class: recorded.to_owned(), message: "no".to_owned() }, "{class}");
    }
}
