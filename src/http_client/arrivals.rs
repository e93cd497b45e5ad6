//! Limits how many long answers may arrive at the same time.
//!
//! The budget of the pages counts an answer when it is whole. Until then each one may have any length: so those that
//! turn out to be long wait for each other. Pages of most lists are shorter than the first length that waits.

use std::sync::{Arc, LazyLock};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// For each length in bytes: how many answers of at least that length may arrive at once. Nearly all stay below the
/// first.
const TIERS: [(usize, usize); 2] = [(1 << 20, 8), (8 << 20, 1)];

/// The tiers of a process. An answer that holds a place in one waits only for higher tiers, and in the last one for
/// nothing, so no answers wait in a circle.
#[derive(Debug)]
struct Tiers([(usize, Arc<Semaphore>); TIERS.len()]);

impl Tiers {
    fn new() -> Self {
        Self(TIERS.map(|(length, places)| (length, Arc::new(Semaphore::new(places)))))
    }
}

static SHARED: LazyLock<Arc<Tiers>> = LazyLock::new(|| Arc::new(Tiers::new()));

/// The places that an answer holds while it is longer than a tier's length; dropping it gives them back.
#[derive(Debug)]
#[must_use = "the places are given back as soon as this is dropped"]
pub struct Arrival {
    tiers: Arc<Tiers>,
    held: Vec<OwnedSemaphorePermit>,
}

impl Arrival {
    /// An answer of which nothing has arrived.
    pub(super) fn new() -> Self {
        Self { tiers: Arc::clone(&SHARED), held: Vec::new() }
    }

    /// Waits until an answer of that length, in bytes, may continue. Nearly all may at once.
    ///
    /// # Panics
    /// Never: the semaphores are never closed.
    pub(super) async fn admit(&mut self, length: usize) {
        while let Some((_, places)) = self.tiers.0.get(self.held.len()).filter(|(least, _)| length > *least) {
            let place = Arc::clone(places).acquire_owned().await;
            self.held.push(place.expect("the tiers' semaphores are never closed"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn is_admitted(arrival: &mut Arrival, length: usize) -> bool {
        pin!(arrival.admit(length)).poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    #[test]
    fn short_answers_never_wait_and_long_ones_wait_for_each_other() {
        let tiers = Arc::new(Tiers::new());
        let arrive = || Arrival { tiers: Arc::clone(&tiers), held: Vec::new() };
        let mut long: Vec<Arrival> = (0..8).map(|_| arrive()).collect();
        assert!(long.iter_mut().all(|arrival| is_admitted(arrival, 2 << 20)));
        let mut next = arrive();
        assert!(is_admitted(&mut next, 1 << 20) && !is_admitted(&mut next, (1 << 20) + 1));
        let longest =
            long.iter_mut().map(|arrival| is_admitted(arrival, 32 << 20)).filter(|admitted| *admitted).count();
        assert_eq!(longest, 1);
        drop(long.remove(0));
        assert!(is_admitted(&mut next, 2 << 20));
        assert!(is_admitted(&mut long[1], 32 << 20), "the place of the answer that is gone");
    }
}
