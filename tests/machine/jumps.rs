//! What it costs to read objects that have changed: requests, beside the fewest possible and those for single objects.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use stripe_raw_rs::changes::{Change, Report};
use stripe_raw_rs::options::{Changes, Options};
use stripe_raw_rs::page::Decoder;
use stripe_raw_rs::stripe::exchange::{Now, Outcome, Request, Response};
use stripe_raw_rs::walk::coverage::remaining;
use stripe_raw_rs::walk::{Newest, Remaining, Terms, Walk, Work};

use crate::chance::Chance;
use crate::reader::{TODAY, setting};

const NOW: Now = Now { monotonic: Duration::ZERO, wall_micros: TODAY * 1_000_000 };
const DAY: u64 = 86_400;
/// Most objects of an answer.
const PAGE: usize = 100;

/// A list of objects, oldest first: the second of each.
struct List(Vec<i64>);

impl List {
    /// So many objects over so many days.
    fn new(objects: usize, days: u64, chance: &mut Chance) -> Self {
        let mut created: Vec<i64> = (0..objects).map(|_| i64::try_from(chance.below(days * DAY)).unwrap()).collect();
        created.sort_unstable();
        Self(created)
    }

    fn serve(&self, request: &Request) -> Outcome {
        let of = |name: &str| request.query.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
        let number = |name: &str| of(name).map(|text| text.parse::<i64>().unwrap());
        let top = number("created[lt]").map_or(self.0.len(), |lt| self.0.partition_point(|at| *at < lt));
        let top = of("starting_after").map_or(top, |id| id[4..].parse().unwrap());
        let bottom = number("created[gte]").map_or(0, |gte| self.0.partition_point(|at| *at < gte));
        let end = top.saturating_sub(PAGE).max(bottom);
        let object = |at: usize| format!(r#"{{"id":"cus_{at}","object":"customer","created":{}}}"#, self.0[at]);
        let data: Vec<String> = (end..top).rev().map(object).collect();
        let has_more = end > bottom;
        let body = format!(r#"{{"object":"list","data":[{}],"has_more":{has_more}}}"#, data.join(","));
        Outcome::Answered(Response { status: 200, body: body.into_bytes(), ..Response::default() })
    }
}

/// The fewest requests that show these objects: each page begins at the newest one that is left.
fn fewest(changed: &[usize]) -> usize {
    let (mut requests, mut left) = (0, changed);
    while let Some(newest) = left.last() {
        requests += 1;
        let end = (newest + 1).saturating_sub(PAGE);
        left = &left[..left.partition_point(|at| *at < end)];
    }
    requests
}

fn change(at: usize, created: i64) -> Change {
    let report = Report {
        event_id: format!("evt_{at}"),
        event_type: "customer.updated",
        at: created,
        api_version: None,
        body: String::new(),
        sha256: [0; 32],
        is_deletion: false,
        is_sound: true,
    };
    Change {
        id: format!("cus_{at}"),
        created: Some(created),
        report: Some(Arc::new(report)),
        is_in_list: false,
        is_tie: false,
    }
}

/// Reads the changed objects with so many requests at once. Returns the number of requests.
fn read(list: &List, changed: &[usize], slots: usize) -> usize {
    let floor = list.0.last().unwrap() + 1;
    let terms = Terms {
        changes: Changes::Read,
        api_version: "2026-11-18.endive",
        expands: false,
        is_filtered: true,
        floor: Some(floor),
        answered_before: None,
    };
    let work =
        Work::new(changed.iter().map(|at| change(*at, list.0[*at])).collect(), &Newest::default(), &terms, |_| false);
    let chains = remaining(work.old_window().unwrap(), vec![]).unwrap();
    let setting = setting("customers");
    let options = Options { page_size: 100, ..setting.options };
    let mut walk = Walk::new(setting.scope, None, options);
    walk.open(Remaining { chains, work, ..Remaining::default() }, NOW);
    let (mut in_flight, mut requests, mut ids) = (Vec::new(), 0, HashSet::new());
    let mut decoder = Decoder::default();
    while !walk.has_read_all() {
        while in_flight.len() < slots
            && let Some((ticket, request)) = walk.poll_request(NOW)
        {
            in_flight.push((ticket, list.serve(&request)));
            requests += 1;
        }
        let (ticket, outcome) = in_flight.remove(0);
        let (received, _) = walk.reader().read(outcome, &mut decoder);
        walk.handle_response(ticket, received, NOW, 0.0);
        for fetched in walk.take_pages(walk.pages().len()) {
            ids.extend(fetched.page.ids.iter().flatten().map(str::to_owned));
        }
    }
    assert_eq!(walk.error(), None);
    assert_eq!(ids.len(), changed.len(), "each once, and no other");
    requests
}

/// Chooses some of the newest objects, and some of all.
fn choose(list: &List, (recent, of_days): (usize, u64), any: usize, chance: &mut Chance) -> Vec<usize> {
    let since = list.0.last().unwrap() - i64::try_from(of_days * DAY).unwrap();
    let first = list.0.partition_point(|at| *at < since);
    let mut below = |bound: usize| usize::try_from(chance.below(bound as u64)).unwrap();
    let mut chosen: HashSet<usize> = (0..recent).map(|_| first + below(list.0.len() - first)).collect();
    chosen.extend((0..any).map(|_| below(list.0.len())));
    let mut chosen: Vec<usize> = chosen.into_iter().collect();
    chosen.sort_unstable();
    chosen
}

#[test]
fn changed_objects_cost_hardly_more_requests_than_the_fewest_and_never_more_than_single_ones() {
    for (what, objects, days, recent, any) in [
        ("charges, 3 % refunded within a month", 365_000, 365, (900, 30), 0),
        ("invoices, most of yesterday's and some old ones", 365_000, 365, (900, 1), 50),
        ("subscriptions of any age renew", 100_000, 1_000, (0, 1), 3_333),
        ("few customers of many change", 1_000_000, 1_500, (0, 1), 200),
        ("charges, most of a day's change the next day", 300_000, 3, (90_000, 1), 0),
        ("all objects change", 20_000, 1_000, (0, 1), 100_000),
    ] {
        let mut chance = Chance::new(9);
        let list = List::new(objects, days, &mut chance);
        let changed = choose(&list, recent, any, &mut chance);
        let fewest = fewest(&changed);
        for slots in [1, 8] {
            let requests = read(&list, &changed, slots);
            println!("{what}: {} objects, {requests} requests with {slots} at once, {fewest} at least", changed.len());
            assert!(requests * 10 <= fewest * 11, "{what}: {requests} requests with {slots}, {fewest} at least");
            assert!(requests <= changed.len(), "{what}: {requests} requests for {}", changed.len());
        }
    }
}
