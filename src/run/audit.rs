//! An audit of one entity, from its events and rows alone: is everything there that the events promise, once, whole and
//! unaltered?

use std::collections::{BTreeMap, HashMap, HashSet};

use arrow_array::RecordBatch;
use sha2::{Digest, Sha256};

use crate::checkpoint::{Event, Kind, PageEvent, events_of};
use crate::digest::{Hex, rows_digest};
use crate::error::{Class, Result, counted, foreign};
use crate::raw::{self, Row};
use crate::walk::coverage::{self, Link};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind of fault, one word.
    pub kind: &'static str,
    /// The run it was found in.
    pub run_id: Option<String>,
    /// The page it was found in.
    pub page_number: Option<i64>,
    /// That page's `Request-Id`.
    pub request_id: Option<String>,
    /// One line: what, where, what to do.
    pub message: String,
}

/// What the rows say of a page.
#[derive(Debug, Default)]
struct PageRows {
    /// Payload hash, by position.
    hashes: BTreeMap<i64, [u8; 32]>,
    request_id: Option<String>,
    next_cursor: Option<String>,
    starting_after: Option<String>,
}

/// What the rows say of a run.
#[derive(Debug, Default)]
struct RunRows {
    pages: BTreeMap<i64, PageRows>,
    ids: HashSet<String>,
}

/// An audit under way. Events and rows may come in any order and in pieces.
#[derive(Debug)]
pub struct Audit {
    entity: String,
    /// Events by account, then run.
    events: BTreeMap<(Option<String>, String), Vec<Event>>,
    rows: HashMap<String, RunRows>,
    has_table: bool,
    row_count: u64,
    page_count: u64,
    findings: Vec<Finding>,
    notes: Vec<String>,
}

