//! The machine against a simulated Stripe, tables and clock: thousands of histories with crashes at any step, objects
//! that arrive and vanish, failing requests and rival processes. After each history a clean run must leave every object
//! landed, once a run, and the audit must find nothing.

mod accounts;
mod changes;
mod world;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use proptest::prelude::*;
use stripe_raw_rs::checkpoint::{Event, GiveUp, Kind, events_of};
use stripe_raw_rs::error::{Class, Remedy};
use stripe_raw_rs::options::Options;
use stripe_raw_rs::run::audit::Audit;
use world::{Engine, Process, World};

fn options(page_size: u32, commit_interval: Duration) -> Options {
    Options { page_size, commit_interval, max_retries: 1_000, lookback_seconds: 60, ..Options::default() }
}

/// Checks the promises after a history: nothing is lost, nothing is twice in a run, and the audit agrees.
fn check(world: &World) {
    let mut times: HashMap<(String, String), usize> = HashMap::new();
    for landed in world.landed() {
        *times.entry(landed).or_default() += 1;
    }
    let twice: Vec<_> = times.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "twice in a run: {twice:?}");
    let ids: HashSet<&String> = times.keys().map(|(id, _)| id).collect();
    let (strays, objects): (Vec<_>, Vec<_>) = world.list.iter().partition(|object| object.is_stray);
    let lost: Vec<_> = objects.into_iter().filter(|object| !ids.contains(&object.id)).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    let events: Vec<_> = world.checkpoints.batches.iter().flat_map(|batch| events_of(batch).unwrap()).collect();
    check_states(world, &events);
    let refused: Vec<_> = events.iter().filter_map(|event| event.kind.refused().map(str::to_owned)).collect();
    for stray in strays {
        assert!(refused.iter().any(|line| line.contains(&stray.id)), "no event names {stray:?}: {refused:?}");
    }
    let mut audit = Audit::new(world.entity.name);
    world.checkpoints.batches.iter().for_each(|batch| audit.add_events(batch).unwrap());
    world.raw.batches.iter().for_each(|batch| audit.add_rows(batch).unwrap());
    let findings = audit.finish();
    assert!(findings.is_empty(), "{findings:#?}");
}

/// Checks that each object of the last window has landed in its present state, and that no state has landed twice in a
/// row.
fn check_states(world: &World, events: &[Event]) {
    let last = events.iter().filter(|event| event.kind == Kind::Completed).max_by_key(|event| event.epoch);
    let (start, states) = (last.and_then(|event| event.start_created_gte), world.states());
    for object in world.list.iter().filter(|object| Some(object.created) >= start && !object.is_stray) {
        let landed = &states[&object.id];
        assert_eq!(landed.last(), Some(&object.state), "{object:?} landed as {landed:?}");
    }
    let gave_up = events.iter().any(|event| event.kind.gives_up());
    // Nobody knows where in the list an object without a time is: it lands with each run that reads it.
    let is_dated = world.entity.window.has_start() && world.undated == 0;
    for (id, landed) in states.iter().filter(|_| is_dated && !gave_up) {
        assert!(landed.windows(2).all(|pair| pair[0] != pair[1]), "{id} landed without a change: {landed:?}");
    }
}

/// Fills the list: bursts of objects, many in one second.
fn populate(world: &mut World, objects: u64) {
    for _ in 0..objects {
        let age = 1 + i64::try_from(world.chance.below(objects / 3 + 1)).unwrap();
        world.create(age * 50);
    }
}

fn stir(world: &mut World) {
    if world.chance.one_in(6) {
        world.create(0);
    }
    if world.chance.one_in(4) {
        let at = usize::try_from(world.chance.below(6)).unwrap();
        world.change(at);
    }
    if world.chance.one_in(10) {
        let at = usize::try_from(world.chance.below(world.list.len() as u64 + 1)).unwrap();
        world.delete(at);
    }
}

/// The clocks jump by up to a month, forward or back; the monotonic one never does.
fn jump(world: &mut World) {
    const MONTH: i64 = 30 * 86_400;
    let mut far = || i64::try_from(world.chance.below(2 * MONTH.unsigned_abs())).unwrap() - MONTH;
    let (wrong_by, date_wrong_by) = (far(), far());
    if world.chance.one_in(3) {
        world.wrong_by = wrong_by;
    }
    if world.chance.one_in(3) {
        world.date_wrong_by = (!world.chance.one_in(3)).then_some(date_wrong_by);
    }
}

