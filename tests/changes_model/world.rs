//! Stripe: a list of objects, the list of events about them, and time.

use std::collections::HashSet;

use crate::chance::Chance;
use crate::coverage::Range;

pub(crate) const PAGE: usize = 3;
/// Seconds after which an event is visible at the latest.
pub(crate) const LAG: i64 = 8;
/// Days are short here, so that a history can last for months.
pub(crate) const DAY: i64 = 100;
/// Stripe lists an event for 30 days.
pub(crate) const RETENTION: i64 = 30 * DAY;

pub(crate) type Id = u32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    Objects,
    Events,
}

/// The state of an object, as a payload has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    /// Equal numbers stand for equal payloads.
    pub(crate) content: u32,
    /// The number of the state. No payload has it; only the checks look at it.
    pub(crate) version: usize,
    /// `available_on`, while the object is pending.
    pub(crate) available_on: Option<i64>,
}

/// The effect of an event on its object. Only the type of an event shows it: the body of a `deleted` event is often the
/// last payload, byte for byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Changed,
    /// The object is no longer listed, as a review that is closed.
    Left,
    Deleted,
}

/// The object that an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) object: Id,
    pub(crate) created: i64,
    pub(crate) kind: Kind,
}

/// An object or an event, as a list shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) id: Id,
    pub(crate) created: i64,
    /// The state of the object; of an event, that of its body.
    pub(crate) state: State,
    /// `pending_webhooks` of an event: it makes the event land twice.
    pub(crate) pending_webhooks: bool,
    pub(crate) about: Option<About>,
}

#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) id: Id,
    pub(crate) created: i64,
    /// The contents of all its states, oldest first.
    pub(crate) contents: Vec<u32>,
    /// The newest state that has an event.
    pub(crate) reported: usize,
    pub(crate) is_deleted: bool,
    pub(crate) has_left: bool,
    /// Whether its changes have events.
    pub(crate) has_events: bool,
    available_on: Option<i64>,
}

impl Object {
    pub(crate) const fn is_listed(&self) -> bool {
        !self.is_deleted && !self.has_left
    }

    fn state(&self) -> State {
        let version = self.contents.len() - 1;
        State { content: self.contents[version], version, available_on: self.available_on }
    }

    pub(crate) const fn newest(&self) -> usize {
        self.contents.len() - 1
    }

    fn item(&self) -> Item {
        let state = self.state();
        Item { id: self.id, created: self.created, state, pending_webhooks: false, about: None }
    }
}

#[derive(Debug)]
struct Event {
    item: Item,
    visible_from: i64,
}

/// A page of a list. The server's `Date` may be later than the moment that the page shows.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) data: Vec<Item>,
    pub(crate) has_more: bool,
    pub(crate) date: i64,
}

/// The cursor of the request is not in the list.
pub(crate) struct Gone;

