//! The part of a window that its pages leave unread, cut down to the seconds that matter.

use crate::world::Id;

/// Seconds from `gte` up to, but not including, `lt`; `None` is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Range {
    pub(crate) gte: Option<i64>,
    pub(crate) lt: Option<i64>,
}

impl Range {
    pub(crate) fn holds(self, second: i64) -> bool {
        Some(second) >= self.gte && self.lt.is_none_or(|lt| second < lt)
    }
}

/// A page's place in its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) range: Range,
    pub(crate) starting_after: Option<Id>,
    /// `None` closes the chain: the page covers everything down to `range.gte`.
    pub(crate) next_cursor: Option<Id>,
    /// The second in which the page ends, as far as the tables show it.
    pub(crate) edge: Option<i64>,
}

/// A part of a window that is still to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) range: Range,
    pub(crate) cursor: Option<Id>,
    pub(crate) edge: Option<i64>,
}

impl Chain {
    pub(crate) const fn unread(gte: Option<i64>, lt: Option<i64>) -> Self {
        Self { range: Range { gte, lt }, cursor: None, edge: None }
    }

    /// The newest second that the chain may still have something of; `None` if its top is open.
    pub(crate) fn newest(&self) -> Option<i64> {
        if self.cursor.is_some() { self.edge } else { self.range.lt.map(|lt| lt - 1) }
    }

    /// The chain without its cursor: it begins again at the top of the second in which it ended.
    pub(crate) fn again(self) -> Self {
        let lt = self.edge.map_or(self.range.lt, |edge| Some(edge + 1));
        Self { range: Range { lt, ..self.range }, cursor: None, edge: self.edge }
    }
}

/// A page follows a cursor that no page has handed out.
#[derive(Debug)]
pub(crate) struct Unled;

/// The parts of the window that `links`, ordered by page, leave unread. Of a window with planned seconds only these
/// matter: a gap without one is nothing.
pub(crate) fn remaining(window: Range, links: &[Link], planned: Option<&[i64]>) -> Result<Vec<Chain>, Unled> {
    let mut chains: Vec<(Chain, bool)> = Vec::new();
    for link in links {
        follow(&mut chains, link)?;
    }
    chains.sort_by_key(|(chain, _)| std::cmp::Reverse((chain.range.lt.is_none(), chain.range.lt)));
    let open = gaps(window, &chains);
    Ok(match planned {
        None => open,
        Some(planned) => open.into_iter().filter_map(|chain| aim(chain, planned)).collect(),
    })
}

fn follow(chains: &mut Vec<(Chain, bool)>, link: &Link) -> Result<(), Unled> {
    let known = chains.iter_mut().find(|(chain, _)| chain.range.lt == link.range.lt);
    let mut next = (Chain { range: link.range, cursor: link.next_cursor, edge: link.edge }, link.next_cursor.is_none());
    match (known, link.starting_after) {
        (Some(known), Some(_)) if known.0.cursor == link.starting_after => {
            next.0.edge = link.edge.or(known.0.edge);
            *known = next;
        }
        (_, Some(_)) => return Err(Unled),
        // A chain that begins again at the same top reads everything below that top again.
        (Some(known), None) => *known = next,
        (None, None) => chains.push(next),
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Covered {
    Nothing,
    DownTo(Option<i64>),
}

fn gaps(window: Range, chains: &[(Chain, bool)]) -> Vec<Chain> {
    let mut open = Vec::new();
    let mut covered = window.lt.map_or(Covered::Nothing, |top| Covered::DownTo(Some(top)));
    for (at, (chain, is_closed)) in chains.iter().enumerate() {
        match covered {
            Covered::Nothing if chain.range.lt.is_some() => open.push(Chain::unread(chain.range.lt, None)),
            Covered::DownTo(bottom) if chain.range.lt.is_some() && bottom > chain.range.lt => {
                open.push(Chain::unread(chain.range.lt, bottom));
            }
            Covered::Nothing | Covered::DownTo(_) => {}
        }
        // The next chain reads everything below its top.
        let below = chains.get(at + 1).and_then(|(chain, _)| chain.range.lt);
        let floor = chain.range.gte.max(below);
        covered = Covered::DownTo(if *is_closed { chain.range.gte } else { floor });
        let is_passed = matches!((chain.edge, floor), (Some(edge), Some(floor)) if edge < floor);
        if !is_closed && !is_passed {
            open.push(Chain { range: Range { gte: floor, ..chain.range }, ..*chain });
        }
    }
    match covered {
        Covered::Nothing => open.push(Chain::unread(window.gte, None)),
        Covered::DownTo(bottom) if bottom > window.gte => open.push(Chain::unread(window.gte, bottom)),
        Covered::DownTo(_) => {}
    }
    open
}

/// The chain, cut down to the planned seconds: it jumps if its cursor stands above the next of them. `None` if there is
/// no such second.
pub(crate) fn aim(chain: Chain, planned: &[i64]) -> Option<Chain> {
    let newest = chain.newest();
    let is_left = |second: &i64| Some(*second) >= chain.range.gte && newest.is_none_or(|newest| *second <= newest);
    let next = planned.iter().copied().filter(is_left).max()?;
    let stands_there = chain.cursor.is_some() && chain.edge == Some(next);
    Some(if stands_there { chain } else { Chain::unread(chain.range.gte, Some(next + 1)) })
}
