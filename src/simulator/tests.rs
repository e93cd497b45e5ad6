//! The simulator as a client sees it over a real socket.

#![expect(clippy::disallowed_methods, reason = "a fake server that drips is measured with a clock")]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;
use serde_json::value::RawValue;

use super::client::{END, KEY, ask, fixed_query, get, read_answer, settings, start, walk};
use super::*;
use crate::stripe::entities::ENTITIES;

#[test]
fn a_walk_sees_every_object_once_newest_first() {
    let simulator = start(settings());
    assert_eq!(simulator.ids("charges").unwrap().len(), 500);
    assert_eq!(walk(&simulator, "/v1/charges?", 100), simulator.ids("charges").unwrap());
    let times: Vec<_> =
        simulator.ids("charges").unwrap().iter().map(|id| simulator.created("charges", id).unwrap().unwrap()).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older) && times[0] <= END);
}

#[test]
fn every_list_of_the_registry_can_be_walked() {
    let simulator = start(Settings { objects: 200, ..settings() });
    for entity in &ENTITIES {
        let walked = if entity.has_pages {
            walk(&simulator, &format!("{}?{}", entity.path, fixed_query(entity)), 17)
        } else {
            get(&simulator, entity.path).ids()
        };
        assert!(!walked.is_empty(), "{} is empty", entity.name);
        assert_eq!(walked, simulator.ids(entity.name).unwrap(), "{}", entity.name);
    }
}

#[test]
fn without_status_all_canceled_subscriptions_are_left_out() {
    let simulator = start(settings());
    let (some, all) = (walk(&simulator, "/v1/subscriptions?", 5), walk(&simulator, "/v1/subscriptions?status=all&", 5));
    assert!(some.len() < all.len() && some.iter().all(|id| all.contains(id)));
}

