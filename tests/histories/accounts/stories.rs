//! Directed histories of many accounts.

use std::collections::BTreeSet;
use std::time::Duration;

use stripe_raw_rs::error::Class;
use stripe_raw_rs::options::Options;
use stripe_raw_rs::run::Bounds;

use super::{Caller, Case, Story, Wish};
use crate::world::{Engine, Standing};

pub(super) const SMALL: Bounds = Bounds { new_runs: 3, reading: 2, joint_bytes: 150_000 };

pub(super) fn case(engine: Engine, accounts: usize, bounds: Bounds) -> Case {
    Case {
        entity: "issuing_cards",
        seed: 11,
        engine,
        page_size: 2,
        interval: Duration::from_millis(400),
        accounts,
        has_own: true,
        bounds,
        rounds: 0,
        width: 3,
        may_lack: true,
        has_faults: false,
        has_table_faults: false,
        gives_up: false,
    }
}

/// A story of accounts that have so many objects each.
pub(super) fn story(case: Case, objects: usize) -> Story {
    let mut story = Story::new(case);
    for name in story.names.clone() {
        let world = &mut story.lake.world;
        let have = world.accounts[&name].list.len();
        (have..objects).for_each(|at| world.create_in(&name, 10 * i64::try_from(at).unwrap()));
    }
    story
}

impl Story {
    pub(super) fn call(&mut self, accounts: &[usize]) -> Wish {
        let accounts = accounts.iter().map(|at| self.names[*at].clone()).collect();
        Wish { accounts, takes_over: true, ..self.whole_call() }
    }

    /// A call that is killed after some steps.
    pub(super) fn killed(&mut self, wish: &Wish, steps: usize) -> bool {
        let mut caller = Caller::new(&mut self.lake, wish);
        (0..steps).for_each(|_| caller.step(&mut self.lake));
        self.lake.gone.push(caller.name.clone());
        caller.outcome().is_some()
    }

    /// Twenty accounts: some complete, some unfinished, some new, one that has failed, and one each that is refused, has
    /// revoked its access and lacks the product.
    fn of_all_kinds(engine: Engine, bounds: Bounds) -> Self {
        let mut story = Self::new(case(engine, 20, bounds));
        let complete = story.call(&[0, 1, 2, 3, 4, 5]);
        assert!(story.killed(&complete, 100_000));
        for (at, standing) in [(6, Standing::Refused), (7, Standing::Refused)] {
            let name = story.names[at].clone();
            story.lake.world.stand(&name, standing);
        }
        let failed = story.call(&[5, 6, 7, 8]);
        assert!(story.killed(&failed, 100_000));
        story.lake.world.clock += Duration::from_secs(1_000);
        for at in [0, 3, 9, 10] {
            let name = story.names[at].clone();
            (0..5).for_each(|age| story.lake.world.create_in(&name, age));
        }
        let unfinished = story.call(&[3, 6, 9, 10, 11]);
        let mut caller = Caller::new(&mut story.lake, &unfinished);
        while story.lake.open().len() < 4 && caller.outcome().is_none() {
            caller.step(&mut story.lake);
        }
        story.lake.gone.push(caller.name);
        assert!(story.lake.open().len() > 3, "{:?}", story.lake.open());
        for (at, standing) in [(6, Standing::Readable), (12, Standing::Revoked), (13, Standing::Lacks)] {
            let name = story.names[at].clone();
            story.lake.world.stand(&name, standing);
        }
        story
    }
}

#[test]
fn a_kill_at_any_step_of_a_call_of_twenty_accounts_is_made_good_by_the_next_call() {
    for (engine, bounds) in [(Engine::Refuses, SMALL), (Engine::Skips, Bounds::default())] {
        let mut steps = 0;
        loop {
            let mut story = Story::of_all_kinds(engine, bounds);
            let all = story.whole_call();
            let is_over = story.killed(&all, steps);
            story.heal();
            story.conclude();
            if is_over {
                break;
            }
            steps += 1;
        }
        assert!(steps > 80, "{steps} steps");
    }
}

