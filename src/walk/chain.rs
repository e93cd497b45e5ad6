//! A part of the list that is being read: its chain, the second of its cursor, and the density of its objects.

#![expect(clippy::cast_precision_loss, reason = "an estimate needs no more than 52 bits")]

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use super::coverage::Chain;
use crate::page::Page;
use crate::stripe::window::Range;

/// Names a request in flight by the chain that asks: a chain never has more than one request at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Ticket(pub(super) u64);

/// Where rows are that a page may show again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Place {
    /// The object whose list they are in; `None` if the account has the list.
    pub parent: Option<Arc<str>>,
    /// Their second; `None` for rows without a time, and for all rows of a list that Stripe does not filter.
    pub second: Option<i64>,
}

/// A request that will be sent again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Retry {
    pub(super) at: Duration,
}

/// A chain being read, and what is known of the second of its cursor.
#[derive(Debug, Default)]
pub(super) struct ActiveChain {
    pub(super) ticket: Ticket,
    pub(super) chain: Chain,
    /// The lower bound that its last request asked for: the chain's own may have risen since.
    pub(super) asked_down_to: Option<i64>,
    /// The second of the last row that Stripe returned.
    pub(super) edge: Option<i64>,
    keys: Keys,
    /// Keys of the run's rows in that second (of all its rows if Stripe does not filter the list).
    held: HashSet<u128>,
    /// Of the keys of that second, those from this chain's own answers: they show when a page repeats.
    pub(super) answered: HashSet<u128>,
    /// The number of its last pages in a row that were nearly empty and said that there is more.
    pub(super) thin_pages: u32,
    /// Whether the chain was begun because a cursor vanished, and has kept no row since.
    pub(super) stalled: bool,
    /// The number of objects at the end of its last page that were below the window, in a list that has no filter.
    pub(super) below: usize,
    /// Whether the objects of a list without filter were seen to come in another order than the newest first.
    pub(super) is_unordered: bool,
    pub(super) in_flight: bool,
    /// How often the request was sent again.
    pub(super) retries: u32,
    /// Number of answers of the walk when the request was sent for the first time.
    pub(super) answers_before: u64,
    /// Whether and when the request is sent again.
    pub(super) retry: Option<Retry>,
    density: Density,
}

/// Makes keys of ids. A list that Stripe does not filter may have millions of ids, and an id takes a hundred bytes. Even
/// among a billion ids the chance that two have the same key is below one in 10^20.
#[derive(Debug, Default)]
struct Keys(RandomState, RandomState);

impl Keys {
    fn of(&self, id: &str) -> u128 {
        u128::from(self.0.hash_one(id)) << 64 | u128::from(self.1.hash_one(id))
    }
}

/// The result of taking in a page's ids.
pub(super) struct Absorbed {
    /// For each row, whether the run holds it already.
    pub(super) known: Vec<bool>,
    /// Whether the page has any element that was in no earlier answer to its chain.
    pub(super) is_fresh: bool,
}

/// The density of the objects: their number in a number of seconds, without the seconds that hold whole pages. A chain
/// does not begin with the density of the chain that it was split from, which says too little about the older objects.
#[derive(Debug, Clone, Copy, Default)]
struct Density {
    objects: f64,
    seconds: f64,
    /// Whether the last page lay in one second as a whole.
    hot: bool,
    /// Whether the last page was the last of the list.
    ended: bool,
}

impl ActiveChain {
    /// A chain of which nothing was read.
    pub(super) fn new(chain: Chain) -> Self {
        Self { chain, ..Self::default() }
    }

    /// A chain to continue. In a list without window a cursor has no second.
    pub(super) fn of(chain: Chain, windowed: bool, ids: &HashMap<Place, HashSet<String>>) -> Self {
        let edge = chain.edge().filter(|_| windowed);
        let keys = Keys::default();
        let place = Place { parent: chain.parent.clone(), second: edge };
        let held = ids.get(&place).into_iter().flatten().map(|id| keys.of(id)).collect();
        Self { edge, keys, held, ..Self::new(chain) }
    }

