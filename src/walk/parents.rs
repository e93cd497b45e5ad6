//! The lists of single objects: one chain for each parent, and a parent that Stripe refuses does not stop the others.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::answer::Effect;
use super::chain::ActiveChain;
use super::coverage::Chain;
use super::{Fetched, Walk};
use crate::error::Error;
use crate::page::{Fault, Page, Refused};
use crate::stripe::exchange::{Now, Response};
use crate::stripe::facts::PageFacts;
use crate::stripe::retry;

/// So many parents may be refused before the first answer. One more, and the list itself is refused.
const MOST_REFUSED: usize = 100;

/// The parents whose lists a walk reads.
#[derive(Debug, Default)]
pub(super) struct ParentLists {
    /// Those whose lists are not begun, the first ones last.
    pub(super) waiting: Vec<Arc<str>>,
    /// Whether the list of any parent was ever answered before.
    pub(super) was_answered: bool,
    is_answered: bool,
    /// Those that were refused before the first answer.
    doubtful: Vec<Fetched>,
    refused: Vec<Arc<str>>,
}

impl Walk {
    /// Whether the list of another parent may begin: not while a request waits to be sent again, since the same would go
    /// wrong for each.
    pub(super) fn may_open_parent(&self) -> bool {
        !self.parents.waiting.is_empty() && self.chains.iter().all(|active| active.retry.is_none())
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

    /// Ends the list of a parent whose answer is no list: Stripe refuses it, or it is odd. A parent that is gone has no list
    /// any more. Another refusal is about this parent alone if the lists of others are answered, or were in earlier runs and
    /// few are refused; else it is an error of all lists.
    pub(super) fn leave_parent(
        &mut self,
        at: usize,
        response: &Response,
        error: Error,
        now: Now,
    ) -> Result<Effect, Error> {
        let Some(parent) = self.chains[at].chain.parent.clone() else { return Err(error) };
        let is_gone = retry::is_missing(response);
        let was_last = self.chains.len() == 1 && self.parents.waiting.is_empty();
        let is_of_all = self.parents.doubtful.len() >= MOST_REFUSED || (was_last && !self.parents.was_answered);
        if !is_gone && !self.parents.is_answered && is_of_all {
            return Err(error);
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
            http_status: i64::from(response.status),
            request_id: response.request_id.clone(),
            api_version: response.api_version.clone(),
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
            answered: response.date,
            origins: Vec::new(),
            is_refusal: !is_gone,
        };
        if is_gone || was_last {
            self.note_answer();
        }
        if self.parents.is_answered {
            self.hand_over(fetched);
            return Ok(Effect::Page);
        }
        self.parents.doubtful.push(fetched);
        Ok(Effect::Nothing)
    }

    /// The parents whose lists were refused.
    #[must_use]
    pub fn refused_parents(&self) -> &[Arc<str>] {
        &self.parents.refused
    }

    /// A list was answered: then the refusals before it were about single parents.
    pub(super) fn note_answer(&mut self) {
        self.parents.is_answered = true;
        for fetched in std::mem::take(&mut self.parents.doubtful) {
            self.hand_over(fetched);
        }
    }

    fn hand_over(&mut self, fetched: Fetched) {
        self.progress.pages += 1;
        self.progress.refused += fetched.page.refused.len() as u64;
        self.parents.refused.extend(fetched.facts.parent.clone().filter(|_| fetched.is_refusal));
        self.pages.push_back(fetched);
    }
}
