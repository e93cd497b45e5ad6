//! A history: a world and a job that runs again and again, and the check of what has landed when the world is quiet.

use std::collections::HashMap;

use crate::chance::Chance;
use crate::job::{Job, Stop};
use crate::lake::{Lake, Row, Source};
use crate::rules::{Changes, Fault, Rules, Variant};
use crate::world::{DAY, Id, LAG, Object, World};

#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) faults: Vec<Fault>,
    pub(crate) kills: usize,
    pub(crate) requests: usize,
    pub(crate) rows: usize,
    pub(crate) unchanged: usize,
}

/// The history that follows from a seed.
pub(crate) fn history(seed: u64, variant: Variant, changes: Changes) -> Report {
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
    let mut job = Job { world, lake: Lake::default(), chance, rules, faults: Vec::new(), kills: 0 };
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
    job.rules.relist_days = job.chance.pick(&[None, Some(4), Some(1_000)]);
    let relisted = job.rules.relist_days.map(|days| job.world.now - days * DAY);
    if variant == Variant::NoRelist {
        job.rules.relist_days = None;
    }
    finish(&mut job, false, false);
    let is_whole = job.faults.iter().all(|fault| *fault != Fault::Misplaced);
    if is_whole {
        check(&mut job, relisted);
    }
    let tables = &job.lake.objects;
    Report {
        kills: job.kills,
        requests: job.world.requests,
        rows: tables.rows.len(),
        unchanged: tables.unchanged.len(),
        faults: job.faults,
    }
}

/// Runs the job until it ends.
fn finish(job: &mut Job, is_denied: bool, has_pauses: bool) {
    loop {
        match job.go(is_denied) {
            Ok(()) => return,
            Err(Stop::Broken(fault)) => return job.faults.push(fault),
            Err(Stop::Killed) => {
                job.kills += 1;
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

/// Checks that the newest row of each object is its newest state. Nobody can know of a silent change unless a list
/// showed it; but what a row has shown once, no later row may take back.
fn check(job: &mut Job, relisted: Option<i64>) {
    let (tables, variant) = (&job.lake.objects, job.rules.variant);
    let newest: HashMap<Id, &Row> = tables.rows.iter().map(|row| (row.item.id, row)).collect();
    let mut shown: HashMap<Id, usize> = HashMap::new();
    for row in &tables.rows {
        let version = shown.entry(row.item.id).or_default();
        if *version > row.item.state.version {
            job.faults.push(Fault::TakenBack);
        }
        *version = row.item.state.version.max(*version);
    }
    let whole = tables.started.iter().filter(|started| started.is_whole).max_by_key(|started| started.run);
    for object in &job.world.objects {
        let fault = match newest.get(&object.id) {
            None => (object.is_listed()).then_some(Fault::NeverLanded),
            Some(row) => {
                // A run that has landed the whole list shows that the object is no longer there. Its rows from bodies do
                // not count: the event of the deletion may be lost, and one before it be there.
                let is_absent = whole.is_some_and(|whole| {
                    row.epoch < whole.first_epoch
                        || (row.run == whole.run
                            && row.source != Source::List
                            && variant != Variant::BodyCountsAsListed)
                });
                let is_shown = row.is_deleted() || is_absent;
                let lowest =
                    if is_exact(object, relisted) { object.newest() } else { object.told.max(shown[&object.id]) };
                let is_fresh = is_absent || object.contents[lowest..].contains(&row.item.state.content);
                match (object.is_deleted, object.is_listed()) {
                    (true, _) => (!is_shown).then_some(Fault::NotMarked),
                    (false, true) if is_shown => Some(Fault::NotMarked),
                    _ => (!is_fresh).then_some(Fault::Stale),
                }
            }
        };
        if fault.is_some() && std::env::var_os("DUMP").is_some() {
            println!("{fault:?}");
            dump(job, object);
        }
        job.faults.extend(fault);
    }
}

/// Whether the newest row must be the newest state, silent or not.
fn is_exact(object: &Object, relisted: Option<i64>) -> bool {
    !object.has_events || (object.is_listed() && relisted.is_some_and(|bottom| object.created >= bottom))
}

pub(crate) fn dump(job: &Job, object: &Object) {
    println!("{object:?}");
    job.world.dump(object.id);
    for row in job.lake.events.rows.iter().filter(|row| row.item.about.unwrap().object == object.id) {
        println!("  E row run {} epoch {} {:?}", row.run, row.epoch, row.item);
    }
    for s in &job.lake.events.started {
        println!("  E {s:?} {:?}", job.lake.events.completed.iter().find(|c| c.run == s.run));
        println!(
            "     answered {:?}",
            job.lake.events.pages_of(s.run).map(|p| p.facts.answered_at).collect::<Vec<_>>()
        );
    }
    for s in &job.lake.objects.started {
        println!("  X {s:?} {:?}", job.lake.objects.completed.iter().find(|c| c.run == s.run));
    }
    for row in job.lake.objects.rows.iter().filter(|row| row.item.id == object.id) {
        println!("  row {:?} run {} epoch {} {:?} {:?}", row.source, row.run, row.epoch, row.item.state, row.page);
    }
}
