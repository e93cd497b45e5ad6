//! The rules that a history follows, right or wrong.

/// The way to the payload of a changed object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changes {
    /// The object is read by list once more.
    Read,
    /// The body of its newest event is its row.
    Events,
}

/// The rules under test. Each wrong variant lacks one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    Right,
    /// Events that become visible late are not looked for.
    NoLookbackOnEvents,
    /// Objects in the list window are not on the work list.
    DeletesInOldWindowsOnly,
    /// The newest event is looked for among the unconsumed ones.
    NewestUnconsumedEvent,
    /// Events of one second are ordered by their ids.
    OrderOfEventIds,
    /// A resumed run consumes the events that have landed since.
    TodaysSourceTo,
    /// A resumed run makes its due list from today's rows and today's clock.
    DueByTodaysClock,
    /// A resumed run makes its windows with another distance between neighbours.
    OtherNeighbours,
    /// A page that jumps says that it has read its window down to the bottom.
    JumpWithoutBottom,
    /// The second in which a page ends counts as read out.
    EdgeReadOut,
    /// A resumed chain goes on at its cursor, inside a second, and bodies land as in [`Variant::BodyTakesBack`].
    ResumesInsideASecond,
    /// A resumed chain begins its second again only if that second has an object without a row.
    ResumesBelowARecoveredEdge,
    /// An object's deletion has the content of its last row.
    DeletionIsNoContent,
    /// Several events of one second: the body of any of them is the row.
    BodyOfATie,
    /// The body of an event may follow a row that was listed after it.
    BodyOverANewerRow,
    /// The body of an event may follow a page that was answered after it and showed the object unchanged.
    BodyOverAnUnchangedObject,
    /// The body of an event lands for an object that is no longer listed, whatever its newest row shows.
    BodyTakesBack,
    /// Events that were lost are not noticed.
    NoGap,
    /// Whether events were lost is judged by the start of their run.
    GapAtTheStart,
    /// Whether events were lost is judged by the bottom of their window, which follows from the watermark.
    GapByTheWatermark,
    /// After a gap, unchanged objects do not land again.
    GapComparesContents,
    /// After a gap, an object whose row is the body of an event counts as listed.
    BodyCountsAsListed,
    /// A list without a watermark is read as if for the first time: without a work list.
    NoWatermarkIsAFirstRun,
    /// Pending objects are not read again.
    NoDueList,
    /// `--relist-days` is not given.
    NoRelist,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) variant: Variant,
    pub(crate) changes: Changes,
    /// Seconds between planned seconds that make one window.
    pub(crate) neighbours: i64,
    /// `--relist-days`.
    pub(crate) relist_days: Option<i64>,
    /// A process is killed before one step in so many; 0 is never.
    pub(crate) kill_one_in: u64,
}

/// A promise that a history has broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// An object has two rows in a run.
    Twice,
    /// An object of the work list has no row, and no page counts it as unchanged.
    Owed,
    /// A body was taken for an object that is listed.
    TakenForGone,
    /// The pages of a completed run leave a part of its windows unread.
    Unread,
    /// A page is in none of the run's windows, or follows a cursor that no page has handed out.
    Misplaced,
    /// A cursor is sent with other filters than its own: Stripe may answer with an empty page.
    ForeignCursor,
    /// A listed object has no row.
    NeverLanded,
    /// The newest row of an object is not its newest state.
    Stale,
    /// A row says the same as the row before it, and no gap asks for that.
    Repeated,
    /// A row shows an older state than the row before it.
    TakenBack,
    /// The object is deleted, and nothing shows it.
    NotMarked,
}