pub(crate) struct World {
    pub(crate) now: i64,
    pub(crate) objects: Vec<Object>,
    pub(crate) is_quiet: bool,
    /// Whether some changes have no event.
    pub(crate) has_silent_changes: bool,
    pub(crate) requests: usize,
    /// Whether a cursor was sent with other filters than those that it was handed out under.
    pub(crate) has_foreign_cursor: bool,
    handed_out: HashSet<(Range, Id)>,
    events: Vec<Event>,
    chance: Chance,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let chance = Chance::new(seed ^ 0x5EED);
        Self {
            now: 10_000,
            objects: Vec::new(),
            is_quiet: false,
            has_silent_changes: false,
            requests: 0,
            has_foreign_cursor: false,
            handed_out: HashSet::new(),
            events: Vec::new(),
            chance,
        }
    }

    /// Time passes, and things happen with a chance of so many per cent, again and again.
    pub(crate) fn pass(&mut self, percent: u64) {
        if self.is_quiet {
            return;
        }
        self.now += self.chance.pick(&[0, 0, 1, 1, 2, 5]);
        self.become_available(3);
        while self.chance.percent(percent) {
            self.act();
        }
    }

    /// Pending objects become available once their time has come, some a little late, and no event says so.
    pub(crate) fn become_available(&mut self, one_in: u64) {
        for object in &mut self.objects {
            if object.available_on.is_some_and(|time| time <= self.now) && self.chance.one_in(one_in) {
                object.available_on = None;
                object.contents.push(1_000);
            }
        }
    }

    fn act(&mut self) {
        let listed: Vec<usize> = (0..self.objects.len()).filter(|at| self.objects[*at].is_listed()).collect();
        let what = self.chance.below(100);
        if what < 42 || listed.is_empty() {
            return self.create();
        }
        let at = self.chance.pick(&listed);
        if !self.objects[at].has_events {
            return;
        }
        match what {
            42..85 => {
                // Some changes undo the one before.
                let undoes = self.chance.one_in(5);
                let is_silent = self.has_silent_changes && self.chance.one_in(4);
                self.change(at, undoes, is_silent);
            }
            85..95 => self.delete(at),
            _ => {
                self.objects[at].contents.push(2_000);
                self.objects[at].has_left = true;
                self.report(at, Kind::Left);
            }
        }
    }

    fn create(&mut self) {
        let has_events = !self.chance.one_in(6);
        // Some objects are imported with an old date; a test clock can be ahead.
        let age = if has_events { self.chance.pick(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 400, 90, -20]) } else { 0 };
        let at = self.add(self.now - age);
        if has_events {
            self.report(at, Kind::Changed);
        } else {
            self.objects[at].has_events = false;
            self.objects[at].available_on = Some(self.now + self.chance.between(5, 120));
        }
    }

    /// Adds an object, without an event.
    pub(crate) fn add(&mut self, created: i64) -> usize {
        // The order of ids says nothing about time.
        let id = u32::try_from(self.objects.len()).expect("few").wrapping_mul(0x9E37_79B1);
        self.objects.push(Object {
            id,
            created,
            contents: vec![1],
            reported: 0,
            is_deleted: false,
            has_left: false,
            has_events: true,
            available_on: None,
        });
        self.objects.len() - 1
    }

    pub(crate) fn change(&mut self, at: usize, undoes: bool, is_silent: bool) {
        let contents = &mut self.objects[at].contents;
        let undone = contents.iter().rev().nth(1).copied().filter(|_| undoes);
        let new = u32::try_from(contents.len()).expect("few") + 1;
        contents.push(undone.unwrap_or(new));
        if !is_silent {
            self.report(at, Kind::Changed);
        }
    }

    pub(crate) fn delete(&mut self, at: usize) {
        self.objects[at].is_deleted = true;
        self.report(at, Kind::Deleted);
    }

    fn report(&mut self, at: usize, kind: Kind) {
        let object = &mut self.objects[at];
        object.reported = object.contents.len() - 1;
        let about = Some(About { object: object.id, created: object.created, kind });
        let id = u32::try_from(self.events.len()).expect("few").wrapping_mul(0x85EB_CA6B);
        let item = Item { id, created: self.now, state: object.state(), pending_webhooks: false, about };
        let visible_from = self.now + self.chance.pick(&[0, 0, 0, 1, 3, LAG]);
        self.events.push(Event { item, visible_from });
    }

    /// The newest event becomes visible as late as an event can.
    pub(crate) fn delay(&mut self) {
        let event = self.events.last_mut().expect("an event");
        event.visible_from = event.item.created + LAG;
    }

    pub(crate) fn is_listed(&self, id: Id) -> bool {
        self.objects.iter().any(|object| object.id == id && object.is_listed())
    }

    /// The answer to a request for a page.
    pub(crate) fn list(&mut self, list: List, range: Range, starting_after: Option<Id>) -> Result<Answer, Gone> {
        self.pass(25);
        self.requests += 1;
        let mut items: Vec<Item> = match list {
            List::Objects => self.objects.iter().filter(|object| object.is_listed()).map(Object::item).collect(),
            List::Events => {
                let now = self.now;
                let kept = move |event: &&Event| event.visible_from <= now && event.item.created >= now - RETENTION;
                let item = move |event: &Event| Item { pending_webhooks: event.visible_from + 5 > now, ..event.item };
                self.events.iter().filter(kept).map(item).collect()
            }
        };
        items.retain(|item| range.holds(item.created));
        items.sort_by_key(|item| (std::cmp::Reverse(item.created), item.id));
        let mut from = 0;
        if let Some(cursor) = starting_after {
            self.has_foreign_cursor |= !self.handed_out.contains(&(range, cursor));
            from = 1 + items.iter().position(|item| item.id == cursor).ok_or(Gone)?;
        }
        let rest = &items[from..];
        let (data, has_more) = (rest.iter().copied().take(PAGE).collect::<Vec<Item>>(), rest.len() > PAGE);
        self.handed_out.extend(data.last().map(|last| (range, last.id)));
        self.pass(5);
        Ok(Answer { data, has_more, date: self.now })
    }
}
