//! Events for the tests of this folder.

use super::{Event, Kind, PageEvent, Source};
use crate::error::Class;
use crate::stripe::facts::PageFacts;

/// Microseconds since 1970; the events are an hour old.
pub(super) const NOW: i64 = 1_800_000_000_000_000;

pub(super) fn event(run_id: &str, epoch: i64, kind: Kind, start: Option<i64>, seen: Option<i64>) -> Event {
    Event {
        event_id: format!("{run_id}/{epoch}/0/0"),
        kind,
        at_micros: NOW - 3_600_000_000,
        entity: "charges".to_owned(),
        account: None,
        run_id: run_id.to_owned(),
        epoch,
        sequence: 0,
        owner: "there/2".to_owned(),
        start_created_gte: start,
        max_created_seen: seen,
        source: Source::default(),
        carried: None,
    }
}

pub(super) fn started() -> Kind {
    Kind::Started { settings: r#"{"stripe_version":"2020-01-01"}"#.to_owned(), library_version: "1".to_owned() }
}

pub(super) fn page() -> Kind {
    Kind::Page(PageEvent {
        page_number: 1,
        row_count: 1,
        unchanged_count: 0,
        facts: PageFacts {
            next_cursor: Some("ch_1".to_owned()),
            has_more: true,
            http_status: 200,
            ..PageFacts::default()
        },
        min_created: Some(900),
        max_created: Some(1_000),
        rows_digest: String::new(),
        recovered: false,
    })
}

pub(super) fn failed(class: Class) -> Kind {
    Kind::Failed { class: class.name().to_owned(), message: String::new() }
}
