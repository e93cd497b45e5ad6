//! One account: its lists, their objects, and the pages that are served from them.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use serde_json::value::RawValue;

use super::answer::distort;
use super::event::{Events, RETENTION};
use super::faults::Fault;
use super::identifier::index_of;
use super::items::Items;
use super::list::{Asked, From, Placed, history};
use super::mutations::{event_of, no_object};
use super::plan::{Counts, Plan};
use super::query::{Cursor, Query};
use super::refusal::Refusal;
use super::row::Row;
use super::shape::ELEMENT_INDENT;
use super::state::State;
use super::template::pretty;
use crate::error::Result;
use crate::stripe::children;
use crate::stripe::entities::{ENTITIES, Entity};
use crate::stripe::events;

/// Everything that one account holds.
#[derive(Debug)]
pub(super) struct Account {
    /// Its own id.
    pub(super) id: String,
    seed: u64,
    pub(super) plan: Arc<Plan>,
    counts: Arc<Counts>,
    /// Its lists, in the order of the registry; each is made when it is first needed.
    rows: Box<[OnceLock<Box<Row>>]>,
    pub(super) events: Events,
    /// Place of the list of events in the registry.
    events_at: usize,
}

impl Account {
    /// An account that starts with so many objects. All of them follow from the seed.
    pub(super) fn new(id: String, seed: u64, plan: Arc<Plan>, counts: Arc<Counts>) -> Self {
        let account = Self {
            id,
            seed,
            counts,
            rows: ENTITIES.iter().map(|_| OnceLock::new()).collect(),
            events: Events::new(seed, plan.manner),
            events_at: ENTITIES.iter().position(Entity::has_events).unwrap_or_default(),
            plan,
        };
        if account.plan.manner.of_new_objects {
            account.report_the_recent(account.plan.end.saturating_sub(RETENTION));
        }
        account
    }

    /// Makes all lists now.
    pub(super) fn make(&self) {
        for at in 0..ENTITIES.len() {
            self.row_at(at);
        }
    }

    fn new_row(&self, at: usize) -> Row {
        let (entity, plan) = (&ENTITIES[at], &self.plan);
        let made_up = if entity.has_events() && plan.manner.of_new_objects { 0 } else { self.counts.of(entity) };
        let of = children::of(entity).filter(|_| plan.sublist_items > 0);
        let items = of.filter_map(|of| Some(Items { of, parent: of.parent.as_ref()?, most: plan.sublist_items }));
        Row::new(self.seed, at, items.collect(), |key| history(key, made_up, plan.end, plan.days))
    }

    /// Fills the list of events with those of the objects that were created since then.
    fn report_the_recent(&self, since: i64) {
        let mut recent_events = Vec::new();
        for (list, entity) in ENTITIES.iter().enumerate() {
            let Some(kind) = events::of(entity).created.filter(|_| self.counts.of(entity) > 0) else { continue };
            let row = self.row_at(list);
            let recent = row.list().newest_first().take_while(|placed| placed.created >= since).collect::<Vec<_>>();
            recent_events.extend(recent.into_iter().map(|object| event_of(list, object, State::default(), kind)));
        }
        self.events.begin(self.events_row(), recent_events);
    }

    pub(super) fn row(&self, entity: &Entity) -> &Row {
        self.row_at(index_of(entity))
    }

    /// The list at that place of the registry.
    pub(super) fn row_at(&self, at: usize) -> &Row {
        self.rows[at].get_or_init(|| Box::new(self.new_row(at)))
    }

    pub(super) fn events_row(&self) -> &Row {
        self.row_at(self.events_at)
    }

    pub(super) const fn is_events(&self, row: &Row) -> bool {
        row.at == self.events_at
    }

    /// Takes the events that are too old at that time out of their list.
    pub(super) fn expire(&self, now: i64) {
        self.events.expire(self.events_row(), now);
    }

    /// Ids of an entity's objects, newest first, as a list with the fixed query shows them.
    pub(super) fn ids(&self, entity: &Entity, now: i64) -> Vec<String> {
        let row = self.row(entity);
        let listed = |placed: &Placed| !self.is_events(row) || self.events.is_visible(*placed, now);
        row.list().newest_first().filter(listed).map(|placed| row.identifiers.id(placed.serial)).collect()
    }

    /// The items of the list of that kind that an object has, as JSON; `None` if there is no such object or list.
    pub(super) fn items(&self, child: &Entity, parent: &str) -> Option<Vec<String>> {
        let row = self.row(child.parent.as_ref()?.list());
        let (items, placed) = (row.items_of(child)?, row.find(parent)?);
        Some(items.all(row, placed, &row.state(placed)))
    }

