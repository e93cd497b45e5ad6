//! About how many objects a list has, and whether the key may read it: some requests, one after the other.

use std::sync::atomic::Ordering;
use std::time::Duration;

use pyo3::prelude::*;

use super::client::Client;
use super::probe::Probe;
use super::runtime::wait;
use crate::ask::estimate::{self, Estimate, MOST_REQUESTS};
use crate::ask::{probe, sample};
use crate::error::Result;
use crate::http_client::now;
use crate::store;
use crate::stripe::entities::Entity;
use crate::stripe::exchange::Outcome;
use crate::stripe::retry;

/// About how many objects a list has, and whether the key may read it.
#[pyclass(frozen, get_all, module = "stripe_raw_rs._core")]
pub(super) struct Survey {
    /// What the first answer shows.
    probe: Py<Probe>,
    /// Objects of the window, without those that have landed; rounded to two digits if they are estimated.
    objects: u64,
    /// How the number is to be read: "exact", "about", or "at least" if nobody knows how many there are.
    accuracy: &'static str,
    /// Requests that a run needs for these objects, with the client's `page_size`.
    requests: u64,
    /// Requests that were sent to find it out, `MOST_SURVEY_REQUESTS` at most.
    sent: usize,
}

pub(super) fn survey(
    py: Python<'_>,
    client: &Client,
    entity: &'static Entity,
    account: Option<String>,
    since: Option<i64>,
    landed: u64,
) -> PyResult<Survey> {
    account.as_deref().map_or(Ok(()), store::check_account)?;
    let (found, number, sent) = wait(py, ask(client, entity, account, since))??;
    let number = number.without(landed);
    Ok(Survey {
        probe: Py::new(py, Probe::from(found))?,
        objects: number.objects,
        accuracy: number.accuracy.name(),
        requests: number.requests(entity, client.options.page_size),
        sent,
    })
}

/// What the first answer shows of the list, the number of its objects, and how many requests were sent.
async fn ask(
    client: &Client,
    entity: &'static Entity,
    account: Option<String>,
    since: Option<i64>,
) -> Result<(probe::Probe, Estimate, usize)> {
    let mut survey = estimate::Survey::new(entity.window, since);
    let (mut first, mut sent, mut is_repeated, mut wait) = (None, 0, false, Duration::ZERO);
    loop {
        let range = survey.next().unwrap_or_default();
        let request = sample::request(entity, &client.options, account.clone(), range);
        let outcome = client.resources.ask_after(wait, &request).await?;
        wait = Duration::ZERO;
        sent += 1;
        let found = || probe::read(entity, &outcome, sample::OBJECTS, now());
        match sample::read(entity, &outcome, range) {
            Some(page) => {
                first.get_or_insert_with(found);
                survey.answered(range, page);
            }
            // One answer that will not be the same again does not say that a run would fail.
            None if !is_repeated && passes(&outcome) && sent < MOST_REQUESTS => {
                is_repeated = true;
                wait = retry::wait(&client.options, 0, None, 1.0);
            }
            None => {
                first.get_or_insert_with(found);
                survey.stop();
            }
        }
        let is_over = sent >= MOST_REQUESTS || client.interrupted.load(Ordering::Relaxed) || survey.next().is_none();
        if let Some(first) = first.take_if(|_| is_over) {
            return Ok((first, survey.estimate(), sent));
        }
    }
}

fn passes(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Answered(response) => !response.is_success() && retry::is_worth_retrying(response),
        Outcome::Failed(failure, _) => retry::is_passing(*failure),
    }
}
