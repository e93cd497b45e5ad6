//! Connected accounts, as a platform meets them.

#![expect(clippy::disallowed_methods, reason = "the start of many accounts is measured with a clock")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::client::*;
use super::connected::ACCOUNTS;
use super::*;

const VERSION: &str = "Stripe-Version: 2026-11-18.endive\r\n";

fn connected(count: u32) -> Settings {
    Settings {
        connected_accounts: count,
        account_counts: [("charges".to_owned(), 30), ("customers".to_owned(), 5)].into(),
        frozen_clock: true,
        ..settings()
    }
}

fn ask_as(simulator: &StripeSimulator, account: &str, target: &str) -> Answer {
    ask(simulator, target, &format!("{KEY}Stripe-Account: {account}\r\n"))
}

fn ids_of(simulator: &StripeSimulator, account: &str, entity: &str) -> Vec<String> {
    simulator.data(Some(account)).unwrap().ids(entity).unwrap()
}

#[test]
fn each_account_has_data_of_its_own_that_follow_from_the_seed() {
    let (one, two) = (start(connected(3)), start(connected(3)));
    let other = start(Settings { seed: 2, ..connected(3) });
    assert_eq!(one.accounts(), two.accounts());
    assert!(other.accounts().iter().all(|account| !one.accounts().contains(account)));
    let mut seen = BTreeSet::new();
    // The order in which accounts are asked for does not matter.
    for account in two.accounts().iter().rev() {
        let page = ask_as(&two, account, "/v1/charges?limit=100");
        assert_eq!((page.ids(), page.header("Stripe-Account")), (ids_of(&one, account, "charges"), Some(&**account)));
        assert_eq!(page.body, ask_as(&one, account, "/v1/charges?limit=100").body);
        assert_eq!((page.ids().len(), ask_as(&two, account, "/v1/refunds").ids().len()), (30, 0));
        seen.extend(page.ids());
        seen.extend(ids_of(&two, account, "customers"));
    }
    seen.extend(two.ids("charges").unwrap());
    assert_eq!(seen.len(), 3 * 35 + 500);
    let scalar = start(Settings { account_objects: 200, ..connected(1) });
    let account = &scalar.accounts()[0];
    let counts = ["invoices", "refunds", "coupons", "charges"].map(|name| ids_of(&scalar, account, name).len());
    assert_eq!(counts, [30, 10, 36, 30]);
}

#[test]
fn the_platform_lists_its_accounts_with_all_paging() {
    let simulator = start(connected(250));
    let accounts = simulator.accounts();
    assert_eq!((accounts.len(), &accounts), (250, &simulator.ids(ACCOUNTS).unwrap()));
    assert_eq!(walk(&simulator, "/v1/accounts?", 100), accounts);
    let page = get(&simulator, &format!("/v1/accounts?limit=3&ending_before={}", accounts[9]));
    assert_eq!((page.ids(), page.has_more()), (accounts[6..9].to_vec(), true));
    assert!(page.json()["data"].as_array().unwrap().iter().all(|account| account["object"] == "account"));
    let own = ask_as(&simulator, &accounts[7], "/v1/account");
    assert_eq!(compact(&own.body), object(&simulator, ACCOUNTS, &accounts[7]));
    assert_eq!(by_id(&simulator, "/v1/accounts", &accounts[7]).body, own.body);
    assert_eq!(ask_as(&simulator, &accounts[7], "/v1/accounts").ids(), [""; 0]);
    let more = simulator.add(ACCOUNTS, 1, None).unwrap();
    assert_eq!((&simulator.accounts()[0], ids_of(&simulator, &more[0], "charges").len()), (&more[0], 30));
}

#[test]
fn another_accounts_object_is_missing() {
    let simulator = start(connected(2));
    let accounts = simulator.accounts();
    let charge = &ids_of(&simulator, &accounts[0], "charges")[0];
    let path = format!("/v1/charges/{charge}");
    assert_eq!(ask_as(&simulator, &accounts[0], &path).json()["id"], **charge);
    for answer in [get(&simulator, &path), ask_as(&simulator, &accounts[1], &path)] {
        assert_eq!((answer.status, answer.error("code").as_str()), (404, "resource_missing"));
    }
    let cursor = ask_as(&simulator, &accounts[1], &format!("/v1/charges?starting_after={charge}"));
    assert_eq!(cursor.status, 400);
    assert!(simulator.data(Some(&accounts[1])).unwrap().created("charges", charge).is_err());
}

