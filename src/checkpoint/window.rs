//! The window of a new run: the seconds of `created` that it reads, from the history alone.

use super::{History, State};
use crate::options::Options;
use crate::stripe::entities::Entity;
use crate::stripe::exchange::Now;
use crate::stripe::window::Window;

/// Objects may become visible some minutes after their `created`: below this, the user is warned.
const SHORT_LOOKBACK_SECONDS: i64 = 600;
/// A day, in seconds.
pub(super) const DAY: i64 = 86_400;

/// Lower end of the window of a new run. `asked` is the one that the user asks for, which counts for the
/// first run.
pub(super) fn window(
    entity: &Entity,
    history: &History,
    options: &Options,
    asked: Option<i64>,
    now: Now,
    warnings: &mut Vec<String>,
) -> Option<i64> {
    if entity.parent.is_some() {
        // The window of the parents counts.
        return None;
    }
    if !entity.window.has_start() {
        if asked.is_some() {
            warnings.push("it cannot be read from a time on, so it is read whole: start changes nothing".to_owned());
        }
        return None;
    }
    if options.lookback_seconds < SHORT_LOOKBACK_SECONDS {
        warnings.push(format!(
            "lookback_seconds {} is under {SHORT_LOOKBACK_SECONDS}: objects that become visible late may be missed",
            options.lookback_seconds
        ));
    }
    let first = history.has_no_earlier_run() && (!history.is_open() || history.pages().next().is_none());
    if first {
        return asked;
    }
    if asked.is_some_and(|start| history.first_start() != Some(start)) {
        warnings.push("start counts for the first run only: it is ignored now".to_owned());
    }
    if history.reads_whole(entity, options, now) {
        return history.first_start();
    }
    let now = now.wall_micros.div_euclid(1_000_000);
    let start = next_start(history, options.lookback_seconds, now);
    let wished = history.watermark().map(|watermark| watermark.saturating_sub(options.lookback_seconds));
    if let Some((wished, start)) = wished.zip(start).filter(|(wished, start)| wished > start) {
        warnings.push(format!(
            "the window would begin in the future, at {}, so it begins at {}: a server's clock was wrong, or this \
             machine's is; objects of the time before may be missing; a run from scratch lands them",
            moment(wished.saturating_mul(1_000_000)),
            moment(start.saturating_mul(1_000_000)),
        ));
    }
    start.map(|start| start.min(relisted(history, options.relist_days, now)))
}

/// The oldest second that is listed again on request; no window reaches below that of the first run.
fn relisted(history: &History, days: u32, now: i64) -> i64 {
    if days == 0 {
        return i64::MAX;
    }
    let start = now.saturating_sub(i64::from(days) * DAY).max(0);
    history.first_start().map_or(start, |first| start.max(first))
}

/// Lower end of the window after the completed runs. It is not in the future.
fn next_start(history: &History, lookback_seconds: i64, now: i64) -> Option<i64> {
    match history.sound_watermark(lookback_seconds) {
        Some(watermark) => {
            let start = watermark.saturating_sub(lookback_seconds).min(now).max(0);
            Some(history.first_start().map_or(start, |first| start.max(first)))
        }
        None => history.completed().map_or_else(|| history.first_start(), |event| event.start_created_gte),
    }
}

impl History {
    /// Whether a run after the first one reads the whole list. If Stripe does not filter it, objects that were out of
    /// place, or became visible late, are found by that alone.
    fn reads_whole(&self, entity: &Entity, options: &Options, now: Now) -> bool {
        if entity.window != Window::Client {
            return entity.window == Window::Whole;
        }
        let every_micros = i64::from(options.whole_every_days) * DAY * 1_000_000;
        // A moment in the future is a wrong clock's.
        let is_recent = |at: i64| (0..every_micros).contains(&now.wall_micros.saturating_sub(at));
        !self.whole_at_micros().is_some_and(is_recent)
    }

    /// A line that says what the next run will do.
    #[must_use]
    pub fn next_run(&self, entity: &Entity, options: &Options, now: Now) -> String {
        let run_id = self.run_id().unwrap_or_default();
        if entity.parent.is_some() && !self.is_open() {
            return "asks for the lists of objects that land until then and do not show the whole".to_owned();
        }
        match self.state() {
            State::NeverRan => "reads the whole list, newest first".to_owned(),
            State::Unfinished | State::Failed => format!("goes on with run {run_id}"),
            State::Complete | State::GivenUp if self.reads_whole(entity, options, now) => {
                "reads the whole list again".to_owned()
            }
            State::Complete | State::GivenUp => {
                match next_start(self, options.lookback_seconds, now.wall_micros.div_euclid(1_000_000)) {
                    Some(start) => format!("reads what was created since {}", moment(start.saturating_mul(1_000_000))),
                    None => "reads the whole list, newest first".to_owned(),
                }
            }
        }
    }
}

/// A moment as people write it, to the second, UTC.
#[must_use]
pub fn moment(micros: i64) -> String {
    chrono::DateTime::from_timestamp_micros(micros)
        .map_or_else(|| "at an unknown time".to_owned(), |at| at.format("%Y-%m-%d %H:%M:%S UTC").to_string())
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::super::samples::{NOW, event, failed, started};
    use super::*;
    use crate::error::Class;
    use crate::stripe::entities::by_name;
    use std::time::Duration;

    #[test]
    fn what_the_next_run_will_do_is_one_line() {
        let begun = || event("A", 1, started(), None, None);
        let complete = |seen| vec![begun(), event("A", 1, Kind::Completed, None, seen)];
        let given_up = vec![begun(), event("A", 1, failed(Class::Reset), None, None)];
        let now = Now { monotonic: Duration::ZERO, wall_micros: NOW };
        for (list, events, line) in [
            ("charges", vec![], "reads the whole list, newest first"),
            ("charges", vec![begun()], "goes on with run A"),
            ("charges", vec![begun(), event("A", 1, failed(Class::Table), None, None)], "goes on with run A"),
            ("charges", complete(Some(86_400 + 60)), "reads what was created since 1970-01-02 00:00:00 UTC"),
            ("charges", complete(None), "reads the whole list, newest first"),
            ("charges", given_up, "reads the whole list, newest first"),
            ("accounts", complete(Some(86_400)), "reads the whole list again"),
            ("quotes", complete(Some(86_400)), "reads the whole list again"),
            (
                "invoices_lines",
                complete(None),
                "asks for the lists of objects that land until then and do not show the whole",
            ),
            ("invoices_lines", vec![begun()], "goes on with run A"),
        ] {
            let mut history = History::default();
            history.extend(events);
            let options = Options { lookback_seconds: 60, ..Options::default() };
            assert_eq!(history.next_run(by_name(list).unwrap(), &options, now), line);
        }
    }
}
