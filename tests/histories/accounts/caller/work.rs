//! What a process reads, plans, asks and takes in.

use std::collections::BTreeMap;

use stripe_raw_rs::checkpoint::{Circumstances, Extent, GiveUp, Histories, events_of};
use stripe_raw_rs::error::{Class, Error};
use stripe_raw_rs::page::Decoder;
use stripe_raw_rs::run::{LandedByAccount, NewestAttempts, Planner, Promise, RunContext};
use stripe_raw_rs::stripe::scope::Scope;

use super::{Caller, Next};
use crate::accounts::lake::Lake;
use crate::world::select_any;

impl Caller {
    pub(super) fn newest_attempts(&self, lake: &Lake) -> NewestAttempts {
        let mut newest = NewestAttempts { completed: lake.completed.clone(), ..NewestAttempts::default() };
        if !self.accounts.iter().all(|account| newest.completed.contains_key(account)) {
            newest.started.clone_from(&lake.started);
        }
        newest
    }

    pub(super) fn read(&mut self, newest: &NewestAttempts, lake: &Lake) {
        let mut histories = Histories::default();
        let known = newest.completed.values().chain(newest.started.values()).copied().max();
        histories.know(known.unwrap_or_default());
        let reads = newest.reads(lake.world.entity.name, &self.accounts);
        let events = select_any(&lake.world.checkpoints.batches, &reads);
        histories.extend(events.iter().flat_map(|batch| events_of(batch).unwrap()));
        self.histories = histories;
    }

    /// The planner of an attempt at these accounts.
    pub(super) fn planner_of(
        &self,
        accounts: Vec<Option<String>>,
        give_up: Option<GiveUp>,
        lake: &mut Lake,
    ) -> Planner {
        let (now, entity) = (lake.world.now(), lake.world.entity);
        let context = RunContext {
            scope: Scope { entity, account: None },
            livemode: None,
            options: self.wish.options.clone(),
            store_id: "store".to_owned(),
            owner: self.name.clone(),
            nonce: lake.new_id(),
            settings: String::new(),
            library_version: "test".to_owned(),
            has_asked_lists: false,
            may_lack: self.wish.may_lack,
        };
        let circumstances =
            Circumstances { take_over: self.wish.takes_over, give_up, ..Circumstances::new(now, self.name.clone()) };
        let (origin, gone) = ("https://a".to_owned(), lake.gone.clone());
        let mut planner = Planner::new(context, BTreeMap::new(), origin, circumstances, gone, accounts);
        planner.bounds = self.wish.bounds;
        planner.has_many = self.wish.accounts.len() > 1;
        planner
    }

    pub(super) fn plan(&mut self, lake: &mut Lake) -> Result<Next, Error> {
        if let Some(spread) = self.spread(lake)? {
            return Ok(Next::Gather(Box::new(spread)));
        }
        let (now, entity) = (lake.world.now(), lake.world.entity);
        let give_up = self.wish.gives_up.filter(|_| self.attempts == 0);
        if give_up == Some(GiveUp::Scratch) {
            lake.resetting.insert(self.name.clone());
        } else {
            lake.resetting.remove(&self.name);
        }
        let mut planner = self.planner_of(self.accounts.clone(), give_up, lake);
        let landed = LandedByAccount::default();
        let attempt = planner.begin(&self.histories, landed, now, &mut || lake.new_id())?;
        self.attempts += 1;
        let (is_idle, is_new) = (attempt.is_idle(), attempt.is_new());
        (self.planner, self.attempt) = (Some(planner), Some(attempt));
        if is_idle {
            return Ok(self.again(lake));
        }
        let promise = |account: &Option<String>| {
            let history = self.histories.of(account.as_deref())?;
            Promise::of(history, Extent::Everything, "store", entity.name, account.as_deref())
        };
        let promises = || self.accounts.iter().filter_map(promise);
        for promise in
            promises().max_by_key(Promise::version).into_iter().chain(promises().min_by_key(Promise::version))
        {
            assert!(lake.world.raw.keeps(&promise), "the raw table lacks rows that events promise: {promise:?}");
        }
        Ok(if is_new { Next::Prepare } else { Next::Start })
    }

    pub(super) fn land(&mut self, lake: &mut Lake) -> Result<Next, Error> {
        let now = lake.world.now();
        let (is_interrupted, is_full) = (self.is_interrupted, lake.world.chance.one_in(40));
        let attempt = self.attempt();
        attempt.begin(now)?;
        if is_interrupted {
            attempt.interrupt();
        }
        if is_full {
            attempt.flush();
        }
        if let Some(group) = attempt.poll_group(now)? {
            return Ok(Next::Rows(group));
        }
        if let Some(error) = attempt.error() {
            return Err(error.clone());
        }
        if attempt.is_finished() || attempt.wants_more() {
            return Ok(Next::Runs);
        }
        if !self.fetch(lake) {
            let at = self.attempt().poll_timeout();
            let at = at.unwrap_or_else(|| panic!("{} waits for nothing: {:#?}", self.name, self.attempt));
            assert!(at > now.monotonic, "{} waits for a moment that has passed: {:#?}", self.name, self.attempt);
            lake.world.clock = at;
        }
        Ok(Next::Land)
    }

    /// Sends a request or takes an answer in, if there is anything to send or to wait for.
    pub(super) fn fetch(&mut self, lake: &mut Lake) -> bool {
        let world = &mut lake.world;
        let now = world.now();
        let attempt = self.attempt.as_mut().expect("planned");
        // Answers come in any order, and between any two requests.
        let sends = self.in_flight.len() < self.wish.width && (self.in_flight.is_empty() || !world.chance.one_in(3));
        if sends && attempt.wants(now).is_some() {
            if self.wish.quota.is_some_and(|quota| self.sent >= quota) {
                attempt.stop_asking(&Error::new(Class::Budget, "the requests are used up"));
                return true;
            }
            // Without a request, runs may have begun that have nothing to ask.
            if let Some((member, ticket, request)) = attempt.poll_request(now) {
                self.sent += 1;
                self.in_flight.push((member, ticket, world.serve(&request)));
            }
            return true;
        }
        if self.in_flight.is_empty() {
            return false;
        }
        let at = usize::try_from(world.chance.below(self.in_flight.len() as u64)).unwrap();
        let (member, ticket, outcome) = self.in_flight.swap_remove(at);
        let jitter = f64::from(u32::try_from(world.chance.below(1_000)).unwrap()) / 1_000.0;
        if let Some(reader) = attempt.reader() {
            let (received, _) = reader.read(outcome, &mut Decoder::default());
            attempt.handle_response(member, ticket, received, world.now(), jitter);
        }
        true
    }
}
