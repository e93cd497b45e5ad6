//! The rows of parents that a run of their lists follows: those that have landed since the run before.
//!
//! The list of an object changes with the object, or without. What Stripe reports of it, the rows of the objects show; the
//! rest is found by asking all of them again from time to time.

use super::source::{Position, Source, Span};
use super::window::DAY;
use super::{Carried, History, Kind};
use crate::options::Options;
use crate::stripe::children::Parent;
use crate::stripe::exchange::Now;

/// What the complete runs of a list have landed, for the runs of its objects' own lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParentRows {
    /// The newest attempt that has completed a run, and when.
    pub position: Position,
    /// The newest attempt that has landed rows; 0 for none.
    pub landed_epoch: i64,
    /// The newest attempt that may have landed an object which shows only the beginning of a list; 0 for none.
    pub cut_epoch: i64,
}

impl ParentRows {
    /// Of the run that the attempt with that number has completed at that moment.
    #[must_use]
    pub fn at(epoch: i64, at_micros: i64, carried: &Carried) -> Self {
        let landed_epoch = carried.landed.as_ref().map_or(0, |landed| landed.version >> 32);
        Self {
            position: Position { epoch, at_micros },
            landed_epoch,
            cut_epoch: carried.cut_version.map_or(landed_epoch, |version| version >> 32),
        }
    }

    /// The newest attempt with rows that the lists of that kind may come from.
    const fn newest(&self, parent: &Parent) -> i64 {
        if parent.is_shown { self.cut_epoch } else { self.landed_epoch }
    }
}

impl History {
    /// What the complete runs of this list have landed, for the runs of its objects' own lists.
    #[must_use]
    pub fn parent_rows(&self) -> Option<ParentRows> {
        let completed = self.completed()?;
        Some(ParentRows::at(completed.epoch, completed.at_micros, completed.carried.as_ref()?))
    }

    /// Version of the newest commit that may have an object which shows only the beginning of a list; `None` if nobody
    /// knows. A reset takes no row away.
    pub(super) fn cut_version(&self) -> Option<i64> {
        let newest =
            self.events().iter().max_by_key(|event| (event.commit_version(), event.kind == Kind::Completed))?;
        newest.carried.as_ref()?.cut_version
    }
}

/// What a new run of the lists of parents follows. `rows` is what has landed of the parents; `None` if no run of theirs is
/// complete: then it follows nothing.
pub(super) fn child_source(
    parent: &Parent,
    history: &History,
    options: &Options,
    rows: Option<&ParentRows>,
    now: Now,
) -> Source {
    let from = history.followed();
    let Some(rows) = rows else { return Source { from, ..Source::default() } };
    let to = from.filter(|from| from.epoch >= rows.position.epoch).unwrap_or(rows.position);
    let every_micros = i64::from(options.whole_every_days) * DAY * 1_000_000;
    let is_recent = |at: i64| (0..every_micros).contains(&now.wall_micros.saturating_sub(at));
    let asks_all = !parent.is_reported && from.is_some() && !history.whole_at_micros().is_some_and(is_recent);
    Source { from, to: Some(to), relands: asks_all }
}

/// Whether such a run would find no parent to ask.
pub(super) fn is_idle(parent: &Parent, source: &Source, rows: Option<&ParentRows>) -> bool {
    let (Some(_), Some(rows)) = (source.to, rows) else { return true };
    let followed = source.from.filter(|_| !source.relands).map_or(0, |from| from.epoch);
    rows.newest(parent) <= followed
}

impl Source {
    /// The rows of the parents that a run of their lists asks for.
    #[must_use]
    pub fn parents(&self) -> Option<Span> {
        let from = self.from.filter(|_| !self.relands).map_or(0, |from| from.epoch);
        Some(Span { from, to: self.to?.epoch, since: 0 })
    }

