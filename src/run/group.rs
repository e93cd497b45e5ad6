//! The groups of a run: pages that are committed together, and the events that describe them.

use std::time::Duration;

use arrow_array::RecordBatch;

use super::claim::Claim;
use super::commit::Commit;
use super::numbering::Numbering;
use super::{Run, Stage, page_bytes, wave};
use crate::checkpoint::{Kind, LandedCommit, PageEvent, commit_version};
use crate::digest::rows_digest;
use crate::error::{Result, foreign};
use crate::page::{Fault, Refused};
use crate::raw::{Batches, RowFacts};
use crate::stripe::exchange::Now;
use crate::walk::Fetched;

/// Bytes of payload after which a group is committed and gathers no longer.
pub(super) const GROUP_BYTES: usize = 32 << 20;
/// A run that was taken over without notice learns of it after this time, and leaves Stripe's limits to the new
/// process.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Rows and the events that describe them. The rows are appended first, then the events.
#[derive(Debug, Clone)]
pub struct Group {
    /// For the raw table.
    pub rows: Commit,
    /// For the checkpoint table.
    pub checkpoint: Commit,
    /// Pages in it that this run fetched, in contrast to recovered ones.
    pub fetched: usize,
}

/// The commit of an attempt that a run adds its part to, beside the runs of other accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Joint {
    /// Number of the commit.
    pub(super) sequence: i64,
    /// Whether the run may end with it.
    pub(super) may_end: bool,
}

/// How far the groups of an attempt are.
#[derive(Debug)]
pub(super) struct Groups {
    pub(super) numbering: Numbering,
    next_page_number: i64,
    batches: Batches,
    /// When the last group was handed over.
    last_group: Duration,
    /// When a commit that must be seen was last handed over.
    last_look: Duration,
    /// Whether the buffers are too full to gather longer.
    is_flushing: bool,
    /// Whether rows were handed over.
    has_landed: bool,
    /// Number of rows that were handed over last.
    landing_rows: u64,
    /// Number of rows in the groups before.
    rows: u64,
    /// The first object of this attempt that cannot be a row, as its event names it.
    first_refused: Option<String>,
}

impl Groups {
    pub(super) fn new() -> Self {
        Self {
            numbering: Numbering::new(),
            next_page_number: 1,
            batches: Batches::default(),
            last_group: Duration::ZERO,
            last_look: Duration::ZERO,
            is_flushing: false,
            has_landed: false,
            landing_rows: 0,
            rows: 0,
            first_refused: None,
        }
    }

    /// Time counts from now.
    pub(super) const fn begin(&mut self, now: Now) {
        self.last_group = now.monotonic;
        self.last_look = now.monotonic;
    }

    /// The run has pages up to that number already.
    pub(super) const fn go_on_behind(&mut self, page_number: i64) {
        self.next_page_number = page_number + 1;
    }

    /// The next group is not gathered any longer.
    pub(super) const fn flush(&mut self) {
        self.is_flushing = true;
    }

    /// When the next group has gathered for that long.
    pub(super) fn due_at(&self, interval: Duration) -> Duration {
        self.last_group + interval
    }

    pub(super) const fn first_refused(&self) -> Option<&String> {
        self.first_refused.as_ref()
    }

    /// Number of rows in groups that were committed.
    pub(super) const fn rows(&self) -> u64 {
        self.rows
    }

    /// Begins a group of these pages. Returns whether its events must be seen.
    fn begin_group(&mut self, now: Now, pages: &[Fetched]) -> bool {
        self.last_group = now.monotonic;
        self.is_flushing = false;
        let must_be_seen =
            now.monotonic >= self.last_look + LOOK_EVERY || pages.iter().any(Fetched::is_link_without_rows);
        if must_be_seen {
            self.last_look = now.monotonic;
        }
        must_be_seen
    }
}

impl Run {
    /// The next group, if one is due. A further call means that the group before has been committed.
    ///
    /// # Errors
    /// A page that does not fit its columns.
    pub fn poll_group(&mut self, now: Now) -> Result<Option<Group>> {
        self.confirm();
        self.part(now, None)
    }

