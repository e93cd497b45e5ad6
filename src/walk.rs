//! Reads one list of one account, without sockets and clock: it says what to ask next, and gives out pages.
//!
//! It uses no run, no event and no table. A window is read newest to oldest, in as many parts as there are idle
//! slots. Each part is a [`coverage::Chain`].

mod accept;
mod ahead;
mod answer;
mod chain;
pub mod coverage;
mod fetched;
mod follow;
mod order;
mod parents;
mod received;
mod remaining;
mod retries;
mod split;
mod unchanged;
mod work;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

pub use answer::Effect;
pub use chain::{Place, Ticket};
pub use fetched::{Fetched, Progress};
pub use received::{Reader, Received, Unreadable};
pub use remaining::Remaining;
pub use retries::Retries;
pub use unchanged::{Newest, State};
pub use work::{Terms, Work};

use chain::ActiveChain;
use coverage::Chain;
use parents::ParentLists;
use work::Item;

use crate::error::Error;
use crate::options::Options;
use crate::stripe::exchange::{Endpoint, Now, Request};
use crate::stripe::scope::Scope;

/// The weight of the remaining requests if a list must be split to send one. Each split costs about half a page.
const SPLIT_DISCOUNT: f64 = 0.8;

/// One list of one account, being read.
#[derive(Debug)]
pub struct Walk {
    scope: Scope,
    endpoint: Endpoint,
    /// The `livemode` that its objects must have; `None` if the key does not show it.
    livemode: Option<bool>,
    options: Options,
    api_version: String,
    expand: Vec<&'static str>,
    is_open: bool,
    /// The remaining parts, each by itself.
    chains: Vec<ActiveChain>,
    parents: ParentLists,
    tickets: u64,
    /// Pages that nobody has taken yet.
    pages: VecDeque<Fetched>,
    /// About how many bytes of pages wait at most, if they are given out in the list's order.
    ahead: Option<usize>,
    /// Newest `created`, as far as it is known.
    newest: Option<i64>,
    /// Ids of the rows without a time in a list whose other rows have one: their place in the list is not known to the
    /// second.
    undated: HashSet<String>,
    /// Hashes of objects at the borders of parts that cannot be rows: both parts return such an object, and it may have
    /// no id that identifies it. With the object whose list it is in.
    refused: HashSet<(Option<Arc<str>>, [u8; 32])>,
    landed: Newest,
    work: Work,
    lands_reported: bool,
    /// Changed objects for which no request is needed, and that are not in a page yet, the first ones last.
    given: Vec<Item>,
    opened_at_micros: i64,
    /// Lines for the user that nobody has taken yet.
    warnings: Vec<String>,
    error: Option<Error>,
    /// The error that ends the reading as soon as no answer is outstanding.
    stopping: Option<Error>,
    progress: Progress,
}

impl Walk {
    /// A walk that has read nothing, and asks for nothing until it is opened.
    #[must_use]
    pub fn new(scope: Scope, livemode: Option<bool>, options: Options) -> Self {
        Self {
            endpoint: scope.entity.path.into(),
            scope,
            livemode,
            options,
            api_version: String::new(),
            expand: Vec::new(),
            is_open: false,
            chains: Vec::new(),
            parents: ParentLists::default(),
            tickets: 0,
            pages: VecDeque::new(),
            ahead: None,
            newest: None,
            undated: HashSet::new(),
            refused: HashSet::new(),
            landed: Newest::default(),
            work: Work::default(),
            lands_reported: false,
            given: Vec::new(),
            opened_at_micros: 0,
            warnings: Vec::new(),
            error: None,
            stopping: None,
            progress: Progress::default(),
        }
    }

    /// The endpoint that its requests count for.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Opens it: from now on, [`Walk::poll_request`] returns requests. Changed objects for which none is needed wait at
    /// once.
    pub fn open(&mut self, remaining: Remaining, now: Now) {
        let windowed = self.scope.entity.window.is_filtered();
        if windowed {
            self.undated.extend(remaining.held.get(&Place::default()).into_iter().flatten().cloned());
        }
        self.work = remaining.work;
        self.landed = remaining.landed;
        self.lands_reported = remaining.lands_reported;
        self.progress.changed = self.work.beyond_the_window() as u64;
        self.given = self.work.given(windowed);
        self.given.reverse();
        self.opened_at_micros = now.wall_micros;
        self.give();
        let chains = remaining.chains.into_iter().map(|chain| self.work.again(chain, windowed));
        let chains = chains.filter_map(|chain| self.work.aim(chain));
        self.chains = chains.map(|chain| ActiveChain::of(chain, windowed, &remaining.held)).collect();
        for at in 0..self.chains.len() {
            self.chains[at].ticket = self.next_ticket();
        }
        if self.chains.is_empty() {
            self.given.extend(self.work.missing());
            self.give();
        }
        self.parents.waiting = remaining.parents;
        self.parents.waiting.reverse();
        self.parents.known = remaining.refused_before;
        self.newest = remaining.newest;
        self.api_version = remaining.api_version;
        self.expand = remaining.expand;
        self.is_open = true;
    }

    /// The reader of the answers to its requests.
    #[must_use]
    pub const fn reader(&self) -> Reader {
        let entity = self.scope.entity;
        Reader { entity, most_objects: entity.most_objects(self.options.page_size as usize) }
    }

