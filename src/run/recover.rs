//! Going on after a crash: what the two tables, frozen by the fences, say of the run.
//!
//! Rows are appended before their events, so a crash can leave pages in the raw table that no event tells of. They are
//! never fetched again: their events are made from the rows, marked `recovered`.

use std::collections::{BTreeMap, HashMap, HashSet};

use arrow_array::RecordBatch;

use super::reading::Reading;
use super::{Run, Stage};
use crate::checkpoint::{Event, Kind, PageEvent, events_of};
use crate::columns::Columns;
use crate::digest::rows_digest;
use crate::error::{Class, Error, Result};
use crate::ranges::{self, Chain, Range};

/// The columns that [`Run::recover_rows`] reads.
pub const RECOVERY_COLUMNS: [&str; 16] = [
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
];

/// What a condition compares with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text; `None` stands for null.
    Text(Option<String>),
    /// A whole number.
    Long(i64),
    /// Microseconds since 1970.
    Timestamp(i64),
}

/// One condition of a read: column, operator, value.
pub type Condition = (&'static str, &'static str, Value);

/// What the tables said, until reading begins.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    events: Vec<Event>,
    /// Version of the newest PAGE_COMMITTED's commit: only rows above it can be without an event.
    newest_version: Option<i64>,
    /// Rows without an event, by page, then position.
    orphans: BTreeMap<i64, BTreeMap<i64, Orphan>>,
    /// Ids of the rows read, by second; all under `None` where the list has no window.
    ids: HashMap<Option<i64>, HashSet<String>>,
}

/// A row that no event tells of.
#[derive(Debug)]
struct Orphan {
    created: Option<i64>,
    sha256: String,
    page: PageEvent,
    commit_version: i64,
    ingested_at: i64,
}

impl Run {
    /// All events of the run, read after both fences. Answers the reads of the raw table that are wanted.
    ///
    /// # Errors
    /// Events that this protocol does not write; a newer attempt took over.
    pub fn recover_events(&mut self, batches: &[RecordBatch]) -> Result<Vec<Vec<Condition>>> {
        self.step(Stage::Fenced, Stage::EventsRead)?;
        self.wanted_rows(batches).inspect_err(|error| self.error = Some(error.clone()))
    }

    fn wanted_rows(&mut self, batches: &[RecordBatch]) -> Result<Vec<Vec<Condition>>> {
        for batch in batches {
            self.recovery.events.extend(events_of(batch)?.into_iter().filter(|event| event.run_id == self.plan.run_id));
        }
        let events = &self.recovery.events;
        if let Some(newer) = events.iter().find(|event| event.epoch > self.plan.epoch) {
            let message = format!("{}: {} took run {} over", self.setting.entity.name, newer.owner, newer.run_id);
            return Err(Error::new(Class::Fenced, message));
        }
        if events.iter().any(|event| event.kind == Kind::Completed) {
            self.complete_already = true;
            return Ok(vec![]);
        }
        let earlier_attempts = events.iter().any(|event| event.epoch < self.plan.epoch);
        if !earlier_attempts {
            return Ok(vec![]);
        }
        let newest = events.iter().filter(|event| matches!(event.kind, Kind::Page(_))).map(Event::commit_version).max();
        self.recovery.newest_version = newest;
        let run = ("_ingest_run_id", "=", Value::Text(Some(self.plan.run_id.clone())));
        if !self.setting.entity.has_window() {
            return Ok(vec![vec![run]]);
        }
        let mut reads = vec![vec![run.clone(), ("_commit_version", ">", Value::Long(newest.unwrap_or(-1)))]];
        if self.gives_up() {
            return Ok(reads);
        }
        let left = self.left(&[])?;
        // Nobody knows in which second an object without a time is answered again.
        if newest.is_some() && !left.is_empty() {
            reads.push(vec![run.clone(), ("_stripe_created_at", "=", Value::Text(None))]);
        }
        for edge in left.iter().filter_map(Chain::edge) {
            let second = Value::Timestamp(edge.saturating_mul(1_000_000));
            reads.push(vec![run.clone(), ("_stripe_created_at", "=", second)]);
        }
        Ok(reads)
    }

    /// The rows of one of those reads, with the columns [`RECOVERY_COLUMNS`]; reads may overlap.
    ///
    /// # Errors
    /// Rows that this protocol does not write.
    pub fn recover_rows(&mut self, batches: &[RecordBatch]) -> Result<()> {
        if self.stage != Stage::EventsRead {
            return self.step(Stage::EventsRead, Stage::EventsRead);
        }
        for batch in batches {
            let columns = Columns(batch);
            for row in 0..batch.num_rows() {
                if columns.required_text("_ingest_run_id", row)? == self.plan.run_id {
                    self.recover_row(&columns, row)?;
                }
            }
        }
        Ok(())
    }

    fn recover_row(&mut self, columns: &Columns<'_>, row: usize) -> Result<()> {
        let created = columns.micros("_stripe_created_at", row)?.map(|micros| micros.div_euclid(1_000_000));
        let second = if self.setting.entity.has_window() { created } else { None };
        let id = columns.required_text("_stripe_id", row)?.to_owned();
        self.recovery.ids.entry(second).or_default().insert(id);
        let commit_version = columns.required_long("_commit_version", row)?;
        if Some(commit_version) <= self.recovery.newest_version {
            return Ok(());
        }
        let owned = |name: &str| columns.text(name, row).map(|text| text.map(str::to_owned));
        let page_number = columns.count("_page_number", row)?;
        let orphan = Orphan {
            created,
            sha256: columns.required_text("_payload_sha256", row)?.to_owned(),
            commit_version,
            ingested_at: columns.micros("_ingested_at", row)?.unwrap_or_default(),
            page: PageEvent {
                page_number,
                row_count: 0,
                range: Range { gte: columns.long("_range_gte", row)?, lt: columns.long("_range_lt", row)? },
                starting_after: owned("_request_cursor")?,
                next_cursor: owned("_next_cursor")?,
                has_more: columns.truth("_has_more", row)?,
                min_created: None,
                max_created: None,
                rows_digest: String::new(),
                recovered: true,
                http_status: columns.required_long("_http_status", row)?,
                request_id: owned("_request_id")?,
                api_version: owned("_api_version")?,
            },
        };
        let position = columns.count("_page_row", row)?;
        self.recovery.orphans.entry(page_number).or_default().insert(position, orphan);
        Ok(())
    }

