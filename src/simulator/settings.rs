//! The settings of a simulator, their defaults and bounds.

use std::collections::BTreeMap;
use std::time::Duration;

use super::connected::{ACCOUNTS, Rights, Start};
use super::endpoint::ACCOUNT;
use super::list::TIMES;
use super::plan::Counts;
use crate::error::{Error, Result, foreign};
use crate::stripe::entities::{ENTITIES, Entity, by_name};

/// The settings of a simulator. The same seed, counts, history and end give the same objects, byte for byte.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Settings {
    /// Port on 127.0.0.1; 0, the default, is any free one.
    pub port: u16,
    /// All chance follows from it; default 1.
    pub seed: u64,
    /// Objects of the five default entities together: 30 % balance transactions, 25 % charges, 25 % payment intents,
    /// 15 % invoices, 5 % refunds. Every other entity has 36, or as many as this if that is fewer. Default 20,000.
    pub objects: u64,
    /// Objects of single entities, by name, in place of the above; default none.
    pub counts: BTreeMap<String, u64>,
    /// Connected accounts, each with data of its own: the platform's list of accounts has exactly these, and a request
    /// reads one of them with `Stripe-Account` or `Stripe-Context`. Their ids and data follow from the seed, and are made
    /// when they are asked for. Default 0: then `Stripe-Account` may name any account, and all have the same data.
    pub connected_accounts: u32,
    /// Objects of the five default entities together in each connected account, with the shares of `objects`; every
    /// other entity has 36, or as many as this if that is fewer. Default 0: none.
    pub account_objects: u64,
    /// Objects of single entities in each connected account, by name, in place of the above; default none.
    pub account_counts: BTreeMap<String, u64>,
    /// Whether each account has the rate limits for itself; default no: all accounts share them.
    pub limits_per_account: bool,
    /// Days before `end` in which the objects were created; default 730.
    pub history_days: u32,
    /// Start of the simulator's clock, in seconds since 1970: no object is newer, and `Date` continues from there.
    /// Default: the real time.
    pub end: Option<i64>,
    /// Requests a second over all endpoints; one second's worth may come at once. Default: no limit. Live Stripe: 100.
    pub rate_limit: Option<f64>,
    /// Requests a second for each endpoint. Default: no limit. Live Stripe: 25.
    pub endpoint_rate_limit: Option<f64>,
    /// Value of `Retry-After` in answers to requests over a limit, in seconds. Default: no such header, as with Stripe.
    pub retry_after: Option<u64>,
    /// Wait before each answer; default none.
    pub latency: Duration,
    /// The most that chance adds to the latency; default nothing.
    pub latency_jitter: Duration,
    /// The requests that go wrong, e.g. `status=500@p0.01,reset@n7`; see
    /// [`StripeSimulator::set_faults`](super::StripeSimulator::set_faults). Default: none.
    pub faults: String,
    /// Objects that are created after each `arrivals_every`-th page of an entity, in that entity; default 0.
    pub arrivals: u32,
    /// Pages from one arrival to the next; default 1.
    pub arrivals_every: u64,
    /// Whether each new object has an event, if Stripe has a type for it. Then the events at the start are those of the
    /// objects of the last 30 days. Default no: then they are made-up ones, which belong to no state of any object.
    pub object_events: bool,
    /// The most seconds after its `created` that an event becomes visible; every second event is late. Default 0: none
    /// is.
    pub event_delay: u32,
    /// The most items of one sub-list (of invoices, subscriptions, credit notes, transfers, application fees and radar
    /// value lists), more than 10: then every third object has more items than the ten that it shows, and its sub-list
    /// can be read at its `url`. Default 0: sub-lists are as the templates have them, and have no pages of their own.
    pub sublist_items: u32,
    /// Whether the simulator's clock stands still until [`StripeSimulator::advance`](super::StripeSimulator::advance)
    /// moves it; default no.
    pub frozen_clock: bool,
    /// Entities (or `account`) that no key may read, in any account; default none.
    pub denied: Vec<String>,
    /// Products that no account has, by the names that the registry gives them; default none.
    pub products_off: Vec<String>,
    /// Keys that are known. Default, an empty list: every `sk_…` and `rk_…` key that does not contain `invalid`.
    pub keys: Vec<String>,
    /// Whether answers are compressed for clients that accept gzip; default no, because it costs more than all the
    /// rest.
    pub gzip: bool,
    /// Threads that serve; default 2.
    pub threads: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            port: 0,
            seed: 1,
            objects: 20_000,
            counts: BTreeMap::new(),
            connected_accounts: 0,
            account_objects: 0,
            account_counts: BTreeMap::new(),
            limits_per_account: false,
            history_days: 730,
            end: None,
            rate_limit: None,
            endpoint_rate_limit: None,
            retry_after: None,
            latency: Duration::ZERO,
            latency_jitter: Duration::ZERO,
            faults: String::new(),
            arrivals: 0,
            arrivals_every: 1,
            object_events: false,
            event_delay: 0,
            sublist_items: 0,
            frozen_clock: false,
            denied: Vec::new(),
            products_off: Vec::new(),
            keys: Vec::new(),
            gzip: false,
            threads: 2,
        }
    }
}

