//! An attempt at a run, from RUN_STARTED to RUN_COMPLETED. An attempt that resumes a run has only the tables to go by.

use std::collections::{HashMap, HashSet};

use crate::coverage::{Chain, Link, Unled, aim, remaining};
use crate::job::{Job, Stop};
use crate::lake::{Completed, PageCommitted, Row, Source, Started};
use crate::plan::{LOOKBACK_ON_EVENTS, Plan, Planned, Window, has_lost_events};
use crate::rules::{Fault, Variant};
use crate::world::{DAY, Id, Item, List, PAGE};

/// Seconds of lookback on objects.
const LOOKBACK: i64 = 4;

/// A chain, and the window that it is in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Open {
    pub(crate) window: usize,
    pub(crate) chain: Chain,
}

/// A page that is not committed yet.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) rows: Vec<Row>,
    pub(crate) page: PageCommitted,
    /// Objects without a row, and the versions that the page shows.
    pub(crate) unchanged: Vec<(Id, usize)>,
}

pub(crate) struct Circumstances<'job> {
    pub(crate) job: &'job mut Job,
    pub(crate) list: List,
    pub(crate) epoch: u32,
    pub(crate) started: Started,
    pub(crate) plan: Plan,
    /// The newest rows, to compare with.
    pub(crate) newest: HashMap<Id, Row>,
    /// Objects that have their row in this run, or that this attempt has found unchanged.
    pub(crate) known: HashSet<Id>,
    pub(crate) open: Vec<Open>,
    pub(crate) group: Vec<Fetched>,
    pub(crate) next_page: u32,
}

/// Runs a list once. Returns whether it was a run that an earlier attempt had begun.
pub(crate) fn run(job: &mut Job, list: List) -> Result<bool, Stop> {
    let unfinished = job.lake.of(list).unfinished();
    let epoch = job.lake.of(list).epoch + 1;
    let mut started = unfinished.unwrap_or_else(|| begin(job, list, epoch));
    if job.rules.variant == Variant::TodaysSourceTo && list == List::Objects {
        started.source_to = job.lake.events.completed_epoch();
    }
    job.step()?;
    let tables = job.lake.of_mut(list);
    tables.epoch = epoch;
    if unfinished.is_none() {
        tables.started.push(started);
    }
    job.step()?;
    let tables = job.lake.of_mut(list);
    let recovered = tables.recovered(started.run);
    job.tally.recovered += recovered.len();
    tables.pages.extend(recovered);
    job.step()?;
    let plan = match list {
        List::Events => Plan::of_new_objects(&started),
        List::Objects => Plan::new(&job.lake, &started, &job.rules, job.world.now),
    };
    let tables = job.lake.of(list);
    let newest = tables.newest_before(started.first_epoch);
    let known = tables.rows.iter().filter(|row| row.run == started.run).map(|row| row.item.id).collect();
    let next_page = 1 + tables.pages_of(started.run).map(|page| page.facts.number).max().unwrap_or(0);
    let (open, group) = (Vec::new(), Vec::new());
    let mut attempt = Circumstances { job, list, epoch, started, plan, newest, known, open, group, next_page };
    attempt.land_bodies()?;
    attempt.open = attempt.resumed(attempt.remaining()?);
    while !attempt.open.is_empty() {
        attempt.read_page()?;
    }
    attempt.flush()?;
    attempt.complete()?;
    Ok(unfinished.is_some())
}

fn begin(job: &Job, list: List, epoch: u32) -> Started {
    let (tables, variant) = (job.lake.of(list), job.rules.variant);
    let is_first =
        tables.completed.is_empty() || (variant == Variant::NoWatermarkIsAFirstRun && tables.watermark().is_none());
    let lookback = match list {
        List::Objects => LOOKBACK,
        List::Events if variant == Variant::NoLookbackOnEvents => 0,
        List::Events => LOOKBACK_ON_EVENTS,
    };
    let (mut gte, mut is_whole) = (tables.watermark().map(|watermark| watermark - lookback), false);
    let (mut source_from, mut source_to) = (0, 0);
    if list == List::Objects {
        source_to = job.lake.events.completed_epoch();
        // The first run reads every object after these events.
        source_from = if is_first { source_to } else { tables.source_to() };
        is_whole = !is_first
            && variant != Variant::NoGap
            && has_lost_events(&job.lake.events, source_from, source_to, variant);
        let relisted = job.rules.relist_days.map_or(i64::MAX, |days| job.world.now - days * DAY);
        gte = gte.filter(|_| !is_whole).map(|gte| gte.min(relisted));
    }
    Started { run: epoch, first_epoch: epoch, gte, is_whole, source_from, source_to, at: job.world.now }
}

