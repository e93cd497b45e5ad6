//! An attempt, step by step.

use super::process::GONE;
use super::{
    ACCOUNT, Engine, Event, Kind, NOTHING, OBJECTS, Page, Phase, Process, Rules, State, Step, Variant, Violation, Walk,
    version,
};

/// What a process does where it may fetch or commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    Fetches(usize),
    Fails(usize),
    Commits,
}

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

    /// The state after one process has chosen.
    pub(super) fn choose(mut self, id: usize, choice: Choice) -> Self {
        let me = self.processes[id];
        self.processes[id] = match choice {
            Choice::Fetches(account) => self.fetch(me, account),
            Choice::Fails(account) => {
                self.failures += 1;
                me.fails(account)
            }
            Choice::Commits => me.commits(),
        };
        self
    }

    /// The state after one process has taken its step.
    pub(super) fn step(mut self, rules: &Rules, id: usize) -> Result<Self, Violation> {
        let Rules { variant, engine, jobs, .. } = *rules;
        let me = self.processes[id];
        let owner = u8::try_from(id).expect("few processes");
        let own = version(me.epoch, me.sequence);
        let event = |kind, page| Event { kind, version: own, owner, page };
        // A table that refuses tells the process; one that skips does not.
        let after = |taken: bool, next: Process| if taken || engine == Engine::Skips { next } else { GONE };
        self.processes[id] = match me.step {
            Step::NotStarted => {
                let next = Process::at(jobs[id]);
                if variant == Variant::ComparesBeforeEvents { Process { known: self.known(), ..next } } else { next }
            }
            Step::ReadEvents => self.plan(rules, me)?,
            Step::ReadRows => {
                let known = if variant == Variant::ComparesBeforeEvents { me.known } else { self.known() };
                Process { step: Step::Fetch, known, ..me }
            }
            Step::Claim if me.resumes => {
                let claimed = (0..).zip(&me.walks).filter(|(_, walk)| walk.is_started && walk.is_under_way());
                let events: Vec<Event> =
                    claimed.map(|(account, walk)| event(Kind::Started, walk.of_run(account))).collect();
                let taken = self.append_events(&events, own, variant, false)?;
                after(taken, Process { step: Step::ReadBack, sequence: 1, is_claimed: true, ..me })
            }
            Step::Claim => {
                let mut group = me.group(variant);
                if variant == Variant::EndRidesWithClaim {
                    group.ends = group.joins;
                }
                let taken = self.append_events(&me.events(variant, group, &event), own, variant, false)?;
                let next = me.committed(group);
                let is_unseen = me.in_wave && variant == Variant::WaveNotSeen;
                let step = if next.step == Step::Gone || is_unseen { next.step } else { Step::ReadBack };
                after(taken, Process { step, ..next }).tidied()
            }
            Step::ReadBack => {
                let is_mine = |event: &Event| {
                    event.kind == Kind::Started && event.version == version(me.epoch, 0) && event.owner == owner
                };
                if self.events().any(is_mine) { Process { step: me.after_claim(variant), ..me } } else { GONE }
            }
            Step::FenceRaw => {
                let taken = self.append_rows(&[], version(me.epoch, 0), variant)?;
                let step = if variant == Variant::RawFenceFirst { Step::Claim } else { Step::ReadState };
                after(taken, Process { step, ..me })
            }
            Step::ReadState if variant == Variant::ReadsBeforeClaimOnResume => {
                Process { step: self.recovers(variant, &me), ..me }.tidied()
            }
            Step::ReadState => self.resume(rules, me)?,
            Step::Reconcile => self.reconcile(rules, me, &event)?,
            Step::AppendRows => {
                let group = me.group(variant);
                if variant == Variant::EventsBeforeRows {
                    self.append_events(&me.events(variant, group, &event), own, variant, false)?;
                }
                let pages = me.pages_of(group);
                let taken = !pages.iter().any(|page| page.has_row) || self.append_rows(&pages, own, variant)?;
                after(taken, Process { step: Step::AppendEvents, ..me })
            }
            Step::AppendEvents => {
                let group = me.group(variant);
                let events = me.events(variant, group, &event);
                let taken = variant == Variant::EventsBeforeRows || self.append_events(&events, own, variant, false)?;
                // Nothing in the raw table shows such a page: if its event is dropped, the next page follows nothing.
                let has_empty_page = me.pages_of(group).iter().any(|page| !page.has_row && !page.closes);
                let has_join = group.joins.contains(&true);
                let must_be_seen = (has_empty_page && variant != Variant::EmptyPageNotSeen)
                    || (has_join && variant != Variant::JoinNotSeen);
                let next = me.committed(group);
                let reads_on = me.in_wave && variant == Variant::WaveReadsOn && next.reads();
                let next = if reads_on { Process { step: Step::Fetch, in_wave: false, ..next } } else { next };
                if !taken && must_be_seen { GONE } else { after(taken, next).tidied() }
            }
            Step::GiveUp => {
                let given_up = (0..).zip(&me.walks).filter(|(_, walk)| walk.is_under_way());
                let events: Vec<Event> =
                    given_up.map(|(account, walk)| event(Kind::GivenUp, walk.of_run(account))).collect();
                self.append_events(&events, own, variant, false)?;
                GONE
            }
            Step::Fetch | Step::Gone => me,
        };
        Ok(self)
    }

    /// The process with one page more.
    fn fetch(&self, me: Process, account: usize) -> Process {
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

    /// The process after it has written the events of rows that have none. Runs that were not in its claim are started.
    fn reconcile(
        &mut self,
        rules: &Rules,
        me: Process,
        event: &impl Fn(Kind, Page) -> Event,
    ) -> Result<Process, Violation> {
        let late = (0..).zip(&me.walks).filter(|(_, walk)| me.is_late(**walk));
        let mut events: Vec<Event> = late.map(|(account, walk)| event(Kind::Started, walk.of_run(account))).collect();
        let must_be_seen = !events.is_empty() && rules.variant != Variant::JoinNotSeen;
        events.extend(self.orphans(&me).into_iter().map(|page| event(Kind::Committed, page)));
        let taken = self.append_events(&events, version(me.epoch, me.sequence), rules.variant, true)?;
        if !taken && (must_be_seen || rules.engine == Engine::Refuses) {
            return Ok(GONE);
        }
        let mut next = Process { sequence: me.sequence + 1, ..me };
        for walk in next.walks.iter_mut().filter(|walk| me.is_late(**walk)) {
            walk.is_started = true;
        }
        next.step = next.goes_on();
        Ok(next.tidied())
    }
}

impl Process {
    fn after_claim(&self, variant: Variant) -> Step {
        let adopts = self.walks.iter().any(|walk| walk.phase == Phase::Fails);
        let is_unfenced = match variant {
            Variant::RawFenceFirst => true,
            Variant::NoRawFenceOnGiveUp => self.gives_up,
            Variant::NoRawFenceOnAdoption => adopts,
            Variant::NoRawFenceOnResume => !self.gives_up && !adopts,
            _ => false,
        };
        match () {
            () if !self.resumes => self.goes_on(),
            () if is_unfenced => Step::ReadState,
            () => Step::FenceRaw,
        }
    }
}
