//! Following changes, against a simulated Stripe, tables and clock: objects change and go, their events become visible
//! late and age out, processes are killed anywhere. When the world stands still, the newest row of each object is its
//! newest state, and a deleted object is marked.

mod any;
mod lists;
mod stories;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use stripe_raw_rs::changes::EventIndex;
use stripe_raw_rs::checkpoint::{Event, History, Kind, events_of};
use stripe_raw_rs::options::{Changes, Options};
use stripe_raw_rs::run::audit::Audit;
use stripe_raw_rs::stripe::events::{self, ListEvents};

use crate::world::{Engine, Events, Object, Process, World};

const DAY: i64 = 86_400;
/// Seconds of lookback, and the longest time until an event becomes visible.
const LOOKBACK: i64 = 60;
/// The version that requests ask for, and answers have.
const VERSION: &str = "2026-11-18.endive";
const OLD_VERSION: &str = "2024-06-20";

/// An event that is not visible yet.
struct Pending {
    visible_at: i64,
    created: i64,
    text: String,
}

/// An account, and a lake.
struct Job {
    events: World,
    objects: World,
    pending: Vec<Pending>,
    /// Every object that was deleted.
    deleted: Vec<String>,
    options: Options,
    /// The version of the API that events are written in.
    api_version: &'static str,
    width: usize,
    is_late: bool,
    has_rivals: bool,
}

impl Job {
    fn new(seed: u64, changes: Changes, api_version: &'static str) -> Self {
        Self::of("customers", seed, changes, api_version)
    }

    /// An account whose objects are of that list.
    fn of(entity: &str, seed: u64, changes: Changes, api_version: &'static str) -> Self {
        let world = |entity: &str| World::new(entity, seed, Engine::Refuses);
        let options = Options {
            page_size: 10,
            commit_interval: Duration::ZERO,
            max_retries: 1_000,
            lookback_seconds: LOOKBACK,
            changes,
            ..Options::default()
        };
        Self {
            events: world("events"),
            objects: world(entity),
            pending: Vec::new(),
            deleted: Vec::new(),
            options,
            api_version,
            width: 1,
            is_late: false,
            has_rivals: false,
        }
    }

    /// Lets time pass, and events become visible or too old.
    fn pass(&mut self, seconds: i64) {
        let clock = self.events.clock.max(self.objects.clock) + Duration::from_secs(seconds.unsigned_abs());
        (self.events.clock, self.objects.clock) = (clock, clock);
        let now = self.objects.time();
        let (visible, pending) = std::mem::take(&mut self.pending).into_iter().partition(|it| it.visible_at <= now);
        self.pending = pending;
        for Pending { created, text, .. } in visible {
            let id = self.events.create(now - created);
            let text = text.replace("EVENT", &id);
            self.events.texts.insert(id, text);
        }
        self.events.list.retain(|event| event.created > now - 30 * DAY);
    }

    /// An event about an object becomes visible, now or later, if its list has such events.
    fn tell(&mut self, kind: Option<&str>, object: &Object) {
        if let Some(kind) = kind {
            let body = self.objects.text(object);
            self.tell_of(kind, &body);
        }
    }

    /// An event with that object becomes visible, now or later.
    fn tell_of(&mut self, kind: &str, body: &str) {
        let created = self.objects.time();
        let text = format!(
            r#"{{"id":"EVENT","object":"event","api_version":"{}","created":{created},"type":"{kind}","data":{{"object":{body}}}}}"#,
            self.api_version
        );
        let lag = if self.is_late { self.objects.chance.below(LOOKBACK.unsigned_abs()) } else { 0 };
        let visible_at = created + i64::try_from(lag).unwrap();
        self.pending.push(Pending { visible_at, created, text });
    }

