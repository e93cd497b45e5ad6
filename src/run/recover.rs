//! Continues a run after a crash, from the two tables, which the fences have frozen.
//!
//! Rows are appended before their events, so a crash can leave pages in the raw table that no event describes. They are
//! never fetched again: their events are made from the rows and marked `recovered`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arrow_array::RecordBatch;

use super::orphans::Orphan;
use super::{Condition, Run, Stage, Value};
use crate::checkpoint::{Event, Filters, Kind, LandedCommit, PageEvent, events_of, filters};
use crate::error::{Class, Error, Remedy, Result};
use crate::stripe::exchange::Now;
use crate::stripe::window::Range;
use crate::walk::coverage::{self, BrokenChain, Chain, Link};
use crate::walk::{Place, Remaining};

/// The findings from the tables, until reading begins.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    events: Vec<Event>,
    /// Version of the newest PAGE_COMMITTED's commit: only rows above it can be without an event.
    pub(super) newest_version: Option<i64>,
    /// Rows without an event, by page, then position.
    pub(super) orphans: BTreeMap<i64, BTreeMap<i64, Orphan>>,
    /// Ids of the rows read that a page may show again, by their place.
    pub(super) ids: HashMap<Place, HashSet<String>>,
    /// The parents whose lists are begun and not read to the end, as far as the events show.
    pub(super) open_lists: HashSet<Arc<str>>,
    /// The seconds in which pages may show rows again.
    pub(super) edges: HashSet<i64>,
    /// The changed objects that have their row in the run.
    pub(super) changed: HashSet<String>,
    /// Whether the run turned out to be complete, or given up: another attempt has ended it since the plan.
    pub(super) is_over: bool,
    /// The pages made from rows whose events are not handed over yet.
    pages: Option<Vec<PageEvent>>,
}

impl Recovery {
    pub(super) const fn has_pages(&self) -> bool {
        self.pages.is_some()
    }

    pub(super) const fn take_pages(&mut self) -> Option<Vec<PageEvent>> {
        self.pages.take()
    }
}

impl Run {
    /// Takes in all events of the run, read after both fences. Returns the reads of the raw table that it needs.
    ///
    /// # Errors
    /// Events that this protocol does not write, or a newer attempt took over.
    pub fn recover_events(&mut self, batches: &[RecordBatch]) -> Result<Vec<Vec<Condition>>> {
        let mut events = Vec::new();
        for batch in batches {
            events.extend(events_of(batch)?);
        }
        self.recover(events)
    }

    /// The same, with the events.
    pub(super) fn recover(&mut self, events: Vec<Event>) -> Result<Vec<Vec<Condition>>> {
        self.step(Stage::Fenced, Stage::EventsRead)?;
        self.recovery.events.extend(events.into_iter().filter(|event| event.run_id == self.plan.run_id));
        self.wanted_rows().inspect_err(|error| self.walk.fail(error.clone()))
    }

