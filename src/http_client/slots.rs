//! Slots for requests: the limiter of [`pace`](crate::pace), with the waiters for a turn.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::{HttpClient, now};
use crate::pace::{Limiter, Limits, Position, Turn};
use crate::stripe::exchange::{Endpoint, Outcome};

/// The slots of one account. Clones share them.
#[derive(Debug, Clone)]
pub struct Slots {
    shared: Arc<SharedLimiter>,
}

#[derive(Debug)]
struct SharedLimiter {
    queue: Mutex<Queue>,
}

#[derive(Debug)]
struct Queue {
    limiter: Limiter,
    /// The bell of each waiter.
    bells: HashMap<Position, Arc<Notify>>,
}

impl SharedLimiter {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A panic while the lock was held has already been reported; the queue is plain data.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Wakes the next waiter, and no other: of thousands of waiters, all others would only find that it is not their
    /// turn.
    fn wake_next(&self) {
        let next = self.limiter.next(now().monotonic);
        if let Some(bell) = next.and_then(|position| self.bells.get(&position)) {
            bell.notify_one();
        }
    }
}

/// The slots of each account that this process reads, by [`HttpClient::fingerprint`].
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

    /// Slots, with none of them taken yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let queue = Queue { limiter: Limiter::new(limits), bells: HashMap::new() };
        Self { shared: Arc::new(SharedLimiter { queue: Mutex::new(queue) }) }
    }

    /// Other limits, from now on.
    pub fn set(&self, limits: Limits) {
        let mut queue = self.shared.lock();
        queue.limiter.set(limits);
        queue.wake_next();
    }

    /// Waits for a slot for a request to that endpoint; `remaining` is the number of requests that remain for it.
    /// Dropping the future leaves the queue.
    pub async fn take(&self, endpoint: &Endpoint, remaining: f64) -> Slot {
        let shared = &self.shared;
        let queued = Queued::new(shared, endpoint, remaining);
        loop {
            let turn = {
                let mut queue = shared.lock();
                let turn = queue.limiter.poll(queued.position, now().monotonic);
                if turn == Turn::Later {
                    // Another waiter is before this one, and may have been asleep until now.
                    queue.wake_next();
                }
                turn
            };
            match turn {
                Turn::Now => break,
                Turn::At(at) => drop(timeout(at.saturating_sub(now().monotonic), queued.bell.notified()).await),
                Turn::Later => queued.bell.notified().await,
            }
        }
        // It has left the queue already; dropping it wakes the next waiter.
        drop(queued);
        Slot { shared: Arc::clone(shared), endpoint: Arc::clone(endpoint), state: SlotState::Unused }
    }
}

/// A position in the queue. Dropping it leaves the queue.
struct Queued<'slots> {
    shared: &'slots SharedLimiter,
    position: Position,
    bell: Arc<Notify>,
}

impl<'slots> Queued<'slots> {
    fn new(shared: &'slots SharedLimiter, endpoint: &Endpoint, remaining: f64) -> Self {
        let mut queue = shared.lock();
        let (position, bell) = (queue.limiter.queue(endpoint, remaining), Arc::new(Notify::new()));
        queue.bells.insert(position, Arc::clone(&bell));
        Self { shared, position, bell }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.limiter.leave(self.position);
        queue.bells.remove(&self.position);
        queue.wake_next();
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
    endpoint: Endpoint,
    state: SlotState,
}

impl Slot {
    /// The request is sent: from now on it counts, with any outcome.
    pub const fn sent(&mut self) {
        self.state = SlotState::Sent;
    }

    /// Takes in the outcome of the request, which took that long. The slot is not given back yet.
    pub fn answered(&mut self, outcome: &Outcome, took: Duration) {
        self.state = SlotState::Answered;
        self.shared.lock().limiter.answered(&self.endpoint, outcome, took, now().monotonic);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        match self.state {
            SlotState::Unused => queue.limiter.give_back(&self.endpoint),
            SlotState::Sent | SlotState::Answered => queue.limiter.done(),
        }
        queue.wake_next();
    }
}
