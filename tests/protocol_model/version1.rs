//! The protocol as a state machine: Stripe, the two tables, the processes, and the step of one of them.

use std::fmt;

use crate::checker::World;

/// The rules that the processes under test follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    /// The protocol.
    Proposed,
    /// No transaction versions at all.
    NoFence,
    /// Fenced, but the position comes from the checkpoint events.
    CheckpointOnly,
    /// No fences; an append's version is its page number.
    VersionIsPageNumber,
    /// The fences in the wrong order.
    RawFenceFirst,
}

/// A state that must never be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Violation {
    /// An object has two rows.
    Duplicate,
    /// PAGE_COMMITTED without its rows.
    Lie,
    /// RUN_COMPLETED, but an object that Stripe lists has no row.
    Loss,
    /// Two RUN_COMPLETED.
    TwoEnds,
    /// At the end, an object stands in two PAGE_COMMITTED.
    CountedTwice,
    /// At the end, events and rows hold different objects.
    Audit,
}

// ---- Stripe: five objects, newest first, two pairs of them created in the same second; pages of two. ----

const OBJECTS: usize = 5;
const CREATED: [u8; OBJECTS] = [3, 2, 2, 1, 1];
const PAGE_SIZE: u32 = 2;

/// A set of objects, one bit each. Bit 0 is the newest, so the order of the bits is the order of the list.
type Objects = u8;
const ALL: Objects = (1 << OBJECTS) - 1;

/// One past the object's position in the list; 0 is "no cursor".
type Cursor = u8;

/// The last object of a page as a cursor.
fn last(objects: Objects) -> Cursor {
    u8::try_from(u8::BITS - objects.leading_zeros()).expect("eight bits")
}

/// Stripe's answer: a page and `has_more`. A cursor that was deleted is replaced by its time, without the `seen` objects.
fn list(alive: Objects, cursor: Cursor, seen: Objects) -> (Objects, bool) {
    let mut rest = alive;
    if cursor > 0 {
        let position = usize::from(cursor - 1);
        if alive & (1 << position) != 0 {
            rest &= ALL << cursor;
        } else {
            rest &= !seen;
            for (object, created) in CREATED.iter().enumerate() {
                if *created > CREATED[position] {
                    rest &= !(1 << object);
                }
            }
        }
    }
    let mut page = rest;
    while page.count_ones() > PAGE_SIZE {
        page &= !(1 << (last(page) - 1));
    }
    (page, page != rest)
}

// ---- The two tables. ----

/// `epoch << 4 | sequence`; 0 is "none yet".
type Version = u8;

const fn version(epoch: u8, sequence: u8) -> Version {
    epoch << 4 | sequence
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Kind {
    #[default]
    Absent,
    RunStarted,
    PageCommitted,
    RunCompleted,
}

/// A row of the checkpoint table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Event {
    kind: Kind,
    version: Version,
    objects: Objects,
    owner: u8,
}

const EVENTS: usize = 12;

// ---- The processes. ----

/// The next action of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Step {
    #[default]
    NotStarted,
    ReadEpoch,
    FenceCheckpoints,
    ReadBack,
    FenceRaw,
    ReadState,
    Reconcile,
    Fetch,
    AppendRows,
    AppendEvent,
    Complete,
    Gone,
}

/// A process, with everything that it remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Process {
    step: Step,
    epoch: u8,
    sequence: u8,
    cursor: Cursor,
    pending: Objects,
    /// The `has_more` of the last answer; true while there is none.
    has_more: bool,
    seen: Objects,
}

const PROCESSES: usize = 3;
const GONE: Process =
    Process { step: Step::Gone, epoch: 0, sequence: 0, cursor: 0, pending: 0, has_more: false, seen: 0 };

// ---- The world. ----

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    /// The objects that Stripe still lists.
    alive: Objects,
    /// The raw table: for each object the version that it was appended with, 0 if it has no row.
    rows: [Version; OBJECTS],
    /// Delta's transaction version of the raw table.
    rows_version: Version,
    /// Delta's transaction version of the checkpoint table.
    events_version: Version,
    /// The checkpoint table, in order.
    events: [Event; EVENTS],
    processes: [Process; PROCESSES],
}

impl State {
    pub(crate) const FIRST: Self = Self {
        alive: ALL,
        rows: [0; OBJECTS],
        rows_version: 0,
        events_version: 0,
        events: [Event { kind: Kind::Absent, version: 0, objects: 0, owner: 0 }; EVENTS],
        processes: [Process { step: Step::NotStarted, ..GONE }; PROCESSES],
    };

    /// The objects that have a row.
    fn landed(&self) -> Objects {
        let mut objects = 0;
        let mut object = 0;
        while object < OBJECTS {
            if self.rows[object] != 0 {
                objects |= 1 << object;
            }
            object += 1;
        }
        objects
    }

