//! A driver whose tasks go wrong; the tests of the whole cover a driver with a server.

use super::*;
use crate::checkpoint::{Circumstances, Event, GiveUp, History, Kind, Source, plan};
use crate::error::Class;
use crate::http_client::{ApiKey, ByteBudget, HttpClient, Origin, Quota, Slots};
use crate::options::Options;
use crate::pace::{Limits, UNLIMITED};
use crate::page::Decoders;
use crate::run::{Bounds, Run, RunContext};
use crate::stripe::entities::by_name;
use crate::stripe::scope::Scope;

/// A first run of charges.
fn new_run() -> Run {
    run(&History::default(), None)
}

/// The attempt at charges that follows.
fn run(history: &History, give_up: Option<GiveUp>) -> Run {
    let options = Options::default();
    let attempt = Circumstances {
        now: now(),
        owner: "me".to_owned(),
        holder_is_dead: false,
        take_over: false,
        give_up,
        start: None,
        new_run_id: "run".to_owned(),
        follows: false,
        reported: None,
        parents: None,
    };
    let entity = by_name("charges").unwrap();
    let context = RunContext {
        scope: Scope { entity, account: None },
        livemode: None,
        options: options.clone(),
        store_id: "mine".to_owned(),
        owner: "me".to_owned(),
        nonce: "nonce".to_owned(),
        settings: "{}".to_owned(),
        library_version: "0".to_owned(),
        has_asked_lists: false,
        may_lack: false,
    };
    Run::new(plan(entity, history, &options, &attempt).unwrap(), context)
}

fn resources() -> Resources {
    let options = Options::default();
    let key = ApiKey::parse("rk_test_any").unwrap();
    let origin = Origin::parse("http://127.0.0.1:9", key.mode()).unwrap();
    Resources {
        client: HttpClient::new(&key, origin, &options).unwrap(),
        buffers: ByteBudget::default(),
        decoders: Decoders::default(),
        slots: Slots::new(Limits::of(&options, UNLIMITED)),
        quota: Quota::new(0),
    }
}

/// A run of many that is given up asks nothing, so no answer tells the caller that it has come to its end.
#[test]
fn a_caller_that_waits_for_a_run_without_requests_comes_back() {
    let started = Event {
        event_id: "run/1/0/0".to_owned(),
        kind: Kind::Started { settings: "{}".to_owned(), library_version: "0".to_owned() },
        at_micros: now().wall_micros - 3_600_000_000,
        entity: "charges".to_owned(),
        account: None,
        run_id: "run".to_owned(),
        epoch: 1,
        sequence: 0,
        owner: "other".to_owned(),
        start_created_gte: None,
        max_created_seen: None,
        source: Source::default(),
        carried: None,
    };
    let mut history = History::default();
    history.extend([started]);
    let mut attempt = Attempt::new(by_name("charges").unwrap(), Bounds::default());
    attempt.add(vec![run(&history, Some(GiveUp::Restart))], true);
    attempt.started(now()).unwrap();
    attempt.fence().unwrap();
    attempt.recover_events(&[]).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let driver = Driver::new(attempt);
    runtime.block_on(async {
        driver.begin(&resources()).unwrap();
        let next = timeout(Duration::from_secs(20), driver.next_group()).await;
        assert!(next.is_ok(), "nobody wakes the caller");
    });
}

#[test]
fn a_task_that_panics_ends_the_run_and_nobody_waits_for_it() {
    // Without a clock of tokio's, the first request panics.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let driver = Driver::new(Attempt::of(new_run()));
    let _inside = runtime.enter();
    driver.begin(&resources()).unwrap();
    let error = runtime.block_on(driver.next_group()).unwrap_err();
    assert_eq!(error.class, Class::Internal);
    assert!(error.message.starts_with("charges: "), "{error}");
}
