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
fn if_no_object_is_answered_the_list_itself_is_refused_and_the_next_run_asks_all_again() {
    for count in [1, 2, 3] {
        let mut lists = Lists::new("customers", "customers_tax_ids", 1, Changes::Read);
        lists.create_each(&vec![2; count]);
        lists.children.refuses_all = true;
        assert!(lists.run(Part::Events, 100, false) && lists.run(Part::Parents, 100, false));
        let mut process = lists.process(Part::Lists);
        assert!(process.finish(&mut lists.children).0.unwrap_err().message.contains("No."));
        lists.children.refuses_all = false;
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
        lists.check();
    }
}
