//! Any history of changes.

use std::time::Duration;

use proptest::prelude::*;
use stripe_raw_rs::options::Changes;

use super::{DAY, Job, OLD_VERSION, VERSION};
use crate::world::Engine;

/// What differs between two histories.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each says whether something happens")]
struct Case {
    entity: &'static str,
    seed: u64,
    changes: Changes,
    api_version: &'static str,
    page_size: u32,
    is_grouped: bool,
    engine: Engine,
    is_late: bool,
    has_pauses: bool,
    has_rivals: bool,
    has_wrong_clocks: bool,
    width: usize,
    rounds: usize,
}

/// Objects arrive, change and go between and during runs that are killed anywhere. Then the world stands still.
fn history(case: Case) -> Job {
    let mut job = Job::of(case.entity, case.seed, case.changes, case.api_version);
    (job.events.engine, job.objects.engine) = (case.engine, case.engine);
    job.options.page_size = case.page_size;
    job.options.commit_interval = if case.is_grouped { Duration::from_millis(400) } else { Duration::ZERO };
    (job.is_late, job.has_rivals, job.width) = (case.is_late, case.has_rivals, case.width);
    for _ in 0..job.objects.chance.below(30) {
        job.stir();
    }
    for _ in 0..case.rounds {
        // Each process may run on another machine. (Of a page whose event was lost only our own clock is known: if that
        // is wrong by days, nobody sees that the page came a month too late.)
        if case.has_wrong_clocks && !case.has_pauses {
            let wrong_by = i64::try_from(job.objects.chance.below(30 * DAY.unsigned_abs())).unwrap() - 15 * DAY;
            (job.events.wrong_by, job.objects.wrong_by) = (wrong_by, wrong_by);
        }
        // A list may be read without the events before it, if these could not be.
        for is_events in [true, false] {
            let is_killed = job.objects.chance.one_in(2);
            let steps = usize::try_from(job.objects.chance.below(60)).unwrap() + 1;
            job.run(is_events, if is_killed { steps } else { 100_000 }, true);
        }
        for _ in 0..job.objects.chance.below(10) {
            job.stir();
        }
        if case.has_pauses && job.objects.chance.one_in(3) {
            let days = job.objects.chance.below(50);
            job.pass(i64::try_from(days).unwrap() * DAY);
        }
    }
    for _ in 0..2 {
        job.pass(1_000);
        job.go();
    }
    job
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_of_changes_ends_with_the_newest_state(
        (seed, page_size) in (any::<u64>(), 1u32..7),
        entity in prop::sample::select(vec!["customers", "test_helpers_test_clocks", "payment_links"]),
        changes in prop::sample::select(vec![Changes::Read, Changes::Events]),
        api_version in prop::sample::select(vec![VERSION, OLD_VERSION]),
        (is_grouped, is_late, has_pauses) in any::<(bool, bool, bool)>(),
        (has_rivals, has_wrong_clocks) in any::<(bool, bool)>(),
        engine in prop::sample::select(vec![Engine::Skips, Engine::Refuses]),
        (width, rounds) in (1usize..4, 1usize..7),
    ) {
        let case =
            Case { entity, seed, changes, api_version, page_size, is_grouped, engine, is_late, has_pauses, has_rivals, has_wrong_clocks, width, rounds };
        history(case).check();
    }
}
