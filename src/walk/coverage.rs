//! Coverage: the part of a run's window that its committed pages have read, and so the part that remains.
//!
//! A list is read newest to oldest in **chains**. A chain has a top that never changes (its requests' `created[lt]`), a
//! cursor, and a lower bound that only rises. The remaining part is never stored: it is the gaps in the part that the
//! pages cover.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::error::foreign;
use crate::stripe::facts::PageFacts;
use crate::stripe::window::Range;

/// The coverage of one page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link<'page> {
    /// Number of the page.
    pub page_number: i64,
    /// Its place in the list.
    pub facts: &'page PageFacts,
    /// `created` of its oldest kept row.
    pub min_created: Option<i64>,
}

/// A part of the list that is still to be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chain {
    /// The object whose list it is of; `None` if the account has the list.
    pub parent: Option<Arc<str>>,
    /// The range that it has to cover.
    pub range: Range,
    /// Id of the last object read; `None` starts at the top.
    pub cursor: Option<String>,
    /// `created` of the oldest row kept so far.
    pub last_created: Option<i64>,
}

impl Chain {
    /// The second of the cursor, as far as the pages show: some of its rows may be held already.
    #[must_use]
    pub fn edge(&self) -> Option<i64> {
        self.last_created.or_else(|| self.cursor.as_ref().and(self.range.lt).map(|top| top.saturating_sub(1)))
    }
}

/// A page that does not fit any of the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenChain {
    /// Number of the page.
    pub page_number: i64,
    /// The fault.
    pub reason: Reason,
}

/// The reason why a page does not fit any of the others. Its text continues "page 3".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It has no predecessor: no page handed out the cursor that it was asked with, which is this one.
    Unled(String),
    /// Its range is empty, or reaches below the run's window.
    Outside,
    /// Its chain covers the beginning of another one: it is unknown which of them to continue.
    Overlaps,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unled(cursor) => {
                write!(formatter, "follows '{}', which no committed page ends with", foreign(cursor))
            }
            Self::Outside => formatter.write_str("was read for a range that is not in the run's window"),
            Self::Overlaps => formatter.write_str("covers seconds that another page was read for"),
        }
    }
}

/// A chain in the state in which the pages left it.
struct Read {
    chain: Chain,
    closed: bool,
    page_number: i64,
}

/// Pages of the parts of a list below a second, and those of the window above it. Pages for which no request was made
/// have read nothing, and are in neither.
pub fn parted<'page>(
    links: impl IntoIterator<Item = Link<'page>>,
    floor: Option<i64>,
) -> (Vec<Link<'page>>, Vec<Link<'page>>) {
    let requested = links.into_iter().filter(|link| link.facts.was_requested());
    requested.partition(|link| link.facts.range.lt.is_some() && link.facts.range.lt <= floor)
}

/// The parts of the window that `links` leave unread, newest first. No links: the whole window is one chain.
///
/// Parts do not overlap each other or the covered part: an object is read once in a run.
///
/// # Errors
/// No earlier page of its chain handed out a page's cursor, or no run asks for its range. No run leaves such pages, so
/// their coverage cannot be trusted.
pub fn remaining(window: Range, mut links: Vec<Link<'_>>) -> Result<Vec<Chain>, BrokenChain> {
    links.sort_by_key(|link| link.page_number);
    let mut chains: Vec<Read> = Vec::new();
    for link in links {
        let range = link.facts.range;
        if range.is_empty() || !range.is_within(window) {
            return Err(BrokenChain { page_number: link.page_number, reason: Reason::Outside });
        }
        follow(&mut chains, &link)?;
    }
    // An open top is above every other.
    chains.sort_by_key(|read| std::cmp::Reverse((read.chain.range.lt.is_none(), read.chain.range.lt)));
    let overlap = chains.windows(2).find(|pair| pair[0].closed && pair[0].chain.range.gte < pair[1].chain.range.lt);
    if let Some([above, _]) = overlap {
        return Err(BrokenChain { page_number: above.page_number, reason: Reason::Overlaps });
    }
    Ok(gaps(window, chains))
}

