//! A fake Stripe, good enough to test a pipeline with: lists, paging, errors, limits and faults as Stripe has them,
//! with objects that follow from a seed. It listens on 127.0.0.1 only and knows only its own account, keys and network.
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
//! Rooms: `server` (sockets) → `endpoint` (a `request` and its answer), `traffic` → `account` (the lists), `answer`
//! (pages and objects), `changes` (what happens to objects) → `row` (one list), `event`, `items` (sub-lists) → `list`
//! (order), `state` (what became of an object), `shape` (bytes, from a `template`), `query`, `refusal`, `faults`,
//! `limits` → `identifier`, `chance`, `clock`. `settings` has the settings.

mod account;
mod answer;
mod chance;
#[cfg(test)]
mod client;
mod clock;
mod endpoint;
mod event;
#[cfg(test)]
mod event_tests;
mod faults;
mod identifier;
mod items;
mod limits;
mod list;
mod mutations;
mod query;
mod refusal;
mod request;
#[cfg(test)]
mod retrieve_tests;
mod row;
mod server;
mod settings;
mod shape;
mod state;
#[cfg(test)]
mod sublist_tests;
mod template;
#[cfg(test)]
mod tests;
mod traffic;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use self::account::{Account, Arrivals};
use self::clock::Clock;
use self::endpoint::{Access, Endpoints};
use self::event::Manner;
use self::faults::Faults;
use self::limits::Limits;
use self::request::Endpoint;
use self::server::Manners;
pub use self::settings::Settings;
use self::settings::{any_entity, check_time, entity};
pub use self::traffic::LoggedRequest;
use self::traffic::Traffic;
use crate::error::{Error, Result};
use crate::stripe::entities::Entity;

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
    /// A setting cannot be used, or the port is taken.
    pub fn start(settings: Settings) -> Result<Self> {
        settings.check()?;
        let clock = Clock::start(settings.end, settings.frozen_clock);
        let arrivals = Arrivals { count: settings.arrivals, every: settings.arrivals_every };
        let manner = Manner { of_new_objects: settings.object_events, delay: settings.event_delay };
        let count = |entity: &Entity| settings.count(entity);
        let endpoints = Arc::new(Endpoints {
            seed: settings.seed,
            account: Account::new(
                settings.seed,
                clock.now(),
                settings.history_days,
                arrivals,
                manner,
                settings.sublist_items,
                count,
            ),
            clock,
            limits: Limits::new(settings.rate_limit, settings.endpoint_rate_limit, Endpoint::BUCKETS),
            retry_after: settings.retry_after,
            faults: RwLock::new(Arc::new(Faults::read(&settings.faults, settings.seed)?)),
            traffic: Traffic::new(),
            access: Access { keys: settings.keys, denied: settings.denied, products_off: settings.products_off },
        });
        let manners = Manners { latency: settings.latency, jitter: settings.latency_jitter, gzip: settings.gzip };
        let (address, running) = listen(settings.port, settings.threads, Arc::clone(&endpoints), manners)?;
        Ok(Self { endpoints, address, running: Mutex::new(Some(running)) })
    }

    /// Its address, e.g. `http://127.0.0.1:8080`: a client uses it as Stripe's base URL.
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

    /// The account, without the events that are too old by now.
    fn current(&self) -> &Account {
        self.endpoints.account.expire(self.endpoints.clock.now());
        &self.endpoints.account
    }

    /// Ids of all objects of an entity that are there, newest first: a complete walk of its list sees these.
    pub fn ids(&self, entity_name: &str) -> Result<Vec<String>> {
        Ok(self.current().ids(entity(entity_name)?, self.endpoints.clock.now()))
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
        let created = created.unwrap_or_else(|| self.endpoints.clock.now());
        check_time("created", created)?;
        self.endpoints.account.add(entity(entity_name)?, count, created)
    }

    /// Gives an object other bytes from now on, at its place in the list; returns whether it is there. Any bytes are
    /// allowed, also bytes that are not JSON: this is how an object becomes odd.
    pub fn replace(&self, entity_name: &str, id: &str, bytes: Vec<u8>) -> Result<bool> {
        Ok(self.endpoints.account.replace(entity(entity_name)?, id, bytes))
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
        self.endpoints.account.change(entity(entity_name)?, ids, event_type, self.endpoints.clock.now())
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
        added: u32,
        removed: u32,
        event_type: Option<&str>,
    ) -> Result<Vec<String>> {
        let now = self.endpoints.clock.now();
        self.endpoints.account.change_items(entity(entity_name)?, id, (added, removed), event_type, now)
    }

    /// The items of the list that an object has, as JSON, in the order of the list.
    ///
    /// # Errors
    /// There is no such object, or objects have no such list.
    pub fn items(&self, child_name: &str, parent_id: &str) -> Result<Vec<String>> {
        let unknown = || Error::usage(format!("'{}' has no {child_name}", crate::error::foreign(parent_id)));
        self.endpoints.account.items(any_entity(child_name)?, parent_id).ok_or_else(unknown)
    }

    /// Deletes an object, so that it is no longer in any list or valid as a cursor; returns whether it was there. An
    /// event tells of it, with the object as it was last, if Stripe has a type for it.
    pub fn delete(&self, entity_name: &str, id: &str) -> Result<bool> {
        self.endpoints.account.delete(entity(entity_name)?, id, self.endpoints.clock.now())
    }

    /// Moves the simulator's clock forward. Events that are older than 30 days then are gone, and events that were to
    /// become visible in this time are.
    ///
    /// # Errors
    /// The clock would go back, or beyond the times that an object can have.
    pub fn advance(&self, seconds: i64) -> Result<()> {
        if seconds < 0 {
            return Err(Error::usage("the clock cannot be moved back"));
        }
        check_time("the simulator's time", self.endpoints.clock.now().saturating_add(seconds))?;
        self.endpoints.clock.advance(seconds);
        Ok(())
    }

    /// Requests received over all endpoints, answered or not.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.endpoints.traffic.count(None)
    }

    /// Requests received for the list of one entity.
    pub fn entity_requests(&self, entity_name: &str) -> Result<u64> {
        Ok(self.endpoints.traffic.count(Some(any_entity(entity_name)?)))
    }

    /// Requests received for single objects of one entity, by their ids.
    pub fn retrieves(&self, entity_name: &str) -> Result<u64> {
        Ok(self.endpoints.traffic.retrieves(entity(entity_name)?))
    }

    /// The latest 10,000 requests, oldest first.
    #[must_use]
    pub fn request_log(&self) -> Vec<LoggedRequest> {
        self.endpoints.traffic.log()
    }

    /// Sets which requests go wrong from now on, in place of the earlier rules; with an empty text, none does.
    ///
    /// Rules are separated by commas, `kind@when`; the first that fits a request counts. `kind` is `status=N` (300 to
    /// 599; with `/reason=…`, `/retry-after=…` or `/should-retry=…` that header is set, `none` removes it),
    /// `reset_head`, `reset`, `cut`, `truncate`, `hang`, `slow` or `slow=N` (milliseconds), `html`, `error_body`,
    /// `wrong_type=M` (`created`, `has_more` or `data`), `empty`, `more`, `no_more`, `short`, `wrong_object`, `repeat`,
    /// `stuck` or `vanish`. `when` is `p0.01` (that share of requests), `n7` (the seventh from now), `n3-5` or `n3+`;
    /// after `charges:` only that entity's requests are counted.
    pub fn set_faults(&self, specification: &str) -> Result<()> {
        let faults = Arc::new(Faults::read(specification, self.endpoints.seed)?);
        *self.endpoints.faults.write().unwrap_or_else(PoisonError::into_inner) = faults;
        Ok(())
    }

    /// Stops listening and ends all connections, and waits until that is done. The requests and the objects can still
    /// be read.
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

/// Listens on that port, in a thread that owns the runtime: so it can be stopped from anywhere, even from async code.
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