    /// Splits off the older part of this chain, below a second that becomes this chain's new bound.
    pub(super) fn split_at(&mut self, second: i64, ticket: Ticket) -> Self {
        let mut older = self.chain.range;
        older.lt = Some(second);
        self.chain.range.gte = Some(second);
        Self { ticket, ..Self::new(Chain { range: older, ..Chain::default() }) }
    }

    /// Goes on at the top of that second, below the one that it has come to.
    pub(super) fn leap(&mut self, second: i64) {
        let range = Range { lt: Some(second.saturating_add(1)), ..self.chain.range };
        self.chain = Chain { range, ..Chain::default() };
        self.edge = None;
        self.held.clear();
        self.answered.clear();
        self.stalled = false;
    }

    /// Whether its last page lay in one second. No bound can split a second, so such a chain must never wait.
    pub(super) const fn is_hot(&self) -> bool {
        self.density.hot
    }

    /// Whether its last page was the last of the list.
    pub(super) const fn is_at_the_end(&self) -> bool {
        self.density.ended
    }

    /// The second down to which it has read: its unread tail is below.
    pub(super) fn read_to(&self) -> Option<i64> {
        self.chain.last_created.or(self.chain.range.lt)
    }

    /// Expected number of objects in that many seconds of its tail, if they are as dense as those read; `None` if
    /// nothing was read.
    pub(super) fn expected_in(&self, seconds: f64) -> Option<f64> {
        let Density { objects, seconds: measured, ended, .. } = self.density;
        if ended {
            return Some(0.0);
        }
        (measured > 0.0).then(|| objects / measured * seconds)
    }

    /// Takes in the density of a page's objects.
    pub(super) fn measure(&mut self, page: &Page) {
        let times = || page.created.iter().flatten().copied();
        let (Some(first), Some(last)) = (times().next(), times().next_back()) else { return };
        let density = &mut self.density;
        density.ended = !page.has_more;
        density.hot = first == last && page.has_more;
        if !density.hot {
            density.forget();
            density.objects += page.len() as f64;
            density.seconds += self.edge.unwrap_or(first).saturating_sub(last).max(1) as f64;
        }
    }

    /// Takes in the page's ids. `seconds` are the seconds that its rows count with; `undated` are the ids of all rows
    /// without a time that the run holds, wherever they were read.
    pub(super) fn absorb(&mut self, page: &Page, seconds: &[Option<i64>], undated: &HashSet<String>) -> Absorbed {
        let edge = seconds.last().copied().flatten().or(self.edge);
        let rows: Vec<u128> = page.ids.iter().flatten().map(|id| self.keys.of(id)).collect();
        let refused = page.refused.iter().filter_map(|refused| refused.id.as_deref());
        let refused: Vec<u128> = refused.map(|id| self.keys.of(id)).collect();
        let on_edge = rows.iter().zip(seconds).filter(|(_, second)| **second == edge).map(|(key, _)| *key);
        let answered: Vec<u128> = on_edge.chain(refused.iter().copied()).collect();
        let is_fresh = rows.iter().chain(&refused).any(|key| !self.answered.contains(key));
        let mut seen: HashSet<u128> = HashSet::with_capacity(page.len());
        let mut known = Vec::with_capacity(page.len());
        for (row, key) in page.rows().zip(&rows) {
            known.push(self.held.contains(key) || !seen.insert(*key) || undated.contains(row.id));
        }
        // The list is in order: rows of a second that it has left cannot come again.
        if edge != self.edge && !answered.is_empty() {
            self.held.clear();
            self.answered.clear();
            self.edge = edge;
        }
        self.held.extend(&answered);
        self.answered.extend(answered);
        Absorbed { known, is_fresh }
    }
}

/// Share of the earlier measurements that each new page keeps.
const MEMORY: f64 = 0.7;
impl Density {
    fn forget(&mut self) {
        self.objects *= MEMORY;
        self.seconds *= MEMORY;
    }
}
