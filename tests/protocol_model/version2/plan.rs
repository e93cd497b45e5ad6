//! What follows from the tables: the plan of an attempt, and the place where it goes on.

use super::process::GONE;
use super::{Kind, NOTHING, Page, Phase, Process, Rules, State, Step, Variant, Violation, Walk};

impl State {
    /// The unfinished run of an account, as a plan sees it.
    fn planned_run(&self, variant: Variant, account: u8) -> Option<u8> {
        let has_failed = |run: u8| {
            self.events()
                .any(|event| event.kind == Kind::Failed && (event.page.account, event.page.run) == (account, run))
        };
        self.open_run(account)
            .filter(|_| variant != Variant::ForgetsTheOtherAccount || account != 1)
            .filter(|run| variant != Variant::FailedIsOver || !has_failed(*run))
    }

    /// Whether the newest attempt of the entity is at the account's unfinished run, and has not ended there.
    fn is_running(&self, account: u8, run: u8) -> bool {
        let epoch = self.events().map(|event| event.version >> 4).max();
        let has = |kind: Kind| {
            self.events().any(|event| {
                event.kind == kind
                    && (event.page.account, event.page.run) == (account, run)
                    && Some(event.version >> 4) == epoch
            })
        };
        has(Kind::Started) && !has(Kind::Failed)
    }

    /// The plan of an attempt, from the events.
    pub(super) fn plan(&self, rules: &Rules, me: Process) -> Result<Process, Violation> {
        let variant = rules.variant;
        let epoch = self.events().map(|event| event.version >> 4).max().unwrap_or(0) + 1;
        let mut next = Process { epoch, ..me };
        for (account, walk) in (0..).zip(&mut next.walks).filter(|(_, walk)| walk.phase == Phase::Reads) {
            let open = self.planned_run(variant, account);
            walk.run = open.unwrap_or(epoch);
            walk.is_started = open.is_some();
            next.resumes |= open.is_some();
        }
        if next.gives_up {
            // Only what is unfinished can be given up.
            if !next.resumes {
                return Ok(GONE);
            }
            for walk in next.walks.iter_mut().filter(|walk| !walk.is_started) {
                walk.phase = Phase::Off;
            }
        }
        if !next.resumes && variant != Variant::IgnoresOtherAccounts {
            self.adopt(variant, &mut next);
        }
        // A wave has new runs only.
        next.in_wave &= !next.resumes;
        next.step = match variant {
            _ if !next.resumes => Step::ReadRows,
            Variant::ReadsBeforeClaimOnResume => {
                let read = self.resume(rules, next)?;
                return Ok(if read.resumes { Process { step: Step::Claim, ..read } } else { read });
            }
            Variant::RawFenceFirst => Step::FenceRaw,
            _ => Step::Claim,
        };
        Ok(next)
    }

    /// A process that has nothing to go on with adopts a run that the newest attempt has left unfinished: that attempt
    /// may still start runs.
    fn adopt(&self, variant: Variant, next: &mut Process) {
        for (account, walk) in (0..).zip(&mut next.walks).filter(|(_, walk)| walk.phase == Phase::Off) {
            let Some(run) = self.planned_run(variant, account).filter(|run| self.is_running(account, *run)) else {
                continue;
            };
            *walk = Walk { phase: Phase::Fails, run, is_started: true, ..*walk };
            next.resumes = true;
            return;
        }
    }

    /// The pages of a process's runs that have a row and no event. Those of an adopted run are left to the attempt that
    /// goes on with it.
    pub(super) fn orphans(&self, me: &Process) -> Vec<Page> {
        let is_mine = |page: &Page| {
            let walk = me.walks[usize::from(page.account)];
            !matches!(walk.phase, Phase::Off | Phase::Fails) && walk.run == page.run
        };
        let has_event = |page: &Page| self.pages(page.account, page.run).any(|other| other.number == page.number);
        self.rows().map(|row| row.page).filter(|page| is_mine(page) && !has_event(page)).collect()
    }

    /// The process at the place where it goes on, which follows from the tables.
    pub(super) fn resume(&self, rules: &Rules, me: Process) -> Result<Process, Violation> {
        let variant = rules.variant;
        let mut next = Process { known: self.known(), ..me };
        for (account, walk) in (0..).zip(&mut next.walks).filter(|(_, walk)| walk.is_under_way()) {
            if walk.is_started {
                // Another attempt may have ended it since the plan.
                if self.is_over(account, walk.run) {
                    walk.phase = Phase::Done;
                }
            } else if variant != Variant::PlansBeforeAdoption {
                // Another attempt may have begun it since the plan.
                walk.run = self.planned_run(variant, account).unwrap_or(me.epoch);
            }
            if walk.phase == Phase::Reads {
                self.place(variant, account, walk)?;
            }
        }
        let has_claimed = next.walks.iter().any(|walk| walk.is_started && walk.is_under_way());
        if !has_claimed && variant != Variant::JoinsWithoutClaimedRun {
            // Nothing shows a rival that this attempt may still start runs, so it starts none.
            let is_to_join = next.walks.iter().copied().any(Walk::is_under_way);
            let id = self.processes.iter().position(|process| *process == me).expect("it is one of them");
            return Ok(if is_to_join { Process::at(rules.jobs[id]) } else { GONE });
        }
        next.step = self.recovers(variant, &next);
        Ok(next.tidied())
    }

    /// The step after the tables were read.
    pub(super) fn recovers(&self, variant: Variant, me: &Process) -> Step {
        let has_orphans = variant != Variant::CheckpointOnly && !self.orphans(me).is_empty();
        if has_orphans || me.walks.iter().any(|walk| me.is_late(*walk)) { Step::Reconcile } else { me.goes_on() }
    }

    /// The place in a run where it goes on.
    fn place(&self, variant: Variant, account: u8, walk: &mut Walk) -> Result<(), Violation> {
        let run = walk.run;
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
        let Some(last) = pages.last() else { return Ok(()) };
        walk.number = last.number;
        walk.cursor = pages.iter().filter(|page| page.object != NOTHING).map(|page| page.object + 1).max().unwrap_or(0);
        walk.phase = if last.closes { Phase::Read } else { Phase::Reads };
        Ok(())
    }
}

impl Process {
    /// Whether it goes on with a run that was not in its claim: the run began after the plan.
    pub(super) fn is_late(&self, walk: Walk) -> bool {
        walk.is_under_way() && !walk.is_started && walk.run != self.epoch
    }
}
