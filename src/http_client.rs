//! Sockets, clock and randomness of the product: no other module of it has them.
//!
//! The client sends one request and returns its outcome; the driver sends the requests of a run, within the limits of
//! rates and memory that all runs share. The pure modules decide when to send, whether to try again and what an answer
//! means. (The question for the account's id belongs to no run, so its few retries are here.)

#![expect(
    clippy::disallowed_methods,
    reason = "this module has the clock, chance, waiting and the key's variable, so that no other needs them"
)]

mod arrivals;
mod authorities;
mod body;
mod byte_budget;
mod cause;
mod clock;
mod connected_accounts;
mod connections;
mod driver;
mod entropy;
mod fetch;
mod head;
mod key;
mod log;
mod origin;
mod quota;
mod reader;
mod resources;
mod shared_attempt;
mod slots;
mod small_file;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, HeaderName, HeaderValue};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;

pub use self::arrivals::Arrival;
use self::body::{Broken, Deadline};
pub use self::byte_budget::{ByteBudget, Reservation};
pub use self::clock::now;
pub use self::connected_accounts::connected_accounts;
pub use self::driver::{Driver, within_a_tick};
pub use self::entropy::{new_ulid, random_u128, random_unit};
pub use self::key::{ApiKey, KEY_VARIABLE, Mode};
pub use self::origin::Origin;
pub use self::quota::Quota;
pub use self::reader::ListReader;
pub use self::resources::Resources;
pub use self::slots::{Slot, Slots};
use crate::error::Result;
use crate::options::Options;
use crate::stripe::exchange::{Failure, Outcome, Request, Response};
use crate::stripe::retry;

/// Number of buffers that are kept for the next bodies. Those of the requests in flight are not among them, so few are
/// enough.
const MOST_BUFFERS: usize = 4;
/// Largest buffer that is kept, in bytes: twice the length of a page of most lists.
const LARGEST_BUFFER: usize = 1 << 20;

/// Longest wait for the account's identifier, which is useful but not worth a whole request's deadline.
const ACCOUNT_TIMEOUT: Duration = Duration::from_secs(10);
/// One connection must have been made within this time from the first request, or there is no network.
const NETWORK_TIMEOUT: Duration = Duration::from_secs(8);

const STRIPE_VERSION: HeaderName = HeaderName::from_static("stripe-version");
const STRIPE_ACCOUNT: HeaderName = HeaderName::from_static("stripe-account");
/// An organisation's keys take it in place of `Stripe-Account`, and it may be a path of accounts.
const STRIPE_CONTEXT: HeaderName = HeaderName::from_static("stripe-context");

/// Sends requests to one origin with one key. Clones share key, connections and TLS sessions; all entities of a
/// process should use clones of one client.
#[derive(Clone)]
pub struct HttpClient {
    shared: Arc<Shared>,
}

struct Shared {
    connections: reqwest::Client,
    origin: Origin,
    /// The certificate authorities that are trusted.
    authorities: String,
    authorization: HeaderValue,
    is_of_organisation: bool,
    options: Options,
    /// Empty buffers for bodies, as large as the bodies before.
    buffers: Mutex<Vec<Vec<u8>>>,
    /// The account's identifier, after it was asked for.
    account_id: OnceCell<Result<Option<String>>>,
    /// Accounts that are read by a path to them, by their ids.
    paths: RwLock<HashMap<String, String>>,
}

