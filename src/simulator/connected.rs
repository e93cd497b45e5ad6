//! The platform's account and its connected accounts: which there are, and which of them a request asks.
//!
//! A connected account is an object of the platform's list of accounts, so its id leads to its serial number, and its
//! data follow from that. They are made when they are first needed.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use super::account::Account;
use super::chance::join;
use super::identifier::account_id;
use super::limits::Limits;
use super::list::Placed;
use super::plan::{Counts, Plan};
use super::refusal::Refusal;
use super::request::{Endpoint, Request, is_account};
use super::row::Row;
use crate::error::{Error, Result, foreign};
use crate::stripe::entities::{ENTITIES, Entity};

/// The list of connected accounts.
pub(super) const ACCOUNTS: &str = "accounts";

/// What no key may read in an account.
#[derive(Debug, Clone, Default)]
pub(super) struct Rights {
    /// Names of the entities (or `account`) that no key may read.
    pub(super) denied: Vec<String>,
    /// Products that the account does not have.
    pub(super) products_off: Vec<String>,
}

/// One account, its rights, its limits and the requests to it.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) account: Account,
    rights: RwLock<Arc<Rights>>,
    limits: OnceLock<Limits>,
    /// Requests so far, by the bucket of their endpoint.
    requests: Mutex<BTreeMap<usize, u64>>,
}

impl Served {
    fn new(account: Account, rights: &Arc<Rights>) -> Self {
        let rights = RwLock::new(Arc::clone(rights));
        Self { account, rights, limits: OnceLock::new(), requests: Mutex::default() }
    }

    pub(super) fn rights(&self) -> Arc<Rights> {
        Arc::clone(&self.rights.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the rights, from now on.
    pub(super) fn set_rights(&self, change: impl FnOnce(&mut Rights)) {
        let mut rights = self.rights.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut rights));
    }

    /// Counts a request to the endpoint with that bucket.
    pub(super) fn count(&self, bucket: usize) {
        *self.requests.lock().unwrap_or_else(PoisonError::into_inner).entry(bucket).or_default() += 1;
    }

    /// Requests so far to the endpoint with that bucket.
    pub(super) fn requests(&self, bucket: usize) -> u64 {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).get(&bucket).copied().unwrap_or_default()
    }
}

/// What a connected account starts with.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) counts: Counts,
    pub(super) rights: Rights,
    /// Requests a second, over all endpoints and for each.
    pub(super) rates: (Option<f64>, Option<f64>),
    /// Whether the rates are those of each account, and not of all together.
    pub(super) limits_per_account: bool,
}

/// All accounts.
#[derive(Debug)]
pub(super) struct Accounts {
    pub(super) platform: Arc<Served>,
    /// Whether the objects of the platform's list of accounts have data of their own.
    pub(super) has_connected: bool,
    seed: u64,
    plan: Arc<Plan>,
    counts: Arc<Counts>,
    rights: Arc<Rights>,
    rates: (Option<f64>, Option<f64>),
    limits_per_account: bool,
    /// The connected accounts that somebody asked for, by serial number in the platform's list.
    connected: RwLock<HashMap<u32, Arc<Served>>>,
    /// Places of revoked accounts in the platform's list.
    revoked: Mutex<BTreeMap<u32, Placed>>,
}

impl Accounts {
    /// A platform with objects of its own, and `connected` accounts.
    pub(super) fn new(seed: u64, plan: Plan, mut platform: Counts, connected: u32, start: Start) -> Self {
        let has_connected = connected > 0;
        if has_connected {
            platform.named.insert(ACCOUNTS.to_owned(), connected.into());
        }
        let (plan, rights) = (Arc::new(plan), Arc::new(start.rights));
        let account = Account::new(account_id(seed), seed, Arc::clone(&plan), Arc::new(platform));
        // Whoever asks the platform first does not wait for its objects.
        account.make();
        Self {
            platform: Arc::new(Served::new(account, &rights)),
            has_connected,
            seed,
            plan,
            counts: Arc::new(start.counts),
            rights,
            rates: start.rates,
            limits_per_account: start.limits_per_account,
            connected: RwLock::default(),
            revoked: Mutex::default(),
        }
    }

    fn list(&self) -> &Row {
        let accounts = ENTITIES.iter().find(|entity| entity.name == ACCOUNTS).unwrap_or(&ENTITIES[0]);
        self.platform.account.row(accounts)
    }

    /// The limits for a request to that account; a request to no account counts as one to the platform.
    pub(super) fn limits<'a>(&'a self, served: Option<&'a Arc<Served>>) -> &'a Limits {
        let limited = served.filter(|_| self.limits_per_account).unwrap_or(&self.platform);
        limited.limits.get_or_init(|| Limits::new(self.rates.0, self.rates.1, Endpoint::BUCKETS))
    }