/// The lists of parents that `links` have begun, by parent: each with the part that they leave unread, if there is one.
///
/// # Errors
/// As [`remaining`].
pub fn begun<'page>(
    links: impl IntoIterator<Item = Link<'page>>,
) -> Result<BTreeMap<Arc<str>, Option<Chain>>, BrokenChain> {
    let mut of_parents: BTreeMap<Arc<str>, Vec<Link<'page>>> = BTreeMap::new();
    for link in links {
        if let Some(parent) = &link.facts.parent {
            of_parents.entry(Arc::clone(parent)).or_default().push(link);
        }
    }
    let left = |(parent, links): (Arc<str>, Vec<Link<'page>>)| {
        let chain = remaining(Range::default(), links)?.pop();
        let chain = chain.map(|chain| Chain { parent: Some(Arc::clone(&parent)), ..chain });
        Ok((parent, chain))
    };
    of_parents.into_iter().map(left).collect()
}

/// Adds one page to the chain it belongs to.
fn follow(chains: &mut Vec<Read>, link: &Link<'_>) -> Result<(), BrokenChain> {
    let PageFacts { range, starting_after, next_cursor, .. } = link.facts;
    let closed = link.facts.closes();
    let known = chains.iter().position(|read| read.chain.range.lt == range.lt);
    match (known, starting_after) {
        (Some(at), Some(cursor)) if chains[at].chain.cursor.as_ref() == Some(cursor) => {
            let read = &mut chains[at];
            read.closed = closed;
            read.page_number = link.page_number;
            read.chain.range = *range;
            read.chain.cursor.clone_from(next_cursor);
            read.chain.last_created = link.min_created.or(read.chain.last_created);
        }
        (_, Some(starting_after)) => {
            return Err(BrokenChain { page_number: link.page_number, reason: Reason::Unled(starting_after.clone()) });
        }
        // A chain begun again at the same top (its cursor vanished) reads everything below that top again.
        (known, None) => {
            let read = Read {
                chain: Chain {
                    parent: None,
                    range: *range,
                    cursor: next_cursor.clone(),
                    last_created: link.min_created,
                },
                closed,
                page_number: link.page_number,
            };
            match known {
                Some(at) => chains[at] = read,
                None => chains.push(read),
            }
        }
    }
    Ok(())
}

/// The parts that chains, ordered by falling tops, leave open.
fn gaps(window: Range, chains: Vec<Read>) -> Vec<Chain> {
    let mut open = Vec::new();
    let mut covered = window.lt.map_or(Covered::Nothing, |top| Covered::DownTo(Some(top)));
    let tops: Vec<Option<i64>> = chains.iter().map(|read| read.chain.range.lt).collect();
    for (at, read) in chains.into_iter().enumerate() {
        push_gap(&mut open, covered, read.chain.range.lt);
        // The next chain's top, if there is one, bounds this one: that chain reads everything below.
        let below = tops.get(at + 1).copied().flatten();
        let floor = read.chain.range.gte.max(below);
        covered = Covered::DownTo(if read.closed { read.chain.range.gte } else { floor });
        let passed = matches!((read.chain.last_created, floor), (Some(last), Some(floor)) if last < floor);
        if !read.closed && !passed {
            open.push(Chain { range: Range { gte: floor, ..read.chain.range }, ..read.chain });
        }
    }
    match covered {
        Covered::Nothing => open.push(unread(window.gte, None)),
        Covered::DownTo(bottom) if bottom > window.gte => open.push(unread(window.gte, bottom)),
        Covered::DownTo(_) => {}
    }
    open
}

/// The depth from the top that the chains reach so far.
#[derive(Clone, Copy)]
enum Covered {
    Nothing,
    DownTo(Option<i64>),
}

