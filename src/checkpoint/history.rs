//! The events of one entity and account as a whole, read in any order.

use std::collections::{BTreeSet, HashSet};

use super::{Carried, Event, Kind, PageEvent, commit_version};
use crate::error::Class;

/// The state of the latest run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No run yet.
    NeverRan,
    /// No event has ended its last attempt: it runs, or it was killed.
    Unfinished,
    /// Its last attempt failed; the next one continues it.
    Failed,
    /// It covers its window.
    Complete,
    /// It was given up; the next run is a new one.
    GivenUp,
}

/// The things whose landing in the raw table is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Rows, and each fence that an event follows. If only pages of the latest run are at hand, a fence shows that
    /// everything before it has landed.
    Everything,
    /// Rows alone, for a history with the pages of all runs.
    Rows,
    /// Rows of the runs before the latest, for such a history.
    EarlierRows,
}

/// The content of the raw table according to the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landed {
    /// The lowest version that its transaction can have.
    pub version: i64,
    /// The newest commit with rows, of the pages at hand: its run, and its version.
    pub newest: Option<(String, i64)>,
}

/// Events of one entity and account, in any order: all, or those from the newest RUN_COMPLETED on that carries the facts
/// about older runs. PAGE_COMMITTED of other runs than the latest may be missing.
#[derive(Debug, Clone, Default)]
pub struct History {
    events: Vec<Event>,
}

impl History {
    /// Takes in more events.
    pub fn extend(&mut self, events: impl IntoIterator<Item = Event>) {
        self.events.extend(events);
    }

    /// The events, in any order.
    pub(super) fn events(&self) -> &[Event] {
        &self.events
    }

    /// The newest attempt's number; 0 before the first.
    #[must_use]
    pub fn epoch(&self) -> i64 {
        self.events.iter().map(|event| event.epoch).max().unwrap_or(0)
    }

    /// Number of attempts at the latest run.
    #[must_use]
    pub fn attempts(&self) -> usize {
        self.latest().map(|event| event.epoch).collect::<BTreeSet<_>>().len()
    }

    /// Events of the latest run, which is the one with the largest epoch.
    pub(super) fn latest(&self) -> impl Iterator<Item = &Event> {
        let run_id = self.run_id();
        self.events.iter().filter(move |event| Some(event.run_id.as_str()) == run_id)
    }

    /// The latest run.
    #[must_use]
    pub fn run_id(&self) -> Option<&str> {
        self.events.iter().max_by_key(|event| event.epoch).map(|event| event.run_id.as_str())
    }

    /// The state of the latest run.
    #[must_use]
    pub fn state(&self) -> State {
        let epoch = self.epoch();
        if self.events.is_empty() {
            State::NeverRan
        } else if self.latest().any(|event| event.kind == Kind::Completed) {
            State::Complete
        } else if self.latest().any(|event| event.kind.gives_up()) {
            State::GivenUp
        } else if self.latest().any(|event| event.epoch == epoch && matches!(event.kind, Kind::Failed { .. })) {
            State::Failed
        } else {
            State::Unfinished
        }
    }