#[test]
fn rows_of_many_accounts_that_landed_without_their_events_are_recovered_account_by_account() {
    for engine in [Engine::Refuses, Engine::Skips] {
        let interval = Duration::from_secs(3);
        let mut story = story(Case { interval, width: 6, ..case(engine, 20, Bounds::default()) }, 6);
        let all = story.whole_call();
        let mut caller = Caller::new(&mut story.lake, &all);
        let of_runs =
            |story: &Story| story.lake.orphans().into_iter().map(|page| page.0.clone()).collect::<BTreeSet<_>>();
        while of_runs(&story).len() < 5 {
            assert_eq!(caller.outcome(), None);
            caller.step(&mut story.lake);
        }
        story.lake.gone.push(caller.name);
        let mut left = of_runs(&story).len();
        let rows = story.lake.row_count();
        let orphaned: Vec<usize> = (0..20)
            .filter(|at| story.lake.open().get(&story.names[*at]).is_some_and(|run| of_runs(&story).contains(run)))
            .collect();
        for at in orphaned {
            let alone = story.call(&[at]);
            let requests = story.lake.world.requests;
            assert_eq!(Caller::new(&mut story.lake, &alone).finish(&mut story.lake), Ok(()));
            left -= 1;
            assert_eq!(of_runs(&story).len(), left, "the rows of one account have their events");
            assert!(story.lake.world.requests > requests);
        }
        assert!(story.lake.row_count() >= rows);
        story.conclude();
    }
}

/// What ends all runs comes while the next ones are planned. Those do not begin, and nobody waits for them.
#[test]
fn an_error_that_ends_all_runs_while_others_are_planned_ends_the_call() {
    for seed in 0..15 {
        for quota in 0..12 {
            let mut story = story(Case { seed, ..case(Engine::Refuses, 6, SMALL) }, 3);
            let wish = story.whole_call();
            let mut caller = Caller::new(&mut story.lake, &Wish { quota: Some(quota), ..wish });
            let outcome = caller.finish(&mut story.lake);
            assert_eq!(outcome.map_err(|error| error.class), Err(Class::Budget));
            story.lake.gone.push(caller.name);
            story.conclude();
        }
    }
}

/// The accounts of a call do not wait for one that never answers with its list.
#[test]
fn an_account_that_is_refused_ends_its_own_run_only() {
    for bounds in [SMALL, Bounds::default()] {
        let mut story = story(case(Engine::Skips, 12, bounds), 4);
        for (at, standing) in [(1, Standing::Refused), (5, Standing::Revoked), (11, Standing::Refused)] {
            let name = story.names[at].clone();
            story.lake.world.stand(&name, standing);
        }
        let all = story.whole_call();
        let mut caller = Caller::new(&mut story.lake, &all);
        assert_eq!(caller.finish(&mut story.lake), Ok(()));
        let errors: Vec<_> =
            caller.endings.values().filter_map(|ending| ending.error.as_ref()).map(|e| e.class).collect();
        assert_eq!(errors.len(), 3, "{errors:?}");
        assert_eq!(caller.endings.values().filter(|ending| ending.is_complete).count(), 9);
        story.lake.gone.push(caller.name);
        story.heal();
        story.conclude();
    }
}

/// A network that is down is down for all accounts; but one that is silent while others are answered concerns itself.
#[test]
fn an_account_that_is_never_answered_in_time_ends_its_own_run_only() {
    for (silent, ended) in [(vec![3], 1), (vec![1, 6], 2), ((0..12).collect(), 12)] {
        let mut story = story(case(Engine::Skips, 12, Bounds::default()), 4);
        for at in &silent {
            let name = story.names[*at].clone();
            story.lake.world.stand(&name, Standing::Silent);
        }
        let all = story.whole_call();
        let options = Options { max_retries: 3, ..all.options.clone() };
        let mut caller = Caller::new(&mut story.lake, &Wish { options, ..all });
        let outcome = caller.finish(&mut story.lake).map_err(|error| error.class);
        assert_eq!(outcome, if ended == 12 { Err(Class::Connection) } else { Ok(()) }, "{silent:?}");
        let failed = caller.endings.values().filter(|ending| ending.error.is_some()).count();
        let complete = caller.endings.values().filter(|ending| ending.is_complete).count();
        assert_eq!((failed, complete), (ended, 12 - ended));
        story.lake.gone.push(caller.name);
        story.heal();
        story.conclude();
    }
}
