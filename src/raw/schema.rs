//! The columns of the raw tables.

use arrow_schema::{DataType, Schema};

use crate::columns::{field, timestamp};

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
        field(
            "_source",
            Utf8,
            true,
            "Where the payload was: list or event; null in rows of layout 1, which are of lists",
        ),
        field("_event_id", Utf8, true, "Id of the event that the payload was in; null if it was in a list"),
        field("_event_type", Utf8, true, "Type of the event that the payload was in; null if it was in a list"),
        field(
            "_parent_id",
            Utf8,
            true,
            "Id of the object whose list the object is in; null if the account has the list",
        ),
        field("_due_at", timestamp(), true, "When the object will change without an event, as it says itself, UTC"),
        field("_raw_json", Utf8, false, "The object as Stripe sent it, without the whitespace between its tokens"),
    ])
}

/// The columns that layout 2 has added.
pub const ADDED: [&str; 6] = ["_content_sha256", "_source", "_event_id", "_event_type", "_parent_id", "_due_at"];

/// The columns that need no run: those of a list that is read without tables.
pub const OF_OBJECTS: [&str; 12] = [
    "_stripe_id",
    "_stripe_created_at",
    "_entity",
    "_stripe_account",
    "_ingested_at",
    "_http_status",
    "_request_id",
    "_api_version",
    "_payload_sha256",
    "_content_sha256",
    "_due_at",
    "_raw_json",
];
