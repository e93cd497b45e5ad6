//! Runs that join, end and are taken over between the steps of other processes.

use std::time::Duration;

use stripe_raw_rs::checkpoint::GiveUp;
use stripe_raw_rs::options::Options;
use stripe_raw_rs::run::Bounds;

use super::stories::{SMALL, case, story};
use super::{Caller, Case, Wish};
use crate::world::Engine;

/// The process has nothing to go on with but a run that its owner has ended meanwhile. It begins nothing then, because
/// nobody would see that it may; its accounts get their attempt afterwards.
#[test]
fn an_attempt_whose_only_run_turns_out_to_be_over_leaves_its_accounts_to_the_next_one() {
    for engine in [Engine::Refuses, Engine::Skips] {
        let mut story = story(case(engine, 3, SMALL), 5);
        let first = story.call(&[0]);
        let mut first = Caller::new(&mut story.lake, &first);
        while story.lake.open().is_empty() {
            first.step(&mut story.lake);
        }
        let second = story.call(&[1, 2]);
        let mut second = Caller::new(&mut story.lake, &second);
        while !second.is_planned() {
            second.step(&mut story.lake);
        }
        assert_eq!(first.finish(&mut story.lake), Ok(()));
        assert_eq!(second.finish(&mut story.lake), Ok(()));
        assert_eq!(second.attempts, 2);
        assert!(second.endings.values().filter(|ending| ending.is_complete).count() == 2, "{:?}", second.endings);
        story.conclude();
    }
}

/// One process works, another reads the tables, the first goes on for some steps, and then the other: at each place, and
/// with each pause. A third has read, too, and comes last.
#[test]
fn processes_that_read_between_any_two_steps_of_another_begin_no_second_run() {
    for seed in 0..14 {
        let engine = if seed % 2 == 0 { Engine::Skips } else { Engine::Refuses };
        let has_faults = seed > 2;
        for steps in 0.. {
            let mut is_over = false;
            for pause in [1, 2, 4] {
                let mut story = story(Case { seed, interval: Duration::ZERO, ..case(engine, 3, SMALL) }, 3);
                let (all, others) = (story.call(&[0, 1, 2]), story.call(&[1, 2]));
                let max_retries = if has_faults { 0 } else { 1_000 };
                let options = Options { max_retries, ..story.options() };
                let mut first = Caller::new(&mut story.lake, &Wish { options, ..all });
                if has_faults {
                    let own = story.names[0].clone();
                    story.lake.world.accounts.get_mut(&own).unwrap().list.clear();
                }
                let faults = if has_faults { 4 } else { 0 };
                story.lake.world.faults = faults;
                let (mut second, mut third) =
                    (Caller::new(&mut story.lake, &others), Caller::new(&mut story.lake, &others));
                (0..steps).for_each(|_| first.step(&mut story.lake));
                is_over = first.outcome().is_some();
                (0..3).for_each(|_| second.step(&mut story.lake));
                story.lake.world.faults = faults;
                (0..pause).for_each(|_| first.step(&mut story.lake));
                story.lake.world.faults = 0;
                (0..pause).for_each(|_| second.step(&mut story.lake));
                (0..3).for_each(|_| third.step(&mut story.lake));
                for mut caller in [second, third, first] {
                    // Some are fenced.
                    let _ = caller.finish(&mut story.lake);
                    story.lake.gone.push(caller.name);
                }
                story.conclude();
            }
            if is_over {
                break;
            }
        }
    }
}

/// The other account's run joins behind the plan. So the attempt has one run only, and goes on to number its commits as
/// one of many. The same if it gives that run up: the other account has completed one before.
#[test]
fn an_account_whose_run_has_joined_since_the_plan_is_left_to_the_next_attempt() {
    for gives_up in [None, Some(GiveUp::Restart)] {
        let mut reached = 0;
        for seed in 0..30 {
            let engine = if seed % 2 == 0 { Engine::Refuses } else { Engine::Skips };
            let mut story = story(Case { seed, ..case(engine, 2, SMALL) }, 2);
            let both = story.call(&[0, 1]);
            assert!(story.killed(&both, 100_000));
            for name in story.names.clone() {
                (0..15).for_each(|_| story.lake.world.create_in(&name, 0));
            }
            let mut first = Caller::new(&mut story.lake, &both);
            while story.lake.open().is_empty() {
                first.step(&mut story.lake);
            }
            let mut second = Caller::new(&mut story.lake, &Wish { gives_up, ..both.clone() });
            while !second.is_planned() {
                second.step(&mut story.lake);
            }
            let had = story.lake.open().len();
            while story.lake.open().len() == had && first.outcome().is_none() {
                first.step(&mut story.lake);
            }
            reached += usize::from((had, story.lake.open().len()) == (1, 2));
            assert_eq!(second.finish(&mut story.lake), Ok(()));
            story.lake.gone.extend([first.name, second.name]);
            story.conclude();
        }
        assert!(reached > 8, "{reached} histories reach the case");
    }
}

