//! A world small enough to try thousands of histories in: a Stripe list, the two Delta tables, a clock, and processes
//! that can be stopped between any two effects.

use std::collections::HashMap;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use stripe_raw_rs::checkpoint::{Attempt, GiveUp, History, What, events_of, plan};
use stripe_raw_rs::error::{Class, Error};
use stripe_raw_rs::options::Options;
use stripe_raw_rs::page::Decoder;
use stripe_raw_rs::run::{Commit, Condition, Group, Promise, Run, RunContext, Value};
use stripe_raw_rs::stripe::entities::{Entity, by_name};
use stripe_raw_rs::stripe::exchange::{Failure, Now, Outcome, Request, Response};
use stripe_raw_rs::stripe::scope::Scope;
use stripe_raw_rs::walk::Ticket;

/// Chance that a seed repeats: xorshift64*.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound.max(1)
    }

    pub(crate) fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }
}

/// What a table does with a commit whose version is not newer than the one it holds.
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
    /// Appends, unless a newer or equal version is there. Answers whether it landed, as far as the engine tells.
    fn append(&mut self, engine: Engine, commit: &Commit) -> bool {
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

    /// Whether it holds what events promise, by either way in which a table can tell: where its transaction stands, and
    /// the rows or, where they were erased, the commits.
    fn keeps(&self, promise: &Promise) -> bool {
        let stands_at = self.versions.get(&promise.app_id).copied().unwrap_or(-1);
        let has_rows = !select(&self.batches, &promise.newest_rows()).is_empty();
        let commits: Vec<&str> = self.metadata.iter().map(String::as_str).collect();
        let is_told = promise.newest_rows() == promise.any_rows() || promise.may_be_among(commits, true);
        stands_at >= promise.version() && has_rows && is_told
    }

    fn holds(&self, commit: &Commit) -> bool {
        self.nonces.contains(&(commit.version, commit.nonce.clone()))
    }
}

/// One object of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) id: String,
    pub(crate) created: i64,
    is_undated: bool,
    pub(crate) is_stray: bool,
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
    /// How far the wall clock of whoever is at work goes wrong, in seconds.
    pub(crate) wrong_by: i64,
    /// The same of Stripe's clock, as `Date` tells it; none where answers have no `Date`.
    pub(crate) date_wrong_by: Option<i64>,
    pub(crate) requests: usize,
    /// Whether processes look for what must be seen; without it the protocol is broken.
    pub(crate) looks: bool,
    /// One request in so many fails; 0 for none.
    pub(crate) faults: u64,
    pub(crate) chance: Chance,
    /// One object in so many has no time that can be used; 0 for none.
    pub(crate) undated: usize,
    /// Number of the object, from 1, that is another one than the list holds; 0 for none.
    pub(crate) stray: usize,
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
            stray: 0,
            born: 0,
        }
    }

    pub(crate) fn now(&self) -> Now {
        let micros = i64::try_from(self.clock.as_micros()).unwrap();
        Now { monotonic: self.clock, wall_micros: (EPOCH + self.wrong_by) * 1_000_000 + micros }
    }

    /// What time it is, in seconds since 1970, whatever the clocks say.
    fn time(&self) -> i64 {
        EPOCH + i64::try_from(self.clock.as_secs()).unwrap()
    }

    /// A new object, created `age` seconds ago.
    pub(crate) fn create(&mut self, age: i64) {
        let created = self.time() - age;
        self.born += 1;
        let is_undated = self.undated > 0 && self.born.is_multiple_of(self.undated);
        let object =
            Object { id: format!("ch_{:06}", self.born), created, is_undated, is_stray: self.born == self.stray };
        let at = self.list.partition_point(|other| other.created > created);
        self.list.insert(at, object);
    }

    pub(crate) fn delete(&mut self, at: usize) {
        if at < self.list.len() {
            self.list.remove(at);
        }
    }

    /// What Stripe would answer.
    fn serve(&mut self, request: &Request) -> Outcome {
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
        let mut from = 0;
        if let Some(cursor) = query.get("starting_after") {
            let Some(at) = self.list.iter().position(|object| object.id == *cursor) else {
                let gone =
                    r#"{"error":{"type":"invalid_request_error","code":"resource_missing","param":"starting_after"}}"#;
                return self.answer(400, gone);
            };
            from = at + 1;
        }
        let (gte, lt) = (number("created[gte]"), number("created[lt]"));
        let inside =
            |object: &&Object| gte.is_none_or(|gte| object.created >= gte) && lt.is_none_or(|lt| object.created < lt);
        let rest: Vec<&Object> = self.list[from..].iter().filter(inside).collect();
        assert!(self.entity.has_window || (gte, lt) == (None, None), "a list without window is asked for one");
        let data: Vec<String> = rest.iter().take(limit).map(|object| text(self.entity, object)).collect();
        let body = format!(
            "{{\n \"object\": \"list\",\n \"data\": [{}],\n \"has_more\": {}, \"url\": \"/v1/charges\"\n}}",
            data.join(", "),
            rest.len() > limit
        );
        self.answer(200, &body)
    }

    fn answer(&self, status: u16, body: &str) -> Outcome {
        Outcome::Answered(Response {
            status,
            request_id: Some(format!("req_{}", self.requests)),
            api_version: Some("2026-09-30.endive".to_owned()),
            date: self.date_wrong_by.map(|wrong_by| self.time() + wrong_by),
            body: body.as_bytes().to_vec(),
            ..Response::default()
        })
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

fn text(entity: &Entity, object: &Object) -> String {
    let Object { id, created, .. } = object;
    // Where the time is optional, every third object has none.
    let is_without_time = !entity.has_window && id.ends_with(['0', '3', '6', '9']);
    let time = match created % 4 {
        _ if !object.is_undated && !is_without_time => format!("\"created\": {created}, "),
        1 if object.is_undated => format!("\"created\": \"{created}\", "),
        2 if object.is_undated => format!("\"created\": -{created}, "),
        3 if object.is_undated => format!("\"created\": {created}000000, "),
        _ => String::new(),
    };
    let kind = if object.is_stray { "stray" } else { entity.object };
    format!("{{\n  \"id\": \"{id}\", \"object\": \"{kind}\", {time}\"n\": 1.10 }}")
}

/// Rows that meet all conditions.
fn select(batches: &[RecordBatch], conditions: &[Condition]) -> Vec<RecordBatch> {
    let mut selected = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let meets = conditions.iter().all(|(column, operator, value)| {
                let column = batch.column_by_name(column).unwrap();
                match value {
                    Value::Text(None) => column.is_null(row),
                    Value::Text(text) => Some(column.as_string::<i32>().value(row)) == text.as_deref(),
                    Value::Timestamp(micros) => {
                        !column.is_null(row) && column.as_primitive::<TimestampMicrosecondType>().value(row) == *micros
                    }
                    Value::Long(number) => {
                        let found = column.as_primitive::<Int64Type>().value(row);
                        if *operator == ">" { found > *number } else { found == *number }
                    }
                }
            });
            if meets {
                selected.push(batch.slice(row, 1));
            }
        }
    }
    selected
}

