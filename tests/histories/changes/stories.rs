//! The smallest histories in which a rule of following changes matters.

use stripe_raw_rs::options::Changes;

use super::{DAY, Job, LOOKBACK, OLD_VERSION, VERSION};
use crate::world::Process;

/// An account with some objects that were read once.
fn begun(changes: Changes, api_version: &'static str, objects: usize) -> Job {
    let mut job = Job::new(3, changes, api_version);
    for _ in 0..objects {
        job.create();
        job.pass(10);
    }
    job.pass(1_000);
    job.go();
    job
}

#[test]
fn a_run_without_news_asks_once_for_events_and_once_for_its_list() {
    let mut job = begun(Changes::Read, OLD_VERSION, 20);
    job.pass(1_000);
    let before = (job.events.requests, job.objects.requests);
    job.go();
    assert_eq!((job.events.requests - before.0, job.objects.requests - before.1), (1, 1));
    job.check();
}

#[test]
fn a_change_of_long_ago_is_read_and_a_deletion_is_the_last_event() {
    for (changes, api_version, requests, of_lists) in
        [(Changes::Read, OLD_VERSION, 3, 2), (Changes::Read, VERSION, 1, 0), (Changes::Events, OLD_VERSION, 1, 0)]
    {
        let mut job = begun(changes, api_version, 30);
        job.pass(DAY);
        // The list is newest first.
        for at in [12, 28] {
            job.change(at);
        }
        job.delete(20);
        job.pass(1_000);
        let (before, rows) = (job.objects.requests, job.objects.landed().len());
        job.go();
        job.check();
        assert!(job.objects.requests - before <= requests + 1, "{changes:?}: {}", job.objects.requests - before);
        assert_eq!(job.objects.landed().len() - rows, 3);
        let listed = job.newest().values().filter(|row| row.event.is_none()).count();
        assert_eq!(listed, 30 - 3 + of_lists, "{changes:?}");
        job.pass(1_000);
        let rows = job.objects.landed().len();
        job.go();
        assert_eq!(job.objects.landed().len(), rows, "nothing lands again");
    }
}

#[test]
fn a_month_without_a_run_is_made_good_by_one_that_lands_everything() {
    for changes in [Changes::Read, Changes::Events] {
        let mut job = begun(changes, OLD_VERSION, 10);
        job.change(4);
        job.delete(7);
        job.pass(39 * DAY);
        // It changes back without an event, and lands all the same: no row of that run would say that it is gone.
        let state = job.objects.list[2].state;
        job.change(2);
        job.objects.list[2].state = state;
        job.pass(DAY);
        let rows = job.objects.landed().len();
        job.go();
        assert_eq!(job.objects.landed().len() - rows, 9);
        job.check();
        job.pass(DAY);
        job.go();
        assert_eq!(job.objects.landed().len() - rows, 9, "once");
        job.check();
    }
}

#[test]
fn a_list_that_was_landed_without_its_events_lands_once_again() {
    let mut job = Job::new(3, Changes::Read, OLD_VERSION);
    (0..10).for_each(|_| job.create());
    job.pass(1_000);
    assert_eq!(Process::new("alone", &job.options).finish(&mut job.objects).0, Ok(()));
    job.pass(50 * DAY);
    job.change(2);
    job.delete(5);
    job.pass(1_000);
    job.go();
    job.check();
    assert_eq!(job.objects.landed().len(), 10 + 9 + 1, "the last is the deletion");
}

/// Before each step of a job that follows changes a process is killed.
#[test]
fn a_kill_at_any_step_leaves_no_change_behind() {
    for (changes, api_version) in
        [(Changes::Read, OLD_VERSION), (Changes::Read, VERSION), (Changes::Events, OLD_VERSION)]
    {
        for steps in 1.. {
            let mut job = begun(changes, api_version, 25);
            job.options.page_size = 3;
            job.pass(DAY);
            (0..4).for_each(|_| job.create());
            for at in [0, 3, 9, 10, 22] {
                job.change(at);
            }
            job.delete(15);
            job.delete(1);
            job.pass(LOOKBACK);
            job.run(true, 100_000, false);
            let is_over = job.run(false, steps, false);
            job.change(5);
            job.pass(30);
            job.go();
            job.check();
            job.pass(1_000);
            job.go();
            job.check();
            if is_over {
                assert!(steps > 15, "{steps} steps");
                break;
            }
        }
    }
}

/// Five objects of one second have landed. One of them changes, with an event, and changes back, without one. The list
/// shows it on the first page of the second, unchanged: it leaves no row. If a run is killed then, and went on at its
/// cursor, the rest of the second would not have the object, and the body of its event would become its row.
#[test]
fn a_kill_inside_a_second_does_not_take_an_unchanged_object_for_gone() {
    for (page_size, is_old) in [(2, true), (2, false), (3, true), (1, true)] {
        for steps in 1.. {
            let mut job = Job::new(3, Changes::Read, OLD_VERSION);
            (0..5).for_each(|_| job.create());
            job.pass(if is_old { 2 * LOOKBACK } else { 10 });
            job.create();
            job.pass(1_000);
            job.go();
            job.pass(100);
            job.options.page_size = page_size;
            // The newest objects of a second come first.
            let at = 1;
            let state = job.objects.list[at].state;
            job.change(at);
            job.objects.list[at].state = state;
            job.pass(1_000);
            job.run(true, 100_000, false);
            let is_over = job.run(false, steps, false);
            job.go();
            job.check();
            if is_over {
                break;
            }
        }
    }
}

/// An object changes and changes back; the first of these has a late event, the second has none. Meanwhile a run lists
/// the object, unchanged, and leaves no row of it. Then the event becomes visible, and its body looks newer than the row.
#[test]
fn a_late_body_does_not_land_over_an_object_that_was_listed_unchanged() {
    for (changes, is_gone) in [(Changes::Events, false), (Changes::Events, true), (Changes::Read, true)] {
        let mut job = begun(changes, OLD_VERSION, 3);
        job.pass(20);
        let (state, id) = (job.objects.list[0].state, job.objects.list[0].id.clone());
        job.change(0);
        job.pending.iter_mut().for_each(|event| event.visible_at += 50);
        job.objects.list[0].state = state;
        job.pass(5);
        job.go();
        if is_gone {
            // Nothing reports it.
            job.objects.delete(0);
        }
        let rows = job.objects.landed().len();
        job.pass(100);
        job.go();
        assert_eq!(job.objects.landed().len(), rows, "{changes:?}");
        assert!(job.newest()[&id].json.ends_with("0}"));
    }
}

/// Three states of one second, and their events in any order of ids.
#[test]
fn the_last_of_several_changes_in_one_second_lands() {
    for (changes, api_version) in [(Changes::Events, OLD_VERSION), (Changes::Read, VERSION)] {
        for is_reversed in [false, true] {
            let mut job = begun(changes, api_version, 25);
            job.pass(DAY);
            for _ in 0..2 {
                job.change(20);
                job.change(15);
                job.change(22);
            }
            job.change(15);
            if is_reversed {
                job.pending.reverse();
            }
            job.pass(1_000);
            job.go();
            job.check();
        }
    }
}
