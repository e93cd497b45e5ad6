//! The raw tables: their columns, and a committed page as one batch of them.

use std::iter::repeat_n;
use std::sync::{Arc, LazyLock};

use arrow_array::{
    Array, ArrayRef, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_buffer::{Buffer, OffsetBuffer};
use arrow_schema::{ArrowError, DataType, Schema};

use crate::columns::{field, timestamp};
use crate::error::{Class, Error, Result};
use crate::page::Page;
use crate::stripe::facts::PageFacts;
use crate::stripe::scope::Scope;

/// The columns of a raw table. Their names, types and order are API; the payload is last, so that statistics for data
/// skipping can leave it out.
#[must_use]
pub fn schema() -> Schema {
    use DataType::{Boolean, Int32, Int64, Utf8};
    Schema::new(vec![
        field("_stripe_id", Utf8, false, "id of the object"),
        field("_stripe_created_at", timestamp(), true, "created of the object, UTC; null where it has none"),
        field("_entity", Utf8, false, "Registry name of the Stripe list, e.g. charges"),
        field("_stripe_account", Utf8, true, "Connected account (Stripe-Account); null for the key's own"),
        field("_ingest_run_id", Utf8, false, "The logical run that landed the row; unchanged when it is resumed"),
        field("_ingested_at", timestamp(), false, "When the response was received, UTC"),
        field("_page_number", Int64, false, "Number of the page in the run, from 1"),
        field("_page_row", Int32, false, "Position in the page, from 0"),
        field("_range_gte", Int64, true, "Oldest second of the range the page was read for; null is open"),
        field("_range_lt", Int64, true, "First second above the range the page was read for; null is open"),
        field("_request_cursor", Utf8, true, "starting_after of the request; null at the top of a range"),
        field("_next_cursor", Utf8, true, "Id of the answer's last object; null when the page closes its range"),
        field("_has_more", Boolean, false, "has_more as Stripe answered it"),
        field("_http_status", Int32, false, "HTTP status of the response"),
        field("_request_id", Utf8, true, "Stripe's Request-Id"),
        field("_api_version", Utf8, true, "Stripe-Version, as answered"),
        field("_payload_sha256", Utf8, false, "SHA-256 hex over the bytes of _raw_json"),
        field("_commit_version", Int64, false, "epoch << 32 | sequence of the Delta commit"),
        field(
            "_content_sha256",
            Utf8,
            true,
            "SHA-256 hex over _raw_json without the links that Stripe renews; null where they are the same",
        ),
        field("_source", Utf8, true, "Where the payload was: list; null in rows of layout 1, which are of lists, too"),
        field("_event_id", Utf8, true, "Reserved: id of the event that the payload was in"),
        field("_event_type", Utf8, true, "Reserved: type of the event that the payload was in"),
        field("_parent_id", Utf8, true, "Reserved: id of the object whose list the object is in"),
        field("_raw_json", Utf8, false, "The object as Stripe sent it, without the whitespace between its tokens"),
    ])
}

/// The columns that layout 2 has added.
pub const ADDED: [&str; 5] = ["_content_sha256", "_source", "_event_id", "_event_type", "_parent_id"];

/// The facts that all rows of a page share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFacts {
    /// The list and its account.
    pub scope: Scope,
    /// The run.
    pub run_id: String,
    /// When the response was received, microseconds since 1970.
    pub ingested_at_micros: i64,
    /// Number of the page in the run.
    pub page_number: i64,
    /// The page's place in its list.
    pub page: PageFacts,
    /// Version of the commit that will hold the page.
    pub commit_version: i64,
}

/// `_source` of an object that a list answered.
const SOURCE: &str = "list";

static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| Arc::new(schema()));