/// Three processes, each taking over from the others, in an interleaving that follows from the world's seed.
fn contend(world: &mut World, options: &Options, widths: [usize; 3]) -> Vec<Process> {
    let mut rivals: Vec<Process> =
        (0..3).map(|number| Process::new(&format!("rival {number}"), options).asking(widths[number])).collect();
    for _ in 0..300 {
        let which = usize::try_from(world.chance.below(3)).unwrap();
        // Bursts, so that a rival gets far enough to write before another takes over.
        for _ in 0..=world.chance.below(20) {
            rivals[which].step(world);
        }
        stir(world);
    }
    rivals
}

#[test]
fn one_run_reads_each_page_once() {
    for objects in [0, 1, 9, 10, 11, 100, 101] {
        let mut world = World::new("charges", 7, Engine::Refuses);
        populate(&mut world, objects);
        let (outcome, _) = Process::new("a", &options(10, Duration::ZERO)).finish(&mut world);
        assert_eq!(outcome, Ok(()));
        check(&world);
        let pages = usize::try_from(objects.div_ceil(10)).unwrap();
        // An empty list costs one request, and so does the confirmation that a full last page is the last.
        let confirmation = usize::from(objects % 10 == 0);
        assert_eq!(world.requests, pages + confirmation, "{objects} objects");
    }
}

#[test]
fn a_small_incremental_run_is_one_request() {
    for entity in ["charges", "quotes", "payment_records"] {
        let mut world = World::new(entity, 7, Engine::Refuses);
        populate(&mut world, 50);
        Process::new("a", &options(10, Duration::ZERO)).finish(&mut world).0.unwrap();
        let before = world.requests;
        world.clock += Duration::from_secs(1_000);
        world.create(0);
        Process::new("b", &options(10, Duration::ZERO)).finish(&mut world).0.unwrap();
        assert_eq!(world.requests - before, 1, "{entity}");
        check(&world);
    }
}

#[test]
fn changed_objects_of_the_days_that_are_listed_again_land_and_others_do_not() {
    for entity in ["charges", "quotes", "payment_records"] {
        let mut world = World::new(entity, 7, Engine::Refuses);
        populate(&mut world, 1_000);
        let options = Options { relist_days: 30, ..options(10, Duration::ZERO) };
        Process::new("a", &options).finish(&mut world).0.unwrap();
        let rows = world.landed().len();
        world.clock += Duration::from_secs(20 * 86_400);
        for at in [0, 40, 999] {
            world.change(at);
        }
        Process::new("b", &options).finish(&mut world).0.unwrap();
        assert_eq!(world.landed().len(), rows + 3, "{entity}");
        check(&world);
        world.clock += Duration::from_secs(20 * 86_400);
        world.change(999);
        Process::new("c", &options).finish(&mut world).0.unwrap();
        let is_read_whole = entity == "quotes";
        assert_eq!(world.landed().len(), rows + 3 + usize::from(is_read_whole), "{entity}");
    }
}

#[test]
fn a_list_without_a_filter_is_read_whole_once_a_week() {
    let mut world = World::new("quotes", 7, Engine::Refuses);
    populate(&mut world, 50);
    let requests_of_a_run = |world: &mut World, days: u64| {
        world.clock += Duration::from_secs(days * 86_400);
        let before = world.requests;
        world.create(0);
        Process::new("a", &options(10, Duration::ZERO)).finish(world).0.unwrap();
        world.requests - before
    };
    // 51 objects are six pages of ten.
    assert_eq!(requests_of_a_run(&mut world, 0), 6);
    world.create(86_400 * 300);
    let late = world.list.iter().last().unwrap().id.clone();
    for (days, requests, is_found) in
        [(3, 1, false), (3, 1, false), (1, 6, true), (3, 1, true), (3, 1, true), (2, 6, true)]
    {
        assert_eq!(requests_of_a_run(&mut world, days), requests);
        assert_eq!(world.states().contains_key(&late), is_found);
    }
    check(&world);
}

