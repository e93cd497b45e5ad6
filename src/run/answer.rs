//! What an answer does to the chain it belongs to.

use std::collections::HashSet;

use super::{Fetched, Reading, Run};
use crate::error::Error;
use crate::exchange::{Failure, Now, Outcome, Response};
use crate::page::{self, Page};
use crate::ranges::{Chain, Range};
use crate::retry;

/// What a page is called in messages.
struct Asked<'a> {
    entity: &'a str,
    request_id: Option<&'a str>,
}

impl Asked<'_> {
    fn error(&self, what: &str) -> Error {
        let request = self.request_id.unwrap_or("without id");
        Error::answer(format!("{}: {what} [request {request}]", self.entity), self.request_id)
    }
}

impl Run {
    /// Takes in what came of the request in flight. `jitter` is uniform in `[0, 1)`. Answers whether a page is now
    /// waiting to be handed over because of it.
    pub fn handle_response(&mut self, outcome: Outcome, now: Now, jitter: f64) -> bool {
        if !self.in_flight {
            return false;
        }
        self.in_flight = false;
        let before = self.pending.len();
        match outcome {
            Outcome::Failed(failure, cause) if retry::is_passing(failure) => {
                self.retry_silence(failure, &cause, now, jitter);
            }
            Outcome::Failed(failure, cause) => {
                self.fail(retry::silence(self.setting.entity.name, failure, &cause, self.retries));
            }
            Outcome::Answered(response) if (200..300).contains(&response.status) => {
                self.take_page(&response, now, jitter);
            }
            Outcome::Answered(response) => self.take_refusal(&response, now, jitter),
        }
        self.pending.len() > before
    }

    fn retry_silence(&mut self, failure: Failure, cause: &str, now: Now, jitter: f64) {
        let error = retry::silence(self.setting.entity.name, failure, cause, self.retries);
        self.retry(error, None, now, jitter);
    }

    /// Sends the same request again later, or gives up with `error` when the retries are used up.
    fn retry(&mut self, error: Error, response: Option<&Response>, now: Now, jitter: f64) {
        if self.retries >= self.setting.options.max_retries {
            return self.fail(error);
        }
        let retry_after = response.and_then(|response| response.retry_after);
        let wait = retry::wait(&self.setting.options, self.retries, retry_after, jitter);
        self.retries += 1;
        self.progress.retries += 1;
        self.retry_at = Some(now.monotonic + wait);
        self.retry_reason = error.message;
    }

    fn take_refusal(&mut self, response: &Response, now: Now, jitter: f64) {
        let error = retry::refusal(self.setting.entity.name, response, self.retries);
        let asked_with_cursor = self.chains.front().is_some_and(|reading| reading.chain.cursor.is_some());
        if asked_with_cursor && retry::is_vanished_cursor(response) {
            self.reopen(response.request_id.as_deref());
        } else if retry::is_worth_retrying(response) {
            self.retry(error, Some(response), now, jitter);
        } else {
            self.fail(error);
        }
    }

    fn take_page(&mut self, response: &Response, now: Now, jitter: f64) {
        let entity = self.setting.entity;
        let asked = Asked { entity: entity.name, request_id: response.request_id.as_deref() };
        match page::decode(&response.body, entity) {
            Ok(page) => {
                self.retries = 0;
                self.progress.bytes += response.body.len() as u64;
                if let Err(error) = self.place(page, response, now) {
                    self.fail(error);
                }
            }
            Err(error) if error.is_truncated() => {
                let error = asked.error(&format!("{error}, {} retries long; run again", self.retries));
                self.retry(error, Some(response), now, jitter);
            }
            Err(error) => self.fail(asked.error(&error.to_string())),
        }
    }