/// Makes batches of pages. Values that are the same in each row, and in page after page, become a column once, and the
/// batches share it: that is half of the columns.
#[derive(Debug, Default)]
pub struct Batches {
    entity: SharedColumn<&'static str>,
    account: SharedColumn<Option<String>>,
    run_id: SharedColumn<String>,
    page_row: SharedColumn<()>,
    range_gte: SharedColumn<Option<i64>>,
    range_lt: SharedColumn<Option<i64>>,
    has_more: SharedColumn<bool>,
    http_status: SharedColumn<i64>,
    api_version: SharedColumn<Option<String>>,
    commit_version: SharedColumn<i64>,
    source: SharedColumn<()>,
    nothing: SharedColumn<()>,
}

/// The column that was made last, and the value it was made of.
#[derive(Debug, Default)]
struct SharedColumn<T> {
    last: Option<(T, ArrayRef)>,
}

type Made = std::result::Result<ArrayRef, ArrowError>;

impl<T: PartialEq> SharedColumn<T> {
    fn column(&mut self, value: T, rows: usize, make: impl FnOnce(&T) -> Made) -> Made {
        if let Some((last, column)) = &self.last
            && (last, column.len()) == (&value, rows)
        {
            return Ok(Arc::clone(column));
        }
        let column = make(&value)?;
        self.last = Some((value, Arc::clone(&column)));
        Ok(column)
    }
}

impl Batches {
    /// A page as a batch of [`schema`]. The page's own columns are moved, not copied.
    ///
    /// # Errors
    /// Texts that are the same in each row are longer than 2 GiB together.
    pub fn batch(&mut self, page: Page, facts: RowFacts) -> Result<RecordBatch> {
        self.columns(page, facts)
            .and_then(|columns| RecordBatch::try_new(Arc::clone(&SCHEMA), columns))
            .map_err(|error| Error::new(Class::Table, format!("a page does not fit its columns: {error}")))
    }

    fn columns(&mut self, page: Page, facts: RowFacts) -> std::result::Result<Vec<ArrayRef>, ArrowError> {
        let rows = page.len();
        let created = page.created.iter().map(|created| created.map(|seconds| seconds.saturating_mul(1_000_000)));
        let created: TimestampMicrosecondArray = created.collect();
        let ingested = TimestampMicrosecondArray::from_value(facts.ingested_at_micros, rows);
        let seconds = |value: &Option<i64>| -> Made { Ok(Arc::new(repeat_n(*value, rows).collect::<Int64Array>())) };
        Ok(vec![
            Arc::new(page.ids),
            Arc::new(created.with_timezone("UTC")),
            self.entity.column(facts.scope.entity.name, rows, |entity| repeated(Some(entity), rows))?,
            self.account.column(facts.scope.account, rows, |account| repeated(account.as_deref(), rows))?,
            self.run_id.column(facts.run_id, rows, |run_id| repeated(Some(run_id), rows))?,
            Arc::new(ingested.with_timezone("UTC")),
            Arc::new(Int64Array::from_value(facts.page_number, rows)),
            self.page_row.column((), rows, |()| positions(rows))?,
            self.range_gte.column(facts.page.range.gte, rows, seconds)?,
            self.range_lt.column(facts.page.range.lt, rows, seconds)?,
            repeated(facts.page.starting_after.as_deref(), rows)?,
            repeated(facts.page.next_cursor.as_deref(), rows)?,
            self.has_more.column(facts.page.has_more, rows, |has_more| {
                Ok(Arc::new(BooleanArray::from(vec![*has_more; rows])))
            })?,
            self.http_status.column(facts.page.http_status, rows, |status| {
                Ok(Arc::new(Int32Array::from_value(i32::try_from(*status).unwrap_or_default(), rows)))
            })?,
            repeated(facts.page.request_id.as_deref(), rows)?,
            self.api_version.column(facts.page.api_version, rows, |version| repeated(version.as_deref(), rows))?,
            Arc::new(page.sha256),
            self.commit_version
                .column(facts.commit_version, rows, |version| Ok(Arc::new(Int64Array::from_value(*version, rows))))?,
            page.content_sha256.map_or_else(
                || self.nothing.column((), rows, |()| repeated(None, rows)),
                |sha256| Ok(Arc::new(sha256)),
            )?,
            self.source.column((), rows, |()| repeated(Some(SOURCE), rows))?,
            self.nothing.column((), rows, |()| repeated(None, rows))?,
            self.nothing.column((), rows, |()| repeated(None, rows))?,
            self.nothing.column((), rows, |()| repeated(None, rows))?,
            Arc::new(page.json),
        ])
    }
}

