//! The endpoints: they make the answer to a request, without any socket.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::account::Account;
use super::clock::Clock;
use super::faults::{Fault, Faults};
use super::identifier::{index_of, request_id};
use super::limits::Limits;
use super::query::Query;
use super::refusal::Refusal;
use crate::stripe::entities::{ENTITIES, Entity};

/// `Stripe-Version` of answers to requests that name none: the account's default.
pub(super) const DEFAULT_VERSION: &str = "2026-11-18.endive";
/// Number of requests that the log keeps.
const LOG_LENGTH: usize = 10_000;
/// Path of the account itself, and its name in the set of denied entities.
pub(super) const ACCOUNT_PATH: &str = "/v1/account";
pub(super) const ACCOUNT: &str = "account";

/// The parts of a request that the simulator reads.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    /// Path and query.
    pub(super) target: &'a str,
    pub(super) authorization: Option<&'a str>,
    pub(super) version: Option<&'a str>,
    pub(super) account: Option<&'a str>,
}

impl<'a> Request<'a> {
    fn path(&self) -> &'a str {
        self.target.split_once('?').map_or(self.target, |parts| parts.0)
    }

    fn query(&self) -> &'a str {
        self.target.split_once('?').map_or("", |parts| parts.1)
    }

    fn entity(&self) -> Option<&'static Entity> {
        ENTITIES.iter().find(|entity| entity.path == self.path())
    }
}

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

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedRequest {
    /// Number of the request, from 1, over all endpoints.
    pub number: u64,
    /// Path and query, as sent.
    pub target: String,
    /// Status of the answer; 0 if none was given.
    pub status: u16,
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

/// The requests so far.
#[derive(Debug)]
pub(super) struct Traffic {
    total: AtomicU64,
    by_entity: Vec<AtomicU64>,
    log: Mutex<VecDeque<LoggedRequest>>,
}

impl Traffic {
    pub(super) fn new() -> Self {
        let by_entity = ENTITIES.iter().map(|_| AtomicU64::new(0)).collect();
        Self { total: AtomicU64::new(0), by_entity, log: Mutex::default() }
    }

    /// Requests received, of one entity or of all endpoints.
    pub(super) fn count(&self, entity: Option<&Entity>) -> u64 {
        entity.map_or(&self.total, |entity| &self.by_entity[index_of(entity)]).load(Ordering::Relaxed)
    }

    /// The latest requests, oldest first.
    pub(super) fn log(&self) -> Vec<LoggedRequest> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(super) fn record(&self, number: u64, target: &str, status: u16) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() == LOG_LENGTH {
            log.pop_front();
        }
        log.push_back(LoggedRequest { number, target: target.to_owned(), status });
    }
}

impl Endpoints {
    /// Counts a request that has arrived, against the limits and for the faults.
    pub(super) fn count(&self, request: &Request<'_>) -> Counted {
        let entity = request.entity().map(index_of);
        let number = self.traffic.total.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(entity) = entity {
            self.traffic.by_entity[entity].fetch_add(1, Ordering::Relaxed);
        }
        let faults = Arc::clone(&self.faults.read().unwrap_or_else(PoisonError::into_inner));
        let fault = faults.next(entity).cloned();
        // Paths without a list share one bucket, the one after the entities'.
        let exceeded = self.limits.exceeded(entity.unwrap_or(ENTITIES.len()), self.clock.elapsed());
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
        match (request.method, request.path(), request.entity()) {
            ("GET", ACCOUNT_PATH, _) if denied(ACCOUNT) => refused(ACCOUNT),
            ("GET", ACCOUNT_PATH, _) => {
                out.extend_from_slice(account_object(account).as_bytes());
                Ok(())
            }
            ("GET", path, Some(entity)) if self.access.products_off.iter().any(|product| product == entity.product) => {
                Err(Refusal::product_off(entity.product, path))
            }
            ("GET", _, Some(entity)) if denied(entity.name) => refused(entity.object),
            ("GET", _, Some(entity)) => {
                let query = Query::read(request.query(), entity)?;
                self.account.list(entity, &query, counted.fault.as_ref(), self.clock.now(), out)
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

/// A date, or a date with a release's name.
fn is_version(text: &str) -> bool {
    (10..=40).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

fn is_account(text: &str) -> bool {
    (6..=64).contains(&text.len())
        && text.starts_with("acct_")
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
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

/// The user of Basic credentials: the part before the first colon of the base64 text.
fn user_of(base64: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in base64.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).unwrap_or_default());
        }
    }
    let text = String::from_utf8(bytes).ok()?;
    Some(text.split_once(':').map_or(text.as_str(), |parts| parts.0).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials_hold_the_key_as_user() {
        assert_eq!(user_of("c2tfdGVzdF8xMjM6").as_deref(), Some("sk_test_123"));
        assert_eq!(user_of("c2tfdGVzdF8xMjM6cHc=").as_deref(), Some("sk_test_123"));
        assert_eq!(user_of("!!"), None);
    }

    #[test]
    fn versions_and_accounts_cannot_hold_other_headers() {
        assert!(is_version("2026-11-18.endive") && is_version("2019-05-16") && !is_version("2019-05-16\r\nX: y"));
        assert!(is_account("acct_1PgafTB7WZ01zgkW") && !is_account("acct_1\n") && !is_account("ch_123456"));
    }

    #[test]
    fn the_account_is_json() {
        let account: serde_json::Value = serde_json::from_str(&account_object("acct_1")).unwrap();
        assert_eq!(account["id"], "acct_1");
    }
}
