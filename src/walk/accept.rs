//! Gives a page its place, at the end of the chain that asked for it, and checks it against the order of the list.

use std::sync::Arc;

use super::answer::{Asked, Effect};
use super::chain::ActiveChain;
use super::follow::Next;
use super::{Fetched, Walk, order};
use crate::error::{Error, foreign};
use crate::page::{Fault, Page, Refused, Row, livemode};
use crate::stripe::entities::Entity;
use crate::stripe::exchange::{Now, Response};
use crate::stripe::facts::PageFacts;
use crate::stripe::window::Window;

/// What is known of a page when it has its place in its part of the list.
struct Placed {
    /// The second that the part had come to before it.
    before: Option<i64>,
    /// Whether the part ends with it.
    closes: bool,
    /// Id of the last object that was answered.
    answered_last: Option<String>,
    /// The latest second in which its objects can have been created.
    latest: i64,
}

impl Walk {
    /// Takes a page into its chain.
    pub(super) fn accept_page(
        &mut self,
        at: usize,
        mut page: Page,
        response: &Response,
        now: Now,
    ) -> Result<Effect, Error> {
        let asked = Asked { entity: self.scope.entity.name, request_id: response.request_id.as_deref() };
        let latest = self.latest(response, now);
        let active = &mut self.chains[at];
        if page.elements() == 0 && page.has_more {
            if active.chain.cursor.is_none() {
                return Err(
                    asked.error("Stripe answered with an empty first page that says there is more; run again later")
                );
            }
            let again = "Stripe answered twice with a page without objects that says there is more";
            return self.reopen(at, response.request_id.as_deref(), again);
        }
        if self.progress.rows == 0 && active.chain.cursor.is_none() && active.chain.parent.is_none() {
            check_list(&page, &asked)?;
        }
        let floor = active.chain.range.gte;
        let window = self.scope.entity.window;
        if window.is_filtered() {
            order::forget_below(&mut page, active.asked_down_to);
            order::leave_doubtful_end(&mut page);
        }
        check_livemode(&page, self.livemode, &asked)?;
        let page_size = self.options.page_size as usize;
        let full = page.elements() >= self.scope.entity.most_objects(page_size);
        check_thin(&page, active, page_size, &asked)?;
        let before = active.edge;
        let is_below = cut_below(&mut page, active, self.scope.entity, &mut self.warnings);
        let seconds = if window.is_filtered() {
            for row in settle_order(&mut page, active, self.newest, &asked)? {
                page.refuse(row, Fault::OutOfOrder);
            }
            if active.asked_down_to != window.asked_down_to(active.chain.range) {
                order::leave_below(&mut page, floor);
                if page.elements() == 0 && page.has_more {
                    return Ok(Effect::Nothing);
                }
            }
            order::seconds(&page.created, before)
        } else {
            vec![None; page.len()]
        };
        let top = page.created.iter().flatten().next().copied();
        self.newest = self.newest.max(top.map(|top| top.min(latest)));
        active.measure(&page);
        let mut absorbed = active.absorb(&page, &seconds, &self.undated);
        if window == Window::Client {
            // Between objects of the window, those below it count as read by an earlier run.
            for (known, created) in absorbed.known.iter_mut().zip(&page.created) {
                *known |= created.is_some() && *created < floor;
            }
        }
        if page.last_id.is_some() && !absorbed.is_fresh {
            return Err(asked.error(
                "Stripe answered with objects of an earlier page again: the list does not advance; run again later",
            ));
        }
        // A full page that ends the list costs one confirming request; a shorter one is believed.
        let closes = is_below || page.elements() == 0 || (!page.has_more && !full);
        let answered_last = page.last_id.take();
        if answered_last.is_none() && !closes {
            let missing = "no object of the page has an 'id', so it is unknown where the list continues";
            return Err(asked.error(&format!("{missing}; ask for more objects at once (page_size)")));
        }
        if !closes {
            leave_the_end(&mut page);
        }
        if absorbed.known.contains(&true) {
            let mut known = absorbed.known.iter();
            page.retain(|_| known.next() == Some(&false));
        }
        let placed = Placed { before, closes, answered_last, latest };
        self.place(at, page, placed, response, now);
        Ok(Effect::Page)
    }

