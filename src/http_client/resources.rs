//! The resources that the runs of a process share.

use std::time::Duration;

use super::{Arrival, ByteBudget, HttpClient, Quota, Slot, Slots, now};
use crate::error::Result;
use crate::page::Decoders;
use crate::stripe::exchange::{Endpoint, Now, Outcome, Request};
use crate::walk::{Reader, Received};

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

    /// A slot for the next request of a list, when its turn has come; `None` if the caller is to look again, because
    /// something was `answered` or a retry is due. Nothing `remains` as long as no request can be sent.
    pub(super) async fn turn(
        &self,
        endpoint: &Endpoint,
        remains: Option<f64>,
        retry: Option<Duration>,
        answered: impl Future<Output = ()>,
    ) -> Option<Slot> {
        let Some(remaining) = remains else {
            let retry_due = async {
                match retry {
                    Some(at) => tokio::time::sleep(at.saturating_sub(now().monotonic)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! { () = answered => {} () = retry_due => {} }
            return None;
        };
        tokio::select! {
            biased;
            slot = self.slots.take(endpoint, remaining) => Some(slot),
            // The number of remaining requests has changed, and so the turn may have changed.
            () = answered => None,
        }
    }

    /// Sends a request in its slot. Answers when the outcome came, too, and what keeps other long answers waiting.
    pub(super) async fn send(&self, slot: &mut Slot, request: &Request) -> (Outcome, Arrival, Now) {
        let sent = now();
        slot.sent();
        let (outcome, arrival) = self.client.send_and_hold(request).await;
        let received_at = now();
        slot.answered(&outcome, received_at.monotonic.saturating_sub(sent.monotonic));
        (outcome, arrival, received_at)
    }

    /// Reads an answer, and keeps the memory of its body for another one.
    pub(super) fn read(&self, reader: Reader, outcome: Outcome) -> Received {
        let (received, body) = self.decoders.with(|decoder| reader.read(outcome, decoder));
        if let Some(body) = body {
            self.client.reuse(body);
        }
        received
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
