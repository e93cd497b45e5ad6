//! Drives one run: sends what it asks for, tells it what came of it, and hands its groups over.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::{ByteBudget, HttpClient, Reservation, now, random_unit};
use crate::error::Result;
use crate::exchange::{Outcome, Request};
use crate::run::{Group, Run, page_bytes};

/// A run and the task that fetches for it. Dropping it ends the task.
#[derive(Debug)]
pub struct Driver {
    shared: Arc<Shared>,
    task: OnceLock<AbortHandle>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Rung whenever the run may have something new to hand over.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    run: Run,
    /// What the pages waiting in the run have reserved, in their order.
    reserved: VecDeque<Reservation>,
    /// What the group handed over last has reserved, until it is committed.
    committing: Vec<Reservation>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held has already been reported; the state is plain data.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Driver {
    /// A driver of a run that does not fetch yet.
    #[must_use]
    pub fn new(run: Run) -> Self {
        let state = Mutex::new(State { run, reserved: VecDeque::new(), committing: Vec::new() });
        Self { shared: Arc::new(Shared { state, changed: Notify::new() }), task: OnceLock::new() }
    }

    /// The run itself, for what needs no waiting. Must not be called while the closure of another call runs.
    pub fn with<T>(&self, look: impl FnOnce(&mut Run) -> T) -> T {
        let result = look(&mut self.shared.lock().run);
        self.shared.changed.notify_waiters();
        result
    }

    /// Begins to fetch, once; must be called within a runtime.
    ///
    /// # Errors
    /// The opening's steps were left out.
    pub fn begin(&self, client: &HttpClient, budget: &ByteBudget) -> Result<()> {
        if self.task.get().is_none() {
            self.with(|run| run.begin(now()))?;
            let fetching = || fetch_all(Arc::clone(&self.shared), client.clone(), budget.clone());
            self.task.get_or_init(|| tokio::spawn(fetching()).abort_handle());
        }
        Ok(())
    }

    /// Ends the fetching and gives the buffers back, whoever still holds on to the run.
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

    /// A future of the next group; asking again says that the group before has been committed. `None` at the end.
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

/// How often a caller that waits looks up, to see whether it should stop.
const TICK: Duration = Duration::from_millis(100);

/// What the future answers, if it does so within a tick (100 ms).
pub async fn within_a_tick<F: Future>(future: F) -> Option<F::Output> {
    timeout(TICK, future).await.ok()
}

async fn next_group(shared: Arc<Shared>) -> Result<Option<Group>> {
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

async fn fetch_all(shared: Arc<Shared>, client: HttpClient, budget: ByteBudget) {
    loop {
        let mut changed = pin!(shared.changed.notified());
        changed.as_mut().enable();
        let (request, wait, done) = {
            let mut state = shared.lock();
            let request = state.run.poll_request(now());
            (request, state.run.retry_pending(now()).map(|(wait, _)| wait), state.run.has_fetched_all())
        };
        if done {
            shared.changed.notify_waiters();
            return;
        }
        match (request, wait) {
            (Some(request), _) => fetch(&shared, &client, &budget, &request).await,
            (None, Some(wait)) => drop(timeout(wait, changed).await),
            (None, None) => changed.await,
        }
    }
}

async fn fetch(shared: &Shared, client: &HttpClient, budget: &ByteBudget, request: &Request) {
    let outcome = client.send(request).await;
    let received = now();
    let reservation = reserve(shared, budget, &outcome).await;
    let mut state = shared.lock();
    let retries = state.run.progress().retries;
    if state.run.handle_response(outcome, received, random_unit()) {
        state.reserved.extend(reservation);
    }
    if state.run.progress().retries > retries {
        let (wait, why) = state.run.retry_pending(now()).unwrap_or_default();
        tracing::info!(target: "stripe_raw_rs", "tries again in {:.1} s: {why}", wait.as_secs_f64());
    }
    let has_news = state.run.has_news(now());
    drop(state);
    if has_news {
        shared.changed.notify_waiters();
    }
}

/// Room for the answer in the process's buffers. Where there is none, what has gathered is to be committed at once.
async fn reserve(shared: &Shared, budget: &ByteBudget, outcome: &Outcome) -> Option<Reservation> {
    let Outcome::Answered(response) = outcome else { return None };
    let mut room = pin!(budget.reserve(page_bytes(response.body.len())));
    tokio::select! {
        biased;
        reservation = &mut room => return Some(reservation),
        () = std::future::ready(()) => {}
    }
    {
        let mut state = shared.lock();
        // Who holds nothing has nothing to commit, and might wait for ever for others to commit: one page may pass.
        if state.reserved.is_empty() && state.committing.is_empty() {
            return None;
        }
        state.run.press();
    }
    shared.changed.notify_waiters();
    Some(room.await)
}