#[test]
fn a_crash_between_any_two_effects_neither_loses_nor_doubles_an_object() {
    for (interval, width) in [(Duration::ZERO, 1), (Duration::from_millis(350), 1), (Duration::from_millis(350), 4)] {
        let mut steps = 0;
        loop {
            let mut world = World::new("charges", 3, Engine::Refuses);
            populate(&mut world, 23 * u64::try_from(width).unwrap());
            let mut victim = Process::new("victim", &options(5, interval)).asking(width);
            for _ in 0..steps {
                victim.step(&mut world);
            }
            let over = victim.outcome().is_some();
            let (outcome, _) = Process::new("heir", &options(5, interval)).asking(width).finish(&mut world);
            assert_eq!(outcome, Ok(()), "after {steps} steps");
            check(&world);
            if over {
                break;
            }
            steps += 1;
        }
        assert!(steps > 15, "{steps} crash points");
    }
}

#[test]
fn a_process_that_is_presumed_alive_is_not_disturbed() {
    let mut world = World::new("charges", 3, Engine::Refuses);
    populate(&mut world, 23);
    let options = options(5, Duration::ZERO);
    let mut first = Process::new("first", &options);
    (0..8).for_each(|_| first.step(&mut world));
    let (outcome, _) = Process::new("second", &options).patient().finish(&mut world);
    assert_eq!(outcome.unwrap_err().class, Class::Held);
    assert_eq!(first.finish(&mut world).0, Ok(()));
    check(&world);
}

/// After a clock went back, a sign of life lies in the future. Nobody can know whether its process lives, so the process
/// is presumed alive until that hour, which the message names. Anyone who knows better takes the run over.
#[test]
fn a_sign_of_life_from_the_future_holds_a_run_until_it_is_taken_over() {
    let mut world = World::new("charges", 3, Engine::Refuses);
    populate(&mut world, 23);
    let options = options(5, Duration::ZERO);
    world.wrong_by = 30 * 86_400;
    let mut first = Process::new("first", &options);
    (0..8).for_each(|_| first.step(&mut world));
    world.wrong_by = 0;
    let error = Process::new("second", &options).patient().finish(&mut world).0.unwrap_err();
    assert_eq!(error.class, Class::Held);
    assert!(
        error.message.contains("last sign of life 2023-12-14") && error.remedy == Some(Remedy::TakeOver),
        "{error}"
    );
    assert_eq!(Process::new("third", &options).finish(&mut world).0, Ok(()));
    check(&world);
}

#[test]
fn a_run_that_is_taken_over_without_a_word_notices_it_within_a_minute() {
    let mut world = World::new("charges", 3, Engine::Skips);
    populate(&mut world, 500);
    let options = options(5, Duration::ZERO);
    let mut first = Process::new("first", &options);
    (0..12).for_each(|_| first.step(&mut world));
    assert_eq!(Process::new("second", &options).finish(&mut world).0, Ok(()));
    world.clock += Duration::from_secs(60);
    let before = world.requests;
    assert_eq!(first.finish(&mut world).0.unwrap_err().class, Class::Fenced);
    assert!(world.requests - before <= 2, "{} requests in vain", world.requests - before);
    check(&world);
}

#[test]
fn a_run_can_be_given_up_and_a_lake_can_be_begun_from_scratch() {
    for how in [GiveUp::Restart, GiveUp::Scratch] {
        let mut world = World::new("charges", 5, Engine::Refuses);
        populate(&mut world, 23);
        let options = options(5, Duration::ZERO);
        Process::new("first", &options).finish(&mut world).0.unwrap();
        world.create(0);
        let mut second = Process::new("second", &options);
        (0..9).for_each(|_| second.step(&mut world));
        Process::new("third", &options).giving_up(how).finish(&mut world).0.unwrap();
        check(&world);
        let newest = world.landed().into_iter().last().unwrap().1;
        let rows = world.landed().iter().filter(|(_, run)| *run == newest).count();
        assert_eq!(rows == world.list.len(), how == GiveUp::Scratch, "{rows} rows");
    }
}

