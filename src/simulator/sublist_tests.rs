//! Sub-lists that are cut after ten items, as a client sees them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::client::{get, object, settings, start, walk, without_events};
use super::*;
use crate::stripe::children::CHILDREN;
use crate::stripe::entities::Parent;
use crate::stripe::entities::by_name;

fn with_items() -> Settings {
    Settings { sublist_items: 250, ..without_events() }
}

#[test]
fn an_object_shows_ten_items_and_its_sub_lists_address_serves_all() {
    let simulator = start(with_items());
    for child in CHILDREN.iter().filter(|child| child.parent.as_ref().is_some_and(|parent| parent.is_shown)) {
        let (parent, list) = (child.parent.as_ref().unwrap(), child.parent.as_ref().map(Parent::list).unwrap());
        let (mut cut, mut longest) = (0, 0);
        for id in simulator.ids(list.name).unwrap() {
            let object: Value = serde_json::from_str(&object(&simulator, list.name, &id)).unwrap();
            let list = &object[parent.member];
            let shown = list["data"].as_array().unwrap();
            let url = list["url"].as_str().unwrap();
            let (path, named) = child.address(&id);
            let address = named.map_or(path.clone(), |(parameter, id)| format!("{path}?{parameter}={id}"));
            assert_eq!((url, list["object"].as_str()), (address.as_str(), Some("list")));
            let separator = if url.contains('?') { '&' } else { '?' };
            let all = get(&simulator, &format!("{url}{separator}limit=100")).json();
            assert_eq!((&all["data"].as_array().unwrap()[..shown.len()], all["url"].as_str()), (&shown[..], Some(url)));
            let ids = walk(&simulator, &format!("{url}{separator}"), 100);
            assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
            assert_eq!((ids.len().min(10), ids.len() > 10), (shown.len(), list["has_more"].as_bool().unwrap()));
            assert!(shown.iter().all(|item| item["object"] == child.object));
            (cut, longest) = (cut + usize::from(ids.len() > 10), ids.len().max(longest));
        }
        assert!(cut > 5 && (100..=250).contains(&longest), "{}: {cut} cut, longest {longest}", child.name);
    }
}

#[test]
fn lists_that_no_object_shows_have_pages_too() {
    let simulator = start(with_items());
    for child in CHILDREN.iter().filter(|child| child.parent.as_ref().is_some_and(|parent| !parent.is_shown)) {
        let id = &simulator.ids(child.parent.as_ref().unwrap().entity).unwrap()[0];
        let (path, named) = child.address(id);
        let url = named.map_or(format!("{path}?"), |(parameter, id)| format!("{path}?{parameter}={id}&"));
        let all = if child.has_pages { walk(&simulator, &url, 100) } else { get(&simulator, &path).ids() };
        let items = simulator.items(child.name, id).unwrap();
        let items: Vec<Value> = items.iter().map(|item| serde_json::from_str(item).unwrap()).collect();
        assert_eq!(all, items.iter().map(|item| item["id"].as_str().unwrap()).collect::<Vec<_>>(), "{}", child.name);
        assert!(items.iter().all(|item| child.has_object(item["object"].as_str().unwrap())));
    }
}

#[test]
fn a_list_that_no_object_shows_unasked_is_shown_if_a_request_expands_it() {
    let simulator = start(with_items());
    let shown = |query: &str| get(&simulator, &format!("/v1/customers?limit=100{query}")).json()["data"].clone();
    assert!(shown("").as_array().unwrap().iter().all(|customer| customer.get("tax_ids").is_none()));
    for customer in shown("&expand[]=data.tax_ids").as_array().unwrap() {
        let (list, id) = (&customer["tax_ids"], customer["id"].as_str().unwrap());
        let count = simulator.items("customers_tax_ids", id).unwrap().len();
        assert_eq!((list["data"].as_array().unwrap().len(), &list["has_more"]), (count.min(10), &(count > 10).into()));
    }
}

