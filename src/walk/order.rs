//! The order of a page: newest first, even if single objects give other times.

use crate::page::Page;

/// Of the objects whose time is known, fewer than one in this many may be out of place: if more are, the objects are
/// not the odd thing.
const ONE_IN: usize = 2;

/// An object is far below the others of its page if its distance from the last of them is this many times their
/// distance from each other.
const FAR: i64 = 8;
/// This many objects at the end of a page may be far below the others and are not believed: objects further up would be
/// read again for each gap in the list's time.
const DOUBTFUL: usize = 3;
/// The number of objects needed to know their distance from each other.
const MANY: usize = 8;

/// Removes the time of objects that are out of place, so that their neighbours give their place, and notes them as
/// undated. `ceiling` is the newest second that any of them can have, `newest` the newest one that the run has seen.
///
/// Returns the objects that the run may have read already, the last one first: nothing distinguishes them from those
/// that it has.
///
/// # Errors
/// The position of an object that is not the only odd one. The list is not newest first, or begins again.
pub(super) fn settle(page: &mut Page, ceiling: Option<i64>, newest: Option<i64>) -> Result<Vec<usize>, usize> {
    if is_in_order(&page.created, ceiling) {
        return Ok(Vec::new());
    }
    let odd = out_of_place(&page.created, ceiling);
    let is_above = |created: Option<i64>| ceiling.is_some() && created > ceiling;
    let is_again = |row: &usize| is_above(page.created[*row]) && page.created[*row] <= newest;
    // Of a few objects none was read before, if they are below the ceiling or above everything seen.
    let dated = page.created.iter().flatten().count();
    let is_few = dated < MANY && ceiling.is_some() && !odd.iter().any(is_again);
    if odd.len() * ONE_IN >= dated && !is_few {
        return Err(odd[0]);
    }
    let (again, odd): (Vec<usize>, Vec<usize>) = odd.into_iter().rev().partition(is_again);
    for row in odd {
        page.created[row] = None;
        page.undated.push(page.ids.value(row).to_owned());
    }
    Ok(again)
}

/// Leaves out a page's objects from the first one below `floor` after which none above follows: the request asked for
/// more than the chain has to read by now. The next request has the chain's real lower bound.
pub(super) fn leave_below(page: &mut Page, floor: Option<i64>) {
    let is_below = |created: &Option<i64>| matches!((created, floor), (Some(created), Some(floor)) if *created < floor);
    let inside = page.created.iter().rposition(|created| created.is_some() && !is_below(created));
    let first = inside.map_or(0, |last| last + 1);
    if page.created[first..].iter().any(is_below) {
        page.truncate(first);
        page.leave_refused_end();
    }
}

/// Whether the objects of a page come in another order than the newest first, of which no object was above `ceiling`.
/// Single objects may be out of place.
pub(super) fn is_another(created: &[Option<i64>], ceiling: Option<i64>) -> bool {
    let dated = created.iter().flatten().count();
    dated >= MANY && !is_in_order(created, ceiling) && out_of_place(created, ceiling).len() * ONE_IN >= dated
}

/// Leaves out the end of a page that is below `floor`. Returns whether the list has nothing above the floor any more.
///
/// A few objects at the end do not show that if others follow: they are left to the next page, which does. `before` is
/// the number of objects below the floor right before the page, and becomes that at its end: a page may be too short to
/// show it.
pub(super) fn cut_below(page: &mut Page, floor: Option<i64>, before: &mut usize) -> bool {
    let is_inside = |created: &Option<i64>| created.is_some() && *created >= floor;
    let is_below = |created: &Option<i64>| created.is_some() && *created < floor;
    let last_inside = page.created.iter().rposition(is_inside);
    let behind = last_inside.map_or(0, |last| last + 1);
    let earlier = if last_inside.is_some() { 0 } else { std::mem::take(before) };
    *before = earlier;
    let Some(first) = page.created[behind..].iter().position(is_below).map(|at| behind + at) else { return false };
    let has_more = page.has_more;
    if earlier + page.len() - first >= DOUBTFUL || !has_more {
        page.truncate(first);
        page.has_more = has_more;
        return true;
    }
    if first == 0 {
        // Nothing of the page can be left to the next one: that would be the same page.
        *before = earlier + page.len();
    } else {
        page.truncate(first);
        page.leave_refused_end();
        page.has_more = has_more;
    }
    false
}

/// Removes the time of objects that are below the bound that was asked for. The list goes by Stripe's own record of
/// their time, and not by the time that they give.
pub(super) fn forget_below(page: &mut Page, floor: Option<i64>) {
    for row in 0..page.len() {
        if floor.is_some() && page.created[row] < floor && page.created[row].is_some() {
            page.created[row] = None;
            page.undated.push(page.ids.value(row).to_owned());
        }
    }
}

