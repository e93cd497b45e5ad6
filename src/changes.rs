//! What Stripe's events report of the objects of other lists: which have changed, and how they were then.
//!
//! Stripe has no list of changed objects, but a list of events. Each event has the object as it was at that moment. So
//! a run of `events` lands first, and the runs of the other lists follow what it has landed.

mod event;
mod index;

use std::sync::Arc;

pub use index::{COLUMNS, EventIndex};

/// What one event reports of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Id of the event.
    pub event_id: String,
    /// Type of the event.
    pub event_type: &'static str,
    /// When it happened, in seconds since 1970, by Stripe's clock.
    pub at: i64,
    /// Version of the API that the object is written in.
    pub api_version: Option<String>,
    /// The object as it was then, as compact text; empty if the index keeps no bodies.
    pub body: String,
    /// SHA-256 over that text.
    pub sha256: [u8; 32],
    /// Whether it says that the object has left its list: the last that happens to it.
    pub is_deletion: bool,
    /// Whether the object is of the kind that its list has: else it cannot be a row.
    pub is_sound: bool,
}

/// An object that has changed, as far as events tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Id of the object.
    pub id: String,
    /// When the object was created, in seconds since 1970; `None` if it does not say.
    pub created: Option<i64>,
    /// The newest event; `None` if the object announced the change itself, or if it is in one of its lists.
    pub report: Option<Arc<Report>>,
    /// Whether an event reports a change in one of the lists that the object has, and none a change of the object itself.
    pub is_in_list: bool,
    /// Whether another event of that second shows another state: then nobody knows which of them is newer.
    pub is_tie: bool,
}