#[test]
fn changes_and_events_stay_in_their_account() {
    let simulator = start(Settings { object_events: true, sublist_items: 20, history_days: 10, ..connected(2) });
    let accounts = simulator.accounts();
    let (one, two) = (simulator.data(Some(&accounts[0])).unwrap(), simulator.data(Some(&accounts[1])).unwrap());
    let before = (two.ids("events").unwrap(), simulator.ids("events").unwrap());
    // The charges and customers that were there at the start have an event each.
    assert_eq!((one.ids("events").unwrap().len(), before.0.len()), (35, 35));
    let charge = one.ids("charges").unwrap().remove(0);
    let events = one.change("charges", std::slice::from_ref(&charge), None).unwrap();
    let shown = ask_as(&simulator, &accounts[0], "/v1/events?limit=1");
    assert_eq!((&shown.ids(), &shown.json()["data"][0]["data"]["object"]["id"]), (&events, &charge.as_str().into()));
    assert!(one.delete("customers", &one.ids("customers").unwrap()[0]).unwrap());
    one.add("invoices", 1, None).unwrap();
    let invoice = one.ids("invoices").unwrap().remove(0);
    one.change_items("invoices", &invoice, (15, 0), None).unwrap();
    let lines = ask_as(&simulator, &accounts[0], &format!("/v1/invoices/{invoice}/lines?limit=100"));
    assert_eq!(lines.ids().len(), one.items("invoices_lines", &invoice).unwrap().len());
    assert_eq!(get(&simulator, &format!("/v1/invoices/{invoice}/lines")).status, 404);
    assert!(
        one.replace("charges", &charge, b"{}".to_vec()).unwrap() && !two.replace("charges", &charge, vec![]).unwrap()
    );
    assert_eq!(one.object_bytes("charges", &charge).unwrap(), Some(b"{}".to_vec()));
    assert_eq!((two.ids("events").unwrap(), simulator.ids("events").unwrap()), before);
    assert_eq!((two.ids("customers").unwrap().len(), two.ids("invoices").unwrap().len()), (5, 0));
}

#[test]
fn an_unknown_or_revoked_account_is_refused_until_it_is_restored() {
    let simulator = start(connected(3));
    let accounts = simulator.accounts();
    let charges = ids_of(&simulator, &accounts[1], "charges");
    simulator.revoke(&accounts[1]).unwrap();
    simulator.revoke(&accounts[1]).unwrap();
    assert_eq!(simulator.accounts(), [accounts[0].clone(), accounts[2].clone()]);
    assert_eq!(walk(&simulator, "/v1/accounts?", 1), simulator.accounts());
    for account in [&accounts[1], "acct_1234567890", "nobody", "acct_1/acct_2"] {
        let refused = ask_as(&simulator, account, "/v1/charges");
        assert_eq!((refused.status, refused.error("code").as_str()), (403, "account_invalid"));
        let message = format!(
            "The provided key 'sk_test_***' does not have access to account '{account}' (or that account does not \
             exist). Application access may have been revoked."
        );
        assert_eq!((refused.error("message"), refused.header("Stripe-Account")), (message, None));
    }
    assert_eq!(by_id(&simulator, "/v1/accounts", &accounts[1]).error("code"), "account_invalid");
    let persons = get(&simulator, &format!("/v1/accounts/{}/persons", accounts[1]));
    assert_eq!(persons.error("code"), "account_invalid");
    assert_eq!(ids_of(&simulator, &accounts[1], "charges"), charges);
    simulator.restore(&accounts[1]).unwrap();
    simulator.restore(&accounts[0]).unwrap();
    assert_eq!(
        (simulator.accounts(), ask_as(&simulator, &accounts[1], "/v1/charges?limit=30").ids()),
        (accounts, charges)
    );
    for unknown in ["acct_1234567890", simulator.account()] {
        assert!(simulator.revoke(unknown).is_err() && simulator.restore(unknown).is_err());
    }
    assert!(simulator.data(Some("acct_1234567890")).unwrap_err().to_string().contains("acct_1234567890"));
}

