//! Checks the lists of single objects: each that a run begins is read to its end, and each that it owes is begun.

use std::collections::HashSet;
use std::sync::Arc;

use super::checks::ends;
use super::{At, Audit};
use crate::checkpoint::{Event, Kind};
use crate::error::{counted, foreign};
use crate::parents::Parents;
use crate::stripe::children::Parent;
use crate::stripe::entities::by_name;
use crate::walk::coverage::{self, Link};

impl Audit {
    /// What the list is in the objects of another one, if it is not the account's own.
    pub(super) fn parent(&self) -> Option<&'static Parent> {
        by_name(&self.entity)?.parent.as_ref()
    }

    pub(super) fn check_lists(&mut self, run_id: &str, events: &[Event]) {
        let begun = match coverage::begun(events.iter().filter_map(|event| event.kind.page()).map(Link::from)) {
            Ok(begun) => begun,
            Err(broken) => {
                let at = At { run_id, page_number: broken.page_number, request_id: None };
                let what = format!("it {}: an event is missing or altered", broken.reason);
                return self.findings.push(at.finding("gap", &what));
            }
        };
        let Some(end) = events.iter().find(|event| event.kind == Kind::Completed) else {
            if !events.iter().any(|event| ends(&event.kind)) {
                self.notes.push(format!("run {run_id} is not complete"));
            }
            return;
        };
        // Their refusal is on record, and the next run asks them again.
        let refused: HashSet<&str> = events.iter().filter_map(|event| event.kind.refused_list()).collect();
        let open = begun.iter().filter(|(_, chain)| chain.is_some()).map(|(parent, _)| Arc::clone(parent));
        let missing: Vec<Arc<str>> =
            open.chain(self.owed(end).into_iter().filter(|parent| !begun.contains_key(parent))).collect();
        let missing: Vec<Arc<str>> = missing.into_iter().filter(|parent| !refused.contains(&**parent)).collect();
        if let Some(first) = missing.first() {
            let what = format!(
                "is called complete, but the lists of {} not covered, that of {} first",
                counted(missing.len(), "object are", "objects are"),
                foreign(first)
            );
            self.run_finding("gap", run_id, &what);
        }
    }

    /// The parents that a run had to ask, by their rows.
    fn owed(&self, end: &Event) -> Vec<Arc<str>> {
        let (Some(parent), Some(rows), Some(span)) = (self.parent(), &self.parents, end.source.parents()) else {
            return Vec::new();
        };
        let mut parents = Parents::of(parent, end.source.relands);
        let is_among = |version: i64| span.from < version >> 32 && version >> 32 <= span.to;
        rows.iter()
            .filter(|row| row.account == end.account && is_among(row.version))
            .for_each(|row| parents.extend(row));
        parents.to_ask()
    }
}
