//! The events that have landed, by the object that they are about.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow_array::RecordBatch;

use super::event::{Told, ToldOfItem, read, read_item};
use super::{Change, Report};
use crate::columns::Columns;
use crate::error::Result;
use crate::stripe::entities::Entity;

/// The columns of the raw table of `events` that [`EventIndex::add`] reads.
pub const COLUMNS: [&str; 3] = ["_stripe_id", "_commit_version", "_raw_json"];

/// A report, and the attempt that first landed it.
#[derive(Debug)]
struct Known {
    report: Arc<Report>,
    epoch: i64,
    /// When its object was created.
    created: Option<i64>,
}

/// An event of an item in a list that an object has.
#[derive(Debug)]
struct InList {
    event_id: String,
    /// When it happened, in seconds since 1970.
    at: i64,
    /// The attempt that first landed it.
    epoch: i64,
    /// Whether each object shows the beginning of such a list.
    is_shown: bool,
}

/// Events of one account, from the rows of their table, in any order.
#[derive(Debug, Default)]
pub struct EventIndex {
    lists: HashMap<&'static str, HashMap<String, Vec<Known>>>,
    /// The events of items of single objects' lists, by the list and the id of these objects.
    in_lists: HashMap<&'static str, HashMap<String, Vec<InList>>>,
    /// Whether it keeps hashes in place of bodies.
    has_no_bodies: bool,
    /// The lists whose events it keeps; none for those of all.
    only: HashSet<String>,
    oldest: Option<i64>,
}

impl EventIndex {
    /// An index of the events of these lists.
    #[must_use]
    pub fn of(lists: impl IntoIterator<Item = String>) -> Self {
        Self { only: lists.into_iter().collect(), ..Self::default() }
    }

    /// An index that keeps no bodies: it takes a few hundred bytes an event.
    #[must_use]
    pub fn without_bodies() -> Self {
        Self { has_no_bodies: true, ..Self::default() }
    }

    /// Takes in rows with [`COLUMNS`]. An event may come more than once: it lands again if Stripe shows it in another way.
    ///
    /// # Errors
    /// Columns that this project does not write.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = Columns(batch);
        for row in 0..batch.num_rows() {
            self.add_row(columns, row)?;
        }
        Ok(())
    }

    /// The same for one row.
    ///
    /// # Errors
    /// Columns that this project does not write.
    pub fn add_row(&mut self, columns: Columns<'_>, row: usize) -> Result<()> {
        let epoch = columns.required_long("_commit_version", row)? >> 32;
        let json = columns.required_text("_raw_json", row)?;
        if let Some(told) = read(json) {
            self.insert(told, epoch);
        } else if let Some(told) = read_item(json) {
            self.insert_item(told, epoch);
        }
        Ok(())
    }

    fn insert_item(&mut self, told: ToldOfItem, epoch: i64) {
        let ToldOfItem { of, is_shown, parent_id, event_id, at } = told;
        if !self.only.is_empty() && !self.only.contains(of) {
            return;
        }
        let known = self.in_lists.entry(of).or_default().entry(parent_id).or_default();
        match known.iter_mut().find(|other| other.event_id == event_id) {
            Some(other) => other.epoch = other.epoch.min(epoch),
            None => known.push(InList { event_id, at, epoch, is_shown }),
        }
    }

    /// The objects of a list in one of whose own lists something has changed, according to events as those of
    /// [`EventIndex::changes`]: in any list, or else in those that each object shows the beginning of.
    #[must_use]
    pub fn changes_in_lists(&self, entity: &Entity, from: i64, to: i64, since: i64, in_any: bool) -> Vec<Change> {
        let is_fresh =
            |known: &InList| known.epoch > from && known.epoch <= to && known.at >= since && (in_any || known.is_shown);
        let objects = self.in_lists.get(entity.name).into_iter().flatten();
        let fresh = objects.filter(|(_, known)| known.iter().any(is_fresh));
        let change =
            |id: &String| Change { id: id.clone(), created: None, report: None, is_in_list: true, is_tie: false };
        let mut changes: Vec<Change> = fresh.map(|(id, _)| change(id)).collect();
        changes.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        changes
    }

    fn insert(&mut self, told: Told, epoch: i64) {
        let Told { entity, id, created, mut report } = told;
        if !self.only.is_empty() && !self.only.contains(entity.name) {
            return;
        }
        if self.has_no_bodies {
            report.body = String::new();
        }
        let known = self.lists.entry(entity.name).or_default().entry(id).or_default();
        if let Some(other) = known.iter_mut().find(|other| other.report.event_id == report.event_id) {
            other.epoch = other.epoch.min(epoch);
        } else {
            self.oldest = self.oldest.into_iter().chain([report.at]).min();
            known.push(Known { report: Arc::new(report), epoch, created });
        }
        // A stub of a deleted object does not say when that was created.
        let time = known.iter().filter_map(|known| known.created).max();
        for known in known.iter_mut() {
            known.created = known.created.or(time);
        }
        if known.len() > 1 {
            drop_bodies(known);
        }
    }

    /// The report of an event on an object of that list.
    #[must_use]
    pub fn report(&self, entity: &Entity, id: &str, event_id: &str) -> Option<&Report> {
        let known = self.lists.get(entity.name)?.get(id)?;
        known.iter().map(|known| known.report.as_ref()).find(|report| report.event_id == event_id)
    }

    /// When the oldest event happened, in seconds since 1970.
    #[must_use]
    pub const fn oldest(&self) -> Option<i64> {
        self.oldest
    }

    /// The objects of a list with an event that first landed after the attempt `from`, up to the attempt `to`, and that
    /// happened at `since` (seconds since 1970) or later. Each comes with its newest event of all up to `to`: events
    /// become visible in any order, so that one may be an event that an earlier run has followed.
    #[must_use]
    pub fn changes(&self, entity: &Entity, from: i64, to: i64, since: i64) -> Vec<Change> {
        let Some(objects) = self.lists.get(entity.name) else { return Vec::new() };
        let is_fresh = |known: &Known| known.epoch > from && known.epoch <= to && known.report.at >= since;
        let fresh = objects.iter().filter(|(_, known)| known.iter().any(is_fresh));
        let mut changes: Vec<Change> = fresh.filter_map(|(id, known)| change(id, known, to)).collect();
        changes.sort_unstable_by(|one, other| (one.created, &one.id).cmp(&(other.created, &other.id)));
        changes
    }
}

