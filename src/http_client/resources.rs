//! The resources that the runs of a process share.

use std::time::Duration;

use super::{ByteBudget, HttpClient, Quota, Slots, now};
use crate::error::Result;
use crate::page::Decoders;
use crate::stripe::exchange::{Outcome, Request};

/// The resources that the runs of a process share.
#[derive(Debug, Clone)]
pub struct Resources {
    /// Sends the requests.
    pub client: HttpClient,
    /// Room for their answers.
    pub buffers: ByteBudget,
    /// Reads the answers.
    pub decoders: Decoders,
    /// Limits the requests at any time.
    pub slots: Slots,
    /// Limits the requests in all.
    pub quota: Quota,
}

impl Resources {
    /// Does what [`Self::ask`] does, after a wait.
    ///
    /// # Errors
    /// The same.
    pub async fn ask_after(&self, wait: Duration, request: &Request) -> Result<Outcome> {
        tokio::time::sleep(wait).await;
        self.ask(request).await
    }

    /// Sends one request once, within the limits that all runs share.
    ///
    /// # Errors
    /// `Class::Budget` if no request remains.
    pub async fn ask(&self, request: &Request) -> Result<Outcome> {
        let mut slot = self.slots.take(&request.endpoint, 1.0).await;
        self.quota.take()?;
        let sent = now();
        slot.sent();
        let outcome = self.client.send(request).await;
        slot.answered(&outcome, now().monotonic.saturating_sub(sent.monotonic));
        Ok(outcome)
    }
}
