//! Backfills in simulated time: the machine and the limiter against lists of any shape, at Stripe's limits. Every object
//! lands exactly once, in about as many requests as there are pages, in about the time that the limits allow.

#![expect(clippy::cast_precision_loss, reason = "small numbers")]

mod ahead;
mod clock;
mod list;

use std::time::Duration;

use clock::{Reader, STRIPE, World};
use list::{Chance, List, SHAPES, Shape};
use proptest::prelude::*;

/// Seconds that an answer takes, on a usual line and on a slow one.
const USUAL: f64 = 0.12;
const SLOW: f64 = 0.6;

fn backfill(lists: &[(&str, Shape, usize)], latency: f64, seed: u64) -> World {
    let mut chance = Chance::new(seed);
    let lists = lists.iter().map(|(entity, shape, objects)| List::new(entity, *shape, *objects, &mut chance));
    let readers = lists.map(|list| Reader::new(list, vec![], vec![], Duration::ZERO)).collect();
    let mut world = World::new(readers, latency, seed);
    world.run();
    world.readers.iter().for_each(Reader::check_whole);
    world
}

/// The time divided by the time that the limits alone would take, and the requests divided by the pages.
fn cost(world: &World) -> (f64, f64) {
    let pages: Vec<f64> = world.readers.iter().map(|reader| reader.pages() as f64).collect();
    let asked: usize = world.readers.iter().map(|reader| reader.list.requests).sum();
    let all: f64 = pages.iter().sum();
    let longest = pages.iter().copied().fold(0.0, f64::max) / STRIPE.endpoint;
    (world.at.as_secs_f64() / longest.max(all / STRIPE.overall), asked as f64 / all)
}

fn check(shape: Shape, (time, requests): (f64, f64), most_time: f64, most_requests: f64) {
    println!("{shape:?}: {time:.3} of the ideal time, {requests:.3} of the pages");
    assert!(requests <= most_requests, "{shape:?}: {requests:.3} requests a page");
    // One second of a list can only be read page by page, and that takes its time.
    assert!(time <= most_time || shape == Shape::HotSecond, "{shape:?}: {time:.3} of the ideal time");
}

#[test]
fn a_long_list_takes_five_per_cent_more_than_its_limit_at_most() {
    for shape in SHAPES {
        check(shape, cost(&backfill(&[("charges", shape, 200_000)], USUAL, 7)), 1.05, 1.03);
    }
}

#[test]
fn five_lists_share_the_limit_and_end_together() {
    const LISTS: [&str; 5] = ["charges", "refunds", "invoices", "payment_intents", "balance_transactions"];
    for shape in SHAPES {
        check(shape, cost(&backfill(&LISTS.map(|entity| (entity, shape, 20_000)), USUAL, 7)), 1.15, 1.16);
    }
}

#[test]
fn a_slow_line_gets_more_requests_at_once() {
    for shape in SHAPES {
        check(shape, cost(&backfill(&[("charges", shape, 200_000)], SLOW, 7)), 1.2, 1.07);
    }
}

#[test]
fn a_small_account_is_not_asked_for_objects_that_it_does_not_have() {
    for shape in SHAPES {
        for (objects, most) in
            [(0, 1), (50, 1), (99, 1), (100, 2), (150, 5), (250, 6), (500, 11), (1_000, 20), (10_000, 120)]
        {
            let asked = backfill(&[("charges", shape, objects)], USUAL, 7).sent.len();
            assert!(asked <= most, "{shape:?}: {asked} requests for {objects} objects");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any shape costs a request for each page, and at most one more for each part that the list was read in.
    #[test]
    fn any_backfill_costs_a_request_for_each_page_and_each_part(
        seed in any::<u64>(),
        shape in prop::sample::select(SHAPES.to_vec()),
        objects in 0usize..8_000,
        latency in 0.01f64..1.5,
    ) {
        let world = backfill(&[("charges", shape, objects)], latency, seed);
        let reader = &world.readers[0];
        let (pages, parts) = (reader.pages(), reader.ranges.len());
        prop_assert!(world.sent.len() <= pages + parts, "{} for {pages} pages in {parts} parts", world.sent.len());
    }

    /// If objects are odd in many ways, each that can be a row lands once, wherever it is and whenever a kill came.
    #[test]
    fn any_backfill_of_odd_objects_is_whole(
        seed in any::<u64>(),
        shape in prop::sample::select(SHAPES.to_vec()),
        objects in 0usize..4_000,
        odd in 15u64..200,
        kill in 1usize..60,
    ) {
        let mut list = List::new("charges", shape, objects, &mut Chance::new(seed));
        list.odd = odd;
        let mut world = World::new(vec![Reader::new(list, vec![], vec![], Duration::ZERO)], USUAL, seed);
        world.until = kill;
        world.run();
        let Reader { list, events, rows, .. } = world.readers.pop().unwrap();
        let mut world = World::new(vec![Reader::new(list, events, rows, world.at)], USUAL, seed ^ 1);
        world.run();
        world.readers[0].check_whole();
    }

    /// A backfill is killed at any request and begun again. Every object lands once, and at most the pages that were in
    /// flight or not yet committed are read again.
    #[test]
    fn any_killed_backfill_goes_on_where_it_was(
        seed in any::<u64>(),
        shape in prop::sample::select(SHAPES.to_vec()),
        objects in 0usize..8_000,
        latency in 0.01f64..1.5,
        kill in 1usize..80,
    ) {
        let list = List::new("charges", shape, objects, &mut Chance::new(seed));
        let reader = Reader::new(list, vec![], vec![], Duration::ZERO);
        let mut world = World::new(vec![reader], latency, seed);
        world.until = kill;
        world.run();
        let Reader { list, events, rows, ranges: begun, run, .. } = world.readers.pop().unwrap();
        let committed = rows.len();
        let received = usize::try_from(run.progress().pages).unwrap();
        let (lost, waiting) = (list.requests - received, received - committed);
        let heir = Reader::new(list, events, rows, world.at);
        let mut world = World::new(vec![heir], latency, seed ^ 1);
        world.run();
        let heir = &world.readers[0];
        heir.check_whole();
        let parts = begun.union(&heir.ranges).count();
        let most = heir.pages() + 2 * parts + lost + waiting;
        prop_assert!(heir.list.requests <= most, "{} requests, {most} expected", heir.list.requests);
    }
}
