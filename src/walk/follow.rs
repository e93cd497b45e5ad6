//! Reading the objects that have changed: old parts of the list jump from one planned second to the next, and the objects
//! that are no longer listed get the body of their newest event.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::work::Item;
use super::{Fetched, Walk};
use crate::changes::Report;
use crate::error::foreign;
use crate::page::{Decoder, Page};
use crate::parents::is_cut_off;
use crate::stripe::facts::PageFacts;

/// Most rows of a page for which no request was made.
const ROWS: usize = 100;
/// Bytes of such pages that wait at most: more than the longest group, so that groups do not wait for more.
const GIVEN_BYTES: usize = 48 << 20;

/// Where a part of the list goes on behind a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// At the page's cursor.
    Cursor,
    /// Nowhere: the page ends it.
    End,
    /// The seconds below that one, in which the page ends, are not read as they come.
    Leap {
        /// The second in which the page ends.
        edge: i64,
        /// The next one that is read.
        to: Option<i64>,
    },
}

impl Walk {
    /// Where a part goes on behind the page that has been taken into it.
    pub(super) fn next(&self, at: usize, closes: bool) -> Next {
        let active = &self.chains[at];
        if closes {
            return Next::End;
        }
        let Some(edge) = active.edge.filter(|_| self.work.is_old(active.chain.range)) else { return Next::Cursor };
        match self.work.next_second(active.chain.range.gte, edge) {
            Some(second) if second == edge => Next::Cursor,
            to => Next::Leap { edge, to },
        }
    }

    /// The seconds that a page has read out. `before` is the second that its part had come to. The rest of the second in
    /// which it ends may be on the next page. In a list that Stripe does not filter the end alone shows what is gone.
    pub(super) fn read_out(&self, at: usize, before: Option<i64>, next: Next) -> Option<RangeInclusive<i64>> {
        let active = &self.chains[at];
        let range = active.chain.range;
        if !self.scope.entity.window.is_filtered() {
            return (next == Next::End).then_some(i64::MIN..=i64::MAX);
        }
        let top = before.or(range.lt.map(|lt| lt.saturating_sub(1))).unwrap_or(i64::MAX);
        let bottom = match next {
            Next::End => range.gte.unwrap_or(i64::MIN),
            Next::Leap { edge, .. } => edge.saturating_add(1),
            Next::Cursor => active.edge?.saturating_add(1),
        };
        (bottom <= top).then_some(bottom..=top)
    }

    /// Adds the objects of these seconds that the list no longer has, and behind its last page all that it has not shown.
    /// Returns how many have no new state.
    pub(super) fn add_the_gone(
        &mut self,
        seconds: Option<RangeInclusive<i64>>,
        page: &mut Page,
    ) -> (Vec<Arc<Report>>, usize) {
        let mut gone = seconds.map(|seconds| self.work.gone(seconds)).unwrap_or_default();
        if self.chains.is_empty() {
            gone.extend(self.work.missing());
        }
        if gone.is_empty() {
            return (Vec::new(), 0);
        }
        self.add_bodies(gone, page)
    }

    /// Makes pages of the objects for which no request is needed, a group's worth at a time.
    pub(super) fn give(&mut self) {
        let bytes = |fetched: &Fetched| fetched.page.json.value_data().len();
        let mut waiting: usize = self.pages.iter().map(bytes).sum();
        while waiting < GIVEN_BYTES && !self.given.is_empty() {
            let items = self.given.split_off(self.given.len().saturating_sub(ROWS));
            let mut page = Page::default();
            let (origins, unchanged) = self.add_bodies(items, &mut page);
            waiting += page.json.value_data().len();
            self.progress.pages += 1;
            self.progress.rows += page.len() as u64;
            self.progress.unchanged += unchanged as u64;
            let times = || page.created.iter().flatten().copied();
            let (min_created, max_created) = (times().min(), times().max());
            self.pages.push_back(Fetched {
                facts: PageFacts::default(),
                received_at_micros: self.opened_at_micros,
                unchanged,
                min_created,
                max_created,
                seen: None,
                answered: None,
                origins,
                is_refusal: false,
                page,
            });
        }
    }

    /// Whether an object may have changed, according to events, in a list that it has and does not show to the end.
    pub(super) fn may_have_changed_unseen(&self, json: &str) -> bool {
        self.lands_reported || is_cut_off(json, self.scope.entity)
    }

    fn add_bodies(&mut self, items: Vec<Item>, page: &mut Page) -> (Vec<Arc<Report>>, usize) {
        let entity = self.scope.entity;
        let (mut decoder, mut pages, mut origins, mut unchanged) = (Decoder::default(), Vec::new(), Vec::new(), 0);
        for Item { report, takes_back, .. } in items {
            if takes_back {
                unchanged += 1;
                continue;
            }
            let list = format!(r#"{{"object":"list","data":[{}],"has_more":false}}"#, report.body);
            let Ok(body) = decoder.decode(list.as_bytes(), entity, 1) else {
                self.warnings.push(format!(
                    "{}: the object of event {} cannot be read, so it is left out",
                    entity.name,
                    foreign(&report.event_id)
                ));
                continue;
            };
            let lands_again = !report.is_deletion && self.may_have_changed_unseen(&report.body);
            if !lands_again && body.rows().next().is_some_and(|row| self.landed.has(row, report.is_deletion)) {
                unchanged += 1;
                continue;
            }
            self.progress.of_events += body.len() as u64;
            self.progress.deleted += if report.is_deletion { body.len() as u64 } else { 0 };
            origins.extend((0..body.len()).map(|_| Arc::clone(&report)));
            pages.push(body);
        }
        page.append(&pages);
        (origins, unchanged)
    }
}
