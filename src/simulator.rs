//! A fake Stripe, good enough to test a pipeline against: lists, paging, errors, limits and faults as Stripe has them,
//! with objects that follow from a seed. It listens on 127.0.0.1 only and knows no account, key or network but its own.
//!
//! ```
//! use stripe_raw_rs::simulator::{Settings, StripeSimulator};
//!
//! let simulator = StripeSimulator::start(Settings { objects: 1_000, ..Settings::default() })?;
//! let newest = &simulator.ids("charges")?[0];
//! assert_eq!(simulator.ids("charges")?.len(), 250);
//! assert!(newest.starts_with("ch_") && simulator.url().starts_with("http://127.0.0.1:"));
//! # Ok::<(), stripe_raw_rs::error::Error>(())
//! ```
//!
//! Rooms: `server` (sockets) → `endpoint` (a request and its answer) → `account` (lists and pages) → `list` (order),
//! `shape` (bytes), `query`, `refusal`, `faults`, `limits` → `identifier`, `chance`, `clock`.

mod account;
mod chance;
mod clock;
mod endpoint;
mod faults;
mod identifier;
mod limits;
mod list;
mod query;
mod refusal;
mod server;
mod shape;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use self::account::{Account, Arrivals};
use self::clock::Clock;
pub use self::endpoint::LoggedRequest;
use self::endpoint::{ACCOUNT, Access, Endpoints, Traffic};
use self::faults::Faults;
use self::limits::Limits;
use self::list::TIMES;
use self::server::Manners;
use crate::entities::{ENTITIES, Entity, by_name};
use crate::error::{Error, Result, foreign};

/// Objects of an entity that is no default one, unless its count is set.
const OTHER_OBJECTS: u64 = 36;
/// Share of each default entity in `objects`, in percent.
const SHARES: [(&str, u64); 5] =
    [("balance_transactions", 30), ("charges", 25), ("invoices", 15), ("payment_intents", 25), ("refunds", 5)];

/// What a simulator is like. The same seed, counts, history and end give the same objects, byte for byte.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Port on 127.0.0.1; 0, the default, is any free one.
    pub port: u16,
    /// What all chance follows from; default 1.
    pub seed: u64,
    /// Objects of the five default entities together: 30 % balance transactions, 25 % charges, 25 % payment intents,
    /// 15 % invoices, 5 % refunds. Every other entity has 36, or as many as this if that is fewer. Default 20,000.
    pub objects: u64,
    /// Objects of single entities, by name, in place of the above; default none.
    pub counts: BTreeMap<String, u64>,
    /// Days before `end` in which the objects were created; default 730.
    pub history_days: u32,
    /// When the simulator's clock starts, in seconds since 1970: no object is newer, and `Date` goes on from there.
    /// Default: the real time.
    pub end: Option<i64>,
    /// Requests a second over all endpoints; one second's worth may come at once. Default: no limit. Live Stripe: 100.
    pub rate_limit: Option<f64>,
    /// Requests a second for each endpoint. Default: no limit. Live Stripe: 25.
    pub endpoint_rate_limit: Option<f64>,
    /// Seconds that `Retry-After` says in answers to requests over a limit. Default: no such header, as with Stripe.
    pub retry_after: Option<u64>,
    /// Wait before each answer; default none.
    pub latency: Duration,
    /// Most that chance adds to the latency; default nothing.
    pub latency_jitter: Duration,
    /// Which requests go wrong, e.g. `status=500@p0.01,reset@n7`; see [`StripeSimulator::set_faults`]. Default: none.
    pub faults: String,
    /// Objects that are created after each `arrivals_every`-th page of an entity, in that entity; default 0.
    pub arrivals: u32,
    /// Pages from one arrival to the next; default 1.
    pub arrivals_every: u64,
    /// Entities (or `account`) that no key may read; default none.
    pub denied: Vec<String>,
    /// Keys that are known. Default, an empty list: every `sk_…` and `rk_…` key that does not contain `invalid`.
    pub keys: Vec<String>,
    /// Whether answers are compressed for clients that accept gzip; default no, as it costs more than all the rest.
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
            denied: Vec::new(),
            keys: Vec::new(),
            gzip: false,
            threads: 2,
        }
    }
}

