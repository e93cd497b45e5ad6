//! Gives out pages in the list's order, newest first, although older parts are read at the same time, and bounds the
//! memory of those that wait.
//!
//! A page of an older part waits until every newer one was given out. So parts are read only so far ahead of the caller:
//! a part asks if its next page is expected among the next pages that fit into the memory, and a tail is split within
//! them. That is an estimate. The bound is that no part but the newest asks while too many bytes wait. The newest asks as
//! soon as no page can be given out: so the reading always goes on.

#![expect(clippy::cast_precision_loss, reason = "an estimate needs no more than 52 bits")]

use std::cmp::Reverse;

use super::chain::ActiveChain;
use super::split::WORTH_SPLITTING;
use super::{Fetched, Walk};

/// The memory that a page takes beside its payload, in bytes: ids and hashes of a hundred objects.
const PAGE_OVERHEAD: usize = 20 << 10;
/// Pages that a part should have at least: each part costs about half a request.
const PAGES_OF_PART: f64 = 8.0;
/// The share of the bytes that pages may be expected to take. The rest is for those that are longer than others.
const PLANNED: f64 = 0.5;

/// How far the walk has come, and how far ahead it may read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Pages that may be expected before a part's next page.
    pages: f64,
    /// Whether the pages that wait leave room for more.
    is_free: bool,
    /// Whether a page can be given out.
    has_page: bool,
}

/// The place of a part or of a page in the list: the larger, the newer. An open top is above every other.
fn place(lt: Option<i64>) -> (bool, Option<i64>) {
    (lt.is_none(), lt)
}

impl Walk {
    /// From now on, pages are given out in the list's order, by [`Walk::take_newest`], and about that many bytes of them
    /// wait at most.
    pub const fn read_in_order(&mut self, most_bytes: usize) {
        self.ahead = Some(most_bytes);
    }

    /// The page that comes next in the list, if it is there.
    pub fn take_newest(&mut self) -> Option<Fetched> {
        let at = self.next_page()?;
        self.pages.remove(at)
    }

    /// Whether [`Walk::take_newest`] has a page.
    #[must_use]
    pub fn has_next_page(&self) -> bool {
        self.next_page().is_some()
    }

    /// Bytes of the pages that wait.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        self.pages.iter().map(|fetched| fetched.page.json.value_data().len() + PAGE_OVERHEAD).sum()
    }

    fn next_page(&self) -> Option<usize> {
        // Pages of one part wait in the order in which they came: the first of the newest part is the next.
        let waiting = self.pages.iter().enumerate().map(|(at, fetched)| (at, place(fetched.facts.range.lt)));
        let (at, newest) = waiting.reduce(|best, other| if other.1 > best.1 { other } else { best })?;
        let is_above = |active: &ActiveChain| place(active.chain.range.lt) > newest;
        (!self.chains.iter().any(is_above)).then_some(at)
    }

    /// The room for more pages; `None` if the walk does not give them out in order.
    pub(super) fn room(&self) -> Option<Room> {
        let most = self.ahead? as f64;
        let pages = self.progress.pages.max(1) as f64;
        let usual = self.progress.bytes as f64 / pages + PAGE_OVERHEAD as f64;
        let in_flight = self.chains.iter().filter(|active| active.in_flight).count() as f64;
        Some(Room {
            pages: most * PLANNED / usual,
            is_free: (self.waiting_bytes() as f64) + (in_flight + 1.0) * usual <= most,
            has_page: self.has_next_page(),
        })
    }

    /// The parts that may ask, newest first.
    pub(super) fn within(&self, room: Room) -> Vec<usize> {
        let mut newest_first: Vec<usize> = (0..self.chains.len()).collect();
        newest_first.sort_by_key(|at| Reverse(place(self.chains[*at].chain.range.lt)));
        let is_the_only_way = |rank: usize| rank == 0 && !room.has_page;
        let may_ask = |(rank, at): (usize, usize)| {
            let is_near = || room.is_free && self.pages_before(at) < room.pages;
            (is_the_only_way(rank) || is_near()).then_some(at)
        };
        newest_first.into_iter().enumerate().filter_map(may_ask).collect()
    }

    /// Pages that are expected before the next one of a part: those that wait, and those that newer parts have still to
    /// read.
    fn pages_before(&self, at: usize) -> f64 {
        let own = place(self.chains[at].chain.range.lt);
        let waiting = self.pages.iter().filter(|fetched| place(fetched.facts.range.lt) >= own).count() as f64;
        let newer = self.chains.iter().filter(|active| place(active.chain.range.lt) > own);
        waiting + newer.map(|active| self.requests_for(active).unwrap_or_default().max(1.0)).sum::<f64>()
    }

    /// The part with the longest tail among the pages that may be read ahead, and the second to split it at: its middle,
    /// or the middle of those pages if it goes on behind them.
    pub(super) fn heaviest_within(&self, room: Room) -> Option<(usize, i64)> {
        if !room.is_free || self.chains.len() as f64 >= (room.pages / PAGES_OF_PART).max(2.0) {
            return None;
        }
        let heavy = self.chains.iter().enumerate().filter_map(|(at, active)| {
            let all = self.requests_for(active)?;
            let near = all.min(room.pages - self.pages_before(at));
            (near >= WORTH_SPLITTING).then_some(())?;
            let second = if near < all { self.second_after(active, near / all / 2.0)? } else { self.middle(active)? };
            Some((at, second, near))
        });
        heavy.max_by(|one, other| one.2.total_cmp(&other.2)).map(|(at, second, _)| (at, second))
    }

    /// The second at that share of a tail, from its top. A share is worth more than a page, and a page more than a second.
    #[expect(clippy::cast_possible_truncation, reason = "seconds")]
    fn second_after(&self, active: &ActiveChain, share: f64) -> Option<i64> {
        let (last, bottom) = (active.read_to()?, self.bottom(active)?);
        Some(last - (last.saturating_sub(bottom) as f64 * share) as i64)
    }
}
