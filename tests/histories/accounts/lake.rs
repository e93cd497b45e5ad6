//! The world of many accounts, and the promises that hold after each commit.

use std::collections::{BTreeMap, HashMap, HashSet};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch};
use stripe_raw_rs::checkpoint::{Event, Kind, events_of};
use stripe_raw_rs::error::{Class, Error};
use stripe_raw_rs::run::Commit;

use crate::world::{Engine, World, lands};

/// A run, as its commits show it.
#[derive(Debug, Default)]
struct Known {
    account: Option<String>,
    /// The attempts that have started it, and those that have failed at it.
    started: HashSet<i64>,
    failed: HashSet<i64>,
    is_over: bool,
    /// Whether it no longer counts: the account begins from scratch.
    is_reset: bool,
}

/// The tables, Stripe, and what the commits have shown so far.
pub(crate) struct Lake {
    pub(crate) world: World,
    pub(crate) callers: usize,
    /// The processes that were killed, or have ended.
    pub(crate) gone: Vec<String>,
    /// One append in so many fails; 0 for none. Nobody knows whether it has landed.
    pub(crate) table_faults: u64,
    /// The processes that begin accounts from scratch.
    pub(crate) resetting: HashSet<String>,
    /// The newest attempt at each account that has completed a run, and the newest that has started one.
    pub(crate) completed: BTreeMap<Option<String>, i64>,
    pub(crate) started: BTreeMap<Option<String>, i64>,
    ids: usize,
    runs: HashMap<String, Known>,
    /// The run of each account that is not over.
    open: BTreeMap<Option<String>, String>,
    /// The attempt that has a number.
    nonces: HashMap<i64, String>,
    rows: HashMap<(String, i64), i64>,
    pages: HashSet<(String, i64)>,
    /// What has happened, a line each.
    told: Vec<String>,
}

/// With `HISTORIES_TOLD=1`, a history that breaks a promise is told.
impl Drop for Lake {
    #[expect(clippy::disallowed_methods, reason = "tests have no other options")]
    fn drop(&mut self) {
        if std::thread::panicking() && std::env::var("HISTORIES_TOLD").is_ok() {
            println!("--- history\n{}", self.told.join("\n"));
        }
    }
}

impl Lake {
    pub(crate) fn new(entity: &str, seed: u64, engine: Engine) -> Self {
        Self {
            world: World::new(entity, seed, engine),
            callers: 0,
            gone: Vec::new(),
            table_faults: 0,
            resetting: HashSet::new(),
            completed: BTreeMap::new(),
            started: BTreeMap::new(),
            ids: 0,
            runs: HashMap::new(),
            open: BTreeMap::new(),
            nonces: HashMap::new(),
            rows: HashMap::new(),
            pages: HashSet::new(),
            told: Vec::new(),
        }
    }

    pub(crate) fn new_id(&mut self) -> String {
        self.ids += 1;
        format!("id-{}", self.ids)
    }

    pub(crate) fn tell(&mut self, line: impl Into<String>) {
        self.told.push(line.into());
    }

    pub(crate) fn append_rows(&mut self, commit: &Commit) -> Result<(), Error> {
        self.append(commit, |world| &mut world.raw, Self::see_rows)
    }

    pub(crate) fn append_events(&mut self, commit: &Commit) -> Result<(), Error> {
        self.append(commit, |world| &mut world.checkpoints, Self::see_events)
    }

    fn append(
        &mut self,
        commit: &Commit,
        table: fn(&mut World) -> &mut crate::world::Table,
        see: fn(&mut Self, &Commit, &RecordBatch),
    ) -> Result<(), Error> {
        let engine = self.world.engine;
        let is_faulty = self.table_faults > 0 && self.world.chance.one_in(self.table_faults);
        let broken = || Error::new(Class::Table, "the commit's outcome is unknown");
        if is_faulty && self.world.chance.one_in(2) {
            return Err(broken());
        }
        let newest = table(&mut self.world).newest();
        let is_repeated = newest.is_some_and(|(version, nonce)| *version >= commit.version && *nonce == commit.nonce);
        assert!(!is_repeated, "an attempt uses a number twice: {commit:?}");
        let before = table(&mut self.world).commits();
        let has_landed = lands(table(&mut self.world), engine, commit);
        let (epoch, sequence) = (commit.version >> 32, commit.version & 0xffff_ffff);
        self.tell(format!("{} {epoch}/{sequence} lands: {has_landed}", commit.nonce));
        if table(&mut self.world).commits() > before {
            commit.batches.iter().for_each(|batch| see(self, commit, batch));
        }
        if !has_landed {
            return Err(Error::new(Class::Fenced, "another process took over"));
        }
        if is_faulty { Err(broken()) } else { Ok(()) }
    }

