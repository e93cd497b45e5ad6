//! Rows of a raw table, read again.

use std::sync::Arc;

use arrow_array::RecordBatch;

use crate::columns::Columns;
use crate::error::Result;
use crate::stripe::facts::PageFacts;
use crate::stripe::window::Range;

/// The columns that [`rows`] reads: all except the payload and the columns that a run knows itself.
pub const RECOVERY_COLUMNS: [&str; 17] = [
    "_stripe_id",
    "_stripe_created_at",
    "_ingested_at",
    "_page_number",
    "_page_row",
    "_range_gte",
    "_range_lt",
    "_request_cursor",
    "_next_cursor",
    "_has_more",
    "_http_status",
    "_request_id",
    "_api_version",
    "_payload_sha256",
    "_commit_version",
    "_ingest_run_id",
    "_parent_id",
];

/// One row, without its payload.
#[derive(Debug, Clone, Copy)]
pub struct Row<'batch> {
    columns: Columns<'batch>,
    at: usize,
    /// The run that landed it.
    pub run_id: &'batch str,
    /// Id of the object.
    pub id: &'batch str,
    /// Number of its page in the run.
    pub page_number: i64,
    /// Position in the page.
    pub position: i64,
    /// SHA-256 of the payload, as it is stored.
    pub sha256: &'batch str,
    /// Version of the commit that holds it.
    pub commit_version: i64,
}

impl<'batch> Row<'batch> {
    /// `created` of the object, in seconds since 1970.
    ///
    /// # Errors
    /// A column that this project does not write.
    pub fn created(&self) -> Result<Option<i64>> {
        self.columns.seconds("_stripe_created_at", self.at)
    }

    /// When its page was received, in microseconds since 1970.
    ///
    /// # Errors
    /// A column that this project does not write.
    pub fn ingested_at_micros(&self) -> Result<i64> {
        Ok(self.columns.micros("_ingested_at", self.at)?.unwrap_or_default())
    }

    /// `Request-Id` of its page.
    ///
    /// # Errors
    /// A column that this project does not write.
    pub fn request_id(&self) -> Result<Option<&'batch str>> {
        self.columns.text("_request_id", self.at)
    }

    /// Connected account; `None` for the key's own.
    ///
    /// # Errors
    /// A column that this project does not write.
    pub fn account(&self) -> Result<Option<&'batch str>> {
        self.columns.text("_stripe_account", self.at)
    }

    /// The event that the payload was in, if it was in one.
    ///
    /// # Errors
    /// A column that this project does not write.
    pub fn event_id(&self) -> Result<Option<&'batch str>> {
        // A table of layout 1 has no such column.
        if self.columns.has("_event_id") { self.columns.text("_event_id", self.at) } else { Ok(None) }
    }

    /// The object whose list it is in.
    ///
    /// # Errors
    /// A column that this project does not write.
    pub fn parent(&self) -> Result<Option<&'batch str>> {
        // A table of layout 1 has no such column.
        if self.columns.has("_parent_id") { self.columns.text("_parent_id", self.at) } else { Ok(None) }
    }

    /// The payload, if it was read.
    ///
    /// # Errors
    /// It was not read.
    pub fn payload(&self) -> Result<&'batch str> {
        self.columns.required_text("_raw_json", self.at)
    }

    /// The cursors of its page: the one sent, and the one handed out.
    ///
    /// # Errors
    /// A column that this project does not write.
    pub fn cursors(&self) -> Result<(Option<&'batch str>, Option<&'batch str>)> {
        Ok((self.columns.text("_request_cursor", self.at)?, self.columns.text("_next_cursor", self.at)?))
    }

    /// Its page's place in its list.
    ///
    /// # Errors
    /// A column that this project does not write.
    pub fn facts(&self) -> Result<PageFacts> {
        let Self { columns, at: row, .. } = *self;
        let owned = |name: &str| columns.text(name, row).map(|text| text.map(str::to_owned));
        Ok(PageFacts {
            parent: self.parent()?.map(Arc::from),
            range: Range { gte: columns.long("_range_gte", row)?, lt: columns.long("_range_lt", row)? },
            starting_after: owned("_request_cursor")?,
            next_cursor: owned("_next_cursor")?,
            has_more: columns.truth("_has_more", row)?,
            http_status: columns.required_long("_http_status", row)?,
            request_id: owned("_request_id")?,
            api_version: owned("_api_version")?,
        })
    }
}

/// The rows of a batch.
pub fn rows(batch: &RecordBatch) -> impl Iterator<Item = Result<Row<'_>>> {
    let columns = Columns(batch);
    (0..batch.num_rows()).map(move |row| {
        Ok(Row {
            columns,
            at: row,
            run_id: columns.required_text("_ingest_run_id", row)?,
            id: columns.required_text("_stripe_id", row)?,
            page_number: columns.required_long("_page_number", row)?,
            position: columns.required_long("_page_row", row)?,
            sha256: columns.required_text("_payload_sha256", row)?,
            commit_version: columns.required_long("_commit_version", row)?,
        })
    })
}
