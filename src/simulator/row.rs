//! One list of an account: its objects, their ids, their states and their bytes.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::chance::{below, join, mix, of_name};
use super::identifier::Identifiers;
use super::items::Items;
use super::list::{List, Placed};
use super::plan::Plan;
use super::shape::Shape;
use super::state::{State, change};
use crate::stripe::entities::{ENTITIES, Entity};
use crate::stripe::events::{self, ListEvents};

/// One list and the form of its objects.
#[derive(Debug)]
pub(super) struct Row {
    /// Its place in the registry.
    pub(super) at: usize,
    pub(super) entity: &'static Entity,
    /// The events that report its objects.
    pub(super) event_facts: &'static ListEvents,
    pub(super) identifiers: Identifiers,
    /// Separates the chance of this list from that of others.
    pub(super) key: u64,
    list: RwLock<List>,
    /// Objects that are not as they were made, by serial number. Whoever changes the list because of an object's state
    /// takes this lock first, and the list's after it.
    states: RwLock<HashMap<u32, State>>,
    /// The lists that its objects have, if they are not to be as the templates have them.
    pub(super) items: Vec<Items>,
    /// List pages served.
    pub(super) pages: AtomicU64,
}

impl Row {
    /// A list of objects that were created at these times; `key` separates its chance from that of other lists.
    pub(super) fn new(seed: u64, at: usize, items: Vec<Items>, created: impl FnOnce(u64) -> Vec<i64>) -> Self {
        let entity = &ENTITIES[at];
        let key = join(seed, of_name(entity.name));
        Self {
            at,
            entity,
            event_facts: events::of(entity),
            identifiers: Identifiers::new(seed, entity),
            key,
            list: RwLock::new(List::new(created(key))),
            states: RwLock::default(),
            items,
            pages: AtomicU64::new(0),
        }
    }

    // A panic elsewhere cannot leave a list half changed: each change is one call that cannot panic in the middle.
    pub(super) fn list(&self) -> RwLockReadGuard<'_, List> {
        self.list.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn list_mut(&self) -> RwLockWriteGuard<'_, List> {
        self.list.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn states(&self) -> RwLockReadGuard<'_, HashMap<u32, State>> {
        self.states.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn states_mut(&self) -> RwLockWriteGuard<'_, HashMap<u32, State>> {
        self.states.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn find(&self, id: &str) -> Option<Placed> {
        self.list().find(self.identifiers.serial(id)?)
    }

    /// Whether the object was there once, and was deleted.
    pub(super) fn is_deleted(&self, id: &str) -> bool {
        self.identifiers.serial(id).is_some_and(|serial| self.list().is_deleted(serial))
    }

    pub(super) fn shape<'a>(&self, plan: &'a Plan, serial: u32) -> &'a Shape {
        let shapes = plan.shapes(self.at);
        let choice = below(mix(self.key ^ mix(u64::from(serial))), shapes.len() as u64);
        &shapes[usize::try_from(choice).unwrap_or_default()]
    }

    /// Appends the object as it is now, as an element of a list without the indent of its first line.
    pub(super) fn render(&self, plan: &Plan, placed: Placed, out: &mut Vec<u8>) {
        if let Some(state) = self.states().get(&placed.serial) {
            return self.render_as(plan, placed, state, out);
        }
        self.make(plan, placed, &State::default(), out);
    }

    /// Appends the object as it is, or was, in that state.
    pub(super) fn render_as(&self, plan: &Plan, placed: Placed, state: &State, out: &mut Vec<u8>) {
        if let Some(given) = &state.given {
            out.extend_from_slice(given);
            return;
        }
        let start = out.len();
        self.make(plan, placed, state, out);
        if state.changes > 0 {
            change(out, start, state.changes);
        }
    }

    /// Appends the object as it was made, with the items that it shows in that state.
    fn make(&self, plan: &Plan, placed: Placed, state: &State, out: &mut Vec<u8>) {
        let start = out.len();
        self.shape(plan, placed.serial).render(&self.identifiers, self.key, placed.serial, placed.created, out);
        for items in &self.items {
            items.show(self, placed, state, false, out, start);
        }
    }

    /// Adds the lists that a request asks for to the object that begins at `start`: the names of members.
    pub(super) fn expand(&self, placed: Placed, members: &[String], out: &mut Vec<u8>, start: usize) {
        let is_asked = |items: &&Items| members.iter().any(|member| member == items.parent.member);
        for items in self.items.iter().filter(is_asked) {
            items.show(self, placed, &self.state(placed), true, out, start);
        }
    }

    /// The lists of that kind, if its objects have them.
    pub(super) fn items_of(&self, child: &Entity) -> Option<Items> {
        self.items.iter().find(|items| items.of == child).copied()
    }

    /// The lists that events of that type are about the items of, and the type.
    pub(super) fn kind_of_item(&self, kind: &str) -> Option<(Items, &'static str)> {
        self.items.iter().find_map(|items| {
            let known = items.parent.events.iter().copied().find(|known| *known == kind)?;
            Some((*items, known))
        })
    }

    /// The state of an object.
    pub(super) fn state(&self, placed: Placed) -> State {
        self.states().get(&placed.serial).cloned().unwrap_or_default()
    }
}
