//! What an answer does to the chain it belongs to.

use std::time::Duration;

use super::reading::{Reading, Retry, Ticket};
use super::{Fetched, Run};
use crate::error::Error;
use crate::exchange::{Failure, Now, Outcome, Response};
use crate::page::Page;
use crate::ranges::{Chain, Range};
use crate::retry;

/// What a page is called in messages.
struct Asked<'a> {
    entity: &'a str,
    request_id: Option<&'a str>,
}

impl Asked<'_> {
    fn error(&self, what: &str) -> Error {
        Error::answer(self.entity, what, self.request_id)
    }
}

/// What came of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// A page more waits to be handed over.
    Page,
    /// The request is sent again, after so long, because of that.
    Retry(Duration, String),
    /// Neither.
    Nothing,
}

impl Run {
    /// Takes in what came of a request in flight. `jitter` is uniform in `[0, 1)`.
    pub fn handle_response(&mut self, ticket: Ticket, outcome: &Outcome, now: Now, jitter: f64) -> Taken {
        let asked = self.chains.iter().position(|reading| reading.ticket == ticket && reading.in_flight);
        let Some(at) = asked else { return Taken::Nothing };
        self.chains[at].in_flight = false;
        let taken = match outcome {
            Outcome::Failed(failure, cause) => self.take_silence(at, *failure, cause, now, jitter),
            Outcome::Answered(response) if (200..300).contains(&response.status) => {
                self.take_page(at, response, now, jitter)
            }
            Outcome::Answered(response) => self.take_refusal(at, response, now, jitter),
        };
        // What else is in flight has been paid for: it is taken in before the run fails.
        let taken = taken.unwrap_or_else(|error| {
            self.stop_asking(error);
            Taken::Nothing
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
    ) -> Result<Taken, Error> {
        let error = retry::silence(self.setting.entity.name, failure, cause, self.chains[at].retries);
        if retry::is_passing(failure) { self.retry(at, error, None, now, jitter) } else { Err(error) }
    }

    /// Sends the same request again later, or gives up with `error` when the retries are used up.
    fn retry(
        &mut self,
        at: usize,
        error: Error,
        response: Option<&Response>,
        now: Now,
        jitter: f64,
    ) -> Result<Taken, Error> {
        let reading = &mut self.chains[at];
        if reading.retries >= self.setting.options.max_retries {
            return Err(error);
        }
        let retry_after = response.and_then(|response| response.retry_after);
        let wait = retry::wait(&self.setting.options, reading.retries, retry_after, jitter);
        reading.retries += 1;
        reading.retry = Some(Retry { at: now.monotonic + wait });
        self.progress.retries += 1;
        Ok(Taken::Retry(wait, error.message))
    }

    fn take_refusal(&mut self, at: usize, response: &Response, now: Now, jitter: f64) -> Result<Taken, Error> {
        let error = retry::refusal(self.setting.entity.name, response, self.chains[at].retries);
        if self.chains[at].chain.cursor.is_some() && retry::is_vanished_cursor(response) {
            self.reopen(at, response.request_id.as_deref(), "the object to start after vanished twice")
        } else if retry::is_worth_retrying(response) {
            self.retry(at, error, Some(response), now, jitter)
        } else {
            Err(error)
        }
    }

    fn take_page(&mut self, at: usize, response: &Response, now: Now, jitter: f64) -> Result<Taken, Error> {
        let entity = self.setting.entity;
        let asked = Asked { entity: entity.name, request_id: response.request_id.as_deref() };
        match self.decoder.decode(&response.body, entity) {
            Ok(page) => {
                self.chains[at].retries = 0;
                self.progress.bytes += response.body.len() as u64;
                self.place(at, page, response, now)
            }
            Err(error) if error.is_truncated() => {
                let error = asked.error(&format!("{error}, {} retries long; run again", self.chains[at].retries));
                self.retry(at, error, Some(response), now, jitter)
            }
            Err(error) if error.is_no_list() => {
                let said = retry::complaint(response).map(|said| format!(": {said}")).unwrap_or_default();
                Err(asked.error(&format!("{error}{said}; check the base URL, and what stands between it and here")))
            }
            Err(error) => Err(asked.error(&error.to_string())),
        }
    }

    /// Puts a whole page where it belongs: at the end of the chain that asked for it.
    fn place(&mut self, at: usize, mut page: Page, response: &Response, now: Now) -> Result<Taken, Error> {
        let asked = Asked { entity: self.setting.entity.name, request_id: response.request_id.as_deref() };
        let reading = &mut self.chains[at];
        let windowed = self.setting.entity.has_window();
        if page.is_empty() && page.has_more {
            if reading.chain.cursor.is_none() {
                return Err(asked.error("Stripe answered an empty first page that says there is more; run again later"));
            }
            let again = "Stripe answered twice a page without objects that says there is more";
            return self.reopen(at, response.request_id.as_deref(), again);
        }
        if windowed {
            check_order(&page, reading, &asked)?;
        }
        self.newest = self.newest.max(page.created.first().copied().flatten());
        reading.measure(&page);
        let answered_last = page.rows().next_back().map(|row| row.id.to_owned());
        let full = page.len() >= self.setting.options.page_size as usize;
        let fresh = reading.absorb(&mut page, windowed);
        if answered_last.is_some() && !fresh {
            return Err(asked.error(
                "Stripe answered objects of an earlier page again: the list does not advance; run again later",
            ));
        }
        let floor = reading.chain.range.gte;
        let below = |created: Option<i64>| matches!((created, floor), (Some(created), Some(floor)) if created < floor);
        let reached_floor = page.created.last().copied().is_some_and(below);
        if page.created.iter().copied().any(below) {
            page.retain(|row| !below(row.created));
        }
        // A full page that ends the list costs one confirming request; a shorter one is believed.
        let closes = reached_floor || answered_last.is_none() || (!page.has_more && !full);
        let request_cursor = reading.chain.cursor.take();
        reading.chain.cursor.clone_from(&answered_last);
        let oldest = page.created.iter().flatten().copied().min();
        reading.chain.last_created = oldest.or(reading.chain.last_created);
        reading.stalled &= page.is_empty();
        let range = reading.chain.range;
        if closes {
            self.chains.swap_remove(at);
        }
        let clock = response.date.unwrap_or(now.wall_micros / 1_000_000);
        let newest = page.created.iter().flatten().copied().max();
        self.progress.pages += 1;
        self.progress.rows += page.len() as u64;
        self.progress.reached = [oldest, self.progress.reached].into_iter().flatten().min();
        self.pending.push_back(Fetched {
            page,
            range,
            request_cursor,
            next_cursor: answered_last.filter(|_| !closes),
            http_status: response.status,
            request_id: response.request_id.clone(),
            api_version: response.api_version.clone(),
            received_at_micros: now.wall_micros,
            seen: newest.map(|newest| newest.min(clock)),
        });
        Ok(Taken::Page)
    }

    /// The cursor leads nowhere: its object is gone. No guessing with earlier ids: a new chain begins at the end of the
    /// cursor's second, and what the run holds of that second is dropped. `again` is the error where that has been tried.
    fn reopen(&mut self, at: usize, request_id: Option<&str>, again: &str) -> Result<Taken, Error> {
        let asked = Asked { entity: self.setting.entity.name, request_id };
        let reading = &mut self.chains[at];
        if reading.stalled {
            return Err(asked.error(&format!("{again} without any progress between; run again later")));
        }
        let edge = reading.edge;
        let range = Range {
            gte: reading.chain.range.gte,
            lt: edge.map(|edge| edge.saturating_add(1)).or(reading.chain.range.lt),
        };
        reading.chain = Chain { range, cursor: None, last_created: None };
        reading.answered.clear();
        reading.stalled = true;
        Ok(Taken::Nothing)
    }
}

fn check_order(page: &Page, reading: &Reading, asked: &Asked<'_>) -> Result<(), Error> {
    let mut ceiling = reading.edge.or(reading.chain.range.lt.map(|top| top.saturating_sub(1)));
    for row in page.rows() {
        if row.created > ceiling.or(row.created) {
            return Err(asked.error(&format!(
                "object {} was created later than the one before it or than its range: the list is not newest first",
                crate::error::foreign(row.id)
            )));
        }
        ceiling = row.created.or(ceiling);
    }
    Ok(())
}