    /// Takes a page that fits its part of the list to its end, and hands it over, with the objects that have left the list.
    fn place(&mut self, at: usize, mut page: Page, placed: Placed, response: &Response, now: Now) {
        let Placed { before, closes, answered_last, latest } = placed;
        let active = &mut self.chains[at];
        let is_at_border = active.chain.cursor.is_none() || (closes && active.chain.range.gte.is_some());
        let (parent, request_cursor) = (active.chain.parent.clone(), active.chain.cursor.take());
        active.chain.cursor.clone_from(&answered_last);
        let oldest = page.created.iter().flatten().copied().min();
        active.chain.last_created = oldest.or(active.chain.last_created);
        active.stalled &= page.is_empty();
        let mut range = active.chain.range;
        let is_old = self.work.is_old(range);
        let oldest = if is_old { active.edge } else { oldest };
        let max_created = page.created.iter().flatten().copied().max();
        self.note_answer();
        let next = self.next(at, closes);
        let read_out = self.read_out(at, before.filter(|_| request_cursor.is_some()), next);
        self.go_on(at, next);
        if let Next::Leap { edge, .. } = next {
            range.gte = Some(edge.saturating_add(1));
        }
        if is_at_border {
            self.forget_known_refusals(parent.as_ref(), &mut page);
        }
        self.note_odd(&page);
        self.work.take_in(&mut page, is_old);
        let lands_again = |row: Row<'_>| self.work.has(row.id) && self.may_have_changed_unseen(row.json);
        let mut unchanged = self.landed.leave_out(&mut page, lands_again);
        let (origins, unchanged_gone) = self.add_the_gone(read_out, &mut page);
        unchanged += unchanged_gone;
        self.count(&page, unchanged, oldest);
        let facts = PageFacts {
            parent,
            range,
            starting_after: request_cursor,
            next_cursor: answered_last.filter(|_| next == Next::Cursor),
            has_more: page.has_more,
            http_status: i64::from(response.status),
            request_id: response.request_id.clone(),
            api_version: response.api_version.clone(),
        };
        let fetched = Fetched {
            page,
            facts,
            received_at_micros: now.wall_micros,
            unchanged,
            min_created: oldest,
            max_created,
            seen: max_created.map(|newest| newest.min(latest)),
            answered: Some(response.date.unwrap_or(now.wall_micros.div_euclid(1_000_000))),
            origins,
            is_refusal: false,
        };
        self.pages.push_back(fetched);
    }

    /// Takes a part of the list to where it goes on.
    fn go_on(&mut self, at: usize, next: Next) {
        match next {
            Next::Cursor => {}
            Next::Leap { to: Some(second), .. } => self.chains[at].leap(second),
            Next::End | Next::Leap { to: None, .. } => drop(self.chains.swap_remove(at)),
        }
    }

    /// The latest second in which the objects of an answer can have been created. A server's clock that is far ahead of
    /// ours does not count, and an object of the future must not move the next window there.
    fn latest(&self, response: &Response, now: Now) -> i64 {
        let ours = now.wall_micros.div_euclid(1_000_000);
        let latest = ours.saturating_add(self.options.lookback_seconds);
        response.date.filter(|theirs| *theirs <= latest).unwrap_or(ours)
    }

    /// Drops the refused objects that the part beyond a border has named already.
    fn forget_known_refusals(&mut self, parent: Option<&Arc<str>>, page: &mut Page) {
        let key = |refused: &Refused| (parent.cloned(), refused.sha256);
        page.refused.retain(|refused| !self.refused.contains(&key(refused)));
        self.refused.extend(page.refused.iter().map(key));
    }

    fn count(&mut self, page: &Page, unchanged: usize, oldest: Option<i64>) {
        self.progress.pages += 1;
        self.progress.rows += page.len() as u64;
        self.progress.unchanged += unchanged as u64;
        self.progress.reached = [oldest, self.progress.reached].into_iter().flatten().min();
    }

    /// Counts the odd rows and elements of a page, and warns about the first.
    fn note_odd(&mut self, page: &Page) {
        let entity = self.scope.entity;
        if entity.window.is_filtered() {
            let undated = page.rows().filter(|row| row.created.is_none()).map(|row| row.id.to_owned());
            self.undated.extend(undated);
        }
        let mut kept = page.undated.iter().filter(|id| page.ids.iter().flatten().any(|kept| kept == id.as_str()));
        if self.progress.undated == 0
            && let Some(id) = kept.clone().next()
        {
            let (name, field, id) = (entity.name, entity.dated_by(), foreign(id));
            self.warnings.push(format!(
                "{name}: the '{field}' of object {id} cannot be used as a time, so its _stripe_created_at is null; \
                 further ones are counted in the report"
            ));
        }
        self.progress.undated += kept.by_ref().count() as u64;
        self.progress.refused += page.refused.len() as u64;
    }
}