    /// Rows are of a run that their attempt has started and not ended, and that nobody has ended; their events follow.
    fn see_rows(&mut self, commit: &Commit, batch: &RecordBatch) {
        let epoch = commit.version >> 32;
        self.tell(format!("    {} rows", batch.num_rows()));
        assert_eq!(self.nonces.get(&epoch), Some(&commit.nonce), "the attempt that lands rows has claimed nothing");
        let text = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>();
        let (runs, accounts) = (text("_ingest_run_id"), text("_stripe_account"));
        let pages = batch.column_by_name("_page_number").unwrap().as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let account = accounts.is_valid(row).then(|| accounts.value(row));
            let run_id = runs.value(row);
            let run = self.runs.get(run_id).unwrap_or_else(|| panic!("rows of {run_id}, which nobody has started"));
            assert_eq!(run.account.as_deref(), account, "rows of {run_id} are of another account");
            assert!(run.started.contains(&epoch), "rows of {run_id}, which attempt {epoch} has not started");
            assert!(!run.failed.contains(&epoch), "rows of {run_id}, at which attempt {epoch} has failed");
            assert!(!run.is_over, "rows of {run_id}, which is over");
            let page = (run_id.to_owned(), pages.value(row));
            assert!(!self.pages.contains(&page), "rows of {page:?} after its event");
            *self.rows.entry(page).or_default() += 1;
        }
    }

    fn see_events(&mut self, commit: &Commit, batch: &RecordBatch) {
        let nonce = self.nonces.entry(commit.version >> 32).or_insert_with(|| commit.nonce.clone());
        assert_eq!(*nonce, commit.nonce, "two attempts have the same number");
        for event in events_of(batch).unwrap() {
            self.see_event(&event);
        }
    }

    fn see_event(&mut self, event: &Event) {
        let Event { run_id, epoch, account, kind, .. } = event;
        self.told.push(format!("    {} {epoch} {account:?} {run_id} {}", event.owner, kind.name()));
        let run = self.runs.entry(run_id.clone()).or_default();
        if let Kind::Started { .. } = kind {
            run.account.clone_from(account);
            run.started.insert(*epoch);
            self.started.insert(account.clone(), *epoch);
            // An attempt that was planned before the run's end learns of it only now.
            if !run.is_over {
                let open = self.open.entry(account.clone()).or_insert_with(|| run_id.clone());
                if open != run_id {
                    // Who begins from scratch does not go on with a run that has joined since the plan. If that one has rows
                    // without an event, they stay.
                    assert!(self.resetting.contains(&event.owner), "{account:?} has two runs: {open} and {run_id}");
                    let other = std::mem::replace(open, run_id.clone());
                    self.runs.get_mut(&other).expect("it is open").is_reset = true;
                }
            }
            return;
        }
        assert_eq!(run.account, *account, "an event of {run_id} is of another account");
        assert!(run.started.contains(epoch), "{event:?}: the attempt has not started the run");
        // A process that does not know whether the end of a run has landed says that it has failed.
        let is_said_again = run.is_over && matches!(kind, Kind::Failed { .. });
        assert!(!run.failed.contains(epoch) || is_said_again, "{event:?}: the attempt has failed at the run");
        match kind {
            Kind::Page(page) => {
                assert!(!run.is_over, "{event:?}: the run is over");
                let place = (run_id.clone(), page.page_number);
                let rows = self.rows.get(&place).copied().unwrap_or_default();
                assert_eq!(rows, page.row_count, "{event:?}: the rows are not there");
                assert!(self.pages.insert(place), "{event:?}: the page has its event already");
            }
            Kind::Completed => {
                assert!(!run.is_over, "{event:?}: the run is over");
                run.is_over = true;
                self.open.remove(account);
                self.completed.insert(account.clone(), *epoch);
            }
            Kind::Failed { class, .. } => {
                run.failed.insert(*epoch);
                if kind.gives_up() {
                    run.is_over = true;
                    self.open.remove(account);
                }
                if kind.is_failure_of(Class::Reset) {
                    for run in self.runs.values_mut().filter(|run| run.account == *account) {
                        (run.is_over, run.is_reset) = (true, true);
                    }
                }
                let is_of_account = ["Permission", "Request", "Product"].contains(&class.as_str());
                let was_refused = self.world.accounts[account].was_refused;
                assert!(was_refused || !is_of_account, "{event:?}: another account was refused");
            }
            kind => panic!("unexpected {kind:?}"),
        }
    }

    pub(crate) fn row_count(&self) -> i64 {
        self.rows.values().sum()
    }

    /// Pages whose rows are there and whose events are not.
    pub(crate) fn orphans(&self) -> Vec<&(String, i64)> {
        let counts = |page: &&(String, i64)| !self.runs[&page.0].is_reset;
        self.rows.keys().filter(|page| !self.pages.contains(*page)).filter(counts).collect()
    }

    /// The runs that an attempt has started and not ended.
    pub(crate) fn under_way(&self, epoch: i64) -> Vec<&String> {
        let is_under_way = |run: &Known| run.started.contains(&epoch) && !run.failed.contains(&epoch) && !run.is_over;
        self.runs.iter().filter(|(_, run)| is_under_way(run)).map(|(run_id, _)| run_id).collect()
    }

    /// Whether a run has ended for good.
    pub(crate) fn is_over(&self, run_id: &str) -> bool {
        self.runs.get(run_id).is_some_and(|run| run.is_over)
    }

    /// The accounts that have a run which is not over.
    pub(crate) const fn open(&self) -> &BTreeMap<Option<String>, String> {
        &self.open
    }
}
