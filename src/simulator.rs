//! A fake Stripe, good enough to test a pipeline with: lists, paging, errors, limits and faults as Stripe has them,
//! with objects that follow from a seed. It listens on 127.0.0.1 only and knows only its own accounts, keys and network.
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
//! Rooms: `data` (what a test sees and changes), `server` (sockets) → `endpoint` (a `request` and its answer),
//! `traffic` → `connected` (which account is asked) → `account` (the lists), `answer` (pages and objects), `mutations`
//! (what happens to objects) → `row` (one list), `event`, `items` (sub-lists), `plan` (what the accounts have in common)
//! → `list` (order), `state` (what became of an object), `shape` (bytes, from a `template`), `query`, `refusal`,
//! `faults`, `limits` → `identifier`, `chance`, `clock`. `settings` has the settings.

mod account;
mod answer;
mod chance;
#[cfg(test)]
mod client;
mod clock;
mod connected;
#[cfg(test)]
mod connected_tests;
mod data;
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
mod plan;
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

use self::clock::Clock;
use self::connected::Accounts;
pub use self::data::AccountData;
use self::endpoint::Endpoints;
use self::event::Manner;
use self::faults::Faults;
use self::plan::{Arrivals, Plan};
use self::server::Manners;
pub use self::settings::Settings;
use self::settings::{any_entity, check_time, entity};
pub use self::traffic::LoggedRequest;
use self::traffic::Traffic;
use crate::error::{Error, Result};

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
        let history = (clock.now(), settings.history_days);
        let plan = Plan::new(settings.seed, history, arrivals, manner, settings.sublist_items);
        let (counts, start) = (settings.counts(), settings.start());
        let endpoints = Arc::new(Endpoints {
            seed: settings.seed,
            accounts: Accounts::new(settings.seed, plan, counts, settings.connected_accounts, start),
            clock,
            retry_after: settings.retry_after,
            faults: RwLock::new(Arc::new(Faults::read(&settings.faults, settings.seed)?)),
            traffic: Traffic::new(),
            keys: settings.keys,
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

    /// Id of the platform's account, e.g. `acct_1PgafTB7WZ01zgkW`.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.endpoints.accounts.platform.account.id
    }

    /// Ids of the connected accounts, newest first, as a complete walk of the platform's list of accounts sees them.
    #[must_use]
    pub fn accounts(&self) -> Vec<String> {
        self.endpoints.accounts.ids()
    }

    /// The data of a connected account, also of a revoked one; `None` or its own id means the platform.
    ///
    /// # Errors
    /// There is no such account.
    pub fn data(&self, account: Option<&str>) -> Result<AccountData<'_>> {
        Ok(AccountData::new(&self.endpoints, self.endpoints.accounts.of(account)?))
    }

    /// Revokes the platform's access to a connected account: the platform's list no longer has it, and requests to it
    /// are answered as those to an unknown account. Revoking it once more changes nothing.
    ///
    /// # Errors
    /// There is no such account.
    pub fn revoke(&self, account: &str) -> Result<()> {
        self.endpoints.accounts.revoke(account)
    }

    /// Gives the platform access to a revoked account again: it is at its place in the list, with its data.
    ///
    /// # Errors
    /// There is no such account.
    pub fn restore(&self, account: &str) -> Result<()> {
        self.endpoints.accounts.restore(account)
    }

    fn platform(&self) -> AccountData<'_> {
        AccountData::new(&self.endpoints, Arc::clone(&self.endpoints.accounts.platform))
    }

    /// As [`AccountData::ids`], of the platform.
    pub fn ids(&self, entity_name: &str) -> Result<Vec<String>> {
        self.platform().ids(entity_name)
    }

    /// As [`AccountData::object_bytes`], of the platform.
    pub fn object_bytes(&self, entity_name: &str, id: &str) -> Result<Option<Vec<u8>>> {
        self.platform().object_bytes(entity_name, id)
    }

    /// As [`AccountData::created`], of the platform.
    pub fn created(&self, entity_name: &str, id: &str) -> Result<Option<i64>> {
        self.platform().created(entity_name, id)
    }

    /// As [`AccountData::add`], of the platform.
    pub fn add(&self, entity_name: &str, count: u32, created: Option<i64>) -> Result<Vec<String>> {
        self.platform().add(entity_name, count, created)
    }

    /// As [`AccountData::replace`], of the platform.
    pub fn replace(&self, entity_name: &str, id: &str, bytes: Vec<u8>) -> Result<bool> {
        self.platform().replace(entity_name, id, bytes)
    }

    /// As [`AccountData::change`], of the platform.
    pub fn change(&self, entity_name: &str, ids: &[String], event_type: Option<&str>) -> Result<Vec<String>> {
        self.platform().change(entity_name, ids, event_type)
    }

    /// As [`AccountData::change_items`], of the platform.
    pub fn change_items(
        &self,
        entity_name: &str,
        id: &str,
        added: u32,
        removed: u32,
        event_type: Option<&str>,
    ) -> Result<Vec<String>> {
        self.platform().change_items(entity_name, id, (added, removed), event_type)
    }

    /// As [`AccountData::items`], of the platform.
    pub fn items(&self, child_name: &str, parent_id: &str) -> Result<Vec<String>> {
        self.platform().items(child_name, parent_id)
    }

    /// As [`AccountData::delete`], of the platform.
    pub fn delete(&self, entity_name: &str, id: &str) -> Result<bool> {
        self.platform().delete(entity_name, id)
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

    /// Requests received for the list of one entity, over all accounts.
    pub fn entity_requests(&self, entity_name: &str) -> Result<u64> {
        Ok(self.endpoints.traffic.count(Some(any_entity(entity_name)?)))
    }

    /// Requests received for single objects of one entity, by their ids, over all accounts.
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
