//! The account: its lists, their objects, and the pages that are served from them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_json::value::RawValue;

use super::chance::{below, join, mix, of_name};
use super::faults::{Fault, Member};
use super::identifier::{Identifiers, account_id, index_of};
use super::list::{Asked, From, List, Page, Placed, history};
use super::query::{Cursor, Query};
use super::refusal::Refusal;
use super::shape::{ELEMENT_INDENT, Shape};
use crate::error::{Error, Result, foreign};
use crate::stripe::entities::{ENTITIES, Entity};

/// One list and the form of its objects.
#[derive(Debug)]
struct Row {
    entity: &'static Entity,
    identifiers: Identifiers,
    /// Separates the chance of this list from that of others.
    key: u64,
    list: RwLock<List>,
    /// They are made when they are first needed: most runs ask for a few entities only.
    shapes: OnceLock<Vec<Shape>>,
    /// Objects that were given other bytes, by serial number.
    replaced: RwLock<HashMap<u32, Vec<u8>>>,
    /// List pages served.
    pages: AtomicU64,
}

/// New objects that arrive while a run reads pages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrivals {
    pub(super) count: u32,
    pub(super) every: u64,
}

/// Everything that the simulated account holds.
#[derive(Debug)]
pub(super) struct Account {
    /// Its own id.
    pub(super) id: String,
    seed: u64,
    rows: Vec<Row>,
    arrivals: Arrivals,
}

impl Account {
    /// An account with `count` objects of each entity, in the `days` before `end`.
    pub(super) fn new(seed: u64, end: i64, days: u32, arrivals: Arrivals, count: impl Fn(&Entity) -> u64) -> Self {
        let row = |entity: &'static Entity| {
            let key = join(seed, of_name(entity.name));
            Row {
                entity,
                identifiers: Identifiers::new(seed, entity),
                key,
                list: RwLock::new(List::new(history(key, count(entity), end, days))),
                shapes: OnceLock::new(),
                replaced: RwLock::default(),
                pages: AtomicU64::new(0),
            }
        };
        Self { id: account_id(seed), seed, rows: ENTITIES.iter().map(row).collect(), arrivals }
    }

    fn row(&self, entity: &Entity) -> &Row {
        &self.rows[index_of(entity)]
    }

    /// Ids of an entity's objects, newest first, as a list with the fixed query shows them.
    pub(super) fn ids(&self, entity: &Entity) -> Vec<String> {
        let row = self.row(entity);
        row.list().newest_first().map(|placed| row.identifiers.id(placed.serial)).collect()
    }

    /// The object's bytes as they are in `data`, without the indent of the first line.
    pub(super) fn object_bytes(&self, entity: &Entity, id: &str) -> Option<Vec<u8>> {
        let row = self.row(entity);
        let placed = row.find(id)?;
        let mut bytes = Vec::new();
        row.render(self.seed, placed, &mut bytes);
        Some(bytes)
    }

    /// The time that the object gives; `None` if it gives none.
    pub(super) fn created(&self, entity: &Entity, id: &str) -> Result<Option<i64>> {
        let row = self.row(entity);
        let placed =
            row.find(id).ok_or_else(|| Error::usage(format!("{} has no object '{}'", entity.name, foreign(id))))?;
        if let Some(replaced) = row.replaced().get(&placed.serial) {
            return Ok(says(replaced, entity.dated_by()));
        }
        Ok(row.shape(self.seed, placed.serial).dated.then_some(placed.created))
    }

    /// Gives an object other bytes from now on, at its place in the list; returns whether it is there.
    pub(super) fn replace(&self, entity: &Entity, id: &str, bytes: Vec<u8>) -> bool {
        let row = self.row(entity);
        let Some(placed) = row.find(id) else { return false };
        row.replaced.write().unwrap_or_else(PoisonError::into_inner).insert(placed.serial, bytes);
        true
    }

    /// Adds objects and returns their ids, newest first.
    pub(super) fn add(&self, entity: &Entity, count: u32, created: i64) -> Result<Vec<String>> {
        let row = self.row(entity);
        let added = row.list_mut().add(count, created)?;
        Ok(added.iter().rev().map(|placed| row.identifiers.id(placed.serial)).collect())
    }

    /// Deletes an object, and returns whether it was there.
    pub(super) fn delete(&self, entity: &Entity, id: &str) -> bool {
        let row = self.row(entity);
        row.identifiers.serial(id).is_some_and(|serial| row.list_mut().delete(serial))
    }

    /// Appends the body of the answer to a list request. `now` dates the objects that arrive after it.
    pub(super) fn list(
        &self,
        entity: &Entity,
        query: &Query,
        fault: Option<&Fault>,
        now: i64,
        out: &mut Vec<u8>,
    ) -> std::result::Result<(), Refusal> {
        let row = self.row(entity);
        let from = row.start(query, fault)?;
        let asked = Asked { from, window: query.window, limit: query.limit };
        // Only entities with a fixed query leave anything out: for all others, no shape needs to be read.
        let visible = |placed: Placed| query.complete || !row.shape(self.seed, placed.serial).hidden;
        let mut page = row.list().page(asked, visible).ok_or_else(|| row.no_such_object(&query.cursor))?;
        distort(&mut page, fault);
        self.write_page(row, &page, fault, out);
        self.arrive(row, now);
        Ok(())
    }

    fn write_page(&self, row: &Row, page: &Page, fault: Option<&Fault>, out: &mut Vec<u8>) {
        let wrong = |member| matches!(fault, Some(Fault::WrongType(wrong)) if *wrong == member);
        let (objects, brackets) =
            if wrong(Member::Data) { (&[][..], ['{', '}']) } else { (page.objects.as_slice(), ['[', ']']) };
        out.extend_from_slice(format!("{{\n  \"object\": \"list\",\n  \"data\": {}\n", brackets[0]).as_bytes());
        for (index, placed) in objects.iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(b",\n");
            }
            out.extend_from_slice(&[b' '; ELEMENT_INDENT]);
            let chosen = index == objects.len() / 2;
            let stray = chosen && matches!(fault, Some(Fault::WrongObject));
            let row = if stray { &self.rows[(index_of(row.entity) + 1) % self.rows.len()] } else { row };
            let start = out.len();
            row.render(self.seed, *placed, out);
            if chosen && wrong(Member::Created) {
                quote_number(out, start, row.entity.dated_by());
            }
        }
        let quote = if wrong(Member::HasMore) { "\"" } else { "" };
        let end = format!(
            "\n  {},\n  \"has_more\": {quote}{}{quote},\n  \"url\": \"{}\"\n}}\n",
            brackets[1], page.has_more, row.entity.path
        );
        out.extend_from_slice(end.as_bytes());
    }

    fn arrive(&self, row: &Row, now: i64) {
        let pages = row.pages.fetch_add(1, Ordering::Relaxed) + 1;
        if self.arrivals.count > 0 && pages.is_multiple_of(self.arrivals.every.max(1)) {
            let mut list = row.list_mut();
            let newest = list.newest_first().next().map_or(now, |placed| placed.created.max(now));
            // A full list takes no more objects; but no run reaches four thousand million of them.
            let _ = list.add(self.arrivals.count, newest);
        }
    }
}