    fn wanted_rows(&mut self) -> Result<Vec<Vec<Condition>>> {
        let events = &self.recovery.events;
        if let Some(newer) = events.iter().find(|event| event.epoch > self.plan.epoch) {
            let message =
                format!("{}: a newer attempt at run {} has begun", self.context.scope.entity.name, newer.run_id);
            return Err(Error::new(Class::Fenced, message));
        }
        if events.iter().any(|event| event.kind == Kind::Completed || event.kind.gives_up()) {
            self.recovery.is_over = true;
            return Ok(vec![]);
        }
        let earlier_attempts = events.iter().any(|event| event.epoch < self.plan.epoch);
        if !earlier_attempts {
            return Ok(vec![]);
        }
        let newest = events.iter().filter(|event| matches!(event.kind, Kind::Page(_))).map(Event::commit_version).max();
        self.recovery.newest_version = newest;
        if let Some(filters) = filters(&self.recovery.events) {
            self.adopt(filters);
        }
        let run = ("_ingest_run_id", "=", Value::Text(Some(self.plan.run_id.clone())));
        let without_event = vec![run.clone(), ("_commit_version", ">", Value::Long(newest.unwrap_or(-1)))];
        if self.context.scope.entity.parent.is_some() {
            let open = if self.gives_up() { HashSet::new() } else { self.open_lists(&self.recovery.events)? };
            let reads = self.rows_of_lists(&open);
            self.recovery.open_lists = open;
            return Ok([vec![without_event], reads].concat());
        }
        if !self.context.scope.entity.window.is_filtered() {
            return Ok(vec![vec![run]]);
        }
        let mut reads = vec![without_event];
        if self.gives_up() {
            return Ok(reads);
        }
        let remaining = self.remaining(&self.recovery.events, &[])?;
        // It is unknown in which second Stripe returns an object without a time again.
        if newest.is_some() && !remaining.is_empty() {
            reads.push(vec![run.clone(), ("_stripe_created_at", "=", Value::Text(None))]);
        }
        self.recovery.edges = remaining.iter().filter_map(Chain::edge).collect();
        if !self.changed_ids.is_empty() {
            // Which of the changed objects have their row already?
            return Ok(vec![vec![run]]);
        }
        for edge in &self.recovery.edges {
            let second = Value::Timestamp(edge.saturating_mul(1_000_000));
            reads.push(vec![run.clone(), ("_stripe_created_at", "=", second)]);
        }
        Ok(reads)
    }

    /// Turns the recovered state into the remaining work.
    pub(super) fn open_walk(&mut self, now: Now) -> Result<()> {
        if self.recovery.is_over {
            self.walk.open(Remaining::default(), now);
            return Ok(());
        }
        self.adopt_filters_of_rows();
        let recovery = std::mem::take(&mut self.recovery);
        // A run that is given up need not be repaired if it cannot be.
        let orphans = match self.orphan_pages(&recovery) {
            Err(_) if self.gives_up() => vec![],
            orphans => orphans?,
        };
        let committed = recovery.events.iter().filter_map(|event| event.kind.page()).map(|page| page.page_number);
        let newest_page = committed.chain(orphans.iter().map(|page| page.page_number)).max();
        self.groups.go_on_behind(newest_page.unwrap_or(0));
        self.seen = recovery.events.iter().map(|event| event.max_created_seen).max().flatten().max(self.seen);
        let seen_in_orphans = recovery.orphans.values().flat_map(BTreeMap::values);
        let seen_in_orphans =
            seen_in_orphans.filter_map(|row| Some(row.created?.min(row.ingested_at / 1_000_000))).max();
        self.seen = self.seen.max(seen_in_orphans);
        self.note_landed(&recovery);
        let cut = recovery.events.iter().filter_map(|event| event.carried.as_ref()?.cut_version);
        let orphaned = recovery.orphans.values().flat_map(BTreeMap::values).map(|row| row.commit_version);
        // What a row without an event shows is not read here.
        self.cut_version = cut.chain(orphaned).max().max(Some(self.cut_version)).unwrap_or_default();
        let pages = recovery.events.iter().filter(|event| event.kind.page().is_some());
        let made = pages.filter_map(|event| event.carried.as_ref()?.answered_at_micros);
        // Of a page without an event only our own clock is known.
        let received = recovery.orphans.values().flat_map(BTreeMap::values).map(|row| row.ingested_at);
        self.answered = made.chain(received).max().map(|micros| micros.div_euclid(1_000_000));
        let tops = recovery.events.iter().filter_map(|event| event.kind.page()).chain(&orphans);
        // Nothing was seen later than all clocks; but an object may give a later time.
        let newest = tops.filter_map(|page| page.max_created).max().min(self.seen);
        let work = self.work(&recovery.changed);
        let (parents, chains) = if self.gives_up() {
            (vec![], vec![])
        } else if self.context.scope.entity.parent.is_some() {
            self.remaining_lists(&recovery.events, &orphans)?
        } else {
            (vec![], self.remaining(&recovery.events, &orphans)?)
        };
        let refused_before = self.plan.refused_before.iter().map(|id| Arc::from(id.as_str())).collect();
        let mut landed = std::mem::take(&mut self.overlap);
        landed.lands_all = self.lands_all();
        let (api_version, expand) = (self.plan.stripe_version.clone(), self.plan.expand.clone());
        let (held, lands_reported) = (recovery.ids, self.context.has_asked_lists);
        self.walk.open(
            Remaining {
                chains,
                parents,
                refused_before,
                held,
                landed,
                work,
                lands_reported,
                newest,
                api_version,
                expand,
            },
            now,
        );
        self.recovery.pages = (!orphans.is_empty()).then_some(orphans);
        Ok(())
    }

