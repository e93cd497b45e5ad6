//! The commits of an attempt: each has the parts of all runs that have something to commit.

use std::time::Duration;

use super::{Attempt, Member};
use crate::error::{Class, Error, Result};
use crate::run::commit::Commit;
use crate::run::group::Joint;
use crate::run::{Group, Run};
use crate::stripe::exchange::Now;

/// Rows and the events that describe them, of all runs that have a part. The rows are appended first, then the events.
#[derive(Debug, Clone)]
pub struct JointGroup {
    /// For the raw table.
    pub rows: Commit,
    /// For the checkpoint table.
    pub checkpoint: Commit,
    /// The runs that have a part in it, and how many of their pages were fetched.
    pub fetched: Vec<(Member, usize)>,
}

/// What a run would add to a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Nothing: it reads.
    None,
    /// Something after which it goes on.
    GoesOn,
    /// Its end.
    Ends,
    /// Nothing, and there will be nothing: it is left out.
    Skipped,
}

impl Attempt {
    /// The next group, if one is due. A further call means that the group before has been committed.
    ///
    /// # Errors
    /// A page that does not fit its columns.
    pub fn poll_group(&mut self, now: Now) -> Result<Option<JointGroup>> {
        if let Some(run) = self.alone_mut() {
            return Ok(run.poll_group(now)?.map(JointGroup::of));
        }
        self.confirm(now);
        if self.is_due(now) { self.gather(now) } else { Ok(None) }
    }

