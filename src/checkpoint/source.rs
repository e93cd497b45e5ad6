//! The events of Stripe's that a run follows, to find the objects that have changed.
//!
//! Stripe lists events for 30 days. So events can be lost if no run reads them for so long. A list that would have
//! followed them is read whole once, and all of it lands again: an object without a row of that run is gone.

use super::window::{DAY, moment};
use super::{Event, History, Kind};
use crate::options::{Changes, Options};
use crate::stripe::entities::Entity;
use crate::stripe::events::{Coverage, of};

/// Microseconds in which events are sure to be listed: a day less than Stripe says.
pub const LISTED_MICROS: i64 = 29 * DAY * 1_000_000;

/// How far events were followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The attempt at `events` up to whose rows they were; 0 for none. A run of `events` names itself at its end.
    pub epoch: i64,
    /// Every event that was created before then is among them, in microseconds since 1970, by Stripe's clock.
    pub at_micros: i64,
}

/// The events that a run follows: those after one position, up to another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Source {
    /// Where the runs before it have come to; `None` if none has followed any.
    pub from: Option<Position>,
    /// Where it comes to; `None` if it follows none.
    pub to: Option<Position>,
    /// Whether events in between were lost, so that the run reads the whole list and lands every object again.
    pub relands: bool,
}

/// What the runs of `events` have landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reported {
    /// How far.
    pub position: Position,
    /// Every event that was created since then has landed, in microseconds since 1970.
    pub since_micros: i64,
    /// The newest attempt that has landed rows.
    pub landed_epoch: i64,
}

impl Source {
    /// The rows of `events` that it follows; `None` if it follows nothing: a first run reads each object after those
    /// events.
    #[must_use]
    pub fn span(&self) -> Option<Span> {
        let to = self.to?;
        let span =
            |from: i64, since_micros: i64| Some(Span { from, to: to.epoch, since: since_micros.div_euclid(1_000_000) });
        match self.from {
            // None had landed when the list was read for the first time, and some are from long before.
            Some(from) if from.epoch == 0 && to.epoch > 0 => span(0, from.at_micros.saturating_sub(DAY * 1_000_000)),
            Some(from) if from.epoch < to.epoch => span(from.epoch, 0),
            None if self.relands => span(0, to.at_micros.saturating_sub(LISTED_MICROS)),
            Some(_) | None => None,
        }
    }
}

/// Rows of `events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// They landed after this attempt,
    pub from: i64,
    /// and not after that one.
    pub to: i64,
    /// Their events are of this second or later.
    pub since: i64,
}

impl Span {
    /// Whether no row of the other landed before it begins. Its end does not count: rows that land later come last.
    #[must_use]
    pub const fn begins_before(self, other: Self) -> bool {
        self.from <= other.from && self.since <= other.since
    }
}

/// What a new run follows; changes that events report only if it `follows` them.
///
/// A run of `events` follows none, and is followed by others: it names the time up to which it has all of them. That time
/// is of before its first answer: RUN_STARTED may be later. `reported` is what `events` has landed; `None` if no run of it
/// is complete.
pub(super) fn new_source(
    entity: &Entity,
    history: &History,
    options: &Options,
    follows: bool,
    reported: Option<&Reported>,
    began_at_micros: i64,
    warnings: &mut Vec<String>,
) -> Source {
    let from = history.followed();
    let nothing = Source { from, ..Source::default() };
    // Objects that are created from now on, or become visible from now on, may be missing. The first answer corrects the
    // time to that of Stripe's clock.
    let at_micros = began_at_micros.saturating_sub(options.lookback_seconds.saturating_mul(1_000_000));
    if entity.has_events() {
        return Source { to: Some(Position { epoch: 0, at_micros }), ..nothing };
    }
    if options.changes == Changes::No {
        return nothing;
    }
    if entity.due.is_some() {
        return Source { to: Some(Position { epoch: 0, at_micros: began_at_micros }), ..nothing };
    }
    if !follows || of(entity).coverage == Coverage::None {
        return nothing;
    }
    if history.completed().is_none() {
        // It reads every object after these events. Those that land meanwhile are the next run's. Objects of a run that no
        // longer counts may be gone by now.
        let epoch = reported.map_or(0, |reported| reported.position.epoch);
        return Source { to: Some(Position { epoch, at_micros }), relands: history.epoch() > 0, ..nothing };
    }
    let Some(reported) = reported else { return nothing };
    // A later run than this list has followed, or the same one.
    let to = from.filter(|from| from.epoch >= reported.position.epoch).or(Some(reported.position));
    let relands = from.is_none_or(|from| from.at_micros < reported.since_micros);
    if relands {
        warnings.push(match from {
            Some(from) => format!(
                "no run has read the events since {} in time, and Stripe lists them for 30 days only: changes of that \
                 time are unknown, so the list is read whole, and all of it lands again, once",
                moment(from.at_micros)
            ),
            None => "changes of objects that landed earlier were not followed: the list is read whole, and all of it \
                     lands again, once"
                .to_owned(),
        });
    }
    Source { from, to, relands }
}