/// The event of a page without rows is the only trace of that page. An engine that skips without a word can drop this
/// event between a rival's two fences, while the rows of the next page still land. So the run must see such an event
/// before it goes on.
#[test]
fn without_looking_the_event_of_an_empty_page_can_be_lost() {
    let options = options(1, Duration::from_millis(400));
    let broken = (0..3_000).find(|seed| {
        let mut world = World::new("charges", *seed, Engine::Skips);
        world.looks = false;
        populate(&mut world, 17);
        contend(&mut world, &options, [1; 3]);
        let (outcome, _) = Process::new("last", &options).finish(&mut world);
        outcome.is_err_and(|error| error.class == Class::Table)
    });
    assert!(broken.is_some(), "no history reaches the case any more");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Crashes, arrivals, deletions and faults come in any order.
    #[test]
    fn any_history_of_crashes_ends_whole(
        seed in any::<u64>(),
        page_size in 1u32..7,
        grouped in any::<bool>(),
        skips in any::<bool>(),
        objects in 0u64..60,
        crashes in 0usize..6,
        width in 1usize..6,
        entity in prop::sample::select(vec!["charges", "accounts", "quotes", "payment_records"]),
        (undated, stray) in (0usize..4, 0usize..20),
    ) {
        let mut world = World::new(entity, seed, if skips { Engine::Skips } else { Engine::Refuses });
        (world.undated, world.stray) = (undated, stray);
        let options = options(page_size, if grouped { Duration::from_millis(400) } else { Duration::ZERO });
        populate(&mut world, objects);
        world.faults = 8;
        for number in 0..crashes {
            let mut process = Process::new(&format!("process {number}"), &options).asking(width);
            for _ in 0..world.chance.below(40) {
                process.step(&mut world);
                stir(&mut world);
            }
        }
        world.faults = 0;
        let (outcome, _) = Process::new("last", &options).asking(width).finish(&mut world);
        prop_assert_eq!(outcome, Ok(()));
        check(&world);
    }

    /// The wall clock and Stripe's clock jump by days between any two steps: in processes that crash, in one that does
    /// not, and between the runs.
    #[test]
    fn any_history_of_jumping_clocks_ends_whole(
        seed in any::<u64>(),
        page_size in 1u32..7,
        grouped in any::<bool>(),
        objects in 0u64..60,
        crashes in 0usize..4,
        width in 1usize..6,
        entity in prop::sample::select(vec!["charges", "accounts", "quotes", "payment_records"]),
    ) {
        let mut world = World::new(entity, seed, Engine::Refuses);
        let options = options(page_size, if grouped { Duration::from_millis(400) } else { Duration::ZERO });
        populate(&mut world, objects);
        for number in 0..=crashes {
            let mut process = Process::new(&format!("process {number}"), &options).asking(width);
            let most = if number == crashes { 100_000 } else { world.chance.below(40) };
            for _ in 0..most {
                if process.outcome().is_some() {
                    break;
                }
                process.step(&mut world);
                jump(&mut world);
                if number < crashes {
                    stir(&mut world);
                }
            }
            if number == crashes {
                prop_assert_eq!(process.outcome(), Some(&Ok(())));
            }
        }
        // An object that has arrived since is for the next process, whatever its clock says.
        world.create(0);
        let (outcome, _) = Process::new("last", &options).asking(width).finish(&mut world);
        prop_assert_eq!(outcome, Ok(()));
        check(&world);
    }

    /// Three processes work at once and take over from each other, in any interleaving.
    #[test]
    fn any_interleaving_of_rivals_ends_whole(
        seed in any::<u64>(),
        page_size in 1u32..5,
        grouped in any::<bool>(),
        skips in any::<bool>(),
        objects in 0u64..30,
        widths in prop::array::uniform3(1usize..5),
        (undated, stray) in (0usize..4, 0usize..20),
    ) {
        let mut world = World::new("charges", seed, if skips { Engine::Skips } else { Engine::Refuses });
        (world.undated, world.stray) = (undated, stray);
        let options = options(page_size, if grouped { Duration::from_millis(400) } else { Duration::ZERO });
        populate(&mut world, objects);
        let mut rivals = contend(&mut world, &options, widths);
        let (outcome, _) = Process::new("last", &options).finish(&mut world);
        prop_assert_eq!(outcome, Ok(()));
        check(&world);
        // A rival that was asleep wakes up when all is done, and none of its steps counts.
        for rival in &mut rivals {
            for _ in 0..3 {
                rival.step(&mut world);
            }
        }
        let (outcome, _) = Process::new("very last", &options).finish(&mut world);
        prop_assert_eq!(outcome, Ok(()));
        check(&world);
    }
}
