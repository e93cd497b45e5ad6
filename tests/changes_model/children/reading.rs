//! A run of the child entity.

use std::collections::{BTreeMap, BTreeSet};

use super::world::{Child, Gone, ParentId};
use super::{ChildRow, Fault, Job, Killed, Page, Started, Variant};

/// The memory of an attempt.
struct Circumstances {
    started: Started,
    plan: BTreeSet<ParentId>,
    /// The cursor of each parent that is not read to the end.
    open: BTreeMap<ParentId, Option<Child>>,
    held: BTreeSet<(ParentId, Child)>,
    group: Vec<(Page, Vec<Child>)>,
    next_page: u32,
}

impl Job {
    /// Returns whether the run had been begun before.
    pub(super) fn read_children(&mut self) -> Result<bool, Killed> {
        let lake = &self.lake;
        let unfinished = lake.started.iter().find(|started| !lake.completed.contains_key(&started.run)).copied();
        let epoch = lake.epoch + 1;
        let source_from = lake.completed.values().max().copied().unwrap_or(0);
        let new = Started { run: epoch, source_from, source_to: lake.parents_epoch };
        let started = unfinished.unwrap_or(new);
        if unfinished.is_none() && lake.is_idle(&new, self.variant) {
            return Ok(false);
        }
        self.step()?;
        self.lake.epoch = epoch;
        if unfinished.is_none() {
            self.lake.started.push(started);
        }
        self.step()?;
        self.recover(started.run);
        self.step()?;
        let mut attempt = self.attempt(started);
        while !attempt.open.is_empty() {
            self.read_page(&mut attempt)?;
        }
        self.flush(&mut attempt)?;
        self.check_run(&attempt);
        self.step()?;
        self.lake.completed.insert(started.run, started.source_to);
        Ok(unfinished.is_some())
    }

    /// Gives their events to pages whose rows have none.
    fn recover(&mut self, run: u32) {
        let lake = &mut self.lake;
        for row in lake.rows.iter().filter(|row| row.page.run == run) {
            if !lake.pages.iter().any(|page| (page.run, page.number) == (run, row.page.number)) {
                lake.pages.push(row.page);
            }
        }
        lake.pages.sort_by_key(|page| (page.run, page.number));
    }

    fn attempt(&self, started: Started) -> Circumstances {
        let plan = self.lake.plan(&started, self.variant);
        let mut open: BTreeMap<ParentId, Option<Child>> = plan.iter().map(|parent| (*parent, None)).collect();
        if self.variant == Variant::BehindTheInline {
            for (parent, cursor) in &mut open {
                *cursor = self.lake.parent(*parent).and_then(|row| row.inline.last().copied());
            }
        }
        let pages: Vec<&Page> = self.lake.pages.iter().filter(|page| page.run == started.run).collect();
        for page in &pages {
            match page.next_cursor {
                Some(cursor) => open.insert(page.parent, Some(cursor)),
                None => open.remove(&page.parent),
            };
        }
        let landed = self.lake.rows.iter().filter(|row| match self.variant {
            Variant::ForgetsTheHeld => false,
            Variant::ChildrenLandOnce => true,
            _ => row.page.run == started.run,
        });
        let held = landed.map(|row| self.key(row.page.parent, row.child)).collect();
        let next_page = 1 + pages.iter().map(|page| page.number).max().unwrap_or(0);
        Circumstances { started, plan, open, held, group: Vec::new(), next_page }
    }

    fn key(&self, parent: ParentId, child: Child) -> (ParentId, Child) {
        (if self.variant == Variant::HeldWithoutParent { 0 } else { parent }, child)
    }

    fn read_page(&mut self, attempt: &mut Circumstances) -> Result<(), Killed> {
        let parents: Vec<ParentId> = attempt.open.keys().copied().collect();
        let parent = self.chance.pick(&parents);
        let (children, has_more) = self.world.list(parent, attempt.open[&parent]).unwrap_or_else(|Gone| {
            // The chain begins again at its top; the children that are held are dropped.
            self.world.list(parent, None).unwrap_or_else(|Gone| unreachable!("there is no cursor"))
        });
        let next_cursor = children.last().copied().filter(|_| has_more);
        let Circumstances { started: Started { run, .. }, next_page: number, .. } = *attempt;
        let page = Page { run, number, parent, next_cursor };
        attempt.next_page += 1;
        let is_new =
            |child: &Child| self.variant == Variant::ForgetsTheHeld || attempt.held.insert(self.key(parent, *child));
        let children: Vec<Child> = children.into_iter().filter(is_new).collect();
        let ends_group = children.is_empty();
        attempt.group.push((page, children));
        match next_cursor {
            Some(cursor) => attempt.open.insert(parent, Some(cursor)),
            None => attempt.open.remove(&parent),
        };
        if ends_group || self.chance.percent(40) { self.flush(attempt) } else { Ok(()) }
    }

    /// Appends the rows of the group, then its events.
    fn flush(&mut self, attempt: &mut Circumstances) -> Result<(), Killed> {
        let group = std::mem::take(&mut attempt.group);
        self.step()?;
        for (page, children) in &group {
            self.lake.rows.extend(children.iter().map(|child| ChildRow { child: *child, page: *page }));
        }
        self.step()?;
        self.lake.pages.extend(group.iter().map(|(page, _)| *page));
        self.step()
    }

    /// Checks the promises of a run before RUN_COMPLETED.
    fn check_run(&mut self, attempt: &Circumstances) {
        let run = attempt.started.run;
        let pages: Vec<&Page> = self.lake.pages.iter().filter(|page| page.run == run).collect();
        let is_closed = |parent: &ParentId| {
            pages.iter().rfind(|page| page.parent == *parent).is_some_and(|page| page.next_cursor.is_none())
        };
        let mut keys = BTreeSet::new();
        let mut rows = self.lake.rows.iter().filter(|row| row.page.run == run);
        self.faults.extend(rows.any(|row| !keys.insert((row.page.parent, row.child))).then_some(Fault::Twice));
        self.faults.extend((!attempt.plan.iter().all(is_closed)).then_some(Fault::Open));
        let source = self.lake.plan(&attempt.started, Variant::Right);
        self.faults.extend(pages.iter().any(|page| !source.contains(&page.parent)).then_some(Fault::Unplanned));
    }
}