impl Settings {
    fn check(&self) -> Result<()> {
        for name in self.counts.keys() {
            entity(name)?;
        }
        for name in self.denied.iter().filter(|name| name.as_str() != ACCOUNT) {
            entity(name)?;
        }
        for (name, rate) in [("rate_limit", self.rate_limit), ("endpoint_rate_limit", self.endpoint_rate_limit)] {
            if rate.is_some_and(|rate| !(rate.is_finite() && rate > 0.0)) {
                return Err(Error::usage(format!("{name} must be more than 0 requests a second")));
            }
        }
        if let Some(end) = self.end {
            check_time("end", end)?;
        }
        let largest = ENTITIES.iter().map(|entity| self.count(entity)).max().unwrap_or_default();
        if largest > LARGEST_LIST {
            return Err(Error::usage(format!("a list of the simulator starts with at most {LARGEST_LIST} objects")));
        }
        if self.threads == 0 || self.arrivals_every == 0 {
            return Err(Error::usage("threads and arrivals_every must be at least 1"));
        }
        Ok(())
    }

    fn count(&self, entity: &Entity) -> u64 {
        let share = SHARES.iter().find(|share| share.0 == entity.name);
        let usual = share.map_or(self.objects.min(OTHER_OBJECTS), |share| {
            u64::try_from(u128::from(self.objects) * u128::from(share.1) / 100).unwrap_or(u64::MAX)
        });
        self.counts.get(entity.name).copied().unwrap_or(usual)
    }
}

/// Objects that one list may start with: 2.4 GB of memory.
const LARGEST_LIST: u64 = 100_000_000;

fn entity(name: &str) -> Result<&'static Entity> {
    by_name(name).ok_or_else(|| Error::usage(format!("unknown entity '{}'", foreign(name))))
}

fn check_time(name: &str, time: i64) -> Result<()> {
    if TIMES.contains(&time) {
        return Ok(());
    }
    Err(Error::usage(format!(
        "{name} must be from {} to {} seconds since 1970, not {time}",
        TIMES.start(),
        TIMES.end()
    )))
}

/// A running fake Stripe. It stops when it is dropped.
#[derive(Debug)]
pub struct StripeSimulator {
    endpoints: Arc<Endpoints>,
    address: SocketAddr,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl StripeSimulator {
    /// Starts one, with threads of its own.
    ///
    /// # Errors
    /// A setting that cannot be used, or a port that is taken.
    pub fn start(settings: Settings) -> Result<Self> {
        settings.check()?;
        let clock = Clock::start(settings.end);
        let arrivals = Arrivals { count: settings.arrivals, every: settings.arrivals_every };
        let count = |entity: &Entity| settings.count(entity);
        let endpoints = Arc::new(Endpoints {
            seed: settings.seed,
            clock,
            account: Account::new(settings.seed, clock.now(), settings.history_days, arrivals, count),
            limits: Limits::new(settings.rate_limit, settings.endpoint_rate_limit, ENTITIES.len() + 1),
            retry_after: settings.retry_after,
            faults: RwLock::new(Arc::new(Faults::read(&settings.faults, settings.seed)?)),
            traffic: Traffic::new(),
            access: Access { keys: settings.keys, denied: settings.denied },
        });
        let manners = Manners { latency: settings.latency, jitter: settings.latency_jitter, gzip: settings.gzip };
        let (address, running) = listen(settings.port, settings.threads, Arc::clone(&endpoints), manners)?;
        Ok(Self { endpoints, address, running: Mutex::new(Some(running)) })
    }

    /// Where it is, e.g. `http://127.0.0.1:8080`: what a client takes as Stripe's base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Id of the account, e.g. `acct_1PgafTB7WZ01zgkW`.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.endpoints.account.id
    }

    /// Ids of all objects of an entity that are there, newest first: what a complete walk of its list sees.
    pub fn ids(&self, entity_name: &str) -> Result<Vec<String>> {
        Ok(self.endpoints.account.ids(entity(entity_name)?))
    }