    fn events_of(&self, kind: Kind) -> impl Iterator<Item = &Event> {
        self.events.iter().take_while(|event| event.kind != Kind::Absent).filter(move |event| event.kind == kind)
    }

    fn completed(&self) -> bool {
        self.events_of(Kind::RunCompleted).next().is_some()
    }

    /// The objects that a PAGE_COMMITTED names.
    fn named(&self) -> Objects {
        self.events_of(Kind::PageCommitted).fold(0, |named, page| named | page.objects)
    }

    /// Appends to the raw table. With a version the append is dropped if that is not above the stored one.
    fn append_rows(&mut self, objects: Objects, version: Version, with_version: bool) -> Result<(), Violation> {
        if with_version {
            if version <= self.rows_version {
                return Ok(());
            }
            self.rows_version = version;
        }
        let landed = self.landed();
        if landed & objects != 0 {
            return Err(Violation::Duplicate);
        }
        // The order of rows is not part of the state because it is always the order of the list.
        assert!(objects == 0 || landed < 1 << objects.trailing_zeros(), "rows out of order: {self:?}");
        for object in 0..OBJECTS {
            if objects & (1 << object) != 0 {
                self.rows[object] = version;
            }
        }
        Ok(())
    }

    /// Appends to the checkpoint table, by the same rule. The event keeps its process's own version in every variant.
    fn append_event(&mut self, event: Event, version: Version, with_version: bool) {
        if with_version {
            if version <= self.events_version {
                return;
            }
            self.events_version = version;
        }
        let free = self.events.iter().position(|other| other.kind == Kind::Absent).expect("a free place for the event");
        self.events[free] = event;
    }

    /// The fault of the tables, if they have one.
    fn fault(&self) -> Option<Violation> {
        let landed = self.landed();
        let (mut ends, mut named, mut counted_twice) = (0, 0, 0);
        for event in &self.events {
            match event.kind {
                Kind::Absent => break,
                Kind::RunStarted => {}
                Kind::PageCommitted => {
                    if event.objects & !landed != 0 {
                        return Some(Violation::Lie);
                    }
                    counted_twice |= named & event.objects;
                    named |= event.objects;
                }
                Kind::RunCompleted => {
                    if self.alive & !landed != 0 {
                        return Some(Violation::Loss);
                    }
                    ends += 1;
                }
            }
        }
        if ends > 1 {
            return Some(Violation::TwoEnds);
        }
        if ends == 1 && self.at_rest() {
            if counted_twice != 0 {
                return Some(Violation::CountedTwice);
            }
            if named != landed {
                return Some(Violation::Audit);
            }
        }
        None
    }

    /// No process is under way.
    fn at_rest(&self) -> bool {
        self.processes.iter().all(|process| matches!(process.step, Step::NotStarted | Step::Gone))
    }

    /// The state after one process has taken its step.
    fn step(mut self, variant: Variant, id: usize) -> Result<Self, Violation> {
        let me = self.processes[id];
        let owner = u8::try_from(id).expect("few processes");
        let own_version = version(me.epoch, me.sequence);
        let with_version = variant != Variant::NoFence;
        let commit = if variant == Variant::VersionIsPageNumber { version(0, me.sequence) } else { own_version };
        let event = |kind, objects| Event { kind, version: own_version, objects, owner };
        self.processes[id] = match me.step {
            Step::NotStarted => Process { step: Step::ReadEpoch, has_more: true, ..me },
            Step::ReadEpoch => {
                let epoch = self.events.iter().map(|event| event.version >> 4).max().expect("places") + 1;
                let step = match variant {
                    Variant::NoFence | Variant::VersionIsPageNumber => Step::ReadState,
                    Variant::RawFenceFirst => Step::FenceRaw,
                    Variant::Proposed | Variant::CheckpointOnly => Step::FenceCheckpoints,
                };
                Process { step, epoch, ..me }
            }
            Step::FenceCheckpoints => {
                self.append_event(event(Kind::RunStarted, 0), own_version, true);
                Process { step: Step::ReadBack, ..me }
            }
            Step::ReadBack => {
                let step = if variant == Variant::RawFenceFirst { Step::ReadState } else { Step::FenceRaw };
                let mine = self.events_of(Kind::RunStarted).any(|other| *other == event(Kind::RunStarted, 0));
                if mine { Process { step, ..me } } else { GONE }
            }
            Step::FenceRaw => {
                self.append_rows(0, own_version, true)?;
                let step = if variant == Variant::RawFenceFirst { Step::FenceCheckpoints } else { Step::ReadState };
                Process { step, ..me }
            }
            Step::ReadState if self.completed() => GONE,
            Step::ReadState => self.resume(variant, me),
            Step::Reconcile => {
                self.append_event(event(Kind::PageCommitted, me.pending), commit, with_version);
                Process { step: Step::Fetch, pending: 0, ..me }
            }
            Step::Fetch => {
                let (pending, has_more) = list(self.alive, me.cursor, me.seen);
                let step = if pending == 0 { Step::Complete } else { Step::AppendRows };
                Process { step, sequence: me.sequence + 1, pending, has_more, ..me }
            }
            Step::AppendRows => {
                self.append_rows(me.pending, commit, with_version)?;
                Process { step: Step::AppendEvent, ..me }
            }
            Step::AppendEvent => {
                self.append_event(event(Kind::PageCommitted, me.pending), commit, with_version);
                let (step, sequence) =
                    if me.has_more { (Step::Fetch, me.sequence) } else { (Step::Complete, me.sequence + 1) };
                let (cursor, seen) = (last(me.pending), me.seen | me.pending);
                Process { step, sequence, cursor, pending: 0, has_more: true, seen, ..me }
            }
            Step::Complete => {
                self.append_event(event(Kind::RunCompleted, 0), commit, with_version);
                GONE
            }
            Step::Gone => me,
        };
        Ok(self)
    }

