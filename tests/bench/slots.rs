//! The cost of a slot for the task that takes it, with few and with many others waiting for one.

use std::hint::black_box;
use std::time::Duration;

use stripe_raw_rs::http_client::{Slots, now};
use stripe_raw_rs::pace::{Limits, Rates};
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

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build();
    let runtime = runtime.expect("a runtime");
    let [few, many] = [10, 5_000].map(|waiting| {
        let took = runtime.block_on(slots(waiting));
        println!("{waiting:>5} waiting: {:>6.2} µs a slot", took.as_secs_f64() * 1e6);
        took.as_secs_f64()
    });
    println!("{:>5.2} × as much with 5,000 as with 10", many / few);
}

/// The time for one slot if so many wait at any moment.
async fn slots(waiting: usize) -> Duration {
    let rates = Rates { overall: 1e9, endpoint: 1e9 };
    let slots = Slots::new(Limits { rates, at_once: 4 });
    let mut tasks = JoinSet::new();
    let began = now().monotonic;
    for number in 0..waiting {
        let slots = slots.clone();
        let endpoint = Endpoint::from(LISTS[number % LISTS.len()]);
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
