//! What the accounts of one simulator have in common, and how many objects each of them starts with.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::event::Manner;
use super::shape::Shape;
use crate::stripe::entities::{ENTITIES, Entity};

/// Objects of an entity that is not a default one, unless its count is set.
const OTHER_OBJECTS: u64 = 36;
/// Share of each default entity in `objects`, in percent.
const SHARES: [(&str, u64); 5] =
    [("balance_transactions", 30), ("charges", 25), ("invoices", 15), ("payment_intents", 25), ("refunds", 5)];

/// New objects that arrive while a run reads pages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrivals {
    pub(super) count: u32,
    pub(super) every: u64,
}

/// What all accounts have in common.
#[derive(Debug)]
pub(super) struct Plan {
    seed: u64,
    /// The objects that are there at the start were created in the `days` before `end`.
    pub(super) end: i64,
    pub(super) days: u32,
    pub(super) arrivals: Arrivals,
    pub(super) manner: Manner,
    pub(super) sublist_items: u32,
    /// The shapes of each list, in the order of the registry. They are made when they are first needed: most runs ask
    /// for a few entities only.
    shapes: Vec<OnceLock<Vec<Shape>>>,
}

impl Plan {
    pub(super) fn new(
        seed: u64,
        (end, days): (i64, u32),
        arrivals: Arrivals,
        manner: Manner,
        sublist_items: u32,
    ) -> Self {
        let shapes = ENTITIES.iter().map(|_| OnceLock::new()).collect();
        Self { seed, end, days, arrivals, manner, sublist_items, shapes }
    }

    /// The shapes of the list at that place of the registry: the same for all accounts, because a thousand accounts
    /// with shapes of their own would take long to make and much memory.
    pub(super) fn shapes(&self, list: usize) -> &[Shape] {
        self.shapes[list].get_or_init(|| Shape::all(self.seed, &ENTITIES[list]))
    }
}

/// The objects of one account at the start.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    /// Objects of the five default entities together.
    pub(super) objects: u64,
    /// Objects of single entities, by name.
    pub(super) named: BTreeMap<String, u64>,
}

impl Counts {
    /// Number of objects of that entity at the start.
    pub(super) fn of(&self, entity: &Entity) -> u64 {
        let share = SHARES.iter().find(|share| share.0 == entity.name);
        let usual = share.map_or(self.objects.min(OTHER_OBJECTS), |share| {
            u64::try_from(u128::from(self.objects) * u128::from(share.1) / 100).unwrap_or(u64::MAX)
        });
        self.named.get(entity.name).copied().unwrap_or(usual)
    }

    /// Number of objects in the longest list.
    pub(super) fn largest(&self) -> u64 {
        ENTITIES.iter().map(|entity| self.of(entity)).max().unwrap_or_default()
    }
}