    /// What the run adds to a commit of its attempt, or, without one, the next group of its own if one is due.
    pub(super) fn part(&mut self, now: Now, joint: Option<Joint>) -> Result<Option<Group>> {
        if self.stage >= Stage::Closed {
            return Ok(None);
        }
        if let Some(joint) = joint {
            self.join(joint);
        }
        let may_end = joint.is_none_or(|joint| joint.may_end);
        if self.is_new() && self.claim == Claim::None {
            return self.first_group(now, may_end);
        }
        if let Some(recovered) = self.recovery.take_pages() {
            return self.without_rows(recovered.into_iter().map(Kind::Page).collect(), false, now).map(Some);
        }
        let due = if joint.is_none() { self.due(now) } else { Some(self.gathered().1).filter(|count| *count > 0) };
        let Some(count) = due else { return if joint.is_some() { self.end(now, may_end) } else { Ok(None) } };
        if let Some(refusals) = self.refusals(count, now)? {
            return Ok(Some(refusals));
        }
        let group = self.walk.take_pages(count);
        // The rows that would follow are in the same commit: they would hide such a page. The next attempt reads them.
        if self.groups.numbering.is_in_wave() && group.iter().any(Fetched::is_link_without_rows) {
            self.discard();
        }
        let requested = group.iter().filter(|fetched| fetched.facts.was_requested()).count();
        let mut must_be_seen = self.groups.begin_group(now, &group);
        let sequence = self.groups.numbering.next_sequence();
        let version = commit_version(self.plan.epoch, sequence);
        let mut batches = Vec::with_capacity(count);
        let mut kinds = Vec::with_capacity(count + 1);
        for fetched in group {
            self.note_cut(version, fetched.page.json.iter().flatten());
            let page_number = self.take_in(&fetched, &mut kinds);
            if !fetched.page.is_empty() {
                batches.push(self.batch(fetched, page_number, version)?);
            }
        }
        if !batches.is_empty() {
            self.landing = Some(LandedCommit { run_id: Some(self.plan.run_id.clone()), version });
            self.groups.landing_rows = batches.iter().map(|batch| batch.num_rows() as u64).sum();
        }
        // An attempt that gives a run up has no pages, and so no such group.
        if may_end && self.has_whole_list() && self.walk.pages().is_empty() {
            self.stage = Stage::Closed;
            kinds.push(Kind::Completed);
            must_be_seen = true;
        }
        let checkpoint = Commit { must_be_seen, ..self.events(kinds, sequence, now)? };
        // A new run has not fenced the raw table. If that has newer transactions than the checkpoint table has events, an
        // engine that skips silently would drop the rows.
        let is_first = self.is_new() && !self.groups.has_landed;
        self.groups.has_landed |= !batches.is_empty();
        let rows = Commit { must_be_seen: is_first, ..self.commit(batches, sequence) };
        Ok(Some(Group { rows, checkpoint, fetched: requested }))
    }

    /// The next commit is shared with other runs.
    pub(super) fn join(&mut self, joint: Joint) {
        self.groups.numbering.join(joint.sequence);
    }

    /// The end of a run that came without pages: it was held back, or an earlier attempt has read everything.
    fn end(&mut self, now: Now, may_end: bool) -> Result<Option<Group>> {
        if !(may_end && self.has_whole_list() && self.walk.pages().is_empty()) {
            return Ok(None);
        }
        let kinds = self.closing();
        self.stage = Stage::Closed;
        let sequence = self.groups.numbering.next_sequence();
        let checkpoint = Commit { must_be_seen: true, ..self.events(kinds, sequence, now)? };
        Ok(Some(Group { rows: self.commit(Vec::new(), sequence), checkpoint, fetched: 0 }))
    }

    /// The group that was handed over last has been committed.
    pub(super) fn confirm(&mut self) {
        if self.claim == Claim::Pending {
            self.claim = Claim::Made;
        }
        if self.stage == Stage::Closed {
            self.stage = Stage::Confirmed;
        }
        self.landed = self.landing.take().or_else(|| self.landed.take());
        self.groups.rows += std::mem::take(&mut self.groups.landing_rows);
    }

    /// Numbers a page, and adds its event. Returns the number.
    pub(super) fn take_in(&mut self, fetched: &Fetched, kinds: &mut Vec<Kind>) -> i64 {
        self.seen = self.seen.max(fetched.seen);
        self.answered = self.answered.max(fetched.answered);
        let page_number = self.groups.next_page_number;
        self.groups.next_page_number += 1;
        if !fetched.is_refusal {
            kinds.push(Kind::Page(page_event(fetched, page_number)));
        }
        page_number
    }

    /// Whether the list was read to its end.
    pub(super) fn has_whole_list(&self) -> bool {
        self.walk.has_read_all() && self.walk.error().is_none()
    }

