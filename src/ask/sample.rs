//! One request for a page of a list, of before some second: what it shows of how dense the list is there.

use super::estimate::Sample;
use crate::options::Options;
use crate::page::{Decoder, Page};
use crate::stripe::entities::Entity;
use crate::stripe::exchange::{Outcome, Request};
use crate::stripe::window::Range;

/// Objects that are asked for: the most that Stripe gives.
pub const OBJECTS: usize = 100;

/// The request for the newest objects of a range. A list that Stripe does not filter answers with its newest ones.
#[must_use]
pub fn request(entity: &Entity, options: &Options, account: Option<String>, range: Range) -> Request {
    let query = entity.fixed().chain(entity.limit(OBJECTS)).chain(entity.window.query(range)).collect();
    Request::to(entity.path, query, options.stripe_version.clone(), account)
}

/// Reads the outcome of [`request`]; `None` if it is no page of the list.
#[must_use]
pub fn read(entity: &'static Entity, outcome: &Outcome, range: Range) -> Option<Sample> {
    let Outcome::Answered(response) = outcome else { return None };
    if !response.is_success() {
        return None;
    }
    let page = Decoder::default().decode(&response.body, entity, entity.most_objects(OBJECTS)).ok()?;
    Some(seen(&page, range.gte))
}

fn seen(page: &Page, gte: Option<i64>) -> Sample {
    let is_below = |created: &Option<i64>| matches!((created, gte), (Some(created), Some(gte)) if *created < gte);
    let below = page.created.iter().filter(|created| is_below(created)).count();
    let inside = || page.created.iter().filter(|created| !is_below(created)).flatten().copied();
    Sample {
        objects: (page.elements() - below) as u64,
        newest: inside().max(),
        oldest: inside().min(),
        // The list has its newest objects first: those of the window end before an older one.
        ends: !page.has_more || below > 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stripe::entities::by_name;
    use crate::stripe::exchange::Response;

    fn answer(object: &str, times: &[i64], has_more: bool) -> Outcome {
        let objects: Vec<_> = times
            .iter()
            .enumerate()
            .map(|(at, time)| format!(r#"{{"id":"x_{at}","object":"{object}","created":{time}}}"#))
            .collect();
        let body = format!(r#"{{"object":"list","data":[{}],"has_more":{has_more}}}"#, objects.join(","));
        Outcome::Answered(Response { status: 200, body: body.into_bytes(), ..Response::default() })
    }

    #[test]
    fn the_newest_objects_of_a_range_are_asked_for() {
        let range = Range { gte: Some(7), lt: Some(9) };
        let asked = request(by_name("subscriptions").unwrap(), &Options::default(), Some("acct_1".to_owned()), range);
        let query: Vec<_> = asked.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(query.join("&"), "status=all&limit=100&created[gte]=7&created[lt]=9");
        let whole = request(by_name("quotes").unwrap(), &Options::default(), None, range);
        assert_eq!(whole.query, [("limit", "100".to_owned())], "Stripe cannot filter it");
    }

    #[test]
    fn a_page_shows_its_objects_and_whether_the_list_ends() {
        let charges = by_name("charges").unwrap();
        let read = |outcome: &Outcome, gte| read(charges, outcome, Range { gte, lt: None });
        let sample = |objects, newest, oldest, ends| Some(Sample { objects, newest, oldest, ends });
        assert_eq!(read(&answer("charge", &[9, 8, 7], true), None), sample(3, Some(9), Some(7), false));
        assert_eq!(read(&answer("charge", &[9, 8, 7], false), None), sample(3, Some(9), Some(7), true));
        assert_eq!(read(&answer("charge", &[9, 8, 7], true), Some(8)), sample(2, Some(9), Some(8), true));
        assert_eq!(read(&answer("charge", &[], false), Some(8)), sample(0, None, None, true));
    }

    #[test]
    fn an_answer_that_is_no_page_shows_nothing() {
        let range = Range::default();
        let refused = Outcome::Answered(Response { status: 403, ..Response::default() });
        for outcome in [refused, answer("charge", &[1; 101], false)] {
            assert_eq!(read(by_name("charges").unwrap(), &outcome, range), None, "{outcome:?}");
        }
    }
}