    /// When to poll again, if nothing else happens before: then a retry is due, or a group has gathered long enough.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        if let Some(run) = self.alone() {
            return run.poll_timeout();
        }
        let group = self.has_to_commit().then(|| self.last_group + self.interval());
        [self.next_retry(), group].into_iter().flatten().min()
    }

    /// Whether a caller that waits for a group should look again: one is due, or the first page of one has come.
    #[must_use]
    pub fn has_news(&self, now: Now) -> bool {
        if let Some(run) = self.alone() {
            return run.has_news(now);
        }
        let pages: usize = self.open.iter().filter_map(|at| Some(self.run(*at)?.walk().pages().len())).sum();
        pages == 1 || self.is_due(now) || self.wants_more() || self.has_read_all()
    }

    /// The group that was handed over last has been committed.
    fn confirm(&mut self, now: Now) {
        for member in std::mem::take(&mut self.handed) {
            let Some(run) = self.run_mut(member) else { continue };
            run.confirm();
            if run.is_over() {
                self.close(member, now);
            }
        }
    }

    fn interval(&self) -> Duration {
        self.runs().next().map(|run| run.options().commit_interval).unwrap_or_default()
    }

    /// The runs that have a part in the next commit.
    fn parts(&self) -> Vec<(Member, Part)> {
        let part = |member: &Member| Some((*member, self.part(self.run(*member)?)));
        self.open.iter().filter_map(part).filter(|(_, part)| *part != Part::None).collect()
    }

    /// Whether a commit would have anything. An end that is held back waits for other runs, and not for a moment.
    fn has_to_commit(&self) -> bool {
        let parts = self.parts();
        let has_pages = |member: Member| self.run(member).is_some_and(|run| !run.walk().pages().is_empty());
        let held = self.may_end(&parts);
        parts.iter().any(|(member, part)| match held {
            _ if *part == Part::Skipped => true,
            None => false,
            Some(Ends::All) => true,
            Some(Ends::AllBut(held)) => *member != held || has_pages(held),
        })
    }

    /// Whether the parts are to be committed now.
    fn is_due(&self, now: Now) -> bool {
        let parts: Vec<&Run> = self.parts().into_iter().filter_map(|(member, _)| self.run(member)).collect();
        if parts.is_empty() {
            return false;
        }
        let has_pages = parts.iter().any(|run| !run.walk().pages().is_empty());
        let interval = self.interval();
        // At once if there is something to land: another process may be about to read the same.
        let is_first_claim = self.sequence.is_none() && parts.iter().any(|run| run.is_to_claim());
        is_first_claim
            || self.is_full(&parts)
            || (has_pages && (self.is_flushing || interval.is_zero()))
            || now.monotonic >= self.last_group + interval
            || self.has_read_all()
    }

    /// Whether the pages that wait are enough for a commit. Those of runs that have yet to join come with the commit after
    /// it. So that each commit has rows, one waits for the joins of the next, as long as there may be any.
    fn is_full(&self, parts: &[&Run]) -> bool {
        let bytes = |is_joined: bool| {
            let parts = parts.iter().filter(|run| run.is_to_join() != is_joined);
            parts.map(|run| run.gathered().0).sum::<usize>()
        };
        let (joined, to_join) = (bytes(true), bytes(false));
        let enough = self.bounds.joint_bytes;
        let most = if self.others_come() { 2 * enough } else { enough };
        to_join >= enough || joined + to_join >= most
    }

    /// Whether so many pages wait that no run begins before the next commit: more would only take memory.
    pub(super) fn has_enough(&self) -> bool {
        let open = self.open.iter().filter_map(|member| self.run(*member));
        open.map(|run| run.gathered().0).sum::<usize>() >= 2 * self.bounds.joint_bytes
    }

    /// Whether runs are to join after those that have pages.
    fn others_come(&self) -> bool {
        self.expects_more || !self.waiting.is_empty() || self.reading().any(Run::is_to_join)
    }

    /// The part that a run has.
    fn part(&self, run: &Run) -> Part {
        if let Some(error) = run.error() {
            return match &self.error {
                // All runs end together, when the caller says why.
                Some(_) => Part::None,
                None if error.class == Class::Product && run.may_be_skipped() && run.is_new() => Part::Skipped,
                None => Part::Ends,
            };
        }
        let has_pages = !run.walk().pages().is_empty() || run.has_recovered_pages();
        if run.is_to_join() {
            return match has_pages {
                _ if run.lands_nothing() => Part::Ends,
                true => Part::GoesOn,
                false => Part::None,
            };
        }
        let is_last = run.has_whole_list() && run.gathered().1 == run.walk().pages().len();
        match is_last && !run.has_recovered_pages() && !run.has_refused_objects() {
            true => Part::Ends,
            false if has_pages => Part::GoesOn,
            false => Part::None,
        }
    }

    /// Puts the parts together.
    fn gather(&mut self, now: Now) -> Result<Option<JointGroup>> {
        // If nothing comes of it, the next try is not at once.
        self.last_group = now.monotonic;
        let is_flushing = std::mem::take(&mut self.is_flushing);
        let mut parts = self.parts();
        for (member, _) in parts.extract_if(.., |(_, part)| *part == Part::Skipped).collect::<Vec<_>>() {
            self.close(member, now);
        }
        let Some(may_end) = self.may_end(&parts) else { return Ok(None) };
        let sequence = self.sequence.map_or(0, |sequence| sequence + 1);
        let (mut groups, mut bytes) = (Vec::new(), 0);
        for (member, _) in parts {
            // A run that joins has no rows yet.
            let is_to_join = self.run(member).is_some_and(Run::is_to_join);
            if !is_to_join && bytes >= self.bounds.joint_bytes {
                continue;
            }
            let joint = Joint { sequence, may_end: may_end != Ends::AllBut(member) };
            let Some(run) = self.run_mut(member) else { continue };
            if !is_to_join {
                bytes += run.gathered().0;
            }
            let group = match run.error().cloned() {
                Some(_) if !joint.may_end => None,
                Some(error) => Some(run.failure(error.class.name(), &error.to_string(), joint, now)?),
                None => run.part(now, Some(joint))?,
            };
            groups.extend(group.map(|group| (member, group)));
        }
        let group = self.hand_over(sequence, groups)?;
        // Runs have joined: their pages still wait, and the buffers are as full as before.
        self.is_flushing = is_flushing && group.as_ref().is_some_and(|group| group.rows.batches.is_empty());
        Ok(group)
    }

    fn hand_over(&mut self, sequence: i64, groups: Vec<(Member, Group)>) -> Result<Option<JointGroup>> {
        if groups.is_empty() {
            return Ok(None);
        }
        self.sequence = Some(sequence);
        self.handed = groups.iter().map(|(member, _)| *member).collect();
        let mut group = JointGroup::merged(groups)?;
        if !group.rows.batches.is_empty() {
            // No fence of the raw table stands before the first rows if all runs are new.
            group.rows.must_be_seen = self.is_new() && !self.has_landed;
            self.has_landed = true;
        }
        Ok(Some(group))
    }

    /// Which runs may end with the group. As long as others are to join, one run at least is seen to go on: so another
    /// process can see that this attempt may still begin runs. `None` if no run could be that one.
    fn may_end(&self, parts: &[(Member, Part)]) -> Option<Ends> {
        let part = |member: &Member| parts.iter().find(|part| part.0 == *member).map_or(Part::None, |part| part.1);
        let is_begun = |member: &Member| self.run(*member).is_some_and(Run::is_claimed);
        let is_under_way = |member: &Member| self.run(*member).is_some_and(Run::is_under_way);
        let has_failed = |member: &Member| self.run(*member).is_some_and(|run| run.error().is_some());
        let joins_later = |member: &Member| part(member) == Part::None && !is_begun(member) && !has_failed(member);
        // After an error that ends all runs, those that are still answered join if they have pages.
        let are_planned = self.error.is_none() && (self.expects_more || !self.waiting.is_empty());
        let others_come = are_planned || self.open.iter().any(joins_later);
        let goes_on = |member: &Member| match part(member) {
            Part::None => is_under_way(member),
            part => part == Part::GoesOn,
        };
        // The runs of a wave are claimed together, and none begins after that.
        let is_wave = self.runs().any(Run::is_in_wave);
        if !others_come || is_wave || self.open.iter().any(goes_on) {
            return Some(Ends::All);
        }
        // A run that has failed and was not begun would not be seen, and one that is over is seen to be over.
        let joins = |member: &Member| !is_begun(member) && !has_failed(member);
        let is_seen = |member: &Member| is_under_way(member) || joins(member);
        let last = parts.iter().filter(|(_, part)| *part == Part::Ends).map(|(member, _)| *member).rfind(is_seen);
        last.map(Ends::AllBut)
    }

    /// RUN_FAILED of all runs that have begun to read, with a masked line. A new run without a claim has its RUN_STARTED
    /// in the same commit; but only as long as another process sees that this attempt may still begin runs: else that
    /// process may have begun one of the same account.
    ///
    /// # Errors
    /// The runs have ended, or it is not known whether they have begun: a rival may have the number of this attempt.
    pub fn failed(&mut self, class: &str, message: &str, now: Now) -> Result<Commit> {
        if let Some(run) = self.alone_mut() {
            return run.failed(class, message, now);
        }
        let nothing = || Error::usage("RUN_FAILED follows RUN_STARTED, and nothing follows the end");
        if self.sequence == Some(0) && !self.handed.is_empty() {
            return Err(nothing());
        }
        let joint = Joint { sequence: self.sequence.map_or(0, |sequence| sequence + 1), may_end: true };
        let may_begin = self.sequence.is_none() || self.runs().any(Run::is_under_way);
        let mut groups = Vec::new();
        for member in [self.open.clone(), std::mem::take(&mut self.dismissed)].concat() {
            let may_fail = |run: &&mut Run| run.may_fail() && (may_begin || run.is_claimed());
            let Some(run) = self.run_mut(member).filter(may_fail) else { continue };
            groups.push((member, run.failure(class, message, joint, now)?));
        }
        let group = self.hand_over(joint.sequence, groups)?;
        Ok(group.ok_or_else(nothing)?.checkpoint)
    }

    /// The closing event that no group had; `None` if there is none.
    ///
    /// # Errors
    /// Something remains to be fetched or handed over, or an error ended the fetching.
    pub fn ended(&mut self, now: Now) -> Result<Option<Commit>> {
        if let Some(run) = self.alone_mut() {
            return run.ended(now).map(Some);
        }
        self.confirm(now);
        if let Some(error) = self.error() {
            return Err(error.clone());
        }
        if !self.is_finished() {
            return Err(Error::usage("the runs are not at their end: iterate to the last pair first"));
        }
        Ok(None)
    }
}

/// The runs that may end with a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    All,
    AllBut(Member),
}

impl JointGroup {
    fn of(Group { rows, checkpoint, fetched }: Group) -> Self {
        Self { rows, checkpoint, fetched: vec![(0, fetched)] }
    }

    /// The groups of several runs with the same number, as one.
    pub(super) fn merged(groups: Vec<(Member, Group)>) -> Result<Self> {
        let (count, fetched) = (groups.len(), groups.iter().map(|(member, group)| (*member, group.fetched)).collect());
        let mut groups = groups.into_iter().map(|(_, group)| group);
        let Some(Group { mut rows, mut checkpoint, .. }) = groups.next() else {
            return Err(Error::usage("no run has a part in the commit"));
        };
        for group in groups {
            rows.take_in(group.rows);
            checkpoint.take_in(group.checkpoint);
        }
        if count > 1 {
            rows.name_runs(count);
            checkpoint.name_runs(count);
        }
        Ok(Self { rows, checkpoint, fetched })
    }
}
