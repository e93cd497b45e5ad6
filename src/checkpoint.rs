//! The checkpoint table: its events, and their meaning as a whole.

mod arrow;
mod histories;
mod history;
mod parent_rows;
mod plan;
#[cfg(test)]
mod samples;
mod schema;
mod source;
mod window;

pub use arrow::{events_of, made_at, to_batch};
pub use histories::Histories;
pub use history::{Extent, History, Landed, State};
pub use parent_rows::{ASKS_LISTS, ParentRows};
pub use plan::{Circumstances, FENCE, GiveUp, Plan, Purpose, plan};
pub use schema::{ADDED, schema};
pub use source::{LISTED_MICROS, Position, Reported, Source, Span};
pub use window::moment;

use crate::error::Class;
use crate::stripe::facts::PageFacts;

/// Name of the checkpoint table, if the user sets no other.
pub const CHECKPOINT_TABLE: &str = "stripe_ingestion_checkpoints";

/// Version of a Delta commit: `epoch << 32 | sequence`, strictly increasing for one entity and account.
#[must_use]
pub const fn commit_version(epoch: i64, sequence: i64) -> i64 {
    epoch << 32 | sequence
}

/// The content of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// RUN_STARTED: an attempt begins.
    Started {
        /// The settings it runs with, as JSON, without secrets.
        settings: String,
        /// Version of this library.
        library_version: String,
    },
    /// PAGE_COMMITTED: the rows of a page are readable in the raw table.
    Page(PageEvent),
    /// OBJECT_REFUSED: an object of a page cannot be a row. It comes before the page's own event.
    Refused {
        /// Number that the page will have in the run.
        page_number: i64,
        /// `Request-Id` of the page.
        request_id: Option<String>,
        /// The object whose whole list was refused; `None` for one element of a page.
        parent_id: Option<String>,
        /// One line: which object, why, and what to do.
        message: String,
    },
    /// RUN_COMPLETED: the whole window is covered.
    Completed,
    /// RUN_FAILED: the attempt ended early.
    Failed {
        /// Name of the error's class.
        class: String,
        /// One line, masked.
        message: String,
    },
}

impl Kind {
    /// Its `event_type`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Started { .. } => "RUN_STARTED",
            Self::Page(_) => "PAGE_COMMITTED",
            Self::Refused { .. } => "OBJECT_REFUSED",
            Self::Completed => "RUN_COMPLETED",
            Self::Failed { .. } => "RUN_FAILED",
        }
    }

    /// The page it describes, if it is a PAGE_COMMITTED.
    #[must_use]
    pub const fn page(&self) -> Option<&PageEvent> {
        match self {
            Self::Page(page) => Some(page),
            _ => None,
        }
    }

    /// The settings of its attempt, if it is a RUN_STARTED.
    #[must_use]
    pub const fn settings(&self) -> Option<&str> {
        match self {
            Self::Started { settings, .. } => Some(settings.as_str()),
            _ => None,
        }
    }

    /// Its message on an object that cannot be a row, if it is an OBJECT_REFUSED.
    #[must_use]
    pub fn refused(&self) -> Option<&str> {
        match self {
            Self::Refused { message, .. } => Some(message),
            _ => None,
        }
    }

    /// The object whose whole list was refused, if it is an OBJECT_REFUSED of that kind.
    #[must_use]
    pub fn refused_list(&self) -> Option<&str> {
        match self {
            Self::Refused { parent_id, .. } => parent_id.as_deref(),
            _ => None,
        }
    }

    /// Whether its run was given up: no later attempt continues it.
    #[must_use]
    pub fn gives_up(&self) -> bool {
        self.is_failure_of(Class::Abandoned) || self.is_failure_of(Class::Reset)
    }

    /// Whether it is a RUN_FAILED of that class.
    #[must_use]
    pub fn is_failure_of(&self, class: Class) -> bool {
        matches!(self, Self::Failed { class: name, .. } if name == class.name())
    }
}