    /// The account that a request asks; `None` if it names one that does not exist or may not be read.
    pub(super) fn asked(&self, request: &Request<'_>) -> Option<Arc<Served>> {
        let Some(named) = self.named(request) else { return Some(Arc::clone(&self.platform)) };
        if !self.has_connected {
            return is_account(named).then(|| Arc::clone(&self.platform));
        }
        match named.split_once('/') {
            None => self.find(named),
            Some((platform, account)) if platform == self.platform.account.id => self.find(account),
            Some(_) => None,
        }
    }

    /// The account, or the path of accounts, that a request names.
    pub(super) fn named<'a>(&self, request: &Request<'a>) -> Option<&'a str> {
        request.context.filter(|_| self.has_connected).or(request.account)
    }

    /// The account of that id, if it may be read: the platform's, or a connected one.
    pub(super) fn find(&self, id: &str) -> Option<Arc<Served>> {
        if id == self.platform.account.id {
            return Some(Arc::clone(&self.platform));
        }
        let placed = self.list().find(id).filter(|_| self.has_connected)?;
        Some(self.served(placed.serial, id))
    }

    /// The account of that id, also if it is revoked; the platform's without an id.
    pub(super) fn of(&self, id: Option<&str>) -> Result<Arc<Served>> {
        let Some(id) = id else { return Ok(Arc::clone(&self.platform)) };
        if let Some(found) = self.find(id) {
            return Ok(found);
        }
        let serial = self.list().identifiers.serial(id);
        let serial = serial.filter(|serial| self.revoked().contains_key(serial)).ok_or_else(|| unknown(id))?;
        Ok(self.served(serial, id))
    }

    pub(super) fn is_platform(&self, served: &Arc<Served>) -> bool {
        Arc::ptr_eq(served, &self.platform)
    }

    /// Whether that is the id of an account that the platform may not read: Stripe does not say whether it exists.
    pub(super) fn is_beyond(&self, served: &Arc<Served>, entity: &Entity, id: &str) -> bool {
        self.has_connected && entity.name == ACCOUNTS && self.is_platform(served) && self.find(id).is_none()
    }

    /// Appends a connected account as it is in the platform's list.
    pub(super) fn retrieve(&self, id: &str, now: i64, out: &mut Vec<u8>) -> std::result::Result<(), Refusal> {
        self.platform.account.retrieve(self.list().entity, id, now, out)
    }

    /// Ids of the connected accounts, in the order of the platform's list.
    pub(super) fn ids(&self) -> Vec<String> {
        if !self.has_connected {
            return Vec::new();
        }
        let row = self.list();
        row.list().newest_first().map(|placed| row.identifiers.id(placed.serial)).collect()
    }

    /// Takes a connected account out of the platform's list, until it is restored.
    pub(super) fn revoke(&self, id: &str) -> Result<()> {
        let row = self.list();
        let serial = row.identifiers.serial(id).filter(|_| self.has_connected).ok_or_else(|| unknown(id))?;
        let mut revoked = self.revoked();
        let mut list = row.list_mut();
        match list.find(serial) {
            Some(placed) => {
                list.delete(serial);
                revoked.insert(serial, placed);
                Ok(())
            }
            None if revoked.contains_key(&serial) => Ok(()),
            None => Err(unknown(id)),
        }
    }

    /// Puts a revoked account back at its place in the platform's list.
    pub(super) fn restore(&self, id: &str) -> Result<()> {
        let row = self.list();
        let serial = row.identifiers.serial(id).filter(|_| self.has_connected).ok_or_else(|| unknown(id))?;
        let mut revoked = self.revoked();
        if let Some(placed) = revoked.remove(&serial) {
            row.list_mut().restore(placed);
            return Ok(());
        }
        row.find(id).map(|_| ()).ok_or_else(|| unknown(id))
    }

    fn revoked(&self) -> std::sync::MutexGuard<'_, BTreeMap<u32, Placed>> {
        self.revoked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn served(&self, serial: u32, id: &str) -> Arc<Served> {
        if let Some(served) = self.connected.read().unwrap_or_else(PoisonError::into_inner).get(&serial) {
            return Arc::clone(served);
        }
        let seed = join(join(self.seed, 7), serial.into());
        let account = Account::new(id.to_owned(), seed, Arc::clone(&self.plan), Arc::clone(&self.counts));
        let made = Arc::new(Served::new(account, &self.rights));
        // Another request may have made it meanwhile: the first one stays.
        let mut connected = self.connected.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(connected.entry(serial).or_insert(made))
    }
}

fn unknown(id: &str) -> Error {
    Error::usage(format!("unknown account '{}'", foreign(id)))
}
