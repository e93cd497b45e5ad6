//! Faults: the requests that go wrong, and how.
//!
//! A specification is a list of rules, separated by commas, `kind@when`, e.g.
//! `status=500@p0.01,reset@n7,hang@charges:n12`. The first rule that fits a request counts.
//!
//! | kind | what the client meets |
//! |---|---|
//! | `status=N` | that status with Stripe's error body; `/reason=…`, `/retry-after=…`, `/should-retry=…` set a header, `none` removes it |
//! | `reset_head` | the connection is reset before the first byte |
//! | `reset` | the connection is reset in the middle of the body |
//! | `cut` | the connection ends before the promised length |
//! | `truncate` | a complete answer whose JSON is cut |
//! | `hang` | no answer, ever |
//! | `slow` or `slow=N` | the body drips for N milliseconds (2000) |
//! | `html` | 200 with a page for people |
//! | `error_body` | 200 with Stripe's error body |
//! | `wrong_type=M` | JSON whose member `M` is of another type: `created` (of one object), `has_more` or `data` |
//! | `empty` | no objects, but `has_more` |
//! | `more` | `has_more`, whether there is or not |
//! | `no_more` | not `has_more`, whether there is or not |
//! | `short` | the first half of the objects, and not `has_more` |
//! | `wrong_object` | an object of another list among the others |
//! | `repeat` | the page that led to the cursor, once more |
//! | `stuck` | the first page, for any cursor |
//! | `vanish` | the cursor's object is deleted just before |
//!
//! `when` is `p0.01` (that share of requests), `n7` (the seventh since the faults were set), `n3-5` or `n3+`; with
//! `charges:` before it, only that entity's requests are checked and counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::chance::{join, unit};
use super::identifier::index_of;
use super::refusal::Refusal;
use crate::error::{Error, Result, foreign};
use crate::stripe::entities::{all, by_name};

/// The way in which a request goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    Status(Refusal),
    ResetHead,
    Reset,
    Cut,
    Truncate,
    Hang,
    Slow(Duration),
    Html,
    ErrorBody,
    WrongType(Member),
    Empty,
    More,
    NoMore,
    Short,
    WrongObject,
    Repeat,
    Stuck,
    Vanish,
}

/// A member of a list's answer that can be of a wrong type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Member {
    Created,
    HasMore,
    Data,
}

/// How long a `slow` body drips if the rule gives no time.
const SLOW: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq)]
enum When {
    Share(f64),
    Numbers { first: u64, last: u64 },
}

#[derive(Debug, PartialEq)]
struct Rule {
    fault: Fault,
    /// Index of the only entity that the rule applies to.
    entity: Option<usize>,
    when: When,
}

/// A specification, and the number of requests it has seen.
#[derive(Debug)]
pub(super) struct Faults {
    rules: Vec<Rule>,
    seed: u64,
    requests: AtomicU64,
    entity_requests: Vec<AtomicU64>,
}

impl Faults {
    /// Reads a specification; an empty one means no faults.
    pub(super) fn read(specification: &str, seed: u64) -> Result<Self> {
        let rules = specification.split(',').map(str::trim).filter(|rule| !rule.is_empty());
        let rules = rules
            .map(|rule| read_rule(rule).map_err(|error| Error::usage(format!("fault '{}': {error}", foreign(rule)))))
            .collect::<Result<_>>()?;
        let entity_requests = all().map(|_| AtomicU64::new(0)).collect();
        Ok(Self { rules, seed, requests: AtomicU64::new(0), entity_requests })
    }

    /// Counts a request, and returns its fault, if it has one.
    pub(super) fn next(&self, entity: Option<usize>) -> Option<&Fault> {
        let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed) + 1;
        let number = count(&self.requests);
        let entity_number = entity.and_then(|entity| self.entity_requests.get(entity)).map(count);
        let fits = |(index, rule): &(usize, &Rule)| {
            let number = match rule.entity {
                None => number,
                Some(_) if rule.entity == entity => entity_number.unwrap_or(number),
                Some(_) => return false,
            };
            match rule.when {
                When::Share(share) => unit(join(join(self.seed, *index as u64), number)) < share,
                When::Numbers { first, last } => (first..=last).contains(&number),
            }
        };
        self.rules.iter().enumerate().find(fits).map(|(_, rule)| &rule.fault)
    }
}

fn read_rule(rule: &str) -> Result<Rule> {
    let (fault, when) = rule.rsplit_once('@').ok_or_else(|| Error::usage("say when, as in reset@n7 or reset@p0.01"))?;
    let (entity, when) = match when.split_once(':') {
        None => (None, when),
        Some((name, when)) => {
            let entity = by_name(name).ok_or_else(|| Error::usage(format!("unknown entity '{}'", foreign(name))))?;
            (Some(index_of(entity)), when)
        }
    };
    Ok(Rule { fault: read_fault(fault)?, entity, when: read_when(when)? })
}

