//! Drives one run: sends its requests, gives it their outcomes, and hands over its groups.

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
use super::shared_run::{Alarm, SharedRun};
use crate::error::Result;
use crate::run::{Group, Run};

/// A run and the task that fetches for it. Dropping it ends the task.
#[derive(Debug)]
pub struct Driver {
    shared: Arc<SharedRun>,
    task: OnceLock<AbortHandle>,
}

impl Driver {
    /// A driver of a run that does not fetch yet.
    #[must_use]
    pub fn new(run: Run) -> Self {
        Self { shared: Arc::new(SharedRun::new(run)), task: OnceLock::new() }
    }

    /// The run itself, for calls that do not wait. Must not be called while the closure of another call runs.
    pub fn with<T>(&self, look: impl FnOnce(&mut Run) -> T) -> T {
        let result = look(&mut self.shared.lock().run);
        self.shared.changed.notify_waiters();
        self.shared.answered.notify_waiters();
        result
    }

    /// Begins to fetch, once; must be called within a runtime.
    ///
    /// # Errors
    /// The opening's steps were left out.
    pub fn begin(&self, resources: &Resources) -> Result<()> {
        if self.task.get().is_none() {
            self.with(|run| run.begin(now()))?;
            let resources = Resources { decoders: resources.decoders.for_list(), ..resources.clone() };
            let fetching = || fetch_all(Arc::clone(&self.shared), resources);
            self.task.get_or_init(|| tokio::spawn(fetching()).abort_handle());
        }
        Ok(())
    }

    /// Ends the fetching and gives the buffers back, even if other code still holds the run.
    pub fn stop(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
        {
            let mut state = self.shared.lock();
            state.run.discard();
            state.reserved.clear();
            state.committing.clear();
        }
        self.shared.changed.notify_waiters();
    }

    /// A future of the next group; a further call means that the group before has been committed. `None` at the end.
    pub fn next_group(&self) -> impl Future<Output = Result<Option<Group>>> + Send + 'static {
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

async fn next_group(shared: Arc<SharedRun>) -> Result<Option<Group>> {
    loop {
        let mut changed = pin!(shared.changed.notified());
        changed.as_mut().enable();
        let wait = {
            let mut state = shared.lock();
            state.committing.clear();
            if let Some(group) = state.run.poll_group(now())? {
                let pages = group.fetched.min(state.reserved.len());
                state.committing = state.reserved.drain(..pages).collect();
                return Ok(Some(group));
            }
            if let Some(error) = state.run.error() {
                return Err(error.clone());
            }
            if state.run.is_finished() {
                return Ok(None);
            }
            state.run.poll_timeout()
        };
        match wait {
            Some(at) => drop(timeout(at.saturating_sub(now().monotonic), changed).await),
            None => changed.await,
        }
    }
}

async fn fetch_all(shared: Arc<SharedRun>, resources: Resources) {
    let _alarm = Alarm(Arc::clone(&shared));
    let endpoint = Arc::clone(shared.lock().run.walk().endpoint());
    // This is dropped with this future, and with it all requests in flight.
    let mut requests = JoinSet::new();
    loop {
        let mut answered = pin!(shared.answered.notified());
        answered.as_mut().enable();
        let (wanted, retry, done) = {
            let state = shared.lock();
            let wanted = state.run.walk().wants(now()).filter(|_| state.waiting_for_room == 0);
            (wanted, state.run.walk().next_retry(), state.run.has_read_all())
        };
        if done {
            shared.changed.notify_waiters();
            return;
        }
        while requests.try_join_next().is_some() {}
        let retry_due = async {
            match retry {
                Some(at) => tokio::time::sleep(at.saturating_sub(now().monotonic)).await,
                None => std::future::pending().await,
            }
        };
        let Some(remaining) = wanted else {
            tokio::select! { () = answered => {} () = retry_due => {} }
            continue;
        };
        let slot = tokio::select! {
            biased;
            slot = resources.slots.take(&endpoint, remaining) => slot,
            // The number of remaining requests has changed, and so the turn may have changed.
            () = answered => continue,
        };
        let request = {
            let mut state = shared.lock();
            match resources.quota.take() {
                // An answer has begun to wait for room since the slot was asked for.
                Ok(()) if state.waiting_for_room > 0 => {
                    resources.quota.give_back();
                    None
                }
                Ok(()) => {
                    let request = state.run.walk_mut().poll_request(now());
                    if request.is_none() {
                        resources.quota.give_back();
                    }
                    request
                }
                Err(used_up) => {
                    state.run.walk_mut().stop_asking(used_up);
                    None
                }
            }
        };
        if let Some((ticket, request)) = request {
            requests.spawn(fetch(Arc::clone(&shared), resources.clone(), slot, ticket, request));
        }
    }
}