    /// Turns what was recovered into what is left to do.
    pub(super) fn open_chains(&mut self) -> Result<()> {
        if self.complete_already {
            return Ok(());
        }
        let recovery = std::mem::take(&mut self.recovery);
        self.adopt_filters(&recovery);
        // A run that is given up need not be mended where it cannot be.
        let orphans = match self.orphan_pages(&recovery) {
            Err(_) if self.gives_up() => vec![],
            orphans => orphans?,
        };
        let committed = recovery.events.iter().filter_map(|event| event.kind.page()).map(|page| page.page_number);
        let newest_page = committed.chain(orphans.iter().map(|page| page.page_number)).max();
        self.next_page_number = newest_page.unwrap_or(0) + 1;
        self.seen = recovery.events.iter().map(|event| event.max_created_seen).max().flatten().max(self.seen);
        let seen_in_orphans = recovery.orphans.values().flat_map(BTreeMap::values);
        let seen_in_orphans =
            seen_in_orphans.filter_map(|row| Some(row.created?.min(row.ingested_at / 1_000_000))).max();
        self.seen = self.seen.max(seen_in_orphans);
        self.recovery.events = recovery.events;
        let tops = self.recovery.events.iter().filter_map(|event| event.kind.page()).chain(&orphans);
        // What was seen is no later than any clock; an object may say that it is.
        self.newest = tops.filter_map(|page| page.max_created).max().min(self.seen);
        let chains = if self.gives_up() { vec![] } else { self.left(&orphans)? };
        self.recovery.events.clear();
        let windowed = self.setting.entity.has_window();
        if windowed {
            self.undated.extend(recovery.ids.get(&None).into_iter().flatten().cloned());
        }
        self.chains = chains.into_iter().map(|chain| Reading::of(chain, windowed, &recovery.ids)).collect();
        for at in 0..self.chains.len() {
            self.chains[at].ticket = self.next_ticket();
        }
        self.recovered = (!orphans.is_empty()).then_some(orphans);
        Ok(())
    }

    /// The run's filters are those its first page was asked with, whatever the attempts planned before they could see it.
    fn adopt_filters(&mut self, recovery: &Recovery) {
        let pages = recovery.events.iter().filter(|event| matches!(event.kind, Kind::Page(_)));
        let first_event = pages.min_by_key(|event| event.commit_version());
        let first_orphan = recovery.orphans.values().flat_map(BTreeMap::values).min_by_key(|row| row.commit_version);
        let (start, version) = match (first_event, first_orphan) {
            (Some(event), _) => match &event.kind {
                Kind::Page(page) => (event.start_created_gte, page.api_version.clone()),
                _ => return,
            },
            (None, Some(orphan)) => {
                let epoch = orphan.commit_version >> 32;
                let Some(started) = recovery.events.iter().find(|event| event.epoch == epoch) else { return };
                (started.start_created_gte, orphan.page.api_version.clone())
            }
            (None, None) => return,
        };
        self.plan.start_created_gte = start;
        if let Some(version) = version {
            self.plan.stripe_version = version;
        }
    }

    fn orphan_pages(&self, recovery: &Recovery) -> Result<Vec<PageEvent>> {
        let page = |(number, rows): (&i64, &BTreeMap<i64, Orphan>)| -> Result<PageEvent> {
            let whole = rows.keys().copied().eq(0..i64::try_from(rows.len()).unwrap_or(i64::MAX));
            let Some(first) = rows.values().next().filter(|_| whole) else {
                let message = format!(
                    "{}: page {number} of run {} has holes in the raw table: rows were removed by other hands; run verify",
                    self.setting.entity.name, self.plan.run_id
                );
                return Err(Error::new(Class::Table, message));
            };
            Ok(PageEvent {
                row_count: i64::try_from(rows.len()).unwrap_or(i64::MAX),
                min_created: rows.values().filter_map(|row| row.created).min(),
                max_created: rows.values().filter_map(|row| row.created).max(),
                rows_digest: rows_digest(rows.values().map(|row| &row.sha256)),
                ..first.page.clone()
            })
        };
        recovery.orphans.iter().map(page).collect()
    }

    /// What the run's pages leave to read.
    fn left(&self, orphans: &[PageEvent]) -> Result<Vec<Chain>> {
        let committed = self.recovery.events.iter().filter_map(|event| event.kind.page());
        // Until the filters are adopted, the first page's window is the run's.
        let first = self.recovery.events.iter().filter(|event| matches!(event.kind, Kind::Page(_)));
        let start = first
            .min_by_key(|event| event.commit_version())
            .map_or(self.plan.start_created_gte, |event| event.start_created_gte);
        let links = committed.chain(orphans).map(PageEvent::link).collect();
        ranges::remaining(start, links).map_err(|loose| {
            let message = format!(
                "{}: page {} of run {} {}: events were changed by other hands; run verify, then --restart-run",
                self.setting.entity.name, loose.page_number, self.plan.run_id, loose.why
            );
            Error::new(Class::Table, message)
        })
    }
}