fn read_when(when: &str) -> Result<When> {
    let wrong = || Error::usage(format!("'{}' is not of the form p0.01, n7, n3-5 or n3+", foreign(when)));
    if let Some(share) = when.strip_prefix('p') {
        let share: f64 = share.parse().map_err(|_| wrong())?;
        return if (0.0..=1.0).contains(&share) { Ok(When::Share(share)) } else { Err(wrong()) };
    }
    let numbers = when.strip_prefix('n').ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<u64>().ok().filter(|number| *number > 0).ok_or_else(wrong);
    let (first, last) = if let Some(first) = numbers.strip_suffix('+') {
        (number(first)?, u64::MAX)
    } else if let Some((first, last)) = numbers.split_once('-') {
        (number(first)?, number(last)?)
    } else {
        (number(numbers)?, number(numbers)?)
    };
    if first <= last { Ok(When::Numbers { first, last }) } else { Err(wrong()) }
}

fn read_fault(text: &str) -> Result<Fault> {
    let (kind, value) = text.split_once('=').map_or((text, None), |(kind, value)| (kind, Some(value)));
    let fault = match (kind, value) {
        ("status", Some(value)) => Fault::Status(read_status(value)?),
        ("slow", Some(value)) => Fault::Slow(Duration::from_millis(
            value.parse().map_err(|_| Error::usage("slow needs whole milliseconds, as in slow=2000"))?,
        )),
        ("slow", None) => Fault::Slow(SLOW),
        ("wrong_type", Some("created")) => Fault::WrongType(Member::Created),
        ("wrong_type", Some("has_more")) => Fault::WrongType(Member::HasMore),
        ("wrong_type", Some("data")) => Fault::WrongType(Member::Data),
        ("wrong_type", _) => return Err(Error::usage("wrong_type needs one of created, has_more and data")),
        ("reset_head", None) => Fault::ResetHead,
        ("reset", None) => Fault::Reset,
        ("cut", None) => Fault::Cut,
        ("truncate", None) => Fault::Truncate,
        ("hang", None) => Fault::Hang,
        ("html", None) => Fault::Html,
        ("error_body", None) => Fault::ErrorBody,
        ("empty", None) => Fault::Empty,
        ("more", None) => Fault::More,
        ("no_more", None) => Fault::NoMore,
        ("short", None) => Fault::Short,
        ("wrong_object", None) => Fault::WrongObject,
        ("repeat", None) => Fault::Repeat,
        ("stuck", None) => Fault::Stuck,
        ("vanish", None) => Fault::Vanish,
        _ => {
            return Err(Error::usage(
                "the kinds are status=N, reset_head, reset, cut, truncate, hang, slow, html, error_body, wrong_type=M, \
                 empty, more, no_more, short, wrong_object, repeat, stuck and vanish",
            ));
        }
    };
    Ok(fault)
}

fn read_status(value: &str) -> Result<Refusal> {
    let mut parts = value.split('/');
    let status = parts.next().and_then(|status| status.parse().ok()).filter(|status| (300..=599).contains(status));
    let status = status.ok_or_else(|| Error::usage("status needs a number from 300 to 599"))?;
    parts.try_fold(Refusal::of_status(status), |refusal, part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        refusal.modify(name, value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(specification: &str, requests: u64) -> Vec<u64> {
        let faults = Faults::read(specification, 1).unwrap();
        (1..=requests).filter(|_| faults.next(None).is_some()).collect()
    }

    #[test]
    fn a_rule_fits_its_numbers() {
        assert_eq!(hits("reset@n7", 20), [7]);
        assert_eq!(hits("reset@n3-5, hang@n19+", 20), [3, 4, 5, 19, 20]);
        assert!(hits("", 20).is_empty());
    }

    #[test]
    fn a_share_of_requests_is_the_same_with_the_same_seed() {
        let some = hits("status=500@p0.1", 10_000);
        assert!((800..1_200).contains(&some.len()), "{}", some.len());
        assert_eq!(some, hits("status=500@p0.1", 10_000));
        assert_eq!((hits("html@p1", 5).len(), hits("html@p0", 5).len()), (5, 0));
    }

    #[test]
    fn a_rule_for_an_entity_counts_its_requests_only() {
        let faults = Faults::read("cut@charges:n2", 1).unwrap();
        let charges = by_name("charges").map(index_of);
        assert!(faults.next(charges).is_none() && faults.next(Some(0)).is_none() && faults.next(None).is_none());
        assert_eq!(faults.next(charges), Some(&Fault::Cut));
    }

    #[test]
    fn a_status_can_have_headers() {
        let faults = Faults::read("status=503/retry-after=2/should-retry=false@n1", 1).unwrap();
        let Some(Fault::Status(refusal)) = faults.next(None) else { panic!("no status") };
        assert_eq!(refusal.status, 503);
        for header in [("Retry-After", "2"), ("Stripe-Should-Retry", "false")] {
            assert!(refusal.headers.iter().any(|(name, value)| (*name, value.as_str()) == header), "{refusal:?}");
        }
    }

    #[test]
    fn a_misspelt_rule_is_answered_in_one_plain_line() {
        for rule in [
            "reset",
            "boom@n1",
            "reset@",
            "reset@7",
            "reset@n0",
            "reset@n5-3",
            "reset@p2",
            "reset@pNaN",
            "status@n1",
            "status=200@n1",
            "status=x@n1",
            "status=500/a=b@n1",
            "slow=x@n1",
            "reset=1@n1",
            "wrong_type@n1",
            "wrong_type=id@n1",
            "reset@charge:n1",
        ] {
            let message = Faults::read(rule, 1).unwrap_err().to_string();
            assert!(message.starts_with(&format!("fault '{rule}': ")) && !message.contains('\n'), "{message}");
        }
    }
}
