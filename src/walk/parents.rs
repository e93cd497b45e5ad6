//! The lists of single objects: one chain for each parent, and a parent that Stripe refuses does not stop the others.

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

/// So many parents may be refused before the first answer. One more, and the list itself is refused.
const MOST_REFUSED: usize = 100;

impl Walk {
    /// Whether the list of another parent may begin: not while a request waits to be sent again, since the same would go
    /// wrong for each.
    pub(super) fn may_open_parent(&self) -> bool {
        !self.parents.is_empty() && self.chains.iter().all(|active| active.retry.is_none())
    }

    /// Begins the list of the next parent. Returns its chain.
    pub(super) fn open_parent(&mut self) -> Option<usize> {
        let parent = if self.may_open_parent() { self.parents.pop() } else { None }?;
        let chain = Chain { parent: Some(parent), ..Chain::default() };
        let mut active = ActiveChain::new(chain);
        active.ticket = self.next_ticket();
        self.chains.push(active);
        Some(self.chains.len() - 1)
    }

    /// Ends the list of a parent that Stripe refuses. One that is gone has no list any more. Another refusal is an object
    /// that did not land, if the lists of other parents are answered; else it is an error of the list.
    pub(super) fn leave_parent(
        &mut self,
        at: usize,
        parent: Arc<str>,
        response: &Response,
        error: Error,
        now: Now,
    ) -> Result<Effect, Error> {
        let is_gone = retry::is_missing(response);
        if !is_gone && !self.is_answered {
            let is_of_the_key = matches!(error.class, Class::Authentication | Class::Permission);
            let was_last = self.chains.len() == 1 && self.parents.is_empty();
            if is_of_the_key || was_last || self.doubtful.len() >= MOST_REFUSED {
                return Err(error);
            }
        }
        let mut page = Page::default();
        if !is_gone {
            let sha256 = Sha256::digest(parent.as_bytes()).into();
            let fault = Fault::ListRefused(error.message.clone());
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
        };
        if is_gone {
            self.note_answer();
        }
        if self.is_answered {
            self.hand_over(fetched);
            return Ok(Effect::Page);
        }
        self.doubtful.push(fetched);
        Ok(Effect::Nothing)
    }

    /// A list was answered: then the refusals before it were about single parents.
    pub(super) fn note_answer(&mut self) {
        self.is_answered = true;
        for fetched in std::mem::take(&mut self.doubtful) {
            self.hand_over(fetched);
        }
    }

    fn hand_over(&mut self, fetched: Fetched) {
        self.progress.pages += 1;
        self.progress.refused += fetched.page.refused.len() as u64;
        self.pages.push_back(fetched);
    }
}