#[test]
fn the_platforms_own_id_means_the_platform() {
    let simulator = start(connected(1));
    let platform = simulator.account().to_owned();
    assert_eq!(get(&simulator, "/v1/account").json()["id"], *platform);
    let answer = ask_as(&simulator, &platform, "/v1/charges?limit=50");
    assert_eq!(
        (answer.ids(), answer.header("Stripe-Account")),
        (simulator.ids("charges").unwrap()[..50].to_vec(), Some(&*platform))
    );
    assert_eq!(simulator.data(Some(&platform)).unwrap().ids("charges").unwrap(), simulator.ids("charges").unwrap());
}

#[test]
fn accounts_can_lack_permissions_and_products() {
    let denied = vec!["refunds".to_owned()];
    let simulator = start(Settings { denied, products_off: vec!["Issuing".to_owned()], ..connected(2) });
    let accounts = simulator.accounts();
    assert_eq!(ask_as(&simulator, &accounts[0], "/v1/refunds").status, 403);
    let data = simulator.data(Some(&accounts[0])).unwrap();
    data.set_denied(vec!["charges".to_owned(), "account".to_owned()]).unwrap();
    data.set_products_off(Vec::new()).unwrap();
    let status = |account: &str, target: &str| ask_as(&simulator, account, target).status;
    let statuses = |account: &str| {
        ["/v1/charges", "/v1/account", "/v1/refunds", "/v1/issuing/cards"].map(|target| status(account, target))
    };
    assert_eq!(statuses(&accounts[0]), [403, 403, 200, 200]);
    assert_eq!(statuses(&accounts[1]), [200, 200, 403, 400]);
    assert_eq!(statuses(simulator.account()), [200, 200, 403, 400]);
    let message = ask_as(&simulator, &accounts[0], "/v1/charges").error("message");
    assert!(message.contains(&format!("on account '{}'", accounts[0])), "{message}");
    assert!(data.set_denied(vec!["charge".to_owned()]).is_err() && data.set_products_off(vec![String::new()]).is_err());
    simulator.data(None).unwrap().set_denied(Vec::new()).unwrap();
    assert_eq!((get(&simulator, "/v1/refunds").status, status(&accounts[1], "/v1/refunds")), (200, 403));
}

#[test]
fn limits_are_shared_unless_each_account_has_them() {
    for (limits_per_account, statuses) in [(false, [200, 429, 429]), (true, [200, 200, 200])] {
        // No second passes in which a bucket fills again.
        let simulator = start(Settings { rate_limit: Some(0.001), limits_per_account, ..connected(2) });
        let accounts = simulator.accounts();
        let asked = [simulator.account(), &accounts[0], &accounts[1]];
        assert_eq!(asked.map(|account| ask_as(&simulator, account, "/v1/charges").status), statuses);
        assert_eq!(ask_as(&simulator, &accounts[0], "/v1/refunds").status, 429);
    }
}

