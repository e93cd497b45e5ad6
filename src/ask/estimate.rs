//! About how many objects a window of a list has, from a few of its pages: Stripe gives no counts.
//!
//! A page shows how dense the list is at its time. Between two pages the density is taken to grow by the same factor in
//! equal times, as that of a growing account does: then the objects between them are the length times the logarithmic
//! mean of both densities. The next page is asked for where the most is uncertain. Below the deepest page that is the
//! whole time since Stripe began, until an answer is empty: so ages are halved as ratios, and few pages find the
//! beginning of an account of any age.

#![expect(clippy::cast_precision_loss, reason = "an estimate needs no more than 52 bits")]

#[cfg(test)]
mod tests;

use crate::stripe::entities::Entity;
use crate::stripe::window::{Range, STRIPE_BEGAN, Window};

/// Requests for one list at most.
pub const MOST_REQUESTS: usize = 8;
/// Once so small a share of the number is uncertain, or less than a page of objects, no more is asked.
const CERTAIN_ENOUGH: f64 = 0.1;
const A_PAGE: f64 = 100.0;

/// What a page shows of a range of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Objects of the range on the page.
    pub objects: u64,
    /// The time of the newest of them, in seconds since 1970; `None` if none has one.
    pub newest: Option<i64>,
    /// The time of the oldest.
    pub oldest: Option<i64>,
    /// Whether the range has no more.
    pub ends: bool,
}

/// How a number is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accuracy {
    /// All objects were seen.
    Exact,
    /// It is estimated.
    About,
    /// There are more, and nobody knows how many.
    AtLeast,
}

impl Accuracy {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::About => "about",
            Self::AtLeast => "at least",
        }
    }
}

/// A number of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// The number, rounded to two digits if it is estimated.
    pub objects: u64,
    /// How it is to be read.
    pub accuracy: Accuracy,
}

impl Estimate {
    /// The number without those that are there already.
    #[must_use]
    pub fn without(self, landed: u64) -> Self {
        let objects = self.objects.saturating_sub(landed);
        let is_rounded = self.accuracy == Accuracy::About && landed > 0;
        Self { objects: if is_rounded { two_digits(objects as f64) } else { objects }, ..self }
    }

    /// Requests that read so many objects, if each asks for that many.
    #[must_use]
    pub fn requests(self, entity: &Entity, page_size: u32) -> u64 {
        if entity.has_pages { self.objects.div_ceil(u64::from(page_size.max(1))).max(1) } else { 1 }
    }
}

/// The seconds `[bottom, top)` that no page has shown.
#[derive(Debug, Clone, Copy)]
struct Gap {
    top: i64,
    bottom: i64,
    /// Lower end of a request inside; `None` if nothing needs to be left out.
    gte: Option<i64>,
    /// Objects a second at the top; `None` if it is unknown.
    above: Option<f64>,
    below: Below,
}

/// What follows below a gap.
#[derive(Debug, Clone, Copy)]
enum Below {
    /// The list goes on, with so many objects a second if that is known.
    More(Option<f64>),
    /// Nothing: the list ends somewhere inside the gap.
    Nothing,
}

impl Gap {
    fn seconds(&self) -> f64 {
        self.top.saturating_sub(self.bottom).max(0) as f64
    }

    /// Its objects.
    fn expected(&self) -> f64 {
        let density = match (self.above, self.below) {
            (Some(above), Below::More(Some(below))) => logarithmic_mean(above, below),
            (Some(one), Below::More(None)) | (None, Below::More(Some(one))) => one,
            // The end is as likely in the upper half as in the lower one.
            (Some(above), Below::Nothing) => above / 2.0,
            (None, _) => 0.0,
        };
        density * self.seconds()
    }

    /// The objects that it may have more or less than expected, as far as a request can tell.
    fn uncertain(&self) -> f64 {
        if !self.can_be_split() {
            return 0.0;
        }
        let density = match (self.above, self.below) {
            (Some(above), Below::More(Some(below))) => (above - below).abs() / 2.0,
            (Some(one), Below::More(None) | Below::Nothing) | (None, Below::More(Some(one))) => one / 2.0,
            (None, _) => f64::INFINITY,
        };
        density * self.seconds()
    }

    /// The second in the middle of its ages, as ratios to that of the top: an age counts from that second on.
    fn middle(&self, newest: i64) -> Option<i64> {
        if !self.can_be_split() {
            return None;
        }
        let age = |second: i64| newest.saturating_sub(second).max(0) as f64 + 1.0;
        #[expect(clippy::cast_possible_truncation, reason = "it is between two whole numbers")]
        let middle = newest + 1 - (age(self.top) * age(self.bottom)).sqrt().round() as i64;
        Some(middle.clamp(self.bottom + 1, self.top - 1))
    }

    const fn can_be_split(&self) -> bool {
        self.top.saturating_sub(self.bottom) > 1
    }
}

/// The mean that an exponential curve from one to the other has.
fn logarithmic_mean(one: f64, other: f64) -> f64 {
    let (low, high) = (one.min(other), one.max(other));
    if low <= 0.0 {
        return 0.0;
    }
    // Of nearly equal numbers the quotient below has no digits.
    if high / low < 1.001 { f64::midpoint(low, high) } else { (high - low) / (high / low).ln() }
}

