//! An attempt that several tasks share: the one that asks, those that fetch, and the caller that takes its groups.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Reservation;
use crate::error::{Class, Error};
use crate::run::{Attempt, Member};

#[derive(Debug)]
pub(super) struct SharedAttempt {
    state: Mutex<AttemptState>,
    /// Notified whenever the attempt may have something new to hand over.
    pub(super) changed: Notify,
    /// Notified whenever the attempt may have something new to ask.
    pub(super) answered: Notify,
}

#[derive(Debug)]
pub(super) struct AttemptState {
    pub(super) attempt: Attempt,
    /// The reservations of the pages that wait in each run, in their order; a page that was let pass has none.
    pub(super) reserved: HashMap<Member, VecDeque<Option<Reservation>>>,
    /// The reservations of the group handed over last, until it is committed.
    pub(super) committing: Vec<Option<Reservation>>,
    /// Answers that wait for room. While there is one, nothing more is asked for.
    pub(super) waiting_for_room: usize,
}

impl AttemptState {
    /// Whether no page of the attempt has room in the buffers.
    pub(super) fn holds_nothing(&self) -> bool {
        self.reserved.values().flatten().chain(&self.committing).all(Option::is_none)
    }

    /// The room of these pages is given back when the group that has them is committed.
    pub(super) fn hand_over(&mut self, fetched: &[(Member, usize)]) {
        for (member, pages) in fetched {
            let Some(reserved) = self.reserved.get_mut(member) else { continue };
            let pages = (*pages).min(reserved.len());
            self.committing.extend(reserved.drain(..pages));
            if reserved.is_empty() {
                self.reserved.remove(member);
            }
        }
    }
}

impl SharedAttempt {
    pub(super) fn new(attempt: Attempt) -> Self {
        let state = AttemptState { attempt, reserved: HashMap::new(), committing: Vec::new(), waiting_for_room: 0 };
        Self { state: Mutex::new(state), changed: Notify::new(), answered: Notify::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, AttemptState> {
        // A panic while the lock was held has already been reported; the state is plain data.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the attempt if the task that holds this panics: callers that wait for that task would wait for ever.
pub(super) struct Alarm(pub(super) Arc<SharedAttempt>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut state = self.0.lock();
            let entity = state.attempt.entity().name;
            let what =
                "stripe-raw itself failed, and stderr shows where; the next run goes on from the last committed page";
            state.attempt.fail(&Error::new(Class::Internal, format!("{entity}: {what}")));
            drop(state);
            self.0.changed.notify_waiters();
            self.0.answered.notify_waiters();
        }
    }
}
