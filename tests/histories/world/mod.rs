//! A world small enough to try thousands of histories in: a Stripe list, the two Delta tables, a clock, and processes
//! that can be stopped between any two effects.

mod accounts;
#[path = "../../chance/mod.rs"]
mod chance;
mod lists;
mod process;
mod select;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use stripe_raw_rs::run::{Commit, Promise};
use stripe_raw_rs::stripe::entities::{Entity, by_name};
use stripe_raw_rs::stripe::exchange::{Failure, Now, Outcome, Request, Response};

pub(crate) use accounts::{Account, Standing};
pub(crate) use chance::Chance;
pub(crate) use lists::Item;
pub(crate) use process::{Events, Landed, Process, lands};
pub(crate) use select::{select, select_any};

/// The reaction of a table to a commit whose version is not newer than the one that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// Refuses it, like delta-rs under a compare-and-swap.
    Refuses,
    /// Drops it without a word, like Spark.
    Skips,
}

/// An append-only table with transaction identifiers.
#[derive(Default)]
pub(crate) struct Table {
    pub(crate) batches: Vec<RecordBatch>,
    versions: HashMap<String, i64>,
    nonces: Vec<(i64, String)>,
    metadata: Vec<String>,
}

impl Table {
    /// Appends, unless a newer or equal version is there. Answers whether it landed, as far as the engine says so.
    pub(crate) fn append(&mut self, engine: Engine, commit: &Commit) -> bool {
        let stored = self.versions.get(&commit.app_id).copied().unwrap_or(-1);
        if commit.version <= stored {
            return engine == Engine::Skips;
        }
        self.versions.insert(commit.app_id.clone(), commit.version);
        self.nonces.push((commit.version, commit.nonce.clone()));
        self.metadata.push(commit.metadata.clone());
        self.batches.extend(commit.batches.iter().cloned());
        true
    }

    /// Whether it holds what events promise, by either way in which a table can show it: the version of its transaction,
    /// and the rows or, if they were erased, the commits.
    pub(crate) fn keeps(&self, promise: &Promise) -> bool {
        let stands_at = self.versions.get(&promise.app_ids[0]).copied().unwrap_or(-1);
        let has_rows = !select(&self.batches, &promise.newest_rows()).is_empty();
        let commits: Vec<&str> = self.metadata.iter().map(String::as_str).collect();
        let is_shown = promise.newest_rows() == promise.any_rows() || promise.may_be_among(commits, true);
        stands_at >= promise.version() && has_rows && is_shown
    }

    /// The newest commit: its version, and what distinguishes its attempt.
    pub(crate) fn newest(&self) -> Option<&(i64, String)> {
        self.nonces.iter().max_by_key(|(version, _)| version)
    }

    /// How many commits have landed.
    pub(crate) const fn commits(&self) -> usize {
        self.nonces.len()
    }

    pub(crate) fn holds(&self, commit: &Commit) -> bool {
        self.nonces.contains(&(commit.version, commit.nonce.clone()))
    }
}

/// One object of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) is_undated: bool,
    pub(crate) is_stray: bool,
    /// It changes as the object does.
    pub(crate) state: usize,
}

/// The list, both tables, and the time.
pub(crate) struct World {
    pub(crate) entity: &'static Entity,
    /// Newest first; the order inside a second never changes.
    pub(crate) list: Vec<Object>,
    pub(crate) raw: Table,
    pub(crate) checkpoints: Table,
    pub(crate) engine: Engine,
    pub(crate) clock: Duration,
    /// How far the wall clock of the process at work is wrong, in seconds.
    pub(crate) wrong_by: i64,
    /// The same for Stripe's clock, as `Date` shows it; none if answers have no `Date`.
    pub(crate) date_wrong_by: Option<i64>,
    pub(crate) requests: usize,
    /// Whether processes look for commits that must be seen; without it the protocol is broken.
    pub(crate) looks: bool,
    /// One request in so many fails; 0 for none.
    pub(crate) faults: u64,
    pub(crate) chance: Chance,
    /// One object in so many has no time that can be used; 0 for none.
    pub(crate) undated: usize,
    /// Texts of objects that are answered in another way than the others.
    pub(crate) texts: HashMap<String, String>,
    /// Number, from 1, of the object that does not belong into the list; 0 for none.
    pub(crate) stray: usize,
    /// The lists of single objects, by object.
    pub(crate) lists: HashMap<String, Vec<Item>>,
    /// The object whose list is refused.
    pub(crate) refused: Option<String>,
    /// Whether that of another object is.
    pub(crate) refuses: fn(&str) -> bool,
    /// The status of that refusal.
    pub(crate) refused_with: u16,
    /// The accounts, if there are many; else `list` is that of the only one.
    pub(crate) accounts: BTreeMap<Option<String>, Account>,
    born: usize,
}

