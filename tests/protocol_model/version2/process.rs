//! What a process remembers, and what follows from it.

use super::{ACCOUNTS, Event, GROUP, Kind, OBJECTS, Page, Phase, Process, Step, Variant, Walk};

pub(super) const GONE: Process = Process {
    step: Step::Gone,
    epoch: 0,
    sequence: 0,
    is_claimed: false,
    resumes: false,
    gives_up: false,
    walks: [Walk { phase: Phase::Off, run: 0, cursor: 0, number: 0 }; ACCOUNTS],
    known: [0; OBJECTS],
    pending: [Page { account: 0, run: 0, number: 0, object: 0, content: 0, has_row: false, closes: false }; GROUP],
    fetched: 0,
};

impl Page {
    /// The page of an event that only names a run.
    pub(super) fn of_run(self) -> Self {
        Self { account: self.account, run: self.run, ..Self::default() }
    }
}

impl Process {
    /// A process that is gone remembers nothing.
    pub(super) fn tidied(self) -> Self {
        if self.step == Step::Gone { GONE } else { self }
    }

    pub(super) fn goes_on(&self) -> Step {
        if self.gives_up {
            return Step::GiveUp;
        }
        let reads = self.walks.iter().any(|walk| walk.phase == Phase::Reads);
        if reads { Step::Fetch } else { Step::AppendEvents }
    }

    /// Whether it may fetch one page more before it commits.
    pub(super) fn may_fetch(&self, variant: Variant) -> bool {
        let pending = &self.pending[..usize::from(self.fetched)];
        let ends_group = |page: &Page| !page.has_row && !page.closes && variant != Variant::EmptyPageInside;
        self.walks.iter().any(|walk| walk.phase == Phase::Reads)
            && pending.len() < GROUP
            && !pending.last().is_some_and(ends_group)
    }

    /// Whether what it has may be committed. Before the claim that waits until it is known whether there is anything to
    /// land: a row, or a list that goes on.
    pub(super) fn may_commit(&self) -> bool {
        let reads = self.walks.iter().any(|walk| walk.phase == Phase::Reads);
        self.fetched > 0 && (self.is_claimed || !reads || !self.lands_nothing())
    }

    /// Whether all that was read is without rows, and whole.
    pub(super) fn lands_nothing(&self) -> bool {
        let pending = &self.pending[..usize::from(self.fetched)];
        pending.iter().all(|page| !page.has_row && page.closes)
    }

    /// It begins to commit what it has.
    pub(super) fn commits(self) -> Self {
        Self { step: if self.is_claimed { Step::AppendRows } else { Step::Claim }, ..self }
    }

    /// The events of the claim; of a run that is whole already, with its pages and its end.
    pub(super) fn claim(&self, variant: Variant, is_whole: bool, event: &impl Fn(Kind, Page) -> Event) -> Vec<Event> {
        let of_runs = |kind: Kind| {
            let claimed = (0..).zip(&self.walks).filter(|(_, walk)| walk.phase != Phase::Off);
            claimed.map(move |(account, walk)| event(kind, Page { account, run: walk.run, ..Page::default() }))
        };
        let mut events: Vec<Event> = of_runs(Kind::Started).collect();
        if is_whole {
            let pending = &self.pending[..usize::from(self.fetched)];
            events.extend(pending.iter().map(|page| event(Kind::Committed, *page)));
        }
        if is_whole || (variant == Variant::EndRidesWithClaim && !self.resumes) {
            events.extend(of_runs(Kind::Completed));
        }
        events
    }

    /// The events of the group, with the ends of the lists that it ends.
    pub(super) fn events(&self, event: &impl Fn(Kind, Page) -> Event) -> Vec<Event> {
        let pending = self.pending[..usize::from(self.fetched)].iter();
        let ended = (0..).zip(&self.walks).filter(|(_, walk)| walk.phase == Phase::Read);
        let ends =
            ended.map(|(account, walk)| event(Kind::Completed, Page { account, run: walk.run, ..Page::default() }));
        pending.map(|page| event(Kind::Committed, *page)).chain(ends).collect()
    }

    /// The process after its group.
    pub(super) fn committed(self) -> Self {
        let mut next = Self { pending: GONE.pending, fetched: 0, sequence: self.sequence + 1, ..self };
        for page in &self.pending[..usize::from(self.fetched)] {
            if page.has_row {
                next.known[usize::from(page.object)] = page.content + 1;
            }
        }
        for walk in next.walks.iter_mut().filter(|walk| walk.phase == Phase::Read) {
            walk.phase = Phase::Done;
        }
        let reads = next.walks.iter().any(|walk| walk.phase == Phase::Reads);
        Self { step: if reads { Step::Fetch } else { Step::Gone }, ..next }
    }
}