/// Of two runs that an attempt goes on with, one turns out to be over. Nobody sees that one go on, so the end of the other
/// waits until a third has joined.
#[test]
fn a_run_that_is_over_does_not_stand_for_those_that_are_to_join() {
    let mut reached = 0;
    for seed in 0..60 {
        let engine = if seed % 2 == 0 { Engine::Refuses } else { Engine::Skips };
        let interval = Duration::from_millis(20 * (seed % 5));
        let mut story = story(Case { seed, interval, has_own: false, ..case(engine, 3, Bounds::default()) }, 2);
        let name = story.names[0].clone();
        (0..8 + i64::try_from(seed % 7).unwrap()).for_each(|age| story.lake.world.create_in(&name, age));
        let short = story.names[1].clone();
        story.lake.world.accounts.get_mut(&short).unwrap().list.truncate(3);
        let (some, all) = (story.call(&[0, 1]), story.call(&[0, 1, 2]));
        let mut first = Caller::new(&mut story.lake, &some);
        while story.lake.open().len() < 2 && first.outcome().is_none() {
            first.step(&mut story.lake);
        }
        let mut second = Caller::new(&mut story.lake, &Wish { width: 1, ..all });
        while !second.is_planned() && second.outcome().is_none() && story.lake.open().len() == 2 {
            second.step(&mut story.lake);
        }
        while story.lake.open().len() == 2 {
            first.step(&mut story.lake);
        }
        story.lake.gone.push(first.name);
        reached += usize::from(second.is_planned() && story.lake.open().contains_key(&name));
        while story.lake.open().contains_key(&name) && second.outcome().is_none() {
            second.step(&mut story.lake);
        }
        let third = story.call(&[1, 2]);
        let mut third = Caller::new(&mut story.lake, &third);
        (0..3).for_each(|_| third.step(&mut story.lake));
        while story.lake.open().is_empty() && second.outcome().is_none() {
            second.step(&mut story.lake);
        }
        for mut caller in [third, second] {
            let _ = caller.finish(&mut story.lake);
            story.lake.gone.push(caller.name);
        }
        story.conclude();
    }
    assert!(reached > 10, "{reached} histories reach the case");
}

/// The account had no run when the attempt was planned, so there was nothing to give up.
#[test]
fn an_account_whose_first_run_is_complete_since_the_plan_is_not_given_up() {
    let mut reached = 0;
    for seed in 0..30 {
        let engine = if seed % 2 == 0 { Engine::Refuses } else { Engine::Skips };
        let mut story = story(Case { seed, ..case(engine, 2, SMALL) }, 1);
        let (long, short) = (story.names[0].clone(), story.names[1].clone());
        (0..20).for_each(|age| story.lake.world.create_in(&long, age));
        let both = story.call(&[0, 1]);
        let mut first = Caller::new(&mut story.lake, &both);
        while story.lake.open().is_empty() {
            first.step(&mut story.lake);
        }
        let mut second = Caller::new(&mut story.lake, &Wish { gives_up: Some(GiveUp::Scratch), ..both.clone() });
        while !second.is_planned() {
            second.step(&mut story.lake);
        }
        let is_new = !story.lake.started.contains_key(&short);
        while !story.lake.completed.contains_key(&short) && story.lake.open().contains_key(&long) {
            first.step(&mut story.lake);
        }
        reached += usize::from(is_new && story.lake.open().contains_key(&long));
        assert_eq!(second.finish(&mut story.lake), Ok(()));
        story.lake.gone.extend([first.name, second.name]);
    }
    assert!(reached > 5, "{reached} histories reach the case");
}