    /// Takes over the newest commit with rows that the tables show.
    fn note_landed(&mut self, recovery: &Recovery) {
        let of_events = recovery.events.iter().filter_map(|event| event.carried.as_ref()?.landed.clone());
        let rows = recovery.orphans.values().flat_map(BTreeMap::values);
        let run_id = Some(&self.plan.run_id);
        let of_rows = rows.map(|row| LandedCommit { run_id: run_id.cloned(), version: row.commit_version });
        self.landed = of_events.chain(of_rows).chain(self.landed.take()).max_by_key(|landed| landed.version);
    }

    fn adopt(&mut self, filters: Filters) {
        self.plan.start_created_gte = filters.start_created_gte;
        self.reach_changes();
        if let Some(version) = filters.api_version {
            self.plan.stripe_version = version;
        }
    }

    /// Takes over the filters of a run that only rows show.
    pub(super) fn adopt_filters_of_rows(&mut self) {
        // Else the events have said it.
        if self.recovery.newest_version.is_none()
            && let Some(filters) = self.filters_of_rows()
        {
            self.adopt(filters);
        }
    }

    /// The filters of the first page, which the attempt that wrote it has recorded.
    fn filters_of_rows(&self) -> Option<Filters> {
        let Recovery { orphans, events, .. } = &self.recovery;
        let first = orphans.values().flat_map(BTreeMap::values).min_by_key(|row| row.commit_version)?;
        let epoch = first.commit_version >> 32;
        let started = events.iter().find(|event| event.epoch == epoch)?;
        let api_version = first.page.facts.api_version.clone();
        Some(Filters { start_created_gte: started.start_created_gte, api_version })
    }

    /// The parts that the run's pages leave to read.
    ///
    /// Those of the list window are all of it that was not read. Of the part below it only the planned seconds are read,
    /// which the walk knows.
    fn remaining(&self, events: &[Event], orphans: &[PageEvent]) -> Result<Vec<Chain>> {
        let committed = events.iter().filter_map(|event| event.kind.page());
        let (old, new) = coverage::parted(committed.chain(orphans).map(Link::from), self.plan.start_created_gte);
        let window = Range { gte: self.plan.start_created_gte, lt: None };
        let mut parts = vec![(window, new)];
        let old_part = self.old_part();
        if !old_part.is_empty() && old_part.lt.is_some() {
            parts.push((old_part, old));
        }
        let remaining = parts.into_iter().map(|(part, links)| coverage::remaining(part, links));
        let remaining: std::result::Result<Vec<Vec<Chain>>, _> = remaining.collect();
        remaining.map(|parts| parts.concat()).map_err(|broken| self.broken(&broken))
    }

    pub(super) fn broken(&self, broken: &BrokenChain) -> Error {
        let message = format!(
            "{}: page {} of run {} {}: events were changed by other hands",
            self.context.scope.entity.name, broken.page_number, self.plan.run_id, broken.reason
        );
        Error::new(Class::Table, message).with(Remedy::Restart)
    }
}

/// The coverage of a page's event.
impl<'page> From<&'page PageEvent> for Link<'page> {
    fn from(page: &'page PageEvent) -> Self {
        Self { page_number: page.page_number, facts: &page.facts, min_created: page.min_created }
    }
}