/// Within this time a change comes that an object announces.
pub(super) const MONTHS_SECONDS: i64 = 60 * DAY;

/// The moments of the changes that objects announce and that a run looks for: those since the run that did so before, and
/// those of some days before it, since Stripe may be late.
pub(super) fn due_span(before_micros: Option<i64>, planned_at_micros: i64) -> (i64, i64) {
    const LATE_MICROS: i64 = 10 * DAY * 1_000_000;
    (before_micros.map_or(0, |before| before.saturating_sub(LATE_MICROS)), planned_at_micros)
}

/// Whether any event has landed after those that were followed before.
pub(super) fn has_news(source: &Source, reported: Option<&Reported>) -> bool {
    reported.is_some_and(|reported| source.from.is_none_or(|from| from.epoch < reported.landed_epoch))
}

impl History {
    /// Where the newest complete run has come to with following events.
    #[must_use]
    pub fn followed(&self) -> Option<Position> {
        let source = self.completed()?.source;
        source.to.or(source.from)
    }

    /// What the complete runs of this list, which is `events`, have landed.
    #[must_use]
    pub fn reported(&self) -> Option<Reported> {
        let carried = self.completed()?.carried.as_ref()?;
        let landed_epoch = carried.landed.as_ref().map_or(0, |landed| landed.version >> 32);
        Some(Reported { position: self.followed()?, since_micros: carried.events_since_micros?, landed_epoch })
    }

    /// What the latest run follows, as its first attempt recorded it.
    pub(super) fn source(&self) -> Source {
        let first = self.latest().min_by_key(|event| event.commit_version());
        first.map(|event| event.source).unwrap_or_default()
    }

    /// The newest answer of the runs before the latest, if that is unfinished, else of all.
    pub(super) fn answered_before_micros(&self) -> Option<i64> {
        let ends = |event: &&Event| event.kind == Kind::Completed || event.kind.gives_up();
        let event = if self.is_open() {
            self.latest().min_by_key(|event| event.commit_version())
        } else {
            self.latest().filter(ends).max_by_key(|event| event.commit_version())
        };
        event?.carried.as_ref()?.answered_at_micros
    }
}

#[cfg(test)]
mod tests {
    use super::super::Carried;
    use super::super::samples::{NOW, event, failed, started};
    use super::*;
    use crate::error::Class;
    use crate::stripe::entities::by_name;

    const HOUR_MICROS: i64 = 3_600_000_000;

    fn position(epoch: i64, ago: i64) -> Position {
        Position { epoch, at_micros: NOW - ago * HOUR_MICROS }
    }

    /// What a new run follows after these events. Events have landed since `since` hours, up to attempt 7.
    fn planned(entity: &str, events: Vec<Event>, since: Option<i64>, changes: Changes) -> (Source, usize) {
        let mut history = History::default();
        history.extend(events);
        let reported = since.map(|ago| Reported {
            position: position(7, 1),
            since_micros: NOW - ago * HOUR_MICROS,
            landed_epoch: 6,
        });
        let (options, mut warnings) = (Options { changes, ..Options::default() }, Vec::new());
        let entity = by_name(entity).unwrap();
        let source = new_source(entity, &history, &options, true, reported.as_ref(), NOW, &mut warnings);
        (source, warnings.len())
    }

    /// A complete run that has come there with following events.
    fn done(to: Option<Position>) -> Vec<Event> {
        let completed = event("A", 1, Kind::Completed, None, Some(9));
        vec![event("A", 1, started(), None, None), Event { source: Source { to, ..Source::default() }, ..completed }]
    }

