//! A run and its clock, for tests of single steps.

use std::time::Duration;

use arrow_array::RecordBatch;
use stripe_raw_rs::checkpoint::{Circumstances, History, Kind, events_of, plan};
use stripe_raw_rs::error::{Class, Error};
use stripe_raw_rs::options::Options;
use stripe_raw_rs::page::Decoder;
use stripe_raw_rs::run::{Group, Run, RunContext};
use stripe_raw_rs::stripe::entities::by_name;
use stripe_raw_rs::stripe::exchange::{Now, Outcome, Response};
use stripe_raw_rs::stripe::scope::Scope;
use stripe_raw_rs::walk::{Effect, Ticket};

pub(crate) const TODAY: i64 = 1_735_689_600;

/// A run that has begun to read, and its clock.
pub(crate) struct Reader {
    pub(crate) run: Run,
    pub(crate) setting: RunContext,
    clock: Duration,
}

fn options() -> Options {
    let second = Duration::from_secs(1);
    Options {
        page_size: 2,
        max_retries: 3,
        backoff_base: second,
        backoff_max: 3 * second,
        backoff_jitter: 0.0,
        ..Options::default()
    }
}

/// The setting of a run of a list, with two objects to a page.
pub(crate) fn setting(entity: &str) -> RunContext {
    RunContext {
        scope: Scope { entity: by_name(entity).unwrap(), account: None },
        livemode: None,
        options: options(),
        store_id: "store".to_owned(),
        owner: "me".to_owned(),
        nonce: "nonce".to_owned(),
        settings: "{}".to_owned(),
        library_version: "test".to_owned(),
        has_asked_lists: false,
        may_lack: false,
    }
}

pub(crate) fn attempt() -> Circumstances {
    let now = Now { monotonic: Duration::ZERO, wall_micros: TODAY * 1_000_000 };
    Circumstances { holder_is_dead: true, new_run_id: "run".to_owned(), ..Circumstances::new(now, "me".to_owned()) }
}

impl Reader {
    /// The first run of a list.
    pub(crate) fn new() -> Self {
        Self::begun(&attempt()).0
    }

    /// The first run of another list.
    pub(crate) fn of(entity: &str) -> Self {
        Self::planned(setting(entity), &History::default(), &attempt()).opened().0
    }

    /// The first run of a list, with that attempt; and its RUN_STARTED.
    pub(crate) fn begun(attempt: &Circumstances) -> (Self, Vec<RecordBatch>) {
        Self::planned(setting("charges"), &History::default(), attempt).opened()
    }

    /// The second run of a list of which the first has landed these objects.
    pub(crate) fn known(objects: &[(&str, i64)]) -> Self {
        let mut first = Self::new();
        for objects in objects.chunks(2) {
            first.take(&page(objects, true));
        }
        first.take(&page(&[], false));
        let (mut history, mut rows) = (History::default(), Vec::new());
        while let Some(group) = first.any_group() {
            rows.extend(group.rows.batches);
            for batch in &group.checkpoint.batches {
                history.extend(events_of(batch).unwrap());
            }
        }
        let next = Circumstances { new_run_id: "next".to_owned(), ..attempt() };
        let mut reader = Self::planned(setting("charges"), &history, &next);
        assert!(!reader.run.overlap().is_empty());
        for batch in &rows {
            reader.run.compare(batch).unwrap();
        }
        reader.run.begin(reader.now()).unwrap();
        assert!(reader.run.compare(&rows[0]).is_err(), "it is too late");
        reader
    }

    /// A new run that reads, and the RUN_STARTED that it will claim the run with.
    pub(crate) fn opened(self) -> (Self, Vec<RecordBatch>) {
        let mut reader = self;
        reader.run.begin(reader.now()).unwrap();
        // A twin says it: the run itself says so with its first page only.
        let mut twin = Run::new(reader.run.plan().clone(), reader.setting.clone());
        let error = Error::new(Class::Internal, "it is a twin");
        let claim = twin.failed("Internal", &error.message, reader.now()).unwrap();
        let started = claim.batches.iter().map(|batch| batch.slice(0, 1)).collect();
        (reader, started)
    }