fn positions(rows: usize) -> Made {
    let rows = i32::try_from(rows).map_err(|error| ArrowError::InvalidArgumentError(error.to_string()))?;
    Ok(Arc::new((0..rows).collect::<Int32Array>()))
}

fn repeated(value: Option<&str>, rows: usize) -> Made {
    let Some(value) = value else { return Ok(Arc::new(StringArray::new_null(rows))) };
    let offsets = OffsetBuffer::from_repeated_length(value.len(), rows);
    Ok(Arc::new(StringArray::try_new(offsets, Buffer::from_vec(value.repeat(rows).into_bytes()), None)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::decode;
    use crate::stripe::entities::by_name;
    use crate::stripe::window::Range;

    fn page(objects: usize) -> Page {
        let object = r#"{"id": "ch_1", "object": "charge", "created": 1}"#;
        let body = format!(r#"{{"object": "list", "data": [{}], "has_more": true}}"#, vec![object; objects].join(","));
        decode(body.as_bytes(), by_name("charges").unwrap()).unwrap()
    }

    fn facts() -> RowFacts {
        RowFacts {
            scope: Scope { entity: by_name("charges").unwrap(), account: None },
            run_id: "run".to_owned(),
            ingested_at_micros: 1,
            page_number: 1,
            page: PageFacts {
                range: Range { gte: None, lt: Some(5) },
                next_cursor: Some("ch_1".to_owned()),
                has_more: true,
                http_status: 200,
                request_id: Some("req_1".to_owned()),
                ..PageFacts::default()
            },
            commit_version: 1,
        }
    }

    fn shared(one: &RecordBatch, other: &RecordBatch) -> usize {
        one.columns().iter().zip(other.columns()).filter(|(one, other)| Arc::ptr_eq(one, other)).count()
    }

    #[test]
    fn pages_with_the_same_facts_share_their_columns() {
        let mut batches = Batches::default();
        let first = batches.batch(page(3), facts()).unwrap();
        let second = batches.batch(page(3), RowFacts { page_number: 2, ..facts() }).unwrap();
        assert_eq!(shared(&first, &second), 15);
        let longer = batches.batch(page(4), facts()).unwrap();
        assert_eq!(shared(&second, &longer), 0);
    }

    #[test]
    fn a_page_after_another_gives_the_same_batch_as_alone() {
        let of = |page: PageFacts| RowFacts { page, ..facts() };
        let page_facts = || facts().page;
        let others = [
            facts(),
            RowFacts {
                scope: Scope { entity: by_name("refunds").unwrap(), account: Some("acct_1".to_owned()) },
                ..facts()
            },
            RowFacts { run_id: "next".to_owned(), ingested_at_micros: 2, page_number: 2, ..facts() },
            of(PageFacts {
                range: Range { gte: Some(5), lt: None },
                starting_after: Some("ch_0".to_owned()),
                ..page_facts()
            }),
            of(PageFacts { next_cursor: None, has_more: false, http_status: 206, request_id: None, ..page_facts() }),
            RowFacts {
                commit_version: 2,
                ..of(PageFacts { api_version: Some("2026-11-18.endive".to_owned()), ..page_facts() })
            },
        ];
        let mut batches = Batches::default();
        for first in &others {
            for second in &others {
                for rows in [2, 3, 0] {
                    for facts in [first, second] {
                        let alone = Batches::default().batch(page(rows), facts.clone()).unwrap();
                        assert_eq!(batches.batch(page(rows), facts.clone()).unwrap(), alone);
                    }
                }
            }
        }
    }
}