#[test]
fn an_organizations_key_says_which_account_it_means() {
    let simulator = start(connected(2));
    let accounts = simulator.accounts();
    let key = "Authorization: Bearer sk_org_test_1\r\n";
    let with = |headers: String| ask(&simulator, "/v1/account", &format!("{key}{headers}"));
    let context = |context: &str| with(format!("{VERSION}Stripe-Context: {context}\r\n"));
    for headers in [String::new(), format!("{VERSION}Stripe-Account: {}\r\n", accounts[0])] {
        let answer = with(headers);
        let message =
            "Please include the Stripe-Context header with your target account when using an Organization API key.";
        assert_eq!((answer.status, answer.error("message").as_str()), (400, message));
    }
    assert_eq!(with(format!("Stripe-Context: {}\r\n", simulator.account())).status, 400, "no version");
    assert_eq!(context(simulator.account()).json()["id"], *simulator.account());
    let behind = context(&format!("{}/{}", simulator.account(), accounts[1]));
    assert_eq!((&behind.json()["id"], behind.header("Stripe-Account")), (&(*accounts[1]).into(), Some(&*accounts[1])));
    for strange in [accounts[0].clone(), format!("acct_1/{}", accounts[0]), format!("{}/acct_1", simulator.account())] {
        assert_eq!(context(&strange).error("code"), "account_invalid", "{strange}");
    }
    // The platform's own key may name the account alone, and the context counts.
    let headers = format!("{KEY}Stripe-Context: {}\r\nStripe-Account: {}\r\n", accounts[0], accounts[1]);
    assert_eq!(ask(&simulator, "/v1/account", &headers).json()["id"], *accounts[0]);
}

#[test]
fn the_log_has_the_account_of_each_request() {
    let simulator = start(connected(2));
    let accounts = simulator.accounts();
    get(&simulator, "/v1/charges");
    for account in [&accounts[0], &accounts[0], &accounts[1], "acct_1234567890"] {
        ask_as(&simulator, account, "/v1/charges");
    }
    let charge = &ids_of(&simulator, &accounts[1], "charges")[0];
    ask_as(&simulator, &accounts[1], &format!("/v1/charges/{charge}"));
    let logged: Vec<_> = simulator.request_log().into_iter().map(|line| (line.account, line.status)).collect();
    let expected = [simulator.account(), &accounts[0], &accounts[0], &accounts[1], "acct_1234567890", &accounts[1]];
    assert_eq!(logged, expected.map(str::to_owned).into_iter().zip([200, 200, 200, 200, 403, 200]).collect::<Vec<_>>());
    let counts = |account| {
        let data = simulator.data(account).unwrap();
        (data.entity_requests("charges").unwrap(), data.retrieves("charges").unwrap())
    };
    assert_eq!([None, Some(&*accounts[0]), Some(&*accounts[1])].map(counts), [(1, 0), (2, 0), (1, 1)]);
    assert_eq!((simulator.entity_requests("charges").unwrap(), simulator.retrieves("charges").unwrap()), (5, 1));
}

#[test]
fn without_connected_accounts_any_account_has_the_platforms_data() {
    let simulator = start(settings());
    assert_eq!((simulator.accounts().len(), simulator.ids(ACCOUNTS).unwrap().len()), (0, 36));
    let listed = simulator.ids(ACCOUNTS).unwrap().remove(0);
    for account in ["acct_1234567890", &listed] {
        let answer = ask_as(&simulator, account, "/v1/charges?limit=5");
        assert_eq!(answer.ids(), simulator.ids("charges").unwrap()[..5]);
        assert_eq!(ask_as(&simulator, account, "/v1/account").json()["id"], *account);
        assert!(simulator.data(Some(account)).is_err() && simulator.revoke(account).is_err());
    }
    assert_eq!(by_id(&simulator, "/v1/accounts", "acct_1234567890").status, 404);
    let organization = ask(&simulator, "/v1/charges", "Authorization: Bearer sk_org_test_1\r\nStripe-Context: x\r\n");
    assert_eq!(organization.status, 200);
    assert_eq!(simulator.request_log()[1].account, "acct_1234567890");
}

#[test]
fn two_thousand_accounts_start_at_once() {
    let began = Instant::now();
    let settings = Settings { objects: 0, account_counts: [("charges".to_owned(), 100)].into(), ..connected(2_000) };
    let simulator = start(settings);
    assert_eq!(simulator.accounts().len(), 2_000);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let last = &simulator.accounts()[1_999];
    assert_eq!(ask_as(&simulator, last, "/v1/charges?limit=100").ids(), ids_of(&simulator, last, "charges"));
    let both = Settings { counts: [(ACCOUNTS.to_owned(), 3)].into(), ..connected(1) };
    assert!(StripeSimulator::start(both).unwrap_err().to_string().contains("connected_accounts"));
}
