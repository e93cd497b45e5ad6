//! Chooses the part of the list that is read next, and gives an idle slot a part of its own: work stealing on the
//! unread tail.
//!
//! The window begins as one chain, read newest to oldest. The heaviest unread tail is split at a whole second, but only
//! if a request could be sent and each chain is being read already. The parent keeps its cursor and its requests'
//! filters, only its lower bound rises; the child takes the older half. So a small window stays one request, and a
//! backfill has as many chains as it has idle slots, wherever in time its objects are.

#![expect(clippy::cast_precision_loss, reason = "an estimate needs no more than 52 bits")]

use super::Walk;
use super::chain::{ActiveChain, Ticket};
use crate::stripe::exchange::Now;
use crate::stripe::window::STRIPE_BEGAN;

/// Requests that a tail must be worth before it is split: below that, one chain is as fast.
pub(super) const WORTH_SPLITTING: f64 = 3.0;
/// A tail that is open at the bottom is assumed to reach this many times as deep as the run has come, and is split at
/// that depth: it is unknown when an account began, and for a small account, halving the time since Stripe began costs
/// more requests than its pages.
const DEEPER: i64 = 4;

impl Walk {
    /// The chain to send the next request for: not in flight, and its retry, if any, due. Hot seconds come first: they
    /// cannot be split, and would otherwise be the last to remain. Then comes the heaviest. If pages are given out in
    /// order, it is the newest.
    pub(super) fn ready(&self, now: Now) -> Option<usize> {
        let due = |active: &ActiveChain| active.retry.is_none_or(|retry| now.monotonic >= retry.at);
        let is_ready = |active: &ActiveChain| !active.in_flight && due(active);
        if let Some(room) = self.room() {
            return self.within(room).into_iter().find(|at| is_ready(&self.chains[*at]));
        }
        let ready = self.chains.iter().enumerate().filter(|(_, active)| is_ready(active));
        let urgency = |active: &ActiveChain| (active.is_hot(), self.requests_for(active).unwrap_or(f64::INFINITY));
        ready
            .map(|(at, active)| (at, urgency(active)))
            .reduce(|best, other| if exceeds(other.1, best.1) { other } else { best })
            .map(|(at, _)| at)
    }

    /// The chain whose unread tail is worth the most requests, and the second to split it at. `None` while a request
    /// waits to be sent again: the same would go wrong for each new part as well.
    pub(super) fn heaviest(&self) -> Option<(usize, i64)> {
        if !self.scope.entity.window.is_filtered() || self.chains.iter().any(|active| active.retry.is_some()) {
            return None;
        }
        if let Some(room) = self.room() {
            return self.heaviest_within(room);
        }
        let heavy = self.chains.iter().enumerate().filter_map(|(at, active)| {
            let requests = self.requests_for(active).filter(|requests| *requests >= WORTH_SPLITTING)?;
            Some((at, self.middle(active)?, requests))
        });
        heavy.max_by(|one, other| one.2.total_cmp(&other.2)).map(|(at, second, _)| (at, second))
    }

    /// Splits the heaviest tail. Returns the new chain.
    pub(super) fn split(&mut self) -> Option<usize> {
        let (at, second) = self.heaviest()?;
        let ticket = self.next_ticket();
        let mut child = self.chains[at].split_at(second, ticket);
        if self.work.is_old(child.chain.range) {
            child.chain = self.work.aim(child.chain)?;
        }
        self.chains.push(child);
        Some(self.chains.len() - 1)
    }

    pub(super) const fn next_ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// Requests that remain for the whole run.
    #[must_use]
    pub fn weight(&self) -> f64 {
        if self.progress.pages == 0 {
            return f64::INFINITY;
        }
        let remaining = |active: &ActiveChain| {
            let bottom = active.chain.range.gte.unwrap_or(STRIPE_BEGAN);
            let seconds = active.read_to()?.saturating_sub(bottom).max(0) as f64;
            Some(self.at_most(active, active.expected_in(seconds)? / f64::from(self.options.page_size)))
        };
        let begun: f64 = self.chains.iter().map(|active| remaining(active).unwrap_or_default().max(1.0)).sum();
        begun + self.parents.waiting.len() as f64
    }

    /// Requests that remain as far as the pages show; 0 while the end of the list is unknown.
    pub(super) fn requests_in_sight(&self) -> f64 {
        // The list of one object is short.
        let is_open = |active: &ActiveChain| {
            active.chain.parent.is_none() && active.chain.range.gte.is_none() && !active.is_at_the_end()
        };
        if !self.is_open || self.error.is_some() || self.chains.iter().any(is_open) {
            return 0.0;
        }
        let begun: f64 = self.chains.iter().map(|active| self.requests_for(active).unwrap_or_default().max(1.0)).sum();
        begun + self.parents.waiting.len() as f64
    }

    /// Requests that a chain's tail is worth, if its objects are as dense as those read.
    pub(super) fn requests_for(&self, active: &ActiveChain) -> Option<f64> {
        let seconds = active.read_to()?.saturating_sub(self.bottom(active)?).max(0) as f64;
        Some(self.at_most(active, active.expected_in(seconds)? / f64::from(self.options.page_size)))
    }

    /// An old part needs no more requests than it has planned seconds.
    fn at_most(&self, active: &ActiveChain, requests: f64) -> f64 {
        let range = active.chain.range;
        match active.read_to().filter(|_| self.work.is_old(range)) {
            Some(newest) => requests.min(self.work.seconds_in(range.gte, newest) as f64),
            None => requests,
        }
    }

    /// The second where a chain's tail ends, or is assumed to end if it is open.
    pub(super) fn bottom(&self, active: &ActiveChain) -> Option<i64> {
        let last = active.read_to()?;
        let read = self.newest?.saturating_sub(last).max(1);
        active.chain.range.gte.or_else(|| Some(last.saturating_sub(read.saturating_mul(DEEPER)).max(0)))
    }

    /// The second to split a chain's tail at: its middle, or its end if it is open. A tail that is worth it is longer
    /// than two seconds, since each page counts for at least one: so something remains on both sides.
    pub(super) fn middle(&self, active: &ActiveChain) -> Option<i64> {
        let (last, bottom) = (active.read_to()?, self.bottom(active)?);
        if self.work.is_old(active.chain.range) {
            return self.work.middle(active.chain.range.gte, last);
        }
        let is_open = active.chain.range.gte.is_none();
        Some(if is_open { bottom } else { last - last.saturating_sub(bottom) / 2 })
    }
}

fn exceeds(one: (bool, f64), other: (bool, f64)) -> bool {
    one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)).is_gt()
}
