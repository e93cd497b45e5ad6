//! Limits how many bytes of answers may be in memory at once, over all entities of the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that one permit stands for. A semaphore hands out at most `u32::MAX` permits at a time, so permits for single
/// bytes would end at 4 GiB; no caller needs a finer unit.
const BYTES_PER_PERMIT: usize = 1024;

/// A number of bytes to share. Clones share the same bytes.
#[derive(Debug, Clone)]
pub struct ByteBudget {
    permits: Arc<Semaphore>,
    total: u32,
    /// Number of reservations that were given back so far.
    returned: Arc<AtomicU64>,
}

impl ByteBudget {
    /// Default budget of a process, in bytes: 128 MiB.
    pub const BYTES: usize = 128 * 1024 * 1024;

    /// A budget of that many bytes, rounded up to whole KiB, at least one.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let total = permits(bytes).max(1);
        let permits = usize::try_from(total).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { permits: Arc::new(Semaphore::new(permits)), total, returned: Arc::default() }
    }

    /// Number of reservations that were given back so far. While it stays the same, no waiter makes progress.
    #[must_use]
    pub fn returned(&self) -> u64 {
        self.returned.load(Ordering::Relaxed)
    }

    /// Waits until that many bytes (rounded up to whole KiB) are free, and takes them until the reservation is dropped.
    /// The first waiter is served first, so small reservations cannot starve a large one. A reservation of more than
    /// the whole budget takes all of it: one oversized answer passes alone instead of waiting for ever.
    ///
    /// # Panics
    /// Never: the semaphore lives as long as the budget and is never closed.
    pub async fn reserve(&self, bytes: usize) -> Reservation {
        let wanted = permits(bytes).min(self.total);
        let held = Arc::clone(&self.permits).acquire_many_owned(wanted).await;
        let held = held.expect("the budget's semaphore is never closed");
        Reservation { _held: held, returned: Arc::clone(&self.returned) }
    }
}

impl Default for ByteBudget {
    /// The budget of a process, [`ByteBudget::BYTES`].
    fn default() -> Self {
        Self::new(Self::BYTES)
    }
}

fn permits(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(BYTES_PER_PERMIT)).unwrap_or(u32::MAX)
}

/// Bytes taken from a [`ByteBudget`]; dropping it gives them back.
#[derive(Debug)]
#[must_use = "the bytes are given back as soon as this is dropped"]
pub struct Reservation {
    _held: OwnedSemaphorePermit,
    returned: Arc<AtomicU64>,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.returned.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn bytes_come_back_when_a_reservation_is_dropped() {
        let budget = ByteBudget::new(10 * 1024);
        let Poll::Ready(first) = poll(pin!(budget.reserve(6 * 1024))) else { panic!("10 KiB are free") };
        let shared = budget.clone();
        let mut second = pin!(shared.reserve(5 * 1024));
        assert!(poll(second.as_mut()).is_pending());
        assert_eq!(budget.returned(), 0);
        drop(first);
        assert_eq!(shared.returned(), 1);
        assert!(poll(second.as_mut()).is_ready());
    }

    #[test]
    fn an_answer_larger_than_the_budget_takes_all_of_it() {
        let budget = ByteBudget::new(4 * 1024);
        let Poll::Ready(all) = poll(pin!(budget.reserve(usize::MAX))) else { panic!("it would hang for ever") };
        assert!(poll(pin!(budget.reserve(1))).is_pending());
        drop(all);
        assert!(poll(pin!(budget.reserve(1))).is_ready());
    }

    #[test]
    fn a_large_reservation_is_not_overtaken_by_small_ones() {
        let budget = ByteBudget::new(4 * 1024);
        let Poll::Ready(first) = poll(pin!(budget.reserve(1024))) else { panic!("4 KiB are free") };
        let mut large = pin!(budget.reserve(4 * 1024));
        assert!(poll(large.as_mut()).is_pending());
        let mut small = pin!(budget.reserve(1));
        assert!(poll(small.as_mut()).is_pending());
        drop(first);
        assert!(poll(large.as_mut()).is_ready());
    }

    #[test]
    fn the_budget_of_a_process_is_128_mib() {
        assert_eq!(ByteBudget::default().permits.available_permits(), 128 * 1024);
        assert_eq!(ByteBudget::new(0).permits.available_permits(), 1);
    }
}