/// Leaves the end of a page to the next page, if there is one and the end seems far below the objects before it: only
/// the following objects show whether it is out of place.
pub(super) fn leave_doubtful_end(page: &mut Page) {
    if !page.has_more {
        return;
    }
    let dated: Vec<(usize, i64)> =
        page.created.iter().enumerate().filter_map(|(row, at)| Some((row, (*at)?))).collect();
    if dated.len() < MANY {
        return;
    }
    // Not from the first one: it may be odd itself.
    let (upper, end) = (dated.len() / 4, dated.len() - DOUBTFUL - 1);
    let others = i64::try_from(end - upper).unwrap_or(i64::MAX);
    let usual = (dated[upper].1.saturating_sub(dated[end].1) / others.max(1)).max(1);
    let is_far = |pair: &&[(usize, i64)]| pair[0].1.saturating_sub(pair[1].1) > usual.saturating_mul(FAR);
    if let Some(far) = dated[end..].windows(2).find(is_far) {
        page.truncate(far[1].0);
    }
}

/// The second that each object counts with: its own, or else that of the object before it; `before` is the second
/// before the first object. So an object without time counts as newer than it may be, and is never taken as below its
/// range.
pub(super) fn seconds(created: &[Option<i64>], before: Option<i64>) -> Vec<Option<i64>> {
    let mut last = before;
    created
        .iter()
        .map(|own| {
            last = own.or(last);
            last
        })
        .collect()
}

fn is_in_order(created: &[Option<i64>], mut ceiling: Option<i64>) -> bool {
    created.iter().flatten().all(|time| {
        let fits = ceiling.is_none_or(|ceiling| *time <= ceiling);
        ceiling = Some(*time);
        fits
    })
}

