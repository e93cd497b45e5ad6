//! The plan of a run: the objects that it owes a row, and the windows that it reads. Both follow from RUN_STARTED and
//! from rows that are older than the run, so a resumed run has the same plan.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::coverage::Range;
use crate::lake::{Lake, Row, Source, Started, Tables};
use crate::rules::{Changes, Rules, Variant};
use crate::world::{About, DAY, Id, Item, Kind, LAG};

/// Seconds of lookback on events: more than the longest lag.
pub(crate) const LOOKBACK_ON_EVENTS: i64 = LAG + 2;
/// Events that are older than this may be lost.
const TRUSTED: i64 = 29 * DAY;

/// An object of the work list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planned {
    pub(crate) created: i64,
    /// The newest event; an object that is only due has none.
    pub(crate) event: Option<Item>,
    /// Whether the object is read by list. Otherwise the body of its newest event is its row.
    pub(crate) is_read: bool,
    /// Whether the body of the newest event may be older than the newest row. It is not landed then: if the object is
    /// no longer listed, the event that says why is still to come.
    pub(crate) takes_back: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Window {
    pub(crate) range: Range,
    /// The seconds that matter; `None` is all of them.
    pub(crate) planned: Option<Vec<i64>>,
}

#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) work: BTreeMap<Id, Planned>,
    /// The list window, and below it the clusters of planned seconds.
    pub(crate) windows: Vec<Window>,
}

impl Plan {
    /// The plan for `events`, whose objects do not change.
    pub(crate) fn of_new_objects(started: &Started) -> Self {
        Self { work: BTreeMap::new(), windows: vec![list_window(started)] }
    }

    pub(crate) fn new(lake: &Lake, started: &Started, rules: &Rules, now: i64) -> Self {
        let newest = lake.objects.newest_before(started.first_epoch);
        let mut work = work_list(lake, started, rules, &newest);
        let (due_by, rows) = if rules.variant == Variant::DueByTodaysClock {
            (now, &lake.objects.newest_before(u32::MAX))
        } else {
            (started.at, &newest)
        };
        for row in rows.values().filter(|row| row.item.state.available_on.is_some_and(|time| time <= due_by)) {
            let due = Planned { created: row.item.created, event: None, is_read: true, takes_back: false };
            if rules.variant != Variant::NoDueList {
                work.entry(row.item.id).or_insert(due);
            }
        }
        let is_old = |planned: &&Planned| Some(planned.created) < started.gte;
        if rules.variant == Variant::DeletesInOldWindowsOnly {
            work.retain(|_, planned| is_old(&&*planned));
        }
        let mut seconds: Vec<i64> =
            work.values().filter(|planned| planned.is_read).filter(is_old).map(|planned| planned.created).collect();
        seconds.sort_unstable();
        seconds.dedup();
        let mut windows = vec![list_window(started)];
        let is_resumed = lake.objects.epoch > started.first_epoch;
        let differs = rules.variant == Variant::OtherNeighbours && is_resumed;
        windows.extend(clusters(&seconds, if differs { 25 - rules.neighbours } else { rules.neighbours }));
        Self { work, windows }
    }

    /// The window that a page of this range belongs to: the one that holds its top.
    pub(crate) fn window_of(&self, range: Range) -> Option<usize> {
        let Some(top) = range.lt else { return Some(0) };
        self.windows.iter().position(|window| {
            window.range.gte.is_none_or(|gte| gte < top) && window.range.lt.is_none_or(|lt| top <= lt)
        })
    }
}

fn list_window(started: &Started) -> Window {
    Window { range: Range { gte: started.gte, lt: None }, planned: None }
}

/// Neighbours that are close enough become one window.
fn clusters(seconds: &[i64], neighbours: i64) -> Vec<Window> {
    let clusters = seconds.chunk_by(|one, next| next - one <= neighbours);
    let window = |cluster: &[i64]| Window {
        range: Range { gte: cluster.first().copied(), lt: cluster.last().map(|last| last + 1) },
        planned: Some(cluster.to_vec()),
    };
    clusters.map(window).collect()
}

/// An event, and the object that it is about.
type Known = (About, Item);

