//! Events as Arrow: writes and reads the columns of the checkpoint table.

use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Int32Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::ArrowError;

use super::{Carried, Event, Kind, LandedCommit, PageEvent, Position, Source, schema};
use crate::columns::{Columns, without_comments};
use crate::error::{Class, Error, Result, foreign};
use crate::stripe::facts::PageFacts;
use crate::stripe::window::Range;

/// Events as one batch of [`schema`].
///
/// # Errors
/// None in practice: the columns are built to fit.
pub fn to_batch(events: &[Event]) -> Result<RecordBatch> {
    // Many accounts have a batch each in one commit: by default the columns of each would have room for a thousand events.
    let count = events.len();
    let text = |value: &dyn Fn(&Event) -> Option<String>| -> ArrayRef {
        let mut column = StringBuilder::with_capacity(count, 0);
        column.extend(events.iter().map(value));
        Arc::new(column.finish())
    };
    let long = |value: &dyn Fn(&Event) -> Option<i64>| -> ArrayRef {
        let mut column = Int64Builder::with_capacity(count);
        column.extend(events.iter().map(value));
        Arc::new(column.finish())
    };
    let truth = |value: &dyn Fn(&PageEvent) -> bool| -> ArrayRef {
        let mut column = BooleanBuilder::with_capacity(count);
        column.extend(events.iter().map(|event| event.kind.page().map(value)));
        Arc::new(column.finish())
    };
    let micros = |value: &dyn Fn(&Event) -> Option<i64>| -> ArrayRef {
        let mut column = TimestampMicrosecondBuilder::with_capacity(count).with_timezone("UTC");
        column.extend(events.iter().map(value));
        Arc::new(column.finish())
    };
    let mut status = Int32Builder::with_capacity(count);
    status.extend(events.iter().map(http_status));
    let columns: Vec<ArrayRef> = vec![
        text(&|event| Some(event.event_id.clone())),
        text(&|event| Some(event.kind.name().to_owned())),
        micros(&|event| Some(event.at_micros)),
        text(&|event| Some(event.entity.clone())),
        text(&|event| event.account.clone()),
        text(&|event| Some(event.run_id.clone())),
        long(&|event| Some(event.epoch)),
        long(&|event| Some(event.sequence)),
        text(&|event| Some(event.owner.clone())),
        long(&|event| event.start_created_gte),
        long(&page_number),
        long(&|event| event.kind.page().map(|page| page.row_count)),
        long(&|event| event.kind.page().and_then(|page| page.facts.range.gte)),
        long(&|event| event.kind.page().and_then(|page| page.facts.range.lt)),
        truth(&|page| page.facts.next_cursor.is_none()),
        text(&|event| event.kind.page().and_then(|page| page.facts.starting_after.clone())),
        text(&|event| event.kind.page().and_then(|page| page.facts.next_cursor.clone())),
        truth(&|page| page.facts.has_more),
        long(&|event| event.kind.page().and_then(|page| page.min_created)),
        long(&|event| event.kind.page().and_then(|page| page.max_created)),
        long(&|event| event.max_created_seen),
        text(&|event| event.kind.page().map(|page| page.rows_digest.clone())),
        truth(&|page| page.recovered),
        Arc::new(status.finish()),
        text(&request_id),
        text(&|event| event.kind.page().and_then(|page| page.facts.api_version.clone())),
        text(&|event| failure(event).map(|(class, _)| class.to_owned())),
        text(&|event| failure(event).map(|(_, message)| message.to_owned())),
        text(&|event| started(event).map(|(settings, _)| settings.to_owned())),
        text(&|event| started(event).map(|(_, version)| version.to_owned())),
        long(&|event| event.kind.page().map(|page| page.unchanged_count)),
        text(&|event| event.carried.as_ref()?.landed.as_ref()?.run_id.clone()),
        long(&|event| event.carried.as_ref().map(|carried| carried.landed.as_ref().map_or(0, |landed| landed.version))),
        long(&|event| event.carried.as_ref().and_then(|carried| carried.first_start)),
        long(&|event| event.source.from.map(|from| from.epoch)),
        long(&|event| event.source.to.map(|to| to.epoch)),
        text(&parent_id),
        micros(&|event| event.carried.as_ref().and_then(|carried| carried.whole_at_micros)),
        micros(&|event| event.source.from.map(|from| from.at_micros)),
        micros(&|event| event.source.to.map(|to| to.at_micros)),
        relands(events),
        micros(&|event| event.carried.as_ref().and_then(|carried| carried.answered_at_micros)),
        micros(&|event| event.carried.as_ref().and_then(|carried| carried.events_since_micros)),
        long(&|event| event.carried.as_ref().and_then(|carried| carried.cut_version)),
        long(&|event| event.carried.as_ref().map(|carried| carried.left_out_epoch)),
        text(&refused_parents),
    ];
    RecordBatch::try_new(Arc::new(without_comments(&schema())), columns)
        .map_err(|error| Error::new(Class::Table, error.to_string()))
}

