//! How the machine reads a list that Stripe cannot filter by time: newest first, down to the window.

use stripe_raw_rs::checkpoint::{Circumstances, History};
use stripe_raw_rs::options::Options;
use stripe_raw_rs::run::RunContext;
use stripe_raw_rs::stripe::exchange::Outcome;

use crate::odd::list;
use crate::reader::{Reader, TODAY, attempt, setting, vanished};

/// The oldest second of the window is so many seconds ago.
const WINDOW: i64 = 100;

/// The first run of quotes, which begins in the window.
fn quotes() -> Reader {
    let setting = setting("quotes");
    let options = Options { page_size: 8, ..setting.options.clone() };
    let attempt = Circumstances { start: Some(TODAY - WINDOW), ..attempt() };
    Reader::planned(RunContext { options, ..setting }, &History::default(), &attempt).opened().0
}

/// Quotes of those ages, in seconds.
fn page(ages: &[i64], has_more: bool) -> Outcome {
    let quote = |age: &i64| format!(r#"{{"id":"qt_{age}","object":"quote","created":{}}}"#, TODAY - age);
    list(&ages.iter().map(quote).collect::<Vec<_>>(), has_more)
}

#[test]
fn no_request_has_a_filter_and_the_reading_ends_below_the_window() {
    let mut reader = quotes();
    let (first, _) = reader.take(&page(&[1, 2, 3, 4, 5, 6, 7, 8], true));
    assert_eq!(first, "limit=8");
    let (ticket, second) = reader.ask();
    assert_eq!(second, "limit=8&starting_after=qt_8");
    assert!(reader.idle_slot().is_none(), "it cannot be read in parts");
    reader.hand(ticket, &page(&[9, 100, 101, 102, 103, 104, 105, 106], true));
    assert!(reader.run.has_read_all());
    assert_eq!(reader.run.progress().rows, 10);
}

#[test]
fn two_objects_below_the_window_may_be_out_of_place_and_the_next_page_shows_it() {
    let mut reader = quotes();
    reader.take(&page(&[1, 2, 3, 4, 5, 6, 200, 201], true));
    let (next, _) = reader.take(&page(&[200, 201, 7, 8, 9, 10, 11, 12], true));
    assert_eq!(next, "limit=8&starting_after=qt_6");
    assert!(!reader.run.has_read_all());
    reader.take(&page(&[300, 301, 302], true));
    assert!(reader.run.has_read_all(), "a page that is below as a whole is the end");
    assert_eq!(reader.run.progress().rows, 12, "those below the window are an older run's");
}

#[test]
fn a_list_in_another_order_is_read_whole() {
    let mut reader = quotes();
    reader.take(&page(&[208, 207, 206, 205, 204, 203, 202, 201], true));
    let (next, _) = reader.take(&page(&[8, 7, 6, 5, 4, 3, 2, 1], false));
    assert_eq!(next, "limit=8&starting_after=qt_201");
    reader.take(&page(&[], false));
    assert!(reader.run.has_read_all());
    assert_eq!(reader.run.progress().rows, 8, "those below the window are not of the run");
    let warnings = reader.run.walk_mut().take_warnings();
    assert_eq!(warnings, ["quotes: Stripe does not list the newest objects first, so it is read whole"]);
}

#[test]
fn a_cursor_that_vanishes_begins_the_list_again_and_lands_nothing_twice() {
    let mut reader = quotes();
    reader.take(&page(&[1, 2, 3, 4, 5, 6, 7, 8], true));
    reader.take(&vanished());
    let (again, _) = reader.take(&page(&[1, 2, 3, 4, 5, 6, 7, 9], true));
    assert_eq!(again, "limit=8");
    reader.take(&page(&[10, 200], false));
    assert!(reader.run.has_read_all());
    assert_eq!(reader.run.progress().rows, 10);
}