    /// Whether a run that follows this asks all parents.
    #[must_use]
    pub const fn is_of_all_parents(&self) -> bool {
        self.relands || self.from.is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::samples::{NOW, event, started};
    use super::super::{Event, LandedCommit, commit_version};
    use super::*;
    use crate::stripe::entities::by_name;

    const NOW_HERE: Now = Now { monotonic: Duration::ZERO, wall_micros: NOW };
    const DAY_MICROS: i64 = DAY * 1_000_000;

    fn rows(epoch: i64, landed_epoch: i64, cut_epoch: i64) -> ParentRows {
        ParentRows { position: Position { epoch, at_micros: NOW }, landed_epoch, cut_epoch }
    }

    /// Whether a run would ask for lists, and of which rows, after one that had come to attempt `before` some days ago.
    fn planned(child: &str, before: Option<(i64, i64)>, rows: Option<ParentRows>) -> Option<(i64, i64)> {
        let parent = by_name(child).unwrap().parent.as_ref().unwrap();
        let mut history = History::default();
        if let Some((epoch, days)) = before {
            let to = Some(Position { epoch, at_micros: NOW });
            let carried = Carried { whole_at_micros: Some(NOW - days * DAY_MICROS), ..Carried::default() };
            let completed = event("A", 1, Kind::Completed, None, None);
            history.extend([
                event("A", 1, started(), None, None),
                Event { source: Source { to, ..Source::default() }, carried: Some(carried), ..completed },
            ]);
        }
        let source = child_source(parent, &history, &Options::default(), rows.as_ref(), NOW_HERE);
        let span = source.parents().map(|span| (span.from, span.to));
        span.filter(|_| !is_idle(parent, &source, rows.as_ref()))
    }

    #[test]
    fn nothing_is_asked_unless_a_parent_may_show_less_than_the_whole_list() {
        for (before, rows, expected) in [
            (None, None, None),
            (None, Some(rows(5, 5, 0)), None),
            (None, Some(rows(5, 5, 3)), Some((0, 5))),
            (Some((3, 0)), Some(rows(5, 5, 3)), None),
            (Some((3, 0)), Some(rows(5, 5, 4)), Some((3, 5))),
            // A parent's row says when its list has changed.
            (Some((3, 99)), Some(rows(5, 5, 3)), None),
        ] {
            assert_eq!(planned("invoices_lines", before, rows), expected, "{before:?} {rows:?}");
        }
    }

    #[test]
    fn lists_that_no_parent_shows_are_asked_for_each_new_row_and_all_of_them_each_week() {
        for (before, rows, expected) in [
            (None, Some(rows(5, 0, 0)), None),
            (None, Some(rows(5, 5, 0)), Some((0, 5))),
            (Some((5, 6)), Some(rows(6, 5, 0)), None),
            (Some((5, 6)), Some(rows(6, 6, 0)), Some((5, 6))),
            (Some((5, 7)), Some(rows(6, 5, 0)), Some((0, 6))),
        ] {
            assert_eq!(planned("customers_payment_methods", before, rows), expected, "{before:?} {rows:?}");
        }
        assert_eq!(planned("radar_value_list_items", Some((5, 8)), Some(rows(6, 6, 2))), Some((0, 6)));
        assert_eq!(planned("radar_value_list_items", Some((5, 8)), Some(rows(6, 6, 0))), None, "none is cut off");
    }

    #[test]
    fn rows_that_an_earlier_version_has_landed_may_be_cut_off() {
        let landed = Some(LandedCommit { run_id: None, version: commit_version(4, 1) });
        let at = |cut_version| {
            let carried = Carried { landed: landed.clone(), cut_version, ..Carried::default() };
            ParentRows::at(5, NOW, &carried)
        };
        assert_eq!((at(None).cut_epoch, at(Some(0)).cut_epoch), (4, 0));
        assert_eq!((at(Some(commit_version(3, 1))).cut_epoch, at(None).position.epoch), (3, 5));
    }
}
