//! Changes of objects and the events that report them, as a client sees both.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use serde_json::value::RawValue;

use super::client::{END, by_id, compact, fixed_query, get, object, settings, start, walk, without_events};
use super::*;
use crate::stripe::entities::ENTITIES;
use crate::stripe::events::{self, Coverage, list_of};

const DAY: i64 = 86_400;

/// An account whose events belong to its objects, and whose clock stands still.
fn with_events() -> Settings {
    Settings { object_events: true, frozen_clock: true, ..settings() }
}

/// The object in an event, compact.
fn object_in(simulator: &StripeSimulator, event: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        data: Data<'a>,
    }
    #[derive(serde::Deserialize)]
    struct Data<'a> {
        #[serde(borrow)]
        object: &'a RawValue,
    }
    let bytes = simulator.object_bytes("events", event).unwrap().unwrap();
    let event: Event<'_> = serde_json::from_slice(&bytes).unwrap();
    compact(event.data.object.get().as_bytes())
}

fn event(simulator: &StripeSimulator, id: &str) -> Value {
    serde_json::from_slice(&simulator.object_bytes("events", id).unwrap().unwrap()).unwrap()
}

#[test]
fn a_change_is_in_the_list_in_the_answer_by_id_and_in_its_event() {
    let simulator = start(Settings { objects: 200, ..without_events() });
    for entity in ENTITIES.iter().filter(|entity| entity.name != "events") {
        let ids = simulator.ids(entity.name).unwrap();
        let before: Vec<String> = ids[..3].iter().map(|id| object(&simulator, entity.name, id)).collect();
        let told = simulator.change(entity.name, &ids[..2], None).unwrap();
        for id in &ids[..2] {
            assert_ne!(object(&simulator, entity.name, id), before[usize::from(*id == ids[1])], "{id} is the same");
        }
        assert_eq!(object(&simulator, entity.name, &ids[2]), before[2]);
        let answer = by_id(&simulator, entity.path, &ids[0]);
        assert_eq!((answer.status, compact(&answer.body)), (200, object(&simulator, entity.name, &ids[0])));
        let page = compact(&get(&simulator, &format!("{}?{}", entity.path, fixed_query(entity))).body);
        assert!(page.contains(&object(&simulator, entity.name, &ids[0])), "the list of {} differs", entity.name);
        let kind = events::of(entity).updated;
        assert_eq!(told.len(), if kind.is_some() { 2 } else { 0 }, "{}", entity.name);
        for (event_id, id) in told.iter().zip(&ids) {
            assert_eq!(object_in(&simulator, event_id), object(&simulator, entity.name, id));
            let event = event(&simulator, event_id);
            assert_eq!((event["type"].as_str(), event["created"].as_i64()), (kind, Some(END)));
            assert!(event["data"]["previous_attributes"].is_object(), "{event}");
        }
    }
    assert_eq!(walk(&simulator, "/v1/events?", 50), simulator.ids("events").unwrap());
}

#[test]
fn an_event_is_printed_as_stripe_prints_one() {
    let simulator = start(without_events());
    let ids = simulator.ids("refunds").unwrap();
    let told = simulator.change("refunds", &ids[..1], Some("charge.refund.updated")).unwrap();
    let text = String::from_utf8(by_id(&simulator, "/v1/events", &told[0]).body).unwrap();
    let start = format!(
        "{{\n  \"id\": \"{}\",\n  \"object\": \"event\",\n  \"api_version\": \"2026-11-18.endive\",\n  \"created\": \
         {END},\n  \"data\": {{\n    \"object\": {{\n      \"id\": \"{}\",\n",
        told[0], ids[0]
    );
    assert!(text.starts_with(&start), "{text}");
    let previous = "\n    },\n    \"previous_attributes\": {\n      \"metadata\": {\n        \"change\": null\n      }\n    }\n  },\n";
    assert!(text.contains(previous) && text.ends_with("\n  \"type\": \"charge.refund.updated\"\n}\n"), "{text}");
}

#[test]
fn an_event_keeps_the_state_of_its_moment() {
    let simulator = start(without_events());
    let id = simulator.ids("customers").unwrap()[0].clone();
    let mut states = vec![object(&simulator, "customers", &id)];
    // Three changes in one second, and one that a test made by hand.
    let mut told = simulator.change("customers", &vec![id.clone(); 3], None).unwrap();
    let given = format!("{{\"id\": \"{id}\", \"metadata\": {{\"change\": \"0\"}}, \"number\": 1.10}}");
    assert!(simulator.replace("customers", &id, given.clone().into_bytes()).unwrap());
    assert_eq!(object(&simulator, "customers", &id), compact(given.as_bytes()));
    told.extend(simulator.change("customers", std::slice::from_ref(&id), None).unwrap());
    states.extend(told.iter().map(|event| object_in(&simulator, event)));
    assert_eq!(states.iter().collect::<BTreeSet<_>>().len(), 5, "{states:?}");
    assert_eq!(states[4], object(&simulator, "customers", &id));
    let before: Vec<Value> = told
        .iter()
        .map(|id| event(&simulator, id)["data"]["previous_attributes"]["metadata"]["change"].clone())
        .collect();
    assert_eq!(before, [Value::Null, "1".into(), "2".into(), "0".into()]);
    let newest_first: Vec<String> = told.iter().rev().cloned().collect();
    assert_eq!(walk(&simulator, &format!("/v1/events?created={END}&"), 1), newest_first);
    assert!(!newest_first.is_sorted() || !told.is_sorted(), "ids are not in the order of time");
}

