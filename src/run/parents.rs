//! The parents that a run of their lists asks for, and what it has read of these lists.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use arrow_array::RecordBatch;

use super::{Condition, Run, Value};
use crate::checkpoint::{Event, Kind, PageEvent, ParentRows, Span, commit_version};
use crate::error::{Error, Result};
use crate::parents::{CUT, Parents, is_cut_off};
use crate::stripe::children::{Parent, shown_by};
use crate::stripe::exchange::Now;
use crate::walk::coverage::{self, BrokenChain, Chain, Link};

/// Most parents whose rows are read one by one: beyond that, all rows of the run are read.
const MOST_PARTS: usize = 64;

impl Run {
    /// What its list is in the objects of another one, if it asks parents for their lists.
    #[must_use]
    pub fn parent(&self) -> Option<&'static Parent> {
        self.entity().parent.as_ref().filter(|_| !self.gives_up() && !self.plan.is_idle)
    }

    /// The read of the parents' raw table that shows what they show of their lists, for [`Run::add_shown`]; `None` if they
    /// show nothing, or if the run asks for no lists of parents.
    #[must_use]
    pub fn shown_rows(&self) -> Option<Vec<Condition>> {
        let parent = self.parent().filter(|parent| !parent.member.is_empty())?;
        let name = parent.member.rsplit('/').next().unwrap_or_default();
        let text = if parent.is_shown { CUT.to_owned() } else { format!(r#""{name}":{{"#) };
        Some(
            [self.rows_in(self.plan.source.parents()?), vec![("_raw_json", "contains", Value::Text(Some(text)))]]
                .concat(),
        )
    }

    /// The read of the parents' raw table that shows their newest rows, for [`Run::add_parents`], behind the other read.
    #[must_use]
    pub fn rows_of_parents(&mut self) -> Option<Vec<Condition>> {
        let (parent, span) = self.parent().zip(self.plan.source.parents())?;
        // There may be no such row any more.
        self.parents.get_or_insert_with(|| Parents::of(parent, self.plan.source.relands));
        Some(self.rows_in(span))
    }

    fn rows_in(&self, span: Span) -> Vec<Condition> {
        vec![
            ("_stripe_account", "=", Value::Text(self.context.scope.account.clone())),
            ("_commit_version", ">=", Value::Long(commit_version(span.from.saturating_add(1), 0))),
            ("_commit_version", "<", Value::Long(commit_version(span.to.saturating_add(1), 0))),
        ]
    }

    /// Takes in rows of the first read, with [`SHOWN_COLUMNS`](crate::parents::SHOWN_COLUMNS).
    ///
    /// # Errors
    /// Columns that this project does not write.
    pub fn add_shown(&mut self, batch: &RecordBatch) -> Result<()> {
        self.parents().map_or(Ok(()), |parents| parents.add_shown(batch))
    }

    /// Takes in rows of the second read, with [`COLUMNS`](crate::parents::COLUMNS).
    ///
    /// # Errors
    /// Columns that this project does not write.
    pub fn add_parents(&mut self, batch: &RecordBatch) -> Result<()> {
        self.parents().map_or(Ok(()), |parents| parents.add(batch))
    }

    fn parents(&mut self) -> Option<&mut Parents> {
        let parent = self.parent()?;
        Some(self.parents.get_or_insert_with(|| Parents::of(parent, self.plan.source.relands)))
    }

    /// Number of parents that it asks, with those that it has asked before; 0 until it was given their rows.
    #[must_use]
    pub fn parents_to_ask(&self) -> usize {
        self.to_ask().len()
    }

    /// The parents to ask: those whose rows say so, and those that were refused before. No run begins with the same ones,
    /// so that none waits behind many that are refused.
    fn to_ask(&self) -> Vec<Arc<str>> {
        let by_rows = self.parents.as_ref().map(Parents::to_ask).unwrap_or_default();
        let refused = self.plan.refused_before.iter().map(|id| Arc::from(id.as_str()));
        let mut ids: Vec<Arc<str>> = by_rows.into_iter().chain(refused).collect();
        let place = |id: &Arc<str>| {
            let mut hasher = DefaultHasher::new();
            (self.plan.epoch, id).hash(&mut hasher);
            (hasher.finish(), Arc::clone(id))
        };
        ids.sort_by_cached_key(place);
        ids.dedup();
        ids
    }

    /// What a complete run has landed, for the runs of its objects' own lists.
    #[must_use]
    pub fn landed_parents(&self, now: Now) -> Option<ParentRows> {
        let carried = self.carried(&Kind::Completed, now);
        self.has_ended().then(|| ParentRows::at(self.plan.epoch, now.wall_micros, &carried))
    }

    pub(super) fn require_parents(&self) -> Result<()> {
        if self.parent().is_some() && self.parents.is_none() {
            return Err(Error::usage(
                "the run asks for the lists of objects: give it their rows before the first pair",
            ));
        }
        Ok(())
    }

    /// The parents whose lists are not begun, and the parts of lists that are left.
    pub(super) fn remaining_lists(
        &self,
        events: &[Event],
        orphans: &[PageEvent],
    ) -> Result<(Vec<Arc<str>>, Vec<Chain>)> {
        let begun = begun(events, orphans).map_err(|broken| self.broken(&broken))?;
        let parents = self.to_ask().into_iter().filter(|parent| !begun.contains_key(parent)).collect();
        Ok((parents, begun.into_values().flatten().collect()))
    }

    /// The parents whose lists the run has begun and not read to the end.
    pub(super) fn open_lists(&self, events: &[Event]) -> Result<HashSet<Arc<str>>> {
        let begun = begun(events, &[]).map_err(|broken| self.broken(&broken))?;
        Ok(begun.into_iter().filter_map(|(parent, chain)| chain.map(|_| parent)).collect())
    }

    /// The reads of the rows that it has of these parents' lists.
    pub(super) fn rows_of_lists(&self, open: &HashSet<Arc<str>>) -> Vec<Vec<Condition>> {
        let run = ("_ingest_run_id", "=", Value::Text(Some(self.plan.run_id.clone())));
        let of = |parent: &Arc<str>| vec![run.clone(), ("_parent_id", "=", Value::Text(Some(parent.to_string())))];
        if open.len() > MOST_PARTS { vec![vec![run]] } else { open.iter().map(of).collect() }
    }

    /// Notes that a commit has rows which may show only the beginning of a list.
    pub(super) fn note_cut<'json>(&mut self, version: i64, mut rows: impl Iterator<Item = &'json str>) {
        if self.cut_version < version
            && shown_by(self.entity()).next().is_some()
            && rows.any(|json| is_cut_off(json, self.entity()))
        {
            self.cut_version = version;
        }
    }

    /// The newest attempt whose run left out objects that events report and that have not changed.
    pub(super) fn left_out_epoch(&self, is_at_end: bool) -> i64 {
        let has_left_out = !self.context.has_asked_lists || self.plan.has_left_out;
        let leaves_out = is_at_end && self.reports_more && has_left_out;
        if leaves_out { self.plan.epoch } else { self.plan.left_out_before }
    }

    /// The parents whose lists are asked for again: by the next run, or as the run before has said, by this one.
    pub(super) fn refused_parents(&self, kind: &Kind) -> Vec<String> {
        match kind {
            Kind::Completed => self.walk.refused_parents().iter().map(ToString::to_string).collect(),
            Kind::Started { .. } => self.plan.refused_before.clone(),
            _ => Vec::new(),
        }
    }

    /// The newest commit that may have such rows; `None` if the objects of its list never do.
    pub(super) fn cut_version(&self) -> Option<i64> {
        shown_by(self.entity()).next().map(|_| self.cut_version)
    }
}

fn begun(
    events: &[Event],
    orphans: &[PageEvent],
) -> std::result::Result<BTreeMap<Arc<str>, Option<Chain>>, BrokenChain> {
    let committed = events.iter().filter_map(|event| event.kind.page());
    coverage::begun(committed.chain(orphans).map(Link::from))
}