impl Audit {
    /// An audit of that entity.
    #[must_use]
    pub fn new(entity: &str) -> Self {
        Self {
            entity: entity.to_owned(),
            events: BTreeMap::new(),
            rows: HashMap::new(),
            has_table: true,
            row_count: 0,
            page_count: 0,
            findings: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Runs, pages and rows seen.
    #[must_use]
    pub fn counts(&self) -> (usize, u64, u64) {
        (self.events.len(), self.page_count, self.row_count)
    }

    /// What is no fault but worth knowing.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Takes events in; those of other entities are left out.
    ///
    /// # Errors
    /// Columns or event types that this project does not write.
    pub fn add_events(&mut self, batch: &RecordBatch) -> Result<()> {
        for event in events_of(batch)?.into_iter().filter(|event| event.entity == self.entity) {
            self.page_count += u64::from(matches!(event.kind, Kind::Page(_)));
            self.events.entry((event.account.clone(), event.run_id.clone())).or_default().push(event);
        }
        Ok(())
    }

    /// Takes rows in, and hashes every payload again.
    ///
    /// # Errors
    /// Columns that this project does not write.
    pub fn add_rows(&mut self, batch: &RecordBatch) -> Result<()> {
        for row in raw::rows(batch) {
            let row = row?;
            self.row_count += 1;
            let Row { run_id, page_number, position, id, sha256: stored, .. } = row;
            let request_id = row.request_id()?;
            let found: [u8; 32] = Sha256::digest(row.payload()?).into();
            let at = At { run_id, page_number, request_id };
            if Hex::new(&found).as_ref() != stored {
                self.findings.push(at.finding(
                    "altered",
                    &format!(
                        "the payload of {} does not have the hash stored beside it: it was changed after landing",
                        foreign(id)
                    ),
                ));
            }
            let run = self.rows.entry(run_id.to_owned()).or_default();
            if !run.ids.insert(id.to_owned()) {
                self.findings.push(at.finding("twice", &format!("object {} is there twice in the run", foreign(id))));
            }
            let page = run.pages.entry(page_number).or_insert_with(|| PageRows {
                hashes: BTreeMap::new(),
                request_id: request_id.map(str::to_owned),
                next_cursor: None,
                starting_after: None,
            });
            let (starting_after, next_cursor) = row.cursors()?;
            page.next_cursor = next_cursor.map(str::to_owned);
            page.starting_after = starting_after.map(str::to_owned);
            if page.hashes.insert(position, found).is_some() {
                self.findings.push(at.finding("twice", &format!("position {position} of the page is there twice")));
            }
        }
        Ok(())
    }

    /// Tells that there is no raw table: what it lacks is one finding, and not one for each page.
    pub const fn without_table(&mut self) {
        self.has_table = false;
    }

    /// Holds events and rows against each other. Answers what is wrong.
    pub fn finish(&mut self) -> Vec<Finding> {
        let events = std::mem::take(&mut self.events);
        let resets = resets(&events);
        let mut rows = std::mem::take(&mut self.rows);
        self.check_epochs(&events);
        let mut gone: Vec<i64> = Vec::new();
        for ((account, run_id), run) in &events {
            let found = rows.remove(run_id);
            let before_reset = resets.get(account).is_some_and(|reset| run.iter().all(|event| event.epoch <= *reset));
            let promised = || run.iter().filter_map(|event| event.kind.page()).map(|page| page.row_count);
            if before_reset && found.is_none() && promised().any(|rows| rows > 0) {
                self.notes.push(format!("run {run_id} is from before a reset and its rows are no longer there"));
                continue;
            }
            if !self.has_table {
                gone.extend(promised().filter(|rows| *rows > 0));
            }
            self.check_run(run_id, run, found.unwrap_or_default());
            let refused = run.iter().filter_map(|event| event.kind.refused());
            let named = format!("{}: ", self.entity);
            self.notes.extend(
                refused.map(|message| format!("run {run_id}: {}", message.strip_prefix(&named).unwrap_or(message))),
            );
        }
        if !gone.is_empty() {
            let message = format!(
                "the raw table is not there; events tell of {} of {} in it",
                counted(count(gone.iter().sum()), "row", "rows"),
                counted(gone.len(), "page", "pages")
            );
            self.findings.push(Finding {
                kind: "table gone",
                run_id: None,
                page_number: None,
                request_id: None,
                message,
            });
        }
        for (run_id, run) in rows {
            let page = run.pages.keys().next().copied().unwrap_or_default();
            let request = run.pages.values().next().and_then(|page| page.request_id.clone());
            let at = At { run_id: &run_id, page_number: page, request_id: request.as_deref() };
            let message = format!(
                "{} of a run that no event tells of: events were removed",
                counted(run.ids.len(), "row", "rows")
            );
            self.findings.push(at.finding("unknown run", &message));
        }
        self.events = events;
        std::mem::take(&mut self.findings)
    }

    fn check_run(&mut self, run_id: &str, events: &[Event], mut rows: RunRows) {
        let completed = events.iter().filter(|event| event.kind == Kind::Completed).count();
        if completed > 1 {
            self.run_finding("completed twice", run_id, "has more than one RUN_COMPLETED");
        }
        let mut seen = HashSet::new();
        for page in events.iter().filter_map(|event| event.kind.page()) {
            if !seen.insert(page.page_number) {
                let at = At { run_id, page_number: page.page_number, request_id: page.facts.request_id.as_deref() };
                self.findings.push(at.finding("twice", "more than one PAGE_COMMITTED tells of the page"));
                continue;
            }
            let found = rows.pages.remove(&page.page_number).unwrap_or_default();
            if self.has_table {
                self.check_page(run_id, page, &found);
            }
        }
        self.check_orphans(run_id, events, &rows);
        self.check_coverage(run_id, events, completed > 0);
    }

    fn check_page(&mut self, run_id: &str, page: &PageEvent, found: &PageRows) {
        let at = At { run_id, page_number: page.page_number, request_id: page.facts.request_id.as_deref() };
        let rows = i64::try_from(found.hashes.len()).unwrap_or(i64::MAX);
        if rows != page.row_count {
            let message = format!(
                "the event promises {} and the table has {rows}",
                counted(count(page.row_count), "row", "rows")
            );
            self.findings.push(at.finding("rows missing", &message));
        } else if !found.hashes.keys().copied().eq(0..rows) {
            self.findings.push(at.finding("rows missing", "the positions of its rows have holes"));
        } else if rows_digest(found.hashes.values().map(Hex::new)) != page.rows_digest {
            let message = "its rows are others than those the event was made of: rows were changed or moved";
            self.findings.push(at.finding("altered", message));
        } else if rows > 0
            && (&found.next_cursor, &found.starting_after) != (&page.facts.next_cursor, &page.facts.starting_after)
        {
            self.findings.push(at.finding("altered", "its rows and its event name other cursors"));
        }
    }

    /// Pages that are in the raw table and in no event: the mark of a crash, which the next attempt mends.
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
            self.findings.push(at.finding("event missing", "the run has ended and no event tells of the page's rows"));
        }
    }

