//! A job: the run of `events`, then the run of the list. Both are killed anywhere, and go on from the tables alone.

use std::ops::Add;

use crate::attempt::run;
use crate::chance::Chance;
use crate::lake::Lake;
use crate::rules::{Fault, Rules};
use crate::world::{List, World};

/// The reason why a job stops early.
#[derive(Debug)]
pub(crate) enum Stop {
    Killed,
    Broken(Fault),
}

/// Counts of the cases that the rules are for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) kills: usize,
    pub(crate) requests: usize,
    pub(crate) rows: usize,
    pub(crate) unchanged: usize,
    /// Rows that are bodies of events.
    pub(crate) bodies: usize,
    pub(crate) splits: usize,
    pub(crate) jumps: usize,
    /// Cursors that vanished.
    pub(crate) vanished: usize,
    /// Pages whose events were made from their rows.
    pub(crate) recovered: usize,
    /// Chains of a resumed run that began their second again.
    pub(crate) again: usize,
    /// Runs that read the whole list again after a gap.
    pub(crate) whole: usize,
}

impl Tally {
    /// Whether so many histories have come to each case often enough.
    pub(crate) fn reaches(&self, histories: u64) -> bool {
        let histories = usize::try_from(histories).expect("few");
        let often = [self.kills, self.requests, self.rows, self.unchanged, self.bodies, self.splits];
        let at_times = [self.jumps, self.vanished, self.recovered, self.again, self.whole];
        often.iter().all(|count| *count > histories) && at_times.iter().all(|count| *count > histories / 20)
    }
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            kills: self.kills + other.kills,
            requests: self.requests + other.requests,
            rows: self.rows + other.rows,
            unchanged: self.unchanged + other.unchanged,
            bodies: self.bodies + other.bodies,
            splits: self.splits + other.splits,
            jumps: self.jumps + other.jumps,
            vanished: self.vanished + other.vanished,
            recovered: self.recovered + other.recovered,
            again: self.again + other.again,
            whole: self.whole + other.whole,
        }
    }
}

pub(crate) struct Job {
    pub(crate) world: World,
    pub(crate) lake: Lake,
    pub(crate) chance: Chance,
    pub(crate) rules: Rules,
    pub(crate) faults: Vec<Fault>,
    pub(crate) tally: Tally,
    pub(crate) steps: usize,
    /// The step before which the process is killed, beside those that chance chooses.
    pub(crate) killed_at: Option<usize>,
}

impl Job {
    /// Between any two steps the process may be killed.
    pub(crate) fn step(&mut self) -> Result<(), Stop> {
        self.steps += 1;
        let one_in = self.rules.kill_one_in;
        let is_killed = one_in > 0 && self.tally.kills < 100 && self.chance.one_in(one_in);
        if is_killed || self.killed_at == Some(self.steps) { Err(Stop::Killed) } else { Ok(()) }
    }

    /// Reads `events`, unless they are denied, and the list. A new run follows a run that was resumed.
    pub(crate) fn go(&mut self, is_denied: bool) -> Result<(), Stop> {
        for list in [List::Events, List::Objects] {
            while !(is_denied && list == List::Events) && run(self, list)? {}
        }
        Ok(())
    }
}
