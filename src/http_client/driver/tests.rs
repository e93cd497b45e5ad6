//! A driver whose tasks go wrong; the tests of the whole cover a driver with a server.

use super::*;
use crate::checkpoint::{Attempt, History, plan};
use crate::error::Class;
use crate::http_client::{ApiKey, ByteBudget, HttpClient, Origin, Quota, Slots};
use crate::options::Options;
use crate::pace::{Limits, UNLIMITED};
use crate::page::Decoders;
use crate::run::RunContext;
use crate::stripe::entities::by_name;
use crate::stripe::scope::Scope;

/// A first run of charges.
fn new_run() -> Run {
    let options = Options::default();
    let attempt = Attempt {
        now: now(),
        owner: "me".to_owned(),
        holder_is_dead: false,
        take_over: false,
        give_up: None,
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
    };
    Run::new(plan(entity, &History::default(), &options, &attempt).unwrap(), context)
}

#[test]
fn a_task_that_panics_ends_the_run_and_nobody_waits_for_it() {
    // Without a clock of tokio's, the first request panics.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let options = Options::default();
    let key = ApiKey::parse("rk_test_any").unwrap();
    let origin = Origin::parse("http://127.0.0.1:9", key.mode()).unwrap();
    let resources = Resources {
        client: HttpClient::new(&key, origin, &options).unwrap(),
        buffers: ByteBudget::default(),
        decoders: Decoders::default(),
        slots: Slots::new(Limits::of(&options, UNLIMITED)),
        quota: Quota::new(0),
    };
    let driver = Driver::new(new_run());
    let _inside = runtime.enter();
    driver.begin(&resources).unwrap();
    let error = runtime.block_on(driver.next_group()).unwrap_err();
    assert_eq!(error.class, Class::Internal);
    assert!(error.message.starts_with("charges: "), "{error}");
}
