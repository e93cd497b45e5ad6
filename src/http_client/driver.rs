//! Drives one attempt: sends its requests, gives it their outcomes, and hands over its groups.

#[cfg(test)]
mod tests;

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use super::fetch::fetch;
use super::now;
use super::resources::Resources;
use super::shared_attempt::{Alarm, SharedAttempt};
use crate::error::Result;
use crate::run::{Attempt, JointGroup};

/// An attempt and the task that fetches for it. Dropping it ends the task.
#[derive(Debug)]
pub struct Driver {
    shared: Arc<SharedAttempt>,
    task: OnceLock<AbortHandle>,
}

impl Driver {
    /// A driver of an attempt that does not fetch yet.
    #[must_use]
    pub fn new(attempt: Attempt) -> Self {
        Self { shared: Arc::new(SharedAttempt::new(attempt)), task: OnceLock::new() }
    }

    /// The attempt itself, for calls that do not wait. Must not be called while the closure of another call runs.
    pub fn with<T>(&self, look: impl FnOnce(&mut Attempt) -> T) -> T {
        let result = look(&mut self.shared.lock().attempt);
        self.shared.changed.notify_waiters();
        self.shared.answered.notify_waiters();
        result
    }

    /// Lets the runs begin that have been prepared, and begins to fetch, once; must be called within a runtime.
    ///
    /// # Errors
    /// The opening's steps were left out.
    pub fn begin(&self, resources: &Resources) -> Result<()> {
        self.with(|attempt| attempt.begin(now()))?;
        if self.task.get().is_none() {
            let resources = Resources { decoders: resources.decoders.for_list(), ..resources.clone() };
            let fetching = || fetch_all(Arc::clone(&self.shared), resources);
            self.task.get_or_init(|| tokio::spawn(fetching()).abort_handle());
        }
        Ok(())
    }

    /// Ends the fetching and gives the buffers back, even if other code still holds the attempt.
    pub fn stop(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
        {
            let mut state = self.shared.lock();
            state.attempt.discard();
            state.reserved.clear();
            state.committing.clear();
        }
        self.shared.changed.notify_waiters();
    }

    /// A future of the next group; a further call means that the group before has been committed. `None` at the end, and
    /// if the attempt has room for more runs.
    pub fn next_group(&self) -> impl Future<Output = Result<Option<JointGroup>>> + Send + 'static {
        next_group(Arc::clone(&self.shared))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

/// How often a caller that waits checks whether it should stop.
const TICK: Duration = Duration::from_millis(100);

/// The future's result, if it comes within a tick (100 ms).
pub async fn within_a_tick<F: Future>(future: F) -> Option<F::Output> {
    timeout(TICK, future).await.ok()
}

async fn next_group(shared: Arc<SharedAttempt>) -> Result<Option<JointGroup>> {
    loop {
        let mut changed = pin!(shared.changed.notified());
        changed.as_mut().enable();
        let wait = {
            let mut state = shared.lock();
            state.committing.clear();
            if let Some(group) = state.attempt.poll_group(now())? {
                state.hand_over(&group.fetched);
                return Ok(Some(group));
            }
            if let Some(error) = state.attempt.error() {
                return Err(error.clone());
            }
            if state.attempt.is_finished() || state.attempt.wants_more() {
                return Ok(None);
            }
            state.attempt.poll_timeout()
        };
        match wait {
            Some(at) => drop(timeout(at.saturating_sub(now().monotonic), changed).await),
            None => changed.await,
        }
    }
}

async fn fetch_all(shared: Arc<SharedAttempt>, resources: Resources) {
    let _alarm = Alarm(Arc::clone(&shared));
    let endpoint = shared.lock().attempt.endpoint();
    // This is dropped with this future, and with it all requests in flight.
    let mut requests = JoinSet::new();
    loop {
        let mut answered = pin!(shared.answered.notified());
        answered.as_mut().enable();
        let (wanted, retry, done) = {
            let state = shared.lock();
            let wanted = state.attempt.wants(now()).filter(|_| state.waiting_for_room == 0);
            (wanted, state.attempt.next_retry(), state.attempt.has_read_all())
        };
        if done {
            shared.changed.notify_waiters();
            return;
        }
        while requests.try_join_next().is_some() {}
        let Some(slot) = resources.turn(&endpoint, wanted, retry, answered).await else { continue };
        let request = {
            let mut state = shared.lock();
            match resources.quota.take() {
                // An answer has begun to wait for room since the slot was asked for.
                Ok(()) if state.waiting_for_room > 0 => {
                    resources.quota.give_back();
                    None
                }
                Ok(()) => {
                    let request = state.attempt.poll_request(now());
                    if request.is_none() {
                        resources.quota.give_back();
                    }
                    request
                }
                Err(used_up) => {
                    state.attempt.stop_asking(&used_up);
                    None
                }
            }
        };
        match request {
            Some((member, ticket, request)) => {
                requests.spawn(fetch(Arc::clone(&shared), resources.clone(), slot, (member, ticket), request));
            }
            // A run that has nothing to read may have begun, and no answer will tell the caller that it can be committed.
            None => shared.changed.notify_waiters(),
        }
    }
}
