//! What an attempt commits next: the accounts that join, the pages, and the ends.

use super::process::GONE;
use super::{ACCOUNTS, Event, GROUP, Kind, PAGES, Page, Phase, Process, Step, Variant, Walk};

/// A commit of events, and the rows before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group {
    /// The accounts of which it has RUN_STARTED.
    pub(super) joins: [bool; ACCOUNTS],
    /// The pages that it has, of those that are pending.
    pub(super) has_page: [bool; GROUP],
    /// The accounts whose ends it has.
    pub(super) ends: [bool; ACCOUNTS],
}

impl Process {
    pub(super) fn pending(&self) -> &[Page] {
        &self.pending[..usize::from(self.fetched)]
    }

    fn pending_of(&self, account: usize) -> impl Iterator<Item = &Page> {
        self.pending().iter().filter(move |page| usize::from(page.account) == account)
    }

    pub(super) fn group(&self, variant: Variant) -> Group {
        let mut group = Group { joins: [false; ACCOUNTS], has_page: [false; GROUP], ends: [false; ACCOUNTS] };
        let mut takes_pages = [false; ACCOUNTS];
        for (account, walk) in self.walks.iter().enumerate() {
            group.joins[account] = !walk.is_started && self.pending_of(account).next().is_some();
            // What joins and lands no row is one commit.
            let is_whole = walk.phase == Phase::Read && self.pending_of(account).all(|page| !page.has_row);
            let may_land = is_whole || (variant == Variant::RowsBeforeJoin && self.is_claimed);
            takes_pages[account] = walk.is_started || (group.joins[account] && may_land);
            // Whatever goes wrong in a wave is for the next attempt to say.
            let has_end = walk.phase == Phase::Read || (walk.phase == Phase::Fails && !self.in_wave);
            group.ends[account] = takes_pages[account] && has_end;
        }
        for (has_page, page) in group.has_page.iter_mut().zip(self.pending()) {
            *has_page = takes_pages[usize::from(page.account)];
        }
        self.keep_anchor(variant, &mut group);
        group
    }

    /// While accounts are still to join, one of the runs stays visibly unfinished.
    fn keep_anchor(&self, variant: Variant, group: &mut Group) {
        let walks = || self.walks.iter().enumerate();
        let is_to_join =
            |(account, walk): (usize, &Walk)| walk.phase == Phase::Reads && !walk.is_started && !group.joins[account];
        let goes_on = |(account, walk): (usize, &Walk)| {
            let has_failed = matches!(walk.phase, Phase::Fails | Phase::Failed);
            let is_under_way = walk.is_under_way() && !group.ends[account];
            (walk.is_started || group.joins[account])
                && (is_under_way || (has_failed && variant == Variant::FailedIsAnchor))
        };
        // No account joins a wave.
        if variant == Variant::NoAnchor || self.in_wave || !walks().any(is_to_join) || walks().any(goes_on) {
            return;
        }
        if let Some(end) = group.ends.iter_mut().find(|ends| **ends) {
            *end = false;
        }
    }

    /// Whether it may fetch one page more of an account before it commits.
    pub(super) fn may_fetch(&self, variant: Variant, account: usize) -> bool {
        let ends_group = |page: &Page| !page.has_row && !page.closes && variant != Variant::EmptyPageInside;
        self.walks[account].phase == Phase::Reads
            && self.pending().len() < self.room()
            && !self.pending_of(account).last().is_some_and(ends_group)
    }

    fn room(&self) -> usize {
        if self.in_wave { GROUP } else { PAGES }
    }

    /// Whether what it has may be committed. A wave may be over at any time. Otherwise, before the claim that waits until it is known whether there is anything to
    /// land: a row, or a list that goes on; or until there is no room for more.
    pub(super) fn may_commit(&self, variant: Variant) -> bool {
        let lands_nothing = self.pending().iter().all(|page| !page.has_row && page.closes);
        let is_due =
            self.in_wave || self.is_claimed || !self.reads() || !lands_nothing || self.pending().len() == self.room();
        let group = self.group(variant);
        is_due && [&group.joins[..], &group.has_page, &group.ends].into_iter().flatten().any(|has| *has)
    }

    /// It begins to commit what it has.
    pub(super) fn commits(self) -> Self {
        Self { step: if self.is_claimed { Step::AppendRows } else { Step::Claim }, ..self }
    }

    pub(super) fn pages_of(&self, group: Group) -> Vec<Page> {
        self.pending().iter().zip(group.has_page).filter(|(_, has_page)| *has_page).map(|(page, _)| *page).collect()
    }

    /// The events of a group.
    pub(super) fn events(&self, variant: Variant, group: Group, event: &impl Fn(Kind, Page) -> Event) -> Vec<Event> {
        let end = |walk: &Walk| match walk.phase {
            Phase::Fails if variant != Variant::CompletesFailed => Kind::Failed,
            _ => Kind::Completed,
        };
        let walks = || self.walks.iter().enumerate();
        let of_run = |kind: Kind, (account, walk): (usize, &Walk)| event(kind, walk.of_run(account));
        let starts = walks().filter(|(account, _)| group.joins[*account]).map(|walk| of_run(Kind::Started, walk));
        let pages = self.pages_of(group).into_iter().map(|page| event(Kind::Committed, page));
        let ends = walks().filter(|(account, _)| group.ends[*account]).map(|walk| of_run(end(walk.1), walk));
        starts.chain(pages).chain(ends).collect()
    }

    /// The process after its group.
    pub(super) fn committed(self, group: Group) -> Self {
        let mut next =
            Self { pending: GONE.pending, fetched: 0, sequence: self.sequence + 1, is_claimed: true, ..self };
        for (page, is_committed) in self.pending().iter().zip(group.has_page) {
            if !is_committed {
                next.pending[usize::from(next.fetched)] = *page;
                next.fetched += 1;
            } else if page.has_row {
                next.known[usize::from(page.object)] = page.content + 1;
            }
        }
        for (account, walk) in next.walks.iter_mut().enumerate() {
            walk.is_started |= group.joins[account];
            if group.ends[account] {
                walk.phase = if walk.phase == Phase::Fails { Phase::Failed } else { Phase::Done };
            }
        }
        next.step = next.goes_on();
        next
    }
}
