//! Compares the events of a run with its rows.

use std::collections::{BTreeMap, HashSet};

use super::{At, Audit, PageRows, RunRows, count};
use crate::checkpoint::{Event, Kind, PageEvent, filters};
use crate::digest::{Hex, rows_digest};
use crate::error::{Class, counted};
use crate::stripe::window::Range;
use crate::walk::coverage::{self, Link};

/// How far a window may begin ahead of the clock of the process that read it, in seconds: some clocks are wrong by
/// days.
const AHEAD_SECONDS: i64 = 31 * 86_400;

impl Audit {
    pub(super) fn check_run(&mut self, run_id: &str, events: &[Event], mut rows: RunRows) {
        let completed = events.iter().filter(|event| event.kind == Kind::Completed).count();
        if completed > 1 {
            self.run_finding("completed twice", run_id, "has more than one RUN_COMPLETED");
        }
        let mut seen = HashSet::new();
        for page in events.iter().filter_map(|event| event.kind.page()) {
            if !seen.insert(page.page_number) {
                let at = At { run_id, page_number: page.page_number, request_id: page.facts.request_id.as_deref() };
                self.findings.push(at.finding("twice", "more than one PAGE_COMMITTED describes the page"));
                continue;
            }
            let found = rows.pages.remove(&page.page_number).unwrap_or_default();
            if self.has_table {
                self.check_page(run_id, page, &found);
            }
        }
        self.check_orphans(run_id, events, &rows);
        if self.parent().is_some() {
            self.check_lists(run_id, events);
        } else {
            self.check_coverage(run_id, events, completed > 0);
        }
    }

    fn check_page(&mut self, run_id: &str, page: &PageEvent, found: &PageRows) {
        let at = At { run_id, page_number: page.page_number, request_id: page.facts.request_id.as_deref() };
        let rows = i64::try_from(found.hashes.len()).unwrap_or(i64::MAX);
        if rows != page.row_count {
            let message = format!(
                "the event promises {}, but the table has {rows}",
                counted(count(page.row_count), "row", "rows")
            );
            self.findings.push(at.finding("rows missing", &message));
        } else if !found.hashes.keys().copied().eq(0..rows) {
            self.findings.push(at.finding("rows missing", "the positions of its rows have holes"));
        } else if rows_digest(found.hashes.values().map(Hex::new)) != page.rows_digest {
            let message = "its rows are not those that the event was made from: rows were changed or moved";
            self.findings.push(at.finding("altered", message));
        } else if rows > 0
            && (&found.next_cursor, &found.starting_after) != (&page.facts.next_cursor, &page.facts.starting_after)
        {
            self.findings.push(at.finding("altered", "its rows and its event name different cursors"));
        } else if rows > 0 && found.parent.as_deref() != page.facts.parent.as_deref() {
            self.findings.push(at.finding("altered", "its rows and its event name different parents"));
        }
    }

    /// Finds pages that are in the raw table and in no event: the sign of a crash, which the next attempt repairs.
    fn check_orphans(&mut self, run_id: &str, events: &[Event], rows: &RunRows) {
        let closed = events.iter().any(|event| ends(&event.kind));
        if rows.pages.is_empty() {
            return;
        }
        if !closed {
            self.notes.push(format!(
                "run {run_id} was cut off: the next run makes the events of {}",
                counted(rows.pages.len(), "page", "pages")
            ));
            return;
        }
        for (number, page) in &rows.pages {
            let at = At { run_id, page_number: *number, request_id: page.request_id.as_deref() };
            self.findings
                .push(at.finding("event missing", "the run has ended, but no event describes the page's rows"));
        }
    }

    fn check_coverage(&mut self, run_id: &str, events: &[Event], completed: bool) {
        let window = Range { gte: filters(events).and_then(|filters| filters.start_created_gte), lt: None };
        let pages = events.iter().filter_map(|event| event.kind.page());
        let (old, links) = coverage::parted(pages.map(Link::from), window.gte);
        let empty = links.is_empty();
        let ended = events.iter().any(|event| ends(&event.kind));
        // Below the window only the seconds of changed objects are read: what is between them is nobody's.
        let below = coverage::remaining(Range { gte: None, lt: window.gte }, old);
        match below.and_then(|_| coverage::remaining(window, links)) {
            Err(broken) => {
                let at = At { run_id, page_number: broken.page_number, request_id: None };
                self.findings.push(at.finding("gap", &format!("it {}: an event is missing or altered", broken.reason)));
            }
            Ok(remaining) if completed && (empty || !remaining.is_empty()) => {
                self.run_finding(
                    "gap",
                    run_id,
                    &format!(
                        "is called complete, but {} not covered",
                        counted(remaining.len(), "part of its window is", "parts of its window are")
                    ),
                );
            }
            Ok(remaining) if !ended && !remaining.is_empty() => {
                self.notes.push(format!("run {run_id} is not complete"));
            }
            Ok(_) => {}
        }
    }

    /// Checks that every attempt has a number of its own, and that the watermark never goes back.
    pub(super) fn check_epochs(&mut self, events: &BTreeMap<(Option<String>, String), Vec<Event>>) {
        let mut by_account: BTreeMap<&Option<String>, BTreeMap<i64, Vec<&Event>>> = BTreeMap::new();
        for ((account, _), run) in events {
            for event in run {
                by_account.entry(account).or_default().entry(event.epoch).or_default().push(event);
            }
        }
        for attempts in by_account.values() {
            let mut watermark = None;
            for (epoch, attempt) in attempts {
                let starts = attempt.iter().filter(|event| matches!(event.kind, Kind::Started { .. })).count();
                if starts != 1 {
                    let run_id = &attempt[0].run_id;
                    self.run_finding(
                        "attempt",
                        run_id,
                        &format!("the attempt of epoch {epoch} has {starts} RUN_STARTED instead of one"),
                    );
                }
                let mut windows = attempt.iter().filter_map(|event| Some((event, event.start_created_gte?)));
                if let Some((event, _)) = windows.find(|(event, start)| *start > seconds(event) + AHEAD_SECONDS) {
                    self.run_finding(
                        "window",
                        &event.run_id,
                        "has a window that begins in the future, where no object is",
                    );
                }
                for event in attempt {
                    if event.kind.is_failure_of(Class::Reset) {
                        watermark = None;
                    } else if event.kind == Kind::Completed {
                        if event.max_created_seen < watermark {
                            self.run_finding(
                                "watermark",
                                &event.run_id,
                                "has a watermark older than that of the run before",
                            );
                        }
                        // The next run does not take over a watermark that is later than the end of this one.
                        watermark = event.max_created_seen.map(|seen| seen.min(seconds(event)));
                    }
                }
            }
        }
    }
}

/// When an event was made, in seconds since 1970.
fn seconds(event: &Event) -> i64 {
    event.at_micros.div_euclid(1_000_000)
}

/// Whether the run is finally over: no later attempt continues it.
pub(super) fn ends(kind: &Kind) -> bool {
    *kind == Kind::Completed || kind.gives_up()
}