/// The pages of one list so far, and the next one to ask for.
#[derive(Debug)]
pub struct Survey {
    window: Window,
    gte: Option<i64>,
    gaps: Vec<Gap>,
    newest: i64,
    counted: u64,
    requests: usize,
    accuracy: Accuracy,
    is_over: bool,
}

impl Survey {
    /// The survey of a list from that second on; `None` is the whole list.
    #[must_use]
    pub const fn new(window: Window, gte: Option<i64>) -> Self {
        Self {
            window,
            gte,
            gaps: Vec::new(),
            newest: 0,
            counted: 0,
            requests: 0,
            accuracy: Accuracy::Exact,
            is_over: false,
        }
    }

    /// The range to ask for next; `None` if no more is worth it.
    #[must_use]
    pub fn next(&self) -> Option<Range> {
        if self.is_over {
            return None;
        }
        if self.requests == 0 {
            return Some(Range { gte: self.gte, lt: None });
        }
        let (gap, middle) = self.most_uncertain()?;
        (self.requests < MOST_REQUESTS).then_some(Range { gte: gap.gte, lt: Some(middle) })
    }

    /// Requests that were answered.
    #[must_use]
    pub const fn requests(&self) -> usize {
        self.requests
    }

    fn most_uncertain(&self) -> Option<(&Gap, i64)> {
        let uncertain: f64 = self.gaps.iter().map(Gap::uncertain).sum();
        if uncertain < A_PAGE.max(self.expected() * CERTAIN_ENOUGH) {
            return None;
        }
        let splittable = self.gaps.iter().filter_map(|gap| Some((gap, gap.middle(self.newest)?)));
        splittable.max_by(|one, other| one.0.uncertain().total_cmp(&other.0.uncertain()))
    }

    fn expected(&self) -> f64 {
        self.counted as f64 + self.gaps.iter().map(Gap::expected).sum::<f64>()
    }

    /// Takes in the page of the range that [`Self::next`] gave.
    pub fn answered(&mut self, range: Range, page: Sample) {
        self.requests += 1;
        self.counted = self.counted.saturating_add(page.objects);
        let Some(top) = range.lt else { return self.begin(page) };
        let Some(at) = self.gaps.iter().position(|gap| gap.bottom < top && top < gap.top) else { return };
        let gap = self.gaps.swap_remove(at);
        let rest = page.oldest.map_or(gap.bottom, |oldest| oldest.clamp(gap.bottom, top));
        let density = if self.shows_one_second(page) {
            None
        } else {
            // From a time that no object chose to the last object of the page.
            Some(page.objects as f64 / top.saturating_sub(rest).max(1) as f64)
        };
        let is_empty = page.ends && page.objects == 0;
        let below = if is_empty { Below::Nothing } else { Below::More(density) };
        self.gaps.push(Gap { bottom: top, gte: Some(top), below, ..gap });
        if !page.ends {
            self.gaps.push(Gap { top: rest, above: density, ..gap });
        }
    }

    /// Takes in the newest page.
    fn begin(&mut self, page: Sample) {
        if page.ends {
            return;
        }
        let (Some(newest), Some(oldest)) = (page.newest.filter(|_| self.window.is_filtered()), page.oldest) else {
            self.accuracy = Accuracy::AtLeast;
            return;
        };
        self.newest = newest;
        let between = page.objects.saturating_sub(1) as f64;
        let above = if self.shows_one_second(page) { None } else { Some(between / (newest - oldest).max(1) as f64) };
        let (bottom, below) = match self.gte {
            Some(gte) => (gte, Below::More(None)),
            None => (if oldest > STRIPE_BEGAN { STRIPE_BEGAN } else { 0 }, Below::Nothing),
        };
        self.gaps.push(Gap { top: oldest, bottom, gte: self.gte, above, below });
    }

    /// Whether a page that does not end the list has objects of one second alone: nobody knows how many it has of these.
    fn shows_one_second(&mut self, page: Sample) -> bool {
        let is_one = !page.ends && page.newest == page.oldest;
        if is_one {
            self.accuracy = Accuracy::AtLeast;
        }
        is_one
    }

    /// Ends it early: a request was refused, or got no answer.
    pub const fn stop(&mut self) {
        self.is_over = true;
    }

    /// The number of objects, as far as it is known.
    #[must_use]
    pub fn estimate(&self) -> Estimate {
        let all = Estimate { objects: self.counted, accuracy: self.accuracy };
        if self.requests == 0 {
            return Estimate { accuracy: Accuracy::AtLeast, ..all };
        }
        if self.gaps.iter().all(|gap| gap.top <= gap.bottom) {
            return all;
        }
        if self.is_over {
            return Estimate { accuracy: Accuracy::AtLeast, ..all };
        }
        let accuracy = if self.accuracy == Accuracy::Exact { Accuracy::About } else { self.accuracy };
        Estimate { objects: two_digits(self.expected()).max(self.counted), accuracy }
    }
}

/// The number with two digits, and zeros after them.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers of objects are small and positive"
)]
fn two_digits(number: f64) -> u64 {
    if number < 100.0 {
        return number.round() as u64;
    }
    let unit = 10_f64.powi(number.log10().floor() as i32 - 1);
    ((number / unit).round() * unit) as u64
}
