//! Plans the runs of an attempt: those that go on first, and then new ones, some accounts at a time.

mod outlook;

pub use outlook::{NextRun, Outlook};

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::{Attempt, Bounds};
use crate::checkpoint::{
    ASKS_LISTS, Circumstances, FENCE, GiveUp, Histories, History, ParentRows, Plan, State, moment, plan,
};
use crate::error::{Class, Error, Remedy, Result};
use crate::options::Options;
use crate::run::{Run, RunContext};
use crate::stripe::entities::Entity;
use crate::stripe::events;
use crate::stripe::exchange::Now;
use crate::stripe::expand;
use crate::stripe::scope::Scope;

const DAY_MICROS: i64 = 86_400 * 1_000_000;

/// What the other runs of the call have landed, by account.
#[derive(Debug, Clone, Copy, Default)]
pub struct Landed<'a> {
    /// The histories of `events`; `None` if no events are read.
    pub events: Option<&'a Histories>,
    /// The rows of the parents.
    pub parents: Option<&'a HashMap<Option<String>, ParentRows>>,
}

/// The values that all runs of an attempt are planned with.
#[derive(Debug, Clone)]
pub struct Planner {
    /// The list.
    pub entity: &'static Entity,
    /// The values of a run; its account is set for each.
    pub context: RunContext,
    /// Settings that RUN_STARTED records beside the options.
    pub settings: BTreeMap<String, String>,
    /// The API's address.
    pub origin: String,
    /// The call's wishes; its moment and the run's id are set for each.
    pub circumstances: Circumstances,
    /// Processes that are known to be gone.
    pub dead_owners: Vec<String>,
    /// How much the attempt does at a time.
    pub bounds: Bounds,
    accounts: VecDeque<Option<String>>,
    /// The accounts that the next attempt begins with.
    left: Vec<Option<String>>,
    /// Whether the call has several accounts, if not this attempt: then those without news are not asked.
    pub has_many: bool,
    /// Whether its runs are those of a wave, which another process commits.
    pub in_wave: bool,
    without_news: usize,
    epoch: i64,
}

impl Planner {
    /// A planner of an attempt at the list of these accounts.
    #[must_use]
    pub fn new(
        context: RunContext,
        settings: BTreeMap<String, String>,
        origin: String,
        circumstances: Circumstances,
        dead_owners: Vec<String>,
        accounts: Vec<Option<String>>,
    ) -> Self {
        Self {
            entity: context.scope.entity,
            bounds: Bounds::of(context.scope.entity),
            context,
            settings,
            origin,
            circumstances,
            dead_owners,
            has_many: accounts.len() > 1,
            accounts: accounts.into(),
            left: Vec::new(),
            in_wave: false,
            without_news: 0,
            epoch: 0,
        }
    }

    /// The number of the attempt.
    #[must_use]
    pub const fn epoch(&self) -> i64 {
        self.epoch
    }

    /// The accounts that this attempt leaves to the next one.
    #[must_use]
    pub fn left(&self) -> &[Option<String>] {
        &self.left
    }

    /// Accounts that get no run, because nothing has happened in them: their `events` say so.
    #[must_use]
    pub const fn without_news(&self) -> usize {
        self.without_news
    }

    /// Plans no more runs if all runs that it was to go on with are over: another process can see of no run that this
    /// attempt goes on, and so it may begin none.
    pub fn stop_if_over(&mut self, attempt: &mut Attempt) {
        if attempt.has_nothing_to_continue() {
            self.left.extend(self.accounts.drain(..));
            attempt.add(vec![], false);
        }
    }

