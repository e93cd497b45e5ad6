//! Version 2 of the protocol as a state machine: one entity with two accounts, whose attempts share a fence.
//!
//! Account 0 has three objects, account 1 has one; a page holds one object. A lake may have rows from an earlier run.

mod attempt;
mod process;
mod tables;
mod world;

/// The rules that the processes under test follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    /// The protocol.
    Proposed,
    /// No transaction versions at all.
    NoFence,
    /// A resumed run takes its position from the checkpoint events.
    CheckpointOnly,
    /// A resumed run fences the raw table before it claims.
    RawFenceFirst,
    /// A resumed run does not fence the raw table.
    NoRawFenceOnResume,
    /// A run is given up without a fence of the raw table.
    NoRawFenceOnGiveUp,
    /// A resumed run is read from the tables before it is claimed, and not again.
    ReadsBeforeClaimOnResume,
    /// A new run reads the rows to compare with before it reads the events.
    ComparesBeforeEvents,
    /// A page without rows may stand before others in its group.
    EmptyPageInside,
    /// Nobody looks whether the event of a page without a row is in the table.
    EmptyPageNotSeen,
    /// RUN_COMPLETED is written with the claim.
    EndRidesWithClaim,
    /// The events of a group are appended before its rows.
    EventsBeforeRows,
    /// An account that has an unfinished run gets a new one.
    ForgetsTheOtherAccount,
}

/// What a table does with an append whose version is not above the stored one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// It drops the append without a word, as Delta on Spark does.
    Skips,
    /// It refuses it, as the tables' classes do on delta-rs.
    Refuses,
}

/// A state that must never be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Violation {
    /// An object has two rows in one run.
    Duplicate,
    /// An object's row says the same as its row before.
    Repeat,
    /// PAGE_COMMITTED without its row.
    Lie,
    /// PAGE_COMMITTED of an object whose newest row says something else than Stripe has listed.
    Stale,
    /// RUN_COMPLETED, but an object that Stripe lists is in none of the run's pages.
    Loss,
    /// Two ends of one run.
    TwoEnds,
    /// An account has two unfinished runs.
    TwoRuns,
    /// At the end, an object stands in two PAGE_COMMITTED of one run.
    CountedTwice,
    /// At the end, a row is in no PAGE_COMMITTED that counts it.
    Audit,
    /// A resumed run whose pages have a hole.
    Hole,
}

pub(crate) const ACCOUNTS: usize = 2;
const OBJECTS: usize = 4;
/// The account of each object; the first object of an account is its newest.
const ACCOUNT: [usize; OBJECTS] = [0, 0, 0, 1];
/// A page that lists no object.
const NOTHING: u8 = 9;

/// `epoch << 4 | sequence`; 0 is "none yet".
type Version = u8;

const fn version(epoch: u8, sequence: u8) -> Version {
    epoch << 4 | sequence
}

/// A page of a run, with its row if it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Page {
    account: u8,
    /// The epoch that began the run.
    run: u8,
    number: u8,
    /// The object that it lists, or [`NOTHING`].
    object: u8,
    /// The state of the object.
    content: u8,
    /// Whether the object has a row: its newest row says something else.
    has_row: bool,
    /// Whether it ends the list.
    closes: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Kind {
    #[default]
    Absent,
    Started,
    Committed,
    Completed,
    GivenUp,
}

/// A row of the checkpoint table. A page that is not a PAGE_COMMITTED names only account and run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Event {
    kind: Kind,
    version: Version,
    owner: u8,
    page: Page,
}

/// A row of the raw table, in the order of the appends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Row {
    version: Version,
    page: Page,
}

const EVENTS: usize = 40;
const ROWS: usize = 14;
const GROUP: usize = 2;

/// The next action of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Step {
    #[default]
    NotStarted,
    ReadEvents,
    ReadRows,
    Fetch,
    Claim,
    ReadBack,
    FenceRaw,
    ReadState,
    Reconcile,
    AppendRows,
    AppendEvents,
    GiveUp,
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    /// The attempt does not read this account.
    #[default]
    Off,
    Reads,
    /// Its list has been read to its end, and the end is not committed yet.
    Read,
    Done,
}

/// The reading of one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Walk {
    phase: Phase,
    run: u8,
    /// One past the last object that was listed; 0 at the top.
    cursor: u8,
    number: u8,
}

/// A process, with everything that it remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Process {
    step: Step,
    epoch: u8,
    sequence: u8,
    is_claimed: bool,
    /// Whether it goes on with a run, or gives one up.
    resumes: bool,
    gives_up: bool,
    walks: [Walk; ACCOUNTS],
    /// One past the content of each object's newest row; 0 if there is none.
    known: [u8; OBJECTS],
    pending: [Page; GROUP],
    fetched: u8,
}

pub(crate) const PROCESSES: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    /// The objects that Stripe still lists, a bit each, and their contents.
    alive: u8,
    contents: [u8; OBJECTS],
    rows: [Row; ROWS],
    rows_version: Version,
    events: [Event; EVENTS],
    events_version: Version,
    processes: [Process; PROCESSES],
    deletions: u8,
    changes: u8,
}

/// The plan of a process: the accounts that it reads, a bit each, and whether it gives unfinished runs up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job {
    pub(crate) accounts: u8,
    pub(crate) gives_up: bool,
}

pub(crate) const BOTH: Job = Job { accounts: 3, gives_up: false };
pub(crate) const FIRST: Job = Job { accounts: 1, gives_up: false };
pub(crate) const SECOND: Job = Job { accounts: 2, gives_up: false };
pub(crate) const GIVES_UP: Job = Job { accounts: 1, gives_up: true };

/// The rules of the processes, and how many of everything there are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) variant: Variant,
    pub(crate) engine: Engine,
    pub(crate) jobs: &'static [Job],
    pub(crate) deletions: u8,
    pub(crate) changes: u8,
}

impl State {
    /// A lake without rows.
    pub(crate) fn fresh() -> Self {
        Self {
            alive: (1 << OBJECTS) - 1,
            contents: [0; OBJECTS],
            rows: [Row::default(); ROWS],
            rows_version: 0,
            events: [Event::default(); EVENTS],
            events_version: 0,
            processes: [Process::default(); PROCESSES],
            deletions: 0,
            changes: 0,
        }
    }

    /// A lake in which an earlier run of each account has landed all objects but the newest of account 0. Since then the
    /// oldest object of account 0 has changed, and the one in the middle has not.
    pub(crate) fn aged() -> Self {
        let mut state = Self::fresh();
        let (mut rows, mut events) = (0, 0);
        for account in 0..ACCOUNTS {
            let of = |object: u8, number: u8| Page {
                account: u8::try_from(account).expect("few"),
                run: 1,
                number,
                object,
                content: 0,
                has_row: true,
                closes: true,
            };
            let objects: &[u8] = if account == 0 { &[1, 2] } else { &[3] };
            state.events[events] =
                Event { kind: Kind::Started, version: version(1, 0), owner: 9, page: of(0, 0).of_run() };
            events += 1;
            for (number, object) in (1..).zip(objects) {
                state.rows[rows] = Row { version: version(1, 1), page: of(*object, number) };
                rows += 1;
                state.events[events] =
                    Event { kind: Kind::Committed, version: version(1, 1), owner: 9, page: of(*object, number) };
                events += 1;
            }
            state.events[events] =
                Event { kind: Kind::Completed, version: version(1, 1), owner: 9, page: of(0, 0).of_run() };
            events += 1;
        }
        state.contents[2] = 1;
        (state.rows_version, state.events_version) = (version(1, 1), version(1, 1));
        state
    }
}
