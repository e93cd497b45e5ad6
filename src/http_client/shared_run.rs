//! A run that several tasks share: the one that asks, those that fetch, and the caller that takes its groups.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Reservation;
use crate::error::{Class, Error};
use crate::run::Run;

#[derive(Debug)]
pub(super) struct SharedRun {
    state: Mutex<RunState>,
    /// Notified whenever the run may have something new to hand over.
    pub(super) changed: Notify,
    /// Notified whenever the run may have something new to ask.
    pub(super) answered: Notify,
}

#[derive(Debug)]
pub(super) struct RunState {
    pub(super) run: Run,
    /// The reservations of the pages that wait in the run, in their order; a page that was let pass has none.
    pub(super) reserved: VecDeque<Option<Reservation>>,
    /// The reservations of the group handed over last, until it is committed.
    pub(super) committing: Vec<Option<Reservation>>,
    /// Answers that wait for room. While there is one, nothing more is asked for.
    pub(super) waiting_for_room: usize,
}

impl RunState {
    /// Whether no page of the run has room in the buffers.
    pub(super) fn holds_nothing(&self) -> bool {
        self.reserved.iter().chain(&self.committing).all(Option::is_none)
    }
}

impl SharedRun {
    pub(super) fn new(run: Run) -> Self {
        let state = RunState { run, reserved: VecDeque::new(), committing: Vec::new(), waiting_for_room: 0 };
        Self { state: Mutex::new(state), changed: Notify::new(), answered: Notify::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, RunState> {
        // A panic while the lock was held has already been reported; the state is plain data.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the run if the task that holds this panics: callers that wait for that task would wait for ever.
pub(super) struct Alarm(pub(super) Arc<SharedRun>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut state = self.0.lock();
            let entity = state.run.entity().name;
            let what =
                "stripe-raw itself failed, and stderr shows where; the next run goes on from the last committed page";
            state.run.walk_mut().fail(Error::new(Class::Internal, format!("{entity}: {what}")));
            drop(state);
            self.0.changed.notify_waiters();
            self.0.answered.notify_waiters();
        }
    }
}