#[test]
fn the_served_bytes_are_those_of_the_object() {
    #[derive(serde::Deserialize)]
    struct List<'a> {
        #[serde(borrow)]
        data: Vec<&'a RawValue>,
    }
    let simulator = start(settings());
    for entity in &ENTITIES {
        let limit = if entity.has_pages { "?limit=100" } else { "" };
        let page = get(&simulator, &format!("{}{limit}", entity.path));
        let list: List<'_> = serde_json::from_slice(&page.body).unwrap();
        for (raw, id) in list.data.iter().zip(page.ids()) {
            let truth = simulator.object_bytes(entity.name, &id).unwrap().unwrap();
            assert_eq!(raw.get().as_bytes(), truth, "{id}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_one_others() {
    let bodies = |seed| {
        let simulator = start(Settings { seed, ..settings() });
        ["/v1/charges?limit=50", "/v1/invoices", "/v1/accounts", "/v1/account", "/v1/nothing"]
            .map(|target| get(&simulator, target).body)
    };
    assert_eq!(bodies(5), bodies(5));
    assert_ne!(bodies(5)[0], bodies(6)[0]);
}

#[test]
fn time_filters_cut_a_list_to_whole_seconds() {
    let simulator = start(settings());
    let ids = simulator.ids("refunds").unwrap();
    let time = |id: &String| simulator.created("refunds", id).unwrap().unwrap();
    let (upper, lower) = (time(&ids[20]), time(&ids[70]));
    let expected: Vec<String> = ids.iter().filter(|id| (lower..upper).contains(&time(id))).cloned().collect();
    assert_eq!(walk(&simulator, &format!("/v1/refunds?created[gte]={lower}&created[lt]={upper}&"), 7), expected);
    let one: Vec<String> = ids.iter().filter(|id| time(id) == lower).cloned().collect();
    assert_eq!(walk(&simulator, &format!("/v1/refunds?created={lower}&"), 7), one);
    let page = get(&simulator, &format!("/v1/refunds?created[lt]={lower}&starting_after={}&limit=1", ids[0]));
    assert!(time(&page.ids()[0]) < lower, "a cursor above the window pages into it");
}

#[test]
fn ending_before_pages_upwards() {
    let simulator = start(settings());
    let ids = simulator.ids("refunds").unwrap();
    let page = get(&simulator, &format!("/v1/refunds?limit=3&ending_before={}", ids[5]));
    assert_eq!((page.ids(), page.has_more()), (ids[2..5].to_vec(), true));
}

#[test]
fn a_deleted_cursor_is_refused_by_name() {
    let simulator = start(settings());
    let ids = simulator.ids("customers").unwrap();
    assert!(simulator.delete("customers", &ids[3]).unwrap() && !simulator.delete("customers", &ids[3]).unwrap());
    for id in [ids[3].as_str(), "cus_x", "ch_3"] {
        let answer = get(&simulator, &format!("/v1/customers?starting_after={id}"));
        assert_eq!((answer.status, answer.error("code").as_str()), (400, "resource_missing"));
        assert_eq!(answer.error("param"), "starting_after");
        assert_eq!(answer.error("message"), format!("No such customer: '{id}'"));
    }
    assert!(!simulator.ids("customers").unwrap().contains(&ids[3]));
    assert_eq!(simulator.object_bytes("customers", &ids[3]).unwrap(), None);
    assert!(simulator.created("customers", &ids[3]).is_err());
}

#[test]
fn objects_arrive_during_a_walk_and_do_not_move_it() {
    let simulator = start(Settings { arrivals: 3, arrivals_every: 2, ..settings() });
    let before = simulator.ids("charges").unwrap();
    assert_eq!(walk(&simulator, "/v1/charges?", 100), before);
    let after = simulator.ids("charges").unwrap();
    assert_eq!((after.len(), &after[after.len() - before.len()..]), (before.len() + 6, &before[..]));
    let added = simulator.add("charges", 2, Some(END - 5)).unwrap();
    assert_eq!(simulator.created("charges", &added[0]).unwrap(), Some(END - 5));
    assert!(simulator.add("charges", 1, Some(5)).is_err(), "a time of 1970 has too few digits");
}

#[test]
fn keys_permissions_and_paths_are_refused_as_stripe_does() {
    let simulator = start(Settings { denied: vec!["charges".into(), "account".into()], ..settings() });
    let status = |target: &str, headers: &str| ask(&simulator, target, headers).status;
    assert_eq!(status("/v1/refunds", ""), 401);
    assert_eq!(status("/v1/refunds", "Authorization: Bearer sk_test_invalid\r\n"), 401);
    assert_eq!(status("/v1/refunds", "Authorization: Bearer pk_test_1\r\n"), 401);
    assert_eq!(status("/v1/refunds", "Authorization: Basic c2tfdGVzdF8xMjM6\r\n"), 200);
    let denied = ask(&simulator, "/v1/charges", "Authorization: Bearer rk_test_1\r\n");
    assert_eq!(denied.status, 403);
    let message = denied.error("message");
    assert!(message.contains("'rk_test_***'") && message.contains("'rak_charge_read'"), "{message}");
    assert!(message.contains(simulator.account()), "{message}");
    assert_eq!(get(&simulator, "/v1/account").status, 403);
    let unknown = get(&simulator, "/v1/foo?x=1");
    assert_eq!(unknown.status, 404);
    assert!(unknown.error("message").starts_with("Unrecognized request URL (GET: /v1/foo). "));
    let only = start(Settings { keys: vec!["sk_test_2".into()], ..settings() });
    assert_eq!(get(&only, "/v1/refunds").status, 401);
    assert_eq!(get(&only, "/v1/account").error("message"), "Invalid API Key provided: sk_test_***");
}

#[test]
fn answers_have_stripes_headers() {
    let simulator = start(settings());
    let answer = get(&simulator, "/v1/refunds?limit=1");
    assert!(answer.header("Request-Id").unwrap().starts_with("req_"));
    assert_eq!(answer.header("Stripe-Version"), Some(endpoint::DEFAULT_VERSION));
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
    assert_eq!(answer.header("Date").map(|date| &date[..16]), Some("Fri, 15 Jan 2027"));
    let pinned = ask(&simulator, "/v1/refunds", &format!("{KEY}Stripe-Version: 2024-09-30.acacia\r\n"));
    assert_eq!(pinned.header("Stripe-Version"), Some("2024-09-30.acacia"));
    assert_eq!(ask(&simulator, "/v1/refunds", &format!("{KEY}Stripe-Version: new\r\n")).status, 400);
    let connected = ask(&simulator, "/v1/account", &format!("{KEY}Stripe-Account: acct_123\r\n"));
    assert_eq!(
        (connected.json()["id"].as_str(), connected.header("Stripe-Account")),
        (Some("acct_123"), Some("acct_123"))
    );
    assert_eq!(ask(&simulator, "/v1/account", &format!("{KEY}Stripe-Account: nobody\r\n")).status, 403);
}

#[test]
fn requests_over_a_limit_are_refused_with_the_reason() {
    let simulator = start(Settings { endpoint_rate_limit: Some(2.0), retry_after: Some(1), ..settings() });
    let last = (0..3).map(|_| get(&simulator, "/v1/refunds")).last().unwrap();
    assert_eq!((last.status, last.error("code").as_str()), (429, "rate_limit"));
    assert_eq!(last.header("Stripe-Rate-Limited-Reason"), Some("endpoint-rate"));
    assert_eq!(last.header("Retry-After"), Some("1"));
    assert_eq!(get(&simulator, "/v1/charges").status, 200);
}

#[test]
fn each_fault_is_what_it_says() {
    let simulator = start(settings());
    let ids = simulator.ids("charges").unwrap();
    let with = |fault: &str, target: &str| {
        simulator.set_faults(fault).unwrap();
        get(&simulator, target)
    };
    let first = "/v1/charges?limit=10";
    assert_eq!(with("status=503@n1", first).status, 503);
    assert_eq!(with("status=429/reason=none@n1", first).error("code"), "lock_timeout");
    assert!(!with("reset@n1", first).whole && !with("cut@n1", first).whole);
    let truncated = with("truncate@n1", first);
    assert!(truncated.whole && serde_json::from_slice::<Value>(&truncated.body).is_err());
    assert_eq!(with("html@n1", first).header("Content-Type"), Some("text/html; charset=utf-8"));
    let empty = with("empty@n1", first);
    assert!(empty.ids().is_empty() && empty.has_more());
    let objects = with("wrong_object@n1", first).json();
    assert_eq!(objects["data"].as_array().unwrap().iter().filter(|object| object["object"] != "charge").count(), 1);
    let second = format!("{first}&starting_after={}", ids[9]);
    assert_eq!(with("repeat@n1", &second).ids(), ids[..10]);
    let third = format!("{first}&starting_after={}", ids[19]);
    assert_eq!(with("stuck@n1", &third).ids(), ids[..10]);
    let (no_more, short) = (with("no_more@n1", first), with("short@n1", first));
    assert_eq!((no_more.ids(), no_more.has_more()), (ids[..10].to_vec(), false));
    assert_eq!((short.ids(), short.has_more()), (ids[..5].to_vec(), false));
    let last = format!("{first}&starting_after={}", ids[ids.len() - 4]);
    let more = with("more@n1", &last);
    assert_eq!((more.ids(), more.has_more()), (ids[ids.len() - 3..].to_vec(), true));
    let error = with("error_body@n1", first);
    assert!(error.status == 200 && error.error("message").starts_with("Sorry!"));
    assert!(with("wrong_type=data@n1", first).json()["data"].is_object());
    assert_eq!(with("wrong_type=has_more@n1", first).json()["has_more"], "true");
    let times = with("wrong_type=created@n1", first).json();
    assert_eq!(times["data"].as_array().unwrap().iter().filter(|object| object["created"].is_string()).count(), 1);
    simulator.set_faults("reset_head@n1").unwrap();
    let mut stream = TcpStream::connect(simulator.address).unwrap();
    stream.write_all(format!("GET {first} HTTP/1.1\r\n{KEY}\r\n").as_bytes()).unwrap();
    assert_eq!(stream.read(&mut [0; 10]).unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    let started = Instant::now();
    assert!(with("slow=100@n1", first).whole && started.elapsed() >= Duration::from_millis(95));
    assert_eq!(with("vanish@n1", &second).status, 400);
    assert!(!simulator.ids("charges").unwrap().contains(&ids[9]));
    assert_eq!(with("", first).ids(), ids[..9].iter().chain(&ids[10..11]).cloned().collect::<Vec<_>>());
    assert!(simulator.set_faults("boom@n1").is_err());
}

#[test]
fn a_hanging_request_ends_when_the_simulator_stops() {
    let simulator = start(Settings { faults: "hang@n1".into(), ..settings() });
    let mut stream = TcpStream::connect(simulator.address).unwrap();
    stream.write_all(format!("GET /v1/charges HTTP/1.1\r\n{KEY}\r\n").as_bytes()).unwrap();
    while simulator.requests() == 0 {
        std::thread::yield_now();
    }
    simulator.stop();
    assert!(matches!(stream.read(&mut [0; 10]), Ok(0) | Err(_)));
    assert!(TcpStream::connect(simulator.address).is_err());
}

#[test]
fn one_connection_serves_many_requests_also_pipelined() {
    let simulator = start(settings());
    let mut stream = TcpStream::connect(simulator.address).unwrap();
    let request = format!("GET /v1/charges?limit=100 HTTP/1.1\r\n{KEY}\r\n");
    stream.write_all(request.repeat(20).as_bytes()).unwrap();
    let mut received = Vec::new();
    for _ in 0..20 {
        assert_eq!(read_answer(&mut stream, &mut received).ids().len(), 100);
    }
    assert_eq!((simulator.requests(), simulator.entity_requests("charges").unwrap()), (20, 20));
    let log = simulator.request_log();
    assert_eq!(
        (log.len(), log[19].number, log[19].status, log[19].target.as_str()),
        (20, 20, 200, "/v1/charges?limit=100")
    );
}

#[test]
fn answers_are_compressed_only_on_demand() {
    let gzip = |on| {
        let simulator = start(Settings { gzip: on, ..settings() });
        ask(&simulator, "/v1/charges", &format!("{KEY}Accept-Encoding: gzip\r\n"))
    };
    assert_eq!(gzip(false).header("Content-Encoding"), None);
    let packed = gzip(true);
    assert_eq!(packed.header("Content-Encoding"), Some("gzip"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed.body.as_slice()).read_to_string(&mut text).unwrap();
    assert!(text.starts_with("{\n  \"object\": \"list\",\n  \"data\": [\n    {\n      \""), "{text}");
}

#[test]
fn settings_that_cannot_be_used_are_refused_in_one_plain_line() {
    let taken = start(settings());
    for (wrong, word) in [
        (Settings { counts: BTreeMap::from([("charge".into(), 1)]), ..settings() }, "charge"),
        (Settings { denied: vec!["charge".into()], ..settings() }, "charge"),
        (Settings { rate_limit: Some(0.0), ..settings() }, "rate_limit"),
        (Settings { end: Some(1), ..settings() }, "end"),
        (Settings { objects: u64::MAX, ..settings() }, "objects"),
        (Settings { faults: "x".into(), ..settings() }, "fault 'x'"),
        (Settings { port: taken.port(), ..settings() }, "port"),
    ] {
        let message = StripeSimulator::start(wrong).unwrap_err().to_string();
        assert!(message.contains(word) && !message.contains('\n'), "{message}");
    }
}
