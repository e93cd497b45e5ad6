//! A job: the run of `events`, then the run of the list. Both are killed anywhere, and go on from the tables alone.

use crate::attempt::run;
use crate::chance::Chance;
use crate::lake::Lake;
use crate::rules::{Fault, Rules};
use crate::world::{List, World};

/// Why a job stops before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    Killed,
    Broken(Fault),
}

pub(crate) struct Job {
    pub(crate) world: World,
    pub(crate) lake: Lake,
    pub(crate) chance: Chance,
    pub(crate) rules: Rules,
    pub(crate) faults: Vec<Fault>,
    pub(crate) kills: usize,
}

impl Job {
    /// Between any two steps the process may be killed.
    pub(crate) fn step(&mut self) -> Result<(), Stop> {
        let one_in = self.rules.kill_one_in;
        if one_in > 0 && self.kills < 100 && self.chance.one_in(one_in) { Err(Stop::Killed) } else { Ok(()) }
    }

    /// Reads `events`, unless they are denied, and the list. A new run follows a run that was resumed.
    pub(crate) fn go(&mut self, is_denied: bool) -> Result<(), Stop> {
        for list in [List::Events, List::Objects] {
            while !(is_denied && list == List::Events) && run(self, list)? {}
        }
        Ok(())
    }
}
