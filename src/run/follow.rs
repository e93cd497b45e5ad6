//! Following changes: the objects that events report as changed, and the rows that they are compared with.

use std::collections::HashSet;

use super::{Condition, Run, Stage, Value};
use arrow_array::RecordBatch;

use crate::changes::{Change, EventIndex};
use crate::checkpoint::{Kind, LISTED_MICROS, Position, Source, Span, commit_version};
use crate::columns::Columns;
use crate::error::{Error, Result};
use crate::options::Repeats;
use crate::stripe::exchange::Now;
use crate::stripe::window::{Range, Window};
use crate::walk::{Terms, Work};

/// Most parts of a table that are read for the rows of changed objects: a condition for each second would be too long.
const MOST_PARTS: usize = 64;

impl Run {
    /// Whether it needs the rows of events: [`Run::follow`].
    #[must_use]
    pub fn follows(&self) -> bool {
        !self.gives_up() && !self.plan.has_no_news && self.span().is_some()
    }

    /// The rows of `events` that its plan names. A list of parents follows their rows.
    fn span(&self) -> Option<Span> {
        self.plan.source.span().filter(|_| self.entity().parent.is_none())
    }

    /// The rows of `events` that it follows.
    #[must_use]
    pub fn follows_from(&self) -> Option<Span> {
        self.span().filter(|_| self.follows())
    }

    /// Takes over the objects that have changed. The rows of `events` that its plan names must be among those of the index.
    ///
    /// # Errors
    /// It has begun: recovery has to know the changes to place what has landed of them.
    pub fn follow(&mut self, events: &EventIndex) -> Result<()> {
        let Some(span) = self.span().filter(|_| !self.gives_up()) else { return Ok(()) };
        if self.stage > Stage::Planned {
            return Err(Error::usage("a run is given the events that it follows before anything else"));
        }
        // Nothing that is older than the first run's start is ever landed.
        let first_start = self.plan.first_start.flatten();
        let mut changes = events.changes(self.entity(), span.from, span.to, span.since);
        changes.retain(|change| change.created.is_none() || change.created >= first_start);
        let asks_all = self.context.has_asked_lists;
        let in_lists = events.changes_in_lists(self.entity(), span.from, span.to, span.since, asks_all);
        let of_any_list = events.changes_in_lists(self.entity(), span.from, span.to, span.since, true);
        self.reports_more = !changes.is_empty() || !of_any_list.is_empty();
        let reported: HashSet<String> = changes.iter().map(|change| change.id.clone()).collect();
        changes.extend(in_lists.into_iter().filter(|change| !reported.contains(&change.id)));
        self.changed_ids = changes.iter().map(|change| change.id.clone()).collect();
        self.changes = Some(changes);
        self.reach_changes();
        Ok(())
    }

    /// The read of the raw table that shows the objects which have announced a change by now; `None` if there are none.
    #[must_use]
    pub fn due_rows(&self) -> Option<Vec<Condition>> {
        let (from, to) = self.plan.due.filter(|_| !self.gives_up() && self.plan.landed_before.is_some())?;
        Some(vec![
            ("_stripe_account", "=", Value::Text(self.context.scope.account.clone())),
            ("_due_at", ">=", Value::Timestamp(from)),
            ("_due_at", "<", Value::Timestamp(to)),
            ("_ingest_run_id", "<>", Value::Text(Some(self.plan.run_id.clone()))),
        ])
    }

    /// Takes in rows of that read, with [`DUE_COLUMNS`](super::DUE_COLUMNS): before the rows that it compares.
    ///
    /// # Errors
    /// Columns that this project does not write.
    pub fn add_due(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = Columns(batch);
        for row in 0..batch.num_rows() {
            let id = columns.required_text("_stripe_id", row)?;
            let created = columns.seconds("_stripe_created_at", row)?;
            if created.is_some() && self.changed_ids.insert(id.to_owned()) {
                let change = Change { id: id.to_owned(), created, report: None, is_in_list: false, is_tie: false };
                self.changes.get_or_insert_default().push(change);
            }
        }
        Ok(())
    }

