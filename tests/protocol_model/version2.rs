//! Version 2 of the protocol as a state machine: one entity with three accounts, whose attempts share a fence.
//!
//! Account 0 has up to three objects, accounts 1 and 2 have one; a page holds one object. A lake may have rows from an
//! earlier run.

mod attempt;
mod group;
mod lake;
mod plan;
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
    /// An attempt may end all its runs while accounts are still to join.
    NoAnchor,
    /// A failed run counts as one that goes on, while accounts are still to join.
    FailedIsAnchor,
    /// Only the runs of its own accounts are looked at in the plan.
    IgnoresOtherAccounts,
    /// Nobody looks whether the RUN_STARTED of an account that joins is in the table.
    JoinNotSeen,
    /// The first rows of an account that joins are appended before its RUN_STARTED.
    RowsBeforeJoin,
    /// New runs are planned before the claim of an adopted run, and not again.
    PlansBeforeAdoption,
    /// An adopted run is claimed, but the raw table is not fenced.
    NoRawFenceOnAdoption,
    /// Accounts join although each claimed run was over before the claim.
    JoinsWithoutClaimedRun,
    /// A new run begins where the last one has failed.
    FailedIsOver,
    /// The run of an account that fails is completed.
    CompletesFailed,
    /// Nobody looks whether the claim of a wave is in the table.
    WaveNotSeen,
    /// A wave reads on after its group.
    WaveReadsOn,
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
    /// A row or an event of a run that its attempt has not started, or that has had its end.
    Unclaimed,
    /// A process that can do nothing more, and is not gone.
    Stuck,
}

pub(crate) const ACCOUNTS: usize = 3;
const OBJECTS: usize = 5;
/// The account of each object; the first object of an account is its newest.
const ACCOUNT: [usize; OBJECTS] = [0, 0, 0, 1, 2];
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
    /// The attempt at the run has ended, and the run has not.
    Failed,
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

const EVENTS: usize = 34;
const ROWS: usize = 12;
/// Pages of a wave at most, and those of any other group.
const GROUP: usize = 4;
const PAGES: usize = 2;

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
    /// The attempt ends without the run, and RUN_FAILED is not committed yet.
    Fails,
    Failed,
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
    /// Whether the attempt has written RUN_STARTED of it, or does so with its claim.
    is_started: bool,
}

/// A process, with everything that it remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts")]
struct Process {
    step: Step,
    epoch: u8,
    sequence: u8,
    is_claimed: bool,
    /// Whether it claims runs that are there: it goes on with them, gives them up or adopts them.
    resumes: bool,
    gives_up: bool,
    /// Whether all that it reads lands together, in one claim and one group.
    in_wave: bool,
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
    failures: u8,
}

/// The plan of a process: the accounts that it reads, a bit each, whether it gives unfinished runs up, and whether new runs
/// are those of a wave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job {
    pub(crate) accounts: u8,
    pub(crate) gives_up: bool,
    pub(crate) in_wave: bool,
}

impl Job {
    pub(crate) const fn at(accounts: u8) -> Self {
        Self { accounts, gives_up: false, in_wave: false }
    }

    pub(crate) const fn in_wave(self) -> Self {
        Self { in_wave: true, ..self }
    }
}

pub(crate) const BOTH: Job = Job::at(0b011);
pub(crate) const FIRST: Job = Job::at(0b001);
pub(crate) const SECOND: Job = Job::at(0b010);
pub(crate) const THIRD: Job = Job::at(0b100);
pub(crate) const ALL: Job = Job::at(0b111);
pub(crate) const GIVES_UP: Job = Job { gives_up: true, ..FIRST };

/// The rules of the processes, and how many of everything there are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) variant: Variant,
    pub(crate) engine: Engine,
    pub(crate) jobs: &'static [Job],
    pub(crate) deletions: u8,
    pub(crate) changes: u8,
    /// How often reading an account fails for good.
    pub(crate) failures: u8,
}
