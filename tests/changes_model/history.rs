//! A history: a world, and a job that runs again and again.

use crate::chance::Chance;
use crate::check::check;
use crate::job::{Job, Stop, Tally};
use crate::lake::{Lake, Source};
use crate::rules::{Changes, Fault, Rules, Variant};
use crate::world::{DAY, LAG, World};

/// The history that follows from a seed: the faults in it, each once, and its tally.
pub(crate) fn history(seed: u64, variant: Variant, changes: Changes) -> (Vec<Fault>, Tally) {
    let mut chance = Chance::new(seed);
    let mut world = World::new(seed);
    world.has_silent_changes = chance.one_in(3);
    let rules = Rules {
        variant,
        changes,
        neighbours: chance.pick(&[0, 5, 25, 25, 200]),
        relist_days: None,
        kill_one_in: chance.pick(&[0, 15, 30, 30, 60]),
    };
    let has_pauses = chance.one_in(3);
    let is_denied_at_times = chance.one_in(4);
    let mut job = new(world, chance, rules);
    for _ in 0..job.chance.below(25) {
        job.world.pass(60);
    }
    for _ in 0..6 {
        let is_denied = is_denied_at_times && job.chance.one_in(3);
        finish(&mut job, is_denied, has_pauses);
        for _ in 0..job.chance.below(12) {
            job.world.pass(50);
        }
        pause(&mut job, has_pauses);
    }
    // The world stands still, every event becomes visible, every pending object available; then comes one more job.
    job.world.is_quiet = true;
    job.world.now += 200 + LAG;
    job.world.become_available(1);
    let relist_days = job.chance.pick(&[None, Some(4), Some(1_000)]);
    let relisted = relist_days.map(|days| job.world.now - days * DAY);
    job.rules.relist_days = relist_days.filter(|_| variant != Variant::NoRelist);
    finish(&mut job, false, false);
    check(&mut job, relisted);
    job.faults.sort_unstable();
    job.faults.dedup();
    let tally = tally(&job);
    (job.faults, tally)
}

pub(crate) fn new(world: World, chance: Chance, rules: Rules) -> Job {
    Job {
        world,
        lake: Lake::default(),
        chance,
        rules,
        faults: Vec::new(),
        tally: Tally::default(),
        steps: 0,
        killed_at: None,
    }
}

fn tally(job: &Job) -> Tally {
    let tables = &job.lake.objects;
    Tally {
        requests: job.world.requests,
        rows: tables.rows.len(),
        unchanged: tables.unchanged.len(),
        bodies: tables.rows.iter().filter(|row| row.source != Source::List).count(),
        whole: tables.started.iter().filter(|started| started.is_whole).count(),
        ..job.tally
    }
}

/// Runs the job until it ends.
pub(crate) fn finish(job: &mut Job, is_denied: bool, has_pauses: bool) {
    loop {
        match job.go(is_denied) {
            Ok(()) => return,
            Err(Stop::Broken(fault)) => return job.faults.push(fault),
            Err(Stop::Killed) => {
                job.tally.kills += 1;
                for _ in 0..job.chance.below(4) {
                    job.world.pass(30);
                }
                let may_pause = has_pauses && job.chance.one_in(3);
                pause(job, may_pause);
            }
        }
    }
}

/// Nobody runs the job for weeks.
fn pause(job: &mut Job, may_pause: bool) {
    if may_pause && !job.world.is_quiet && job.chance.one_in(4) {
        job.world.now += job.chance.between(5 * DAY, 50 * DAY);
    }
}

/// An account in which nothing happens for two months after its first days, while the job runs every day.
pub(crate) fn idle_account(variant: Variant) -> Tally {
    let rules = Rules { variant, changes: Changes::Read, neighbours: 25, relist_days: None, kill_one_in: 0 };
    let mut job = new(World::new(3), Chance::new(3), rules);
    for _ in 0..20 {
        job.world.pass(60);
    }
    job.world.is_quiet = true;
    for _ in 0..60 {
        finish(&mut job, false, false);
        job.world.now += DAY;
    }
    tally(&job)
}