    /// An object's bytes as they stand in `data`: the first line's indent left out, all others' kept. None where there
    /// is no such object.
    pub fn object_bytes(&self, entity_name: &str, id: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.endpoints.account.object_bytes(entity(entity_name)?, id))
    }

    /// The time that an object says it was created, in seconds since 1970; none where it does not say.
    ///
    /// # Errors
    /// There is no such object.
    pub fn created(&self, entity_name: &str, id: &str) -> Result<Option<i64>> {
        self.endpoints.account.created(entity(entity_name)?, id)
    }

    /// Adds objects created at that time (seconds since 1970; none is the simulator's now), and answers their ids,
    /// newest first. Among objects of one second those added later are the newer ones.
    pub fn add(&self, entity_name: &str, count: u32, created: Option<i64>) -> Result<Vec<String>> {
        let created = created.unwrap_or_else(|| self.endpoints.clock.now());
        check_time("created", created)?;
        self.endpoints.account.add(entity(entity_name)?, count, created)
    }

    /// Deletes an object, so that it is in no list and no cursor any more; tells whether it was there.
    pub fn delete(&self, entity_name: &str, id: &str) -> Result<bool> {
        Ok(self.endpoints.account.delete(entity(entity_name)?, id))
    }

    /// Requests received over all endpoints, answered or not.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.endpoints.traffic.count(None)
    }

    /// Requests received for one entity.
    pub fn entity_requests(&self, entity_name: &str) -> Result<u64> {
        Ok(self.endpoints.traffic.count(Some(entity(entity_name)?)))
    }

    /// The latest 10,000 requests, oldest first.
    #[must_use]
    pub fn request_log(&self) -> Vec<LoggedRequest> {
        self.endpoints.traffic.log()
    }

    /// Sets which requests go wrong from now on, in place of what was set before; an empty text is none.
    ///
    /// Rules are parted by commas, `kind@when`; the first that fits a request counts. `kind` is `status=N` (300 to
    /// 599; with `/reason=…`, `/retry-after=…` or `/should-retry=…` that header is set, `none` removes it), `reset`,
    /// `cut`, `truncate`, `hang`, `slow` or `slow=N` (milliseconds), `html`, `empty`, `wrong_object`, `repeat` or
    /// `vanish`. `when` is `p0.01` (that share of requests), `n7` (the seventh from now), `n3-5` or `n3+`; after
    /// `charges:` only that entity's requests are counted.
    pub fn set_faults(&self, specification: &str) -> Result<()> {
        let faults = Arc::new(Faults::read(specification, self.endpoints.seed)?);
        *self.endpoints.faults.write().unwrap_or_else(PoisonError::into_inner) = faults;
        Ok(())
    }

    /// Stops listening and ends all connections, and waits until that is done. What was asked and what there is can
    /// still be looked at.
    pub fn stop(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(running) = running {
            let _ = running.stop.send(());
            let _ = running.thread.join();
        }
    }
}

impl Drop for StripeSimulator {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Listens on that port, in a thread that owns the runtime: so it can be stopped from anywhere, also from async code.
fn listen(port: u16, threads: usize, endpoints: Arc<Endpoints>, manners: Manners) -> Result<(SocketAddr, Running)> {
    let unusable = |error: std::io::Error| Error::usage(format!("the simulator cannot listen on port {port}: {error}"));
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(unusable)?;
    listener.set_nonblocking(true).map_err(unusable)?;
    let address = listener.local_addr().map_err(unusable)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("stripe-simulator")
        .enable_all()
        .build()
        .map_err(unusable)?;
    let listener = {
        let _inside = runtime.enter();
        tokio::net::TcpListener::from_std(listener).map_err(unusable)?
    };
    let (stop, stopped) = oneshot::channel();
    let serve = move || {
        runtime.block_on(async {
            tokio::select! {
                () = server::serve(listener, endpoints, manners) => {}
                _ = stopped => {}
            }
        });
    };
    let thread = std::thread::Builder::new().name("stripe-simulator".to_owned()).spawn(serve).map_err(unusable)?;
    Ok((address, Running { stop, thread }))
}
