//! The events that report on the account's objects: which there are, which can be seen, and their bytes.
//!
//! An event holds the state that its object had, not the object's bytes: they are made again whenever the event is
//! served.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::chance::{below, join, mix};
use super::endpoint::DEFAULT_VERSION;
use super::identifier::request_id;
use super::list::{List, Placed};
use super::row::Row;
use super::shape::ELEMENT_INDENT;
use super::state::{State, at_depth};
use super::template::pretty;

/// Seconds for which Stripe keeps an event.
pub(super) const RETENTION: i64 = 30 * 86_400;

/// How the account's events behave.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Manner {
    /// Whether new objects have events, too.
    pub(super) of_new_objects: bool,
    /// The most seconds that an event becomes visible late.
    pub(super) delay: u32,
}

/// The content of one event.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// Place of the object's list in the registry.
    pub(super) list: usize,
    pub(super) object: Placed,
    /// The state that the object had.
    pub(super) state: State,
    /// Its type.
    pub(super) kind: &'static str,
    /// `previous_attributes`, if the object changed.
    pub(super) previous: Option<Box<str>>,
    /// The item of a list of that object that the event is about, as JSON; `None` if it is about the object.
    pub(super) item: Option<Box<str>>,
}

/// The events that report on objects, beside the list that has their order. An event of that list that is not among them
/// was made up like any other object.
#[derive(Debug)]
pub(super) struct Events {
    pub(super) manner: Manner,
    seed: u64,
    /// Whether there are any. Without them, an event costs what any other object costs.
    any: AtomicBool,
    /// Whoever adds an event takes this lock first, and that of the list after it: a reader who finds the event in the
    /// list waits until its content is known.
    log: RwLock<Log>,
}

#[derive(Debug)]
struct Log {
    /// By serial number of the event. Those that aged out stay, so that Stripe's answer to their ids can be given.
    events: HashMap<u32, Event>,
    /// No event that is still listed and reports on an object is older than this.
    oldest: i64,
}

impl Events {
    pub(super) fn new(seed: u64, manner: Manner) -> Self {
        Self {
            manner,
            seed,
            any: AtomicBool::new(false),
            log: RwLock::new(Log { events: HashMap::new(), oldest: i64::MAX }),
        }
    }

    fn log(&self) -> RwLockReadGuard<'_, Log> {
        self.log.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn log_mut(&self) -> RwLockWriteGuard<'_, Log> {
        self.log.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The content of the event with that serial number; `None` if it was made up.
    pub(super) fn find(&self, serial: u32) -> Option<Event> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        self.log().events.get(&serial).cloned()
    }

    /// Fills the list with one event for each of these objects, at the time when it was created.
    pub(super) fn begin(&self, row: &Row, mut new: Vec<Event>) {
        new.sort_by_key(|event| (event.object.created, event.list, event.object.serial));
        let mut log = self.log_mut();
        *row.list_mut() = List::new(new.iter().map(|event| event.object.created).collect());
        log.oldest = new.first().map_or(i64::MAX, |event| event.object.created);
        log.events = (0..).zip(new).collect();
        self.any.store(true, Ordering::Relaxed);
    }

    /// Adds an event, and returns its id.
    pub(super) fn add(&self, row: &Row, event: Event, created: i64) -> crate::error::Result<String> {
        let mut log = self.log_mut();
        // The lock of the list comes after it: who finds the event there sees this, too.
        self.any.store(true, Ordering::Relaxed);
        let serial = row.list_mut().add(1, created)?[0].serial;
        log.events.insert(serial, event);
        log.oldest = log.oldest.min(created);
        Ok(row.identifiers.id(serial))
    }

    /// Takes the events that Stripe no longer keeps out of the list. Made-up ones stay: a test may have asked for their
    /// number.
    pub(super) fn expire(&self, row: &Row, now: i64) {
        let bound = now.saturating_sub(RETENTION);
        if self.log().oldest >= bound {
            return;
        }
        let mut log = self.log_mut();
        log.oldest = row.list_mut().delete_older(bound, |serial| log.events.contains_key(&serial));
    }

    /// Whether the event can be seen yet. Which ones are late, and by how much, follows from the seed: every second one
    /// is.
    pub(super) fn is_visible(&self, placed: Placed, now: i64) -> bool {
        if self.manner.delay == 0 {
            return true;
        }
        let chance = join(join(self.seed, 5), u64::from(placed.serial));
        let late = if chance & 1 == 0 { 0 } else { 1 + below(mix(chance), u64::from(self.manner.delay)) };
        placed.created.saturating_add_unsigned(late) <= now
    }

    /// Appends an event as an element of a list, without the indent of its first line. `object` is its object as an
    /// element of its own list.
    pub(super) fn write(&self, row: &Row, placed: Placed, event: &Event, object: &[u8], out: &mut Vec<u8>) {
        let chance = join(join(self.seed, 6), u64::from(placed.serial));
        let member = ELEMENT_INDENT + 2;
        let margin = " ".repeat(member);
        let request = if chance & 1 == 0 { "null".to_owned() } else { format!("\"{}\"", request_id(chance, 0)) };
        let head = format!(
            "{{\n{margin}\"id\": \"{}\",\n{margin}\"object\": \"event\",\n{margin}\"api_version\": \"{DEFAULT_VERSION}\",\n\
             {margin}\"created\": {},\n{margin}\"data\": {{\n{margin}  \"object\": ",
            row.identifiers.id(placed.serial),
            placed.created
        );
        out.extend_from_slice(head.as_bytes());
        at_depth(object, member + 2, out);
        if let Some(previous) = &event.previous {
            let previous = pretty(previous, member + 2);
            out.extend_from_slice(format!(",\n{margin}  \"previous_attributes\": {previous}").as_bytes());
        }
        let rest = format!(
            "\n{margin}}},\n{margin}\"livemode\": false,\n{margin}\"pending_webhooks\": {},\n{margin}\"request\": {},\n\
             {margin}\"type\": \"{}\"\n{}}}",
            chance >> 1 & 1,
            pretty(&format!("{{\"id\": {request}, \"idempotency_key\": null}}"), member),
            event.kind,
            " ".repeat(ELEMENT_INDENT)
        );
        out.extend_from_slice(rest.as_bytes());
    }
}
