//! What happens to an account's objects: they arrive, change and go, and events report it.
//!
//! An object's state and the event that reports it change under one lock, that of the list's states. So the events of
//! an object are in the order of its states, and each holds the state of its moment.

use std::sync::atomic::Ordering;

use super::account::Account;
use super::event::Event;
use super::list::Placed;
use super::row::Row;
use super::state::{State, change};
use crate::error::{Error, Result, foreign};
use crate::stripe::entities::Entity;

impl Account {
    /// Gives an object other bytes from now on, at its place in the list; returns whether it is there.
    pub(super) fn replace(&self, entity: &Entity, id: &str, bytes: Vec<u8>) -> bool {
        let row = self.row(entity);
        let mut states = row.states_mut();
        let Some(placed) = row.find(id) else { return false };
        states.entry(placed.serial).or_default().given = Some(bytes.into());
        true
    }

    /// Changes objects, and returns the ids of the events that report it. `kind` is the type of the events; `None` is
    /// the one that Stripe has for changes, if it has one. If one of them cannot be changed, none is.
    pub(super) fn change(&self, entity: &Entity, ids: &[String], kind: Option<&str>, now: i64) -> Result<Vec<String>> {
        let row = self.row(entity);
        let list = row.at;
        if self.is_events(row) {
            return Err(Error::usage("an event never changes"));
        }
        let kind = match kind {
            Some(name) => Some(row.event_facts.types.iter().copied().find(|kind| *kind == name).ok_or_else(|| {
                Error::usage(format!("'{}' is not a type of an event of {}", foreign(name), entity.name))
            })?),
            None => row.event_facts.updated,
        };
        let mut states = row.states_mut();
        let mut placed = Vec::with_capacity(ids.len());
        for id in ids {
            let object = row.find(id).ok_or_else(|| no_object(entity, id))?;
            let given = states.get(&object.serial).and_then(|state| state.given.as_ref());
            if given.is_some_and(|given| change(&mut given.to_vec(), 0, 1).is_none()) {
                let message =
                    format!("{} '{}' was replaced, and has nothing that can change", entity.object, foreign(id));
                return Err(Error::usage(message));
            }
            placed.push(object);
        }
        let mut reported = Vec::new();
        for object in placed {
            let state = states.entry(object.serial).or_default();
            let mut bytes = Vec::new();
            row.render_as(&self.plan, object, state, &mut bytes);
            state.changes += 1;
            let previous = change(&mut bytes, 0, state.changes);
            if state.given.is_some() {
                state.given = Some(bytes.into());
            }
            if let Some(kind) = kind {
                let event = Event { previous: previous.map(Into::into), ..event_of(list, object, state.clone(), kind) };
                reported.push(self.events.add(self.events_row(), event, now)?);
            }
        }
        Ok(reported)
    }

    /// Changes the lists that an object has, and returns the ids of the events that report it: of the type for changes of
    /// the object, or of one for items of its lists, which is about the newest item.
    pub(super) fn change_items(
        &self,
        entity: &Entity,
        id: &str,
        (added, removed): (u32, u32),
        kind: Option<&str>,
        now: i64,
    ) -> Result<Vec<String>> {
        let row = self.row(entity);
        let of_item = match kind {
            Some(kind) => Some(row.kind_of_item(kind).ok_or_else(|| {
                Error::usage(format!("'{}' is not a type of an event in a list of {}", foreign(kind), entity.name))
            })?),
            None => None,
        };
        let mut states = row.states_mut();
        let object = row.find(id).ok_or_else(|| no_object(entity, id))?;
        let state = states.entry(object.serial).or_default();
        state.items_added += added;
        state.items_removed += removed;
        let Some(kind) = of_item.map(|(_, kind)| kind).or(row.event_facts.updated) else { return Ok(Vec::new()) };
        let item = of_item.and_then(|(items, _)| items.told(row, object, state, id));
        let event = Event { item: item.map(Into::into), ..event_of(row.at, object, state.clone(), kind) };
        Ok(vec![self.events.add(self.events_row(), event, now)?])
    }

    /// Adds objects and returns their ids, newest first.
    pub(super) fn add(&self, entity: &Entity, count: u32, created: i64) -> Result<Vec<String>> {
        let row = self.row(entity);
        if self.events.manner.of_new_objects && self.is_events(row) {
            return Err(Error::usage("with object_events, the events are those of the objects: none can be added"));
        }
        let added = self.add_to(row, count, created)?;
        Ok(added.iter().rev().map(|placed| row.identifiers.id(placed.serial)).collect())
    }

    fn add_to(&self, row: &Row, count: u32, created: i64) -> Result<Vec<Placed>> {
        let kind = row.event_facts.created.filter(|_| self.events.manner.of_new_objects);
        let Some(kind) = kind else { return row.list_mut().add(count, created) };
        // Nobody changes the objects before their events are there.
        let _states = row.states_mut();
        let added = row.list_mut().add(count, created)?;
        for object in &added {
            let event = event_of(row.at, *object, State::default(), kind);
            self.events.add(self.events_row(), event, created)?;
        }
        Ok(added)
    }

    /// Deletes an object, and returns whether it was there.
    pub(super) fn delete(&self, entity: &Entity, id: &str, now: i64) -> Result<bool> {
        let row = self.row(entity);
        let states = row.states_mut();
        let Some(object) = row.find(id) else { return Ok(false) };
        row.list_mut().delete(object.serial);
        if let Some(kind) = row.event_facts.deleted {
            let state = states.get(&object.serial).cloned().unwrap_or_default();
            self.events.add(self.events_row(), event_of(row.at, object, state, kind), now)?;
        }
        Ok(true)
    }

    /// Lets objects arrive if it is time, after a page was served.
    pub(super) fn arrive(&self, row: &Row, now: i64) {
        let pages = row.pages.fetch_add(1, Ordering::Relaxed) + 1;
        let may_grow = !(self.events.manner.of_new_objects && self.is_events(row));
        if may_grow && self.plan.arrivals.count > 0 && pages.is_multiple_of(self.plan.arrivals.every.max(1)) {
            let newest = row.list().newest_first().next().map_or(now, |placed| placed.created.max(now));
            // A full list takes no more objects; but no run reaches four thousand million of them.
            let _ = self.add_to(row, self.plan.arrivals.count, newest);
        }
    }
}

/// An event that reports no change.
pub(super) fn event_of(list: usize, object: Placed, state: State, kind: &'static str) -> Event {
    Event { list, object, state, kind, previous: None, item: None }
}

pub(super) fn no_object(entity: &Entity, id: &str) -> Error {
    Error::usage(format!("{} has no object '{}'", entity.name, foreign(id)))
}
