//! The endpoints: they make the answer to a request, without any socket.

use std::sync::{Arc, PoisonError, RwLock};

use super::account::Account;
use super::clock::Clock;
use super::faults::{Fault, Faults};
use super::identifier::{index_of, request_id};
use super::limits::Limits;
use super::query::{AskedItems, Query, only_expand};
use super::refusal::Refusal;
use super::request::{Endpoint, Request, is_account, is_version, user_of};
use super::traffic::Traffic;
use crate::stripe::entities::Parent;

/// `Stripe-Version` of answers to requests that name none: the account's default.
pub(super) const DEFAULT_VERSION: &str = "2026-11-18.endive";
/// Path of the account itself, and its name in the set of denied entities.
pub(super) const ACCOUNT_PATH: &str = "/v1/account";
pub(super) const ACCOUNT: &str = "account";

/// A request that was counted: its number, and its fault.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) number: u64,
    pub(super) fault: Option<Fault>,
    refusal: Option<Refusal>,
}

/// An answer without its body.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
}

/// The rights of keys.
#[derive(Debug)]
pub(super) struct Access {
    /// Keys that are known; if empty, any `sk_` or `rk_` key that does not contain `invalid`.
    pub(super) keys: Vec<String>,
    /// Names of the entities (or `account`) that no key may read.
    pub(super) denied: Vec<String>,
    /// Products that the account does not have.
    pub(super) products_off: Vec<String>,
}

/// The account behind its endpoints.
#[derive(Debug)]
pub(super) struct Endpoints {
    pub(super) seed: u64,
    pub(super) clock: Clock,
    pub(super) account: Account,
    pub(super) access: Access,
    pub(super) limits: Limits,
    /// Value of `Retry-After` when a limit is exceeded, in seconds.
    pub(super) retry_after: Option<u64>,
    pub(super) faults: RwLock<Arc<Faults>>,
    pub(super) traffic: Traffic,
}

impl Endpoints {
    /// Counts a request that has arrived, against the limits and for the faults.
    pub(super) fn count(&self, request: &Request<'_>) -> Counted {
        let endpoint = request.endpoint();
        let number = self.traffic.next(endpoint);
        // A rule for an entity looks at the requests for its list.
        let list = match endpoint {
            Some(Endpoint::List(entity) | Endpoint::ChildList(entity)) => Some(index_of(entity)),
            _ => None,
        };
        let faults = Arc::clone(&self.faults.read().unwrap_or_else(PoisonError::into_inner));
        let fault = faults.next(list).cloned();
        let exceeded = self.limits.exceeded(Endpoint::bucket(endpoint), self.clock.elapsed());
        let refusal = exceeded.map(|reason| Refusal::rate_limited(reason, self.retry_after));
        Counted { number, fault, refusal }
    }

    /// Appends the body of the answer, and returns its head.
    pub(super) fn answer(&self, request: &Request<'_>, counted: &Counted, out: &mut Vec<u8>) -> Head {
        let id = request_id(self.seed, counted.number);
        let version = request.version.unwrap_or(DEFAULT_VERSION).to_owned();
        let mut head = Head { status: 200, content_type: "application/json", headers: Vec::new() };
        if matches!(counted.fault, Some(Fault::Html)) && counted.refusal.is_none() {
            // Such a page comes from something in between, which knows nothing of Stripe's headers.
            out.extend_from_slice(PAGE_FOR_PEOPLE.as_bytes());
            head.content_type = "text/html; charset=utf-8";
            return head;
        }
        let start = out.len();
        if let Err(refusal) = self.body(request, counted, out) {
            out.truncate(start);
            out.extend_from_slice(refusal.body(&id).as_bytes());
            head.status = refusal.status;
            head.headers = refusal.headers;
        }
        head.headers.push(("Request-Id", id));
        if is_version(&version) {
            head.headers.push(("Stripe-Version", version));
        }
        if let Some(account) = request.account.filter(|account| is_account(account)) {
            head.headers.push(("Stripe-Account", account.to_owned()));
        }
        head
    }

