//! Sub-lists that were cut off: a run of the child entity reads one chain for each parent whose row says `has_more`.
//!
//! The run of the parents is one commit here; that of the children is killed anywhere, and goes on from its tables.

mod check;
mod reading;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use crate::chance::Chance;
pub(crate) use check::survey;
use world::{Child, ParentId, World};

/// A wrong variant lacks one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    Right,
    /// A resumed run, or a chain that begins again, does not look at the children that it has landed.
    ForgetsTheHeld,
    /// Children are told apart by their ids alone.
    HeldWithoutParent,
    /// A chain begins behind the children that the parent's row shows.
    BehindTheInline,
    /// The run reads each parent that any of its rows says `has_more` of.
    StalePointer,
    /// The reader takes pages of children, whatever the parent's newest row says.
    ReaderIgnoresThePointer,
    /// The reader takes the pages of a run that has not read the parent to the end.
    ReaderTakesOpenRuns,
    /// A parent whose content is that of its newest row does not land, even if its sub-list is cut off.
    CutParentsDoNotLandAgain,
    /// A child that an earlier run has landed does not land again.
    ChildrenLandOnce,
    /// No run begins unless the newest run of the parents has landed one that is cut off.
    IdleByTheNewestParents,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// A child has two rows in a run.
    Twice,
    /// The run ends, and a parent of its plan is not read to the end.
    Open,
    /// The run has a page of a parent that is not in its plan.
    Unplanned,
    /// The children of a parent that were read by one request are a set that never was.
    NeverWas,
    /// The children that a reader finds are not those that Stripe lists.
    Wrong,
}

/// A row of the parent's table.
#[derive(Debug, Clone)]
struct ParentRow {
    id: ParentId,
    epoch: u32,
    inline: Vec<Child>,
    has_more: bool,
    is_deleted: bool,
}

#[derive(Debug, Clone, Copy)]
struct Page {
    run: u32,
    number: u32,
    parent: ParentId,
    next_cursor: Option<Child>,
}

#[derive(Debug, Clone, Copy)]
struct ChildRow {
    child: Child,
    page: Page,
}

#[derive(Debug, Clone, Copy)]
struct Started {
    run: u32,
    source_from: u32,
    source_to: u32,
}

#[derive(Debug, Default)]
struct Lake {
    parents: Vec<ParentRow>,
    parents_epoch: u32,
    epoch: u32,
    started: Vec<Started>,
    rows: Vec<ChildRow>,
    pages: Vec<Page>,
    /// Runs, with their `source_to`.
    completed: BTreeMap<u32, u32>,
}

impl Lake {
    /// The parents that a run reads: those whose newest row of the epochs says that more children follow.
    fn plan(&self, started: &Started, variant: Variant) -> BTreeSet<ParentId> {
        let mut plan = BTreeSet::new();
        let is_source = |row: &&ParentRow| started.source_from < row.epoch && row.epoch <= started.source_to;
        for row in self.parents.iter().filter(is_source) {
            if row.has_more && !row.is_deleted {
                plan.insert(row.id);
            } else if variant != Variant::StalePointer {
                plan.remove(&row.id);
            }
        }
        plan
    }

    /// Whether a new run would find no parent to read: then it is not even begun, and leaves nothing.
    fn is_idle(&self, started: &Started, variant: Variant) -> bool {
        let is_new = |epoch: u32| match variant {
            Variant::IdleByTheNewestParents => epoch == self.parents_epoch,
            _ => started.source_from < epoch,
        };
        !self.parents.iter().any(|row| row.has_more && is_new(row.epoch))
    }

    fn parent(&self, id: ParentId) -> Option<&ParentRow> {
        self.parents.iter().rfind(|row| row.id == id)
    }

    /// The run that a reader takes the children of a parent from.
    fn run_of(&self, parent: ParentId, variant: Variant) -> Option<u32> {
        let is_whole = |page: &&Page| page.next_cursor.is_none() || variant == Variant::ReaderTakesOpenRuns;
        let of_parent = self.pages.iter().filter(|page| page.parent == parent);
        of_parent.filter(is_whole).map(|page| page.run).max()
    }

    /// The children of a parent, as a reader of the tables finds them: those that its newest row shows, or the rows of
    /// the newest run that has read the parent to the end.
    fn children(&self, parent: &ParentRow, variant: Variant) -> Vec<Child> {
        let of_run = |run: u32| self.rows.iter().filter(move |row| (row.page.run, row.page.parent) == (run, parent.id));
        match self.run_of(parent.id, variant) {
            Some(run) if parent.has_more || variant == Variant::ReaderIgnoresThePointer => {
                let inline = parent.inline.iter().filter(|_| variant == Variant::BehindTheInline);
                inline.copied().chain(of_run(run).map(|row| row.child)).collect()
            }
            _ => parent.inline.clone(),
        }
    }
}

struct Killed;

struct Job {
    world: World,
    lake: Lake,
    chance: Chance,
    variant: Variant,
    faults: Vec<Fault>,
    kills: usize,
    is_calm: bool,
}

impl Job {
    fn step(&mut self) -> Result<(), Killed> {
        if !self.is_calm && self.chance.one_in(25) { Err(Killed) } else { Ok(()) }
    }

    /// Lands the parents that changed. A parent whose sub-list is cut off lands even if its content is the same, since
    /// a child that it does not show may have changed.
    fn land_parents(&mut self) -> Result<(), Killed> {
        self.step()?;
        let changed = std::mem::take(&mut self.world.changed);
        self.lake.parents_epoch += u32::from(!changed.is_empty());
        for id in changed {
            let (inline, has_more) = self.world.inline(id);
            let is_deleted = self.world.parents[id].is_deleted;
            let row = ParentRow { id, epoch: self.lake.parents_epoch, inline, has_more, is_deleted };
            let is_same = |newest: &ParentRow| {
                (&newest.inline, newest.has_more, newest.is_deleted) == (&row.inline, row.has_more, row.is_deleted)
            };
            let lands_again = row.has_more && self.variant != Variant::CutParentsDoNotLandAgain;
            if lands_again || !self.lake.parent(id).is_some_and(is_same) {
                self.lake.parents.push(row);
            }
        }
        Ok(())
    }

    /// Lands parents, then children; a new run follows a run that was resumed.
    fn go(&mut self) -> Result<(), Killed> {
        self.land_parents()?;
        while self.read_children()? {}
        Ok(())
    }
}
