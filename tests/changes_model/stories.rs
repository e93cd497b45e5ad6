//! The smallest histories in which a rule matters, with a kill before each step.

use crate::chance::Chance;
use crate::check::check;
use crate::history::{finish, new};
use crate::job::Job;
use crate::rules::{Changes, Fault, Rules, Variant};
use crate::world::{DAY, LAG, World};

/// A job whose world changes by calls only.
fn job(variant: Variant) -> Job {
    let rules = Rules { variant, changes: Changes::Read, neighbours: 25, relist_days: None, kill_one_in: 0 };
    let mut job = new(World::new(1), Chance::new(1), rules);
    job.world.is_quiet = true;
    job
}

fn run(job: &mut Job) {
    finish(job, false, false);
}

/// Plays a story, with a kill before each step of its last job in turn. Returns the faults of all of them, each once.
fn killed_anywhere(variant: Variant, story: fn(&mut Job), pause: i64) -> Vec<Fault> {
    let mut faults = Vec::new();
    for step in 1.. {
        let mut job = job(variant);
        story(&mut job);
        job.killed_at = Some(job.steps + step);
        let is_killed = job.go(false).is_err();
        job.world.now += pause;
        run(&mut job);
        // The job after it consumes the events that the resumed run has landed.
        run(&mut job);
        check(&mut job, None);
        faults.append(&mut job.faults);
        if !is_killed {
            assert!(step > 10, "{step} steps");
            break;
        }
    }
    faults.sort_unstable();
    faults.dedup();
    faults
}

/// Five objects of one second have landed. One of them changes, with an event, and changes back, without one. The list
/// shows it on the first page of the second, unchanged: it has no row in this run. If the process is killed then, and
/// the chain goes on at its cursor, the second page reads the second out, and the object has not been there. The body
/// of its event becomes its row, and no later event corrects that.
fn an_object_of_a_long_second_changes_and_changes_back(job: &mut Job) {
    let second = job.world.now;
    let objects: Vec<usize> = (0..5).map(|_| job.world.add(second)).collect();
    job.world.add(second + 50);
    job.world.now += 100;
    run(job);
    let first = *objects.iter().min_by_key(|at| job.world.objects[**at].id).expect("five");
    job.world.change(first, false, false);
    job.world.change(first, true, true);
    job.world.now += LAG;
}

#[test]
fn a_kill_inside_a_second_does_not_take_an_unchanged_object_for_gone() {
    let story = an_object_of_a_long_second_changes_and_changes_back;
    assert_eq!(killed_anywhere(Variant::Right, story, 0), []);
    let faults = killed_anywhere(Variant::ResumesInsideASecond, story, 0);
    assert_eq!(faults, [Fault::TakenForGone, Fault::Stale]);
}

/// Two pages of events are new. The process is killed after the first of them, and goes on after a month: the second
/// page is no longer listed, although the run began in time.
fn objects_change_and_one_is_deleted(job: &mut Job) {
    let objects: Vec<usize> = (0..5).map(|_| job.world.add(job.world.now)).collect();
    job.world.add(job.world.now + 50);
    job.world.now += 2 * DAY;
    run(job);
    job.world.delete(objects[0]);
    for at in &objects[1..] {
        job.world.now += 1;
        job.world.change(*at, false, false);
    }
    job.world.now += LAG;
}

#[test]
fn an_events_run_that_goes_on_after_a_month_is_a_gap() {
    let story = objects_change_and_one_is_deleted;
    assert_eq!(killed_anywhere(Variant::Right, story, 29 * DAY + 50), []);
    assert_eq!(killed_anywhere(Variant::Right, story, 60 * DAY), []);
    let faults = killed_anywhere(Variant::GapAtTheStart, story, 60 * DAY);
    assert_eq!(faults, [Fault::Stale, Fault::NotMarked]);
    let faults = killed_anywhere(Variant::GapComparesContents, story, 60 * DAY);
    assert_eq!(faults, [Fault::NotMarked]);
}

/// The body of `customer.deleted` is the customer as it was.
#[test]
fn a_deletion_lands_although_its_body_is_the_payload_of_the_newest_row() {
    for (variant, faults) in [(Variant::Right, vec![]), (Variant::DeletionIsNoContent, vec![Fault::NotMarked])] {
        let mut job = job(variant);
        let object = job.world.add(job.world.now);
        run(&mut job);
        job.world.now += 100;
        job.world.delete(object);
        job.world.now += LAG;
        run(&mut job);
        check(&mut job, None);
        assert_eq!(job.faults, faults, "{variant:?}");
    }
}

/// An object changes and changes back; the first of these has a late event, the second has none. Meanwhile a run lists
/// the object, unchanged, and leaves no row of it. Then the event becomes visible, and its body looks newer than the
/// row.
#[test]
fn a_late_body_does_not_land_over_an_object_that_was_listed_unchanged() {
    for (variant, faults) in [(Variant::Right, vec![]), (Variant::BodyOverAnUnchangedObject, vec![Fault::Stale])] {
        let mut job = job(variant);
        job.rules.changes = Changes::Events;
        let object = job.world.add(job.world.now);
        run(&mut job);
        job.world.now += 20;
        job.world.change(object, false, false);
        job.world.delay();
        job.world.change(object, true, true);
        job.world.add(job.world.now);
        run(&mut job);
        job.world.now += LAG;
        run(&mut job);
        check(&mut job, None);
        assert_eq!(job.faults, faults, "{variant:?}");
    }
}
