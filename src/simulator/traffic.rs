//! The requests so far: how many, to which endpoints, and the latest of them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::identifier::index_of;
use super::request::Endpoint;
use crate::stripe::entities::{Entity, all};

/// Number of requests that the log keeps.
const LOG_LENGTH: usize = 10_000;

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedRequest {
    /// Number of the request, from 1, over all endpoints.
    pub number: u64,
    /// Path and query, as sent.
    pub target: String,
    /// The account that was asked; one that the key may not read is as the request names it.
    pub account: String,
    /// Status of the answer; 0 if none was given.
    pub status: u16,
}

/// The requests so far.
#[derive(Debug)]
pub(super) struct Traffic {
    total: AtomicU64,
    by_entity: Vec<AtomicU64>,
    retrieves: Vec<AtomicU64>,
    log: Mutex<VecDeque<LoggedRequest>>,
}

impl Traffic {
    pub(super) fn new() -> Self {
        let none = || all().map(|_| AtomicU64::new(0)).collect();
        Self { total: AtomicU64::new(0), by_entity: none(), retrieves: none(), log: Mutex::default() }
    }

    /// Counts a request to that endpoint, and returns its number.
    pub(super) fn next(&self, endpoint: Option<Endpoint>) -> u64 {
        let counter = match endpoint {
            Some(Endpoint::List(entity) | Endpoint::ChildList(entity)) => Some(&self.by_entity[index_of(entity)]),
            Some(Endpoint::Retrieve(entity)) => Some(&self.retrieves[index_of(entity)]),
            None => None,
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        self.total.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Requests received for one object of that entity.
    pub(super) fn retrieves(&self, entity: &Entity) -> u64 {
        self.retrieves[index_of(entity)].load(Ordering::Relaxed)
    }

    /// Requests received, for the list of one entity or over all endpoints.
    pub(super) fn count(&self, entity: Option<&Entity>) -> u64 {
        entity.map_or(&self.total, |entity| &self.by_entity[index_of(entity)]).load(Ordering::Relaxed)
    }

    /// The latest requests, oldest first.
    pub(super) fn log(&self) -> Vec<LoggedRequest> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(super) fn record(&self, line: LoggedRequest) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() == LOG_LENGTH {
            log.pop_front();
        }
        log.push_back(line);
    }
}