impl HttpClient {
    /// A client for that key and origin, with `request_timeout` and `stripe_version` of the options. It opens no
    /// connection and needs no runtime yet; it reads the machine's root certificates, and those of `ca_file`.
    ///
    /// Proxies of the environment are not used, redirects are not followed, and nothing is sent twice behind the
    /// caller's back.
    ///
    /// # Errors
    /// `Class::Usage` if the key may not go to that origin, or if `ca_file` has no certificates. `Class::Connection` if
    /// the machine has no root certificates.
    pub fn new(key: &ApiKey, origin: Origin, options: &Options) -> Result<Self> {
        origin.check(key.mode())?;
        let authorization = key.authorization()?;
        let (connections, authorities) = connections::open(options.ca_file.as_deref())?;
        let shared = Shared {
            connections,
            authorities: if origin.is_plain() { "none, as http:// needs none".to_owned() } else { authorities },
            origin,
            authorization,
            is_of_organisation: key.is_of_organisation(),
            options: options.clone(),
            buffers: Mutex::default(),
            account_id: OnceCell::new(),
            paths: RwLock::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The origin that its requests go to.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.shared.origin
    }

    /// The certificate authorities that it trusts, in words for people: the machine's, those that the environment names
    /// instead, those of `ca_file`.
    #[must_use]
    pub fn authorities(&self) -> &str {
        &self.shared.authorities
    }

    /// Distinguishes origin and key from others, without holding either.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        let digest = Sha256::new().chain_update(self.shared.origin.as_str()).chain_update("\n");
        digest.chain_update(self.shared.authorization.as_bytes()).finalize().into()
    }

    /// Sends a request once and reads the whole answer, within `request_timeout` from connecting to the last byte.
    ///
    /// Any status except 3xx is an answer. There are no errors: [`Outcome::Failed`] says why there is no answer.
    /// Dropping the future gives up the request. An `api_version` or `account` that cannot be a header's value is
    /// `Failure::Connect`, as nothing is sent.
    ///
    /// # Panics
    /// Outside a tokio runtime with time and network.
    pub async fn send(&self, request: &Request) -> Outcome {
        self.send_and_hold(request).await.0
    }

    /// Sends a request as [`HttpClient::send`] does. While the [`Arrival`] is held, others wait to receive answers that
    /// are as long: the caller drops it after it has found room for this answer.
    ///
    /// # Panics
    /// Outside a tokio runtime with time and network.
    pub async fn send_and_hold(&self, request: &Request) -> (Outcome, Arrival) {
        self.send_within(request, self.shared.options.request_timeout).await
    }

    /// From now on, requests to the accounts at the ends of these paths name the path (`Stripe-Context`). Everywhere else
    /// an account has its id alone, so it is the same one however it is reached.
    pub fn reach_by(&self, paths: impl IntoIterator<Item = String>) {
        let ends = |path: String| Some((path.rsplit_once('/')?.1.to_owned(), path));
        let mut known = self.shared.paths.write().unwrap_or_else(PoisonError::into_inner);
        known.extend(paths.into_iter().filter_map(ends));
    }

    /// Takes back the body of an answer that has been read, so that the next one need not grow a buffer of its own. (A
    /// compressed body does not show how long it will be.)
    pub fn reuse(&self, mut body: Vec<u8>) {
        let mut buffers = self.shared.buffers();
        if buffers.len() < MOST_BUFFERS && body.capacity() <= LARGEST_BUFFER {
            body.clear();
            buffers.push(body);
        }
    }

    /// The identifier of the key's own account (`acct_...`), if an answer names it: a restricted key often may not ask,
    /// but the refusal names the account. It is `None` after any other failure and after 10 seconds (or
    /// `request_timeout`, if that is less). Stripe is asked once, however often and from wherever this is called.
    ///
    /// # Errors
    /// `Class::Connection` if no connection can be made for 8 seconds, or after `max_retries` retries: there is no
    /// network.
    ///
    /// # Panics
    /// Outside a tokio runtime with time and network.
    pub async fn account_id(&self) -> Result<Option<String>> {
        self.shared.account_id.get_or_init(|| self.ask_account_id()).await.clone()
    }