    /// A list that Stripe does not filter is read down to the oldest object that has changed.
    pub(super) fn reach_changes(&mut self) {
        if self.entity().window != Window::Client {
            return;
        }
        // An object that does not say when it was created may be anywhere.
        let first_start = self.plan.first_start.unwrap_or(self.plan.start_created_gte);
        let down_to = self.changes().iter().map(|change| change.created.or(first_start)).min();
        self.plan.start_created_gte =
            down_to.map_or(self.plan.start_created_gte, |it| it.min(self.plan.start_created_gte));
    }

    pub(super) fn changes(&self) -> &[Change] {
        self.changes.as_deref().unwrap_or_default()
    }

    pub(super) fn require_changes(&self) -> Result<()> {
        if self.follows() && self.changes.is_none() {
            return Err(Error::usage("the run follows events: give it their rows before the first pair"));
        }
        Ok(())
    }

    /// Whether an object that is listed without a change lands again.
    pub(super) fn lands_all(&self) -> bool {
        self.plan.source.relands || self.context.options.repeats == Repeats::Land
    }

    /// The parts of the raw table that have the rows of changed objects which other reads leave out.
    pub(super) fn rows_of_changes(&self) -> Vec<Vec<Condition>> {
        let floor = self.plan.start_created_gte.filter(|_| !self.lands_all());
        let is_left_out = |second: &i64| floor.is_none_or(|floor| *second < floor);
        let mut seconds: Vec<i64> = self.changes().iter().filter_map(|change| change.created).collect();
        seconds.retain(is_left_out);
        let micros = |second: i64| Value::Timestamp(second.saturating_mul(1_000_000));
        let undated = || self.changes().iter().filter(|change| change.created.is_none());
        if undated().count() > MOST_PARTS {
            return vec![vec![]];
        }
        let of_undated = undated().map(|change| vec![("_stripe_id", "=", Value::Text(Some(change.id.clone())))]);
        parts(seconds)
            .into_iter()
            .map(|(first, last)| {
                let below = last.saturating_add(1);
                vec![
                    ("_stripe_created_at", ">=", micros(first)),
                    ("_stripe_created_at", "<", micros(floor.map_or(below, |floor| below.min(floor)))),
                ]
            })
            .chain(of_undated)
            .collect()
    }

    /// The work list, when the rows that it depends on have been read. `held` are the objects that have their row already.
    pub(super) fn work(&mut self, held: &HashSet<String>) -> Work {
        let terms = Terms {
            changes: self.plan.changes,
            api_version: &self.plan.stripe_version,
            expands: !self.plan.expand.is_empty(),
            is_filtered: self.entity().window.is_filtered(),
            floor: self.plan.start_created_gte,
            answered_before: self.plan.answered_before_micros.map(|micros| micros.div_euclid(1_000_000)),
        };
        let changes = self.changes.clone().unwrap_or_default();
        Work::new(changes, &self.overlap, &terms, |id| held.contains(id))
    }

    /// The part of the list below the list window in which the run may have pages. When an object was created, its rows may
    /// know better than events.
    pub(super) fn old_part(&self) -> Range {
        let first_start = self.plan.first_start.flatten();
        let oldest = self.changes().iter().map(|change| change.created.or(first_start)).min().flatten();
        Range { gte: oldest.min(self.plan.start_created_gte), lt: self.plan.start_created_gte }
    }
}

/// What a run records, so that later runs know how far changes were followed.
impl Run {
    /// The events that it follows. The end of a run of `events` is where others come to.
    pub(super) fn source(&self, kind: &Kind) -> Source {
        if *kind != Kind::Completed || !self.entity().has_events() {
            return self.plan.source;
        }
        let to = self.plan.source.to.map(|to| Position { epoch: self.plan.epoch, ..to });
        Source { to, ..self.plan.source }
    }

    /// Corrects the time from which on objects may be missing, when the first answer shows Stripe's clock.
    pub(super) fn correct_clock(&mut self) {
        let answered = self.walk.pages().iter().find_map(|fetched| fetched.answered);
        let is_first = self.plan.source.from.is_none() && self.plan.landed_before.is_none();
        let is_own = self.entity().parent.is_none() && (self.entity().has_events() || is_first);
        if let Some((answered, to)) = answered.zip(self.plan.source.to.as_mut()).filter(|_| is_own) {
            to.at_micros = answered.saturating_sub(self.context.options.lookback_seconds).saturating_mul(1_000_000);
        }
    }