    /// Puts a whole page where it belongs: at the end of the chain that asked for it.
    fn place(&mut self, mut page: Page, response: &Response, now: Now) -> Result<(), Error> {
        let asked = Asked { entity: self.setting.entity.name, request_id: response.request_id.as_deref() };
        let Some(reading) = self.chains.front_mut() else { return Ok(()) };
        let windowed = self.setting.entity.has_window();
        if page.rows.is_empty() && page.has_more {
            if reading.chain.cursor.is_none() {
                return Err(asked.error("Stripe answered an empty first page that says there is more; run again later"));
            }
            self.reopen(response.request_id.as_deref());
            return Ok(());
        }
        if windowed {
            check_order(&page, reading, &asked)?;
        }
        let answered_last = page.rows.last().map(|row| row.id.clone());
        let full = page.rows.len() >= self.setting.options.page_size as usize;
        let fresh = reading.absorb(&mut page, windowed);
        if answered_last.is_some() && !fresh {
            return Err(asked.error(
                "Stripe answered objects of an earlier page again: the list does not advance; run again later",
            ));
        }
        let floor = reading.chain.range.gte;
        let below = |created: Option<i64>| matches!((created, floor), (Some(created), Some(floor)) if created < floor);
        let reached_floor = page.rows.last().is_some_and(|row| below(row.created));
        if page.rows.iter().any(|row| below(row.created)) {
            page.retain(|row| !below(row.created));
        }
        // A full page that ends the list costs one confirming request; a shorter one is believed.
        let closes = reached_floor || answered_last.is_none() || (!page.has_more && !full);
        let request_cursor = reading.chain.cursor.take();
        reading.chain.cursor.clone_from(&answered_last);
        let oldest = page.rows.iter().filter_map(|row| row.created).min();
        reading.chain.last_created = oldest.or(reading.chain.last_created);
        reading.stalled &= page.rows.is_empty();
        let range = reading.chain.range;
        if closes {
            self.chains.pop_front();
        }
        let clock = response.date.unwrap_or(now.wall_micros / 1_000_000);
        let newest = page.rows.iter().filter_map(|row| row.created).max();
        self.progress.pages += 1;
        self.progress.rows += page.rows.len() as u64;
        self.progress.reached = oldest.or(self.progress.reached);
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
        Ok(())
    }

    /// The cursor's object is gone. No guessing with earlier ids: a new chain begins at the end of the cursor's second,
    /// and what the run holds of that second is dropped.
    fn reopen(&mut self, request_id: Option<&str>) {
        let asked = Asked { entity: self.setting.entity.name, request_id };
        let Some(reading) = self.chains.front_mut() else { return };
        if reading.stalled {
            let error =
                asked.error("the object to start after vanished twice without any progress between; run again later");
            return self.fail(error);
        }
        let edge = reading.edge;
        let range = Range {
            gte: reading.chain.range.gte,
            lt: edge.map(|edge| edge.saturating_add(1)).or(reading.chain.range.lt),
        };
        reading.chain = Chain { range, cursor: None, last_created: None };
        reading.answered.clear();
        reading.stalled = true;
    }
}

impl Reading {
    /// Takes the page's ids in and drops the rows that the run holds already. Answers whether any row is one that this
    /// chain has not answered before.
    fn absorb(&mut self, page: &mut Page, windowed: bool) -> bool {
        let edge = if windowed { page.rows.last().and_then(|row| row.created) } else { None };
        let on_edge = |created: Option<i64>| !windowed || created == edge;
        let answered: Vec<String> =
            page.rows.iter().filter(|row| on_edge(row.created)).map(|row| row.id.clone()).collect();
        let fresh = page.rows.iter().any(|row| !self.answered.contains(&row.id));
        let mut seen: HashSet<&str> = HashSet::with_capacity(page.rows.len());
        let known: Vec<bool> =
            page.rows.iter().map(|row| self.held.contains(&row.id) || !seen.insert(&row.id)).collect();
        if known.contains(&true) {
            let mut known = known.into_iter();
            page.retain(|_| known.next() == Some(false));
        }
        // The list is in order: rows of a second that it has left cannot come again.
        if edge != self.edge && !answered.is_empty() {
            self.held.clear();
            self.answered.clear();
            self.edge = edge;
        }
        self.held.extend(answered.iter().cloned());
        self.answered.extend(answered);
        fresh
    }
}

fn check_order(page: &Page, reading: &Reading, asked: &Asked<'_>) -> Result<(), Error> {
    let mut ceiling = reading.edge.or(reading.chain.range.lt.map(|top| top.saturating_sub(1)));
    for row in &page.rows {
        if row.created > ceiling.or(row.created) {
            return Err(asked.error(&format!(
                "object {} was created later than the one before it or than its range: the list is not newest first",
                crate::error::foreign(&row.id)
            )));
        }
        ceiling = row.created.or(ceiling);
    }
    Ok(())
}
