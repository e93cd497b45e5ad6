//! Limits how many requests one call may send, over all its lists.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use crate::error::{Class, Error, Result};
use crate::pace::SMALLEST_ALLOCATION;

/// Requests after which an estimate is worth a warning: first pages that are in a burst suggest thousands.
const ENOUGH_TO_TELL: u64 = SMALLEST_ALLOCATION / 10;

/// A number of requests to share, and the number sent so far. Clones share the same.
#[derive(Debug, Clone)]
pub struct Quota {
    shared: Arc<Counts>,
}

#[derive(Debug)]
struct Counts {
    /// How many may still be sent; `None` means no limit.
    remaining: Option<AtomicI64>,
    most: u64,
    sent: AtomicU64,
    warned: AtomicBool,
}

impl Quota {
    /// A quota of that many requests; 0 means no limit.
    #[must_use]
    pub fn new(most: u64) -> Self {
        let remaining = (most > 0).then(|| AtomicI64::new(i64::try_from(most).unwrap_or(i64::MAX)));
        Self { shared: Arc::new(Counts { remaining, most, sent: AtomicU64::new(0), warned: AtomicBool::new(false) }) }
    }

    /// Counts one request that is sent.
    ///
    /// # Errors
    /// [`Class::Budget`] if none is remaining.
    pub fn take(&self) -> Result<()> {
        let Counts { remaining, most, sent, .. } = &*self.shared;
        if let Some(remaining) = remaining
            && remaining.fetch_sub(1, Ordering::Relaxed) <= 0
        {
            remaining.fetch_add(1, Ordering::Relaxed);
            let message = format!("max_requests {most} is used up; the next run goes on where this one stops");
            return Err(Error::new(Class::Budget, message));
        }
        sent.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Takes in that about `remaining` requests remain for one of the lists. Warns, once, when that is more than half of
    /// Stripe's allotment.
    pub fn expect(&self, remaining: u64) {
        let sent = self.shared.sent.load(Ordering::Relaxed);
        let expected = sent + remaining;
        if sent >= ENOUGH_TO_TELL
            && expected > SMALLEST_ALLOCATION / 2
            && !self.shared.warned.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                target: "stripe_raw_rs",
                "about {expected} requests are needed, or more. Stripe allots an account {SMALLEST_ALLOCATION} reads in 30 \
                 days, and 500 for each of its transactions where that is more: the option max_requests stops before"
            );
        }
    }

    /// Takes one back: it was not sent after all.
    pub fn give_back(&self) {
        if let Some(remaining) = &self.shared.remaining {
            remaining.fetch_add(1, Ordering::Relaxed);
        }
        self.shared.sent.fetch_sub(1, Ordering::Relaxed);
    }
}
