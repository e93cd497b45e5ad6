//! Parents with their children, newest first.

use std::collections::BTreeSet;

use crate::chance::Chance;

const PAGE: usize = 3;
/// Children that a parent shows.
const INLINE: usize = 2;

pub(super) type ParentId = usize;
/// The id of a child, which is unique within its parent only.
pub(super) type Child = u32;

#[derive(Debug, Default)]
pub(super) struct Parent {
    pub(super) children: Vec<Child>,
    pub(super) is_deleted: bool,
    /// All sets of children that it has had.
    pub(super) past: Vec<Vec<Child>>,
    born: u32,
}

/// The cursor is not in the list.
pub(super) struct Gone;

pub(super) struct World {
    pub(super) parents: Vec<Parent>,
    /// Parents with an event that no run has consumed.
    pub(super) changed: BTreeSet<ParentId>,
    pub(super) is_quiet: bool,
    pub(super) chance: Chance,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let chance = Chance::new(seed ^ 0x00C4_11D5);
        Self { parents: Vec::new(), changed: BTreeSet::new(), is_quiet: false, chance }
    }

    /// Things happen with a chance of so many per cent, again and again. A change of a child raises an event of its
    /// parent.
    pub(super) fn pass(&mut self, percent: u64) {
        while !self.is_quiet && self.chance.percent(percent) {
            let what = self.chance.below(100);
            if what < 25 || self.parents.is_empty() {
                self.changed.insert(self.parents.len());
                self.parents.push(Parent { past: vec![vec![]], ..Parent::default() });
            }
            let at = usize::try_from(self.chance.below(self.parents.len() as u64)).expect("few");
            let parent = &mut self.parents[at];
            match what {
                _ if parent.is_deleted => continue,
                0..2 => parent.is_deleted = true,
                2..70 => {
                    parent.born += 1;
                    parent.children.insert(0, parent.born);
                }
                _ if parent.children.is_empty() => {}
                _ => {
                    let child = usize::try_from(self.chance.below(parent.children.len() as u64)).expect("few");
                    parent.children.remove(child);
                }
            }
            parent.past.push(parent.children.clone());
            self.changed.insert(at);
        }
    }

    /// The children that the parent shows, and whether there are more.
    pub(super) fn inline(&self, parent: ParentId) -> (Vec<Child>, bool) {
        let children = &self.parents[parent].children;
        (children.iter().copied().take(INLINE).collect(), children.len() > INLINE)
    }

    /// A page of the nested list. That of a deleted parent is empty: Stripe answers 404.
    pub(super) fn list(&mut self, parent: ParentId, cursor: Option<Child>) -> Result<(Vec<Child>, bool), Gone> {
        self.pass(15);
        if self.parents[parent].is_deleted {
            return Ok((Vec::new(), false));
        }
        let children = &self.parents[parent].children;
        let from = match cursor {
            Some(cursor) => 1 + children.iter().position(|child| *child == cursor).ok_or(Gone)?,
            None => 0,
        };
        let rest = &children[from..];
        Ok((rest.iter().copied().take(PAGE).collect(), rest.len() > PAGE))
    }
}
