//! Slots for requests: the limiter of [`pace`](crate::pace), with those who wait for their turn.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::{HttpClient, now};
use crate::pace::{Limiter, Limits, Position, Turn};
use crate::stripe::exchange::Outcome;

/// The slots of one account. Clones share them.
#[derive(Debug, Clone)]
pub struct Slots {
    shared: Arc<SharedLimiter>,
}

#[derive(Debug)]
struct SharedLimiter {
    limiter: Mutex<Limiter>,
    /// Rung whenever a slot was taken or came back, and whoever waits should ask again.
    moved: Notify,
}

impl SharedLimiter {
    fn lock(&self) -> MutexGuard<'_, Limiter> {
        // A panic while the lock was held has already been reported; the limiter is plain data.
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The slots of each account that somebody in this process reads, by [`HttpClient::fingerprint`].
static ACCOUNTS: LazyLock<Mutex<HashMap<[u8; 32], Weak<SharedLimiter>>>> = LazyLock::new(Mutex::default);

impl Slots {
    /// The slots of the account that the client reads: the same for all clients of the process that have its key and
    /// origin. The limits of the newest one count.
    #[must_use]
    pub fn of_account(client: &HttpClient, limits: Limits) -> Self {
        let mut accounts = ACCOUNTS.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.retain(|_, slots| slots.strong_count() > 0);
        if let Some(shared) = accounts.get(&client.fingerprint()).and_then(Weak::upgrade) {
            let slots = Self { shared };
            slots.set(limits);
            return slots;
        }
        let slots = Self::new(limits);
        accounts.insert(client.fingerprint(), Arc::downgrade(&slots.shared));
        slots
    }

    /// Slots of which none was taken yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { shared: Arc::new(SharedLimiter { limiter: Mutex::new(Limiter::new(limits)), moved: Notify::new() }) }
    }

    /// Other limits, from now on.
    pub fn set(&self, limits: Limits) {
        self.shared.lock().set(limits);
        self.shared.moved.notify_waiters();
    }

    /// Waits for a slot for a request to that endpoint, of which `left` are left to send. Dropping the future leaves the
    /// queue.
    pub async fn take(&self, endpoint: &'static str, left: f64) -> Slot {
        let shared = &self.shared;
        let queued = Queued { shared, position: shared.lock().queue(endpoint, left) };
        loop {
            let mut moved = std::pin::pin!(shared.moved.notified());
            moved.as_mut().enable();
            let turn = shared.lock().poll(queued.position, now().monotonic);
            match turn {
                Turn::Now => break,
                Turn::At(at) => drop(timeout(at.saturating_sub(now().monotonic), moved).await),
                Turn::Later => moved.await,
            }
        }
        // Leaving the queue, which it has left already, rings for those behind.
        drop(queued);
        Slot { shared: Arc::clone(shared), endpoint, state: SlotState::Unused }
    }
}

/// A position in the queue. Dropping it leaves the queue.
struct Queued<'slots> {
    shared: &'slots SharedLimiter,
    position: Position,
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.shared.lock().leave(self.position);
        self.shared.moved.notify_waiters();
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SlotState {
    Unused,
    Sent,
    Answered,
}

/// A slot for one request. Dropping it gives it back.
#[derive(Debug)]
#[must_use = "the slot is given back as soon as this is dropped"]
pub struct Slot {
    shared: Arc<SharedLimiter>,
    endpoint: &'static str,
    state: SlotState,
}

impl Slot {
    /// The request is sent: from here on it counts, whatever comes of it.
    pub const fn sent(&mut self) {
        self.state = SlotState::Sent;
    }

    /// What came of the request, after so long. The slot is not given back yet.
    pub fn answered(&mut self, outcome: &Outcome, took: Duration) {
        self.state = SlotState::Answered;
        self.shared.lock().answered(self.endpoint, outcome, took, now().monotonic);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        match self.state {
            SlotState::Unused => self.shared.lock().give_back(self.endpoint),
            SlotState::Sent | SlotState::Answered => self.shared.lock().done(),
        }
        self.shared.moved.notify_waiters();
    }
}
