//! The lists of single objects: one chain for each parent, and a parent that Stripe refuses does not stop the others.

use std::collections::HashSet;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::answer::Effect;
use super::chain::ActiveChain;
use super::coverage::Chain;
use super::{Fetched, Walk};
use crate::error::{Class, Error};
use crate::page::{Fault, Page, Refused};
use crate::stripe::exchange::{Now, Response};
use crate::stripe::facts::PageFacts;
use crate::stripe::retry;

/// So many parents may be refused one after the other. If one more is, the list itself is refused, or the server is down.
const MOST_REFUSED: usize = 100;
/// So many requests may wait to be sent again while lists of other parents begin: more of them are no one parent's fault.
const MOST_WAITING: usize = 1;

/// The parents whose lists a walk reads.
#[derive(Debug, Default)]
pub(super) struct ParentLists {
    /// Those whose lists are not begun, the first ones last.
    pub(super) waiting: Vec<Arc<str>>,
    /// Those that were refused in the run before: that they are refused again is no news.
    pub(super) known: HashSet<Arc<str>>,
    /// Number of answers with a page of a list.
    answers: u64,
    /// Number of refusals since the last answer.
    refused_in_a_row: usize,
    refused: Vec<Arc<str>>,
}

impl Walk {
    /// Whether the list of another parent may begin: not while several requests wait to be sent again, since the same would
    /// go wrong for each.
    pub(super) fn may_open_parent(&self) -> bool {
        let retries = self.chains.iter().filter(|active| active.retry.is_some()).count();
        !self.parents.waiting.is_empty() && retries <= MOST_WAITING
    }

    /// Begins the list of the next parent. Returns its chain.
    pub(super) fn open_parent(&mut self) -> Option<usize> {
        let parent = if self.may_open_parent() { self.parents.waiting.pop() } else { None }?;
        let chain = Chain { parent: Some(parent), ..Chain::default() };
        let mut active = ActiveChain::new(chain);
        active.ticket = self.next_ticket();
        self.chains.push(active);
        Some(self.chains.len() - 1)
    }

    /// Ends the list of a parent that is not answered with a list: Stripe refuses it, or the answer is odd, or none comes.
    /// A parent that is gone has no list any more. Any other is asked again by the next run. Many of them, one after the
    /// other, are an error of all lists.
    pub(super) fn leave_parent(
        &mut self,
        at: usize,
        response: Option<&Response>,
        error: Error,
        now: Now,
    ) -> Result<Effect, Error> {
        let Some(parent) = self.chains[at].chain.parent.clone() else { return Err(error) };
        let is_gone = response.is_some_and(retry::is_missing);
        if is_gone {
            self.parents.refused_in_a_row = 0;
        } else if !self.parents.known.contains(&parent) {
            self.parents.refused_in_a_row += 1;
            if self.parents.refused_in_a_row > MOST_REFUSED {
                return Err(error);
            }
        }
        let mut page = Page::default();
        if !is_gone {
            let sha256 = Sha256::digest(parent.as_bytes()).into();
            let fault = Fault::ListRefused(error.message);
            page.refused.push(Refused { position: 0, id: Some(parent.to_string()), fault, sha256 });
        }
        let request_cursor = self.chains[at].chain.cursor.clone();
        drop(self.chains.swap_remove(at));
        let facts = PageFacts {
            parent: Some(parent),
            starting_after: request_cursor,
            http_status: response.map_or(0, |response| i64::from(response.status)),
            request_id: response.and_then(|response| response.request_id.clone()),
            api_version: response.and_then(|response| response.api_version.clone()),
            ..PageFacts::default()
        };
        let fetched = Fetched {
            page,
            facts,
            received_at_micros: now.wall_micros,
            unchanged: 0,
            min_created: None,
            max_created: None,
            seen: None,
            answered: response.and_then(|response| response.date),
            origins: Vec::new(),
            is_refusal: !is_gone,
        };
        self.progress.pages += u64::from(is_gone);
        self.progress.refused += fetched.page.refused.len() as u64;
        self.parents.refused.extend(fetched.facts.parent.clone().filter(|_| fetched.is_refusal));
        self.pages.push_back(fetched);
        Ok(Effect::Page)
    }

    /// Whether a failure that lasts is about this parent alone: others were answered meanwhile, or it is the last one.
    pub(super) fn fails_alone(&self, at: usize, error: &Error) -> bool {
        let is_passing = matches!(error.class, Class::Server | Class::Connection | Class::Answer);
        let was_last = self.chains.len() == 1 && self.parents.waiting.is_empty();
        let active = &self.chains[at];
        active.chain.parent.is_some() && is_passing && (was_last || self.parents.answers > active.answers_before)
    }

    /// Number of answers so far with a page of a list.
    pub(super) const fn answers(&self) -> u64 {
        self.parents.answers
    }

    /// The parents whose lists were refused.
    #[must_use]
    pub fn refused_parents(&self) -> &[Arc<str>] {
        &self.parents.refused
    }

    /// A list was answered.
    pub(super) const fn note_answer(&mut self) {
        self.parents.answers += 1;
        self.parents.refused_in_a_row = 0;
    }
}