fn http_status(event: &Event) -> Option<i32> {
    let facts = &event.kind.page()?.facts;
    i32::try_from(facts.http_status).ok().filter(|_| facts.was_requested())
}

fn relands(events: &[Event]) -> ArrayRef {
    let mut column = BooleanBuilder::with_capacity(events.len());
    column.extend(events.iter().map(|event| event.source.to.map(|_| event.source.relands)));
    Arc::new(column.finish())
}

fn page_number(event: &Event) -> Option<i64> {
    match &event.kind {
        Kind::Page(page) => Some(page.page_number),
        Kind::Refused { page_number, .. } => Some(*page_number),
        _ => None,
    }
}

fn request_id(event: &Event) -> Option<String> {
    match &event.kind {
        Kind::Page(page) => page.facts.request_id.clone(),
        Kind::Refused { request_id, .. } => request_id.clone(),
        _ => None,
    }
}

fn parent_id(event: &Event) -> Option<String> {
    match &event.kind {
        Kind::Page(page) => page.facts.parent.as_deref().map(str::to_owned),
        Kind::Refused { parent_id, .. } => parent_id.clone(),
        _ => None,
    }
}

fn refused_parents(event: &Event) -> Option<String> {
    let refused = &event.carried.as_ref()?.refused_parents;
    (!refused.is_empty()).then(|| serde_json::to_string(refused).ok()).flatten()
}

fn failure(event: &Event) -> Option<(&str, &str)> {
    match &event.kind {
        Kind::Failed { class, message } => Some((class, message)),
        Kind::Refused { message, .. } => Some((Class::Answer.name(), message)),
        _ => None,
    }
}

fn started(event: &Event) -> Option<(&str, &str)> {
    match &event.kind {
        Kind::Started { settings, library_version } => Some((settings, library_version)),
        _ => None,
    }
}

/// The events in a batch read from the checkpoint table.
///
/// # Errors
/// Columns, event types or numbers that this project does not write.
pub fn events_of(batch: &RecordBatch) -> Result<Vec<Event>> {
    let columns = Columns(batch);
    (0..batch.num_rows()).map(|row| event_at(columns, row)).collect()
}

/// The same events, as made at this time, in microseconds since 1970.
///
/// # Errors
/// A batch that is none of events.
pub fn made_at(batch: &RecordBatch, micros: i64) -> Result<RecordBatch> {
    let error = |error: ArrowError| Error::new(Class::Table, error.to_string());
    let column = batch.schema().index_of("event_at").map_err(error)?;
    let mut times = TimestampMicrosecondBuilder::with_capacity(batch.num_rows()).with_timezone("UTC");
    times.append_value_n(micros, batch.num_rows());
    let mut columns = batch.columns().to_vec();
    columns[column] = Arc::new(times.finish());
    RecordBatch::try_new(batch.schema(), columns).map_err(error)
}

