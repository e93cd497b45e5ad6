//! One list: its objects, their order, and the objects that a request names.

use super::chance::Stream;
use crate::error::{Error, Result};

/// Times that an object can have: those with ten digits, in the years 2001 to 2286.
pub(super) const TIMES: std::ops::RangeInclusive<i64> = 1_000_000_000..=9_999_999_999;

/// An object; the rest of it follows from its serial number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Placed {
    /// Seconds since 1970. Objects that do not show their time have one, too: it is their place in the list.
    pub(super) created: i64,
    /// Number of the object in its list, in the order of arrival: among objects of one second the later arrival is
    /// the newer one. It is never given twice.
    pub(super) serial: u32,
}

/// The start of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// At the newest object of the window.
    Top,
    /// Below this object.
    After(u32),
    /// Above this object.
    Before(u32),
}

/// Half-open span of time: `from <= created < until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from: i64,
    pub(super) until: i64,
}

impl Window {
    /// All times.
    pub(super) const ALL: Self = Self { from: i64::MIN, until: i64::MAX };

    /// The part that is in both windows.
    pub(super) fn and(self, other: Self) -> Self {
        Self { from: self.from.max(other.from), until: self.until.min(other.until) }
    }
}

/// A request to a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) from: From,
    pub(super) window: Window,
    /// Most objects of a page.
    pub(super) limit: usize,
}

/// One page, newest first.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) objects: Vec<Placed>,
    /// Whether there are more in the direction of reading.
    pub(super) has_more: bool,
}

/// In `created`: the object was deleted.
const GONE: i64 = i64::MIN;

/// The objects of one list, 24 bytes each.
#[derive(Debug, Default)]
pub(super) struct List {
    /// The objects that are there, oldest first: arrivals are appended.
    order: Vec<Placed>,
    /// Time of each object by serial number, also of deleted ones.
    created: Vec<i64>,
}

impl List {
    /// A list with objects at those times.
    pub(super) fn new(mut created: Vec<i64>) -> Self {
        created.sort_unstable();
        let order = (0..).zip(&created).map(|(serial, &created)| Placed { created, serial }).collect();
        Self { order, created }
    }