impl Circumstances<'_> {
    /// Lands the bodies that are rows without a request. They are the same at each attempt.
    fn land_bodies(&mut self) -> Result<(), Stop> {
        let is_body = |planned: &Planned| !planned.is_read && Some(planned.created) < self.started.gte;
        let bodies: Vec<Planned> = self.plan.work.values().filter(|planned| is_body(planned)).copied().collect();
        for bodies in bodies.chunks(PAGE) {
            let facts = self.facts(None, None, None, self.job.world.now);
            let page = PageCommitted { run: self.started.run, facts, edge: None, newest_seen: None };
            let mut fetched = Fetched { rows: Vec::new(), page, unchanged: Vec::new() };
            for planned in bodies {
                self.land_body(*planned, &mut fetched);
            }
            self.push(fetched)?;
        }
        Ok(())
    }

    pub(crate) fn land_body(&mut self, planned: Planned, fetched: &mut Fetched) {
        let Some(event) = planned.event else { return };
        let about = event.about.expect("an event is about an object");
        let item = Item { id: about.object, created: about.created, about: None, pending_webhooks: false, ..event };
        let lands_anyway = matches!(self.job.rules.variant, Variant::BodyTakesBack | Variant::ResumesInsideASecond);
        if planned.takes_back && !lands_anyway {
            fetched.unchanged.extend(self.known.insert(item.id).then_some((item.id, 0)));
        } else {
            self.land(item, Source::Event(about.kind), fetched);
        }
    }

    /// Gives an object its row, unless it has one in this run, or its newest row says the same.
    pub(crate) fn land(&mut self, item: Item, source: Source, fetched: &mut Fetched) {
        if !self.known.insert(item.id) {
            return;
        }
        let row = Row { item, source, run: self.started.run, epoch: self.epoch, page: fetched.page.facts };
        let variant = self.job.rules.variant;
        let compares = !self.started.is_whole || variant == Variant::GapComparesContents;
        let is_same = |newest: &Row| {
            newest.item.state.content == item.state.content
                && newest.item.pending_webhooks == item.pending_webhooks
                && (newest.is_deleted() == row.is_deleted() || variant == Variant::DeletionIsNoContent)
        };
        if compares && self.newest.get(&item.id).is_some_and(is_same) {
            fetched.unchanged.push((item.id, item.state.version));
        } else {
            fetched.rows.push(row);
        }
    }

    /// The parts of the windows that the committed pages leave unread.
    fn remaining(&self) -> Result<Vec<Open>, Stop> {
        let mut links: Vec<(u32, usize, Link)> = Vec::new();
        for page in self.job.lake.of(self.list).pages_of(self.started.run) {
            if let Some(link) = page.link() {
                let window = self.plan.window_of(link.range).ok_or(Stop::Broken(Fault::Misplaced))?;
                links.push((page.facts.number, window, link));
            }
        }
        links.sort_by_key(|(number, ..)| *number);
        let mut open = Vec::new();
        for (window, Window { range, planned }) in self.plan.windows.iter().enumerate() {
            let mine: Vec<Link> = links.iter().filter(|(_, of, _)| *of == window).map(|(.., link)| *link).collect();
            let chains =
                remaining(*range, &mine, planned.as_deref()).map_err(|Unled| Stop::Broken(Fault::Misplaced))?;
            open.extend(chains.into_iter().map(|chain| Open { window, chain }));
        }
        Ok(open)
    }

    /// The chains as a resumed run begins them. An earlier attempt may have found an object unchanged in the second in
    /// which a chain ended, and no row shows that: the rest of that second alone would say that the object is gone. So
    /// the second is read again from its top if an object of the work list may be in it.
    fn resumed(&mut self, open: Vec<Open>) -> Vec<Open> {
        let mut resumed = Vec::new();
        for Open { window, chain } in open {
            let chain = if self.may_miss(&chain) {
                self.job.tally.again += 1;
                match &self.plan.windows[window].planned {
                    Some(planned) => aim(chain.again(), planned),
                    None => Some(chain.again()),
                }
            } else {
                Some(chain)
            };
            resumed.extend(chain.map(|chain| Open { window, chain }));
        }
        resumed
    }

    fn may_miss(&self, chain: &Chain) -> bool {
        let Some(edge) = chain.edge.filter(|_| chain.cursor.is_some()) else { return false };
        // The edge of a page that was made of its rows may be above the second in which the page ended.
        let is_near = |planned: &Planned| match self.job.rules.variant {
            Variant::ResumesInsideASecond => false,
            Variant::ResumesBelowARecoveredEdge => planned.created == edge,
            _ => planned.created <= edge && Some(planned.created) >= chain.range.gte,
        };
        let mut work = self.plan.work.iter().filter(|(id, _)| !self.known.contains(id));
        work.any(|(_, planned)| planned.event.is_some() && is_near(planned))
    }

    fn complete(&mut self) -> Result<(), Stop> {
        if !self.remaining()?.is_empty() {
            self.job.faults.push(Fault::Unread);
        }
        let run = self.started.run;
        let tables = self.job.lake.of(self.list);
        let of_list =
            |page: &&PageCommitted| page.facts.range.is_some_and(|range| self.plan.window_of(range) == Some(0));
        let seen = tables.pages_of(run).filter(of_list).filter_map(|page| page.newest_seen).max();
        let watermark = seen.max(tables.watermark());
        let mut landed = HashSet::new();
        let is_twice = tables.rows.iter().filter(|row| row.run == run).any(|row| !landed.insert(row.item.id));
        let is_counted = |id: &Id| landed.contains(id) || tables.unchanged.contains_key(&(run, *id));
        let is_owed = self.plan.work.iter().any(|(id, planned)| planned.event.is_some() && !is_counted(id));
        self.job.faults.extend(is_twice.then_some(Fault::Twice));
        self.job.faults.extend(is_owed.then_some(Fault::Owed));
        self.job.step()?;
        let end = Completed { run, epoch: self.epoch, watermark, source_to: self.started.source_to };
        self.job.lake.of_mut(self.list).completed.push(end);
        Ok(())
    }
}
