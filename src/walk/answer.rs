//! The effect of an answer on the chain it belongs to.

use std::time::Duration;

use super::Walk;
use super::chain::{Retry, Ticket};
use super::coverage::Chain;
use super::received::{Received, Unreadable};
use crate::error::{Class, Error};
use crate::stripe::exchange::{Failure, Now, Response};
use crate::stripe::retry;
use crate::stripe::window::Range;

/// The name of a page in messages.
pub(super) struct Asked<'a> {
    pub(super) entity: &'a str,
    pub(super) request_id: Option<&'a str>,
}

impl Asked<'_> {
    pub(super) fn error(&self, what: &str) -> Error {
        Error::answer(self.entity, what, self.request_id)
    }
}

/// The effect of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// One more page waits to be handed over.
    Page,
    /// The request is sent again, after this time, for this reason.
    Retry(Duration, String),
    /// Neither.
    Nothing,
}

impl Walk {
    /// Takes in the outcome of a request in flight. `jitter` is uniform in `[0, 1)`.
    pub fn handle_response(&mut self, ticket: Ticket, received: Received, now: Now, jitter: f64) -> Effect {
        let asked = self.chains.iter().position(|active| active.ticket == ticket && active.in_flight);
        let Some(at) = asked else { return Effect::Nothing };
        self.chains[at].in_flight = false;
        let taken = match received {
            Received::Page(response, bytes, page) => {
                let taken = match *page {
                    Ok(page) => {
                        self.chains[at].retries = 0;
                        self.progress.bytes += bytes as u64;
                        self.accept_page(at, page, &response, now)
                    }
                    Err(unreadable) => self.take_unreadable(at, &unreadable, &response, now, jitter),
                };
                // An answer from which no page can be made.
                taken.or_else(|error| self.leave_parent(at, Some(&response), error, now))
            }
            Received::Refused(response) => self.take_refusal(at, &response, now, jitter),
            Received::Failed(failure, cause) => self.take_silence(at, failure, &cause, now, jitter),
        };
        // The other requests in flight have been paid for: their answers are taken in before the run fails.
        let taken = taken.unwrap_or_else(|error| {
            self.stop_asking(error);
            Effect::Nothing
        });
        self.settle();
        taken
    }

    fn take_silence(
        &mut self,
        at: usize,
        failure: Failure,
        cause: &str,
        now: Now,
        jitter: f64,
    ) -> Result<Effect, Error> {
        let error = retry::silence(self.scope.entity.name, failure, cause, self.chains[at].retries);
        if retry::is_passing(failure) { self.retry(at, error, None, now, jitter) } else { Err(error) }
    }

    /// Sends the same request again later, or gives up with `error` if the retries are used up.
    fn retry(
        &mut self,
        at: usize,
        error: Error,
        response: Option<&Response>,
        now: Now,
        jitter: f64,
    ) -> Result<Effect, Error> {
        if self.chains[at].retries >= self.options.max_retries {
            return if self.fails_alone(at, &error) { self.leave_parent(at, response, error, now) } else { Err(error) };
        }
        let answers = self.answers();
        let active = &mut self.chains[at];
        if active.retries == 0 {
            active.answers_before = answers;
        }
        let retry_after = response.and_then(|response| response.retry_after);
        let wait = retry::wait(&self.options, active.retries, retry_after, jitter);
        active.retries += 1;
        active.retry = Some(Retry { at: now.monotonic + wait });
        self.progress.retries.count(error.class);
        Ok(Effect::Retry(wait, error.message))
    }

    fn take_refusal(&mut self, at: usize, response: &Response, now: Now, jitter: f64) -> Result<Effect, Error> {
        if self.progress.pages == 0
            && self.chains[at].chain.parent.is_none()
            && let Some(error) = retry::product_off(self.scope.entity, response)
        {
            return Err(error);
        }
        let error = retry::refusal(self.scope.entity.name, response, self.chains[at].retries);
        if self.chains[at].chain.cursor.is_some() && retry::is_vanished_cursor(response) {
            self.reopen(at, response.request_id.as_deref(), "the object to start after vanished twice")
        } else if retry::is_worth_retrying(response) {
            self.retry(at, error, Some(response), now, jitter)
        } else if error.class == Class::Request {
            self.leave_parent(at, Some(response), error, now)
        } else {
            Err(error)
        }
    }

    /// A body that is not a page is asked for again where it was cut off; else it ends the list.
    fn take_unreadable(
        &mut self,
        at: usize,
        unreadable: &Unreadable,
        response: &Response,
        now: Now,
        jitter: f64,
    ) -> Result<Effect, Error> {
        let Unreadable { error, complaint } = unreadable;
        let asked = Asked { entity: self.scope.entity.name, request_id: response.request_id.as_deref() };
        if error.is_truncated() {
            let error = asked.error(&format!("{error}{}; run again", retry::tries(self.chains[at].retries)));
            return self.retry(at, error, Some(response), now, jitter);
        }
        if error.is_no_list() {
            let said = complaint.as_ref().map(|said| format!(": {said}")).unwrap_or_default();
            return Err(
                asked.error(&format!("{error}{said}; check the base URL, and any proxy between it and this machine"))
            );
        }
        Err(asked.error(&error.to_string()))
    }

    /// The cursor leads nowhere: its object is gone. This does not guess with earlier ids: a new chain begins at the
    /// end of the cursor's second, and rows of that second that the run already holds are dropped. `again` is the error
    /// if that was tried before.
    pub(super) fn reopen(&mut self, at: usize, request_id: Option<&str>, again: &str) -> Result<Effect, Error> {
        let asked = Asked { entity: self.scope.entity.name, request_id };
        let active = &mut self.chains[at];
        if active.stalled {
            return Err(asked.error(&format!("{again} without any progress in between; run again later")));
        }
        let edge = active.edge;
        let range = Range {
            gte: active.chain.range.gte,
            lt: edge.map(|edge| edge.saturating_add(1)).or(active.chain.range.lt),
        };
        active.chain = Chain { parent: active.chain.parent.take(), range, cursor: None, last_created: None };
        active.answered.clear();
        active.stalled = true;
        Ok(Effect::Nothing)
    }
}
