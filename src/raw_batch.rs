//! The raw tables: their columns, and a committed page as one batch of them.

use std::iter::repeat_n;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_buffer::{Buffer, OffsetBuffer};
use arrow_schema::{ArrowError, DataType, Schema};

use crate::columns::{field, timestamp};
use crate::error::{Class, Error, Result};
use crate::page::Page;
use crate::ranges::Range;

/// The columns of a raw table. Their names, types and order are API; the payload stands last, so that statistics for
/// data skipping can leave it out.
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
        field("_raw_json", Utf8, false, "The object as Stripe sent it, without the whitespace between its tokens"),
    ])
}

/// What is the same for all rows of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageFacts {
    /// Registry name.
    pub entity: &'static str,
    /// Connected account.
    pub account: Option<String>,
    /// The run.
    pub run_id: String,
    /// When the response was received, microseconds since 1970.
    pub ingested_at_micros: i64,
    /// Number of the page in the run.
    pub page_number: i64,
    /// The logical range it was read for.
    pub range: Range,
    /// The cursor sent.
    pub request_cursor: Option<String>,
    /// Id of the answer's last object; `None` closes the range.
    pub next_cursor: Option<String>,
    /// As answered.
    pub has_more: bool,
    /// HTTP status.
    pub http_status: u16,
    /// `Request-Id`.
    pub request_id: Option<String>,
    /// `Stripe-Version`, as answered.
    pub api_version: Option<String>,
    /// Version of the commit that will hold the page.
    pub commit_version: i64,
}

/// A page as a batch of [`schema`]. What the page has as columns is moved, not copied.
///
/// # Errors
/// Texts that are the same in each row and longer than 2 GiB together.
pub fn to_batch(schema: &Arc<Schema>, page: Page, facts: &PageFacts) -> Result<RecordBatch> {
    columns(page, facts)
        .and_then(|columns| RecordBatch::try_new(Arc::clone(schema), columns))
        .map_err(|error| Error::new(Class::Table, format!("a page does not fit its columns: {error}")))
}

fn columns(page: Page, facts: &PageFacts) -> std::result::Result<Vec<ArrayRef>, ArrowError> {
    let rows = page.len();
    let created = page.created.iter().map(|created| created.map(|seconds| seconds.saturating_mul(1_000_000)));
    let created: TimestampMicrosecondArray = created.collect();
    let positions = i32::try_from(rows).map_err(|error| ArrowError::InvalidArgumentError(error.to_string()))?;
    let ingested = TimestampMicrosecondArray::from_value(facts.ingested_at_micros, rows);
    let status = Int32Array::from_value(i32::from(facts.http_status), rows);
    Ok(vec![
        Arc::new(page.ids),
        Arc::new(created.with_timezone("UTC")),
        repeated(Some(facts.entity), rows)?,
        repeated(facts.account.as_deref(), rows)?,
        repeated(Some(&facts.run_id), rows)?,
        Arc::new(ingested.with_timezone("UTC")),
        Arc::new(Int64Array::from_value(facts.page_number, rows)),
        Arc::new((0..positions).collect::<Int32Array>()),
        Arc::new(repeat_n(facts.range.gte, rows).collect::<Int64Array>()),
        Arc::new(repeat_n(facts.range.lt, rows).collect::<Int64Array>()),
        repeated(facts.request_cursor.as_deref(), rows)?,
        repeated(facts.next_cursor.as_deref(), rows)?,
        Arc::new(BooleanArray::from(vec![facts.has_more; rows])),
        Arc::new(status),
        repeated(facts.request_id.as_deref(), rows)?,
        repeated(facts.api_version.as_deref(), rows)?,
        Arc::new(page.sha256),
        Arc::new(Int64Array::from_value(facts.commit_version, rows)),
        Arc::new(page.json),
    ])
}

fn repeated(value: Option<&str>, rows: usize) -> std::result::Result<ArrayRef, ArrowError> {
    let Some(value) = value else { return Ok(Arc::new(StringArray::new_null(rows))) };
    let offsets = OffsetBuffer::from_repeated_length(value.len(), rows);
    Ok(Arc::new(StringArray::try_new(offsets, Buffer::from_vec(value.repeat(rows).into_bytes()), None)?))
}