    fn body(&self, request: &Request<'_>, counted: &Counted, out: &mut Vec<u8>) -> Result<(), Refusal> {
        if let Some(refusal) = &counted.refusal {
            return Err(refusal.clone());
        }
        if let Some(Fault::Status(refusal)) = &counted.fault {
            return Err(refusal.clone());
        }
        if matches!(counted.fault, Some(Fault::ErrorBody)) {
            return Err(Refusal::error_body());
        }
        let key = self.key(request.authorization)?;
        if let Some(version) = request.version.filter(|version| !is_version(version)) {
            return Err(Refusal::request(format!("Invalid Stripe API version: {}", crate::error::foreign(version))));
        }
        if let Some(account) = request.account.filter(|account| !is_account(account)) {
            return Err(Refusal::foreign_account(&key, &crate::error::foreign(account)));
        }
        let account = request.account.unwrap_or(&self.account.id);
        let denied = |name: &str| self.access.denied.iter().any(|denied| denied == name);
        let refused = |object| Err(Refusal::denied(&key, account, object));
        let endpoint = request.endpoint();
        if request.method == "GET"
            && let Some(entity) = endpoint.map(Endpoint::entity)
        {
            if self.access.products_off.iter().any(|product| product == entity.product) {
                return Err(Refusal::product_off(entity.product, request.path()));
            }
            if denied(entity.name) {
                return refused(entity.object);
            }
        }
        match (request.method, request.path(), endpoint) {
            ("GET", ACCOUNT_PATH, _) if denied(ACCOUNT) => refused(ACCOUNT),
            ("GET", ACCOUNT_PATH, _) => {
                out.extend_from_slice(account_object(account).as_bytes());
                Ok(())
            }
            ("GET", _, Some(Endpoint::List(entity))) => {
                let query = Query::read(request.query(), entity)?;
                self.account.list(entity, &query, counted.fault.as_ref(), self.clock.now(), out)
            }
            ("GET", _, Some(Endpoint::Retrieve(entity))) => {
                only_expand(request.query())?;
                self.account.retrieve(entity, &request.id(entity)?, self.clock.now(), out)
            }
            ("GET", path, Some(Endpoint::ChildList(child))) => {
                let is_in_path = child.path.contains("{id}");
                let of = child.parent.as_ref().filter(|_| is_in_path).map(Parent::list);
                let parent = of.map(|of| request.id(of)).transpose()?;
                self.account.child_list(child, &AskedItems::read(child, parent, request.query())?, path, out)
            }
            (method, path, _) => Err(Refusal::unknown_url(method, path)),
        }
    }

    fn key(&self, authorization: Option<&str>) -> Result<String, Refusal> {
        let (scheme, value) = authorization.and_then(|text| text.trim().split_once(' ')).ok_or_else(Refusal::no_key)?;
        let value = value.trim();
        let key = match scheme.to_ascii_lowercase().as_str() {
            "bearer" => value.to_owned(),
            "basic" => user_of(value).ok_or_else(Refusal::no_key)?,
            _ => return Err(Refusal::no_key()),
        };
        let looks_right = ["sk_", "rk_"].iter().any(|kind| key.len() > kind.len() && key.starts_with(kind));
        let known = match self.access.keys.as_slice() {
            [] => looks_right && !key.contains("invalid"),
            keys => keys.contains(&key),
        };
        if known { Ok(key) } else { Err(Refusal::unknown_key(&key)) }
    }
}

fn account_object(id: &str) -> String {
    format!(
        r#"{{
  "id": "{id}",
  "object": "account",
  "business_profile": {{
    "mcc": null,
    "name": "Rocket Rides",
    "url": "https:\/\/example.com"
  }},
  "business_type": "company",
  "charges_enabled": true,
  "country": "US",
  "default_currency": "usd",
  "details_submitted": true,
  "email": "site@example.com",
  "payouts_enabled": true,
  "settings": {{
    "dashboard": {{
      "display_name": "Rocket Rides",
      "timezone": "Etc\/UTC"
    }}
  }},
  "type": "standard"
}}
"#
    )
}

const PAGE_FOR_PEOPLE: &str = "<!DOCTYPE html>\n<html>\n<head><title>Please wait</title></head>\n\
                               <body><h1>We are checking your connection.</h1></body>\n</html>\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_json() {
        let account: serde_json::Value = serde_json::from_str(&account_object("acct_1")).unwrap();
        assert_eq!(account["id"], "acct_1");
    }
}