    /// All objects, newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = Placed> {
        self.order.iter().rev().copied()
    }

    /// The object with that serial; `None` if there is none or it was deleted.
    pub(super) fn find(&self, serial: u32) -> Option<Placed> {
        let created = *self.created.get(usize::try_from(serial).ok()?)?;
        (created != GONE).then_some(Placed { created, serial })
    }

    /// Adds objects of that time, and returns them.
    pub(super) fn add(&mut self, count: u32, created: i64) -> Result<Vec<Placed>> {
        let first = u32::try_from(self.created.len()).ok();
        let Some((first, end)) = first.and_then(|first| Some((first, first.checked_add(count)?))) else {
            return Err(Error::usage("a list of the simulator holds at most 4294967295 objects"));
        };
        let added: Vec<Placed> = (first..end).map(|serial| Placed { created, serial }).collect();
        let at = self.order.partition_point(|other| other.created <= created);
        self.order.splice(at..at, added.iter().copied());
        self.created.extend(std::iter::repeat_n(created, added.len()));
        Ok(added)
    }

    /// Deletes an object, and returns whether it was there.
    pub(super) fn delete(&mut self, serial: u32) -> bool {
        let Some(placed) = self.find(serial) else { return false };
        if let Ok(at) = self.order.binary_search(&placed) {
            self.order.remove(at);
        }
        self.created[usize::try_from(serial).unwrap_or_default()] = GONE;
        true
    }

    /// Puts a deleted object back at its place.
    pub(super) fn restore(&mut self, placed: Placed) {
        if self.is_deleted(placed.serial) {
            let at = self.order.partition_point(|other| *other < placed);
            self.order.insert(at, placed);
            self.created[usize::try_from(placed.serial).unwrap_or_default()] = placed.created;
        }
    }

    /// Whether an object with that serial was there and was deleted.
    pub(super) fn is_deleted(&self, serial: u32) -> bool {
        usize::try_from(serial).is_ok_and(|serial| self.created.get(serial) == Some(&GONE))
    }

    /// Deletes the objects created before `bound` that are chosen, and returns the time of the oldest object from there
    /// on; the latest of all times if there is none.
    pub(super) fn delete_older(&mut self, bound: i64, chosen: impl Fn(u32) -> bool) -> i64 {
        let end = self.order.partition_point(|placed| placed.created < bound);
        let (gone, kept): (Vec<Placed>, Vec<Placed>) =
            self.order[..end].iter().partition(|placed| chosen(placed.serial));
        for placed in gone {
            self.created[usize::try_from(placed.serial).unwrap_or_default()] = GONE;
        }
        self.order.splice(..end, kept);
        let next = self.order.partition_point(|placed| placed.created < bound);
        self.order.get(next).map_or(i64::MAX, |placed| placed.created)
    }

    /// The page that a request asks for; `None` if its cursor is not an object of the list.
    ///
    /// A cursor is a place in the list, not in the window: one outside the window still separates older from newer.
    pub(super) fn page(&self, asked: Asked, visible: impl Fn(Placed) -> bool) -> Option<Page> {
        let oldest = self.order.partition_point(|placed| placed.created < asked.window.from);
        let end = self.order.partition_point(|placed| placed.created < asked.window.until).max(oldest);
        let upwards = matches!(asked.from, From::Before(_));
        let inside = match asked.from {
            From::Top => oldest..end,
            From::After(serial) => oldest..self.place(serial)?.clamp(oldest, end),
            From::Before(serial) => (self.place(serial)? + 1).clamp(oldest, end)..end,
        };
        let seen = self.order[inside].iter().copied();
        let mut objects: Vec<Placed> = if upwards {
            seen.filter(|placed| visible(*placed)).take(asked.limit + 1).collect()
        } else {
            seen.rev().filter(|placed| visible(*placed)).take(asked.limit + 1).collect()
        };
        let has_more = objects.len() > asked.limit;
        objects.truncate(asked.limit);
        if upwards {
            objects.reverse();
        }
        Some(Page { objects, has_more })
    }

    /// The cursor with which a page of that size ends at this object: a request with it repeats the page that led here.
    pub(super) fn one_page_before(&self, serial: u32, limit: usize) -> From {
        let newer = self.place(serial).and_then(|at| self.order.get(at + limit));
        newer.map_or(From::Top, |placed| From::After(placed.serial))
    }

    fn place(&self, serial: u32) -> Option<usize> {
        self.order.binary_search(&self.find(serial)?).ok()
    }
}