/// The page that a PAGE_COMMITTED describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageEvent {
    /// Number of the page in the run, from 1.
    pub page_number: i64,
    /// Rows of it in the raw table.
    pub row_count: i64,
    /// Objects of it that did not become rows, because their newest rows have the same content.
    pub unchanged_count: i64,
    /// Its place in its list.
    pub facts: PageFacts,
    /// `created` of its oldest kept row.
    pub min_created: Option<i64>,
    /// `created` of its newest kept row.
    pub max_created: Option<i64>,
    /// SHA-256 over the rows' payload hashes, as lower-case hex, joined in row order.
    pub rows_digest: String,
    /// Whether the event was written from the rows after a crash.
    pub recovered: bool,
}

/// One row of the checkpoint table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `run_id/epoch/sequence/ordinal`.
    pub event_id: String,
    /// Its content.
    pub kind: Kind,
    /// When, in microseconds since 1970.
    pub at_micros: i64,
    /// Registry name.
    pub entity: String,
    /// Connected account.
    pub account: Option<String>,
    /// The logical run.
    pub run_id: String,
    /// Number of the attempt.
    pub epoch: i64,
    /// Commit in the attempt.
    pub sequence: i64,
    /// The process that runs it.
    pub owner: String,
    /// Lower end of the run's window.
    pub start_created_gte: Option<i64>,
    /// Largest `created` seen in the run so far, never below that of the run before.
    pub max_created_seen: Option<i64>,
    /// The events of Stripe's that its run follows.
    pub source: Source,
    /// What it says of the events before it; `None` for an event of layout 1.
    pub carried: Option<Carried>,
}

/// The facts about older runs that each event carries on, so that nobody has to read those runs' events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carried {
    /// The newest commit with rows that counts.
    pub landed: Option<LandedCommit>,
    /// Lower end of the window of the first run since the last reset.
    pub first_start: Option<i64>,
    /// When the newest complete run that read the list down to there began, in microseconds since 1970.
    pub whole_at_micros: Option<i64>,
    /// The newest answer of the runs before, and of a page's event or a run's end of that run, too: in microseconds since
    /// 1970, by Stripe's clock.
    pub answered_at_micros: Option<i64>,
    /// Of the list `events`: every event that was created since then has landed. In microseconds since 1970.
    pub events_since_micros: Option<i64>,
    /// Of a list whose objects show lists of their own: version of the newest commit that may have an object which shows
    /// only the beginning of one; 0 if there is none. `None` if nobody knows: an earlier version has landed rows.
    pub cut_version: Option<i64>,
    /// The newest attempt whose run left out objects that events report and that have not changed: lists that they have
    /// and do not show may have. 0 for none.
    pub left_out_epoch: i64,
    /// Of a run's end, the objects whose lists were refused in it; of its beginning, those of the run before: they are
    /// asked again.
    pub refused_parents: Vec<String>,
}

impl Event {
    /// Version of the commit that holds it.
    #[must_use]
    pub const fn commit_version(&self) -> i64 {
        commit_version(self.epoch, self.sequence)
    }
}

/// A commit with rows in the raw table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LandedCommit {
    /// Its run; `None` if only a lower bound of the version is known.
    pub run_id: Option<String>,
    /// Its version.
    pub version: i64,
}

/// The filters of a run. A cursor is good only under the filters it was answered under. So the filters are those of
/// the run's first page, even if attempts that had not seen that page planned others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filters {
    /// Lower end of the window.
    pub start_created_gte: Option<i64>,
    /// `Stripe-Version`, as answered.
    pub api_version: Option<String>,
}

/// The filters of the run that has these events; `None` if no page is among them.
#[must_use]
pub fn filters<'event>(events: impl IntoIterator<Item = &'event Event>) -> Option<Filters> {
    let mut pages: Vec<_> = events.into_iter().filter_map(|event| Some((event, event.kind.page()?))).collect();
    pages.sort_unstable_by_key(|(event, page)| (event.commit_version(), page.page_number));
    let (first, _) = pages.first()?;
    let requested = pages.iter().find(|(_, page)| page.facts.was_requested());
    let api_version = requested.and_then(|(_, page)| page.facts.api_version.clone());
    Some(Filters { start_created_gte: first.start_created_gte, api_version })
}