    /// The newest answer that an event of this kind reports. Nobody knows the answers of a run that is given up.
    pub(super) fn answered_micros(&self, kind: &Kind, now: Now) -> Option<i64> {
        match kind {
            Kind::Completed | Kind::Page(_) => self.newest_answer(),
            kind if kind.gives_up() => Some(now.wall_micros),
            _ => None,
        }
    }

    fn newest_answer(&self) -> Option<i64> {
        self.answered.map(|seconds| seconds.saturating_mul(1_000_000))
    }

    /// Since when all events have landed, in a run of `events`. An event may be lost if the run's newest answer came too
    /// late after the beginning of the run before: Stripe no longer lists it then.
    pub(super) fn events_since(&self, is_at_end: bool) -> Option<i64> {
        let before = self.plan.events_since_micros;
        if !is_at_end || !self.entity().has_events() {
            return before;
        }
        let answered = self.newest_answer()?;
        let listed_since = answered.saturating_sub(LISTED_MICROS);
        let is_in_time = self.plan.source.from.is_some_and(|from| listed_since <= from.at_micros);
        // A first run may begin later.
        let start_micros = self.plan.start_created_gte.map_or(i64::MIN, |start| start.saturating_mul(1_000_000));
        if is_in_time { before } else { Some(listed_since.max(start_micros)) }
    }
}

/// The rows of `events` that landed after an attempt, of events since a second.
#[must_use]
pub fn fresh_events(account: Option<String>, from: i64, since: i64) -> Vec<Condition> {
    let version = Value::Long(commit_version(from.saturating_add(1), 0));
    [events_since(account, since), vec![("_commit_version", ">=", version)]].concat()
}

/// The rows of `events` of events since a second.
#[must_use]
pub fn events_since(account: Option<String>, since: i64) -> Vec<Condition> {
    let since = Value::Timestamp(since.saturating_mul(1_000_000));
    vec![("_stripe_account", "=", Value::Text(account)), ("_stripe_created_at", ">=", since)]
}

/// The oldest event of a span among these rows, in seconds since 1970; `None` if there are none.
///
/// # Errors
/// Columns that this project does not write.
pub fn oldest_event(batch: &RecordBatch, span: Span) -> Result<Option<i64>> {
    let columns = Columns(batch);
    let mut oldest = None;
    for row in 0..batch.num_rows() {
        if columns.required_long("_commit_version", row)? >= commit_version(span.from.saturating_add(1), 0)
            && let Some(created) = columns.seconds("_stripe_created_at", row)?
            && created >= span.since
        {
            oldest = Some(oldest.map_or(created, |known: i64| known.min(created)));
        }
    }
    Ok(oldest)
}

/// Seconds as parts that hold all of them, first and last second of each: those with the least between them together.
fn parts(mut seconds: Vec<i64>) -> Vec<(i64, i64)> {
    seconds.sort_unstable();
    seconds.dedup();
    let mut gaps: Vec<(i64, i64)> = seconds.windows(2).map(|pair| (pair[1].saturating_sub(pair[0]), pair[1])).collect();
    gaps.sort_unstable_by_key(|(length, _)| std::cmp::Reverse(*length));
    let begins: HashSet<i64> = gaps.into_iter().take(MOST_PARTS - 1).map(|(_, second)| second).collect();
    let mut parts: Vec<(i64, i64)> = Vec::new();
    for second in seconds {
        match parts.last_mut().filter(|_| !begins.contains(&second)) {
            Some((_, last)) => *last = second,
            None => parts.push((second, second)),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_as_many_parts_as_a_condition_can_have() {
        assert_eq!(parts(vec![]), []);
        assert_eq!(parts(vec![7, 3, 7]), [(3, 3), (7, 7)]);
        let far: Vec<i64> = (0..100).map(|at| at * at).collect();
        let parts = parts(far.clone());
        assert_eq!((parts.len(), parts[0], parts[63]), (MOST_PARTS, (0, 36 * 36), (99 * 99, 99 * 99)));
        assert!(far.iter().all(|second| parts.iter().any(|(first, last)| (first..=last).contains(&second))));
    }
}
