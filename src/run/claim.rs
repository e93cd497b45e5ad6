//! How a run is claimed: by RUN_STARTED, under the first version of its attempt, which only one process can commit.
//!
//! A new run reads first, and is claimed when its first page is there: at once if rows follow or the list goes on. If
//! nothing is to land, the claim has the run's pages and its end as well, and is its only commit.

use super::commit::Commit;
use super::group::Group;
use super::{Run, Stage};
use crate::checkpoint::Kind;
use crate::error::Result;
use crate::stripe::exchange::Now;
use crate::walk::Fetched;

/// Whether the attempt's RUN_STARTED is in the checkpoint table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// It was not handed over.
    None,
    /// It was handed over. Its outcome is not known yet.
    Pending,
    /// It is there.
    Made,
}

impl Run {
    /// Whether the attempt's RUN_STARTED is in the checkpoint table.
    #[must_use]
    pub fn is_claimed(&self) -> bool {
        self.claim == Claim::Made
    }

    /// Whether it is new, and its RUN_STARTED is not known to be in the checkpoint table: it has no rows yet.
    pub(super) fn is_to_join(&self) -> bool {
        self.is_new() && !self.is_claimed()
    }

    /// RUN_STARTED, and other events, in the attempt's first commit.
    pub(super) fn claim(&mut self, others: Vec<Kind>, now: Now) -> Result<Commit> {
        self.claim = Claim::Pending;
        let sequence = self.groups.numbering.sequence();
        let started = Kind::Started {
            settings: self.context.settings.clone(),
            library_version: self.context.library_version.clone(),
        };
        let kinds = [vec![started], others].concat();
        Ok(Commit { must_be_seen: true, ..self.events(kinds, sequence, now)? })
    }

    /// Whether it is not claimed, and has something to land.
    pub(super) fn is_to_claim(&self) -> bool {
        self.claim == Claim::None && self.is_new() && !self.walk.pages().is_empty() && !self.lands_nothing()
    }

    /// Whether all of its list is there, and nothing of it is to land.
    pub(super) fn lands_nothing(&self) -> bool {
        let has_nothing = |fetched: &Fetched| fetched.page.is_empty() && fetched.page.refused.is_empty();
        self.has_whole_list() && self.walk.pages().iter().all(has_nothing)
    }

    /// The first group of a new run claims it: RUN_STARTED is in the table before any row is. If nothing is to land, it is
    /// the whole run, in one commit, if it `may_end`. A run that had nothing to ask has no page at all.
    pub(super) fn first_group(&mut self, now: Now, may_end: bool) -> Result<Option<Group>> {
        let lands_nothing = self.lands_nothing();
        if self.walk.pages().is_empty() && !lands_nothing {
            return Ok(None);
        }
        self.correct_clock();
        let (mut kinds, mut requested) = (Vec::new(), 0);
        if lands_nothing {
            for fetched in self.walk.take_pages(self.walk.pages().len()) {
                requested += usize::from(fetched.facts.was_requested());
                self.take_in(&fetched, &mut kinds);
            }
            if may_end {
                kinds.push(Kind::Completed);
                self.stage = Stage::Closed;
            }
        }
        let checkpoint = self.claim(kinds, now)?;
        let sequence = self.groups.numbering.sequence();
        Ok(Some(Group { rows: self.commit(Vec::new(), sequence), checkpoint, fetched: requested }))
    }
}