/// The objects outside the longest series of times that never rise: as few as possible.
fn out_of_place(created: &[Option<i64>], ceiling: Option<i64>) -> Vec<usize> {
    let times: Vec<(usize, i64)> = created.iter().enumerate().filter_map(|(row, time)| Some((row, (*time)?))).collect();
    // For each object: the length of the longest such series that ends with it, with none above the ceiling, and the
    // object before it.
    let mut longest: Vec<(usize, Option<usize>)> = Vec::with_capacity(times.len());
    for (at, (_, time)) in times.iter().enumerate() {
        let before = (0..at).filter(|before| longest[*before].0 > 0 && times[*before].1 >= *time);
        let before = before.max_by_key(|before| longest[*before].0);
        let fits = ceiling.is_none_or(|ceiling| *time <= ceiling);
        longest.push((usize::from(fits) * (before.map_or(0, |before| longest[before].0) + 1), before));
    }
    let mut in_place = vec![false; times.len()];
    let mut last = (0..times.len()).filter(|at| longest[*at].0 > 0).max_by_key(|at| longest[*at].0);
    while let Some(at) = last {
        in_place[at] = true;
        last = longest[at].1;
    }
    times.iter().zip(in_place).filter(|(_, in_place)| !in_place).map(|((row, _), _)| *row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::decode;
    use crate::stripe::entities::by_name;

    fn odd(times: &[i64], ceiling: Option<i64>) -> Vec<usize> {
        let created: Vec<Option<i64>> = times.iter().map(|time| (*time >= 0).then_some(*time)).collect();
        let odd = out_of_place(&created, ceiling);
        assert_eq!(odd.is_empty(), is_in_order(&created, ceiling), "{times:?}");
        odd
    }

    #[test]
    fn as_few_objects_as_possible_are_out_of_place() {
        for (times, ceiling, expected) in [
            (&[][..], None, &[][..]),
            (&[9, 8, 8, 7], Some(9), &[]),
            (&[9, -1, 8, -1], None, &[]),
            (&[9, 8, 2, 7, 6], None, &[2]),
            (&[9, 8, 99, 7, 6], None, &[2]),
            (&[99, 8, 7, 6], Some(9), &[0]),
            (&[1, 9, 8, 7], None, &[0]),
            (&[9, 1, 8, 50, 7, -1, 6, 2, 5], Some(9), &[1, 3, 7]),
            (&[12, 11, 10], Some(9), &[0, 1, 2]),
        ] {
            assert_eq!(odd(times, ceiling), expected, "{times:?}");
        }
    }

    /// A page of charges `ch_0`, `ch_1` and so on, with these times.
    fn page(times: &[i64], has_more: bool) -> Page {
        let charge =
            |(number, time): (usize, &i64)| format!(r#"{{"id":"ch_{number}","object":"charge","created":{time}}}"#);
        let charges: Vec<String> = times.iter().enumerate().map(charge).collect();
        let body = format!(r#"{{"object":"list","data":[{}],"has_more":{has_more}}}"#, charges.join(","));
        decode(body.as_bytes(), by_name("charges").unwrap()).unwrap()
    }

    #[test]
    fn an_object_at_the_ceiling_is_not_above_it_and_lands_without_a_time() {
        let mut at_the_ceiling = page(&[8, 8, 9, 7, 6, 5, 4, 3], false);
        assert_eq!(settle(&mut at_the_ceiling, Some(9), Some(9)), Ok(vec![]));
        assert_eq!(at_the_ceiling.undated, ["ch_2"]);
        let mut above = page(&[8, 10, 7, 6, 5, 4, 3, 2], false);
        assert_eq!(settle(&mut above, Some(9), Some(10)), Ok(vec![1]), "it may have been read before");
        let mut new = page(&[8, 10, 7, 6, 5, 4, 3, 2], false);
        assert_eq!(settle(&mut new, Some(9), Some(9)), Ok(vec![]), "it is newer than all that was read");
    }

    #[test]
    fn half_of_a_page_out_of_place_is_another_order_if_the_objects_are_many_enough_to_tell() {
        let (many, few) = ([20, 19, 18, 17, 30, 31, 32, 33], [20, 19, 18, 30, 31, 32, 33]);
        assert_eq!(settle(&mut page(&many, false), Some(20), None), Err(4));
        let mut page = page(&few, false);
        assert_eq!(settle(&mut page, Some(20), None), Ok(vec![]));
        assert_eq!(page.undated.len(), 4);
    }

    #[test]
    fn objects_below_the_bound_lose_their_time_and_one_at_the_bound_keeps_it() {
        let mut page = page(&[7, 5, 4], true);
        forget_below(&mut page, Some(5));
        assert_eq!((page.created, page.undated), (vec![Some(7), Some(5), None], vec!["ch_2".to_owned()]));
    }

    #[test]
    fn a_list_has_come_to_its_floor_if_enough_objects_are_below_it() {
        for (times, has_more, rows, ends) in [
            (&[9, 8, 7][..], true, 3, false),
            (&[9, 8, 5], true, 3, false),
            (&[9, 4, 3, 2], true, 1, true),
            // Two may be out of place; if nothing follows, they are not.
            (&[9, 8, 4, 3], true, 2, false),
            (&[9, 8, 4, 3], false, 2, true),
            (&[9, 4, 3, 6], true, 4, false),
            (&[4, 3, 2], true, 0, true),
            // A short page cannot be left to the next one.
            (&[4, 3], true, 2, false),
            (&[4, 3], false, 0, true),
            // One without a time is where the one before it is.
            (&[9, -1, 4, 3, 2], true, 2, true),
            (&[-1, -1], true, 2, false),
            (&[], true, 0, false),
        ] {
            let mut page = page(times, has_more);
            assert_eq!(cut_below(&mut page, Some(5), &mut 0), ends, "{times:?}");
            assert_eq!((page.len(), page.has_more), (rows, has_more), "{times:?}");
            assert_eq!(page.last_id, rows.checked_sub(1).map(|last| format!("ch_{last}")));
        }
        assert!(!cut_below(&mut page(&[4, 3, 2], false), None, &mut 0));
    }

    #[test]
    fn short_pages_come_to_the_floor_together() {
        let mut before = 0;
        let ends: Vec<bool> = [&[9, 8][..], &[4], &[8], &[4], &[3], &[2]]
            .map(|times| cut_below(&mut page(times, true), Some(5), &mut before))
            .into();
        assert_eq!(ends, [false, false, false, false, false, true]);
    }

    #[test]
    fn another_order_shows_in_half_of_many_objects() {
        let times = |times: &[i64]| times.iter().copied().map(Some).collect::<Vec<_>>();
        assert!(!is_another(&times(&[9, 8, 7, 6, 5, 4, 3, 2]), None));
        assert!(!is_another(&times(&[9, 8, 7, 60, 50, 4, 3, 2]), None));
        assert!(is_another(&times(&[1, 2, 3, 4, 5, 6, 7, 8]), None));
        assert!(is_another(&times(&[19, 18, 17, 16, 5, 4, 3, 2]), Some(9)));
        assert!(!is_another(&times(&[1, 2, 3]), None));
    }

    #[test]
    fn an_end_that_is_eight_times_as_far_below_as_usual_is_believed_and_one_that_is_farther_is_not() {
        // Ten seconds lie between two of twelve objects. The first one is odd and does not count.
        let with_gap = |at: i64, gap: i64| {
            let time = |number: i64| 1_000 - 10 * number - if number < at { 0 } else { gap - 10 };
            let mut times = vec![1_000_000];
            times.extend((1..12).map(time));
            times
        };
        for (at, gap, has_more, rows) in [
            (10, 80, true, 12),
            (10, 81, true, 10),
            (10, 81, false, 12),
            // Three objects may be such an end, and four are not.
            (9, 81, true, 9),
            (8, 10_000, true, 12),
        ] {
            let mut page = page(&with_gap(at, gap), has_more);
            leave_doubtful_end(&mut page);
            assert_eq!(page.len(), rows, "{gap} at {at}");
        }
    }

    #[test]
    fn an_object_without_time_counts_with_that_of_the_one_before() {
        let created = [None, Some(9), None, None, Some(7)];
        assert_eq!(seconds(&created, Some(12)), [12, 9, 9, 9, 7].map(Some));
        assert_eq!(seconds(&created[..2], None), [None, Some(9)]);
    }
}
