//! Finds out whether a key reads the account that a lake's rows are from, if no answer gives the account's id.
//!
//! A list that never loses objects still has the objects of the newest second that was landed. If none of them is in it
//! any more, it is another account's list, or test data was deleted.

use std::collections::BTreeSet;

use crate::error::{Error, Result, foreign};
use crate::options::Options;
use crate::page::Decoder;
use crate::stripe::entities::Entity;
use crate::stripe::exchange::{Outcome, Request};
use crate::stripe::window::Range;

/// Objects of one second that are asked for.
const OBJECTS: usize = 100;

/// Whether the objects of a list can show whose list it is.
#[must_use]
pub const fn is_witness(entity: &Entity) -> bool {
    entity.window.is_filtered() && !entity.can_vanish
}

/// The request for the objects of one second.
#[must_use]
pub fn request(entity: &Entity, options: &Options, account: Option<String>, second: i64) -> Request {
    let range = Range { gte: Some(second), lt: Some(second.saturating_add(1)) };
    let query = entity.fixed().chain(entity.limit(OBJECTS)).chain(entity.window.query(range)).collect();
    Request::to(entity.path, query, options.stripe_version.clone(), account)
}

/// Reads the outcome of [`request`]: whether any of the landed objects is still there. False if the answer does not
/// show it, because it is a refusal or does not have the whole second.
///
/// # Errors
/// `Class::Usage` if none of them is there.
pub fn read(entity: &'static Entity, outcome: &Outcome, landed: &BTreeSet<String>) -> Result<bool> {
    let Outcome::Answered(response) = outcome else { return Ok(false) };
    if !response.is_success() {
        return Ok(false);
    }
    let Ok(page) = Decoder::default().decode(&response.body, entity, OBJECTS) else { return Ok(false) };
    if page.ids.iter().flatten().any(|id| landed.contains(id)) {
        return Ok(true);
    }
    let Some(one) = landed.first().filter(|_| !page.has_more) else { return Ok(false) };
    Err(Error::usage(format!(
        "{}: object {}, which this lake has, is not in the list that the key reads: it is another account's key, or test \
         data was deleted; use the key of the lake's account, or choose another lake",
        entity.name,
        foreign(one)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;
    use crate::stripe::entities::by_name;
    use crate::stripe::exchange::{Failure, Response};

    fn answer(status: u16, ids: &[&str], has_more: bool) -> Outcome {
        let objects: Vec<_> =
            ids.iter().map(|id| format!(r#"{{"id":"{id}","object":"charge","created":7}}"#)).collect();
        let body = format!(r#"{{"object":"list","data":[{}],"has_more":{has_more}}}"#, objects.join(","));
        Outcome::Answered(Response { status, body: body.into_bytes(), ..Response::default() })
    }

    fn read_charges(outcome: &Outcome, landed: &[&str]) -> Result<bool> {
        let landed = landed.iter().map(|id| (*id).to_owned()).collect();
        read(by_name("charges").unwrap(), outcome, &landed)
    }

    #[test]
    fn all_objects_of_one_second_are_asked_for() {
        let asked = request(by_name("subscriptions").unwrap(), &Options::default(), Some("acct_1".to_owned()), 7);
        let query: Vec<_> = asked.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(query.join("&"), "status=all&limit=100&created[gte]=7&created[lt]=8");
        assert_eq!((asked.path.as_str(), asked.account.as_deref()), ("/v1/subscriptions", Some("acct_1")));
    }

    #[test]
    fn one_object_that_is_there_still_is_enough() {
        assert_eq!(read_charges(&answer(200, &["ch_new", "ch_2"], false), &["ch_1", "ch_2"]), Ok(true));
    }

    #[test]
    fn if_none_is_there_it_is_another_account() {
        for others in [&[][..], &["ch_other"]] {
            let error = read_charges(&answer(200, others, false), &["ch_2", "ch_1"]).unwrap_err();
            assert_eq!(error.class, Class::Usage);
            assert!(error.message.starts_with("charges: object ch_1, which this lake has, is not in"), "{error}");
        }
    }

    #[test]
    fn an_answer_that_shows_nothing_is_not_an_error() {
        let silence = Outcome::Failed(Failure::Timeout, "late".to_owned());
        for outcome in [answer(403, &[], false), answer(206, &[], false), answer(200, &["ch_other"], true), silence] {
            assert_eq!(read_charges(&outcome, &["ch_1"]), Ok(false), "{outcome:?}");
        }
        assert_eq!(read_charges(&answer(200, &[], false), &[]), Ok(false), "nothing was landed");
    }

    #[test]
    fn only_lists_that_never_lose_objects_are_witnesses() {
        for (name, expected) in [
            ("charges", true),
            ("payment_records", true),
            ("customers", false),
            ("accounts", false),
            ("events", false),
            ("quotes", false),
        ] {
            assert_eq!(is_witness(by_name(name).unwrap()), expected, "{name}");
        }
    }
}
