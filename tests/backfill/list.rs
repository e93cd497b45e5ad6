//! Lists of any shape, and Stripe's answers about them.

#![expect(clippy::cast_precision_loss, reason = "small numbers")]

use std::cmp::Reverse;
use std::collections::HashMap;

use stripe_raw_rs::stripe::entities::{Entity, by_name};
use stripe_raw_rs::stripe::exchange::{Request, Response};

pub(crate) const PAGE: usize = 100;
const BORN: i64 = 1_577_836_800;
pub(crate) const TODAY: i64 = 1_735_689_600;
const DAY: i64 = 86_400;

/// Chance that a seed repeats: xorshift64*.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        f64::from(u32::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap()) / f64::from(1u32 << 31)
    }

    #[expect(clippy::cast_possible_truncation, reason = "seconds")]
    fn between(&mut self, from: i64, to: i64) -> i64 {
        from + ((to - from) as f64 * self.unit()) as i64
    }
}

/// How an account's objects are spread over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Evenly over five years.
    Uniform,
    /// More each year.
    Growth,
    /// A third of them in twenty sales of an hour.
    Bursts,
    /// Nothing until three months ago.
    DeadYears,
    /// Sixty per cent within two hours on the first of each month.
    Monthly,
    /// A fifth of them in one second.
    HotSecond,
    /// Some were imported, with dates from before Stripe began.
    Imported,
}

pub(crate) const SHAPES: [Shape; 7] =
    [Shape::Uniform, Shape::Growth, Shape::Bursts, Shape::DeadYears, Shape::Monthly, Shape::HotSecond, Shape::Imported];

impl Shape {
    fn created(self, number: usize, chance: &mut Chance) -> i64 {
        match self {
            Self::Growth => TODAY - growth(chance.unit()),
            Self::Bursts if number.is_multiple_of(3) => sale(chance) + chance.between(0, 3_600),
            Self::DeadYears => chance.between(TODAY - 90 * DAY, TODAY),
            Self::Monthly if number % 5 < 3 => BORN + chance.between(0, 60) * 30 * DAY + chance.between(0, 7_200),
            Self::HotSecond if number.is_multiple_of(5) => TODAY - 400 * DAY,
            Self::Imported if number.is_multiple_of(20) => chance.between(500_000_000, 900_000_000),
            Self::Uniform | Self::Bursts | Self::Monthly | Self::HotSecond | Self::Imported => {
                chance.between(BORN, TODAY)
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "seconds")]
fn growth(unit: f64) -> i64 {
    ((TODAY - BORN) as f64 * unit.powi(3)) as i64
}

fn sale(chance: &mut Chance) -> i64 {
    BORN + chance.between(0, 20) * 91 * DAY
}

/// One list, newest first.
pub(crate) struct List {
    pub(crate) entity: &'static Entity,
    pub(crate) created: Vec<i64>,
    pub(crate) requests: usize,
    /// One object in so many is odd; 0 for none.
    pub(crate) odd: u64,
}

/// The way in which an object is odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Odd {
    WithoutTime,
    TextTime,
    LongPast,
    FarAhead,
    OtherObject,
    WithoutId,
}

const ODD: [Odd; 6] = [Odd::WithoutTime, Odd::TextTime, Odd::LongPast, Odd::FarAhead, Odd::OtherObject, Odd::WithoutId];

impl List {
    pub(crate) fn new(entity: &str, shape: Shape, objects: usize, chance: &mut Chance) -> Self {
        let mut created: Vec<i64> = (0..objects).map(|number| shape.created(number, chance)).collect();
        created.sort_unstable_by_key(|time| Reverse(*time));
        Self { entity: by_name(entity).unwrap(), created, requests: 0, odd: 0 }
    }

    fn oddness(&self, id: usize) -> Option<Odd> {
        let hash = (id as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
        let is_odd = self.odd > 0 && hash.is_multiple_of(self.odd);
        is_odd.then(|| ODD[usize::try_from(hash / self.odd).unwrap() % ODD.len()])
    }

    /// Objects that can be rows.
    pub(crate) fn rows(&self) -> usize {
        let is_refused = |id: &usize| matches!(self.oddness(*id), Some(Odd::OtherObject | Odd::WithoutId));
        (0..self.created.len()).filter(|id| !is_refused(id)).count()
    }

    fn text(&self, id: usize, created: i64) -> String {
        let object = self.entity.object;
        match self.oddness(id) {
            None => format!(r#"{{"id":"ch_{id}","object":"{object}","created":{created}}}"#),
            Some(Odd::WithoutTime) => format!(r#"{{"id":"ch_{id}","object":"{object}"}}"#),
            Some(Odd::TextTime) => format!(r#"{{"id":"ch_{id}","object":"{object}","created":"{created}"}}"#),
            Some(Odd::LongPast) => format!(r#"{{"id":"ch_{id}","object":"{object}","created":5}}"#),
            Some(Odd::FarAhead) => format!(r#"{{"id":"ch_{id}","object":"{object}","created":99999999999}}"#),
            Some(Odd::OtherObject) => format!(r#"{{"id":"ch_{id}","object":"other","created":{created}}}"#),
            Some(Odd::WithoutId) => format!(r#"{{"object":"{object}","created":{created},"n":{id}}}"#),
        }
    }

    /// Ids count from the oldest object, so that they stay the same when newer objects arrive.
    pub(crate) fn serve(&mut self, request: &Request) -> Response {
        self.requests += 1;
        let query: HashMap<&str, &str> = request.query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let count = self.created.len();
        let below = query.get("created[lt]").map(|text| text.parse::<i64>().unwrap());
        let floor = query.get("created[gte]").map(|text| text.parse::<i64>().unwrap());
        let first = below.map_or(0, |below| self.created.partition_point(|created| *created >= below));
        let last = floor.map_or(count, |floor| self.created.partition_point(|created| *created >= floor));
        let after = query.get("starting_after").map_or(0, |id| count - id[3..].parse::<usize>().unwrap());
        let from = first.max(after).min(last);
        let to = last.min(from + PAGE);
        let data: Vec<String> = (from..to)
            .map(|at| {
                let (id, created) = (count - 1 - at, self.created[at]);
                self.text(id, created)
            })
            .collect();
        let body = format!(r#"{{"object":"list","has_more":{},"data":[{}]}}"#, to < last, data.join(","));
        Response {
            status: 200,
            request_id: None,
            api_version: Some("2026-11-18.endive".to_owned()),
            date: Some(TODAY),
            body: body.into_bytes(),
            ..Response::default()
        }
    }
}
