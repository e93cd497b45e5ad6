//! The rows of parents that a run of their lists follows: those that have landed since the run before.
//!
//! The list of an object changes with the object, or without. What Stripe reports of it, the rows of the objects show; the
//! rest is found by asking all of them again from time to time.

use super::source::{Position, Source, Span};
use super::window::DAY;
use super::{Carried, Circumstances, Event, History, Kind};
use crate::options::Options;
use crate::stripe::children::Parent;

/// The setting of an attempt whose call asks for lists that its objects have and do not show.
pub const ASKS_LISTS: &str = "asks_lists";

/// What the complete runs of a list have landed, for the runs of its objects' own lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParentRows {
    /// The newest attempt that has completed a run, and when.
    pub position: Position,
    /// The newest attempt that has landed rows; 0 for none.
    pub landed_epoch: i64,
    /// The newest attempt that may have landed an object which shows only the beginning of a list; 0 for none.
    pub cut_epoch: i64,
    /// The newest attempt whose run left out objects that events report and that have not changed; 0 for none.
    pub left_out_epoch: i64,
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
            left_out_epoch: carried.left_out_epoch,
        }
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
        self.newest_carried()?.cut_version
    }

    /// The newest attempt whose run left out objects that events report and that have not changed; 0 for none.
    pub(super) fn left_out_epoch(&self) -> i64 {
        self.newest_carried().map_or(0, |carried| carried.left_out_epoch)
    }

    /// Whether an earlier attempt at the latest run left such objects out: its call did not ask for their lists.
    pub(super) fn has_left_out(&self) -> bool {
        let settings = |event: &Event| match &event.kind {
            Kind::Started { settings, .. } => serde_json::from_str::<serde_json::Value>(settings).ok(),
            _ => None,
        };
        self.latest().filter_map(settings).any(|settings| settings.get(ASKS_LISTS).is_none())
    }

    fn newest_carried(&self) -> Option<&Carried> {
        let newest =
            self.events().iter().max_by_key(|event| (event.commit_version(), event.kind == Kind::Completed))?;
        newest.carried.as_ref()
    }

    /// The objects whose lists were refused in the newest complete run, or in the one before the run that goes on.
    pub(super) fn refused_parents(&self) -> Vec<String> {
        let event =
            if self.is_open() { self.latest().min_by_key(|event| event.commit_version()) } else { self.completed() };
        event.and_then(|event| Some(event.carried.as_ref()?.refused_parents.clone())).unwrap_or_default()
    }
}

/// What a new run of the lists of parents follows. If no run of the parents is complete, it follows nothing.
///
/// All parents are asked from time to time if their rows do not show each change; for lists that they do not show, that is
/// also so if no events are read with them. And all are asked if runs of theirs have left out what events reported.
pub(super) fn child_source(parent: &Parent, history: &History, options: &Options, attempt: &Circumstances) -> Source {
    let from = history.followed();
    let Some(rows) = &attempt.parents else { return Source { from, ..Source::default() } };
    let to = from.filter(|from| from.epoch >= rows.position.epoch).unwrap_or(rows.position);
    let every_micros = i64::from(options.whole_every_days) * DAY * 1_000_000;
    let is_recent = |at: i64| (0..every_micros).contains(&attempt.now.wall_micros.saturating_sub(at));
    let is_reported = parent.is_reported && (parent.is_shown || attempt.follows);
    let is_due = !is_reported && !history.whole_at_micros().is_some_and(is_recent);
    let missed = !parent.is_shown && from.is_some_and(|from| from.epoch < rows.left_out_epoch);
    Source { from, to: Some(to), relands: from.is_some() && (is_due || missed) }
}

/// Whether such a run would find no parent to ask. The first run of lists whose changes no row shows is never idle: the
/// time of the next round counts from it.
pub(super) fn is_idle(parent: &Parent, source: &Source, rows: Option<&ParentRows>) -> bool {
    let (Some(_), Some(rows)) = (source.to, rows) else { return true };
    let asks_shown_ones = parent.is_shown && (parent.is_reported || source.from.is_some()) && !source.relands;
    let newest = if asks_shown_ones { rows.cut_epoch } else { rows.landed_epoch };
    newest <= source.from.filter(|_| !source.relands).map_or(0, |from| from.epoch)
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
    use super::super::{LandedCommit, commit_version};
    use super::*;
    use crate::stripe::entities::by_name;
    use crate::stripe::exchange::Now;

    const DAY_MICROS: i64 = DAY * 1_000_000;

    fn rows(epoch: i64, landed_epoch: i64, cut_epoch: i64) -> ParentRows {
        ParentRows { position: Position { epoch, at_micros: NOW }, landed_epoch, cut_epoch, left_out_epoch: 0 }
    }

    /// Whether a run would ask for lists, and of which rows, after one that had come to attempt `before` some days ago.
    fn planned(child: &str, before: Option<(i64, i64)>, rows: Option<ParentRows>, follows: bool) -> Option<(i64, i64)> {
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
        let attempt = Circumstances {
            now: Now { monotonic: Duration::ZERO, wall_micros: NOW },
            owner: String::new(),
            holder_is_dead: false,
            take_over: false,
            give_up: None,
            start: None,
            new_run_id: String::new(),
            follows,
            reported: None,
            parents: rows,
        };
        let source = child_source(parent, &history, &Options::default(), &attempt);
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
            assert_eq!(planned("invoices_lines", before, rows, false), expected, "{before:?} {rows:?}");
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
            assert_eq!(planned("customers_payment_methods", before, rows, true), expected, "{before:?} {rows:?}");
            // With events, rows of customers say when a tax id comes or goes.
            assert_eq!(planned("customers_tax_ids", before, rows, false), expected, "{before:?} {rows:?}");
        }
        assert_eq!(planned("customers_tax_ids", Some((5, 99)), Some(rows(6, 5, 0)), true), None);
    }

    #[test]
    fn lists_that_all_parents_show_and_no_event_reports_are_asked_each_week_even_if_none_was_cut_off() {
        for (before, expected) in [(None, Some((0, 6))), (Some((5, 6)), None), (Some((5, 8)), Some((0, 6)))] {
            assert_eq!(planned("radar_value_list_items", before, Some(rows(6, 5, 0)), true), expected, "{before:?}");
        }
    }

    #[test]
    fn a_run_of_the_parents_that_left_out_what_events_reported_makes_all_of_them_asked() {
        for (left_out_epoch, expected) in [(5, None), (6, Some((0, 6)))] {
            let rows = ParentRows { left_out_epoch, ..rows(6, 5, 0) };
            assert_eq!(planned("customers_tax_ids", Some((5, 0)), Some(rows), true), expected);
            assert_eq!(planned("invoices_lines", Some((5, 0)), Some(rows), true), None, "cut ones land in any case");
        }
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
