//! The first runs of accounts, read by other processes and committed together. The order of steps is that of
//! `python/stripe_raw_rs/distributed/__init__.py`.

use arrow_array::RecordBatch;
use stripe_raw_rs::checkpoint::{Histories, State};
use stripe_raw_rs::error::Error;
use stripe_raw_rs::run::{Commit, LandedByAccount, Wave};

use super::{Caller, Next};
use crate::accounts::lake::Lake;

/// What waits until all has been read.
#[derive(Debug)]
pub(crate) struct Spread {
    epoch: i64,
    /// The accounts of the tasks that have not begun.
    tasks: Vec<Vec<Option<String>>>,
    wave: Wave,
    rows: Vec<RecordBatch>,
    /// How many of its commits have been made.
    commits: usize,
}

impl Caller {
    /// Plans to let others read the first runs, if there are several and none of another account has to go on first.
    pub(super) fn spread(&mut self, lake: &mut Lake) -> Result<Option<Spread>, Error> {
        if !self.wish.spreads || std::mem::replace(&mut self.has_spread, true) {
            return Ok(None);
        }
        let histories = &self.histories;
        let never_ran = |account: &&Option<String>| {
            histories.of(account.as_deref()).is_none_or(|history| history.state() == State::NeverRan)
        };
        let accounts: Vec<Option<String>> = self.accounts.iter().filter(never_ran).cloned().collect();
        if accounts.len() < 2 {
            return Ok(None);
        }
        let mut planner = self.planner_of(accounts.clone(), None, lake);
        let (now, landed) = (lake.world.now(), LandedByAccount::default());
        if !planner.begin(&self.histories, landed, now, &mut || lake.new_id())?.is_new() {
            return Ok(None);
        }
        let epoch = planner.epoch();
        let wave = Wave::new(lake.world.entity.name, "store".to_owned(), epoch, lake.new_id(), "test");
        let half = accounts.len() / 2;
        let tasks = vec![accounts[..half].to_vec(), accounts[half..].to_vec()];
        Ok(Some(Spread { epoch, tasks, wave, rows: Vec::new(), commits: 0 }))
    }

    /// A request or an answer of a task. Tasks know nothing but the number of the attempt.
    pub(super) fn gather(&mut self, mut spread: Box<Spread>, lake: &mut Lake) -> Result<Next, Error> {
        let now = lake.world.now();
        if self.attempt.is_none() {
            let Some(accounts) = spread.tasks.pop() else { return Ok(Next::Commit(spread)) };
            let mut planner = self.planner_of(accounts, None, lake);
            planner.in_wave = true;
            let mut histories = Histories::default();
            histories.know(spread.epoch - 1);
            let attempt = planner.begin(&histories, LandedByAccount::default(), now, &mut || lake.new_id())?;
            (self.planner, self.attempt) = (Some(planner), Some(attempt));
        }
        let attempt = self.attempt.as_mut().expect("planned");
        attempt.begin(now)?;
        if let Some(group) = attempt.poll_group(now)? {
            group.checkpoint.batches.iter().try_for_each(|batch| spread.wave.add_events(batch))?;
            spread.rows.extend(group.rows.batches);
            return Ok(Next::Gather(spread));
        }
        let planner = self.planner.as_mut().expect("planned");
        if attempt.error().is_some() || (attempt.is_finished() && planner.remaining() == 0) {
            // Whatever is wrong, the attempt that follows says so.
            (self.planner, self.attempt) = (None, None);
            self.in_flight.clear();
        } else if attempt.is_finished() || attempt.wants_more() {
            let histories = Histories::default();
            planner.next_runs(attempt, &histories, LandedByAccount::default(), now, &mut || lake.new_id())?;
        } else if !self.fetch(lake) {
            let at = self.attempt().poll_timeout();
            lake.world.clock = at.unwrap_or_else(|| panic!("{} waits for nothing: {:#?}", self.name, self.attempt));
        }
        Ok(Next::Gather(spread))
    }

    /// The next commit of the wave.
    pub(super) fn commit(&mut self, mut spread: Box<Spread>, lake: &mut Lake) -> Result<Next, Error> {
        let wave = &spread.wave;
        let events = match spread.commits {
            0 => wave.claims(lake.world.now().wall_micros)?,
            1 => wave.refusals(),
            2 => Commit { batches: std::mem::take(&mut spread.rows), ..wave.rows() },
            _ => wave.pages(),
        };
        if !events.batches.is_empty() {
            if spread.commits == 2 {
                lake.append_rows(&events)?;
            } else {
                lake.append_events(&events)?;
            }
        }
        spread.commits += 1;
        if spread.commits < 4 {
            return Ok(Next::Commit(spread));
        }
        for ending in spread.wave.endings().filter(|ending| ending.is_complete) {
            assert!(lake.is_over(&ending.run_id), "{} says that {ending:?} is complete", self.name);
            self.accounts.retain(|account| *account != ending.account);
            self.endings.insert(ending.account.clone(), ending);
        }
        Ok(if self.accounts.is_empty() { Next::Over(Ok(())) } else { Next::Look })
    }
}
