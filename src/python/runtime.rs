//! The runtime that sends requests, and waiting for its work.

use pyo3::prelude::*;
use tokio::runtime::Runtime;

use super::process::RUNTIME;
use crate::error::Result;
use crate::http_client::within_a_tick;

/// The process's runtime, shared with the futures that Python awaits. Refused to a process that was forked off since it
/// was used first: there it would have no threads.
pub(super) fn runtime() -> Result<&'static Runtime> {
    RUNTIME.enter()?;
    Ok(pyo3_async_runtimes::tokio::get_runtime())
}

/// Waits for the answer of a future, and reacts to Ctrl-C meanwhile.
pub(super) fn wait<F: Future<Output: Send> + Send>(py: Python<'_>, future: F) -> PyResult<F::Output> {
    let runtime = runtime()?;
    let mut asking = Box::pin(future);
    loop {
        if let Some(answer) = py.detach(|| runtime.block_on(within_a_tick(asking.as_mut()))) {
            return Ok(answer);
        }
        py.check_signals()?;
    }
}
