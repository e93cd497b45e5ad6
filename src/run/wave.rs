//! A wave: the first runs of many accounts, read by other processes and committed together by one.
//!
//! Each run is read as if it were alone, and nothing is committed meanwhile. What it hands over lands in three commits,
//! each with the parts of all runs: RUN_STARTED, or all of a run without objects; the objects that cannot be rows; then
//! the rows, and after them the events that describe them. So an attempt that is killed in between leaves what any other
//! attempt leaves: runs that have begun, with rows that no event describes.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::RecordBatch;

use super::Ending;
use super::commit::{Commit, app_id};
use crate::checkpoint::{Kind, commit_version, events_of, made_at};
use crate::columns::Columns;
use crate::error::{Class, Error, Result};

/// Number of the commit that claims the runs.
const CLAIMS: i64 = 0;
/// Number of the commit that names the objects which cannot be rows: no row shows them.
pub(super) const REFUSALS: i64 = 1;
/// Number of the commit of the rows, and of the events about them.
pub(super) const PAGES: i64 = 2;
/// Number of commits.
pub(super) const COMMITS: usize = 3;

/// What has been read of a run.
#[derive(Debug)]
struct Read {
    account: Option<String>,
    is_begun: bool,
    is_complete: bool,
    /// The first object that cannot be a row, as its event names it.
    refused: Option<String>,
}

/// The commits of one attempt at the first runs of many accounts.
#[derive(Debug)]
pub struct Wave {
    entity: String,
    store_id: String,
    epoch: i64,
    nonce: String,
    library_version: String,
    events: [Vec<RecordBatch>; COMMITS],
    runs: BTreeMap<String, Read>,
    /// Number of objects that cannot be rows.
    refused: u64,
    /// The newest time of an object that was seen.
    newest: Option<i64>,
    /// Number of rows that each page has, by run.
    pages: BTreeMap<(String, i64), i64>,
    /// The numbers of the events that have come, by run and commit.
    ordinals: BTreeMap<(String, i64), Vec<usize>>,
    reached: Option<i64>,
}

impl Wave {
    /// A wave that nothing has been read for. `epoch` is the number of its attempt.
    #[must_use]
    pub fn new(entity: &str, store_id: String, epoch: i64, nonce: String, library_version: &str) -> Self {
        Self {
            entity: entity.to_owned(),
            store_id,
            epoch,
            nonce,
            library_version: library_version.to_owned(),
            events: [const { Vec::new() }; COMMITS],
            runs: BTreeMap::new(),
            refused: 0,
            newest: None,
            pages: BTreeMap::new(),
            ordinals: BTreeMap::new(),
            reached: None,
        }
    }

    /// Takes in the events of one group of a run. They may come in any order.
    ///
    /// # Errors
    /// Events of another list or attempt.
    pub fn add_events(&mut self, batch: &RecordBatch) -> Result<()> {
        for event in events_of(batch)? {
            let is_ours = event.entity == self.entity && event.epoch == self.epoch;
            if !is_ours || !(CLAIMS..=PAGES).contains(&event.sequence) {
                return Err(self.error("events of another attempt came with its own"));
            }
            let ordinal = event.event_id.rsplit('/').next().and_then(|ordinal| ordinal.parse().ok());
            let ordinal = ordinal.ok_or_else(|| self.error("an event has no number"))?;
            self.ordinals.entry((event.run_id.clone(), event.sequence)).or_default().push(ordinal);
            if let Some(page) = event.kind.page() {
                self.pages.insert((event.run_id.clone(), page.page_number), page.row_count);
                self.reached = [self.reached, page.min_created].into_iter().flatten().min();
            }
            self.newest = self.newest.max(event.max_created_seen);
            let read = Read { account: event.account, is_begun: false, is_complete: false, refused: None };
            let run = self.runs.entry(event.run_id).or_insert(read);
            match event.kind {
                Kind::Started { .. } => run.is_begun = true,
                Kind::Completed => run.is_complete = true,
                Kind::Refused { message, .. } => {
                    self.refused += 1;
                    run.refused.get_or_insert(message);
                }
                _ => {}
            }
        }
        // The events of a batch have one number.
        if let Some(event) = events_of(batch)?.first() {
            self.events[usize::try_from(event.sequence).unwrap_or_default()].push(batch.clone());
        }
        Ok(())
    }

    /// Number of its attempt.
    #[must_use]
    pub const fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Number of pages that its events report.
    #[must_use]
    pub fn page_count(&self) -> usize {
        self.pages.len()
    }

    /// Number of rows that its events report.
    #[must_use]
    pub fn row_count(&self) -> i64 {
        self.pages.values().sum()
    }

    /// The newest time of an object that was seen, in seconds since 1970.
    #[must_use]
    pub const fn newest(&self) -> Option<i64> {
        self.newest
    }

