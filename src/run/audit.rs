//! An audit of one entity, from its events and rows alone: is everything that the events promise there, once, whole and
//! unaltered?

mod changes;
mod checks;
mod lists;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arrow_array::RecordBatch;
use sha2::{Digest, Sha256};

use crate::changes::EventIndex;
use crate::checkpoint::{Event, Kind, events_of};
use crate::digest::Hex;
use crate::error::{Class, Result, counted, foreign};
use crate::parents::ParentRow;
use crate::raw::{self, Row};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The kind of fault, in one or two words.
    pub kind: &'static str,
    /// The run it was found in.
    pub run_id: Option<String>,
    /// The page it was found in.
    pub page_number: Option<i64>,
    /// That page's `Request-Id`.
    pub request_id: Option<String>,
    /// One line: what is wrong, where, and what to do.
    pub message: String,
}

/// A page according to its rows.
#[derive(Debug, Default)]
struct PageRows {
    /// Payload hash, by position.
    hashes: BTreeMap<i64, [u8; 32]>,
    request_id: Option<String>,
    next_cursor: Option<String>,
    starting_after: Option<String>,
    parent: Option<String>,
}

/// A run according to its rows.
#[derive(Debug, Default)]
struct RunRows {
    pages: BTreeMap<i64, PageRows>,
    /// Of the list of an object with that object's id before it.
    ids: HashSet<String>,
}

/// A run with its account.
type RunKey = (Option<String>, String);

/// An audit under way. Events and rows may come in any order and in pieces.
#[derive(Debug)]
pub struct Audit {
    entity: String,
    /// Events by account, then run.
    events: BTreeMap<RunKey, Vec<Event>>,
    /// The accounts that are audited; `None` for all.
    accounts: Option<HashSet<Option<String>>>,
    /// Rows by account, then run.
    rows: HashMap<RunKey, RunRows>,
    has_table: bool,
    row_count: u64,
    page_count: u64,
    /// The events of Stripe's that runs have followed, by account; `None` if they are not at hand.
    reports: Option<Arc<Reports>>,
    /// The rows of the parents, for a list that is not the account's own; `None` if they are not at hand.
    parents: Option<Vec<ParentRow>>,
    findings: Vec<Finding>,
    notes: Vec<String>,
}

/// Events of Stripe's, by account.
pub type Reports = HashMap<Option<String>, EventIndex>;

