//! The results of a walk: its pages, and its counters.

use std::sync::Arc;

use super::retries::Retries;
use crate::changes::Report;
use crate::page::Page;
use crate::stripe::facts::PageFacts;

/// Counters of one attempt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Pages received.
    pub pages: u64,
    /// Rows kept.
    pub rows: u64,
    /// Of the rows, those whose commit is known to be in the table.
    pub landed: u64,
    /// Objects that are not among them because their newest rows have the same content.
    pub unchanged: u64,
    /// Requests sent.
    pub requests: u64,
    /// Of them, retries.
    pub retries: Retries,
    /// Requests that remain, as far as the pages show; 0 while the list's end is not in sight.
    pub remaining: u64,
    /// Bytes of the bodies received.
    pub bytes: u64,
    /// `created` of the oldest row so far.
    pub reached: Option<i64>,
    /// Largest `created` seen in the whole run.
    pub newest: Option<i64>,
    /// Of the rows, those whose time should be there but cannot be used.
    pub undated: u64,
    /// Objects that cannot be rows.
    pub refused: u64,
    /// Objects beyond the list window that have changed, according to events or to themselves.
    pub changed: u64,
    /// Of the rows, those whose payload was in an event.
    pub of_events: u64,
    /// Of these, those that say that the object has left its list.
    pub deleted: u64,
}

impl Progress {
    /// The counters of two runs together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            pages: self.pages + other.pages,
            rows: self.rows + other.rows,
            landed: self.landed + other.landed,
            unchanged: self.unchanged + other.unchanged,
            requests: self.requests + other.requests,
            retries: self.retries.and(other.retries),
            remaining: self.remaining + other.remaining,
            bytes: self.bytes + other.bytes,
            reached: [self.reached, other.reached].into_iter().flatten().min(),
            newest: self.newest.max(other.newest),
            undated: self.undated + other.undated,
            refused: self.refused + other.refused,
            changed: self.changed + other.changed,
            of_events: self.of_events + other.of_events,
            deleted: self.deleted + other.deleted,
        }
    }
}

/// A page that was read. Pages keep the order in which they came.
#[derive(Debug)]
pub struct Fetched {
    /// Its objects.
    pub page: Page,
    /// Its place in its list.
    pub facts: PageFacts,
    /// When the answer was received, in microseconds since 1970.
    pub received_at_micros: i64,
    /// Number of objects that are not among its rows because their newest rows have the same content.
    pub unchanged: usize,
    /// `created` of the oldest object, with the unchanged ones.
    pub min_created: Option<i64>,
    /// `created` of the newest object, with the unchanged ones.
    pub max_created: Option<i64>,
    /// The latter, but not later than the server's own clock.
    pub seen: Option<i64>,
    /// When it was answered, in seconds since 1970, by Stripe's clock; `None` if no request was made for it.
    pub answered: Option<i64>,
    /// The events that the payloads of its last rows were in.
    pub origins: Vec<Arc<Report>>,
    /// Whether it is the refusal of the list of one object: then it is no page, and a later run asks again.
    pub is_refusal: bool,
}

impl Fetched {
    /// Whether the next page of its chain follows it, and it has no row. If nobody knows of it, the next page follows
    /// nothing; if it has no next page either, its part of the window is read again.
    #[must_use]
    pub fn is_link_without_rows(&self) -> bool {
        self.page.is_empty() && !self.facts.closes()
    }
}
