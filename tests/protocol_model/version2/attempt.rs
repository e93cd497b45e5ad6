//! An attempt, step by step.

use super::process::GONE;
use super::{
    ACCOUNT, Engine, Event, Kind, NOTHING, OBJECTS, Page, Phase, Process, Rules, State, Step, Variant, Violation, Walk,
    version,
};

impl State {
    /// The next page of an account.
    pub(super) fn list(&self, account: usize, me: &Process) -> Page {
        let Walk { run, cursor, number, .. } = me.walks[account];
        let is_next = |object: &usize| {
            ACCOUNT[*object] == account && self.alive & (1 << object) != 0 && *object >= usize::from(cursor)
        };
        let mut rest = (0..OBJECTS).filter(is_next);
        let page = Page { account: u8::try_from(account).expect("few"), run, number: number + 1, ..Page::default() };
        let Some(object) = rest.next() else { return Page { object: NOTHING, closes: true, ..page } };
        let content = self.contents[object];
        Page {
            object: u8::try_from(object).expect("few"),
            content,
            has_row: me.known[object] != content + 1,
            closes: rest.next().is_none(),
            ..page
        }
    }

    /// The state after one process has taken its step; `commits` where it may fetch or commit what it has.
    pub(super) fn step(mut self, rules: &Rules, id: usize, commits: bool) -> Result<Self, Violation> {
        let Rules { variant, engine, jobs, .. } = *rules;
        let me = self.processes[id];
        let owner = u8::try_from(id).expect("few processes");
        let own = version(me.epoch, me.sequence);
        let event = |kind, page| Event { kind, version: own, owner, page };
        // A table that refuses tells the process; one that skips does not.
        let after = |taken: bool, next: Process| if taken || engine == Engine::Skips { next } else { GONE };
        let pending = &me.pending[..usize::from(me.fetched)];
        self.processes[id] = match me.step {
            Step::NotStarted => {
                let job = jobs[id];
                let mut next = Process { step: Step::ReadEvents, gives_up: job.gives_up, ..me };
                for (account, walk) in next.walks.iter_mut().enumerate() {
                    walk.phase = if job.accounts & (1 << account) == 0 { Phase::Off } else { Phase::Reads };
                }
                if variant == Variant::ComparesBeforeEvents {
                    next.known = self.known();
                }
                next
            }
            Step::ReadEvents => self.plan(variant, me),
            Step::ReadRows => {
                let known = if variant == Variant::ComparesBeforeEvents { me.known } else { self.known() };
                Process { step: Step::Fetch, known, ..me }
            }
            Step::Fetch if commits => me.commits(),
            Step::Fetch => self.fetch(me),
            Step::Claim => {
                // A run that lands no row is one commit.
                let is_whole = !me.resumes && me.lands_nothing();
                let taken = self.append_events(&me.claim(variant, is_whole, &event), own, variant, false)?;
                let step = if is_whole { Step::Gone } else { Step::ReadBack };
                after(taken, Process { step, is_claimed: true, ..me }).tidied()
            }
            Step::ReadBack => {
                let is_mine =
                    |event: &Event| event.kind == Kind::Started && event.version == own && event.owner == owner;
                let needs_fence = if me.gives_up {
                    variant != Variant::NoRawFenceOnGiveUp
                } else {
                    variant != Variant::NoRawFenceOnResume
                };
                let step = match variant {
                    _ if !me.resumes => Step::AppendRows,
                    Variant::RawFenceFirst => Step::ReadState,
                    _ if needs_fence => Step::FenceRaw,
                    _ => Step::ReadState,
                };
                if self.events().any(is_mine) { Process { step, sequence: u8::from(!me.resumes), ..me } } else { GONE }
            }
            Step::FenceRaw => {
                let taken = self.append_rows(&[], own, variant)?;
                let step = if variant == Variant::RawFenceFirst { Step::Claim } else { Step::ReadState };
                after(taken, Process { step, ..me })
            }
            Step::ReadState => self.resume(variant, me)?,
            Step::Reconcile => {
                let orphans = self.orphans(&me);
                let events: Vec<Event> = orphans.iter().map(|page| event(Kind::Committed, *page)).collect();
                let taken = self.append_events(&events, own, variant, true)?;
                after(taken, Process { step: me.goes_on(), sequence: me.sequence + 1, ..me })
            }
            Step::AppendRows if variant == Variant::EventsBeforeRows && commits => me,
            Step::AppendRows => {
                if variant == Variant::EventsBeforeRows {
                    let events = me.events(&event);
                    self.append_events(&events, own, variant, false)?;
                }
                let taken = !pending.iter().any(|page| page.has_row) || self.append_rows(pending, own, variant)?;
                after(taken, Process { step: Step::AppendEvents, ..me })
            }
            Step::AppendEvents => {
                let events = me.events(&event);
                let taken = variant == Variant::EventsBeforeRows || self.append_events(&events, own, variant, false)?;
                // Nothing in the raw table shows such a page: were its event dropped, the next page would follow nothing.
                let must_be_seen = pending.iter().any(|page| !page.has_row && !page.closes);
                if !taken && must_be_seen && variant != Variant::EmptyPageNotSeen {
                    GONE
                } else {
                    after(taken, me.committed()).tidied()
                }
            }
            Step::GiveUp => {
                let given_up = |(account, walk): (u8, &Walk)| {
                    event(Kind::GivenUp, Page { account, run: walk.run, ..Page::default() })
                };
                let events: Vec<Event> =
                    (0..).zip(&me.walks).filter(|(_, walk)| walk.phase == Phase::Reads).map(given_up).collect();
                self.append_events(&events, own, variant, false)?;
                GONE
            }
            Step::Gone => me,
        };
        Ok(self)
    }

