//! The check of what has landed when the world is quiet.

use std::collections::HashMap;

use crate::job::Job;
use crate::lake::{Row, Source, Started};
use crate::rules::{Fault, Variant};
use crate::world::{Id, Object};

/// Checks that the newest row of each object is its newest state. Nobody can know of a silent change unless a list
/// showed it; but no later row may take back what a page has shown.
pub(crate) fn check(job: &mut Job, relisted: Option<i64>) {
    if job.faults.contains(&Fault::Misplaced) {
        // The job cannot go on.
        return;
    }
    job.faults.extend(job.world.has_foreign_cursor.then_some(Fault::ForeignCursor));
    let tables = &job.lake.objects;
    let is_whole = |row: &Row| tables.started.iter().any(|started| started.run == row.run && started.is_whole);
    let mut newest: HashMap<Id, &Row> = HashMap::new();
    for row in &tables.rows {
        let before = newest.insert(row.item.id, row);
        let is_same = |before: &Row| {
            (before.item.state.content, before.is_deleted()) == (row.item.state.content, row.is_deleted())
        };
        job.faults.extend((before.is_some_and(is_same) && !is_whole(row)).then_some(Fault::Repeated));
    }
    let mut shown: HashMap<Id, usize> = HashMap::new();
    for row in &tables.rows {
        let version = shown.entry(row.item.id).or_default();
        if *version > row.item.state.version {
            job.faults.push(Fault::TakenBack);
        }
        *version = row.item.state.version.max(*version);
    }
    for ((_, id), version) in &tables.unchanged {
        let shown = shown.entry(*id).or_default();
        *shown = (*shown).max(*version);
    }
    let whole = tables.started.iter().rfind(|started| started.is_whole);
    for object in &job.world.objects {
        let Some(row) = newest.get(&object.id) else {
            job.faults.extend(object.is_listed().then_some(Fault::NeverLanded));
            continue;
        };
        let is_absent = whole.is_some_and(|whole| is_absent(row, whole, job.rules.variant));
        let is_marked = row.is_deleted() || is_absent;
        let lowest =
            if must_be_newest(object, relisted) { object.newest() } else { object.reported.max(shown[&object.id]) };
        let is_fresh = is_absent || object.contents[lowest..].contains(&row.item.state.content);
        let is_right = if object.is_deleted { is_marked } else { !(is_marked && object.is_listed()) };
        job.faults.extend((!is_right).then_some(Fault::NotMarked));
        job.faults.extend((!object.is_deleted && !is_fresh).then_some(Fault::Stale));
    }
}

/// Whether a run that has landed the whole list shows that the object of this row, its newest, was not there. A row of
/// that run from a body does not count: the event of the deletion can be lost, and one before it be there.
fn is_absent(row: &Row, whole: &Started, variant: Variant) -> bool {
    let is_body = row.source != Source::List && variant != Variant::BodyCountsAsListed;
    row.epoch < whole.first_epoch || (row.run == whole.run && is_body)
}

/// Whether the newest row must be the newest state, silent or not.
fn must_be_newest(object: &Object, relisted: Option<i64>) -> bool {
    !object.has_events || (object.is_listed() && relisted.is_some_and(|bottom| object.created >= bottom))
}