#[test]
fn items_come_and_go_and_events_tell_of_it() {
    let simulator = start(with_items());
    let ids = simulator.ids("invoices").unwrap();
    let id = ids.iter().find(|id| simulator.items("invoices_lines", id).unwrap().len() > 12).unwrap();
    let before = simulator.items("invoices_lines", id).unwrap();
    let shown = object(&simulator, "invoices", id);
    assert_eq!(simulator.change_items("invoices", id, 2, 0, None).unwrap().len(), 1);
    let after = simulator.items("invoices_lines", id).unwrap();
    assert_eq!((&after[..before.len()], after.len()), (&before[..], before.len() + 2));
    let lines = |text: &str| serde_json::from_str::<Value>(text).unwrap()["lines"]["data"].clone();
    assert_eq!(lines(&object(&simulator, "invoices", id)), lines(&shown), "the change is behind what it shows");
    simulator.change_items("invoices", id, 0, 3, None).unwrap();
    assert_eq!(simulator.items("invoices_lines", id).unwrap(), after[3..]);
    let customer = &simulator.ids("customers").unwrap()[0];
    let told = simulator.change_items("customers", customer, 1, 0, Some("customer.tax_id.created")).unwrap();
    let event = object(&simulator, "events", &told[0]);
    let event: Value = serde_json::from_str(&event).unwrap();
    assert_eq!(
        (&event["data"]["object"]["customer"], &event["data"]["object"]["object"]),
        (&customer.as_str().into(), &"tax_id".into())
    );
    assert!(simulator.change_items("customers", customer, 1, 0, Some("charge.updated")).is_err());
    assert!(
        simulator.change_items("invoices", "in_x", 1, 0, None).is_err() && simulator.ids("invoices_lines").is_err()
    );
}

#[test]
fn ids_of_items_are_unique_within_one_object_only() {
    let simulator = start(with_items());
    let ids = simulator.ids("invoices").unwrap();
    let first = |id: &str| walk(&simulator, &format!("/v1/invoices/{id}/lines?"), 100)[0].clone();
    assert_eq!(first(&ids[0]), first(&ids[1]));
}

#[test]
fn a_sub_list_has_pages_in_both_directions_and_refuses_what_it_does_not_know() {
    let simulator = start(with_items());
    let ids = simulator.ids("transfers").unwrap();
    let urls = ids.iter().map(|id| format!("/v1/transfers/{id}/reversals?"));
    let (url, items) = urls.map(|url| (url.clone(), walk(&simulator, &url, 7))).find(|row| row.1.len() > 20).unwrap();
    let page = get(&simulator, &format!("{url}limit=5&ending_before={}", items[8]));
    assert_eq!((page.ids(), page.has_more()), (items[3..8].to_vec(), true));
    let page = get(&simulator, &format!("{url}limit=5&ending_before={}", items[2]));
    assert_eq!((page.ids(), page.has_more()), (items[..2].to_vec(), false));
    for (target, status, code) in [
        (format!("{url}starting_after=trr_x"), 400, "resource_missing"),
        (format!("{url}created[gte]=1"), 400, "parameter_unknown"),
        ("/v1/transfers/tr_x/reversals".to_owned(), 404, "resource_missing"),
        ("/v1/subscription_items?subscription=sub_x".to_owned(), 400, "resource_missing"),
        ("/v1/subscription_items".to_owned(), 400, "parameter_missing"),
    ] {
        let answer = get(&simulator, &target);
        assert_eq!((answer.status, answer.error("code").as_str()), (status, code), "{target}");
    }
    assert_eq!(simulator.entity_requests("transfers").unwrap(), 0);
}

#[test]
fn an_objects_changes_and_events_have_its_cut_sub_list() {
    let simulator = start(with_items());
    let ids = simulator.ids("credit_notes").unwrap();
    simulator.change("credit_notes", &ids, None).unwrap();
    let told = get(&simulator, "/v1/events?limit=100").json();
    let cut = |event: &&Value| event["data"]["object"]["lines"]["has_more"] == true;
    assert!(told["data"].as_array().unwrap().iter().filter(cut).count() > 5);
}

#[test]
fn without_the_setting_objects_show_all_or_have_empty_lists() {
    let simulator = start(settings());
    let id = &simulator.ids("invoices").unwrap()[0];
    let lines = get(&simulator, &format!("/v1/invoices/{id}/lines"));
    assert!(lines.status == 404 && lines.error("message").starts_with("Unrecognized request URL"));
    let customer = &simulator.ids("customers").unwrap()[0];
    let tax_ids = get(&simulator, &format!("/v1/customers/{customer}/tax_ids?limit=100"));
    assert_eq!((tax_ids.ids().len(), tax_ids.has_more()), (0, false));
    assert!(by_name("credit_notes").is_some_and(|entity| {
        !object(&simulator, entity.name, &simulator.ids(entity.name).unwrap()[0]).contains("\"lines\"")
    }));
    for wrong in [1, 10, 1_000_000] {
        assert!(StripeSimulator::start(Settings { sublist_items: wrong, ..settings() }).is_err());
    }
}