/// Times of the objects that are there from the start: more of them in recent time, sales with many in one hour,
/// seconds with a few objects, and one second with more than a page.
pub(super) fn history(seed: u64, count: u64, end: i64, days: u32) -> Vec<i64> {
    let span = u64::from(days) * 86_400 + 1;
    let mut chance = Stream::new(seed);
    let oldest = end.saturating_sub_unsigned(span - 1);
    let mut times: Vec<u64> = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
    let sales: Vec<u64> = (0..=count / 2_000).map(|_| chance.below(span)).collect();
    let crowded = chance.below(span);
    let in_crowd = (count / 10).min(250);
    while (times.len() as u64) < count {
        let time = match chance.below(10) {
            _ if (times.len() as u64) < in_crowd => crowded,
            0 | 1 => {
                let sale = usize::try_from(chance.below(sales.len() as u64)).unwrap_or_default();
                sales[sale] + chance.below(3_600)
            }
            2 => times.last().copied().unwrap_or(0),
            // This is the larger of two draws: the account grows.
            _ => chance.below(span).max(chance.below(span)),
        };
        times.push(time.min(span - 1));
    }
    times.into_iter().map(|time| oldest.saturating_add_unsigned(time).clamp(*TIMES.start(), *TIMES.end())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serials(page: &Page) -> Vec<u32> {
        page.objects.iter().map(|placed| placed.serial).collect()
    }

    fn ask(list: &List, from: From, window: Window, limit: usize) -> (Vec<u32>, bool) {
        let page = list.page(Asked { from, window, limit }, |_| true).unwrap();
        (serials(&page), page.has_more)
    }

    #[test]
    fn pages_run_from_newest_to_oldest_and_cut_a_second_only_by_cursor() {
        let list = List::new(vec![10, 20, 20, 20, 30]);
        assert_eq!(ask(&list, From::Top, Window::ALL, 2), (vec![4, 3], true));
        assert_eq!(ask(&list, From::After(3), Window::ALL, 2), (vec![2, 1], true));
        assert_eq!(ask(&list, From::After(1), Window::ALL, 2), (vec![0], false));
        assert_eq!(ask(&list, From::After(0), Window::ALL, 2), (vec![], false));
    }

    #[test]
    fn a_page_upwards_is_next_to_its_cursor_and_still_newest_first() {
        let list = List::new(vec![10, 20, 20, 20, 30]);
        assert_eq!(ask(&list, From::Before(0), Window::ALL, 2), (vec![2, 1], true));
        assert_eq!(ask(&list, From::Before(3), Window::ALL, 2), (vec![4], false));
    }

    #[test]
    fn a_cursor_outside_the_window_still_has_its_place() {
        let list = List::new(vec![10, 20, 30, 40, 50]);
        let middle = Window { from: 20, until: 41 };
        assert_eq!(ask(&list, From::After(4), middle, 10), (vec![3, 2, 1], false));
        assert_eq!(ask(&list, From::After(0), middle, 10), (vec![], false));
        assert_eq!(ask(&list, From::Before(0), middle, 2), (vec![2, 1], true));
        assert_eq!(ask(&list, From::Before(4), middle, 2), (vec![], false));
        assert_eq!(ask(&list, From::Top, Window { from: 40, until: 20 }, 2), (vec![], false));
    }

    #[test]
    fn an_arrival_is_the_newest_of_its_second_and_moves_no_other() {
        let mut list = List::new(vec![10, 20, 20, 30]);
        assert_eq!(list.add(2, 20).unwrap().len(), 2);
        assert_eq!(ask(&list, From::Top, Window::ALL, 10).0, [3, 5, 4, 2, 1, 0]);
    }

    #[test]
    fn a_deleted_object_is_not_a_cursor_and_its_serial_never_comes_back() {
        let mut list = List::new(vec![10, 20, 30]);
        assert!(list.delete(1) && !list.delete(1) && !list.delete(99));
        assert!(list.page(Asked { from: From::After(1), window: Window::ALL, limit: 1 }, |_| true).is_none());
        assert_eq!((ask(&list, From::After(2), Window::ALL, 5).0, list.order.len()), (vec![0], 2));
        assert_eq!(list.add(1, 40).unwrap()[0].serial, 3);
        list.restore(Placed { created: 20, serial: 1 });
        list.restore(Placed { created: 20, serial: 1 });
        assert_eq!(ask(&list, From::Top, Window::ALL, 5).0, [3, 2, 1, 0]);
    }

    #[test]
    fn only_chosen_objects_before_the_bound_are_deleted() {
        let mut list = List::new(vec![10, 20, 20, 30, 40]);
        assert_eq!(list.delete_older(30, |serial| serial != 1), 30);
        assert_eq!(ask(&list, From::Top, Window::ALL, 5).0, [4, 3, 1]);
        assert!(list.is_deleted(0) && !list.is_deleted(1) && list.is_deleted(2) && !list.is_deleted(9));
        assert_eq!(list.delete_older(50, |_| true), i64::MAX);
    }

    #[test]
    fn a_repeated_page_ends_at_its_cursor() {
        let list = List::new((0..10).collect());
        let again = list.one_page_before(5, 3);
        assert_eq!(ask(&list, again, Window::ALL, 3).0, [7, 6, 5]);
        assert_eq!(list.one_page_before(8, 3), From::Top);
    }

    #[test]
    fn history_stays_in_its_span_and_has_crowded_seconds() {
        let times = history(1, 5_000, 1_800_000_000, 10);
        let list = List::new(times.clone());
        assert_eq!(list.order.len(), 5_000);
        assert!(times.iter().all(|time| (1_800_000_000 - 864_000..=1_800_000_000).contains(time)));
        let longest = list.order.chunk_by(|left, right| left.created == right.created).map(<[Placed]>::len).max();
        assert!(longest >= Some(101), "no second holds more than a page");
    }
}