    /// Whether the next attempt continues the latest run.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state(), State::Unfinished | State::Failed)
    }

    /// The owner of the newest event, and its time (microseconds since 1970).
    #[must_use]
    pub fn newest(&self) -> Option<(&str, i64)> {
        let newest = self.latest().max_by_key(|event| (event.epoch, event.at_micros))?;
        Some((&newest.owner, newest.at_micros))
    }

    /// The error that ended the newest attempt: class and message. A complete run has none, even if its process did not
    /// learn that the end was committed.
    #[must_use]
    pub fn failure(&self) -> Option<(&str, &str)> {
        if self.state() == State::Complete {
            return None;
        }
        let epoch = self.epoch();
        self.latest().filter(|event| event.epoch == epoch).find_map(|event| match &event.kind {
            Kind::Failed { class, message } => Some((class.as_str(), message.as_str())),
            _ => None,
        })
    }

    /// The messages on objects that cannot be rows, since the last reset, in no order.
    pub fn refused(&self) -> impl Iterator<Item = &str> {
        self.since_reset().filter_map(|event| event.kind.refused())
    }

    /// Pages of the latest run with the attempt's window they belong to.
    pub fn pages(&self) -> impl Iterator<Item = (&Event, &PageEvent)> {
        self.latest().filter_map(|event| Some((event, event.kind.page()?)))
    }

    /// Events since the last reset: earlier events say nothing about windows.
    fn since_reset(&self) -> impl Iterator<Item = &Event> {
        let reset =
            self.events.iter().filter(|event| event.kind.is_failure_of(Class::Reset)).map(|event| event.epoch).max();
        self.events.iter().filter(move |event| Some(event.epoch) > reset)
    }

    /// Whether the latest run is the first since the last reset, or the next one will be.
    #[must_use]
    pub fn has_no_earlier_run(&self) -> bool {
        !self.has_run() || (self.is_open() && self.is_first_run())
    }

    /// Whether Stripe has ever answered with the list since the last reset: a run is complete, or has a page.
    #[must_use]
    pub fn was_ever_read(&self) -> bool {
        self.since_reset().any(|event| event.kind == Kind::Completed || event.kind.page().is_some())
    }

    /// Whether any run began since the last reset.
    #[must_use]
    pub fn has_run(&self) -> bool {
        self.since_reset().next().is_some()
    }

    /// The content of the raw table according to the events at hand, since the last reset; `None` for no
    /// row.
    ///
    /// A run that was given up no longer counts: whatever happened to its rows, a later window reads them again.
    #[must_use]
    pub fn landed(&self, extent: Extent) -> Option<Landed> {
        let carried: Vec<&Carried> = match extent {
            Extent::Everything | Extent::Rows => {
                let given_up =
                    self.events.iter().filter(|event| event.kind.gives_up()).map(Event::commit_version).max();
                let counting = self.events.iter().filter(|event| Some(event.commit_version()) >= given_up);
                counting.filter_map(|event| event.carried.as_ref()).collect()
            }
            Extent::EarlierRows => {
                let first = self.latest().min_by_key(|event| event.commit_version());
                first.and_then(|event| event.carried.as_ref()).into_iter().collect()
            }
        };
        if carried.is_empty() {
            return self.landed_by_pages(extent);
        }
        let landed = carried.into_iter().filter_map(|carried| carried.landed.as_ref());
        let newest = landed.max_by_key(|landed| landed.version)?;
        let version = newest.version;
        Some(Landed { version, newest: newest.run_id.clone().map(|run_id| (run_id, version)) })
    }

    /// The same, for events of layout 1, which do not carry it.
    fn landed_by_pages(&self, extent: Extent) -> Option<Landed> {
        let given_up = self.events.iter().filter(|event| event.kind.gives_up());
        let mut left_out: HashSet<&str> = given_up.map(|event| event.run_id.as_str()).collect();
        left_out.extend(self.run_id().filter(|_| extent == Extent::EarlierRows));
        let kept: Vec<&Event> = self.since_reset().filter(|event| !left_out.contains(event.run_id.as_str())).collect();
        let every = extent == Extent::Everything;
        let has_rows = |event: &Event| match &event.kind {
            Kind::Page(page) => page.row_count > 0,
            Kind::Completed => every && event.max_created_seen.is_some(),
            _ => false,
        };
        if !kept.iter().any(|event| has_rows(event)) {
            return None;
        }
        // Rows of a recovered page are an older attempt's; a page without rows and an end do not have a commit in the
        // raw table. But each of these events follows its own attempt's fence of that table.
        let has_commit = |event: &Event| event.kind.page().is_some_and(|page| page.row_count > 0 && !page.recovered);
        let versions = kept.iter().filter_map(|event| match event.kind {
            Kind::Page(_) | Kind::Completed if has_commit(event) => Some(event.commit_version()),
            Kind::Page(_) | Kind::Completed if every || has_rows(event) => Some(commit_version(event.epoch, 0)),
            _ => None,
        });
        let newest = kept.iter().filter(|event| has_commit(event)).max_by_key(|event| event.commit_version());
        Some(Landed {
            version: versions.max()?,
            newest: newest.map(|event| (event.run_id.clone(), event.commit_version())),
        })
    }

    /// The newest RUN_COMPLETED: the next window starts from it.
    #[must_use]
    pub fn completed(&self) -> Option<&Event> {
        self.since_reset().filter(|event| event.kind == Kind::Completed).max_by_key(|event| event.epoch)
    }

    /// Largest `created` that completed runs have seen.
    #[must_use]
    pub fn watermark(&self) -> Option<i64> {
        self.completed().and_then(|event| event.max_created_seen)
    }

    /// The same; but the moment when the run was complete, if the watermark is later than that by more than a lookback.
    /// Such a watermark says nothing about the times of objects: a server's clock was wrong, and a version before this
    /// one believed it.
    #[must_use]
    pub fn sound_watermark(&self, lookback_seconds: i64) -> Option<i64> {
        let completed = self.completed()?;
        let ended = completed.at_micros.div_euclid(1_000_000);
        let is_sound = |watermark: &i64| *watermark <= ended.saturating_add(lookback_seconds);
        completed.max_created_seen.map(|watermark| Some(watermark).filter(is_sound).unwrap_or(ended))
    }

    /// `created` of the newest object that the latest run has landed, or of those before it.
    #[must_use]
    pub fn newest_created(&self) -> Option<i64> {
        self.pages().filter_map(|(_, page)| page.max_created).max().or_else(|| self.watermark())
    }

    /// The lower end of the window of the entity's first run: no later window reaches below it.
    #[must_use]
    pub fn first_start(&self) -> Option<i64> {
        let newest = self.since_reset().max_by_key(|event| event.commit_version());
        if let Some(Carried { first_start, .. }) = newest.and_then(|event| event.carried.as_ref()) {
            return *first_start;
        }
        let first = self.since_reset().min_by_key(|event| event.epoch)?;
        // An attempt without a page sets its window again, so the run's last event counts.
        self.since_reset()
            .filter(|event| event.run_id == first.run_id)
            .max_by_key(|event| (event.epoch, event.sequence))
            .and_then(|event| event.start_created_gte)
    }

    /// When the newest complete run that read the whole list began, in microseconds since 1970; `None` if no event says
    /// that there was one.
    #[must_use]
    pub fn whole_at_micros(&self) -> Option<i64> {
        let newest = self.since_reset().max_by_key(|event| event.commit_version())?;
        newest.carried.as_ref()?.whole_at_micros
    }

    /// The time of the latest run's first event, in microseconds since 1970.
    #[must_use]
    pub fn began_at_micros(&self) -> Option<i64> {
        self.latest().map(|event| event.at_micros).min()
    }

    /// When a page was committed or a run was complete last, in microseconds since 1970: then the rows were in their place.
    #[must_use]
    pub fn landed_at_micros(&self) -> Option<i64> {
        let has_rows = |event: &&Event| matches!(event.kind, Kind::Page(_) | Kind::Completed);
        self.events.iter().filter(has_rows).map(|event| event.at_micros).max()
    }

    /// Whether the latest run is the first since the last reset.
    #[must_use]
    pub fn is_first_run(&self) -> bool {
        let run_id = self.run_id();
        self.since_reset().all(|event| Some(event.run_id.as_str()) == run_id)
    }

    /// The newest RUN_STARTED of the latest run: its settings.
    #[must_use]
    pub fn settings(&self) -> Option<&str> {
        self.latest().filter(|event| event.kind.settings().is_some()).max_by_key(|event| event.epoch)?.kind.settings()
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{event, failed, page, started};
    use super::*;

    fn history(events: Vec<Event>) -> History {
        History { events }
    }

    #[test]
    fn the_failure_is_that_of_the_newest_attempt() {
        let kind = Kind::Failed { class: "Table".to_owned(), message: "the disk is full".to_owned() };
        let mut events = vec![
            event("OLD", 1, failed(Class::Abandoned), None, None),
            event("RUN", 2, failed(Class::Budget), None, None),
            event("RUN", 3, kind, None, None),
        ];
        assert_eq!(history(events.clone()).failure(), Some(("Table", "the disk is full")));
        events.push(event("RUN", 4, started(), None, None));
        assert_eq!(history(events).failure(), None);
    }

    #[test]
    fn attempts_of_the_latest_run_are_counted_however_many_events_they_left() {
        let of = |run_id: &str, epoch: i64| event(run_id, epoch, started(), None, None);
        assert_eq!(history(vec![]).attempts(), 0);
        let events = vec![of("OLD", 1), of("RUN", 2), event("RUN", 2, page(), None, None), of("RUN", 3), of("RUN", 4)];
        assert_eq!(history(events).attempts(), 3);
    }

    #[test]
    fn the_newest_object_is_that_of_the_latest_runs_pages_or_else_of_the_runs_before() {
        let mut events =
            vec![event("OLD", 1, Kind::Completed, None, Some(700)), event("RUN", 2, started(), None, None)];
        assert_eq!(history(events.clone()).newest_created(), Some(700));
        events.push(event("RUN", 2, page(), None, None));
        assert_eq!(history(events).newest_created(), Some(1_000));
    }

    /// A page's event of a commit.
    fn page_of(run_id: &str, epoch: i64, sequence: i64, row_count: i64, recovered: bool) -> Event {
        let kind = Kind::Page(PageEvent { row_count, recovered, ..page().page().unwrap().clone() });
        Event { sequence, ..event(run_id, epoch, kind, None, Some(7)) }
    }

    fn done(run_id: &str, epoch: i64, seen: Option<i64>) -> Event {
        event(run_id, epoch, Kind::Completed, None, seen)
    }

    fn landed(version: i64, newest: Option<(&str, i64)>) -> Landed {
        Landed { version, newest: newest.map(|(run_id, version)| (run_id.to_owned(), version)) }
    }

    #[test]
    fn the_landed_rows_follow_from_pages_and_ends() {
        let newest = |version| Some(("RUN", version));
        let fence = |epoch| commit_version(epoch, 0);
        for (events, expected) in [
            (vec![], None),
            (vec![event("RUN", 1, started(), None, Some(7))], None),
            (vec![page_of("RUN", 1, 1, 0, false)], None),
            (vec![done("OLD", 1, None)], None),
            (vec![done("OLD", 1, Some(7))], Some(landed(fence(1), None))),
            (vec![page_of("RUN", 1, 2, 1, false)], Some(landed(fence(1) + 2, newest(fence(1) + 2)))),
            (
                vec![page_of("RUN", 2, 9, 1, false), page_of("RUN", 3, 1, 1, false), page_of("RUN", 3, 2, 0, false)],
                Some(landed(fence(3) + 1, newest(fence(3) + 1))),
            ),
            // An attempt that only recovered, or found nothing, has only its fence there.
            (
                vec![page_of("RUN", 2, 9, 1, false), page_of("RUN", 3, 1, 1, true)],
                Some(landed(fence(3), newest(fence(2) + 9))),
            ),
            (vec![page_of("RUN", 3, 1, 1, true)], Some(landed(fence(3), None))),
            (
                vec![page_of("RUN", 2, 9, 1, false), page_of("RUN", 4, 1, 0, false)],
                Some(landed(fence(4), newest(fence(2) + 9))),
            ),
            // An attempt that failed may never have reached its fence.
            (
                vec![done("OLD", 1, Some(7)), event("RUN", 2, failed(Class::Table), None, Some(7))],
                Some(landed(fence(1), None)),
            ),
            (vec![done("OLD", 1, Some(7)), event("RUN", 2, started(), None, Some(7))], Some(landed(fence(1), None))),
        ] {
            assert_eq!(history(events.clone()).landed(Extent::Everything), expected, "{events:?}");
            let reset = [events, vec![event("RESET", 9, failed(Class::Reset), None, None)]].concat();
            assert_eq!(history(reset.clone()).landed(Extent::Everything), None, "before a reset: {reset:?}");
        }
    }

    #[test]
    fn refused_objects_are_listed_until_the_list_is_begun_from_scratch() {
        let refused = |message: &str| Kind::Refused {
            page_number: 1,
            request_id: None,
            parent_id: None,
            message: message.to_owned(),
        };
        let mut events = vec![
            event("A", 1, refused("one"), None, None),
            event("A", 1, Kind::Completed, None, None),
            event("B", 2, refused("other"), None, None),
        ];
        assert_eq!(history(events.clone()).refused().collect::<Vec<_>>(), ["one", "other"]);
        assert_eq!(history(events[..2].to_vec()).state(), State::Complete);
        events.push(event("RESET", 3, failed(Class::Reset), None, None));
        assert_eq!(history(events).refused().count(), 0);
    }

    #[test]
    fn rows_that_have_landed_are_distinguished_from_fences_and_by_run() {
        let fence = |epoch| commit_version(epoch, 0);
        let old = || vec![page_of("OLD", 1, 3, 1, false), done("OLD", 1, Some(7))];
        let empty = || [old(), vec![page_of("RUN", 2, 1, 0, false), done("RUN", 2, Some(7))]].concat();
        let both = || [old(), vec![page_of("RUN", 2, 1, 1, false), page_of("RUN", 3, 1, 1, true)]].concat();
        let older = Some(landed(fence(1) + 3, Some(("OLD", fence(1) + 3))));
        for (events, rows, earlier) in [
            (vec![], None, None),
            (vec![done("OLD", 1, Some(7))], None, None),
            (old(), older.clone(), None),
            (empty(), older.clone(), older.clone()),
            // It is unknown whose rows were recovered: if the attempt's fence is there, they are, too.
            (both(), Some(landed(fence(3), Some(("RUN", fence(2) + 1)))), older),
        ] {
            assert_eq!(history(events.clone()).landed(Extent::Rows), rows, "{events:?}");
            assert_eq!(history(events.clone()).landed(Extent::EarlierRows), earlier, "{events:?}");
        }
    }

    #[test]
    fn a_run_that_was_given_up_no_longer_counts() {
        let begun = || vec![page_of("RUN", 2, 1, 1, false), event("RUN", 3, failed(Class::Abandoned), None, Some(7))];
        assert_eq!(history(begun()).landed(Extent::Everything), None);
        let after = [begun(), vec![done("OLD", 1, Some(7))]].concat();
        assert_eq!(history(after.clone()).landed(Extent::Everything), Some(landed(commit_version(1, 0), None)));
        assert_eq!(history(after.clone()).landed(Extent::Rows), None);
        let later = [after, vec![event("NEXT", 4, started(), None, Some(7))]].concat();
        assert_eq!(history(later.clone()).landed(Extent::Rows), None);
        assert_eq!(history(later).landed(Extent::Everything), Some(landed(commit_version(1, 0), None)));
    }

    #[test]
    fn the_first_run_is_the_one_without_a_run_before_it_since_the_last_reset() {
        let mut events = vec![event("A", 1, started(), None, None), event("A", 2, started(), None, None)];
        assert!(history(events.clone()).is_first_run());
        events.push(event("B", 3, started(), None, None));
        assert!(!history(events.clone()).is_first_run());
        events.push(event("RESET", 4, failed(Class::Reset), None, None));
        events.push(event("C", 5, started(), None, None));
        assert!(history(events).is_first_run());
    }
}