#[test]
fn what_has_no_event_changes_without_a_word() {
    let simulator = start(without_events());
    for name in ["balance_transactions", "file_links", "files", "invoiceitems", "shipping_rates"] {
        let ids = simulator.ids(name).unwrap();
        let before = object(&simulator, name, &ids[0]);
        assert!(simulator.change(name, &ids[..1], None).unwrap().is_empty());
        assert_ne!(object(&simulator, name, &ids[0]), before);
    }
    assert!(simulator.ids("events").unwrap().is_empty());
}

#[test]
fn a_change_that_is_not_possible_changes_nothing() {
    let simulator = start(settings());
    let ids = simulator.ids("charges").unwrap();
    let before = object(&simulator, "charges", &ids[0]);
    let of = |last: &str| vec![ids[0].clone(), last.to_owned()];
    assert!(simulator.change("charges", &of("ch_x"), None).unwrap_err().message.contains("'ch_x'"));
    assert!(simulator.change("charges", &of(&ids[1]), Some("refund.updated")).is_err());
    assert!(simulator.change("events", &simulator.ids("events").unwrap(), None).is_err());
    simulator.replace("charges", &ids[2], b"not JSON".to_vec()).unwrap();
    assert!(simulator.change("charges", &of(&ids[2]), None).unwrap_err().message.contains("nothing that can change"));
    assert_eq!(object(&simulator, "charges", &ids[0]), before);
    assert_eq!(simulator.ids("events").unwrap().len(), 36);
}

#[test]
fn the_event_of_a_deletion_has_the_object_as_it_was_last() {
    let simulator = start(without_events());
    for (name, kind) in [
        ("customers", Some("customer.deleted")),
        ("invoiceitems", Some("invoiceitem.deleted")),
        ("reviews", Some("review.closed")),
        ("radar_value_lists", None),
        ("subscriptions", None),
    ] {
        let id = simulator.ids(name).unwrap()[0].clone();
        simulator.change(name, std::slice::from_ref(&id), None).unwrap();
        let (last, events) = (object(&simulator, name, &id), simulator.ids("events").unwrap().len());
        assert!(simulator.delete(name, &id).unwrap() && !simulator.delete(name, &id).unwrap());
        let told = simulator.ids("events").unwrap();
        assert_eq!(told.len(), events + usize::from(kind.is_some()), "{name}");
        if let Some(kind) = kind {
            assert_eq!(
                (event(&simulator, &told[0])["type"].as_str(), object_in(&simulator, &told[0])),
                (Some(kind), last)
            );
            assert_eq!(event(&simulator, &told[0])["data"].get("previous_attributes"), None);
        }
    }
}

#[test]
fn at_the_start_the_events_are_those_of_the_objects_of_thirty_days() {
    let simulator = start(Settings { objects: 20_000, ..with_events() });
    let mut expected = BTreeSet::new();
    for entity in &ENTITIES {
        let Some(kind) = events::of(entity).created else { continue };
        let row = simulator.endpoints.accounts.platform.account.row(entity);
        let recent =
            row.list().newest_first().take_while(|placed| placed.created >= END - 30 * DAY).collect::<Vec<_>>();
        for placed in recent {
            let id = row.identifiers.id(placed.serial);
            expected.insert((placed.created, kind.to_owned(), object(&simulator, entity.name, &id)));
        }
    }
    let told = simulator.ids("events").unwrap();
    let found = told.iter().map(|id| {
        let event = event(&simulator, id);
        assert_eq!(Some(event["created"].as_i64().unwrap()), simulator.created("events", id).unwrap());
        (event["created"].as_i64().unwrap(), event["type"].as_str().unwrap().to_owned(), object_in(&simulator, id))
    });
    assert_eq!(found.collect::<BTreeSet<_>>(), expected);
    assert!(expected.len() > 300 && expected.len() == told.len(), "{} events", told.len());
    assert_eq!(walk(&simulator, "/v1/events?", 100), told);
}

#[test]
fn new_objects_have_events_only_if_that_is_switched_on() {
    let simulator = start(Settings { arrivals: 2, ..with_events() });
    let count = || simulator.ids("events").unwrap().len();
    let before = count();
    let added = simulator.add("charges", 3, None).unwrap();
    assert_eq!(count(), before + 3);
    let newest = simulator.ids("events").unwrap()[0].clone();
    assert_eq!(event(&simulator, &newest)["type"], "charge.succeeded");
    assert_eq!(object_in(&simulator, &newest), object(&simulator, "charges", &added[0]));
    simulator.add("balance_transactions", 3, None).unwrap();
    get(&simulator, "/v1/payouts");
    get(&simulator, "/v1/events");
    assert_eq!(count(), before + 5, "two payouts arrived, and no events of their own");
    assert!(simulator.add("events", 1, None).is_err());
    let silent = start(Settings { arrivals: 2, ..without_events() });
    silent.add("charges", 3, None).unwrap();
    get(&silent, "/v1/payouts");
    assert!(silent.ids("events").unwrap().is_empty());
}