impl Settings {
    /// Refuses settings that cannot be used.
    pub(super) fn check(&self) -> Result<()> {
        for name in self.counts.keys().chain(self.account_counts.keys()) {
            entity(name)?;
        }
        if self.connected_accounts > 0 && self.counts.contains_key(ACCOUNTS) {
            return Err(Error::usage("counts cannot have accounts together with connected_accounts"));
        }
        check_denied(&self.denied)?;
        check_products(&self.products_off)?;
        for (name, rate) in [("rate_limit", self.rate_limit), ("endpoint_rate_limit", self.endpoint_rate_limit)] {
            if rate.is_some_and(|rate| !(rate.is_finite() && rate > 0.0)) {
                return Err(Error::usage(format!("{name} must be more than 0 requests a second")));
            }
        }
        if let Some(end) = self.end {
            check_time("end", end)?;
        }
        if self.counts().largest().max(self.account_counts().largest()) > LARGEST_LIST {
            return Err(Error::usage(format!("a list of the simulator starts with at most {LARGEST_LIST} objects")));
        }
        if (1..=10).contains(&self.sublist_items) || self.sublist_items > LARGEST_SUBLIST {
            return Err(Error::usage(format!("sublist_items must be 0, or from 11 to {LARGEST_SUBLIST}")));
        }
        if self.threads == 0 || self.arrivals_every == 0 {
            return Err(Error::usage("threads and arrivals_every must be at least 1"));
        }
        Ok(())
    }

    /// The objects of the platform's account.
    pub(super) fn counts(&self) -> Counts {
        Counts { objects: self.objects, named: self.counts.clone() }
    }

    /// What a connected account starts with.
    pub(super) fn start(&self) -> Start {
        Start {
            counts: self.account_counts(),
            rights: Rights { denied: self.denied.clone(), products_off: self.products_off.clone() },
            rates: (self.rate_limit, self.endpoint_rate_limit),
            limits_per_account: self.limits_per_account,
        }
    }

    fn account_counts(&self) -> Counts {
        Counts { objects: self.account_objects, named: self.account_counts.clone() }
    }
}

/// Objects that one list may start with: 2.4 GB of memory.
const LARGEST_LIST: u64 = 100_000_000;

/// Items that one object may have: each page of them is made by walking to its cursor.
const LARGEST_SUBLIST: u32 = 100_000;

/// A list of the account.
pub(super) fn entity(name: &str) -> Result<&'static Entity> {
    let entity = any_entity(name)?;
    if entity.parent.is_some() {
        return Err(Error::usage(format!("{name} is a list of single objects, and not of the account")));
    }
    Ok(entity)
}

/// A list of the account, or of single objects.
pub(super) fn any_entity(name: &str) -> Result<&'static Entity> {
    by_name(name).ok_or_else(|| Error::usage(format!("unknown entity '{}'", foreign(name))))
}

/// Refuses names that are neither an entity's nor `account`.
pub(super) fn check_denied(names: &[String]) -> Result<()> {
    names.iter().filter(|name| name.as_str() != ACCOUNT).try_for_each(|name| any_entity(name).map(|_| ()))
}

/// Refuses products that no list needs.
pub(super) fn check_products(products: &[String]) -> Result<()> {
    let is_known = |product: &str| !product.is_empty() && ENTITIES.iter().any(|entity| entity.product == product);
    match products.iter().find(|product| !is_known(product)) {
        Some(product) => Err(Error::usage(format!("unknown product '{}'", foreign(product)))),
        None => Ok(()),
    }
}

/// Refuses a time that no object can have.
pub(super) fn check_time(name: &str, time: i64) -> Result<()> {
    if TIMES.contains(&time) {
        return Ok(());
    }
    Err(Error::usage(format!(
        "{name} must be from {} to {} seconds since 1970, not {time}",
        TIMES.start(),
        TIMES.end()
    )))
}