    /// Counters so far.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small number that is not negative")]
    pub fn progress(&self) -> Progress {
        Progress { remaining: self.requests_in_sight().ceil() as u64, ..self.progress }
    }

    /// Lines for the user about odd things in the answers, since the last call.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Pages that wait to be taken, in the order in which they came.
    #[must_use]
    pub const fn pages(&self) -> &VecDeque<Fetched> {
        &self.pages
    }

    /// The first pages that wait, so that the caller can take the refused objects out of them.
    pub fn first_pages(&mut self, count: usize) -> impl Iterator<Item = &mut Fetched> {
        self.pages.iter_mut().take(count)
    }

    /// Takes the first pages that wait.
    pub fn take_pages(&mut self, count: usize) -> Vec<Fetched> {
        let taken = self.pages.drain(..count).collect();
        self.give();
        taken
    }

    /// Its weight among the walks that wait for a slot, if it can send a request now: the number of requests that remain,
    /// as far as the pages show, and infinity before the first page. A walk that would have to split its list to send one
    /// counts less: a walk that is ready goes before it.
    #[must_use]
    pub fn wants(&self, now: Now) -> Option<f64> {
        if !self.asks() {
            return None;
        }
        if self.is_ready(now) {
            return Some(self.weight());
        }
        self.heaviest().map(|_| self.weight() * SPLIT_DISCOUNT)
    }

    /// The next request, if one can be sent now. Call this only if the request is sent at once: if each remaining part
    /// of the list is being read already, this splits the heaviest part in two, and that is worth it for an idle slot
    /// only.
    pub fn poll_request(&mut self, now: Now) -> Option<(Ticket, Request)> {
        if !self.asks() {
            return None;
        }
        let at = self.ready(now).or_else(|| self.open_parent()).or_else(|| self.split())?;
        let request = self.request(&self.chains[at].chain);
        let active = &mut self.chains[at];
        active.asked_down_to = self.scope.entity.window.asked_down_to(active.chain.range);
        active.retry = None;
        active.in_flight = true;
        self.progress.requests += 1;
        Some((active.ticket, request))
    }

    /// Whether it can send a request now without splitting its list.
    #[must_use]
    pub fn is_ready(&self, now: Now) -> bool {
        self.asks() && (self.ready(now).is_some() || self.may_open_parent())
    }

    fn asks(&self) -> bool {
        self.is_open && self.error.is_none() && self.stopping.is_none()
    }

    /// A chain's top never changes, and its lower bound only rises: so everything it read before stays inside its
    /// filters.
    fn request(&self, chain: &Chain) -> Request {
        let Scope { entity, account } = &self.scope;
        let (path, named) = match &chain.parent {
            Some(parent) => entity.address(parent),
            None => (entity.path.to_owned(), None),
        };
        let mut query: Vec<_> =
            entity.limit(self.options.page_size as usize).into_iter().chain(entity.fixed()).collect();
        query.extend(named);
        query.extend(self.expand.iter().map(|member| ("expand[]", format!("data.{member}"))));
        query.extend(entity.window.query(chain.range));
        query.extend(chain.cursor.clone().map(|cursor| ("starting_after", cursor)));
        Request {
            endpoint: Arc::clone(&self.endpoint),
            path,
            query,
            api_version: self.api_version.clone(),
            account: account.clone(),
        }
    }

    /// When the next retry is due, if one waits.
    #[must_use]
    pub fn next_retry(&self) -> Option<Duration> {
        self.chains.iter().filter_map(|active| active.retry.as_ref()).map(|retry| retry.at).min()
    }

    /// Whether nothing more will be read.
    #[must_use]
    pub const fn has_read_all(&self) -> bool {
        self.error.is_some()
            || (self.is_open && self.chains.is_empty() && self.parents.waiting.is_empty() && self.given.is_empty())
    }

    /// The error that ended the reading early.
    #[must_use]
    pub const fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// The error that has ended the reading, or ends it as soon as no answer is outstanding.
    #[must_use]
    pub fn ends_with(&self) -> Option<&Error> {
        self.error.as_ref().or(self.stopping.as_ref())
    }

    /// Sends nothing more. Answers to the requests in flight are still taken in; then the fetching has ended with
    /// `error`.
    pub fn stop_asking(&mut self, error: Error) {
        if self.error.is_none() && self.stopping.is_none() {
            self.stopping = Some(error);
            self.settle();
        }
    }

    fn settle(&mut self) {
        let has_more = !self.chains.is_empty() || !self.parents.waiting.is_empty();
        if self.stopping.is_some() && has_more && self.chains.iter().all(|active| !active.in_flight) {
            self.error = self.error.take().or_else(|| self.stopping.take());
        }
    }

    /// Ends the fetching with an error; pages that were received are still handed over.
    pub fn fail(&mut self, error: Error) {
        if self.error.is_none() {
            self.error = Some(error);
        }
        // The walk does not wait for answers that are still to come.
        for active in &mut self.chains {
            active.in_flight = false;
            active.retry = None;
        }
    }

    /// Asks for nothing more, and drops the pages that wait.
    pub fn discard(&mut self) {
        self.chains.clear();
        self.parents.waiting.clear();
        self.given.clear();
        self.pages.clear();
    }
}