#[test]
fn a_late_event_has_its_place_in_the_list_once_it_is_visible() {
    let simulator = start(Settings { event_delay: 15, ..without_events() });
    let charges = simulator.ids("charges").unwrap();
    let told = simulator.change("charges", &charges[..100], None).unwrap();
    let seen = walk(&simulator, "/v1/events?", 100);
    assert!((30..70).contains(&seen.len()) && seen == simulator.ids("events").unwrap(), "{} are seen", seen.len());
    let late = told.iter().find(|id| !seen.contains(id)).unwrap();
    assert_eq!(by_id(&simulator, "/v1/events", late).status, 404);
    assert_eq!(event(&simulator, late)["created"], END, "a test can look at it");
    simulator.advance(7).unwrap();
    let later = simulator.change("refunds", &simulator.ids("refunds").unwrap()[..1], None).unwrap();
    assert!(simulator.ids("events").unwrap().len() > seen.len());
    simulator.advance(15).unwrap();
    let all: Vec<String> = told.iter().chain(&later).rev().cloned().collect();
    assert_eq!(walk(&simulator, "/v1/events?", 100), all, "late events are below those of later seconds");
}

#[test]
fn an_event_is_gone_after_thirty_days_and_its_cursor_has_aged_out() {
    let simulator =
        start(Settings { counts: BTreeMap::from([("events".into(), 5)]), frozen_clock: true, ..settings() });
    let charges = simulator.ids("charges").unwrap();
    let made_up = simulator.ids("events").unwrap();
    let first = simulator.change("charges", &charges[..2], None).unwrap();
    simulator.advance(DAY).unwrap();
    let second = simulator.change("charges", &charges[..1], None).unwrap();
    simulator.advance(29 * DAY).unwrap();
    assert_eq!(by_id(&simulator, "/v1/events", &first[0]).status, 200, "it is thirty days old, and no older");
    simulator.advance(1).unwrap();
    let listed = walk(&simulator, "/v1/events?", 100);
    assert_eq!((&listed[..1], &listed[1..]), (&second[..], &made_up[..]), "made-up events stay");
    for id in &first {
        let cursor = get(&simulator, &format!("/v1/events?starting_after={id}"));
        assert_eq!((cursor.status, cursor.error("param").as_str()), (400, "starting_after"));
        let message = cursor.error("message");
        assert!(
            message.ends_with("is no longer available because it's aged out of our retention policy."),
            "{message}"
        );
        let answer = by_id(&simulator, "/v1/events", id);
        assert_eq!((answer.status, answer.error("message")), (404, message));
        assert_eq!(simulator.object_bytes("events", id).unwrap(), None);
    }
    simulator.delete("events", &made_up[0]).unwrap();
    assert_eq!(
        get(&simulator, &format!("/v1/events?starting_after={}", made_up[0])).error("message"),
        format!("No such event: '{}'", made_up[0])
    );
}

#[test]
fn the_same_seed_and_the_same_changes_give_the_same_events() {
    let walked = |seed| {
        let simulator = start(Settings { seed, event_delay: 60, ..with_events() });
        let ids = simulator.ids("invoices").unwrap();
        simulator.change("invoices", &ids[..20], None).unwrap();
        simulator.advance(20).unwrap();
        simulator.delete("invoices", &ids[3]).unwrap();
        simulator.add("customers", 5, None).unwrap();
        get(&simulator, "/v1/events?limit=100").body
    };
    assert_eq!(walked(5), walked(5));
    assert_ne!(walked(5), walked(6));
}

#[test]
fn the_clock_moves_forward_only_and_dates_what_happens() {
    let simulator = start(without_events());
    simulator.advance(3 * DAY).unwrap();
    let id = simulator.add("charges", 1, None).unwrap()[0].clone();
    assert_eq!(simulator.created("charges", &id).unwrap(), Some(END + 3 * DAY));
    assert_eq!(get(&simulator, "/v1/charges").header("Date").map(|date| &date[..16]), Some("Mon, 18 Jan 2027"));
    for wrong in [-1, i64::MAX] {
        assert!(simulator.advance(wrong).is_err());
    }
}

#[test]
fn every_type_of_an_event_can_be_made_and_leads_back_to_its_list() {
    let simulator = start(Settings { objects: 100, ..without_events() });
    for entity in ENTITIES.iter().filter(|entity| events::of(entity).coverage != Coverage::None) {
        let id = simulator.ids(entity.name).unwrap()[0].clone();
        for kind in events::of(entity).types {
            let told = simulator.change(entity.name, std::slice::from_ref(&id), Some(kind)).unwrap();
            let event = event(&simulator, &told[0]);
            assert_eq!((&event["type"], &event["data"]["object"]["object"]), (&(*kind).into(), &entity.object.into()));
            assert_eq!(list_of(kind), Some(entity));
        }
    }
}
