//! The requests of an attempt and their outcomes: which run asks next, and which errors end all of them.

use std::time::Duration;

use super::{Attempt, Member};
use crate::error::{Class, Error};
use crate::run::Run;
use crate::stripe::exchange::{Failure, Now, Request};
use crate::walk::{Effect, Received, Ticket};

/// The weight of the remaining requests if a list must be split to send one, as in a walk.
const SPLIT_DISCOUNT: f64 = 0.8;

impl Attempt {
    /// Its weight among the lists that wait for a slot, if it can send a request now; see [`Walk::wants`](crate::walk::Walk::wants).
    #[must_use]
    pub fn wants(&self, now: Now) -> Option<f64> {
        if let Some(run) = self.alone() {
            return run.walk().wants(now);
        }
        if self.error.is_some() {
            return None;
        }
        let walks = || self.reading().map(Run::walk);
        if walks().any(|walk| walk.is_ready(now)) || self.may_open() {
            return Some(self.weight());
        }
        walks().any(|walk| walk.wants(now).is_some()).then(|| self.weight() * SPLIT_DISCOUNT)
    }

    /// The runs that have begun to read and have not read all.
    pub(super) fn reading(&self) -> impl Iterator<Item = &Run> {
        self.open.iter().filter_map(|member| self.run(*member)).filter(|run| !run.has_read_all())
    }

    fn may_open(&self) -> bool {
        let are_ready = self.are_prepared && !self.waiting.is_empty();
        are_ready && self.error.is_none() && self.reading().count() < self.bounds.reading && !self.has_enough()
    }

    /// Requests that remain for all runs; each that has not answered counts for one, unless none has.
    #[expect(clippy::cast_precision_loss, reason = "an estimate needs no more than 52 bits")]
    fn weight(&self) -> f64 {
        let weight = |run: &Run| run.walk().weight();
        let known: Vec<f64> = self.reading().map(weight).collect();
        if self.over.pages == 0 && known.iter().all(|weight| weight.is_infinite()) {
            return f64::INFINITY;
        }
        let known: f64 = known.into_iter().map(|weight| if weight.is_finite() { weight } else { 1.0 }).sum();
        known + self.waiting.len() as f64
    }

    /// The next request, if one can be sent now, and the run that it is for. A run that has begun goes before one that
    /// waits, and that one before a part of a long list.
    ///
    /// Even if there is none, runs may have begun that have nothing to ask: then there may be a group.
    pub fn poll_request(&mut self, now: Now) -> Option<(Member, Ticket, Request)> {
        if let Some(run) = self.alone_mut() {
            return run.walk_mut().poll_request(now).map(|(ticket, request)| (0, ticket, request));
        }
        if self.error.is_some() {
            return None;
        }
        let ready = |member: &Member| self.run(*member).is_some_and(|run| run.walk().is_ready(now));
        if let Some(member) = self.open.iter().copied().find(ready) {
            return self.request(member, now);
        }
        while self.may_open() {
            let member = self.waiting.pop_front()?;
            self.open.push(member);
            if let Err(error) = self.run_mut(member)?.begin(now) {
                self.run_mut(member)?.walk_mut().fail(error);
            } else if let Some(request) = self.request(member, now) {
                return Some(request);
            }
        }
        let weight = |member: &Member| Some((*member, self.run(*member)?.walk().wants(now)?));
        let heaviest = self.open.iter().filter_map(weight).max_by(|one, other| one.1.total_cmp(&other.1));
        self.request(heaviest?.0, now)
    }

    fn request(&mut self, member: Member, now: Now) -> Option<(Member, Ticket, Request)> {
        let (ticket, request) = self.run_mut(member)?.walk_mut().poll_request(now)?;
        Some((member, ticket, request))
    }

    /// Takes in the outcome of a request of that run. An error that would meet all accounts ends all runs.
    pub fn handle_response(
        &mut self,
        member: Member,
        ticket: Ticket,
        received: Received,
        now: Now,
        jitter: f64,
    ) -> Effect {
        let is_alone = self.alone().is_some();
        let failure = received.failure();
        self.note_answer(member, failure.is_none());
        let Some(run) = self.run_mut(member) else { return Effect::Nothing };
        let had_error = run.walk().ends_with().is_some();
        let effect = run.walk_mut().handle_response(ticket, received, now, jitter);
        let error = run.walk().ends_with().filter(|_| !had_error).cloned();
        if let Some(error) = error.filter(|error| !is_alone && self.concerns_all(member, error, failure)) {
            self.stop_asking(&error);
        }
        effect
    }

    fn note_answer(&mut self, member: Member, is_answered: bool) {
        if is_answered {
            self.answers += 1;
            self.silent.remove(&member);
        } else {
            self.silent.entry(member).or_insert(self.answers);
        }
    }

    /// Whether the error would meet any account: the key, the network, the machine and the user are the same for all.
    ///
    /// While other accounts are answered, silence is about the account that meets it; so it is if no other remains.
    fn concerns_all(&self, member: Member, error: &Error, failure: Option<Failure>) -> bool {
        let reads = |other: &Member| self.run(*other).is_some_and(|run| *other != member && !run.has_read_all());
        let others_remain = self.expects_more || !self.waiting.is_empty() || self.open.iter().any(reads);
        match (error.class, failure) {
            (Class::Connection, Some(Failure::TooLarge | Failure::Encoding)) => false,
            (Class::Connection, Some(Failure::Connect | Failure::Read | Failure::Timeout)) => {
                others_remain && self.silent.get(&member) == Some(&self.answers)
            }
            (class, _) => matches!(
                class,
                Class::Authentication
                    | Class::Connection
                    | Class::Budget
                    | Class::Interrupted
                    | Class::Internal
                    | Class::Usage
            ),
        }
    }

    /// Sends nothing more. Answers to the requests in flight are still taken in; then all runs have ended with `error`.
    pub fn stop_asking(&mut self, error: &Error) {
        if let Some(run) = self.alone_mut() {
            return run.walk_mut().stop_asking(error.clone());
        }
        self.error.get_or_insert_with(|| error.clone());
        self.dismiss(error);
        for run in self.open.clone() {
            if let Some(run) = self.run_mut(run) {
                run.walk_mut().stop_asking(error.clone());
            }
        }
    }

    /// When the next retry is due, if one waits.
    #[must_use]
    pub fn next_retry(&self) -> Option<Duration> {
        if let Some(run) = self.alone() {
            return run.walk().next_retry();
        }
        self.reading().filter_map(|run| run.walk().next_retry()).min()
    }
}
