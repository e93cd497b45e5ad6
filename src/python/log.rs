//! The log lines of the compiled half, kept until Python asks: no thread of ours ever calls back.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

use crate::error::one_line;

/// Number of lines kept; the oldest are dropped first.
const KEPT: usize = 10_000;

static LINES: LazyLock<Mutex<VecDeque<(u8, String)>>> = LazyLock::new(|| Mutex::new(VecDeque::new()));

fn lines() -> MutexGuard<'static, VecDeque<(u8, String)>> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Collects this crate's events.
struct Collect;

impl<S: Subscriber> Layer<S> for Collect {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        if !event.metadata().target().starts_with("stripe_raw_rs") {
            return;
        }
        let mut line = Line::default();
        event.record(&mut line);
        let mut lines = lines();
        if lines.len() >= KEPT {
            lines.pop_front();
        }
        lines.push_back((level(*event.metadata().level()), one_line(&line.0)));
    }
}

/// The level in the numbers of Python's `logging`.
const fn level(level: Level) -> u8 {
    match level {
        Level::ERROR => 40,
        Level::WARN => 30,
        Level::INFO => 20,
        Level::DEBUG | Level::TRACE => 10,
    }
}

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let space = if self.0.is_empty() { "" } else { " " };
        // Writing to a String cannot fail.
        let _ = if field.name() == "message" {
            write!(self.0, "{space}{value:?}")
        } else {
            write!(self.0, "{space}{}={value:?}", field.name())
        };
    }
}

/// Begins to collect; a subscriber that is set already stays.
pub(super) fn install() {
    drop(tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Collect)));
}

/// Hands the lines over to `logging`. For calls that Python itself makes, and that wait: nobody asks for lines meanwhile.
pub(super) fn hand_over(py: Python<'_>) -> PyResult<()> {
    if !lines().is_empty() {
        py.import("stripe_raw_rs.progress")?.call_method0("drain_log")?;
    }
    Ok(())
}

/// The log of the compiled half since the last call: pairs of the level, as in `logging`, and the line.
///
/// The newest 10,000 lines are kept.
#[pyfunction]
pub(super) fn log_records() -> Vec<(u8, String)> {
    lines().drain(..).collect()
}
