//! Ctrl-C, for threads that Python knows nothing of: a library may read a stream there.

use pyo3::prelude::*;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::runtime::runtime;

/// Ctrl-C, if it would raise `KeyboardInterrupt`. Python hears of it as well: the handlers of a signal are all called.
pub(super) struct Interrupts(Option<Signal>);

impl Interrupts {
    /// A program that treats Ctrl-C in its own way goes on doing so.
    pub(super) fn of(py: Python<'_>) -> PyResult<Self> {
        let module = py.import("signal")?;
        let number = module.getattr("SIGINT")?;
        let handler = module.call_method1("getsignal", (&number,))?;
        if !handler.is(&module.getattr("default_int_handler")?) {
            return Ok(Self(None));
        }
        let _inside = runtime()?.enter();
        let signal = signal(SignalKind::interrupt()).ok();
        // Tokio's handler stays for as long as the process lives. Without this, it would have the system go on with a call
        // that Ctrl-C has interrupted, where Python raises its exception: in `Event.wait()` or in a read of a pipe, say.
        module.call_method1("siginterrupt", (number, true))?;
        Ok(Self(signal))
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        match &mut self.0 {
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        }
    }
}

/// Whether this is the thread in which Python answers signals.
pub(super) fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    let threading = py.import("threading")?;
    threading.call_method0("get_ident")?.eq(threading.call_method0("main_thread")?.getattr("ident")?)
}
