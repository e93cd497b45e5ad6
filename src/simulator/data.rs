//! The data of one account, as a test looks at them and changes them.

use std::sync::Arc;

use super::account::Account;
use super::connected::Served;
use super::endpoint::Endpoints;
use super::identifier::index_of;
use super::request::Endpoint;
use super::settings::{any_entity, check_denied, check_products, check_time, entity};
use crate::error::{Error, Result, foreign};

/// The data of one account: the platform's, or a connected one's.
#[derive(Debug)]
pub struct AccountData<'a> {
    endpoints: &'a Endpoints,
    served: Arc<Served>,
}

impl<'a> AccountData<'a> {
    pub(super) const fn new(endpoints: &'a Endpoints, served: Arc<Served>) -> Self {
        Self { endpoints, served }
    }

    fn now(&self) -> i64 {
        self.endpoints.clock.now()
    }

    /// The account, without the events that are too old by now.
    fn current(&self) -> &Account {
        self.served.account.expire(self.now());
        &self.served.account
    }

    /// Ids of all objects of an entity that are there, newest first: a complete walk of its list sees these.
    pub fn ids(&self, entity_name: &str) -> Result<Vec<String>> {
        Ok(self.current().ids(entity(entity_name)?, self.now()))
    }

    /// An object's bytes as they are in `data`, without the indent of the first line and with that of all others.
    /// `None` if there is no such object. An event that cannot be seen yet is there, too.
    pub fn object_bytes(&self, entity_name: &str, id: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.current().object_bytes(entity(entity_name)?, id))
    }

    /// The time that an object gives for its creation, in seconds since 1970; `None` if it gives none.
    ///
    /// # Errors
    /// There is no such object.
    pub fn created(&self, entity_name: &str, id: &str) -> Result<Option<i64>> {
        self.current().created(entity(entity_name)?, id)
    }

    /// Adds objects created at that time (seconds since 1970; `None` is the simulator's present time), and returns
    /// their ids, newest first. Among objects of one second, those added later are the newer ones.
    pub fn add(&self, entity_name: &str, count: u32, created: Option<i64>) -> Result<Vec<String>> {
        let created = created.unwrap_or_else(|| self.now());
        check_time("created", created)?;
        self.served.account.add(entity(entity_name)?, count, created)
    }

    /// Gives an object other bytes from now on, at its place in the list; returns whether it is there. Any bytes are
    /// allowed, also bytes that are not JSON: this is how an object becomes odd.
    pub fn replace(&self, entity_name: &str, id: &str, bytes: Vec<u8>) -> Result<bool> {
        Ok(self.served.account.replace(entity(entity_name)?, id, bytes))
    }

    /// Changes objects: their bytes in the list, the answers by their ids, and one event for each that tells of it, in
    /// the order of `ids`. An id may be there twice: then the object changes twice in one second. Returns the ids of
    /// the events.
    ///
    /// `event_type` is the type of the events, one of the list's; `None` is the type that Stripe has for changes of
    /// these objects. If it has none, they change without a word, and no id is returned.
    ///
    /// # Errors
    /// One of the objects is not there, or cannot change; then none of them changes.
    pub fn change(&self, entity_name: &str, ids: &[String], event_type: Option<&str>) -> Result<Vec<String>> {
        self.served.account.change(entity(entity_name)?, ids, event_type, self.now())
    }

    /// Changes the lists that an object has: adds items at their ends, and removes the first ones. An event tells of it, as
    /// of a change of the object, if Stripe has a type for that; or one of `event_type`, which is about the newest item.
    /// Returns the ids of the events.
    ///
    /// # Errors
    /// There is no such object, or no such type.
    pub fn change_items(
        &self,
        entity_name: &str,
        id: &str,
        (added, removed): (u32, u32),
        event_type: Option<&str>,
    ) -> Result<Vec<String>> {
        self.served.account.change_items(entity(entity_name)?, id, (added, removed), event_type, self.now())
    }

    /// The items of the list that an object has, as JSON, in the order of the list.
    ///
    /// # Errors
    /// There is no such object, or objects have no such list.
    pub fn items(&self, child_name: &str, parent_id: &str) -> Result<Vec<String>> {
        let unknown = || Error::usage(format!("'{}' has no {child_name}", foreign(parent_id)));
        self.served.account.items(any_entity(child_name)?, parent_id).ok_or_else(unknown)
    }

    /// Deletes an object, so that it is no longer in any list or valid as a cursor; returns whether it was there. An
    /// event tells of it, with the object as it was last, if Stripe has a type for it.
    pub fn delete(&self, entity_name: &str, id: &str) -> Result<bool> {
        self.served.account.delete(entity(entity_name)?, id, self.now())
    }

    /// Requests received for the list of one entity in this account.
    pub fn entity_requests(&self, entity_name: &str) -> Result<u64> {
        Ok(self.served.requests(index_of(any_entity(entity_name)?)))
    }

    /// Requests received for single objects of one entity in this account, by their ids.
    pub fn retrieves(&self, entity_name: &str) -> Result<u64> {
        Ok(self.served.requests(Endpoint::bucket(Some(Endpoint::Retrieve(entity(entity_name)?)))))
    }

    /// Sets the entities (or `account`) that no key may read in this account from now on, in place of the earlier ones.
    pub fn set_denied(&self, names: Vec<String>) -> Result<()> {
        check_denied(&names)?;
        self.served.set_rights(|rights| rights.denied = names);
        Ok(())
    }

    /// Sets the products that this account does not have from now on, in place of the earlier ones.
    pub fn set_products_off(&self, products: Vec<String>) -> Result<()> {
        check_products(&products)?;
        self.served.set_rights(|rights| rights.products_off = products);
        Ok(())
    }
}