fn event_at(columns: Columns<'_>, row: usize) -> Result<Event> {
    let owned = |name: &str| columns.text(name, row).map(|text| text.map(str::to_owned));
    let required = |name: &str| columns.required_text(name, row).map(str::to_owned);
    let kind = match columns.required_text("event_type", row)? {
        "RUN_STARTED" => Kind::Started {
            settings: owned("settings")?.unwrap_or_default(),
            library_version: owned("library_version")?.unwrap_or_default(),
        },
        "PAGE_COMMITTED" => Kind::Page(PageEvent {
            page_number: columns.count("page_number", row)?,
            row_count: columns.count("row_count", row)?,
            unchanged_count: if columns.has("unchanged_count") {
                columns.long("unchanged_count", row)?.unwrap_or_default()
            } else {
                0
            },
            facts: PageFacts {
                parent: if columns.has("parent_id") { columns.text("parent_id", row)?.map(Arc::from) } else { None },
                range: Range { gte: columns.long("range_gte", row)?, lt: columns.long("range_lt", row)? },
                starting_after: owned("starting_after")?,
                next_cursor: owned("next_cursor")?,
                has_more: columns.truth("has_more", row)?,
                http_status: columns.long("http_status", row)?.unwrap_or_default(),
                request_id: owned("request_id")?,
                api_version: owned("api_version")?,
            },
            min_created: columns.long("min_created", row)?,
            max_created: columns.long("max_created", row)?,
            rows_digest: required("rows_digest")?,
            recovered: columns.truth("recovered", row)?,
        }),
        "OBJECT_REFUSED" => Kind::Refused {
            page_number: columns.count("page_number", row)?,
            request_id: owned("request_id")?,
            parent_id: if columns.has("parent_id") { owned("parent_id")? } else { None },
            message: owned("error_message")?.unwrap_or_default(),
        },
        "RUN_COMPLETED" => Kind::Completed,
        "RUN_FAILED" => Kind::Failed {
            class: owned("error_class")?.unwrap_or_default(),
            message: owned("error_message")?.unwrap_or_default(),
        },
        other => {
            let message = format!("event type '{}' is unknown: a newer version wrote it; upgrade", foreign(other));
            return Err(Error::new(Class::Table, message));
        }
    };
    Ok(Event {
        event_id: required("event_id")?,
        kind,
        at_micros: columns.micros("event_at", row)?.unwrap_or_default(),
        entity: required("entity")?,
        account: owned("stripe_account")?,
        run_id: required("run_id")?,
        epoch: columns.count("epoch", row)?,
        sequence: columns.count("sequence", row)?,
        owner: required("owner")?,
        start_created_gte: columns.long("start_created_gte", row)?,
        max_created_seen: columns.long("max_created_seen", row)?,
        source: source(columns, row)?,
        carried: carried(columns, row)?,
    })
}

fn carried(columns: Columns<'_>, row: usize) -> Result<Option<Carried>> {
    if !columns.has("landed_version") {
        return Ok(None);
    }
    let Some(version) = columns.long("landed_version", row)? else { return Ok(None) };
    let run_id = columns.text("landed_run_id", row)?.map(str::to_owned);
    let first_start = columns.long("first_start_created_gte", row)?;
    let landed = (version > 0).then_some(LandedCommit { run_id, version });
    let micros = |name: &str| if columns.has(name) { columns.micros(name, row) } else { Ok(None) };
    Ok(Some(Carried {
        landed,
        first_start,
        whole_at_micros: micros("whole_at")?,
        answered_at_micros: micros("answered_at")?,
        events_since_micros: micros("events_since")?,
        cut_version: if columns.has("cut_version") { columns.long("cut_version", row)? } else { None },
        left_out_epoch: if columns.has("left_out_epoch") {
            columns.long("left_out_epoch", row)?.unwrap_or_default()
        } else {
            0
        },
        refused_parents: if columns.has("refused_parents") {
            let refused = columns.text("refused_parents", row)?;
            refused.and_then(|ids| serde_json::from_str(ids).ok()).unwrap_or_default()
        } else {
            Vec::new()
        },
    }))
}