/// Refuses a page whose mode is not the key's. All objects of an account and mode agree on it, so this looks at one.
fn check_livemode(page: &Page, expected: Option<bool>, asked: &Asked<'_>) -> Result<(), Error> {
    let Some((expected, row)) = expected.zip(page.rows().next()) else { return Ok(()) };
    if livemode(row.json).is_none_or(|livemode| livemode == expected) {
        return Ok(());
    }
    let (theirs, ours) = if expected { ("test", "live") } else { ("live", "test") };
    Err(asked.error(&format!(
        "object {} is {theirs} data, and the key is a {ours} key; check the key, and any proxy between Stripe and \
         this machine",
        foreign(row.id)
    )))
}

/// Refuses a run's first page that is of another list: it holds only objects of another type. A single one may be odd.
fn check_list(page: &Page, asked: &Asked<'_>) -> Result<(), Error> {
    let is_other = |refused: &Refused| matches!(refused.fault, Fault::OtherObject { .. });
    if !page.is_empty() || page.refused.len() < 2 || !page.refused.iter().all(is_other) {
        return Ok(());
    }
    Err(asked.error(&format!(
        "{}, and so are all others; check the base URL, and any proxy between it and this machine",
        page.refused[0].fault
    )))
}

/// Number of nearly empty pages in a row after which a run gives up.
const MOST_THIN_PAGES: u32 = 100;

/// Refuses too many nearly empty pages in a row. If each answer has at most a tenth of the objects asked for and says
/// that there is more, no deadline of a request bounds the run.
fn check_thin(page: &Page, active: &mut ActiveChain, page_size: usize, asked: &Asked<'_>) -> Result<(), Error> {
    let is_thin = page.has_more && page.elements() * 10 <= page_size;
    active.thin_pages = if is_thin { active.thin_pages + 1 } else { 0 };
    if active.thin_pages < MOST_THIN_PAGES {
        return Ok(());
    }
    Err(asked.error(&format!(
        "Stripe answered {MOST_THIN_PAGES} pages in a row with {} or fewer of the {page_size} objects asked for, and \
         said that there are more; run again later, or check any proxy between Stripe and this machine",
        page_size / 10
    )))
}

/// Leaves out the end of a page that is below the window, in a list whose window Stripe does not bound exactly. Returns
/// whether the list has nothing in the window any more.
fn cut_below(page: &mut Page, active: &mut ActiveChain, entity: &Entity, warnings: &mut Vec<String>) -> bool {
    let floor = active.chain.range.gte;
    match entity.window {
        Window::Created | Window::Whole => return false,
        Window::AfterBefore => {}
        Window::Client if active.is_unordered => return false,
        Window::Client => {
            active.is_unordered = floor.is_some() && order::is_another(&page.created, active.chain.last_created);
            if active.is_unordered {
                let name = entity.name;
                warnings.push(format!("{name}: Stripe does not list the newest objects first, so it is read whole"));
                return false;
            }
        }
    }
    order::cut_below(page, floor, &mut active.below)
}

/// Checks a page against the order of the list, in which single objects may be out of place.
fn settle_order(
    page: &mut Page,
    active: &ActiveChain,
    newest: Option<i64>,
    asked: &Asked<'_>,
) -> Result<Vec<usize>, Error> {
    let ceiling = active.edge.or(active.chain.range.lt.map(|top| top.saturating_sub(1)));
    order::settle(page, ceiling, newest).map_err(|row| {
        asked.error(&format!(
            "object {} was created later than the one before it or than its range, and so were others: the list is not \
             newest first; run again later, or ask Stripe's support about that request",
            foreign(page.ids.value(row))
        ))
    })
}

/// Leaves out elements at a page's end that have no id to continue from: the next page begins with them.
fn leave_the_end(page: &mut Page) {
    while page.refused.last().is_some_and(|last| last.id.is_none() && last.position + 1 == page.elements()) {
        page.refused.pop();
    }
}
