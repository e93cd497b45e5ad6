//! Compares what runs have landed with the events that they followed.

use std::collections::{BTreeMap, HashMap};

use super::{Audit, RunKey, RunRows};
use crate::changes::EventIndex;
use crate::checkpoint::{Event, Kind};
use crate::error::{Result, counted, foreign};
use crate::raw::Row;
use crate::stripe::entities::{Entity, by_name};

/// An event is at most that old when its object lands.
const KEPT_SECONDS: i64 = 40 * 86_400;

impl Audit {
    /// Says how a row whose payload was in an event differs from that event.
    pub(super) fn differs_from_event(&self, row: &Row<'_>, event_id: &str, sha256: [u8; 32]) -> Result<Option<String>> {
        let (Some(reports), Some(entity)) = (&self.reports, self.list()) else { return Ok(None) };
        let index = reports.get(&row.account()?.map(str::to_owned));
        let report = index.and_then(|index| index.report(entity, row.id, event_id));
        let (id, event) = (foreign(row.id), foreign(event_id));
        let oldest = index.and_then(EventIndex::oldest);
        let landed_at = row.ingested_at_micros()?.div_euclid(1_000_000);
        Ok(match report {
            // The events of that time were erased.
            None if oldest.is_none_or(|oldest| landed_at < oldest.saturating_add(KEPT_SECONDS)) => None,
            None => {
                Some(format!("{id} is said to be from event {event}, which has not landed, or is about another object"))
            }
            Some(report) if report.sha256 != sha256 => Some(format!("{id} is not as event {event} has it")),
            Some(_) => None,
        })
    }

    /// Checks that each object that has changed, according to the events that a complete run followed, has a row: of that
    /// run, or an older one with the same content.
    pub(super) fn check_changes(
        &mut self,
        events: &BTreeMap<(Option<String>, String), Vec<Event>>,
        rows: &HashMap<RunKey, RunRows>,
    ) {
        let (Some(reports), Some(entity)) = (self.reports.clone(), self.list()) else { return };
        let landed = first_landings(events, rows);
        for ((account, run_id), run) in events {
            let Some(end) = run.iter().find(|event| event.kind == Kind::Completed) else { continue };
            let Some((span, index)) = end.source.span().zip(reports.get(account)) else { continue };
            let has_row = |id: &str| landed.get(&(account.as_deref(), id)).is_some_and(|first| *first <= end.epoch);
            let first_start = end.carried.as_ref().and_then(|carried| carried.first_start);
            let changes = index.changes(entity, span.from, span.to, span.since).into_iter();
            let owed = changes.filter(|change| change.created.is_none() || change.created >= first_start);
            let missing: Vec<String> = owed.filter(|change| !has_row(&change.id)).map(|change| change.id).collect();
            let was_refused = run.iter().any(|event| event.kind.refused().is_some());
            if let Some(first) = missing.first().filter(|_| !was_refused) {
                let what = format!(
                    "has no row for {} that had changed, {} first",
                    counted(missing.len(), "object", "objects"),
                    foreign(first)
                );
                self.run_finding("change missing", run_id, &what);
            }
        }
    }

    fn list(&self) -> Option<&'static Entity> {
        by_name(&self.entity)
    }
}

/// The first attempt of the oldest run that has a row of each object, by account and id.
fn first_landings<'run>(
    events: &'run BTreeMap<RunKey, Vec<Event>>,
    rows: &'run HashMap<RunKey, RunRows>,
) -> HashMap<(Option<&'run str>, &'run str), i64> {
    let mut landed = HashMap::new();
    for (key, run) in events {
        let account = &key.0;
        let Some((epoch, rows)) = run.iter().map(|event| event.epoch).min().zip(rows.get(key)) else { continue };
        for id in &rows.ids {
            let first = landed.entry((account.as_deref(), id.as_str())).or_insert(epoch);
            *first = epoch.min(*first);
        }
    }
    landed
}
