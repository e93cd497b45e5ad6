//! What a process remembers, and what follows from it.

use super::{ACCOUNTS, GROUP, Job, OBJECTS, Page, Phase, Process, Step, Walk};

const OFF: Walk = Walk { phase: Phase::Off, run: 0, cursor: 0, number: 0, is_started: false };

pub(super) const GONE: Process = Process {
    step: Step::Gone,
    epoch: 0,
    sequence: 0,
    is_claimed: false,
    resumes: false,
    gives_up: false,
    in_wave: false,
    walks: [OFF; ACCOUNTS],
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

impl Walk {
    /// The page of an event that only names the walk's run.
    pub(super) fn of_run(self, account: usize) -> Page {
        Page { account: u8::try_from(account).expect("few"), run: self.run, ..Page::default() }
    }

    /// Whether its run is not over as far as the process knows.
    pub(super) fn is_under_way(self) -> bool {
        matches!(self.phase, Phase::Reads | Phase::Read | Phase::Fails)
    }
}

impl Process {
    /// A process that begins its job.
    pub(super) fn at(job: Job) -> Self {
        let mut process = Self { step: Step::ReadEvents, gives_up: job.gives_up, in_wave: job.in_wave, ..GONE };
        for (account, walk) in process.walks.iter_mut().enumerate() {
            walk.phase = if job.accounts & (1 << account) == 0 { Phase::Off } else { Phase::Reads };
        }
        process
    }

    /// A process that is gone remembers nothing.
    pub(super) fn tidied(self) -> Self {
        if self.step == Step::Gone { GONE } else { self }
    }

    pub(super) fn reads(&self) -> bool {
        self.walks.iter().any(|walk| walk.phase == Phase::Reads)
    }

    /// The next step of an attempt that has claimed.
    pub(super) fn goes_on(&self) -> Step {
        match () {
            () if self.gives_up => Step::GiveUp,
            () if self.in_wave && self.fetched == 0 => Step::Gone,
            () if self.in_wave => Step::AppendRows,
            () if self.reads() => Step::Fetch,
            () if self.fetched > 0 => Step::AppendRows,
            () if self.walks.iter().copied().any(Walk::is_under_way) => Step::AppendEvents,
            () => Step::Gone,
        }
    }

    /// The process after reading an account has failed for good.
    pub(super) fn fails(self, account: usize) -> Self {
        let mut next = self;
        let walk = &mut next.walks[account];
        let has_page = self.pending().iter().any(|page| usize::from(page.account) == account);
        // Without a run there is nothing to end.
        *walk = if walk.is_started || has_page { Walk { phase: Phase::Fails, ..*walk } } else { OFF };
        let is_over = !next.walks.iter().copied().any(Walk::is_under_way);
        if is_over { GONE } else { next }
    }
}