    /// The process with one page more.
    fn fetch(&self, me: Process) -> Process {
        let reads = |walk: &Walk| walk.phase == Phase::Reads;
        let account = me.walks.iter().position(reads).expect("it reads one");
        let page = self.list(account, &me);
        let mut next = me;
        next.pending[usize::from(me.fetched)] = page;
        next.fetched += 1;
        let walk = &mut next.walks[account];
        walk.number = page.number;
        walk.cursor = if page.object == NOTHING { walk.cursor } else { page.object + 1 };
        walk.phase = if page.closes { Phase::Read } else { Phase::Reads };
        next
    }

    /// The plan of an attempt, from the events.
    pub(super) fn plan(&self, variant: Variant, me: Process) -> Process {
        let epoch = self.events().map(|event| event.version >> 4).max().unwrap_or(0) + 1;
        let mut next = Process { epoch, ..me };
        for (account, walk) in (0..).zip(&mut next.walks).filter(|(_, walk)| walk.phase == Phase::Reads) {
            let open = self.open_run(account).filter(|_| variant != Variant::ForgetsTheOtherAccount || account == 0);
            walk.run = open.unwrap_or(epoch);
            next.resumes |= open.is_some();
        }
        if next.gives_up {
            // Only what is unfinished can be given up.
            if !next.resumes {
                return GONE;
            }
            for (account, walk) in (0..).zip(&mut next.walks) {
                walk.phase = if self.open_run(account).is_none() { Phase::Off } else { walk.phase };
            }
        }
        let step = match variant {
            _ if !next.resumes => Step::ReadRows,
            Variant::ReadsBeforeClaimOnResume => {
                let mut read = self.resume(variant, next).unwrap_or(next);
                read.step = Step::Claim;
                return read;
            }
            Variant::RawFenceFirst => Step::FenceRaw,
            _ => Step::Claim,
        };
        Process { step, ..next }
    }

    /// The pages of a process's runs that have a row and no event.
    pub(super) fn orphans(&self, me: &Process) -> Vec<Page> {
        let is_mine = |page: &Page| {
            let walk = me.walks[usize::from(page.account)];
            walk.phase != Phase::Off && walk.run == page.run
        };
        let has_event = |page: &Page| self.pages(page.account, page.run).any(|other| other.number == page.number);
        self.rows().map(|row| row.page).filter(|page| is_mine(page) && !has_event(page)).collect()
    }

    /// The process at the place where it goes on, which follows from the tables.
    pub(super) fn resume(&self, variant: Variant, me: Process) -> Result<Process, Violation> {
        let mut next = Process { known: self.known(), sequence: 1, ..me };
        for (account, walk) in (0..).zip(&mut next.walks).filter(|(_, walk)| walk.phase == Phase::Reads) {
            let run = walk.run;
            let ends = [Kind::Completed, Kind::GivenUp];
            // Another attempt may have ended it since the plan.
            if self
                .events()
                .any(|event| ends.contains(&event.kind) && (event.page.account, event.page.run) == (account, run))
            {
                walk.phase = Phase::Done;
                continue;
            }
            let rows = self.rows().map(|row| &row.page).filter(|page| (page.account, page.run) == (account, run));
            let mut pages: Vec<Page> = self.pages(account, run).copied().collect();
            if variant != Variant::CheckpointOnly {
                pages.extend(rows);
            }
            pages.sort_by_key(|page| page.number);
            pages.dedup_by_key(|page| page.number);
            if (1..).zip(&pages).any(|(number, page)| page.number != number) {
                return Err(Violation::Hole);
            }
            let Some(last) = pages.last() else { continue };
            walk.number = last.number;
            walk.cursor =
                pages.iter().filter(|page| page.object != NOTHING).map(|page| page.object + 1).max().unwrap_or(0);
            walk.phase = if last.closes { Phase::Read } else { Phase::Reads };
        }
        if next.walks.iter().all(|walk| matches!(walk.phase, Phase::Off | Phase::Done)) {
            return Ok(GONE);
        }
        if variant == Variant::CheckpointOnly || self.orphans(&next).is_empty() {
            next.step = next.goes_on();
        } else {
            next.step = Step::Reconcile;
        }
        Ok(next)
    }
}
