//! One request for one object. Its answer shows whether the key may read a list, and what to do if not.

use crate::error::{Class, Error};
use crate::options::Options;
use crate::page::Decoder;
use crate::stripe::entities::Entity;
use crate::stripe::exchange::{Now, Outcome, Request, Response};
use crate::stripe::retry;

/// Whether a list can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeState {
    /// It can.
    Readable,
    /// The key may not.
    PermissionMissing,
    /// The account has no such list: Stripe refuses even the plainest request for it.
    NotAvailable,
    /// Something else went wrong, with all lists perhaps.
    Failed,
}

impl ProbeState {
    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Readable => "readable",
            Self::PermissionMissing => "permission missing",
            Self::NotAvailable => "not available",
            Self::Failed => "failed",
        }
    }
}

/// The findings of an answer about a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The list.
    pub entity: &'static Entity,
    /// Whether it can be read.
    pub state: ProbeState,
    /// Permission to read it: as Stripe names it if it is missing, else as the registry does; empty if neither names
    /// it.
    pub permission: String,
    /// `Stripe-Version`, as answered.
    pub api_version: Option<String>,
    /// How far this machine's clock is ahead of Stripe's, in seconds, roughly; `None` if the answer has no date.
    pub clock_offset_seconds: Option<i64>,
    /// The reason why it cannot be read.
    pub error: Option<Error>,
}

/// Objects that are asked for.
pub const OBJECTS: usize = 1;

/// The plainest request for a list: one object, no window.
#[must_use]
pub fn request(entity: &Entity, options: &Options, account: Option<String>) -> Request {
    let query = entity.fixed().chain(entity.limit(OBJECTS)).collect();
    Request::to(entity.path, query, options.stripe_version.clone(), account)
}

/// Reads the outcome of [`request`], or of another request for so many objects of the list.
#[must_use]
pub fn read(entity: &'static Entity, outcome: &Outcome, objects: usize, now: Now) -> Probe {
    let (answer, error) = match outcome {
        Outcome::Failed(failure, cause) => (None, Some(retry::silence(entity.name, *failure, cause, 0))),
        Outcome::Answered(response) if response.is_success() => {
            (Some(response), undecodable(entity, response, objects))
        }
        Outcome::Answered(response) => {
            let refusal = || retry::refusal(entity.name, response, 0);
            (Some(response), Some(retry::product_off(entity, response).unwrap_or_else(refusal)))
        }
    };
    let state = match error.as_ref().map(|error| error.class) {
        None => ProbeState::Readable,
        Some(Class::Permission) => ProbeState::PermissionMissing,
        Some(Class::Product | Class::Request) => ProbeState::NotAvailable,
        Some(_) => ProbeState::Failed,
    };
    let named =
        error.as_ref().filter(|_| state == ProbeState::PermissionMissing).and_then(|error| named(&error.message));
    Probe {
        entity,
        state,
        permission: named.unwrap_or(entity.permission).to_owned(),
        api_version: answer.and_then(|response| response.api_version.clone()),
        clock_offset_seconds: answer
            .and_then(|response| response.date)
            .map(|date| now.wall_micros.div_euclid(1_000_000).saturating_sub(date)),
        error,
    }
}

/// Why nothing of an answer can be a row; `None` if anything can, or if it is empty.
fn undecodable(entity: &'static Entity, response: &Response, objects: usize) -> Option<Error> {
    let wrong = match Decoder::default().decode(&response.body, entity, entity.most_objects(objects)) {
        Ok(page) if page.is_empty() => page.refused.first()?.fault.to_string(),
        Ok(_) => return None,
        Err(error) => error.to_string(),
    };
    Some(Error::answer(entity.name, wrong, response.request_id.as_deref()))
}

/// The permission in Stripe's "Having the 'rak_charge_read' permission would allow this request to continue".
fn named(message: &str) -> Option<&str> {
    let begins = message.find("'rak_")? + 1;
    let length = message[begins..].bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    Some(&message[begins..begins + length])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::stripe::entities::by_name;
    use crate::stripe::exchange::Failure;

    fn probe(name: &str, outcome: &Outcome) -> Probe {
        let now = Now { monotonic: Duration::ZERO, wall_micros: 1_000_000_000 };
        read(by_name(name).unwrap(), outcome, OBJECTS, now)
    }

    fn answer(status: u16, body: &str) -> Outcome {
        Outcome::Answered(Response {
            status,
            request_id: Some("req_1".to_owned()),
            api_version: Some("2026-01-01".to_owned()),
            date: Some(990),
            body: body.as_bytes().to_vec(),
            ..Response::default()
        })
    }

    #[test]
    fn each_state_has_its_words() {
        let states =
            [ProbeState::Readable, ProbeState::PermissionMissing, ProbeState::NotAvailable, ProbeState::Failed];
        assert_eq!(states.map(ProbeState::name), ["readable", "permission missing", "not available", "failed"]);
    }

    #[test]
    fn a_list_is_asked_for_one_object_and_nothing_left_out() {
        let options = Options::default();
        let asked = request(by_name("subscriptions").unwrap(), &options, Some("acct_1".to_owned()));
        assert_eq!(asked.query, [("status", "all".to_owned()), ("limit", "1".to_owned())]);
        assert_eq!((asked.path.as_str(), asked.account.as_deref()), ("/v1/subscriptions", Some("acct_1")));
    }

    #[test]
    fn a_page_shows_that_the_list_can_be_read_and_the_time() {
        let found = probe("charges", &answer(200, r#"{"object":"list","data":[],"has_more":false}"#));
        assert_eq!((found.state, found.error), (ProbeState::Readable, None));
        assert_eq!((found.clock_offset_seconds, found.permission.as_str()), (Some(10), "rak_charge_read"));
    }

    #[test]
    fn a_missing_permission_is_named_as_stripe_names_it() {
        let body = r#"{"error":{"type":"invalid_request_error","message":"The provided key 'rk_test_***' does not have the required permissions. Having the 'rak_new_read' permission would allow this."}}"#;
        let found = probe("charges", &answer(403, body));
        assert_eq!((found.state, found.permission.as_str()), (ProbeState::PermissionMissing, "rak_new_read"));
        let unnamed = r#"{"error":{"type":"invalid_request_error","message":"It lacks a permission"}}"#;
        assert_eq!(probe("charges", &answer(403, unnamed)).permission, "rak_charge_read");
        assert_eq!(probe("topups", &answer(403, unnamed)).permission, "");
    }

    #[test]
    fn other_faults_are_distinguished() {
        let refusal = r#"{"error":{"type":"invalid_request_error","message":"No."}}"#;
        let page = r#"{"object":"list","data":[],"has_more":false}"#;
        for (outcome, state) in [
            (answer(400, refusal), ProbeState::NotAvailable),
            (answer(404, refusal), ProbeState::NotAvailable),
            (answer(401, refusal), ProbeState::Failed),
            (answer(503, refusal), ProbeState::Failed),
            // Neither of these is Stripe's.
            (answer(400, "{}"), ProbeState::Failed),
            (answer(403, "<html>"), ProbeState::Failed),
            (answer(404, ""), ProbeState::Failed),
            (answer(200, "<html>"), ProbeState::Failed),
            (answer(203, page), ProbeState::Failed),
            (answer(206, page), ProbeState::Failed),
            (Outcome::Failed(Failure::Connect, "refused".to_owned()), ProbeState::Failed),
        ] {
            let found = probe("charges", &outcome);
            assert_eq!(found.state, state, "{outcome:?}");
            assert!(found.error.is_some_and(|error| error.message.starts_with("charges: ")));
        }
    }
}