/// Appends, and looks where the commit says that it must be seen.
fn lands(table: &mut Table, engine: Engine, commit: &Commit) -> bool {
    table.append(engine, commit) && (!commit.must_be_seen || table.holds(commit))
}

/// What a process does next.
enum Next {
    Plan,
    AppendStarted(Commit),
    ReadBack(Commit),
    AppendFence(Commit),
    Recover,
    Work,
    AppendRows(Group),
    AppendCheckpoint(Group),
    AppendEnd(Commit),
    Over(Result<(), Error>),
}

/// A process that lands the list: one effect a step, so that it can be stopped between any two.
pub(crate) struct Process {
    name: String,
    options: Options,
    give_up: Option<GiveUp>,
    take_over: bool,
    run: Option<Run>,
    next: Next,
    /// How many requests it has in flight at most, and those it has.
    width: usize,
    in_flight: Vec<(Ticket, Outcome)>,
    pub(crate) runs_completed: usize,
}

impl Process {
    pub(crate) fn new(name: &str, options: &Options) -> Self {
        Self {
            name: name.to_owned(),
            options: options.clone(),
            give_up: None,
            take_over: true,
            run: None,
            next: Next::Plan,
            width: 1,
            in_flight: Vec::new(),
            runs_completed: 0,
        }
    }

    pub(crate) fn patient(mut self) -> Self {
        self.take_over = false;
        self
    }

    pub(crate) fn giving_up(mut self, how: GiveUp) -> Self {
        self.give_up = Some(how);
        self
    }

    /// Asks for up to so many pages at once.
    pub(crate) fn asking(mut self, width: usize) -> Self {
        self.width = width;
        self
    }

