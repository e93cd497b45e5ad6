//! Requests for one object by its id, as a client sees them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::client::{by_id, get, settings, start, without_events};
use super::*;
use crate::stripe::entities::ENTITIES;

#[test]
fn a_deleted_object_is_missing_by_its_id_and_four_lists_say_that_it_was_deleted() {
    let simulator = start(without_events());
    for entity in ENTITIES.iter().filter(|entity| entity.name != "events") {
        let id = simulator.ids(entity.name).unwrap()[0].clone();
        assert_eq!(by_id(&simulator, entity.path, &id).status, 200, "{}", entity.name);
        simulator.delete(entity.name, &id).unwrap();
        let answer = by_id(&simulator, entity.path, &id);
        if ["customers", "terminal_configurations", "terminal_locations", "terminal_readers"].contains(&entity.name) {
            let object = entity.object;
            let stub = format!("{{\n  \"id\": \"{id}\",\n  \"object\": \"{object}\",\n  \"deleted\": true\n}}\n");
            assert_eq!((answer.status, String::from_utf8(answer.body).unwrap()), (200, stub));
        } else {
            assert_eq!((answer.status, answer.error("code").as_str()), (404, "resource_missing"));
            assert_eq!(answer.error("message"), format!("No such {}: '{id}'", entity.object));
        }
    }
    assert_eq!(by_id(&simulator, "/v1/customers", "cus_never").status, 404);
}

#[test]
fn an_object_by_its_id_has_the_bytes_of_the_list_at_another_depth() {
    let simulator = start(settings());
    let id = &simulator.ids("charges").unwrap()[0];
    let served = String::from_utf8(by_id(&simulator, "/v1/charges", id).body).unwrap();
    let raw = String::from_utf8(simulator.object_bytes("charges", id).unwrap().unwrap()).unwrap();
    assert_eq!(served, format!("{}\n", raw.replace("\n    ", "\n")));
}

#[test]
fn retrieves_have_a_counter_a_bucket_and_the_refusals_of_their_list() {
    let denied = Settings { denied: vec!["refunds".into()], products_off: vec!["Issuing".into()], ..settings() };
    let simulator = start(Settings { endpoint_rate_limit: Some(2.0), ..denied });
    let id = simulator.ids("charges").unwrap()[0].clone();
    let statuses: Vec<u16> = (0..3).map(|_| by_id(&simulator, "/v1/charges", &id).status).collect();
    assert_eq!(statuses, [200, 200, 429]);
    assert_eq!(get(&simulator, "/v1/charges").status, 200);
    assert_eq!((simulator.retrieves("charges").unwrap(), simulator.entity_requests("charges").unwrap()), (3, 1));
    assert_eq!(by_id(&simulator, "/v1/refunds", "re_x").status, 403);
    assert_eq!(by_id(&simulator, "/v1/issuing/cards", "ic_x").status, 400);
    assert_eq!(get(&simulator, "/v1/payouts/po_x?limit=1").error("param"), "limit");
    assert_eq!(get(&simulator, "/v1/payouts/po_x?expand[]=destination").status, 404);
    assert_eq!(get(&simulator, "/v1/payouts/po_x/reversals").status, 404);
}

#[test]
fn no_client_sees_an_event_before_its_object_has_that_state() {
    let simulator = start(without_events());
    let ids = simulator.ids("charges").unwrap()[..5].to_vec();
    let number =
        |object: &Value| -> u32 { object["metadata"]["change"].as_str().map_or(0, |number| number.parse().unwrap()) };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..200 {
                    simulator.change("charges", &ids, None).unwrap();
                }
            });
        }
        loop {
            let mut told: BTreeMap<String, u32> = BTreeMap::new();
            let events = get(&simulator, "/v1/events?limit=20").json();
            for object in events["data"].as_array().unwrap().iter().map(|event| &event["data"]["object"]) {
                let newest = told.entry(object["id"].as_str().unwrap().to_owned()).or_default();
                assert!(*newest == 0 || *newest > number(object), "events are in the order of the states");
                *newest = (*newest).max(number(object));
            }
            for (id, seen) in &told {
                assert!(number(&by_id(&simulator, "/v1/charges", id).json()) >= *seen);
            }
            if told.values().all(|number| *number == 400) && told.len() == ids.len() {
                break;
            }
        }
    });
    assert_eq!(simulator.ids("events").unwrap().len(), 2 * 200 * 5);
}