const EPOCH: i64 = 1_700_000_000;

impl World {
    pub(crate) fn new(entity: &str, seed: u64, engine: Engine) -> Self {
        Self {
            entity: by_name(entity).unwrap(),
            list: Vec::new(),
            raw: Table::default(),
            checkpoints: Table::default(),
            engine,
            clock: Duration::ZERO,
            wrong_by: 0,
            date_wrong_by: Some(0),
            requests: 0,
            looks: true,
            faults: 0,
            chance: Chance::new(seed),
            undated: 0,
            texts: HashMap::new(),
            stray: 0,
            lists: HashMap::new(),
            refused: None,
            refuses: |_| false,
            refused_with: 400,
            accounts: BTreeMap::new(),
            born: 0,
        }
    }

    pub(crate) fn now(&self) -> Now {
        let micros = i64::try_from(self.clock.as_micros()).unwrap();
        Now { monotonic: self.clock, wall_micros: (EPOCH + self.wrong_by) * 1_000_000 + micros }
    }

    /// The true time, in seconds since 1970, whatever the clocks say.
    pub(crate) fn time(&self) -> i64 {
        EPOCH + i64::try_from(self.clock.as_secs()).unwrap()
    }

    /// A new object, created `age` seconds ago. Returns its id.
    pub(crate) fn create(&mut self, age: i64) -> String {
        let created = self.time() - age;
        self.born += 1;
        let is_undated = self.undated > 0 && self.born.is_multiple_of(self.undated);
        let object = Object {
            id: format!("ch_{:06}", self.born),
            created,
            is_undated,
            is_stray: self.born == self.stray,
            state: 0,
        };
        let id = object.id.clone();
        insert(&mut self.list, object);
        id
    }

    pub(crate) fn delete(&mut self, at: usize) {
        if at < self.list.len() {
            self.list.remove(at);
        }
    }

    /// Changes an object, and another time back.
    pub(crate) fn change(&mut self, at: usize) {
        if let Some(object) = self.list.get_mut(at) {
            object.state = (object.state + 1) % 3;
        }
    }

