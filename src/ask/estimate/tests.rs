use proptest::prelude::*;

use super::*;
use crate::stripe::entities::by_name;

const NOW: i64 = 1_800_000_000;
const YEAR: f64 = 365.25 * 86_400.0;

/// A list as a function from the number of an object, from the newest on, to its time.
struct List<F: Fn(u64) -> i64> {
    objects: u64,
    time: F,
}

impl<F: Fn(u64) -> i64> List<F> {
    /// The first object that is older than that second.
    fn first_before(&self, second: i64) -> u64 {
        let (mut low, mut high) = (0, self.objects);
        while low < high {
            let middle = u64::midpoint(low, high);
            if (self.time)(middle) < second { high = middle } else { low = middle + 1 }
        }
        low
    }

    fn page(&self, range: Range) -> Sample {
        let first = range.lt.map_or(0, |lt| self.first_before(lt));
        let end = range.gte.map_or(self.objects, |gte| self.first_before(gte)).max(first);
        let last = end.min(first + 100);
        Sample {
            objects: last - first,
            newest: (first < last).then(|| (self.time)(first)),
            oldest: (first < last).then(|| (self.time)(last - 1)),
            ends: last == end,
        }
    }

    fn survey(&self, window: Window, gte: Option<i64>) -> (Estimate, usize) {
        let mut survey = Survey::new(window, gte);
        while let Some(range) = survey.next() {
            survey.answered(range, self.page(range));
        }
        (survey.estimate(), survey.requests())
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a test's times are whole numbers")]
const fn ago(seconds: f64) -> i64 {
    NOW - seconds as i64
}

fn is_within_a_factor_of_two(estimate: u64, objects: u64) -> bool {
    estimate * 2 >= objects && estimate <= objects * 2
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_even_account_of_any_size_and_age_is_estimated_within_a_factor_of_two(
        objects in 1_u64..20_000_000, years in 0.01_f64..14.0,
    ) {
        let list = List { objects, time: |at| ago(at as f64 / objects as f64 * years * YEAR) };
        let (estimate, requests) = list.survey(Window::Created, None);
        prop_assert!(is_within_a_factor_of_two(estimate.objects, objects), "{estimate:?} in {requests}");
        prop_assert!(requests <= MOST_REQUESTS);
    }

    #[test]
    fn a_growing_or_shrinking_account_is_estimated_within_a_factor_of_two(
        objects in 1_u64..5_000_000, years in 0.5_f64..14.0, doublings in -4.0_f64..10.0,
    ) {
        prop_assume!(doublings.abs() > 0.1);
        // The density doubles that often from the first day to the last.
        let rate = doublings * std::f64::consts::LN_2;
        let reach = 1.0 - (-rate).exp();
        let list = List { objects, time: |at| ago(-(1.0 - at as f64 / objects as f64 * reach).ln() / rate * years * YEAR) };
        let (estimate, requests) = list.survey(Window::Created, None);
        prop_assert!(is_within_a_factor_of_two(estimate.objects, objects), "{estimate:?} in {requests}");
    }

    #[test]
    fn a_window_with_a_start_counts_only_what_is_inside(
        objects in 1_u64..5_000_000, years in 0.5_f64..14.0, days in 0.1_f64..400.0,
    ) {
        let list = List { objects, time: |at| ago(at as f64 / objects as f64 * years * YEAR) };
        let start = ago(days * 86_400.0);
        let inside = list.first_before(start);
        let (estimate, requests) = list.survey(Window::Created, Some(start));
        prop_assert!(is_within_a_factor_of_two(estimate.objects, inside), "{estimate:?} of {inside} in {requests}");
        if inside <= 100 {
            prop_assert_eq!((estimate.objects, estimate.accuracy, requests), (inside, Accuracy::Exact, 1));
        }
    }

    #[test]
    fn no_account_is_asked_too_often_and_no_estimate_is_below_what_was_seen(
        steps in prop::collection::vec((0_u32..30, 1_u64..400), 1..60), start in prop::option::of(0_i64..400_000_000),
    ) {
        // Any bursts, with any pauses of up to half a year each between them.
        let mut times = Vec::new();
        let mut at = NOW;
        for (pause, count) in steps {
            at -= 2_i64.pow(pause.min(24));
            times.extend((0..count).map(|second| at - i64::try_from(second / 7).unwrap()));
            at = *times.last().unwrap();
        }
        let list = List { objects: times.len() as u64, time: |at| times[usize::try_from(at).unwrap()] };
        let gte = start.map(|start| NOW - start);
        let (estimate, requests) = list.survey(Window::Created, gte);
        let inside = gte.map_or(list.objects, |gte| list.first_before(gte));
        prop_assert!(requests <= MOST_REQUESTS);
        prop_assert!(estimate.objects >= inside.min(100));
        if estimate.accuracy == Accuracy::Exact {
            prop_assert_eq!(estimate.objects, inside);
        }
    }

    #[test]
    fn two_digits_are_near_enough(number in 0_u64..1_000_000_000_000) {
        let rounded = two_digits(number as f64);
        prop_assert!(rounded.abs_diff(number) * 20 <= number, "{rounded}");
        let text = rounded.to_string();
        prop_assert!(text.len() < 3 || text[2..].bytes().all(|digit| digit == b'0'), "{text}");
    }
}

#[test]
fn a_list_of_one_page_is_counted_with_one_request() {
    for objects in [0, 1, 99, 100] {
        let list = List { objects, time: |at| ago(at as f64 * 1e6) };
        for window in [Window::Created, Window::AfterBefore, Window::Client, Window::Whole] {
            assert_eq!(list.survey(window, None), (Estimate { objects, accuracy: Accuracy::Exact }, 1), "{window:?}");
        }
    }
}

#[test]
fn a_list_that_stripe_does_not_filter_has_more_than_its_page() {
    let list = List { objects: 5_000, time: |at| ago(at as f64 * 1e3) };
    for window in [Window::Client, Window::Whole] {
        assert_eq!(list.survey(window, None), (Estimate { objects: 100, accuracy: Accuracy::AtLeast }, 1));
    }
}

#[test]
fn objects_of_one_second_give_a_lower_bound() {
    let list = List { objects: 5_000, time: |_| NOW };
    let (estimate, requests) = list.survey(Window::Created, None);
    assert_eq!((estimate.objects, estimate.accuracy), (100, Accuracy::AtLeast));
    assert!(requests <= MOST_REQUESTS);
}

#[test]
fn a_burst_on_an_even_account_does_not_count_for_the_years_around_it() {
    // Ten thousand objects within an hour, two years ago, when nobody knows of it: they may be missed, and no more.
    let time = |at: u64| match at {
        0..100_000 => ago(at as f64 / 1e5 * 2.0 * YEAR),
        100_000..110_000 => ago((at - 100_000) as f64 * 0.36 + 2.0 * YEAR),
        _ => ago((at - 110_000) as f64 / 1e5 * 2.0 * YEAR + 2.0 * YEAR + 3_600.0),
    };
    let (estimate, _) = List { objects: 210_000, time }.survey(Window::Created, None);
    assert!(is_within_a_factor_of_two(estimate.objects, 210_000), "{estimate:?}");
    // An import that has just ended: the newest page is a thousand times as dense as all the rest.
    let time = |at: u64| match at {
        0..10_000 => ago(at as f64 * 0.36),
        _ => ago((at - 10_000) as f64 / 1e5 * 4.0 * YEAR + 3_600.0),
    };
    let (estimate, _) = List { objects: 110_000, time }.survey(Window::Created, None);
    assert!(is_within_a_factor_of_two(estimate.objects, 110_000), "{estimate:?}");
}

#[test]
fn days_and_nights_and_weekends_do_not_matter_much() {
    // Ten times as many objects at noon as at midnight, over three years.
    let time = |at: u64| {
        let day = at as f64 / 1_000.0;
        ago((day + 0.13 * (day * std::f64::consts::TAU).sin()) * 86_400.0)
    };
    let (estimate, _) = List { objects: 1_095_000, time }.survey(Window::Created, None);
    assert!(is_within_a_factor_of_two(estimate.objects, 1_095_000), "{estimate:?}");
}

#[test]
fn an_account_that_came_to_rest_is_estimated_from_its_newest_object_on() {
    let list = List { objects: 50_000, time: |at| ago(5.0 * YEAR + at as f64 / 5e4 * 3.0 * YEAR) };
    let (estimate, _) = list.survey(Window::Created, None);
    assert!(is_within_a_factor_of_two(estimate.objects, 50_000), "{estimate:?}");
}

#[test]
fn a_survey_that_ends_early_gives_what_it_has_seen() {
    let list = List { objects: 50_000, time: |at| ago(at as f64 * 1e3) };
    let mut survey = Survey::new(Window::Created, None);
    for _ in 0..2 {
        let range = survey.next().unwrap();
        survey.answered(range, list.page(range));
    }
    survey.stop();
    assert_eq!(survey.next(), None);
    assert_eq!(survey.estimate(), Estimate { objects: 200, accuracy: Accuracy::AtLeast });
}

#[test]
fn a_survey_whose_first_request_is_refused_asks_no_more() {
    let mut survey = Survey::new(Window::Created, None);
    assert!(survey.next().is_some());
    survey.stop();
    assert_eq!((survey.next(), survey.estimate().accuracy), (None, Accuracy::AtLeast));
}

#[test]
fn each_accuracy_has_its_word() {
    let all = [Accuracy::Exact, Accuracy::About, Accuracy::AtLeast];
    assert_eq!(all.map(Accuracy::name), ["exact", "about", "at least"]);
}

#[test]
fn what_has_landed_is_not_read_again() {
    let of = |objects, accuracy| Estimate { objects, accuracy };
    let charges = by_name("charges").unwrap();
    assert_eq!(of(150, Accuracy::Exact).without(49), of(101, Accuracy::Exact));
    assert_eq!(of(12_000, Accuracy::About).without(1_234), of(11_000, Accuracy::About));
    assert_eq!(of(100, Accuracy::AtLeast).without(300), of(0, Accuracy::AtLeast));
    assert_eq!(of(201, Accuracy::Exact).requests(charges, 100), 3);
    assert_eq!(of(0, Accuracy::Exact).requests(charges, 100), 1);
    assert_eq!(of(500, Accuracy::Exact).requests(by_name("reporting_report_types").unwrap(), 100), 1);
}
