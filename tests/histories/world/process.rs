//! A process that works in the world, one effect a step.

use arrow_array::RecordBatch;
use stripe_raw_rs::changes::EventIndex;
use stripe_raw_rs::checkpoint::{
    Circumstances, Event, Extent, GiveUp, History, Kind, ParentRows, Purpose, Reported, events_of, plan,
};
use stripe_raw_rs::error::{Class, Error};
use stripe_raw_rs::options::Options;
use stripe_raw_rs::page::Decoder;
use stripe_raw_rs::run::{Commit, Group, Promise, Run, RunContext, Value};
use stripe_raw_rs::stripe::exchange::Outcome;
use stripe_raw_rs::stripe::scope::Scope;
use stripe_raw_rs::walk::Ticket;

use super::{Engine, Table, World, select};

/// Appends, and looks for the commit if that says that it must be seen.
pub(crate) fn lands(table: &mut Table, engine: Engine, commit: &Commit) -> bool {
    table.append(engine, commit) && (!commit.must_be_seen || table.holds(commit))
}

/// What the runs of `events` have landed.
#[derive(Clone, Default)]
pub(crate) struct Events {
    pub(crate) reported: Option<Reported>,
    pub(crate) rows: Vec<RecordBatch>,
}

/// What the runs of the parents have landed.
#[derive(Clone, Default)]
pub(crate) struct Landed {
    pub(crate) parents: Option<ParentRows>,
    pub(crate) rows: Vec<RecordBatch>,
}

/// The next action of a process.
enum Next {
    Plan,
    AppendStarted(Commit),
    ReadBack(Commit),
    AppendFence(Commit),
    Recover,
    Compare,
    Work,
    AppendRows(Group),
    AppendCheckpoint(Group),
    AppendEnd(Commit),
    Over(Result<(), Error>),
}

/// A process that lands the list. It has one effect a step, so that it can be stopped between any two.
pub(crate) struct Process {
    name: String,
    options: Options,
    give_up: Option<GiveUp>,
    take_over: bool,
    /// The events that it follows.
    events: Option<Events>,
    /// The parents whose lists it asks for.
    landed: Landed,
    has_asked_lists: bool,
    run: Option<Run>,
    next: Next,
    /// How many requests it has in flight at most, and the ones that it has now.
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
            events: None,
            landed: Landed::default(),
            has_asked_lists: false,
            run: None,
            next: Next::Plan,
            width: 1,
            in_flight: Vec::new(),
            runs_completed: 0,
        }
    }

    /// Follows the changes that events report.
    pub(crate) fn following(mut self, events: Events) -> Self {
        self.events = Some(events);
        self
    }

    /// Lists are asked for that its objects have and do not show.
    pub(crate) fn with_asked_lists(mut self) -> Self {
        self.has_asked_lists = true;
        self
    }

    /// Asks for the lists of these parents.
    pub(crate) fn of_parents(mut self, landed: Landed) -> Self {
        self.landed = landed;
        self
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

    /// Its outcome, once it has ended.
    pub(crate) fn outcome(&self) -> Option<&Result<(), Error>> {
        match &self.next {
            Next::Over(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Runs to its end. Answers its outcome and the number of its steps.
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
            Next::Plan => self.plan(world),
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
                Ok(Next::Compare)
            }
            Next::Compare => {
                for part in self.run().overlap() {
                    for rows in select(&world.raw.batches, &part) {
                        self.run().compare(&rows)?;
                    }
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
                let again = self.run().plan().purpose != Purpose::New;
                self.give_up = None;
                Ok(if again { Next::Plan } else { Next::Over(Ok(())) })
            }
        }
    }

    fn run(&mut self) -> &mut Run {
        self.run.as_mut().expect("planned")
    }

    fn plan(&mut self, world: &mut World) -> Result<Next, Error> {
        let events: Vec<Event> = world.checkpoints.batches.iter().flat_map(|batch| events_of(batch).unwrap()).collect();
        // As a table is read: from the newest end on, which carries the rest.
        let carries = |event: &&Event| event.kind == Kind::Completed && event.carried.is_some();
        let since = events.iter().filter(carries).map(|event| event.epoch).max();
        let (mut history, mut whole) = (History::default(), History::default());
        history.extend(events.iter().filter(|event| Some(event.epoch) >= since).cloned());
        whole.extend(events);
        for extent in [Extent::Everything, Extent::Rows, Extent::EarlierRows] {
            let promise = Promise::of(&history, extent, "store", world.entity.name, None).filter(|_| world.looks);
            let kept = promise.as_ref().is_none_or(|promise| world.raw.keeps(promise));
            assert!(kept, "the raw table lacks rows that events promise: {promise:?}");
        }
        let attempt = Circumstances {
            now: world.now(),
            owner: self.name.clone(),
            holder_is_dead: false,
            take_over: self.take_over,
            give_up: self.give_up,
            start: None,
            new_run_id: format!("run-{}", world.chance.below(1 << 32)),
            follows: self.events.is_some(),
            reported: self.events.as_ref().and_then(|events| events.reported),
            parents: self.landed.parents,
        };
        let plan = plan(world.entity, &history, &self.options, &attempt)?;
        assert_eq!(Ok(&plan), self::plan(world.entity, &whole, &self.options, &attempt).as_ref());
        let setting = RunContext {
            scope: Scope { entity: world.entity, account: None },
            livemode: None,
            options: self.options.clone(),
            store_id: "store".to_owned(),
            owner: self.name.clone(),
            nonce: format!("{}-{}", self.name, world.chance.below(1 << 32)),
            settings: "{}".to_owned(),
            library_version: "test".to_owned(),
            has_asked_lists: self.has_asked_lists,
            may_lack: false,
        };
        let is_idle = plan.is_idle;
        self.run = Some(Run::new(plan, setting));
        if is_idle {
            return Ok(Next::Over(Ok(())));
        }
        let rows = std::mem::take(&mut self.landed.rows);
        if let Some(shown) = self.run().shown_rows() {
            for batch in select(&rows, &shown) {
                self.run().add_shown(&batch).unwrap();
            }
        }
        if let Some(all) = self.run().rows_of_parents() {
            for batch in select(&rows, &all) {
                self.run().add_parents(&batch).unwrap();
            }
        }
        self.landed.rows = rows;
        if self.run().follows() {
            let mut index = EventIndex::default();
            let events = self.events.as_ref().expect("a run that follows events has them");
            events.rows.iter().for_each(|batch| index.add(batch).unwrap());
            self.run().follow(&index).unwrap();
        }
        self.in_flight.clear();
        if self.run().is_new() {
            return Ok(Next::Compare);
        }
        let now = world.now();
        self.run().started(now).map(Next::AppendStarted)
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
            let at = run.poll_timeout().expect("a run that waits has a time to wait for");
            world.clock = world.clock.max(at);
        }
        Ok(Next::Work)
    }
}