    /// The answer that Stripe would give.
    pub(crate) fn serve(&mut self, request: &Request) -> Outcome {
        self.requests += 1;
        self.clock += Duration::from_millis(100);
        if self.faults > 0 && self.chance.one_in(self.faults) {
            return match self.chance.below(4) {
                0 => Outcome::Failed(Failure::Read, "reset".to_owned()),
                1 => Outcome::Failed(Failure::Timeout, "late".to_owned()),
                2 => self.answer(500, "{}"),
                _ => self.answer(200, r#"{"object":"list","data":[{"id":"ch_"#),
            };
        }
        let query: HashMap<&str, &str> = request.query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let number = |name: &str| query.get(name).map(|text| text.parse::<i64>().unwrap());
        let limit = usize::try_from(number("limit").unwrap()).unwrap();
        if self.entity.parent.is_some() {
            return self.serve_list(request, &query, limit);
        }
        if let Some(refusal) = self.refusal(request) {
            return refusal;
        }
        let list = self.list_of(&request.account);
        let mut from = 0;
        if let Some(cursor) = query.get("starting_after") {
            let Some(at) = list.iter().position(|object| object.id == *cursor) else {
                return self.gone();
            };
            from = at + 1;
        }
        let gte = number("created[gte]").or(number("created_after").map(|after| after + 1));
        let lt = number("created[lt]").or(number("created_before"));
        let inside =
            |object: &&Object| gte.is_none_or(|gte| object.created >= gte) && lt.is_none_or(|lt| object.created < lt);
        let rest: Vec<&Object> = list[from..].iter().filter(inside).collect();
        assert!(
            self.entity.window.is_filtered() || (gte, lt) == (None, None),
            "a request has a window, but the list has none"
        );
        let data: Vec<String> = rest.iter().take(limit).map(|object| self.text(object)).collect();
        let body = format!(
            "{{\n \"object\": \"list\",\n \"data\": [{}],\n \"has_more\": {}, \"url\": \"/v1/charges\"\n}}",
            data.join(", "),
            rest.len() > limit
        );
        self.answer(200, &body)
    }

    /// An object as it is answered.
    pub(crate) fn text(&self, object: &Object) -> String {
        self.texts.get(&object.id).cloned().unwrap_or_else(|| text(self.entity, object, self.requests))
    }

    fn answer(&self, status: u16, body: &str) -> Outcome {
        Outcome::Answered(Response {
            status,
            request_id: Some(format!("req_{}", self.requests)),
            api_version: Some("2026-11-18.endive".to_owned()),
            date: self.date_wrong_by.map(|wrong_by| self.time() + wrong_by),
            body: body.as_bytes().to_vec(),
            ..Response::default()
        })
    }

    /// The rows of each object, oldest first: the state in which it landed.
    pub(crate) fn states(&self) -> HashMap<String, Vec<usize>> {
        let mut rows: Vec<(i64, String, usize)> = Vec::new();
        for batch in &self.raw.batches {
            let ids = batch.column_by_name("_stripe_id").unwrap().as_string::<i32>();
            let texts = batch.column_by_name("_raw_json").unwrap().as_string::<i32>();
            let versions = batch.column_by_name("_commit_version").unwrap().as_primitive::<Int64Type>();
            let state = |text: &str| text.rsplit_once(':').unwrap().1.trim_end_matches('}').parse().unwrap();
            rows.extend(
                (0..batch.num_rows())
                    .map(|row| (versions.value(row), ids.value(row).to_owned(), state(texts.value(row)))),
            );
        }
        rows.sort_unstable();
        let mut states: HashMap<String, Vec<usize>> = HashMap::new();
        for (_, id, state) in rows {
            states.entry(id).or_default().push(state);
        }
        states
    }

    /// Ids in the raw table with their runs.
    pub(crate) fn landed(&self) -> Vec<(String, String)> {
        let mut landed = Vec::new();
        for batch in &self.raw.batches {
            let ids = batch.column_by_name("_stripe_id").unwrap().as_string::<i32>();
            let runs = batch.column_by_name("_ingest_run_id").unwrap().as_string::<i32>();
            landed.extend((0..batch.num_rows()).map(|row| (ids.value(row).to_owned(), runs.value(row).to_owned())));
        }
        landed
    }
}

/// Puts an object behind all newer ones.
fn insert(list: &mut Vec<Object>, object: Object) {
    let at = list.partition_point(|other| other.created > object.created);
    list.insert(at, object);
}

/// An object as it is answered: if it has volatile links, its receipt has another address in each answer.
fn text(entity: &Entity, object: &Object, answer: usize) -> String {
    let answer = if entity.volatile.is_empty() { 0 } else { answer };
    let Object { id, created, state, .. } = object;
    // If the time is optional, every third object has none.
    let is_without_time = !entity.window.has_start() && id.ends_with(['0', '3', '6', '9']);
    let time = match created % 4 {
        _ if !object.is_undated && !is_without_time => format!("\"created\": {created}, "),
        1 if object.is_undated => format!("\"created\": \"{created}\", "),
        2 if object.is_undated => format!("\"created\": -{created}, "),
        3 if object.is_undated => format!("\"created\": {created}000000, "),
        _ => String::new(),
    };
    let kind = if object.is_stray { "stray" } else { entity.object };
    format!(
        "{{\n  \"id\": \"{id}\", \"object\": \"{kind}\", {time}\"n\": 1.10, \"receipt_url\": \"https://a/{answer}\", \"state\": {state} }}"
    )
}