    /// The object's bytes as they are in `data`, without the indent of the first line.
    pub(super) fn object_bytes(&self, entity: &Entity, id: &str) -> Option<Vec<u8>> {
        let row = self.row(entity);
        let placed = row.find(id)?;
        let mut bytes = Vec::new();
        self.render(row, placed, &mut bytes);
        Some(bytes)
    }

    /// The time that the object gives; `None` if it gives none.
    pub(super) fn created(&self, entity: &Entity, id: &str) -> Result<Option<i64>> {
        let row = self.row(entity);
        let placed = row.find(id).ok_or_else(|| no_object(entity, id))?;
        if let Some(given) = row.states().get(&placed.serial).and_then(|state| state.given.as_ref()) {
            return Ok(says(given, entity.dated_by()));
        }
        Ok(row.shape(&self.plan, placed.serial).dated.then_some(placed.created))
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
        let is_events = self.is_events(row);
        if is_events {
            self.expire(now);
        }
        if let (Some(Fault::Vanish), Cursor::StartingAfter(id) | Cursor::EndingBefore(id)) = (fault, &query.cursor) {
            // A full list takes no more events; but no run reaches four thousand million of them.
            let _ = self.delete(entity, id, now);
        }
        let from = self.start(row, query, fault)?;
        let asked = Asked { from, window: query.window, limit: query.limit };
        // Only entities with a fixed query leave anything out: for all others, no shape needs to be read.
        let visible = |placed: Placed| {
            (query.complete || !row.shape(&self.plan, placed.serial).hidden)
                && (!is_events || self.events.is_visible(placed, now))
        };
        let page = row.list().page(asked, visible);
        let mut page = page.ok_or_else(|| self.no_cursor(row, &query.cursor))?;
        distort(&mut page, fault);
        self.write_page(row, &page, &query.expand, fault, out);
        self.arrive(row, now);
        Ok(())
    }

    /// Appends an object as it is now, as an element of a list without the indent of its first line.
    pub(super) fn render(&self, row: &Row, placed: Placed, out: &mut Vec<u8>) {
        if self.is_events(row)
            && let Some(event) = self.events.find(placed.serial)
            && !row.states().contains_key(&placed.serial)
        {
            let mut object = Vec::new();
            match &event.item {
                Some(item) => object.extend_from_slice(pretty(item, ELEMENT_INDENT).as_bytes()),
                None => self.row_at(event.list).render_as(&self.plan, event.object, &event.state, &mut object),
            }
            return self.events.write(row, placed, &event, &object, out);
        }
        row.render(&self.plan, placed, out);
    }

    /// The place in the list that the query's cursor names.
    fn start(&self, row: &Row, query: &Query, fault: Option<&Fault>) -> std::result::Result<From, Refusal> {
        let (Cursor::StartingAfter(id) | Cursor::EndingBefore(id)) = &query.cursor else { return Ok(From::Top) };
        let serial = row.identifiers.serial(id).ok_or_else(|| self.no_cursor(row, &query.cursor))?;
        let after = matches!(query.cursor, Cursor::StartingAfter(_));
        match fault {
            Some(Fault::Stuck) if after => return Ok(From::Top),
            Some(Fault::Repeat) if after => return Ok(row.list().one_page_before(serial, query.limit)),
            _ => {}
        }
        Ok(if after { From::After(serial) } else { From::Before(serial) })
    }

    fn no_cursor(&self, row: &Row, cursor: &Cursor) -> Refusal {
        let (id, param) = match cursor {
            Cursor::None => ("", ""),
            Cursor::StartingAfter(id) => (id.as_str(), "starting_after"),
            Cursor::EndingBefore(id) => (id.as_str(), "ending_before"),
        };
        if self.is_aged_out(row, id) {
            return Refusal::aged_out(id, param);
        }
        Refusal::no_such_object(row.entity.object, id, param)
    }

    /// Whether that is the id of an event that Stripe no longer keeps.
    pub(super) fn is_aged_out(&self, row: &Row, id: &str) -> bool {
        let serial = row.identifiers.serial(id).filter(|_| self.is_events(row) && row.is_deleted(id));
        serial.is_some_and(|serial| self.events.find(serial).is_some())
    }
}

/// The time that an object's bytes give, if they do. No calendar goes beyond the year 9999.
fn says(bytes: &[u8], field: &str) -> Option<i64> {
    let members: HashMap<String, &RawValue> = serde_json::from_slice(bytes).ok()?;
    members.get(field)?.get().parse().ok().filter(|time| (0..253_402_300_800).contains(time))
}