    /// The events of the objects refused in the pages of the group that is due, as a group of their own. They come
    /// first: once a page's rows are in the table, no other attempt reads it again, and the rows do not show which
    /// objects are not among them.
    fn refusals(&mut self, count: usize, now: Now) -> Result<Option<Group>> {
        let entity = self.context.scope.entity.name;
        let mut kinds = Vec::new();
        for (page_number, fetched) in (self.groups.next_page_number..).zip(self.walk.first_pages(count)) {
            let request_id = fetched.facts.request_id.as_deref();
            for refused in std::mem::take(&mut fetched.page.refused) {
                let message = refused_line(entity, page_number, &refused, request_id);
                self.groups.first_refused.get_or_insert_with(|| message.clone());
                let parent_id = refused.id.filter(|_| matches!(refused.fault, Fault::ListRefused(_)));
                let request_id = request_id.map(str::to_owned);
                kinds.push(Kind::Refused { page_number, request_id, parent_id, message });
            }
        }
        if kinds.is_empty() {
            return Ok(None);
        }
        // If it were silently dropped, the page's rows could still land before a rival's second fence.
        self.without_rows(kinds, true, now).map(Some)
    }

    /// A group of events alone.
    fn without_rows(&mut self, kinds: Vec<Kind>, must_be_seen: bool, now: Now) -> Result<Group> {
        let sequence =
            if self.groups.numbering.is_in_wave() { wave::REFUSALS } else { self.groups.numbering.next_sequence() };
        let checkpoint = Commit { must_be_seen, ..self.events(kinds, sequence, now)? };
        Ok(Group { rows: self.commit(Vec::new(), sequence), checkpoint, fetched: 0 })
    }

    /// Whether a caller that waits for a group should look again: one is due, or the first page of one has come.
    #[must_use]
    pub fn has_news(&self, now: Now) -> bool {
        self.walk.pages().len() == 1 || self.due(now).is_some() || self.has_read_all()
    }

    /// Number of pages in the group that is due now.
    fn due(&self, now: Now) -> Option<usize> {
        let interval = self.context.options.commit_interval;
        if self.walk.pages().is_empty() {
            return None;
        }
        if interval.is_zero() {
            return Some(1);
        }
        let (bytes, count) = self.gathered();
        let is_full = bytes >= GROUP_BYTES || count < self.walk.pages().len();
        let gathered = now.monotonic >= self.groups.due_at(interval);
        (is_full || gathered || self.groups.is_flushing || self.has_read_all()).then_some(count)
    }

    /// The bytes of the pages that wait, and how many of them one group may have.
    pub(super) fn gathered(&self) -> (usize, usize) {
        let (mut bytes, mut has_hidden_link) = (0, false);
        for (at, fetched) in self.walk.pages().iter().enumerate() {
            // No row shows such a page. If rows followed it in its group, they would hide it in a recovered group.
            if has_hidden_link && !fetched.page.is_empty() {
                return (bytes, at);
            }
            has_hidden_link |= fetched.is_link_without_rows();
            bytes += page_bytes(fetched.page.json.value_data().len());
            if bytes >= GROUP_BYTES {
                return (bytes, at + 1);
            }
        }
        (bytes, self.walk.pages().len())
    }

    fn batch(&mut self, fetched: Fetched, page_number: i64, commit_version: i64) -> Result<RecordBatch> {
        let facts = RowFacts {
            scope: self.context.scope.clone(),
            run_id: self.plan.run_id.clone(),
            ingested_at_micros: fetched.received_at_micros,
            page_number,
            page: fetched.facts,
            commit_version,
            origins: fetched.origins,
        };
        self.groups.batches.batch(&fetched.page, &facts)
    }
}

fn refused_line(entity: &str, page_number: i64, refused: &Refused, request_id: Option<&str>) -> String {
    if let Fault::ListRefused(line) = &refused.fault {
        let parent = refused.id.as_deref().map(foreign).unwrap_or_default();
        let why = line.strip_prefix(entity).and_then(|line| line.strip_prefix(": ")).unwrap_or(line);
        return format!("{entity}: the list of {parent} did not land: {why}");
    }
    let id = refused.id.as_deref().map(|id| format!(" ({})", foreign(id))).unwrap_or_default();
    format!(
        "{entity}: object {}{id} of page {page_number} cannot be a row and did not land: {} [request {}]; \
         ask Stripe's support about that request",
        refused.position + 1,
        refused.fault,
        request_id.unwrap_or("without id")
    )
}

fn page_event(fetched: &Fetched, page_number: i64) -> PageEvent {
    PageEvent {
        page_number,
        row_count: i64::try_from(fetched.page.len()).unwrap_or(i64::MAX),
        unchanged_count: i64::try_from(fetched.unchanged).unwrap_or(i64::MAX),
        facts: fetched.facts.clone(),
        min_created: fetched.min_created,
        max_created: fetched.max_created,
        rows_digest: rows_digest(fetched.page.sha256.iter().flatten()),
        recovered: false,
    }
}