/// The objects with an event that no earlier run has consumed, each with the newest event of all rows up to
/// `source_to`.
fn work_list(lake: &Lake, started: &Started, rules: &Rules, newest: &HashMap<Id, Row>) -> BTreeMap<Id, Planned> {
    let known = || lake.events.rows.iter().filter(|row| row.epoch <= started.source_to);
    let consumed: HashSet<Id> = known().filter(|row| row.epoch <= started.source_from).map(|row| row.item.id).collect();
    let is_fresh = |row: &&Row| row.epoch > started.source_from && !consumed.contains(&row.item.id);
    let mut work: BTreeMap<Id, Vec<Known>> = BTreeMap::new();
    let about = |row: &Row| row.item.about.expect("an event is about an object");
    for row in known().filter(is_fresh) {
        work.entry(about(row).object).or_default();
    }
    for row in known().filter(|row| rules.variant != Variant::NewestUnconsumedEvent || is_fresh(row)) {
        if let Some(events) = work.get_mut(&about(row).object) {
            events.push((about(row), row.item));
        }
    }
    let listed_to = lake.objects.listed_to(started.run);
    let planned = |(id, events): (Id, Vec<Known>)| (id, plan_one(&events, newest.get(&id), listed_to, rules));
    work.into_iter().map(planned).collect()
}

/// Events have no order within a second, and they become visible late. So the body of the newest one may not be the
/// newest state. A deletion is the last state in any case.
fn plan_one(events: &[Known], newest_row: Option<&Row>, listed_to: Option<i64>, rules: &Rules) -> Planned {
    let variant = rules.variant;
    let (about, event) = *events.iter().max_by_key(|known| order(known, variant)).expect("an unconsumed event");
    let is_rival = |(_, other): &Known| other.created == event.created && other.state.content != event.state.content;
    let is_tie = about.kind != Kind::Deleted && events.iter().any(is_rival) && variant != Variant::BodyOfATie;
    // A list that has shown the object later may have left no row: the object was unchanged since an older one. So all
    // answers of earlier runs count.
    let answered_at = match variant {
        Variant::BodyOverANewerRow => None,
        Variant::BodyOverAnUnchangedObject => {
            newest_row.filter(|row| row.source == Source::List).map(|row| row.page.answered_at)
        }
        _ => newest_row.and(listed_to),
    };
    let was_listed_later = about.kind != Kind::Deleted && answered_at >= Some(event.created);
    let is_row_of_an_event = newest_row.is_some_and(|row| row.source != Source::List);
    Planned {
        created: about.created,
        event: Some(event),
        is_read: rules.changes == Changes::Read || is_tie || was_listed_later,
        takes_back: about.kind == Kind::Changed && (was_listed_later || (is_tie && is_row_of_an_event)),
    }
}

/// Nothing comes after a deletion, and ids are never used again. In one second an event after which the object is not
/// listed is the last.
fn order((about, event): &Known, variant: Variant) -> (bool, i64, Kind, Id) {
    if variant == Variant::OrderOfEventIds {
        return (false, event.created, Kind::Changed, event.id);
    }
    (about.kind == Kind::Deleted, event.created, about.kind, event.id)
}

/// Whether an events run that a run consumes may have missed events that Stripe no longer lists. That is so if it came
/// too long after the run before it. The watermark does not show that, since an account may be idle for months. The
/// newest answer counts, not the start: a run that is resumed after a pause finds fewer events.
pub(crate) fn has_lost_events(events: &Tables, from: u32, to: u32, variant: Variant) -> bool {
    events.completed.iter().enumerate().filter(|(_, end)| from < end.epoch && end.epoch <= to).any(|(at, end)| {
        let started = events.started.iter().find(|started| started.run == end.run).expect("a run has a start");
        let answers = |run: u32| events.pages_of(run).map(|page| page.facts.answered_at);
        let read_at =
            if variant == Variant::GapAtTheStart { started.at } else { answers(end.run).max().expect("a page") };
        let Some(before) = at.checked_sub(1).map(|before| events.completed[before]) else {
            // Nobody has read the events before the first ones, and the list has been read without them.
            return from == 0;
        };
        let known_to = if variant == Variant::GapByTheWatermark {
            started.gte
        } else {
            answers(before.run).min().map(|first| first - LOOKBACK_ON_EVENTS)
        };
        known_to.is_some_and(|known_to| read_at > known_to + TRUSTED)
    })
}