/// The time that an object's bytes give, if they do. No calendar goes beyond the year 9999.
fn says(bytes: &[u8], field: &str) -> Option<i64> {
    let members: HashMap<String, &RawValue> = serde_json::from_slice(bytes).ok()?;
    members.get(field)?.get().parse().ok().filter(|time| (0..253_402_300_800).contains(time))
}

/// Changes a page as a fault says.
fn distort(page: &mut Page, fault: Option<&Fault>) {
    match fault {
        Some(Fault::Empty) => *page = Page { objects: Vec::new(), has_more: true },
        Some(Fault::More) => page.has_more = true,
        Some(Fault::NoMore) => page.has_more = false,
        Some(Fault::Short) => {
            page.objects.truncate(page.objects.len().div_ceil(2));
            page.has_more = false;
        }
        _ => {}
    }
}

/// Puts an object's own member of that name, a number, in quotes. The object begins at `start`.
fn quote_number(out: &mut Vec<u8>, start: usize, name: &str) {
    let key = format!("\n{}\"{name}\": ", " ".repeat(ELEMENT_INDENT + 2));
    let Some(at) = out[start..].windows(key.len()).position(|window| window == key.as_bytes()) else { return };
    let begin = start + at + key.len();
    let digits = out[begin..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    out.insert(begin + digits, b'"');
    out.insert(begin, b'"');
}

impl Row {
    // A panic elsewhere cannot leave a list half changed: each change is one call that cannot panic in the middle.
    fn list(&self) -> RwLockReadGuard<'_, List> {
        self.list.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn list_mut(&self) -> RwLockWriteGuard<'_, List> {
        self.list.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, id: &str) -> Option<Placed> {
        self.list().find(self.identifiers.serial(id)?)
    }

    fn shape(&self, seed: u64, serial: u32) -> &Shape {
        let shapes = self.shapes.get_or_init(|| Shape::all(seed, self.entity));
        let choice = below(mix(self.key ^ mix(u64::from(serial))), shapes.len() as u64);
        &shapes[usize::try_from(choice).unwrap_or_default()]
    }

    fn replaced(&self) -> RwLockReadGuard<'_, HashMap<u32, Vec<u8>>> {
        self.replaced.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn render(&self, seed: u64, placed: Placed, out: &mut Vec<u8>) {
        if let Some(replaced) = self.replaced().get(&placed.serial) {
            out.extend_from_slice(replaced);
            return;
        }
        self.shape(seed, placed.serial).render(&self.identifiers, self.key, placed.serial, placed.created, out);
    }

    /// The place in the list that the query's cursor names.
    fn start(&self, query: &Query, fault: Option<&Fault>) -> std::result::Result<From, Refusal> {
        let (Cursor::StartingAfter(id) | Cursor::EndingBefore(id)) = &query.cursor else { return Ok(From::Top) };
        let serial = self.identifiers.serial(id).ok_or_else(|| self.no_such_object(&query.cursor))?;
        let after = matches!(query.cursor, Cursor::StartingAfter(_));
        match fault {
            Some(Fault::Vanish) => {
                self.list_mut().delete(serial);
            }
            Some(Fault::Stuck) if after => return Ok(From::Top),
            Some(Fault::Repeat) if after => return Ok(self.list().one_page_before(serial, query.limit)),
            _ => {}
        }
        Ok(if after { From::After(serial) } else { From::Before(serial) })
    }

    fn no_such_object(&self, cursor: &Cursor) -> Refusal {
        let (id, param) = match cursor {
            Cursor::None => ("", ""),
            Cursor::StartingAfter(id) => (id.as_str(), "starting_after"),
            Cursor::EndingBefore(id) => (id.as_str(), "ending_before"),
        };
        Refusal::no_such_object(self.entity.object, id, param)
    }
}