/// Adds the gap between the part covered above and the next chain's top, if there is one.
fn push_gap(open: &mut Vec<Chain>, covered: Covered, top: Option<i64>) {
    match covered {
        Covered::Nothing if top.is_some() => open.push(unread(top, None)),
        Covered::DownTo(bottom) if bottom > top && top.is_some() => open.push(unread(top, bottom)),
        Covered::Nothing | Covered::DownTo(_) => {}
    }
}

const fn unread(gte: Option<i64>, lt: Option<i64>) -> Chain {
    Chain { parent: None, range: Range { gte, lt }, cursor: None, last_created: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Page = (i64, PageFacts, i64);

    fn page(
        number: i64,
        (gte, lt): (Option<i64>, Option<i64>),
        cursors: (Option<&str>, Option<&str>),
        oldest: i64,
    ) -> Page {
        let (starting_after, next_cursor) = (cursors.0.map(str::to_owned), cursors.1.map(str::to_owned));
        (number, PageFacts { range: Range { gte, lt }, starting_after, next_cursor, ..PageFacts::default() }, oldest)
    }

    fn remaining(start: Option<i64>, pages: impl AsRef<[Page]>) -> Result<Vec<Chain>, BrokenChain> {
        let mut links = Vec::new();
        for (page_number, facts, oldest) in pages.as_ref() {
            links.push(Link { page_number: *page_number, facts, min_created: Some(*oldest) });
        }
        super::remaining(Range { gte: start, lt: None }, links)
    }

    fn open(range: (Option<i64>, Option<i64>), cursor: Option<&str>, last: Option<i64>) -> Chain {
        let range = Range { gte: range.0, lt: range.1 };
        Chain { parent: None, range, cursor: cursor.map(str::to_owned), last_created: last }
    }

    #[test]
    fn without_pages_the_whole_window_is_left() {
        assert_eq!(remaining(Some(5), []).unwrap(), [open((Some(5), None), None, None)]);
    }

    #[test]
    fn one_chain_goes_on_at_its_last_cursor() {
        let links = [page(2, (None, None), (Some("a"), Some("b")), 90), page(1, (None, None), (None, Some("a")), 95)];
        assert_eq!(remaining(None, links).unwrap(), [open((None, None), Some("b"), Some(90))]);
    }

    #[test]
    fn a_closed_chain_leaves_nothing() {
        let links = [page(1, (Some(5), None), (None, Some("a")), 95), page(2, (Some(5), None), (Some("a"), None), 5)];
        assert_eq!(remaining(Some(5), links).unwrap(), []);
    }

    #[test]
    fn a_page_without_a_predecessor_is_reported() {
        let links = [page(1, (None, None), (None, Some("a")), 95), page(3, (None, None), (Some("b"), None), 5)];
        assert_eq!(
            remaining(None, links).unwrap_err(),
            BrokenChain { page_number: 3, reason: Reason::Unled("b".to_owned()) }
        );
    }

    #[test]
    fn a_page_outside_of_the_window_is_reported() {
        for range in [(None, None), (Some(4), None), (Some(9), Some(9)), (Some(9), Some(7))] {
            let links = [page(1, range, (None, Some("a")), 95)];
            assert_eq!(remaining(Some(5), links).unwrap_err(), BrokenChain { page_number: 1, reason: Reason::Outside });
        }
    }

    #[test]
    fn a_window_with_both_ends_is_read_up_to_its_top_and_no_further() {
        let june = Range { gte: Some(50), lt: Some(90) };
        let remaining = |pages: &[Page]| {
            let links = pages.iter().map(|(number, facts, oldest)| Link {
                page_number: *number,
                facts,
                min_created: Some(*oldest),
            });
            super::remaining(june, links.collect())
        };
        assert_eq!(remaining(&[]).unwrap(), [Chain { range: june, ..Chain::default() }]);
        let within = [page(1, (Some(60), Some(70)), (None, None), 60)];
        assert_eq!(
            remaining(&within).unwrap(),
            [open((Some(70), Some(90)), None, None), open((Some(50), Some(60)), None, None)]
        );
        assert_eq!(remaining(&[page(1, (Some(50), Some(90)), (None, None), 50)]).unwrap(), []);
        for range in [(Some(50), None), (Some(50), Some(91)), (Some(49), Some(90)), (None, Some(90))] {
            let broken = remaining(&[page(1, range, (None, Some("a")), 60)]).unwrap_err();
            assert_eq!(broken.reason, Reason::Outside, "{range:?}");
        }
    }

    #[test]
    fn a_finished_chain_that_covers_the_next_ones_top_is_reported() {
        let links = [page(1, (Some(20), None), (None, None), 20), page(2, (None, Some(50)), (None, Some("c")), 40)];
        assert_eq!(remaining(None, links).unwrap_err(), BrokenChain { page_number: 1, reason: Reason::Overlaps });
    }

    #[test]
    fn an_open_top_is_above_the_last_second_of_all() {
        let links =
            [page(1, (None, Some(i64::MAX)), (None, None), 5), page(2, (Some(i64::MAX), None), (None, None), 9)];
        assert_eq!(remaining(None, links).unwrap(), []);
    }

    #[test]
    fn a_chain_begun_again_below_a_vanished_cursor_takes_over_the_rest() {
        let links = [page(1, (None, None), (None, Some("a")), 95), page(2, (None, Some(96)), (None, Some("c")), 80)];
        assert_eq!(remaining(None, links).unwrap(), [open((None, Some(96)), Some("c"), Some(80))]);
    }

    #[test]
    fn the_gap_below_a_closed_parent_is_a_new_chain() {
        let links = [page(1, (Some(50), None), (None, None), 50)];
        assert_eq!(remaining(None, links).unwrap(), [open((None, Some(50)), None, None)]);
    }

    #[test]
    fn parent_and_child_each_go_on_within_their_bounds() {
        let links =
            [page(1, (None, None), (None, Some("a")), 95), page(2, (Some(20), Some(50)), (None, Some("c")), 40)];
        assert_eq!(
            remaining(None, links).unwrap(),
            [
                open((Some(50), None), Some("a"), Some(95)),
                open((Some(20), Some(50)), Some("c"), Some(40)),
                open((None, Some(20)), None, None),
            ]
        );
    }

    #[test]
    fn parts_above_and_between_the_chains_are_left() {
        let links = [page(1, (Some(50), Some(90)), (None, None), 50), page(2, (None, Some(30)), (None, None), 1)];
        assert_eq!(
            remaining(None, links).unwrap(),
            [open((Some(90), None), None, None), open((Some(30), Some(50)), None, None)]
        );
    }

    #[test]
    fn chains_that_touch_leave_nothing_between_them() {
        let links = [page(1, (Some(50), None), (None, None), 50), page(2, (None, Some(50)), (None, None), 1)];
        assert_eq!(remaining(None, links).unwrap(), []);
    }

    #[test]
    fn a_cursor_stands_in_the_second_of_the_oldest_row_or_below_the_top() {
        for (chain, edge) in [
            (open((None, Some(90)), Some("a"), Some(70)), Some(70)),
            (open((None, Some(90)), Some("a"), None), Some(89)),
            (open((None, Some(90)), None, None), None),
            (open((None, None), Some("a"), None), None),
        ] {
            assert_eq!(chain.edge(), edge, "{chain:?}");
        }
    }

    #[test]
    fn each_reason_says_why_a_page_does_not_fit() {
        for (reason, words) in [
            (Reason::Unled("ch_1\n".to_owned()), "follows 'ch_1', which"),
            (Reason::Outside, "not in the run's window"),
            (Reason::Overlaps, "another page was read for"),
        ] {
            assert!(reason.to_string().contains(words), "{reason}");
        }
    }
}
