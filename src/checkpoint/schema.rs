//! The columns of the checkpoint table.

use arrow_schema::{DataType, Schema};

use crate::columns::{field, timestamp};

/// The columns of the checkpoint table. Their names and types are API.
#[must_use]
pub fn schema() -> Schema {
    use DataType::{Boolean, Int32, Int64, Utf8};
    Schema::new(vec![
        field("event_id", Utf8, false, "run_id/epoch/sequence/ordinal: unique"),
        field("event_type", Utf8, false, "RUN_STARTED, PAGE_COMMITTED, OBJECT_REFUSED, RUN_COMPLETED or RUN_FAILED"),
        field("event_at", timestamp(), false, "When the event was made, UTC"),
        field("entity", Utf8, false, "Registry name of the Stripe list, e.g. charges"),
        field("stripe_account", Utf8, true, "Connected account (Stripe-Account); null for the key's own"),
        field("run_id", Utf8, false, "The logical run (ULID): kept through all its attempts"),
        field(
            "epoch",
            Int64,
            false,
            "Number of the attempt, over all runs of the entity and account; strictly increasing",
        ),
        field("sequence", Int64, false, "Number of the commit in the attempt, from 0"),
        field("owner", Utf8, false, "The process that runs the attempt: job, or host and process"),
        field("start_created_gte", Int64, true, "Lower end of the run's window, seconds since 1970; null is open"),
        field("page_number", Int64, true, "Number of the page in the run, from 1"),
        field("row_count", Int64, true, "Rows of the page in the raw table"),
        field("range_gte", Int64, true, "Oldest second of the range the page was read for; null is open"),
        field("range_lt", Int64, true, "First second above the range the page was read for; null is open"),
        field("range_closed", Boolean, true, "Whether the page covers the whole rest of its range"),
        field("starting_after", Utf8, true, "The cursor sent; null at the top of a range"),
        field("next_cursor", Utf8, true, "Id of the answer's last object; null when the page closes its range"),
        field("has_more", Boolean, true, "has_more as Stripe answered it"),
        field("min_created", Int64, true, "created of the page's oldest row, seconds since 1970"),
        field("max_created", Int64, true, "created of the page's newest row, seconds since 1970"),
        field("max_created_seen", Int64, true, "Largest created of the whole run so far, never below the run before"),
        field("rows_digest", Utf8, true, "SHA-256 hex over the page's _payload_sha256 values in row order"),
        field("recovered", Boolean, true, "Whether the event was made from the rows after a crash"),
        field("http_status", Int32, true, "HTTP status of the page"),
        field("request_id", Utf8, true, "Stripe's Request-Id of the page"),
        field("api_version", Utf8, true, "Stripe-Version of the page, as answered"),
        field("error_class", Utf8, true, "Class of the error that ended the attempt, or of an object that was refused"),
        field("error_message", Utf8, true, "That error in one line, without secrets"),
        field("settings", Utf8, true, "Settings of the attempt, as JSON, without secrets"),
        field("library_version", Utf8, true, "Version of stripe-raw-rs"),
        field(
            "unchanged_count",
            Int64,
            true,
            "Objects of the page whose newest rows have the same content: no new rows",
        ),
        field(
            "landed_run_id",
            Utf8,
            true,
            "Run of the newest commit with rows so far; null if there is none, or it is not known",
        ),
        field("landed_version", Int64, true, "_commit_version of that commit; 0 if there is none"),
        field("first_start_created_gte", Int64, true, "start_created_gte of the first run since the last reset"),
        field("source_from", Int64, true, "Rows of events up to this epoch were followed before the run"),
        field(
            "source_to",
            Int64,
            true,
            "Rows of events up to this epoch are followed by the run; null: it follows none",
        ),
        field("parent_id", Utf8, true, "Id of the object whose list the page is of; null if the account has the list"),
        field(
            "whole_at",
            timestamp(),
            true,
            "When the newest complete run began that read the list down to first_start_created_gte, UTC",
        ),
        field("followed_from", timestamp(), true, "All events created before then were followed before the run, UTC"),
        field("followed_to", timestamp(), true, "All events created before then are followed by the run, UTC"),
        field(
            "relands",
            Boolean,
            true,
            "Whether the run reads the whole list, and lands every object again, because events were lost",
        ),
        field(
            "answered_at",
            timestamp(),
            true,
            "The newest answer of the runs before; of a page or a run's end, of that run, too, UTC",
        ),
        field("events_since", timestamp(), true, "Of events: all that were created since then have landed, UTC"),
        field(
            "cut_version",
            Int64,
            true,
            "_commit_version of the newest commit that may have an object which shows only the beginning of a list; 0 if \
             there is none",
        ),
        field(
            "left_out_epoch",
            Int64,
            true,
            "Newest epoch whose run left out objects that events report and that have not changed; 0 if there is none",
        ),
        field(
            "refused_parents",
            Utf8,
            true,
            "Ids of the objects whose lists were refused and are asked again, as JSON; of RUN_STARTED those of the run before",
        ),
    ])
}

/// The columns that layout 2 has added.
pub const ADDED: [&str; 16] = [
    "unchanged_count",
    "landed_run_id",
    "landed_version",
    "first_start_created_gte",
    "source_from",
    "source_to",
    "parent_id",
    "whole_at",
    "followed_from",
    "followed_to",
    "relands",
    "answered_at",
    "events_since",
    "cut_version",
    "left_out_epoch",
    "refused_parents",
];