    /// A run that has done nothing yet.
    pub(crate) fn planned(setting: RunContext, history: &History, attempt: &Circumstances) -> Self {
        let plan = plan(setting.scope.entity, history, &setting.options, attempt).unwrap();
        Self { run: Run::new(plan, setting.clone()), setting, clock: Duration::ZERO }
    }

    /// The attempt after one of which only RUN_STARTED is known.
    pub(crate) fn after(started: &[RecordBatch], attempt: &Circumstances) -> Self {
        let mut history = History::default();
        for batch in started {
            history.extend(events_of(batch).unwrap());
        }
        Self::planned(setting("charges"), &history, attempt)
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, seconds: u64) {
        self.clock += Duration::from_secs(seconds);
    }

    /// The group that is due, if one is. The claim of a new run, which comes before its first group, is left out.
    pub(crate) fn group(&mut self) -> Option<Group> {
        let group = self.any_group()?;
        let kinds: Vec<_> = group.checkpoint.batches.iter().flat_map(|batch| events_of(batch).unwrap()).collect();
        let is_claim = kinds.len() == 1 && matches!(kinds[0].kind, Kind::Started { .. });
        if is_claim { self.any_group() } else { Some(group) }
    }

    /// The group that is due, if one is; the claim of a new run, too.
    pub(crate) fn any_group(&mut self) -> Option<Group> {
        self.run.poll_group(self.now()).unwrap()
    }

    pub(crate) fn now(&self) -> Now {
        let micros = i64::try_from(self.clock.as_micros()).unwrap();
        Now { monotonic: self.clock, wall_micros: TODAY * 1_000_000 + micros }
    }

    /// The next request, sent as soon as it is due, and its query.
    pub(crate) fn ask(&mut self) -> (Ticket, String) {
        self.clock = self.clock.max(self.run.walk().next_retry().unwrap_or_default());
        self.idle_slot().expect("it has something to ask")
    }

    /// The request that it sends with one more slot.
    pub(crate) fn idle_slot(&mut self) -> Option<(Ticket, String)> {
        let now = self.now();
        let (ticket, request) = self.run.walk_mut().poll_request(now)?;
        let query: Vec<String> = request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Some((ticket, query.join("&")))
    }

    /// Hands over the outcome of a request.
    pub(crate) fn hand(&mut self, ticket: Ticket, outcome: &Outcome) -> Effect {
        let now = self.now();
        let (received, _) = self.run.walk().reader().read(outcome.clone(), &mut Decoder::default());
        self.run.walk_mut().handle_response(ticket, received, now, 1.0)
    }

    /// Asks, and hands over the outcome. Answers the request's query, too.
    pub(crate) fn take(&mut self, outcome: &Outcome) -> (String, Effect) {
        let (ticket, query) = self.ask();
        (query, self.hand(ticket, outcome))
    }

    /// The error that ended the reading, after the pages before it have been handed over.
    pub(crate) fn error(&mut self) -> Error {
        while self.run.poll_group(self.now()).unwrap().is_some() {}
        self.run.error().expect("it has failed").clone()
    }
}

pub(crate) fn answer(status: u16, body: &str) -> Outcome {
    Outcome::Answered(Response {
        status,
        request_id: Some("req_1".to_owned()),
        body: body.as_bytes().to_vec(),
        ..Response::default()
    })
}

pub(crate) fn page(objects: &[(&str, i64)], has_more: bool) -> Outcome {
    page_of("charge", objects, has_more)
}

pub(crate) fn page_of(object: &str, objects: &[(&str, i64)], has_more: bool) -> Outcome {
    let objects: Vec<String> = objects
        .iter()
        .map(|(id, age)| format!(r#"{{"id":"{id}","object":"{object}","created":{}}}"#, TODAY - age))
        .collect();
    answer(200, &format!(r#"{{"object":"list","data":[{}],"has_more":{has_more}}}"#, objects.join(",")))
}

pub(crate) fn unknown_key() -> Outcome {
    answer(401, r#"{"error":{"type":"invalid_request_error","message":"Invalid API Key provided"}}"#)
}

pub(crate) fn vanished() -> Outcome {
    answer(400, r#"{"error":{"type":"invalid_request_error","code":"resource_missing","param":"starting_after"}}"#)
}
