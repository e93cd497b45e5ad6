//! The cost of a slot, with few and with many others waiting for one: of the limiter alone, and of the tasks that wait.

use std::hint::black_box;
use std::time::Duration;

use stripe_raw_rs::http_client::{Slots, now};
use stripe_raw_rs::pace::{Limiter, Limits, Rates, Turn};
use stripe_raw_rs::stripe::exchange::Endpoint;
use tokio::task::JoinSet;

const LISTS: [&str; 8] = [
    "/v1/charges",
    "/v1/refunds",
    "/v1/invoices",
    "/v1/payouts",
    "/v1/events",
    "/v1/disputes",
    "/v1/customers",
    "/v1/transfers",
];
const SLOTS: usize = 20_000;
const LIMITS: Limits = Limits { rates: Rates { overall: 1e9, endpoint: 1e9 }, at_once: 4 };

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build();
    let runtime = runtime.expect("a runtime");
    print("the limiter alone", limiter);
    print("with the tasks that wait", |waiting| runtime.block_on(slots(waiting)));
}

fn print(what: &str, slots: impl Fn(usize) -> Duration) {
    let [few, many] = [10, 5_000].map(|waiting| slots(waiting).as_secs_f64() * 1e6);
    println!("{what}: {few:.2} µs a slot with 10 waiting, {many:.2} µs with 5,000: {:.2} ×", many / few);
}

fn endpoint(number: usize) -> Endpoint {
    LISTS[number % LISTS.len()].into()
}

/// The time for one slot in a limiter with so many waiters.
fn limiter(waiting: usize) -> Duration {
    let endpoints: Vec<Endpoint> = (0..LISTS.len()).map(endpoint).collect();
    let mut limiter = Limiter::new(LIMITS);
    for number in 0..waiting {
        limiter.queue(&endpoints[number % LISTS.len()], 100.0);
    }
    let began = now().monotonic;
    for number in 0..SLOTS {
        let at = now().monotonic;
        let next = limiter.next(at).expect("somebody waits");
        assert_eq!(limiter.poll(next, at), Turn::Now);
        limiter.done();
        limiter.queue(&endpoints[number % LISTS.len()], 100.0);
    }
    now().monotonic.saturating_sub(began) / u32::try_from(SLOTS).unwrap_or(u32::MAX)
}

/// The time for one slot if so many tasks wait at any moment.
async fn slots(waiting: usize) -> Duration {
    let slots = Slots::new(LIMITS);
    let mut tasks = JoinSet::new();
    let began = now().monotonic;
    for number in 0..waiting {
        let (slots, endpoint) = (slots.clone(), endpoint(number));
        tasks.spawn(async move {
            for _ in 0..SLOTS.div_ceil(waiting) {
                let mut slot = slots.take(&endpoint, 100.0).await;
                slot.sent();
                drop(black_box(slot));
            }
        });
    }
    while tasks.join_next().await.is_some() {}
    let taken = u32::try_from(SLOTS.div_ceil(waiting) * waiting).unwrap_or(u32::MAX);
    now().monotonic.saturating_sub(began) / taken
}