    /// Accounts whose runs are not planned yet.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.accounts.len()
    }

    /// Begins an attempt: with the runs that go on, if there are any, else with the first new ones.
    ///
    /// A run of another account that the newest attempt has left under way is taken over, too: until somebody does that,
    /// that attempt may begin runs, and nobody knows of which accounts.
    ///
    /// # Errors
    /// [`Class::Held`] if another process is presumed to work on the list, and what makes a plan impossible.
    pub fn begin(
        &mut self,
        histories: &Histories,
        landed: Landed<'_>,
        now: Now,
        new_id: &mut dyn FnMut() -> String,
    ) -> Result<Attempt> {
        self.refuse_if_held(histories, now)?;
        self.epoch = histories.epoch() + 1;
        let resets = self.circumstances.give_up == Some(GiveUp::Scratch);
        let goes_on = |account: &Option<String>| {
            histories.of(account.as_deref()).is_some_and(|history| history.is_open() || (resets && history.has_run()))
        };
        let continued: Vec<Option<String>> = self.accounts.iter().filter(|account| goes_on(account)).cloned().collect();
        let attempt = Attempt::new(self.entity, self.bounds);
        let mut attempt = if self.has_many { attempt } else { attempt.of_one_account() };
        let mut runs = Vec::new();
        for account in &continued {
            runs.push(self.run(account.clone(), histories, landed, now, new_id)?);
        }
        // A run of ours that goes on has the same effect.
        if let Some(account) = histories.under_way().next().filter(|_| runs.is_empty()) {
            let mut run = self.run(account.map(str::to_owned), histories, landed, now, new_id)?;
            run.take_over();
            runs.push(run);
        }
        self.accounts.retain(|account| !goes_on(account));
        if runs.is_empty() {
            self.next_runs(&mut attempt, histories, landed, now, new_id)?;
        } else {
            attempt.add(runs, !self.accounts.is_empty());
        }
        Ok(attempt)
    }

    /// Adds the next new runs. The histories are those of the time after the fences, if there were any.
    ///
    /// # Errors
    /// What makes a plan impossible.
    pub fn next_runs(
        &mut self,
        attempt: &mut Attempt,
        histories: &Histories,
        landed: Landed<'_>,
        now: Now,
        new_id: &mut dyn FnMut() -> String,
    ) -> Result<()> {
        // Such a run began after this attempt was planned. Nobody else goes on with it now: the next attempt does.
        let is_open = |account: &Option<String>| histories.of(account.as_deref()).is_some_and(History::is_open);
        self.left.extend(self.accounts.iter().filter(|account| is_open(account)).cloned());
        self.accounts.retain(|account| !is_open(account));
        // Those that have waited longest come first.
        let watermark = |account: &Option<String>| histories.of(account.as_deref()).and_then(History::watermark);
        self.accounts.make_contiguous().sort_by_key(watermark);
        // What ran since this attempt was planned has begun at the beginning.
        self.circumstances.give_up = self.circumstances.give_up.filter(|how| *how != GiveUp::Scratch);
        let count = self.accounts.len().min(self.bounds.new_runs);
        let next: Vec<Option<String>> = self.accounts.drain(..count).collect();
        let mut runs = Vec::with_capacity(count);
        for account in next {
            let run = self.run(account, histories, landed, now, new_id)?;
            // Of a list that comes with its parents', nothing need be asked of most accounts.
            if run.plan().is_idle {
                continue;
            }
            if self.is_without_news(&run, histories, landed, now) {
                self.without_news += 1;
                continue;
            }
            runs.push(run);
        }
        attempt.add(runs, !self.accounts.is_empty());
        Ok(())
    }

    fn run(
        &self,
        account: Option<String>,
        histories: &Histories,
        landed: Landed<'_>,
        now: Now,
        new_id: &mut dyn FnMut() -> String,
    ) -> Result<Run> {
        let none = History::default();
        let history = histories.of(account.as_deref()).unwrap_or(&none);
        let circumstances = Circumstances {
            now,
            new_run_id: new_id(),
            // The list as a whole is not held.
            take_over: true,
            reported: landed.events.and_then(|events| events.of(account.as_deref())?.reported()),
            parents: landed.parents.and_then(|parents| parents.get(&account).copied()),
            ..self.circumstances.clone()
        };
        let options = &self.context.options;
        let plan = plan(self.entity, history, options, &circumstances)?;
        let plan = Plan { epoch: self.epoch, ..plan };
        let context = RunContext {
            scope: Scope { entity: self.entity, account },
            settings: self.recorded(options, &plan),
            ..self.context.clone()
        };
        let run = Run::new(plan, context);
        match self.in_wave {
            false => Ok(run),
            true if run.is_new() => Ok(run.in_wave()),
            true => Err(Error::usage("a wave has new runs only: an account has a run that goes on")),
        }
    }

    /// Whether nothing has happened in the account since the list was read last, so that it need not be asked: one request
    /// for its `events` stands for one of each list. Once in `whole_every_days`, it is asked all the same.
    fn is_without_news(&self, run: &Run, histories: &Histories, landed: Landed<'_>, now: Now) -> bool {
        let (plan, account) = (run.plan(), run.scope().account.as_deref());
        let was_asked = landed.events.is_some_and(|events| events.has_completed_since(account));
        // Each new object has an event, too.
        let follows = plan.source.to.is_some() && !plan.source.relands && events::of(self.entity).created.is_some();
        let options = &self.context.options;
        let days = i64::from(options.whole_every_days);
        let completed = histories.of(account).and_then(|history| history.completed());
        let is_recent = completed.is_some_and(|event| {
            let since = now.wall_micros.saturating_sub(event.at_micros);
            (0..days.saturating_mul(DAY_MICROS)).contains(&since)
        });
        self.has_many
            && options.relist_days == 0
            && was_asked
            && follows
            && plan.has_no_news
            && is_recent
            && plan.refused_before.is_empty()
    }

    fn recorded(&self, options: &Options, plan: &Plan) -> String {
        let mut settings = self.settings.clone();
        settings.insert(FENCE.to_owned(), "list".to_owned());
        if self.context.has_asked_lists {
            settings.insert(ASKS_LISTS.to_owned(), "yes".to_owned());
        }
        let expanded = expand::choice(self.entity, &plan.expand);
        options.recorded(&plan.stripe_version, &expanded, plan.changes, plan.planned_at_micros, &self.origin, settings)
    }

    /// The process that works on the newest attempt has the whole list. One of version 0.1 has that of its account.
    fn refuse_if_held(&self, histories: &Histories, now: Now) -> Result<()> {
        if self.circumstances.take_over {
            return Ok(());
        }
        let of_version_1 = self.accounts.iter().filter_map(|account| histories.of(account.as_deref()));
        let of_version_1 =
            of_version_1.filter(|history| history.state() == State::Unfinished && !history.shares_fence());
        let holders = histories.holder(now).into_iter().chain(of_version_1.filter_map(|history| history.holder(now)));
        let is_gone =
            |owner: &str| owner == self.circumstances.owner || self.dead_owners.iter().any(|dead| dead == owner);
        let Some((owner, at_micros)) = holders.into_iter().find(|(owner, _)| !is_gone(owner)) else { return Ok(()) };
        let entity = self.entity.name;
        let moment = moment(at_micros);
        let message = match histories.under_way().next().and_then(|account| histories.of(account)?.run_id()) {
            Some(run_id) => format!("{entity}: {owner} holds run {run_id} (last sign of life {moment})"),
            None => format!("{entity}: {owner} holds the list (last sign of life {moment})"),
        };
        Err(Error::new(Class::Held, message).with(Remedy::TakeOver))
    }
}