impl Audit {
    /// An audit of that entity.
    #[must_use]
    pub fn new(entity: &str) -> Self {
        Self {
            entity: entity.to_owned(),
            events: BTreeMap::new(),
            accounts: None,
            rows: HashMap::new(),
            has_table: true,
            row_count: 0,
            page_count: 0,
            reports: None,
            parents: None,
            findings: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Looks at these accounts only, and leaves all others out.
    pub fn narrow(&mut self, accounts: impl IntoIterator<Item = Option<String>>) {
        self.accounts = Some(accounts.into_iter().collect());
    }

    fn is_audited(&self, account: Option<&str>) -> bool {
        self.accounts.as_ref().is_none_or(|accounts| accounts.contains(&account.map(str::to_owned)))
    }

    /// Compares with the events that runs have followed: each changed object must have its row, and each row that was in
    /// an event must be what that event has. To be called before rows are added.
    pub fn follow(&mut self, reports: Arc<Reports>) {
        self.reports = Some(reports);
    }

    /// Takes in rows of the parents, with [`AUDITED_COLUMNS`](crate::parents::AUDITED_COLUMNS): each that does not show its
    /// whole list must have been asked for it.
    ///
    /// # Errors
    /// Columns that this project does not write.
    pub fn add_parents(&mut self, batch: &RecordBatch) -> Result<()> {
        if let Some(parent) = self.parent() {
            let rows = ParentRow::all(batch, parent)?.into_iter();
            let rows: Vec<ParentRow> = rows.filter(|row| self.is_audited(row.account.as_deref())).collect();
            self.parents.get_or_insert_default().extend(rows);
        }
        Ok(())
    }

    /// Runs, pages and rows seen.
    #[must_use]
    pub fn counts(&self) -> (usize, u64, u64) {
        (self.events.len(), self.page_count, self.row_count)
    }

    /// Accounts seen.
    #[must_use]
    pub fn account_count(&self) -> usize {
        self.events.keys().map(|(account, _)| account).collect::<HashSet<_>>().len()
    }

    /// Things that are not a fault, but worth knowing.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Takes in events; those of other entities are left out.
    ///
    /// # Errors
    /// Columns or event types that this project does not write.
    pub fn add_events(&mut self, batch: &RecordBatch) -> Result<()> {
        let is_audited = |event: &Event| event.entity == self.entity && self.is_audited(event.account.as_deref());
        for event in events_of(batch)?.into_iter().filter(is_audited).collect::<Vec<_>>() {
            self.page_count += u64::from(matches!(event.kind, Kind::Page(_)));
            self.events.entry((event.account.clone(), event.run_id.clone())).or_default().push(event);
        }
        Ok(())
    }

    /// Takes in rows, and hashes every payload again.
    ///
    /// # Errors
    /// Columns that this project does not write.
    pub fn add_rows(&mut self, batch: &RecordBatch) -> Result<()> {
        for row in raw::rows(batch) {
            let row = row?;
            let account = row.account()?;
            if self.accounts.is_some() && !self.is_audited(account) {
                continue;
            }
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
            if let Some(event_id) = row.event_id()?
                && let Some(what) = self.differs_from_event(&row, event_id, found)?
            {
                self.findings.push(at.finding("altered", &what));
            }
            let run = self.rows.entry((account.map(str::to_owned), run_id.to_owned())).or_default();
            let parent = row.parent()?;
            let key = parent.map_or_else(|| id.to_owned(), |parent| format!("{parent} {id}"));
            if !run.ids.insert(key) {
                self.findings.push(at.finding("twice", &format!("object {} is there twice in the run", foreign(id))));
            }
            let page = run.pages.entry(page_number).or_insert_with(|| PageRows {
                hashes: BTreeMap::new(),
                request_id: request_id.map(str::to_owned),
                next_cursor: None,
                starting_after: None,
                parent: parent.map(str::to_owned),
            });
            let (starting_after, next_cursor) = row.cursors()?;
            page.next_cursor = next_cursor.map(str::to_owned);
            page.starting_after = starting_after.map(str::to_owned);
            if page.parent.as_deref() != parent {
                self.findings
                    .push(at.finding("altered", &format!("{} names another parent than its page", foreign(id))));
            }
            if page.hashes.insert(position, found).is_some() {
                self.findings.push(at.finding("twice", &format!("position {position} of the page is there twice")));
            }
        }
        Ok(())
    }

    /// Says that there is no raw table: all that it lacks is one finding, and not one for each page.
    pub const fn without_table(&mut self) {
        self.has_table = false;
    }

    /// Compares events and rows. Returns everything that is wrong.
    pub fn finish(&mut self) -> Vec<Finding> {
        let events = std::mem::take(&mut self.events);
        let resets = resets(&events);
        let mut rows = std::mem::take(&mut self.rows);
        if let Some(parents) = &mut self.parents {
            parents.sort_unstable_by_key(|row| row.version);
        }
        self.check_epochs(&events);
        self.check_changes(&events, &rows);
        let accounts = accounts_of_runs(rows.keys().chain(events.keys()));
        let mut gone: Vec<i64> = Vec::new();
        for (key @ (account, run_id), run) in &events {
            let found = rows.remove(key);
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
                "the raw table is not there; events describe {} of {} in it",
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
        let lines = self.findings.iter_mut().map(|finding| &mut finding.message).chain(&mut self.notes);
        lines.for_each(|line| name_account(line, &accounts));
        for (key, run) in rows {
            let run_id = &key.1;
            let page = run.pages.keys().next().copied().unwrap_or_default();
            let request = run.pages.values().next().and_then(|page| page.request_id.clone());
            let at = At { run_id, page_number: page, request_id: request.as_deref() };
            let message = format!(
                "the table has {} of a run that no event describes: events were removed",
                counted(run.ids.len(), "row", "rows")
            );
            let mut finding = at.finding("unknown run", &message);
            name_account(&mut finding.message, &accounts_of_runs([&key].into_iter()));
            self.findings.push(finding);
        }
        self.events = events;
        std::mem::take(&mut self.findings)
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

/// A count from the tables.
fn count(number: i64) -> usize {
    usize::try_from(number).unwrap_or_default()
}

/// The place of a finding.
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

/// The connected accounts of the runs that have one.
fn accounts_of_runs<'run>(runs: impl Iterator<Item = &'run RunKey>) -> HashMap<String, String> {
    runs.filter_map(|(account, run_id)| Some((run_id.clone(), foreign(account.as_deref()?)))).collect()
}

/// Adds the account to a line that begins with a run.
fn name_account(line: &mut String, accounts: &HashMap<String, String>) {
    let Some(rest) = line.strip_prefix("run ") else { return };
    let run_id = rest.split([' ', ',', ':']).next().unwrap_or_default();
    if let Some(account) = accounts.get(run_id) {
        *line = format!("run {run_id} of {account}{}", &rest[run_id.len()..]);
    }
}

/// The newest reset of each account.
fn resets(events: &BTreeMap<RunKey, Vec<Event>>) -> HashMap<Option<String>, i64> {
    let mut resets = HashMap::new();
    for ((account, _), run) in events {
        for event in run.iter().filter(|event| event.kind.is_failure_of(Class::Reset)) {
            let newest = resets.entry(account.clone()).or_insert(event.epoch);
            *newest = event.epoch.max(*newest);
        }
    }
    resets
}
