//! Reading an answer's body: it takes most of the time that an answer takes, and needs nothing of the walk.

use crate::page::{Decoder, Page, PageError};
use crate::stripe::entities::Entity;
use crate::stripe::exchange::{Failure, Outcome, Response};
use crate::stripe::retry;

/// Reads the answers to the requests of one walk. Every worker has its own copy.
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    pub(super) entity: &'static Entity,
    /// The most objects that a request asks for.
    pub(super) most_objects: usize,
}

/// The outcome of a request, with its body read.
#[derive(Debug)]
pub enum Received {
    /// A success (its body is no longer there) of that many bytes, and the page that it holds.
    Page(Response, usize, Box<Result<Page, Unreadable>>),
    /// Any other answer.
    Refused(Response),
    /// No complete answer, and a line on why.
    Failed(Failure, String),
}

impl Received {
    /// Why there is no complete answer; `None` if there is one.
    #[must_use]
    pub const fn failure(&self) -> Option<Failure> {
        match self {
            Self::Failed(failure, _) => Some(*failure),
            _ => None,
        }
    }
}

/// A body that is not a page.
#[derive(Debug)]
pub struct Unreadable {
    pub(super) error: PageError,
    /// The message of an error body, if it is one.
    pub(super) complaint: Option<String>,
}

impl Reader {
    /// Reads an answer. Answers the memory of a page's body, too, to be used for another one.
    #[must_use]
    pub fn read(self, outcome: Outcome, decoder: &mut Decoder) -> (Received, Option<Vec<u8>>) {
        match outcome {
            Outcome::Answered(mut response) if response.is_success() => {
                let page = decoder.decode(&response.body, self.entity, self.most_objects).map_err(|error| {
                    let complaint = if error.is_no_list() { retry::complaint(&response) } else { None };
                    Unreadable { error, complaint }
                });
                let body = std::mem::take(&mut response.body);
                (Received::Page(response, body.len(), Box::new(page)), Some(body))
            }
            Outcome::Answered(response) => (Received::Refused(response), None),
            Outcome::Failed(failure, cause) => (Received::Failed(failure, cause), None),
        }
    }
}