fn source(columns: Columns<'_>, row: usize) -> Result<Source> {
    let position = |epoch: &str, at: &str| -> Result<Option<Position>> {
        if !columns.has(at) {
            return Ok(None);
        }
        let (epoch, at_micros) = (columns.long(epoch, row)?, columns.micros(at, row)?);
        Ok(epoch.zip(at_micros).map(|(epoch, at_micros)| Position { epoch, at_micros }))
    };
    Ok(Source {
        from: position("source_from", "followed_from")?,
        to: position("source_to", "followed_to")?,
        relands: columns.has("relands") && columns.truth("relands", row)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: Kind) -> Event {
        Event {
            event_id: "r/1/0/0".to_owned(),
            kind,
            at_micros: 1_700_000_000_123_456,
            entity: "charges".to_owned(),
            account: None,
            run_id: "r".to_owned(),
            epoch: 1,
            sequence: 0,
            owner: "host/1".to_owned(),
            start_created_gte: Some(5),
            max_created_seen: None,
            source: Source::default(),
            carried: None,
        }
    }

    #[test]
    fn events_come_back_as_they_were_written() {
        let page = PageEvent {
            page_number: 3,
            row_count: 2,
            unchanged_count: 4,
            facts: PageFacts {
                parent: Some("in_1".into()),
                range: Range { gte: Some(1), lt: None },
                starting_after: Some("ch_1".to_owned()),
                next_cursor: None,
                has_more: true,
                http_status: 200,
                request_id: Some("req_1".to_owned()),
                api_version: None,
            },
            min_created: Some(7),
            max_created: Some(9),
            rows_digest: "ab".to_owned(),
            recovered: true,
        };
        let events = vec![
            event(Kind::Started { settings: "{}".to_owned(), library_version: "1".to_owned() }),
            event(Kind::Page(page)),
            event(Kind::Refused {
                page_number: 4,
                request_id: Some("req_2".to_owned()),
                parent_id: Some("in_2".to_owned()),
                message: "odd".to_owned(),
            }),
            event(Kind::Completed),
            Event { carried: Some(Carried::default()), ..event(Kind::Completed) },
            Event {
                carried: Some(Carried {
                    landed: Some(LandedCommit { run_id: Some("r".to_owned()), version: 1 << 32 | 1 }),
                    first_start: Some(-1),
                    whole_at_micros: Some(7),
                    answered_at_micros: Some(8),
                    events_since_micros: Some(9),
                    cut_version: Some(10),
                    left_out_epoch: 11,
                    refused_parents: vec!["in_3".to_owned()],
                }),
                source: Source {
                    from: Some(Position { epoch: 3, at_micros: 4 }),
                    to: Some(Position { epoch: 5, at_micros: 6 }),
                    relands: true,
                },
                ..event(Kind::Completed)
            },
            event(Kind::Failed { class: "Server".to_owned(), message: "no".to_owned() }),
        ];
        assert_eq!(events_of(&to_batch(&events).unwrap()).unwrap(), events);
    }

    #[test]
    fn an_attempt_or_commit_that_no_count_can_reach_is_refused() {
        let completed = || event(Kind::Completed);
        for (event, line) in [
            (Event { epoch: i64::MAX, ..completed() }, "column 'epoch' is 9223372036854775807: "),
            (Event { epoch: -1, ..completed() }, "column 'epoch' is -1: "),
            (Event { sequence: 1 << 32, ..completed() }, "column 'sequence' is 4294967296: "),
        ] {
            let error = events_of(&to_batch(&[event]).unwrap()).unwrap_err();
            assert_eq!(error.class, Class::Table);
            assert_eq!(error.message, format!("{line}the table was not written by this project"));
        }
    }
}
