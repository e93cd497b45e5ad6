//! Readings in the list's order: parts are read at the same time, and older ones wait in bounded memory.

#![expect(clippy::cast_precision_loss, reason = "small numbers")]

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::time::Duration;

use proptest::prelude::*;
use stripe_raw_rs::options::Options;
use stripe_raw_rs::page::Decoder;
use stripe_raw_rs::stripe::exchange::{Now, Outcome};
use stripe_raw_rs::stripe::scope::Scope;
use stripe_raw_rs::stripe::window::Range;
use stripe_raw_rs::walk::coverage::Chain;
use stripe_raw_rs::walk::{Remaining, Walk};

use crate::list::{Chance, List, PAGE, SHAPES, Shape, TODAY};

/// How a list is read.
#[derive(Debug, Clone, Copy)]
struct Reading {
    /// Bytes that wait at most.
    most_bytes: usize,
    /// Requests at once.
    slots: usize,
    /// Seconds that an answer takes, at least and beyond that.
    latency: (f64, f64),
    /// The chance that a caller who could take a page does.
    haste: f64,
}

/// What has become of a reading.
struct Read {
    ids: Vec<String>,
    requests: usize,
    parts: usize,
    /// The most bytes that waited.
    waited: usize,
    took: Duration,
}

fn now(at: Duration) -> Now {
    Now { monotonic: at, wall_micros: TODAY * 1_000_000 + i64::try_from(at.as_micros()).unwrap() }
}

fn read(list: &mut List, how: Reading, window: Range, chance: &mut Chance) -> Read {
    let mut walk = Walk::new(Scope { entity: list.entity, account: None }, None, Options::default());
    walk.read_in_order(how.most_bytes);
    let chains = vec![Chain { range: window, ..Chain::default() }];
    walk.open(Remaining { chains, ..Remaining::default() }, now(Duration::ZERO));
    let (mut ids, mut waited, mut at, mut decoder) = (Vec::new(), 0, Duration::ZERO, Decoder::default());
    let (mut in_flight, mut answers, mut parts) = (BinaryHeap::new(), HashMap::new(), HashSet::new());
    loop {
        while in_flight.len() < how.slots
            && let Some((ticket, request)) = walk.poll_request(now(at))
        {
            parts.insert(request.query.iter().find(|(name, _)| *name == "created[lt]").cloned());
            let takes = Duration::from_secs_f64(how.latency.0 + how.latency.1 * chance.unit());
            in_flight.push(Reverse((at + takes, list.requests)));
            answers.insert(list.requests, (ticket, list.serve(&request)));
        }
        let Some(Reverse((next, number))) = in_flight.pop() else {
            // Nothing comes any more until pages are taken, or all are there.
            match walk.take_newest() {
                Some(page) => ids.extend(page.page.ids.iter().flatten().map(str::to_owned)),
                None if walk.has_read_all() => break,
                None => panic!("it neither asks nor gives out: {walk:?}"),
            }
            continue;
        };
        at = at.max(next);
        let (ticket, response) = answers.remove(&number).unwrap();
        let (received, _) = walk.reader().read(Outcome::Answered(response), &mut decoder);
        walk.handle_response(ticket, received, now(at), 0.5);
        assert_eq!(walk.error(), None);
        waited = waited.max(walk.waiting_bytes());
        while chance.unit() < how.haste
            && let Some(page) = walk.take_newest()
        {
            ids.extend(page.page.ids.iter().flatten().map(str::to_owned));
        }
    }
    Read { ids, requests: list.requests, parts: parts.len(), waited, took: at }
}

/// Ids of the objects in a window, newest first.
fn expected(list: &List, window: Range) -> Vec<String> {
    let count = list.created.len();
    let is_inside = |at: &i64| window.gte.is_none_or(|gte| *at >= gte) && window.lt.is_none_or(|lt| *at < lt);
    let inside = list.created.iter().enumerate().filter(|(_, at)| is_inside(at));
    inside.map(|(place, _)| format!("ch_{}", count - 1 - place)).collect()
}

/// The memory of a full page of these lists.
const PAGE_BYTES: usize = (20 << 10) + 70 * PAGE;

fn any_reading() -> impl Strategy<Value = Reading> {
    let latency = (0.01f64..1.0, 0.0f64..1.0);
    (1usize..200, 1usize..70, latency, 0.1f64..1.01).prop_map(|(pages, slots, latency, haste)| Reading {
        most_bytes: pages * PAGE_BYTES,
        slots,
        latency,
        haste,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_list_comes_newest_first_each_object_once_in_bounded_memory(
        seed in any::<u64>(),
        shape in prop::sample::select(SHAPES.to_vec()),
        objects in 0usize..20_000,
        how in any_reading(),
        window in (prop::option::of(0i64..100), prop::option::of(0i64..100)),
    ) {
        let chance = &mut Chance::new(seed);
        let mut list = List::new("charges", shape, objects, chance);
        let percent = |share: i64| 1_577_836_800 + (TODAY - 1_577_836_800) / 100 * share;
        let window = Range { gte: window.0.map(percent), lt: window.1.map(percent) };
        prop_assume!(!window.is_empty());
        let read = read(&mut list, how, window, chance);
        let expected = expected(&list, window);
        let pages = expected.len().div_ceil(PAGE).max(1);
        prop_assert!(read.ids == expected, "{} of {} objects, or another order", read.ids.len(), expected.len());
        prop_assert!(read.waited <= how.most_bytes + 2 * PAGE_BYTES, "{} of {} bytes", read.waited, how.most_bytes);
        // Each part ends with a page of its own; if that one is full, the part is asked once more.
        let most = pages + 2 * read.parts;
        prop_assert!(read.requests <= most, "{} for {pages} pages in {} parts", read.requests, read.parts);
    }

    #[test]
    fn odd_objects_come_once_and_in_their_place(
        seed in any::<u64>(),
        shape in prop::sample::select(SHAPES.to_vec()),
        objects in 0usize..4_000,
        odd in 15u64..200,
        how in any_reading(),
    ) {
        let chance = &mut Chance::new(seed);
        let mut list = List::new("charges", shape, objects, chance);
        list.odd = odd;
        let read = read(&mut list, how, Range::default(), chance);
        let numbers: Vec<usize> = read.ids.iter().map(|id| id[3..].parse().unwrap()).collect();
        prop_assert!(numbers.is_sorted_by(|one, next| one > next), "{numbers:?}");
        prop_assert_eq!(numbers.len(), list.rows());
    }
}

/// A slow line has twelve requests at once at Stripe's rate; a usual one has three.
#[test]
fn a_list_is_read_nearly_as_fast_as_its_slots_allow_and_costs_few_more_requests_than_pages() {
    for shape in SHAPES {
        for slots in [3, 12] {
            let mut list = List::new("charges", shape, 200_000, &mut Chance::new(7));
            let how = Reading { most_bytes: 200 * PAGE_BYTES, slots, latency: (0.45, 0.3), haste: 2.0 };
            let read = read(&mut list, how, Range::default(), &mut Chance::new(8));
            let pages = 200_000 / PAGE;
            let ideal = pages as f64 * 0.6 / slots as f64;
            let (time, requests) = (read.took.as_secs_f64() / ideal, read.requests as f64 / pages as f64);
            println!("{shape:?}, {slots} slots: {time:.2} of the ideal time, {requests:.3} of the pages");
            assert!(requests <= 1.25, "{shape:?}: {requests:.3} requests a page");
            // One second of a list can only be read page by page.
            assert!(time <= 2.0 || shape == Shape::HotSecond, "{shape:?}: {time:.2} of the ideal time");
        }
    }
}
