//! The account: its lists, their objects, and the pages that are served from them.

use std::collections::HashMap;

use serde_json::value::RawValue;

use super::answer::distort;
use super::event::{Events, Manner, RETENTION};
use super::faults::Fault;
use super::identifier::{account_id, index_of};
use super::items::Items;
use super::list::{Asked, From, Placed, history};
use super::mutations::{event_of, no_object};
use super::query::{Cursor, Query};
use super::refusal::Refusal;
use super::row::Row;
use super::shape::ELEMENT_INDENT;
use super::state::State;
use super::template::pretty;
use crate::error::Result;
use crate::stripe::children;
use crate::stripe::entities::{ENTITIES, Entity};

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
    pub(super) seed: u64,
    pub(super) rows: Vec<Row>,
    pub(super) arrivals: Arrivals,
    pub(super) events: Events,
    /// Place of the list of events in the registry.
    events_at: usize,
}

/// The name of the list of events.
const EVENTS: &str = "events";

impl Account {
    /// An account with `count` objects of each entity, in the `days` before `end`.
    pub(super) fn new(
        seed: u64,
        end: i64,
        days: u32,
        arrivals: Arrivals,
        manner: Manner,
        sublist_items: u32,
        count: impl Fn(&Entity) -> u64,
    ) -> Self {
        let row = |entity: &'static Entity| {
            let made_up = if entity.name == EVENTS && manner.of_new_objects { 0 } else { count(entity) };
            let of = children::of(entity).filter(|_| sublist_items > 0);
            let items = of.filter_map(|of| Some(Items { of, parent: of.parent.as_ref()?, most: sublist_items }));
            let items = items.collect();
            Row::new(seed, entity, items, |key| history(key, made_up, end, days))
        };
        let account = Self {
            id: account_id(seed),
            seed,
            rows: ENTITIES.iter().map(row).collect(),
            arrivals,
            events: Events::new(seed, manner),
            events_at: ENTITIES.iter().position(|entity| entity.name == EVENTS).unwrap_or_default(),
        };
        if manner.of_new_objects {
            account.report_the_recent(end.saturating_sub(RETENTION));
        }
        account
    }

    /// Fills the list of events with those of the objects that were created since then.
    fn report_the_recent(&self, since: i64) {
        let mut recent_events = Vec::new();
        for (list, row) in self.rows.iter().enumerate() {
            let Some(kind) = row.event_facts.created else { continue };
            let recent = row.list().newest_first().take_while(|placed| placed.created >= since).collect::<Vec<_>>();
            recent_events.extend(recent.into_iter().map(|object| event_of(list, object, State::default(), kind)));
        }
        self.events.begin(self.events_row(), recent_events);
    }

    pub(super) fn row(&self, entity: &Entity) -> &Row {
        &self.rows[index_of(entity)]
    }

    pub(super) fn events_row(&self) -> &Row {
        &self.rows[self.events_at]
    }

    pub(super) fn is_events(&self, row: &Row) -> bool {
        std::ptr::eq(row, self.events_row())
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
        Ok(row.shape(self.seed, placed.serial).dated.then_some(placed.created))
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
            (query.complete || !row.shape(self.seed, placed.serial).hidden)
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
                None => self.rows[event.list].render_as(self.seed, event.object, &event.state, &mut object),
            }
            return self.events.write(row, placed, &event, &object, out);
        }
        row.render(self.seed, placed, out);
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
