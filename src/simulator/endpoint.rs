//! The endpoints: they make the answer to a request, without any socket.

use std::sync::{Arc, PoisonError, RwLock};

use super::clock::Clock;
use super::connected::{Accounts, Served};
use super::faults::{Fault, Faults};
use super::identifier::{index_of, request_id};
use super::query::{AskedItems, Query, only_expand};
use super::refusal::Refusal;
use super::request::{Endpoint, Request, is_version, user_of};
use super::traffic::{LoggedRequest, Traffic};
use crate::error::foreign;
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
    /// The account that is asked; `None` if the key may read no such account.
    served: Option<Arc<Served>>,
}

/// An answer without its body.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
}

/// The accounts behind their endpoints.
#[derive(Debug)]
pub(super) struct Endpoints {
    pub(super) seed: u64,
    pub(super) clock: Clock,
    pub(super) accounts: Accounts,
    /// Keys that are known; if empty, any `sk_` or `rk_` key that does not contain `invalid`.
    pub(super) keys: Vec<String>,
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
        let served = self.accounts.asked(request);
        let bucket = Endpoint::bucket(endpoint);
        if let Some(served) = &served {
            served.count(bucket);
        }
        let exceeded = self.accounts.limits(served.as_ref()).exceeded(bucket, self.clock.elapsed());
        let refusal = exceeded.map(|reason| Refusal::rate_limited(reason, self.retry_after));
        Counted { number, fault, refusal, served }
    }

    /// Notes the answer to a request; a status of 0 means none.
    pub(super) fn record(&self, request: &Request<'_>, counted: &Counted, status: u16) {
        let account = match &counted.served {
            Some(served) => self.shown(request, served).to_owned(),
            None => foreign(self.accounts.named(request).unwrap_or_default()),
        };
        let target = request.target.to_owned();
        self.traffic.record(LoggedRequest { number: counted.number, target, account, status });
    }

    /// The id that an account goes by in the answer. Without connected accounts, it is any that the request names.
    fn shown<'a>(&self, request: &Request<'a>, served: &'a Served) -> &'a str {
        request.account.filter(|_| !self.accounts.has_connected).unwrap_or(&served.account.id)
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
        if let (Some(_), Some(served)) = (self.accounts.named(request), &counted.served) {
            head.headers.push(("Stripe-Account", self.shown(request, served).to_owned()));
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
            return Err(Refusal::request(format!("Invalid Stripe API version: {}", foreign(version))));
        }
        let foreign_account = |named: &str| Refusal::foreign_account(&key, &foreign(named));
        if self.accounts.has_connected && key.starts_with("sk_org_") {
            self.check_organization(request, foreign_account)?;
        }
        let unknown = || foreign_account(self.accounts.named(request).unwrap_or_default());
        let served = counted.served.as_ref().ok_or_else(unknown)?;
        let (id, rights) = (self.shown(request, served), served.rights());
        let denied = |name: &str| rights.denied.iter().any(|denied| denied == name);
        let refused = |object| Err(Refusal::denied(&key, id, object));
        let endpoint = request.endpoint();
        if request.method == "GET"
            && let Some(entity) = endpoint.map(Endpoint::entity)
        {
            if rights.products_off.iter().any(|product| product == entity.product) {
                return Err(Refusal::product_off(entity.product, request.path()));
            }
            if denied(entity.name) {
                return refused(entity.object);
            }
        }
        let now = self.clock.now();
        match (request.method, request.path(), endpoint) {
            ("GET", ACCOUNT_PATH, _) if denied(ACCOUNT) => refused(ACCOUNT),
            ("GET", ACCOUNT_PATH, _) if self.accounts.is_platform(served) => {
                out.extend_from_slice(account_object(id).as_bytes());
                Ok(())
            }
            ("GET", ACCOUNT_PATH, _) => self.accounts.retrieve(id, now, out),
            ("GET", _, Some(Endpoint::List(entity))) => {
                let query = Query::read(request.query(), entity)?;
                served.account.list(entity, &query, counted.fault.as_ref(), now, out)
            }
            ("GET", _, Some(Endpoint::Retrieve(entity))) => {
                only_expand(request.query())?;
                let asked = request.id(entity)?;
                if self.accounts.is_beyond(served, entity, &asked) {
                    return Err(foreign_account(&asked));
                }
                served.account.retrieve(entity, &asked, now, out)
            }
            ("GET", path, Some(Endpoint::ChildList(child))) => {
                let is_in_path = child.path.contains("{id}");
                let of = child.parent.as_ref().filter(|_| is_in_path).map(Parent::list);
                let parent = of.map(|of| request.id(of)).transpose()?;
                if let Some((of, parent)) = of.zip(parent.as_ref())
                    && self.accounts.is_beyond(served, of, parent)
                {
                    return Err(foreign_account(parent));
                }
                served.account.child_list(child, &AskedItems::read(child, parent, request.query())?, path, out)
            }
            (method, path, _) => Err(Refusal::unknown_url(method, path)),
        }
    }

    /// Refuses a request with the key of an organization that does not say which account and version it means: the
    /// platform, or the platform and a connected account behind it.
    fn check_organization(&self, request: &Request<'_>, refused: impl Fn(&str) -> Refusal) -> Result<(), Refusal> {
        let context = request.context.ok_or_else(|| Refusal::organization("Stripe-Context"))?;
        request.version.ok_or_else(|| Refusal::organization("Stripe-Version"))?;
        let is_reached = context.contains('/') || context == self.accounts.platform.account.id;
        if is_reached { Ok(()) } else { Err(refused(context)) }
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
        let known = match self.keys.as_slice() {
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
