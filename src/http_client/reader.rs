//! Drives one reading of a list: sends its requests, gives it their outcomes, and hands over its batches.
//!
//! The bytes that wait are bounded by the reading itself, so its answers need no room in the buffers that runs share.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arrow_array::RecordBatch;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};

use super::resources::Resources;
use super::{Slot, log, now, random_unit};
use crate::error::{Class, Error, Result};
use crate::read::Reading;
use crate::stripe::exchange::Request;
use crate::walk::{Effect, Ticket};

/// A reading and the task that fetches for it. Dropping it ends the task.
#[derive(Debug)]
pub struct ListReader {
    shared: Arc<SharedReading>,
    task: OnceLock<AbortHandle>,
}

#[derive(Debug)]
struct SharedReading {
    reading: Mutex<Reading>,
    /// Notified whenever there may be something new to hand over.
    changed: Notify,
    /// Notified whenever there may be something new to ask.
    answered: Notify,
}

impl SharedReading {
    fn lock(&self) -> MutexGuard<'_, Reading> {
        // A panic while the lock was held has already been reported; the reading is plain data.
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[expect(clippy::option_option, reason = "there may be nothing yet, or nothing any more")]
    fn poll_batch(&self) -> Result<Option<Option<RecordBatch>>> {
        let (batch, warnings) = {
            let mut reading = self.lock();
            (reading.poll_batch(), reading.take_warnings())
        };
        log::warn(warnings);
        // There is room for more.
        self.answered.notify_waiters();
        batch
    }

    /// The first answer to that question that is one. It is asked again after each change.
    async fn until<T>(&self, question: impl Fn() -> Option<T>) -> T {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(answer) = question() {
                return answer;
            }
            changed.await;
        }
    }

    fn fail(&self, error: Error) {
        self.lock().walk_mut().fail(error);
        self.changed.notify_waiters();
        self.answered.notify_waiters();
    }
}

impl ListReader {
    /// A reader that does not fetch yet.
    #[must_use]
    pub fn new(reading: Reading) -> Self {
        let shared = SharedReading { reading: Mutex::new(reading), changed: Notify::new(), answered: Notify::new() };
        Self { shared: Arc::new(shared), task: OnceLock::new() }
    }

    /// Begins to fetch, once; must be called within a runtime.
    pub fn begin(&self, resources: &Resources) {
        self.task.get_or_init(|| {
            self.shared.lock().open(now());
            let resources = Resources { decoders: resources.decoders.for_list(), ..resources.clone() };
            tokio::spawn(fetch_all(Arc::clone(&self.shared), resources)).abort_handle()
        });
    }

    /// A future of the next rows; `None` at the end. An error comes after the rows before it.
    pub fn next_batch(&self) -> impl Future<Output = Result<Option<RecordBatch>>> + Send + 'static {
        let shared = Arc::clone(&self.shared);
        async move { shared.until(|| shared.poll_batch().transpose()).await }
    }

    /// The next rows, if they are there; the inner `None` is the end.
    ///
    /// # Errors
    /// What ended the reading, after the rows before it.
    pub fn poll_batch(&self) -> Result<Option<Option<RecordBatch>>> {
        self.shared.poll_batch()
    }

    /// Comes when [`ListReader::poll_batch`] may have something new to say.
    pub fn ready(&self) -> impl Future<Output = ()> + Send + 'static {
        let shared = Arc::clone(&self.shared);
        async move { shared.until(|| shared.lock().has_news().then_some(())).await }
    }

    /// Number of objects so far that cannot be rows.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.shared.lock().refused()
    }

    /// Ends the fetching and drops what waits.
    pub fn stop(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
        self.shared.lock().walk_mut().discard();
        self.shared.changed.notify_waiters();
    }
}

impl Drop for ListReader {
    fn drop(&mut self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

async fn fetch_all(shared: Arc<SharedReading>, resources: Resources) {
    let _alarm = Alarm(Arc::clone(&shared));
    let endpoint = Arc::clone(shared.lock().walk().endpoint());
    // This is dropped with this future, and with it all requests in flight.
    let mut requests = JoinSet::new();
    loop {
        let mut answered = pin!(shared.answered.notified());
        answered.as_mut().enable();
        let (wanted, retry, done) = {
            let reading = shared.lock();
            let walk = reading.walk();
            (walk.wants(now()), walk.next_retry(), walk.has_read_all())
        };
        if done {
            shared.changed.notify_waiters();
            return;
        }
        while requests.try_join_next().is_some() {}
        let Some(slot) = resources.turn(&endpoint, wanted, retry, answered).await else { continue };
        if let Some((ticket, request)) = next_request(&shared, &resources) {
            requests.spawn(fetch(Arc::clone(&shared), resources.clone(), slot, ticket, request));
        }
    }
}

/// The next request, if one may be sent.
fn next_request(shared: &SharedReading, resources: &Resources) -> Option<(Ticket, Request)> {
    let mut reading = shared.lock();
    if let Err(used_up) = resources.quota.take() {
        let entity = reading.query().scope.entity.name;
        let message =
            format!("{entity}: max_requests is used up, and the list goes on; allow more, or read less of it");
        reading.walk_mut().stop_asking(Error::new(used_up.class, message));
        return None;
    }
    let request = reading.walk_mut().poll_request(now());
    if request.is_none() {
        resources.quota.give_back();
    }
    request
}

/// Sends a request, and gives its outcome to the reading.
async fn fetch(shared: Arc<SharedReading>, resources: Resources, mut slot: Slot, ticket: Ticket, request: Request) {
    let _alarm = Alarm(Arc::clone(&shared));
    // While long answers arrive, others wait: no bound of the reading knows how long they will be.
    let (outcome, arrival, received_at) = resources.send(&mut slot, &request).await;
    let reader = shared.lock().walk().reader();
    let received = resources.read(reader, outcome);
    let (effect, remaining, warnings) = {
        let mut reading = shared.lock();
        let effect = reading.walk_mut().handle_response(ticket, received, received_at, random_unit());
        (effect, reading.walk().progress().remaining, reading.take_warnings())
    };
    drop(arrival);
    log::warn(warnings);
    match effect {
        Effect::Page => resources.quota.expect(remaining),
        Effect::Retry(wait, why) => log::retry(wait, &why),
        Effect::Nothing => {}
    }
    shared.changed.notify_waiters();
    // The slot is given back only now, when the reading knows what to ask next: an idle slot would split its list.
    drop(slot);
    shared.answered.notify_waiters();
}

/// Ends the reading if the task that holds this panics: a caller that waits for that task would wait for ever.
struct Alarm(Arc<SharedReading>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let entity = self.0.lock().query().scope.entity.name;
            let what = "stripe-raw itself failed, and stderr shows where";
            self.0.fail(Error::new(Class::Internal, format!("{entity}: {what}")));
        }
    }
}