/// Only the body of the newest event may become a row. (A run that goes on may follow fewer attempts than have landed.)
fn drop_bodies(known: &mut [Known]) {
    for at in 0..known.len() {
        let is_older = |other: &Known| other.epoch <= known[at].epoch && order(other) > order(&known[at]);
        if !known[at].report.body.is_empty() && known.iter().any(is_older) {
            Arc::make_mut(&mut known[at].report).body = String::new();
        }
    }
}

fn change(id: &str, known: &[Known], to: i64) -> Option<Change> {
    let known = || known.iter().filter(|known| known.epoch <= to);
    let newest = known().max_by_key(|known| order(known))?;
    let report = &newest.report;
    let is_rival = |other: &Known| other.report.at == report.at && other.report.sha256 != report.sha256;
    let is_tie = !report.is_deletion && known().any(is_rival);
    let report = Some(Arc::clone(report));
    Some(Change { id: id.to_owned(), created: newest.created, report, is_in_list: false, is_tie })
}

/// Nothing comes after a deletion, except another object of that id: an account chooses the ids of its coupons. Within a
/// second events have no order.
fn order(known: &Known) -> (Option<i64>, bool, i64, &str) {
    let report = &known.report;
    (known.created, report.is_deletion, report.at, &report.event_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stripe::entities::by_name;

    /// An event on customer `id`, with a state.
    fn json(event_id: &str, kind: &str, at: i64, id: &str, state: i64) -> String {
        format!(
            r#"{{"id":"{event_id}","type":"{kind}","created":{at},"data":{{"object":{{"id":"{id}","object":"customer","created":5,"n":{state}}}}}}}"#
        )
    }

    fn index(events: &[(i64, String)]) -> EventIndex {
        let mut index = EventIndex::default();
        for (epoch, json) in events {
            index.insert(read(json).unwrap(), *epoch);
        }
        index
    }

    fn changes(index: &EventIndex, from: i64, to: i64, since: i64) -> Vec<(String, String, bool)> {
        let changes = index.changes(by_name("customers").unwrap(), from, to, since);
        let of = |change: Change| (change.id, change.report.unwrap().event_id.clone(), change.is_tie);
        changes.into_iter().map(of).collect()
    }

    fn found(id: &str, event: &str, is_tie: bool) -> (String, String, bool) {
        (id.to_owned(), event.to_owned(), is_tie)
    }

    #[test]
    fn an_object_has_changed_if_an_event_of_it_landed_in_between() {
        let index = index(&[
            (1, json("evt_a", "customer.created", 10, "cus_1", 0)),
            (2, json("evt_b", "customer.updated", 20, "cus_1", 1)),
            (3, json("evt_c", "customer.updated", 30, "cus_2", 1)),
        ]);
        assert_eq!(changes(&index, 1, 2, 0), [found("cus_1", "evt_b", false)]);
        assert_eq!(changes(&index, 0, 3, 0), [found("cus_1", "evt_b", false), found("cus_2", "evt_c", false)]);
        assert_eq!(changes(&index, 1, 3, 25), [found("cus_2", "evt_c", false)]);
        assert_eq!(changes(&index, 3, 9, 0), []);
        assert!(index.changes(by_name("charges").unwrap(), 0, 9, 0).is_empty());
    }

    #[test]
    fn the_newest_event_counts_even_if_it_was_followed_before() {
        let deleted = json("evt_a", "customer.deleted", 30, "cus_1", 1);
        let index = index(&[(1, deleted), (2, json("evt_z", "customer.created", 10, "cus_1", 0))]);
        assert_eq!(changes(&index, 1, 2, 0), [found("cus_1", "evt_a", false)]);
    }

    #[test]
    fn an_event_that_landed_again_is_followed_once() {
        let event = || json("evt_a", "customer.updated", 10, "cus_1", 0);
        let index = index(&[(3, event()), (1, event()), (2, event())]);
        assert_eq!(changes(&index, 1, 3, 0), []);
        assert_eq!(changes(&index, 0, 1, 0).len(), 1);
    }

    #[test]
    fn a_resumed_run_does_not_see_what_landed_since() {
        let newer = json("evt_b", "customer.updated", 20, "cus_1", 1);
        let index = index(&[(1, json("evt_a", "customer.updated", 10, "cus_1", 0)), (2, newer)]);
        assert_eq!(changes(&index, 0, 1, 0), [found("cus_1", "evt_a", false)]);
    }

    #[test]
    fn two_states_of_one_second_are_a_tie_unless_one_is_a_deletion() {
        let of = |last: &str, state: i64| {
            let last = json("evt_a", last, 10, "cus_1", state);
            changes(&index(&[(1, json("evt_z", "customer.updated", 10, "cus_1", 0)), (1, last)]), 0, 1, 0)
        };
        assert_eq!(of("customer.updated", 1), [found("cus_1", "evt_z", true)]);
        assert_eq!(of("customer.updated", 0), [found("cus_1", "evt_z", false)]);
        assert_eq!(of("customer.deleted", 1), [found("cus_1", "evt_a", false)]);
    }
}
