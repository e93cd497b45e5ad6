//! Reads one list, newest first, as record batches: without a run, an event or a table.
//!
//! Its caller asks what to send ([`Walk::poll_request`]), reports the outcome ([`Walk::handle_response`]), and takes the
//! batches ([`Reading::poll_batch`]).

mod columns;
mod query;

pub use columns::Columns;
pub use query::Query;

use arrow_array::RecordBatch;

use crate::error::{Result, foreign};
use crate::options::Options;
use crate::page::{Page, Refused};
use crate::raw::{Batches, RowFacts};
use crate::stripe::exchange::Now;
use crate::stripe::window::{Range, Window};
use crate::walk::coverage::Chain;
use crate::walk::{Fetched, Remaining, Walk};

/// Bytes of pages that wait at most, about: enough for a hundred pages of most lists, and for all parts that Stripe's
/// limits allow to be read at once.
pub const WAITING_BYTES: usize = 64 << 20;

/// One list, being read.
#[derive(Debug)]
pub struct Reading {
    query: Query,
    options: Options,
    walk: Walk,
    batches: Batches,
    refused: u64,
    /// Lines for the user that nobody has taken yet.
    warnings: Vec<String>,
}

impl Reading {
    /// A reading that has asked for nothing. `livemode` is that of its objects; `None` if the key does not show it.
    #[must_use]
    pub fn new(query: Query, livemode: Option<bool>, options: Options) -> Self {
        let mut walk = Walk::new(query.scope.clone(), livemode, options.clone());
        walk.read_in_order(WAITING_BYTES);
        Self { query, options, walk, batches: Batches::default(), refused: 0, warnings: Vec::new() }
    }

    /// Opens it: from now on, [`Walk::poll_request`] returns requests.
    pub fn open(&mut self, now: Now) {
        let window = self.query.window;
        let range = match self.query.scope.entity.window {
            Window::Created | Window::AfterBefore => window,
            // The upper end is not Stripe's business, nor is any of a list that is read whole.
            Window::Client => Range { lt: None, ..window },
            Window::Whole => Range::default(),
        };
        let chains = if range.is_empty() { Vec::new() } else { vec![Chain { range, ..Chain::default() }] };
        let remaining = Remaining {
            chains,
            api_version: self.options.stripe_version.clone(),
            expand: self.query.expand.clone(),
            ..Remaining::default()
        };
        self.walk.open(remaining, now);
    }

    /// The reading of its list: the requests to send, and their outcomes.
    #[must_use]
    pub const fn walk(&self) -> &Walk {
        &self.walk
    }

    /// The reading of its list: the requests to send, and their outcomes.
    pub const fn walk_mut(&mut self) -> &mut Walk {
        &mut self.walk
    }

    /// The list and the columns.
    #[must_use]
    pub const fn query(&self) -> &Query {
        &self.query
    }

    /// The rows that come next in the list, if they are there; the inner `None` is the end.
    ///
    /// # Errors
    /// What ended the reading, after the rows before it; or a page that does not fit its columns.
    pub fn poll_batch(&mut self) -> Result<Option<Option<RecordBatch>>> {
        while let Some(mut fetched) = self.walk.take_newest() {
            self.note_refused(&mut fetched);
            self.keep_window(&mut fetched.page);
            if !fetched.page.is_empty() {
                return self.batch(fetched).map(|batch| Some(Some(batch)));
            }
        }
        match self.walk.error() {
            Some(error) => Err(error.clone()),
            // What waits behind an error is below a gap; without an error, all pages come to their turn.
            None => Ok(self.walk.has_read_all().then_some(None)),
        }
    }

    /// Whether a caller that waits should poll again.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.walk.has_read_all() || self.walk.has_next_page()
    }

    /// Number of objects so far that cannot be rows.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Lines for the user about odd things in the answers, since the last call.
    pub fn take_warnings(&mut self) -> Vec<String> {
        self.warnings.append(&mut self.walk.take_warnings());
        std::mem::take(&mut self.warnings)
    }

    fn note_refused(&mut self, fetched: &mut Fetched) {
        let request_id = fetched.facts.request_id.as_deref();
        for refused in std::mem::take(&mut fetched.page.refused) {
            self.refused += 1;
            self.warnings.push(line(self.query.scope.entity.name, &refused, request_id));
        }
    }

    /// Leaves out what Stripe did not: most lists are filtered by Stripe, the others are not, or not exactly.
    fn keep_window(&self, page: &mut Page) {
        let Range { gte, lt } = self.query.window;
        let is_outside = |created: i64| gte.is_some_and(|gte| created < gte) || lt.is_some_and(|lt| created >= lt);
        if page.created.iter().flatten().any(|created| is_outside(*created)) {
            page.retain(|row| !row.created.is_some_and(is_outside));
        }
    }

    fn batch(&mut self, fetched: Fetched) -> Result<RecordBatch> {
        let facts = RowFacts {
            scope: self.query.scope.clone(),
            ingested_at_micros: fetched.received_at_micros,
            page: fetched.facts,
            // None of the columns of a reading shows these.
            run_id: String::new(),
            page_number: 0,
            commit_version: 0,
            origins: Vec::new(),
        };
        self.batches.select(&fetched.page, &facts, self.query.columns.schema())
    }
}

fn line(entity: &str, refused: &Refused, request_id: Option<&str>) -> String {
    let id = refused.id.as_deref().map(|id| format!(" ({})", foreign(id))).unwrap_or_default();
    format!(
        "{entity}: object {}{id} of an answer cannot be a row and is left out: {} [request {}]; ask Stripe's support about \
         that request",
        refused.position + 1,
        refused.fault,
        request_id.unwrap_or("without id")
    )
}
