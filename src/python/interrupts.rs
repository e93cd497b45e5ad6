//! Ctrl-C, for threads that Python knows nothing of: a library may read a stream there.

use pyo3::prelude::*;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ctrl-C, if it would raise `KeyboardInterrupt`. Python hears of it as well: the handlers of a signal are all called.
pub(super) struct Interrupts {
    are_wanted: bool,
    signal: Option<Signal>,
}

impl Interrupts {
    /// A program that treats Ctrl-C in its own way goes on doing so.
    pub(super) fn of(py: Python<'_>) -> PyResult<Self> {
        let module = py.import("signal")?;
        let handler = module.call_method1("getsignal", (module.getattr("SIGINT")?,))?;
        Ok(Self { are_wanted: handler.is(&module.getattr("default_int_handler")?), signal: None })
    }

    /// Waits for the next one; must be called within a runtime.
    pub(super) async fn next(&mut self) {
        if self.are_wanted && self.signal.is_none() {
            self.signal = signal(SignalKind::interrupt()).ok();
        }
        match &mut self.signal {
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        }
    }
}