    /// The process at the place where it goes on, which follows from the tables.
    fn resume(&self, variant: Variant, me: Process) -> Process {
        let (landed, named) = (self.landed(), self.named());
        let pages = self.events_of(Kind::PageCommitted).count();
        let by_events = self.events_of(Kind::PageCommitted).last().map_or(0, |page| last(page.objects));
        let fetch = Process { step: Step::Fetch, cursor: by_events, seen: named, ..me };
        match variant {
            Variant::VersionIsPageNumber => Process { sequence: u8::try_from(pages).expect("few pages"), ..fetch },
            Variant::CheckpointOnly => fetch,
            Variant::Proposed | Variant::NoFence | Variant::RawFenceFirst => {
                let orphans = landed & !named;
                let step = if orphans == 0 { Step::Fetch } else { Step::Reconcile };
                Process { step, sequence: 1, cursor: last(landed), pending: orphans, seen: landed, ..me }
            }
        }
    }
}

/// An event that can happen next.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Move {
    Deletes(usize),
    Starts(usize),
    Killed(usize, Step),
    Does(usize, Step),
}

impl fmt::Display for Move {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deletes(object) => write!(formatter, "Stripe deletes object {object}"),
            Self::Starts(process) => write!(formatter, "process {process} starts"),
            Self::Killed(process, step) => write!(formatter, "process {process} is killed before {step:?}"),
            Self::Does(process, step) => write!(formatter, "process {process} does {step:?}"),
        }
    }
}

/// The rules of the processes, and how many of everything there are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) variant: Variant,
    pub(crate) processes: usize,
    pub(crate) deletions: u32,
}

impl World for State {
    type Move = Move;
    type Violation = Violation;
    type Rules = Rules;

    /// A number that differs between almost all states.
    fn hash(&self) -> u64 {
        let mut word = [self.alive, self.rows_version, self.events_version, 0, 0, 0, 0, 0];
        word[3..].copy_from_slice(&self.rows);
        let mut hash = mix(0, word);
        for Event { kind, version, objects, owner } in self.events {
            if kind == Kind::Absent {
                break;
            }
            hash = mix(hash, [kind as u8, version, objects, owner, 0, 0, 0, 0]);
        }
        for Process { step, epoch, sequence, cursor, pending, has_more, seen } in self.processes {
            hash = mix(hash, [step as u8, epoch, sequence, cursor, pending, u8::from(has_more), seen, 0]);
        }
        hash
    }

    fn each_move(&self, rules: &Rules, tell: &mut dyn FnMut(Move, Result<Self, Violation>)) {
        if (ALL & !self.alive).count_ones() < rules.deletions {
            for object in (0..OBJECTS).filter(|object| self.alive & (1 << object) != 0) {
                tell(Move::Deletes(object), Ok(Self { alive: self.alive & !(1 << object), ..*self }));
            }
        }
        let started = self.processes.iter().take_while(|process| process.step != Step::NotStarted).count();
        if started < rules.processes {
            tell(Move::Starts(started), self.step(rules.variant, started));
        }
        for id in 0..started {
            let step = self.processes[id].step;
            if step != Step::Gone {
                let mut killed = *self;
                killed.processes[id] = GONE;
                tell(Move::Killed(id, step), Ok(killed));
                tell(Move::Does(id, step), self.step(rules.variant, id));
            }
        }
    }

    fn violation(&self) -> Option<Violation> {
        self.fault()
    }

    fn is_terminal(&self) -> bool {
        self.at_rest() && self.completed()
    }
}

pub(crate) fn mix(hash: u64, word: [u8; 8]) -> u64 {
    (hash.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x517c_c1b7_2722_0a95)
}