    async fn ask_account_id(&self) -> Result<Option<String>> {
        let options = &self.shared.options;
        let api_version = options.stripe_version.clone();
        let request = Request::to("/v1/account", Vec::new(), api_version, None);
        let (deadline, began) = (options.request_timeout.min(ACCOUNT_TIMEOUT), now().monotonic);
        for retries in 0.. {
            let (failure, cause) = match self.send_within(&request, deadline).await.0 {
                Outcome::Answered(response) => return Ok(account_of(&response)),
                Outcome::Failed(failure, cause) => (failure, cause),
            };
            if failure != Failure::Connect {
                break;
            }
            let wait = retry::wait(options, retries, None, random_unit());
            if retries >= options.max_retries || now().monotonic + wait > began + NETWORK_TIMEOUT {
                return Err(retry::silence(self.origin().as_str(), failure, &cause, retries));
            }
            tokio::time::sleep(wait).await;
        }
        Ok(None)
    }

    async fn send_within(&self, request: &Request, deadline: Duration) -> (Outcome, Arrival) {
        let sent = now().monotonic;
        let mut arrival = Arrival::new();
        let outcome = match self.converse(request, Deadline::after(deadline), &mut arrival).await {
            Ok(response) => Outcome::Answered(response),
            Err((failure, line)) => Outcome::Failed(failure, line),
        };
        log::outcome(request, &outcome, now().monotonic.saturating_sub(sent));
        (outcome, arrival)
    }

    async fn converse(
        &self,
        request: &Request,
        mut deadline: Deadline,
        arrival: &mut Arrival,
    ) -> std::result::Result<Response, Broken> {
        let message = self.shared.message(request)?;
        let answer = deadline.wait(self.shared.connections.execute(message)).await?.map_err(cause::explain)?;
        let status = answer.status();
        if status.is_redirection() {
            return Err((Failure::Redirect, format!("HTTP {}", status.as_u16())));
        }
        let wall_seconds = now().wall_micros.div_euclid(1_000_000);
        let response = head::read(status.as_u16(), answer.headers(), wall_seconds);
        let buffer = self.shared.buffers().pop().unwrap_or_default();
        let body = body::read(answer, buffer, &mut deadline, arrival).await?;
        Ok(Response { body, ..response })
    }
}

impl Shared {
    fn buffers(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        // A panic while the lock was held has already been reported; the buffers are plain data.
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn message(&self, request: &Request) -> std::result::Result<reqwest::Request, Broken> {
        let mut message = reqwest::Request::new(Method::GET, self.origin.address(&request.path, &request.query));
        let headers = message.headers_mut();
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(STRIPE_VERSION, value(&STRIPE_VERSION, &request.api_version)?);
        if let Some(account) = &request.account {
            let paths = self.paths.read().unwrap_or_else(PoisonError::into_inner);
            let account = paths.get(account).unwrap_or(account);
            let is_context = self.is_of_organisation || account.contains('/');
            let name = if is_context { STRIPE_CONTEXT } else { STRIPE_ACCOUNT };
            headers.insert(name.clone(), value(&name, account)?);
        }
        Ok(message)
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HttpClient")
            .field("origin", &self.shared.origin)
            .field("request_timeout", &self.shared.options.request_timeout)
            .finish_non_exhaustive()
    }
}

fn value(name: &HeaderName, text: &str) -> std::result::Result<HeaderValue, Broken> {
    HeaderValue::from_str(text)
        .map_err(|_| (Failure::Connect, format!("nothing was sent: the value for {name} has control characters")))
}

/// The account that an answer names: as the object asked for, or in the refusal of the key.
fn account_of(response: &Response) -> Option<String> {
    #[derive(Deserialize)]
    struct Account {
        id: String,
    }
    let named = match response.status {
        200 => serde_json::from_slice(&response.body).ok().map(|account: Account| account.id),
        _ => retry::refused_account(response),
    };
    named.filter(|id| is_account_id(id))
}

fn is_account_id(id: &str) -> bool {
    id.len() <= 255
        && id.strip_prefix("acct_").is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
}
