//! What the events of one entity and account say together, in whatever order they were read.

use std::collections::BTreeSet;

use super::{Event, Kind, PageEvent};
use crate::error::Class;

/// How the latest run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No run yet.
    NeverRan,
    /// Its last attempt has ended by no event: it runs, or it was killed.
    Unfinished,
    /// Its last attempt failed; the next one goes on with it.
    Failed,
    /// It covers its window.
    Complete,
    /// It was given up; the next run is a new one.
    GivenUp,
}

/// Events of one entity and account: all but PAGE_COMMITTED, and those of the latest run.
#[derive(Debug, Clone, Default)]
pub struct History {
    events: Vec<Event>,
}

impl History {
    /// Takes more events in.
    pub fn extend(&mut self, events: impl IntoIterator<Item = Event>) {
        self.events.extend(events);
    }

    /// The newest attempt's number; 0 before the first.
    #[must_use]
    pub fn epoch(&self) -> i64 {
        self.events.iter().map(|event| event.epoch).max().unwrap_or(0)
    }

    /// How many attempts there were at the latest run.
    #[must_use]
    pub fn attempts(&self) -> usize {
        self.latest().map(|event| event.epoch).collect::<BTreeSet<_>>().len()
    }

    /// Events of the latest run, which is the one with the largest epoch.
    fn latest(&self) -> impl Iterator<Item = &Event> {
        let run_id = self.run_id();
        self.events.iter().filter(move |event| Some(event.run_id.as_str()) == run_id)
    }

    /// The latest run.
    #[must_use]
    pub fn run_id(&self) -> Option<&str> {
        self.events.iter().max_by_key(|event| event.epoch).map(|event| event.run_id.as_str())
    }

    /// How the latest run stands.
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

    /// Whether the next attempt goes on with the latest run.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state(), State::Unfinished | State::Failed)
    }

    /// Who made the newest event, and when (microseconds since 1970).
    #[must_use]
    pub fn newest(&self) -> Option<(&str, i64)> {
        let newest = self.latest().max_by_key(|event| (event.epoch, event.at_micros))?;
        Some((&newest.owner, newest.at_micros))
    }

    /// The error that ended the newest attempt: class and message.
    #[must_use]
    pub fn failure(&self) -> Option<(&str, &str)> {
        let epoch = self.epoch();
        self.latest().filter(|event| event.epoch == epoch).find_map(|event| match &event.kind {
            Kind::Failed { class, message } => Some((class.as_str(), message.as_str())),
            _ => None,
        })
    }

    /// What is said of objects that cannot be rows, since the last `--from-scratch`, in no order.
    pub fn refused(&self) -> impl Iterator<Item = &str> {
        self.since_reset().filter_map(|event| event.kind.refused())
    }

    /// Pages of the latest run with the attempt's window they belong to.
    pub fn pages(&self) -> impl Iterator<Item = (&Event, &PageEvent)> {
        self.latest().filter_map(|event| Some((event, event.kind.page()?)))
    }

    /// Events since the last `--from-scratch`: what came before says nothing about windows.
    fn since_reset(&self) -> impl Iterator<Item = &Event> {
        let reset =
            self.events.iter().filter(|event| event.kind.is_failure_of(Class::Reset)).map(|event| event.epoch).max();
        self.events.iter().filter(move |event| Some(event.epoch) > reset)
    }

    /// Whether any run began since the last `--from-scratch`.
    #[must_use]
    pub fn has_run(&self) -> bool {
        self.since_reset().next().is_some()
    }

    /// Whether rows of runs since the last `--from-scratch` must be in the raw table.
    #[must_use]
    pub fn has_rows(&self) -> bool {
        self.since_reset().any(|event| match &event.kind {
            Kind::Page(page) => page.row_count > 0,
            Kind::Completed => event.max_created_seen.is_some(),
            _ => false,
        })
    }

    /// The newest RUN_COMPLETED: its run is where the next window begins.
    #[must_use]
    pub fn completed(&self) -> Option<&Event> {
        self.since_reset().filter(|event| event.kind == Kind::Completed).max_by_key(|event| event.epoch)
    }

    /// Largest `created` that completed runs have seen.
    #[must_use]
    pub fn watermark(&self) -> Option<i64> {
        self.completed().and_then(|event| event.max_created_seen)
    }

    /// The same, but when the run was complete, where it is later than that by more than a lookback: such a time says nothing
    /// of when objects are created. A server's clock was wrong, and a version before this one believed it.
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

    /// The window's lower end that the entity's first run was given: no later window reaches below it.
    #[must_use]
    pub fn first_start(&self) -> Option<i64> {
        let first = self.since_reset().min_by_key(|event| event.epoch)?;
        // An attempt without a page takes its window anew, so the run's last word counts.
        self.since_reset()
            .filter(|event| event.run_id == first.run_id)
            .max_by_key(|event| (event.epoch, event.sequence))
            .and_then(|event| event.start_created_gte)
    }

    /// Whether the latest run is the first since the last `--from-scratch`.
    #[must_use]
    pub fn is_first_run(&self) -> bool {
        let run_id = self.run_id();
        self.since_reset().all(|event| Some(event.run_id.as_str()) == run_id)
    }

    /// The newest RUN_STARTED of the latest run: its settings.
    #[must_use]
    pub fn settings(&self) -> Option<&str> {
        let started = self.latest().filter(|event| matches!(event.kind, Kind::Started { .. }));
        started.max_by_key(|event| event.epoch).and_then(|event| match &event.kind {
            Kind::Started { settings, .. } => Some(settings.as_str()),
            _ => None,
        })
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
    fn the_failure_told_is_that_of_the_newest_attempt() {
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
    fn rows_are_expected_of_pages_that_have_some_and_of_runs_that_saw_some() {
        let empty = Kind::Page(PageEvent { row_count: 0, ..page().page().unwrap().clone() });
        for (kind, seen, expected) in [
            (page(), None, true),
            (Kind::Completed, Some(7), true),
            (Kind::Completed, None, false),
            (empty, Some(7), false),
            (started(), Some(7), false),
        ] {
            let landed = event("RUN", 1, kind.clone(), None, seen);
            assert_eq!(history(vec![landed.clone()]).has_rows(), expected, "{kind:?}");
            let reset = event("RESET", 2, failed(Class::Reset), None, None);
            assert!(!history(vec![landed, reset]).has_rows(), "{kind:?} before --from-scratch");
        }
    }

    #[test]
    fn what_was_refused_is_said_until_the_list_is_begun_from_scratch() {
        let refused = |message: &str| Kind::Refused { page_number: 1, request_id: None, message: message.to_owned() };
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
    fn the_first_run_is_the_one_that_no_other_came_before_since_the_last_reset() {
        let mut events = vec![event("A", 1, started(), None, None), event("A", 2, started(), None, None)];
        assert!(history(events.clone()).is_first_run());
        events.push(event("B", 3, started(), None, None));
        assert!(!history(events.clone()).is_first_run());
        events.push(event("RESET", 4, failed(Class::Reset), None, None));
        events.push(event("C", 5, started(), None, None));
        assert!(history(events).is_first_run());
    }
}