    /// Number of objects that cannot be rows.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// How its runs have ended. One that is not complete goes on in a later attempt, which says what is wrong.
    pub fn endings(&self) -> impl Iterator<Item = Ending> {
        self.runs.iter().map(|(run_id, read)| Ending {
            account: read.account.clone(),
            run_id: run_id.clone(),
            is_continued: false,
            is_complete: read.is_complete,
            error: read.refused.clone().map(|message| Error::new(Class::Answer, message)),
            is_skipped: false,
            landed_parents: None,
        })
    }

    /// Checks that the rows which wait are those that the events report: each row of `counts` has the number of rows of
    /// a run's page, as `_ingest_run_id`, `_page_number` and `count`. Nothing has landed yet.
    ///
    /// # Errors
    /// [`Class::Internal`] if they differ: an engine has lost rows, or has some twice. The same if events are lost or
    /// there twice, or if an account has two runs: a task was read twice.
    pub fn check_rows(&self, counts: &[RecordBatch]) -> Result<()> {
        // They are numbered in the order of the pages: a page that is lost with its rows leaves a gap.
        let is_whole = |ordinals: &Vec<usize>| {
            let mut sorted = ordinals.clone();
            sorted.sort_unstable();
            sorted.into_iter().eq(0..ordinals.len())
        };
        if self.runs.values().any(|run| !run.is_begun) || !self.ordinals.values().all(is_whole) {
            return Err(self.error("events of a run are lost or doubled; nothing of them has landed: run again"));
        }
        let accounts: BTreeSet<&Option<String>> = self.runs.values().map(|run| &run.account).collect();
        if accounts.len() < self.runs.len() {
            return Err(self.error("an account was read twice; nothing of it has landed: run again"));
        }
        let mut found = BTreeMap::new();
        for batch in counts {
            let columns = Columns(batch);
            for row in 0..batch.num_rows() {
                let run = columns.required_text("_ingest_run_id", row)?.to_owned();
                let page = (run, columns.required_long("_page_number", row)?);
                *found.entry(page).or_insert(0) += columns.required_long("count", row)?;
            }
        }
        let reported = self.pages.iter().filter(|(_, count)| **count > 0);
        if reported.eq(found.iter()) {
            return Ok(());
        }
        let counted: i64 = found.values().sum();
        let what = format!("{counted} rows came of {}, or others than were read", self.row_count());
        Err(self.error(&format!("{what}; nothing of them has landed: run again")))
    }

    /// The commit of RUN_STARTED, of all runs. Runs without objects have all of their events in it. They are made now, in
    /// microseconds since 1970: a claim holds the list for some minutes, and the pages may have been read long ago.
    ///
    /// # Errors
    /// Events without a time.
    pub fn claims(&self, now_micros: i64) -> Result<Commit> {
        let mut commit = self.events(CLAIMS);
        for batch in &mut commit.batches {
            *batch = made_at(batch, now_micros)?;
        }
        Ok(commit)
    }

    /// The commit of the objects that cannot be rows; without batches if there are none.
    #[must_use]
    pub fn refusals(&self) -> Commit {
        self.events(REFUSALS)
    }

    /// The commit of the rows, without the rows: they are with the engine.
    #[must_use]
    pub fn rows(&self) -> Commit {
        // No fence of the raw table stands before them.
        Commit { must_be_seen: true, ..self.commit(PAGES, vec![]) }
    }

    /// The commit of the events about the rows.
    #[must_use]
    pub fn pages(&self) -> Commit {
        let (pages, rows) = (self.page_count(), self.row_count());
        Commit { pages, rows, reached: self.reached, ..self.events(PAGES) }
    }

    fn events(&self, sequence: i64) -> Commit {
        let batches = usize::try_from(sequence).ok().and_then(|at| self.events.get(at)).cloned().unwrap_or_default();
        Commit { must_be_seen: true, ..self.commit(sequence, batches) }
    }

    fn commit(&self, sequence: i64, batches: Vec<RecordBatch>) -> Commit {
        let metadata = serde_json::json!({
            "stripe_raw_rs": self.library_version,
            "entity": self.entity,
            "runs": self.runs.len(),
            "epoch": self.epoch,
            "sequence": sequence,
            "nonce": self.nonce,
        });
        Commit {
            app_id: app_id(&self.store_id, &self.entity),
            version: commit_version(self.epoch, sequence),
            nonce: self.nonce.clone(),
            metadata: metadata.to_string(),
            batches,
            must_be_seen: false,
            pages: 0,
            rows: 0,
            reached: None,
        }
    }

    fn error(&self, what: &str) -> Error {
        Error::new(Class::Internal, format!("{}: {what}", self.entity))
    }
}
