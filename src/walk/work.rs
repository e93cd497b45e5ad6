//! The work list of a run: the objects that have changed, and that it owes a row, wherever in the list they are.
//!
//! Those in the list window are met there. The others are in **old** seconds: of these only the ones that hold such an
//! object are read. If a second was read out, and an object of it was not there, then the object has left the list, and
//! its newest event has its last state.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::coverage::Chain;
use super::unchanged::Newest;
use crate::changes::{Change, Report};
use crate::options::Changes;
use crate::page::Page;
use crate::stripe::window::Range;

/// What a run does with its changed objects.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// How it comes to them.
    pub changes: Changes,
    /// `Stripe-Version` of its requests.
    pub api_version: &'a str,
    /// Whether its requests ask for members that events do not have.
    pub expands: bool,
    /// Whether its list can be read by time.
    pub is_filtered: bool,
    /// The lower end of the list window.
    pub floor: Option<i64>,
    /// The newest answer of the runs before, in seconds since 1970.
    pub answered_before: Option<i64>,
}

/// An object of the work list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) id: String,
    second: i64,
    pub(super) report: Arc<Report>,
    /// Whether the list is asked for it. Else its newest event has it.
    is_read: bool,
    /// Whether the newest event may be older than the newest row. Then it does not become a row: if the object has left
    /// the list, the event that says so is still to come.
    pub(super) takes_back: bool,
}

/// The work list.
#[derive(Debug, Default)]
pub struct Work {
    /// The second of each object, and whether it has its row, or was found unchanged.
    ids: HashMap<String, (i64, bool)>,
    /// Those that wait, by their second.
    waiting: BTreeMap<i64, Vec<Item>>,
    /// The old seconds that are read, in their order.
    planned: Vec<i64>,
    /// The lower end of the list window: what is below is old.
    floor: Option<i64>,
    beyond_the_window: usize,
}

/// The second of an object that does not say when it was created: below all others.
const UNDATED: i64 = i64::MIN;

fn is_below(second: i64, floor: Option<i64>) -> bool {
    second != UNDATED && Some(second) < floor
}

impl Work {
    /// The work list of these changes. `has_row` says which of them have their row in the run already.
    #[must_use]
    pub fn new(changes: Vec<Change>, newest: &Newest, terms: &Terms<'_>, has_row: impl Fn(&str) -> bool) -> Self {
        let mut work = Self { floor: terms.floor, ..Self::default() };
        for Change { id, created, report, is_in_list, is_tie } in changes {
            let is_done = has_row(&id);
            let second = created.or_else(|| newest.get(&id)?.created).unwrap_or(UNDATED);
            let item = report.map(|report| Item::new(&id, second, report, is_tie, newest, terms));
            // Without an event of its own, an object that has not landed is nobody's business.
            let is_wanted = || newest.get(&id).is_some_and(|row| row.is_due || is_in_list);
            let is_read = item.as_ref().map_or_else(is_wanted, |it| it.is_read);
            let is_old = is_below(second, terms.floor);
            if is_read && terms.is_filtered && is_old {
                work.planned.push(second);
            }
            let is_deletion = item.as_ref().is_some_and(|item| item.report.is_deletion);
            let is_unchanged_and_due = item.is_none() && !is_read;
            work.beyond_the_window += usize::from((is_old && !is_unchanged_and_due) || is_deletion);
            work.ids.insert(id, (second, is_done));
            work.waiting.entry(second).or_default().extend(item.filter(|_| !is_done));
        }
        work.waiting.retain(|_, items| !items.is_empty());
        work.planned.sort_unstable();
        work.planned.dedup();
        work
    }

    /// Number of its objects that the list window does not show: old ones, and those that were deleted.
    pub(super) const fn beyond_the_window(&self) -> usize {
        self.beyond_the_window
    }

    /// Whether that part of the list is below the list window.
    pub(super) fn is_old(&self, range: Range) -> bool {
        range.lt.is_some() && range.lt <= self.floor
    }

    /// The part of the list with the old seconds that are read; `None` if there are none.
    #[must_use]
    pub fn old_window(&self) -> Option<Range> {
        Some(Range { gte: Some(*self.planned.first()?), lt: self.floor })
    }

    /// The newest planned second from `gte` up to `newest`.
    pub(super) fn next_second(&self, gte: Option<i64>, newest: i64) -> Option<i64> {
        self.planned_in(gte, newest).last().copied()
    }

    /// Number of planned seconds in that part.
    pub(super) fn seconds_in(&self, gte: Option<i64>, newest: i64) -> usize {
        self.planned_in(gte, newest).len()
    }

    /// The planned second in the middle of that part: about half of them are below it. `None` if there are fewer than two.
    pub(super) fn middle(&self, gte: Option<i64>, newest: i64) -> Option<i64> {
        let planned = self.planned_in(gte, newest);
        (planned.len() > 1).then(|| planned[planned.len() / 2])
    }

    fn planned_in(&self, gte: Option<i64>, newest: i64) -> &[i64] {
        let below = &self.planned[..self.planned.partition_point(|second| *second <= newest)];
        &below[gte.map_or(0, |gte| below.partition_point(|second| *second < gte))..]
    }

    /// An old part of the list, cut down to the planned seconds in it: it begins at the newest of them, unless its cursor
    /// stands there. `None` if there is none.
    #[must_use]
    pub fn aim(&self, chain: Chain) -> Option<Chain> {
        if !self.is_old(chain.range) {
            return Some(chain);
        }
        let newest =
            chain.edge().filter(|_| chain.cursor.is_some()).or(chain.range.lt.map(|lt| lt.saturating_sub(1)))?;
        let planned = self.planned_in(chain.range.gte, newest);
        let (first, next) = (*planned.first()?, *planned.last()?);
        if chain.cursor.is_some() && next == newest {
            return Some(chain);
        }
        // Its edge stays if it begins again there: the run may hold rows of that second.
        let last_created = chain.last_created.filter(|edge| *edge == next);
        let range = Range { gte: Some(first), lt: Some(next.saturating_add(1)) };
        Some(Chain { range, cursor: None, last_created, ..chain })
    }

