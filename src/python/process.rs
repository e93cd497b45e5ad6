//! Tracks the process that uses things with threads of their own. A process that was forked off has a copy of them
//! without the threads: a caller that waits for them there waits for ever.

use std::sync::atomic::{AtomicU32, Ordering};

use pyo3::prelude::*;

use crate::error::{Error, Result};

/// The process that was the first to use something; 0 means none yet.
pub(super) struct Home(AtomicU32);

/// The process of the runtime that sends requests.
pub(super) static RUNTIME: Home = Home::new();
/// The process of delta-rs, which has a runtime of its own.
static DELTA_RS: Home = Home::new();

impl Home {
    const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// The process of something that is made now.
    pub(super) fn here() -> Self {
        Self(AtomicU32::new(std::process::id()))
    }

    /// Whether this process may use it.
    pub(super) fn is_here(&self) -> bool {
        let home = self.0.load(Ordering::Relaxed);
        home == 0 || home == std::process::id()
    }

    /// Refuses it to a process that was forked off from the one that used it.
    pub(super) fn check(&self) -> Result<()> {
        if self.is_here() {
            return Ok(());
        }
        Err(Error::usage(format!(
            "this process was forked from process {}, which had already used stripe_raw_rs or delta-rs, and a fork \
             does not copy their threads: start child processes with multiprocessing's \"spawn\" or \"forkserver\", or \
             use both in the children only",
            self.0.load(Ordering::Relaxed)
        )))
    }

    /// Uses it from now on, in this process only.
    pub(super) fn enter(&self) -> Result<()> {
        let _ = self.0.compare_exchange(0, std::process::id(), Ordering::Relaxed, Ordering::Relaxed);
        self.check()
    }
}

/// Say that this process uses delta-rs; to be called before each use.
///
/// Raises UsageError in a process that was forked from one that has called it: delta-rs' threads are not copied.
#[pyfunction]
pub(super) fn enter_delta_rs() -> PyResult<()> {
    Ok(DELTA_RS.enter()?)
}
