//! A walk by itself, over a window with both ends: it knows no run, no event and no table.

use std::time::Duration;

use stripe_raw_rs::page::Decoder;
use stripe_raw_rs::stripe::exchange::{Now, Outcome, Request};
use stripe_raw_rs::stripe::window::Range;
use stripe_raw_rs::walk::coverage::remaining;
use stripe_raw_rs::walk::{Remaining, Walk};

use crate::reader::{TODAY, page, setting};

const NOW: Now = Now { monotonic: Duration::ZERO, wall_micros: TODAY * 1_000_000 };

/// One object for each second of the last hundred, newest first, by id and age.
fn objects() -> Vec<(String, i64)> {
    (0..100).map(|age| (format!("ch_{age}"), age)).collect()
}

/// Serves a page of two as Stripe does: within the bounds of the request, behind its cursor.
fn serve(request: &Request) -> Outcome {
    let value = |name: &str| request.query.iter().find(|(found, _)| *found == name).map(|(_, value)| value.clone());
    let bound = |name: &str| value(name).map(|text| text.parse::<i64>().unwrap());
    let (gte, lt, cursor) = (bound("created[gte]"), bound("created[lt]"), value("starting_after"));
    let mut objects = objects();
    if let Some(cursor) = cursor {
        objects.drain(..=objects.iter().position(|(id, _)| *id == cursor).unwrap());
    }
    let is_inside = |age: i64| gte.is_none_or(|gte| TODAY - age >= gte) && lt.is_none_or(|lt| TODAY - age < lt);
    objects.retain(|(_, age)| is_inside(*age));
    let found: Vec<(&str, i64)> = objects.iter().take(2).map(|(id, age)| (id.as_str(), *age)).collect();
    page(&found, objects.len() > 2)
}

#[test]
fn a_walk_reads_the_objects_of_its_window_and_no_others_with_one_slot_or_many() {
    let window = Range { gte: Some(TODAY - 60), lt: Some(TODAY - 20) };
    for slots in [1, 4, 16] {
        let setting = setting("charges");
        let mut walk = Walk::new(setting.scope, None, setting.options);
        assert!(walk.poll_request(NOW).is_none(), "it asks for nothing before it is opened");
        let chains = remaining(window, vec![]).unwrap();
        walk.open(Remaining { chains, ..Remaining::default() }, NOW);
        let (mut in_flight, mut ids) = (Vec::new(), Vec::new());
        while !walk.has_read_all() {
            while in_flight.len() < slots
                && let Some((ticket, request)) = walk.poll_request(NOW)
            {
                in_flight.push((ticket, serve(&request)));
            }
            let (ticket, outcome) = in_flight.remove(0);
            let (received, _) = walk.reader().read(outcome, &mut Decoder::default());
            walk.handle_response(ticket, received, NOW, 0.0);
            for fetched in walk.take_pages(walk.pages().len()) {
                assert!(fetched.facts.range.is_within(window), "{:?}", fetched.facts);
                ids.extend(fetched.page.ids.iter().flatten().map(str::to_owned));
            }
        }
        assert_eq!(walk.error(), None);
        ids.sort_by_key(|id| id[3..].parse::<i64>().unwrap());
        let expected: Vec<String> = (21..=60).map(|age| format!("ch_{age}")).collect();
        assert_eq!(ids, expected, "with {slots} slots");
    }
}
