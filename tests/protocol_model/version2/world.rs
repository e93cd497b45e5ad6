//! What can happen next: to Stripe, and to the processes.

use std::fmt;

use super::process::GONE;
use super::{OBJECTS, Page, Rules, State, Step, Violation};
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
    Commits(usize),
}

impl fmt::Display for Move {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deletes(object) => write!(formatter, "Stripe deletes object {object}"),
            Self::Changes(object) => write!(formatter, "object {object} changes"),
            Self::Starts(process) => write!(formatter, "process {process} starts"),
            Self::Killed(process, step) => write!(formatter, "process {process} is killed before {step:?}"),
            Self::Does(process, step) => write!(formatter, "process {process} does {step:?}"),
            Self::Commits(process) => write!(formatter, "process {process} commits what it has"),
        }
    }
}

impl World for State {
    type Move = Move;
    type Violation = Violation;
    type Rules = Rules;

    fn hash(&self) -> u64 {
        let [a, b, c, d] = self.contents;
        let mut hash = mix(
            0,
            [self.alive, a, b, c, d, self.rows_version, self.events_version, self.deletions << 4 | self.changes],
        );
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
            let flags = u8::from(process.is_claimed) << 2 | u8::from(process.resumes) << 1 | u8::from(process.gives_up);
            let [a, b, c, d] = process.known;
            hash = mix(
                hash,
                [
                    process.step as u8,
                    process.epoch,
                    process.sequence,
                    flags,
                    a << 4 | b,
                    c << 4 | d,
                    process.fetched,
                    0,
                ],
            );
            for walk in &process.walks {
                hash = mix(hash, [walk.phase as u8, walk.run, walk.cursor, walk.number, 0, 0, 0, 0]);
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
            tell(Move::Starts(started), self.step(rules, started, false));
        }
        for id in 0..started {
            let process = self.processes[id];
            if process.step == Step::Gone {
                continue;
            }
            let mut killed = *self;
            killed.processes[id] = GONE;
            tell(Move::Killed(id, process.step), Ok(killed));
            let is_fetch = process.step == Step::Fetch;
            if !is_fetch || process.may_fetch(rules.variant) {
                tell(Move::Does(id, process.step), self.step(rules, id, false));
            }
            if is_fetch && process.may_commit() {
                tell(Move::Commits(id), self.step(rules, id, true));
            }
        }
    }

    fn violation(&self) -> Option<Violation> {
        self.fault()
    }

    fn is_terminal(&self) -> bool {
        self.at_rest() && (0..2).all(|account| self.open_run(account).is_none())
    }
}