    /// A part of the list that an earlier attempt has begun, as this one goes on with it.
    ///
    /// That attempt may have found an object unchanged in the second in which the part ended, and no row shows that. The
    /// rest of the second alone would say that the object is gone. So the second is read again if an object that waits may
    /// be in it; a list that Stripe does not filter from its top. The second of a page that was made of its rows may be
    /// too high: so lower ones count, too.
    #[must_use]
    pub fn again(&self, chain: Chain, is_filtered: bool) -> Chain {
        if chain.cursor.is_none() || self.waiting.is_empty() {
            return chain;
        }
        if !is_filtered {
            return Chain { cursor: None, last_created: None, ..chain };
        }
        let Some(edge) = chain.edge() else { return chain };
        let floor = chain.range.gte.unwrap_or(UNDATED);
        if floor > edge || self.waiting.range(floor..=edge).next().is_none() {
            return chain;
        }
        let range = Range { lt: Some(edge.saturating_add(1)), ..chain.range };
        Chain { range, cursor: None, last_created: Some(edge), ..chain }
    }

    /// Takes from a page the objects that it need not give: those that have their row in the run, and in an old part all
    /// that are not on the list. The others have what they wait for.
    pub(super) fn take_in(&mut self, page: &mut Page, is_old: bool) {
        if self.ids.is_empty() && !is_old {
            return;
        }
        let refused: Vec<String> = page.refused.iter().filter_map(|refused| refused.id.clone()).collect();
        for id in refused {
            self.settle(&id);
        }
        let keep: Vec<bool> = page.ids.iter().flatten().map(|id| self.settle(id).unwrap_or(!is_old)).collect();
        if keep.contains(&false) {
            let mut keep = keep.into_iter();
            page.retain(|_| keep.next() == Some(true));
        }
    }

    /// Whether that object is on the list.
    pub(super) fn has(&self, id: &str) -> bool {
        self.ids.contains_key(id)
    }

    /// Takes an object off those that wait. Whether it did wait; `None` if it is not on the list.
    fn settle(&mut self, id: &str) -> Option<bool> {
        let (second, is_done) = self.ids.get_mut(id)?;
        if std::mem::replace(is_done, true) {
            return Some(false);
        }
        let second = *second;
        if let Some(items) = self.waiting.get_mut(&second) {
            items.retain(|item| item.id != id);
            if items.is_empty() {
                self.waiting.remove(&second);
            }
        }
        Some(true)
    }

    /// The objects of these seconds that still wait: the list does not have them any more. Those that were deleted wait
    /// until the end: the list may have another object of that id, in another second.
    pub(super) fn gone(&mut self, seconds: RangeInclusive<i64>) -> Vec<Item> {
        let found: Vec<i64> = self.waiting.range(seconds).map(|(second, _)| *second).collect();
        let mut gone = Vec::new();
        for second in found.into_iter().filter(|second| *second != UNDATED) {
            let Some(items) = self.waiting.get_mut(&second) else { continue };
            gone.extend(items.extract_if(.., |item| !item.report.is_deletion));
            if items.is_empty() {
                self.waiting.remove(&second);
            }
        }
        self.done(gone)
    }

    /// The old objects for which the list is not asked, because their newest event has them.
    pub(super) fn given(&mut self, is_filtered: bool) -> Vec<Item> {
        let floor = self.floor.filter(|_| is_filtered);
        self.extract(|second, item| is_below(second, floor) && !item.is_read && !item.report.is_deletion)
    }

    /// At the end of the list, the objects that it has not shown anywhere: those that were deleted, and those that do not
    /// say when they were created and have never landed.
    pub(super) fn missing(&mut self) -> Vec<Item> {
        self.extract(|second, item| second == UNDATED || item.report.is_deletion)
    }

    fn extract(&mut self, is_wanted: impl Fn(i64, &Item) -> bool) -> Vec<Item> {
        let mut wanted = Vec::new();
        self.waiting.retain(|second, items| {
            wanted.extend(items.extract_if(.., |item| is_wanted(*second, item)));
            !items.is_empty()
        });
        self.done(wanted)
    }

    fn done(&mut self, items: Vec<Item>) -> Vec<Item> {
        for item in &items {
            self.ids.insert(item.id.clone(), (item.second, true));
        }
        items
    }
}

impl Item {
    /// Events have no order within a second, and they become visible late. So the body of the newest one may not be the
    /// newest state, unless it is a deletion: a list may have shown a newer one, even if that left no row.
    fn new(id: &str, second: i64, report: Arc<Report>, is_tie: bool, newest: &Newest, terms: &Terms<'_>) -> Self {
        let row = newest.get(id);
        let was_listed_later = row.is_some() && terms.answered_before >= Some(report.at) && !report.is_deletion;
        let is_row_of_an_event = row.is_some_and(|row| row.is_of_event);
        let is_same = report.api_version.as_deref() == Some(terms.api_version)
            && !terms.expands
            && !report.body.contains(r#""has_more":true"#);
        let is_given = (terms.changes == Changes::Events || is_same) && report.is_sound;
        let takes_back = !report.is_deletion && (was_listed_later || (is_tie && is_row_of_an_event));
        let is_read = !is_given || is_tie || was_listed_later;
        Self { id: id.to_owned(), second, report, is_read, takes_back }
    }
}
