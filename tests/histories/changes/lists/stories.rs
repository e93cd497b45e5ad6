//! Single stories of lists that objects have.

use stripe_raw_rs::options::Changes;

use super::super::{DAY, Job};
use super::{KINDS, Lists, PARTS, Part};

#[test]
fn a_kill_at_any_step_leaves_each_list_whole() {
    for (parents, children) in KINDS {
        for (part, engine) in [(Part::Parents, 0), (Part::Lists, 0), (Part::Parents, 1), (Part::Lists, 1)] {
            for steps in 1..40 {
                let mut lists = Lists::new(parents, children, engine, Changes::Read);
                lists.create_each(&[9, 2, 5]);
                for before in PARTS.into_iter().take_while(|before| *before != part) {
                    lists.run(before, 100_000, false);
                }
                lists.run(part, steps, false);
                lists.go();
                lists.check();
            }
        }
    }
}

#[test]
fn an_object_whose_list_is_refused_does_not_stop_the_others() {
    for width in [1, 2] {
        let mut lists = Lists::new("customers", "customers_tax_ids", 1, Changes::Read);
        lists.job.width = width;
        lists.create_each(&[3, 2, 5]);
        // The one that is asked first.
        let odd = lists.job.objects.list.last().unwrap().id.clone();
        lists.children.refused = Some(odd.clone());
        lists.go();
        let events = Job::checkpoints(&lists.children);
        let refused: Vec<&str> = events.iter().filter_map(|event| event.kind.refused()).collect();
        assert!(refused.len() == 1 && refused[0].contains(&format!("the list of {odd} did not land")), "{refused:?}");
        assert_eq!(lists.rows_of(&odd), None);
        let others = lists.job.objects.list.iter().filter(|object| object.id != odd);
        assert!(others.map(|object| lists.rows_of(&object.id).unwrap().len()).eq([5, 2]));
        // It is asked again each time, until it is answered.
        for (is_refused, requests) in [(true, 1), (false, 1), (false, 0)] {
            lists.children.refused = lists.children.refused.take().filter(|_| is_refused);
            let before = lists.children.requests;
            lists.go();
            assert_eq!(lists.children.requests - before, requests, "{is_refused}");
        }
        lists.check();
    }
}

#[test]
fn objects_that_are_refused_do_not_keep_later_ones_waiting() {
    for (count, status) in [(1, 400), (3, 400), (100, 400), (1, 500), (3, 500)] {
        let mut lists = Lists::new("customers", "customers_tax_ids", 1, Changes::Read);
        lists.job.options.max_retries = 2;
        lists.create_each(&vec![2; count]);
        lists.children.refuses = |_| true;
        lists.children.refused_with = status;
        assert!(lists.run(Part::Events, 10_000, false) && lists.run(Part::Parents, 10_000, false));
        let outcome = lists.process(Part::Lists).finish(&mut lists.children).0;
        // A server that answers nobody is down.
        assert_eq!(outcome.is_ok(), status == 400 || count == 1, "{count} {status} {outcome:?}");
        lists.children.refuses = |_| false;
        lists.pass(8 * DAY);
        lists.create_with(3);
        lists.go();
        lists.go();
        lists.check();
    }
}

#[test]
fn more_than_a_hundred_refusals_in_a_row_are_one_of_the_list() {
    let mut lists = Lists::new("customers", "customers_tax_ids", 1, Changes::Read);
    lists.create_each(&[1; 101]);
    lists.children.refuses = |_| true;
    assert!(lists.run(Part::Events, 10_000, false) && lists.run(Part::Parents, 10_000, false));
    let error = lists.process(Part::Lists).finish(&mut lists.children).0.unwrap_err();
    assert!(error.message.contains("No."), "{error}");
    lists.children.refuses = |_| false;
    lists.go();
    lists.check();
}

#[test]
fn any_number_of_refusals_between_answers_and_from_before_is_no_failure_of_the_list() {
    let mut lists = Lists::new("customers", "customers_tax_ids", 1, Changes::Read);
    lists.children.refuses = |id| id.ends_with(['0', '2', '4', '6', '8']);
    for round in 1..=2 {
        // In one run, more than a hundred are refused, but not one after the other.
        lists.create_each(&[1; 220]);
        lists.go();
        let answered = lists.job.objects.list.iter().filter(|object| lists.rows_of(&object.id).is_some());
        assert_eq!(answered.count(), 110 * round);
        lists.pass(100);
    }
    lists.create_each(&[1; 3]);
    lists.go();
    lists.children.refuses = |_| false;
    lists.go();
    lists.check();
}

#[test]
fn a_failure_of_one_object_that_lasts_does_not_stop_the_others() {
    for width in [1, 2, 3] {
        let mut lists = Lists::new("customers", "customers_tax_ids", 1, Changes::Read);
        (lists.job.width, lists.job.options.max_retries) = (width, 1);
        // The others are still to be asked when its retries are used up.
        lists.create_each(&[2; 40]);
        lists.children.refused = Some(lists.job.objects.list[1].id.clone());
        lists.children.refused_with = 500;
        for _ in 0..2 {
            lists.go();
            lists.create_with(2);
            lists.pass(100);
        }
        lists.go();
        let odd = lists.children.refused.take().unwrap();
        let others = lists.job.objects.list.iter().filter(|object| object.id != odd);
        assert!(others.clone().count() == 41 && others.clone().all(|object| lists.rows_of(&object.id).is_some()));
        lists.go();
        lists.check();
    }
}

#[test]
fn a_run_that_goes_on_knows_that_other_objects_were_answered() {
    for steps in 1..40 {
        let mut lists = Lists::new("customers", "customers_tax_ids", 1, Changes::Read);
        lists.create_each(&[2, 3, 1]);
        // The one that is asked last.
        lists.children.refused = Some(lists.job.objects.list[0].id.clone());
        assert!(lists.run(Part::Events, 100, false) && lists.run(Part::Parents, 100, false));
        lists.run(Part::Lists, steps, false);
        assert!(lists.run(Part::Lists, 100_000, false), "killed at step {steps}");
        let events = Job::checkpoints(&lists.children);
        assert!(events.iter().any(|event| event.kind.refused().is_some()));
    }
}

#[test]
fn what_no_row_tells_is_asked_again_each_week() {
    for (parents, children) in
        [("customers", "customers_payment_methods"), ("radar_value_lists", "radar_value_list_items")]
    {
        let mut lists = Lists::new(parents, children, 1, Changes::Read);
        lists.create_each(&[9, 2, 5]);
        lists.go();
        let id = lists.job.objects.list.last().unwrap().id.clone();
        lists.children.lists.get_mut(&id).unwrap()[7].state = 5;
        // This one has shown its whole list, and still does: no row tells of the rest.
        let small = lists.job.objects.list[1].id.clone();
        let more: Vec<_> = (0..4).map(|_| lists.item()).collect();
        lists.children.lists.get_mut(&small).unwrap().extend(more);
        let is_fresh = |lists: &Lists| lists.rows_of(&id).unwrap().iter().any(|json| json.ends_with(r#""state":5}"#));
        // New objects are asked at once, and the others all the same when their week is over.
        for (days, is_new, expected) in [(0, false, false), (3, true, false), (3, false, false), (1, false, true)] {
            lists.pass(days * DAY);
            if is_new {
                lists.create_with(6);
            }
            let before = lists.children.requests;
            lists.go();
            let asks = lists.children.requests > before;
            assert_eq!((is_fresh(&lists), asks), (expected, expected || is_new), "{days} more days");
        }
        assert_eq!(lists.rows_of(&small).unwrap().len(), 6);
        lists.check();
    }
}
