//! What can happen next: to Stripe, and to the processes.

use std::fmt;

use super::attempt::Choice;
use super::process::GONE;
use super::{ACCOUNTS, OBJECTS, Page, Phase, Process, Rules, State, Step, Violation};
use crate::checker::World;
use crate::version1::mix;

/// An event that can happen next.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Move {
    Deletes(usize),
    Changes(usize),
    Starts(usize),
    Killed(usize, Step),
    Does(usize, Step),
    Chooses(usize, Choice),
    IsStuck(usize),
}

impl fmt::Display for Move {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deletes(object) => write!(formatter, "Stripe deletes object {object}"),
            Self::Changes(object) => write!(formatter, "object {object} changes"),
            Self::Starts(process) => write!(formatter, "process {process} starts"),
            Self::Killed(process, step) => write!(formatter, "process {process} is killed before {step:?}"),
            Self::Does(process, step) => write!(formatter, "process {process} does {step:?}"),
            Self::Chooses(process, Choice::Fetches(account)) => {
                write!(formatter, "process {process} fetches a page of account {account}")
            }
            Self::Chooses(process, Choice::Fails(account)) => {
                write!(formatter, "process {process} fails to read account {account}")
            }
            Self::Chooses(process, Choice::Commits) => write!(formatter, "process {process} commits what it has"),
            Self::IsStuck(process) => write!(formatter, "process {process} can do nothing more"),
        }
    }
}

impl World for State {
    type Move = Move;
    type Violation = Violation;
    type Rules = Rules;

    fn hash(&self) -> u64 {
        let happened = self.deletions << 4 | self.changes << 2 | self.failures;
        let mut hash =
            mix(0, [self.alive, bits(self.contents), self.rows_version, self.events_version, happened, 0, 0, 0]);
        let page = |hash: u64, first: u8, page: &Page| {
            let flags = u8::from(page.has_row) << 1 | u8::from(page.closes);
            mix(hash, [first, page.account, page.run, page.number, page.object, page.content, flags, 0])
        };
        for row in self.rows() {
            hash = page(hash, row.version, &row.page);
        }
        for event in self.events() {
            hash = page(mix(hash, [event.kind as u8, event.version, event.owner, 0, 0, 0, 0, 0]), 0, &event.page);
        }
        for process in &self.processes {
            let flags = u8::from(process.in_wave) << 3
                | u8::from(process.is_claimed) << 2
                | u8::from(process.resumes) << 1
                | u8::from(process.gives_up);
            hash = mix(
                hash,
                [
                    process.step as u8,
                    process.epoch,
                    process.sequence,
                    flags,
                    bits(process.known.map(|known| known & 1)),
                    bits(process.known.map(|known| known >> 1)),
                    process.fetched,
                    0,
                ],
            );
            for walk in &process.walks {
                hash = mix(
                    hash,
                    [walk.phase as u8, walk.run, walk.cursor, walk.number, u8::from(walk.is_started), 0, 0, 0],
                );
            }
            for pending in &process.pending[..usize::from(process.fetched)] {
                hash = page(hash, 1, pending);
            }
        }
        hash
    }

    fn each_move(&self, rules: &Rules, tell: &mut dyn FnMut(Move, Result<Self, Violation>)) {
        for object in (0..OBJECTS).filter(|object| self.alive & (1 << object) != 0) {
            if self.deletions < rules.deletions {
                let deletions = self.deletions + 1;
                tell(Move::Deletes(object), Ok(Self { alive: self.alive & !(1 << object), deletions, ..*self }));
            }
            if self.changes < rules.changes {
                let mut changed = Self { changes: self.changes + 1, ..*self };
                changed.contents[object] = 1 - changed.contents[object];
                tell(Move::Changes(object), Ok(changed));
            }
        }
        let started = self.processes.iter().take_while(|process| process.step != Step::NotStarted).count();
        if started < rules.jobs.len() {
            tell(Move::Starts(started), self.step(rules, started));
        }
        for id in 0..started {
            let process = self.processes[id];
            if process.step == Step::Gone {
                continue;
            }
            let mut killed = *self;
            killed.processes[id] = GONE;
            tell(Move::Killed(id, process.step), Ok(killed));
            if process.step != Step::Fetch {
                tell(Move::Does(id, process.step), self.step(rules, id));
                continue;
            }
            let choices = self.choices(rules, &process);
            if choices.is_empty() {
                tell(Move::IsStuck(id), Err(Violation::Stuck));
            }
            for choice in choices {
                tell(Move::Chooses(id, choice), Ok(self.choose(id, choice)));
            }
        }
    }

    fn violation(&self) -> Option<Violation> {
        self.fault()
    }

    fn is_terminal(&self) -> bool {
        self.at_rest() && (0..ACCOUNTS).all(|account| self.open_run(u8::try_from(account).expect("few")).is_none())
    }
}

impl State {
    fn choices(&self, rules: &Rules, process: &Process) -> Vec<Choice> {
        let may_fail =
            |account: &usize| self.failures < rules.failures && process.walks[*account].phase == Phase::Reads;
        let fetches = (0..ACCOUNTS).filter(|account| process.may_fetch(rules.variant, *account)).map(Choice::Fetches);
        let fails = (0..ACCOUNTS).filter(may_fail).map(Choice::Fails);
        let commits = process.may_commit(rules.variant).then_some(Choice::Commits);
        fetches.chain(fails).chain(commits).collect()
    }
}

/// A bit each.
fn bits(values: [u8; OBJECTS]) -> u8 {
    values.iter().fold(0, |bits, value| bits << 1 | value)
}