    fn types(&self) -> &'static ListEvents {
        events::of(self.objects.entity)
    }

    fn create(&mut self) {
        let id = self.objects.create(0);
        let object = self.objects.list.iter().find(|object| object.id == id).unwrap().clone();
        self.tell(self.types().created, &object);
    }

    fn change(&mut self, at: usize) {
        self.objects.change(at);
        let object = self.objects.list[at].clone();
        self.tell(self.types().updated, &object);
    }

    /// Deletes an object, if events of its list say so: else nobody could know it.
    fn delete(&mut self, at: usize) {
        if self.types().deleted.is_none() {
            return;
        }
        let object = self.objects.list[at].clone();
        self.objects.delete(at);
        self.deleted.push(object.id.clone());
        self.tell(self.types().deleted, &object);
    }

    /// Something happens, or only time passes.
    fn stir(&mut self) {
        let (count, chance) = (self.objects.list.len() as u64, &mut self.objects.chance);
        let (what, at) = (chance.below(10), usize::try_from(chance.below(count.max(1))).unwrap());
        match what {
            0 | 1 => self.create(),
            2..=5 if count > 0 => self.change(at),
            6 if count > 0 => self.delete(at),
            _ => {}
        }
        let seconds = i64::try_from(self.objects.chance.below(3) * self.objects.chance.below(40)).unwrap();
        self.pass(seconds);
    }

    fn checkpoints(world: &World) -> Vec<Event> {
        world.checkpoints.batches.iter().flat_map(|batch| events_of(batch).unwrap()).collect()
    }

    /// What the runs of `events` have landed.
    fn reported(&self) -> Events {
        let mut history = History::default();
        history.extend(Self::checkpoints(&self.events));
        Events { reported: history.reported(), rows: self.events.raw.batches.clone() }
    }

    /// Runs a list once, for so many steps at most. Returns whether it came to its end.
    fn run(&mut self, is_events: bool, steps: usize, stirs: bool) -> bool {
        let mut process = self.process(is_events);
        let mut rival = None;
        for _ in 0..steps {
            let world = if is_events { &mut self.events } else { &mut self.objects };
            process.step(world);
            self.pass(0);
            if let Some(outcome) = process.outcome() {
                // If objects vanish again and again, or a rival takes over, a run gives up.
                assert!(stirs || *outcome == Ok(()), "{outcome:?}");
                return true;
            }
            if stirs && self.objects.chance.one_in(4) {
                self.stir();
            }
            if stirs && self.has_rivals && self.objects.chance.one_in(8) {
                // Another process takes over, and this one goes on without knowing it.
                let other = rival.take().unwrap_or_else(|| self.process(is_events));
                rival = Some(std::mem::replace(&mut process, other));
            }
        }
        false
    }

    fn process(&self, is_events: bool) -> Process {
        let process = Process::new("job", &self.options).asking(self.width);
        if is_events { process } else { process.following(self.reported()) }
    }

    /// Reads the events, and the list.
    fn go(&mut self) {
        assert!(self.run(true, 100_000, false) && self.run(false, 100_000, false));
    }

    /// The rows of each object, oldest first.
    fn rows(&self) -> HashMap<String, Vec<Row>> {
        let mut rows: HashMap<String, Vec<Row>> = HashMap::new();
        for batch in &self.objects.raw.batches {
            let text = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>();
            let versions = batch.column_by_name("_commit_version").unwrap().as_primitive::<Int64Type>();
            let statuses = batch.column_by_name("_http_status").unwrap().as_primitive::<Int32Type>();
            for at in 0..batch.num_rows() {
                let of = |name: &str| text(name).is_valid(at).then(|| text(name).value(at).to_owned());
                let row = Row {
                    version: versions.value(at),
                    run: of("_ingest_run_id").unwrap(),
                    json: of("_raw_json").unwrap(),
                    is_deletion: of("_event_type").as_deref().is_some_and(|kind| Some(kind) == self.types().deleted),
                    event: of("_event_type"),
                };
                assert_eq!(of("_source").unwrap(), if row.event.is_some() { "event" } else { "list" });
                assert!(statuses.value(at) != 0 || row.event.is_some());
                rows.entry(of("_stripe_id").unwrap()).or_default().push(row);
            }
        }
        for rows in rows.values_mut() {
            rows.sort_by_key(|row| row.version);
        }
        rows
    }

    fn newest(&self) -> HashMap<String, Row> {
        self.rows().into_iter().filter_map(|(id, rows)| Some((id, rows.into_iter().next_back()?))).collect()
    }

    /// Checks the promises when the world stands still.
    fn check(&mut self) {
        let newest = self.newest();
        let checkpoints = Self::checkpoints(&self.objects);
        let relanding = checkpoints.iter().filter(|event| event.source.relands && event.kind == Kind::Completed);
        let relanding = relanding.map(|event| event.run_id.clone()).next_back();
        let first_epoch = |run: &String| {
            checkpoints.iter().filter(|event| event.run_id == *run).map(|event| event.epoch).min().unwrap()
        };
        for object in &self.objects.list {
            let row = newest.get(&object.id).unwrap_or_else(|| panic!("{object:?} has not landed"));
            let state = row.json.rsplit_once(':').unwrap().1.trim_end_matches('}');
            assert_eq!(state, object.state.to_string(), "{object:?} landed last as {row:?}");
            assert!(!row.is_deletion, "{object:?} is there");
        }
        for (id, row) in newest.iter().filter(|(id, _)| self.deleted.contains(id)) {
            let is_absent = relanding
                .as_ref()
                .is_some_and(|run| row.version >> 32 < first_epoch(run) || (row.run == *run && row.event.is_some()));
            assert!(row.is_deletion || is_absent, "{id} is deleted, and landed last as {row:?}");
        }
        self.check_runs();
        let mut audit = Audit::new(self.objects.entity.name);
        let mut reports = EventIndex::without_bodies();
        self.events.raw.batches.iter().for_each(|batch| reports.add(batch).unwrap());
        audit.follow(Arc::new([(None, reports)].into()));
        self.objects.checkpoints.batches.iter().for_each(|batch| audit.add_events(batch).unwrap());
        self.objects.raw.batches.iter().for_each(|batch| audit.add_rows(batch).unwrap());
        assert_eq!(audit.finish(), []);
    }

    /// No object has two rows in a run, and no state lands twice in a row, unless everything lands again.
    fn check_runs(&self) {
        let relanding = |run: &str| {
            Self::checkpoints(&self.objects).iter().any(|event| event.run_id == *run && event.source.relands)
        };
        for (id, rows) in self.rows() {
            for pair in rows.windows(2) {
                assert_ne!(pair[0].run, pair[1].run, "{id} is twice in a run: {rows:?}");
                assert!(!pair[0].shows(&pair[1]) || relanding(&pair[1].run), "{id} landed without a change: {rows:?}");
            }
        }
    }
}

#[derive(Debug)]
struct Row {
    version: i64,
    run: String,
    json: String,
    event: Option<String>,
    is_deletion: bool,
}

impl Row {
    /// Whether it shows the same state.
    fn shows(&self, other: &Self) -> bool {
        self.json == other.json && self.is_deletion == other.is_deletion
    }
}
