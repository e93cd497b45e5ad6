//! The tables: rows and events of two entities, `events` and the list of objects.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::coverage::{Link, Range};
use crate::world::{Id, Item, Kind, List};

/// The origin of a row's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    List,
    /// The body of an event of this kind.
    Event(Kind),
}

/// The facts of a page that its rows and its event share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) number: u32,
    /// `None` if no request was made for the page: its rows are bodies of events.
    pub(crate) range: Option<Range>,
    pub(crate) starting_after: Option<Id>,
    pub(crate) next_cursor: Option<Id>,
    pub(crate) answered_at: i64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) item: Item,
    pub(crate) source: Source,
    pub(crate) run: u32,
    pub(crate) epoch: u32,
    pub(crate) page: Facts,
}

impl Row {
    pub(crate) fn is_deleted(&self) -> bool {
        self.source == Source::Event(Kind::Deleted)
    }
}

/// RUN_STARTED. All that the plan of a run depends on is here, or older than `first_epoch`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Started {
    pub(crate) run: u32,
    pub(crate) first_epoch: u32,
    pub(crate) gte: Option<i64>,
    /// The run reads the whole list once more and lands all of it, since events were lost.
    pub(crate) is_whole: bool,
    pub(crate) source_from: u32,
    pub(crate) source_to: u32,
    pub(crate) at: i64,
}

/// PAGE_COMMITTED.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageCommitted {
    pub(crate) run: u32,
    pub(crate) facts: Facts,
    pub(crate) edge: Option<i64>,
    /// The newest `created` that the page shows, clipped to the answer's `Date`.
    pub(crate) newest_seen: Option<i64>,
}

impl PageCommitted {
    /// Its place in its window, if it was requested.
    pub(crate) fn link(&self) -> Option<Link> {
        let Facts { range, starting_after, next_cursor, .. } = self.facts;
        range.map(|range| Link { range, starting_after, next_cursor, edge: self.edge })
    }
}

/// RUN_COMPLETED.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Completed {
    pub(crate) run: u32,
    pub(crate) epoch: u32,
    pub(crate) watermark: Option<i64>,
    pub(crate) source_to: u32,
}

/// The raw table and the checkpoint table of one entity.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub(crate) rows: Vec<Row>,
    pub(crate) epoch: u32,
    pub(crate) started: Vec<Started>,
    pub(crate) pages: Vec<PageCommitted>,
    pub(crate) completed: Vec<Completed>,
    /// The objects that committed pages count as unchanged, with the versions that the pages showed. Only the checks
    /// know them; PAGE_COMMITTED has their number.
    pub(crate) unchanged: HashMap<(u32, Id), usize>,
}

impl Tables {
    /// The run that has no end.
    pub(crate) fn unfinished(&self) -> Option<Started> {
        self.started.iter().find(|started| !self.completed.iter().any(|end| end.run == started.run)).copied()
    }

    pub(crate) fn watermark(&self) -> Option<i64> {
        self.completed.iter().filter_map(|end| end.watermark).max()
    }

    pub(crate) fn source_to(&self) -> u32 {
        self.completed.iter().map(|end| end.source_to).max().unwrap_or(0)
    }

    pub(crate) fn completed_epoch(&self) -> u32 {
        self.completed.iter().map(|end| end.epoch).max().unwrap_or(0)
    }

    /// The newest row of each object, of epochs before this one.
    pub(crate) fn newest_before(&self, epoch: u32) -> HashMap<Id, Row> {
        self.rows.iter().filter(|row| row.epoch < epoch).map(|row| (row.item.id, *row)).collect()
    }

    /// The newest answer of the runs before this one.
    pub(crate) fn listed_to(&self, run: u32) -> Option<i64> {
        let earlier = self.pages.iter().filter(|page| page.run < run && page.facts.range.is_some());
        earlier.map(|page| page.facts.answered_at).max()
    }

    pub(crate) fn pages_of(&self, run: u32) -> impl Iterator<Item = &PageCommitted> {
        self.pages.iter().filter(move |page| page.run == run)
    }

    /// The pages of a run whose rows have no event, made from the rows. Objects that did not become rows are unknown,
    /// so the edge may be above the second in which the page ended.
    pub(crate) fn recovered(&self, run: u32) -> Vec<PageCommitted> {
        let known: HashSet<u32> = self.pages_of(run).map(|page| page.facts.number).collect();
        let mut pages: BTreeMap<u32, PageCommitted> = BTreeMap::new();
        for row in self.rows.iter().filter(|row| row.run == run && !known.contains(&row.page.number)) {
            let page = PageCommitted { run, facts: row.page, edge: None, newest_seen: None };
            let page = pages.entry(row.page.number).or_insert(page);
            let created = row.item.created;
            page.edge = Some(page.edge.map_or(created, |edge| edge.min(created)));
            if created <= row.page.answered_at {
                page.newest_seen = page.newest_seen.max(Some(created));
            }
        }
        pages.into_values().collect()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Lake {
    pub(crate) objects: Tables,
    pub(crate) events: Tables,
}

impl Lake {
    pub(crate) const fn of(&self, list: List) -> &Tables {
        match list {
            List::Objects => &self.objects,
            List::Events => &self.events,
        }
    }

    pub(crate) const fn of_mut(&mut self, list: List) -> &mut Tables {
        match list {
            List::Objects => &mut self.objects,
            List::Events => &mut self.events,
        }
    }
}