    #[test]
    fn a_run_follows_the_events_that_have_landed_since_the_run_before() {
        let (source, warnings) = planned("charges", done(Some(position(5, 3))), Some(900), Changes::Read);
        assert_eq!((source.from, source.to), (Some(position(5, 3)), Some(position(7, 1))));
        assert_eq!(source.span(), Some(Span { from: 5, to: 7, since: 0 }));
        assert_eq!((source.relands, warnings), (false, 0));
        // Nothing has landed since, or no run of events is complete.
        let (source, _) = planned("charges", done(Some(position(7, 1))), Some(900), Changes::Read);
        assert_eq!((source.to, source.span()), (Some(position(7, 1)), None));
        let (source, _) = planned("charges", done(Some(position(5, 3))), None, Changes::Read);
        assert_eq!((source.from, source.to), (Some(position(5, 3)), None));
    }

    #[test]
    fn a_first_run_reads_every_object_after_the_events_that_are_there() {
        for (since, epoch) in [(Some(900), 7), (None, 0)] {
            let (source, warnings) = planned("charges", vec![], since, Changes::Read);
            assert_eq!((source.to, source.span()), (Some(position(epoch, 1)), None));
            assert_eq!((source.relands, warnings), (false, 0));
        }
        // The run after it counts events of a day before, if none had landed.
        let (source, _) = planned("charges", done(Some(position(0, 5))), Some(900), Changes::Read);
        assert_eq!(source.span().unwrap(), Span { from: 0, to: 7, since: (NOW - 29 * HOUR_MICROS) / 1_000_000 });
        let given_up = vec![event("A", 1, started(), None, None), event("A", 2, failed(Class::Abandoned), None, None)];
        assert!(planned("charges", given_up, Some(900), Changes::Read).0.relands, "its objects may be gone");
    }

    #[test]
    fn lost_events_make_a_list_land_again_and_say_so() {
        for (to, since, relands) in
            [(Some(position(5, 3)), 3, false), (Some(position(5, 3)), 2, true), (None, 900, true)]
        {
            let (source, warnings) = planned("charges", done(to), Some(since), Changes::Read);
            assert_eq!((source.relands, warnings), (relands, usize::from(relands)), "{to:?} {since}");
        }
        let (source, _) = planned("charges", done(None), Some(900), Changes::Read);
        assert_eq!(
            source.span().unwrap(),
            Span { from: 0, to: 7, since: (NOW - HOUR_MICROS - LISTED_MICROS) / 1_000_000 }
        );
    }

    #[test]
    fn some_lists_follow_nothing() {
        let before = || done(Some(position(5, 3)));
        for (entity, changes) in [("charges", Changes::No), ("file_links", Changes::Read), ("tax_ids", Changes::Read)] {
            let (source, _) = planned(entity, before(), Some(900), changes);
            assert_eq!((source.from, source.to), (Some(position(5, 3)), None), "{entity}");
        }
        let (source, _) = planned("balance_transactions", before(), None, Changes::Events);
        assert_eq!((source.to, source.span()), (Some(position(0, 0)), None), "it announces its changes itself");
        let (source, _) = planned("events", before(), None, Changes::No);
        assert_eq!((source.to, source.span()), (Some(position(0, 1)), None));
    }

    #[test]
    fn complete_events_say_how_far_others_can_follow_them() {
        let carried = Carried { events_since_micros: Some(5), ..Carried::default() };
        let mut events = done(Some(position(1, 2)));
        let mut history = History::default();
        history.extend(events.clone());
        assert_eq!(history.reported(), None, "an earlier version wrote it");
        events[1].carried = Some(carried);
        let mut history = History::default();
        history.extend(events);
        let reported = history.reported().unwrap();
        assert_eq!((reported.position, reported.since_micros, reported.landed_epoch), (position(1, 2), 5, 0));
    }

    #[test]
    fn what_was_due_before_the_last_look_is_looked_for_some_days_longer() {
        let day = DAY * 1_000_000;
        assert_eq!(due_span(Some(NOW - day), NOW), (NOW - 11 * day, NOW));
        assert_eq!(due_span(None, NOW), (0, NOW));
    }
}
