//! Histories of sub-lists, and the check of what a reader finds when the world is quiet.

use std::collections::BTreeMap;

use super::world::World;
use super::{Fault, Job, Killed, Lake, Page, Variant};
use crate::chance::Chance;

/// The histories of the first `seeds` seeds: how many of them have each fault, and the number of kills.
pub(crate) fn survey(variant: Variant, seeds: u64) -> (BTreeMap<Fault, usize>, usize) {
    let (mut found, mut kills) = (BTreeMap::new(), 0);
    for seed in 0..seeds {
        let mut job = history(seed, variant);
        kills += job.kills;
        job.faults.sort_unstable();
        job.faults.dedup();
        for fault in job.faults {
            *found.entry(fault).or_default() += 1;
        }
    }
    println!("{variant:?}: {seeds} histories, {kills} kills, faults {found:?}");
    (found, kills)
}

fn history(seed: u64, variant: Variant) -> Job {
    let (world, chance) = (World::new(seed), Chance::new(seed));
    let mut job = Job { world, lake: Lake::default(), chance, variant, faults: Vec::new(), kills: 0, is_calm: false };
    for _ in 0..6 {
        job.world.pass(90);
        finish(&mut job);
        check_sets(&mut job);
    }
    (job.world.is_quiet, job.is_calm) = (true, true);
    finish(&mut job);
    for (id, parent) in job.world.parents.iter().enumerate().filter(|(_, parent)| !parent.is_deleted) {
        let found = job.lake.parent(id).map(|row| {
            let mut children = job.lake.children(row, variant);
            children.sort_unstable();
            children
        });
        let mut children = parent.children.clone();
        children.sort_unstable();
        job.faults.extend((found != Some(children)).then_some(Fault::Wrong));
    }
    job
}

fn finish(job: &mut Job) {
    while let Err(Killed) = job.go() {
        job.kills += 1;
        check_sets(job);
        job.world.pass(50);
    }
}

/// At any moment, children that a reader finds and that were read by one request are a set that the parent has had.
fn check_sets(job: &mut Job) {
    for (id, parent) in job.world.parents.iter().enumerate().filter(|(_, parent)| !parent.is_deleted) {
        let Some(row) = job.lake.parent(id).filter(|row| row.has_more) else { continue };
        let run = job.lake.run_of(id, job.variant);
        let is_of_run = |page: &&Page| page.parent == id && Some(page.run) == run;
        let is_one_request = job.lake.pages.iter().filter(is_of_run).count() == 1;
        if is_one_request && !parent.past.contains(&job.lake.children(row, job.variant)) {
            job.faults.push(Fault::NeverWas);
        }
    }
}
