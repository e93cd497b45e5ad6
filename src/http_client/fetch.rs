//! One request of an attempt: sent, answered, and given room before its run takes it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::resources::Resources;
use super::shared_attempt::{Alarm, SharedAttempt};
use super::{Arrival, ByteBudget, Reservation, Slot, log, now, random_unit};
use crate::run::{Member, page_bytes};
use crate::stripe::exchange::{Outcome, Request};
use crate::walk::{Effect, Ticket};

/// Sends a request of the run, and gives its outcome to the run.
pub(super) async fn fetch(
    shared: Arc<SharedAttempt>,
    resources: Resources,
    mut slot: Slot,
    (member, ticket): (Member, Ticket),
    request: Request,
) {
    let _alarm = Alarm(Arc::clone(&shared));
    let (outcome, arrival, received_at) = resources.send(&mut slot, &request).await;
    let (mut slot, mut arrival) = (Some(slot), Some(arrival));
    let reservation = reserve(&shared, &resources.buffers, &outcome, &mut slot, &mut arrival).await;
    let Some(reader) = shared.lock().attempt.reader() else { return };
    let received = resources.read(reader, outcome);
    let mut state = shared.lock();
    if slot.is_none() {
        state.waiting_for_room -= 1;
    }
    match state.attempt.handle_response(member, ticket, received, received_at, random_unit()) {
        Effect::Page => {
            state.reserved.entry(member).or_default().push_back(reservation);
            resources.quota.expect(state.attempt.progress().remaining);
        }
        Effect::Retry(wait, why) => log::retry(wait, &why),
        Effect::Nothing => {}
    }
    let has_news = state.attempt.has_news(now());
    let warnings = state.attempt.take_warnings(member);
    drop(state);
    log::warn(warnings);
    drop(arrival);
    if has_news {
        shared.changed.notify_waiters();
    }
    // The slot is given back only now, when the run knows what to ask next: an idle slot would split its list.
    drop(slot);
    shared.answered.notify_waiters();
}

/// Bytes of a page that may pass if there is no room: one such page of each list must do no harm.
const MAY_PASS: usize = 1 << 20;
/// From this number of bytes on, the memory of the table's writer counts as well: it copies such texts.
const LONG_PAGE: usize = 8 << 20;
const COPIES_OF_LONG: usize = 3;
/// If no room was given back for this time, none is expected any more.
const STALLED: Duration = Duration::from_secs(20);

/// Room for the answer in the process's buffers. If there is none, the gathered pages are committed at once, and the
/// slot is given back: a run from which nobody takes pages must not hold the slots of others.
async fn reserve(
    shared: &SharedAttempt,
    budget: &ByteBudget,
    outcome: &Outcome,
    slot: &mut Option<Slot>,
    arrival: &mut Option<Arrival>,
) -> Option<Reservation> {
    let Outcome::Answered(response) = outcome else { return None };
    let copies = if response.body.len() > LONG_PAGE { COPIES_OF_LONG } else { 1 };
    let bytes = copies * page_bytes(response.body.len());
    let mut room = pin!(budget.reserve(bytes));
    tokio::select! {
        biased;
        reservation = &mut room => return Some(reservation),
        () = std::future::ready(()) => {}
    }
    {
        let mut state = shared.lock();
        // A run that holds nothing has nothing to commit, and might wait for ever for others to commit: one page may
        // pass.
        if state.holds_nothing() && bytes <= MAY_PASS {
            return None;
        }
        state.attempt.flush();
        state.waiting_for_room += 1;
    }
    drop(slot.take());
    shared.changed.notify_waiters();
    loop {
        let returned = budget.returned();
        if let Ok(reservation) = timeout(STALLED, &mut room).await {
            return Some(reservation);
        }
        if returned == budget.returned() {
            // Nobody takes pages from the runs that hold the room. Others need not wait for this answer.
            drop(arrival.take());
            if shared.lock().holds_nothing() {
                return None;
            }
        }
    }
}