    fn check_coverage(&mut self, run_id: &str, events: &[Event], completed: bool) {
        let pages = events.iter().filter(|event| event.kind.page().is_some());
        let start = pages.min_by_key(|event| event.commit_version()).and_then(|event| event.start_created_gte);
        let links: Vec<_> = events.iter().filter_map(|event| event.kind.page()).map(Link::from).collect();
        let empty = links.is_empty();
        let ended = events.iter().any(|event| ends(&event.kind));
        match coverage::remaining(start, links) {
            Err(broken) => {
                let at = At { run_id, page_number: broken.page_number, request_id: None };
                self.findings.push(at.finding("gap", &format!("it {}: an event is missing or altered", broken.reason)));
            }
            Ok(left) if completed && (empty || !left.is_empty()) => {
                self.run_finding(
                    "gap",
                    run_id,
                    &format!(
                        "is called complete, and {} not covered",
                        counted(left.len(), "part of its window is", "parts of its window are")
                    ),
                );
            }
            Ok(left) if !ended && !left.is_empty() => self.notes.push(format!("run {run_id} is not complete")),
            Ok(_) => {}
        }
    }

    /// Every attempt has a number of its own, and the watermark never goes back.
    fn check_epochs(&mut self, events: &BTreeMap<(Option<String>, String), Vec<Event>>) {
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
                        "has a window that begins in the future, where nothing is",
                    );
                }
                for event in attempt {
                    if event.kind.is_failure_of(Class::Reset) {
                        watermark = None;
                    } else if event.kind == Kind::Completed {
                        if event.max_created_seen < watermark {
                            self.run_finding("watermark", &event.run_id, "has a watermark older than the run before");
                        }
                        // The next run takes no watermark over that is later than the end of this one.
                        watermark = event.max_created_seen.map(|seen| seen.min(seconds(event)));
                    }
                }
            }
        }
    }

    fn run_finding(&mut self, kind: &'static str, run_id: &str, what: &str) {
        let message = format!("run {run_id} {what}");
        self.findings.push(Finding {
            kind,
            run_id: Some(run_id.to_owned()),
            page_number: None,
            request_id: None,
            message,
        });
    }
}

/// How far a window may begin ahead of the clock of whoever read it, in seconds: clocks that are wrong by days exist.
const AHEAD_SECONDS: i64 = 31 * 86_400;

/// A count as the tables have it.
fn count(number: i64) -> usize {
    usize::try_from(number).unwrap_or_default()
}

/// When an event was made, in seconds since 1970.
fn seconds(event: &Event) -> i64 {
    event.at_micros.div_euclid(1_000_000)
}

/// Where something was found.
struct At<'a> {
    run_id: &'a str,
    page_number: i64,
    request_id: Option<&'a str>,
}

impl At<'_> {
    fn finding(&self, kind: &'static str, what: &str) -> Finding {
        let request =
            self.request_id.map_or_else(|| "without request id".to_owned(), |id| format!("request {}", foreign(id)));
        Finding {
            kind,
            run_id: Some(self.run_id.to_owned()),
            page_number: Some(self.page_number),
            request_id: self.request_id.map(foreign),
            message: format!("run {}, page {} ({request}): {what}", self.run_id, self.page_number),
        }
    }
}

/// Whether the run is over for good: no later attempt goes on with it.
fn ends(kind: &Kind) -> bool {
    *kind == Kind::Completed || kind.gives_up()
}

/// The newest reset of each account.
fn resets(events: &BTreeMap<(Option<String>, String), Vec<Event>>) -> HashMap<Option<String>, i64> {
    let mut resets = HashMap::new();
    for ((account, _), run) in events {
        for event in run.iter().filter(|event| event.kind.is_failure_of(Class::Reset)) {
            let newest = resets.entry(account.clone()).or_insert(event.epoch);
            *newest = event.epoch.max(*newest);
        }
    }
    resets
}