    /// How it ended, once it has.
    pub(crate) fn outcome(&self) -> Option<&Result<(), Error>> {
        match &self.next {
            Next::Over(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Runs to its end. Answers how it ended and after how many steps.
    pub(crate) fn finish(&mut self, world: &mut World) -> (Result<(), Error>, usize) {
        for steps in 0..100_000 {
            if let Some(outcome) = self.outcome() {
                return (outcome.clone(), steps);
            }
            self.step(world);
        }
        panic!("the process goes on for ever");
    }

    /// One step: at most one effect on the world.
    pub(crate) fn step(&mut self, world: &mut World) {
        let next = std::mem::replace(&mut self.next, Next::Work);
        self.next = match self.take(next, world) {
            Ok(next) => next,
            Err(error) => Next::Over(Err(error)),
        };
    }

    fn fenced(&self) -> Error {
        Error::new(Class::Fenced, format!("{} was fenced", self.name))
    }

    fn take(&mut self, next: Next, world: &mut World) -> Result<Next, Error> {
        let engine = world.engine;
        match next {
            Next::Over(outcome) => Ok(Next::Over(outcome)),
            Next::Plan => self.plan(world).map(Next::AppendStarted),
            Next::AppendStarted(commit) => {
                if !world.checkpoints.append(engine, &commit) {
                    return Err(self.fenced());
                }
                Ok(Next::ReadBack(commit))
            }
            Next::ReadBack(commit) => {
                if !world.checkpoints.holds(&commit) {
                    return Err(self.fenced());
                }
                Ok(Next::AppendFence(self.run().fence()?))
            }
            Next::AppendFence(commit) => {
                if !lands(&mut world.raw, engine, &commit) {
                    return Err(self.fenced());
                }
                Ok(Next::Recover)
            }
            Next::Recover => {
                let run_id = self.run().plan().run_id.clone();
                let ours = ("run_id", "=", Value::Text(Some(run_id)));
                let events = select(&world.checkpoints.batches, &[ours]);
                for read in self.run().recover_events(&events)? {
                    let rows = select(&world.raw.batches, &read);
                    self.run().recover_rows(&rows)?;
                }
                let now = world.now();
                self.run().begin(now)?;
                Ok(Next::Work)
            }
            Next::Work => self.work(world),
            Next::AppendRows(group) => {
                if !group.rows.batches.is_empty() && !lands(&mut world.raw, engine, &group.rows) {
                    return Err(self.fenced());
                }
                Ok(Next::AppendCheckpoint(group))
            }
            Next::AppendCheckpoint(group) => {
                let landed = if world.looks {
                    lands(&mut world.checkpoints, engine, &group.checkpoint)
                } else {
                    world.checkpoints.append(engine, &group.checkpoint)
                };
                if !landed {
                    return Err(self.fenced());
                }
                Ok(Next::Work)
            }
            Next::AppendEnd(commit) => {
                if !commit.batches.is_empty() && !lands(&mut world.checkpoints, engine, &commit) {
                    return Err(self.fenced());
                }
                if let Some(error) = self.run().error() {
                    return Err(error.clone());
                }
                self.runs_completed += 1;
                let again = self.run().plan().purpose != stripe_raw_rs::checkpoint::Purpose::New;
                self.give_up = None;
                Ok(if again { Next::Plan } else { Next::Over(Ok(())) })
            }
        }
    }

    fn run(&mut self) -> &mut Run {
        self.run.as_mut().expect("planned")
    }

    fn plan(&mut self, world: &mut World) -> Result<Commit, Error> {
        let mut history = History::default();
        for batch in &world.checkpoints.batches {
            history.extend(events_of(batch)?);
        }
        for what in [What::Everything, What::Rows, What::EarlierRows] {
            let promise = Promise::of(&history, what, "store", world.entity.name, None).filter(|_| world.looks);
            let kept = promise.as_ref().is_none_or(|promise| world.raw.keeps(promise));
            assert!(kept, "the raw table has all that events tell of: {promise:?}");
        }
        let attempt = Attempt {
            now: world.now(),
            owner: self.name.clone(),
            holder_is_dead: false,
            take_over: self.take_over,
            give_up: self.give_up,
            start: None,
            new_run_id: format!("run-{}", world.chance.below(1 << 32)),
        };
        let plan = plan(world.entity, &history, &self.options, &attempt)?;
        let setting = RunContext {
            scope: Scope { entity: world.entity, account: None },
            livemode: None,
            options: self.options.clone(),
            store_id: "store".to_owned(),
            owner: self.name.clone(),
            nonce: format!("{}-{}", self.name, world.chance.below(1 << 32)),
            settings: "{}".to_owned(),
            library_version: "test".to_owned(),
        };
        self.run = Some(Run::new(plan, setting));
        self.in_flight.clear();
        let now = world.now();
        self.run().started(now)
    }

    fn work(&mut self, world: &mut World) -> Result<Next, Error> {
        let now = world.now();
        let run = self.run.as_mut().expect("planned");
        if let Some(group) = run.poll_group(now)? {
            return Ok(Next::AppendRows(group));
        }
        if let Some(error) = run.error().cloned() {
            return Ok(Next::AppendEnd(run.failed(error.class.name(), &error.message, now)?));
        }
        if run.is_finished() {
            return Ok(Next::AppendEnd(run.ended(now)?));
        }
        // Answers come in any order, and between any two requests.
        let sends = self.in_flight.len() < self.width && (self.in_flight.is_empty() || !world.chance.one_in(3));
        if sends && let Some((ticket, request)) = run.walk_mut().poll_request(now) {
            let outcome = world.serve(&request);
            self.in_flight.push((ticket, outcome));
        } else if !self.in_flight.is_empty() {
            let at = usize::try_from(world.chance.below(self.in_flight.len() as u64)).unwrap();
            let (ticket, outcome) = self.in_flight.swap_remove(at);
            let (now, jitter) = (world.now(), f64::from(u32::try_from(world.chance.below(1_000)).unwrap()) / 1_000.0);
            let (received, _) = self.run().walk().reader().read(outcome, &mut Decoder::default());
            self.run().walk_mut().handle_response(ticket, received, now, jitter);
        } else {
            let at = run.poll_timeout().expect("a run that waits says until when");
            world.clock = world.clock.max(at);
        }
        Ok(Next::Work)
    }
}
