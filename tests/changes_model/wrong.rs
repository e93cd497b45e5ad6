//! Each rule is needed: without it some history fails.

use crate::children;
use crate::history::{history, idle_account};
use crate::rules::{Changes, Fault, Variant};

/// Seeds within which a wrong variant must fail.
const SEEDS: u64 = 8_000;

#[track_caller]
fn assert_breaks(variant: Variant, changes: Changes, fault: Fault) {
    let broken = (0..SEEDS).find(|seed| history(*seed, variant, changes).0.contains(&fault));
    println!("{variant:?}, {changes:?}: {fault:?} with seed {broken:?}");
    assert!(broken.is_some(), "no history reaches the case any more");
}

#[test]
fn without_a_lookback_on_events_a_late_event_is_never_seen() {
    assert_breaks(Variant::NoLookbackOnEvents, Changes::Read, Fault::Stale);
    assert_breaks(Variant::NoLookbackOnEvents, Changes::Events, Fault::Stale);
}

#[test]
fn if_deletes_are_looked_for_in_old_windows_only_a_young_deleted_object_stays_alive() {
    assert_breaks(Variant::DeletesInOldWindowsOnly, Changes::Read, Fault::NotMarked);
    assert_breaks(Variant::DeletesInOldWindowsOnly, Changes::Events, Fault::NotMarked);
}

#[test]
fn the_newest_unconsumed_event_revives_a_deleted_object() {
    assert_breaks(Variant::NewestUnconsumedEvent, Changes::Read, Fault::NotMarked);
    assert_breaks(Variant::NewestUnconsumedEvent, Changes::Events, Fault::Stale);
}

#[test]
fn ordering_the_events_of_a_second_by_their_ids_revives_a_deleted_object() {
    assert_breaks(Variant::OrderOfEventIds, Changes::Read, Fault::NotMarked);
    assert_breaks(Variant::OrderOfEventIds, Changes::Events, Fault::NotMarked);
}

#[test]
fn a_resume_with_todays_source_to_owes_objects_whose_seconds_were_read_before() {
    assert_breaks(Variant::TodaysSourceTo, Changes::Read, Fault::Owed);
    assert_breaks(Variant::TodaysSourceTo, Changes::Events, Fault::Owed);
}

#[test]
fn a_resume_with_todays_due_list_has_pages_in_no_window() {
    assert_breaks(Variant::DueByTodaysClock, Changes::Read, Fault::Misplaced);
}

#[test]
fn a_resume_with_another_distance_between_neighbours_sends_a_cursor_with_other_filters() {
    assert_breaks(Variant::OtherNeighbours, Changes::Read, Fault::ForeignCursor);
}

#[test]
fn a_jump_that_says_it_has_read_its_window_owes_the_objects_below() {
    assert_breaks(Variant::JumpWithoutBottom, Changes::Read, Fault::Owed);
}

#[test]
fn if_the_second_in_which_a_page_ends_is_read_out_a_listed_object_is_taken_for_gone() {
    assert_breaks(Variant::EdgeReadOut, Changes::Read, Fault::TakenForGone);
    assert_breaks(Variant::EdgeReadOut, Changes::Events, Fault::Stale);
}

#[test]
fn a_resume_inside_a_second_takes_an_unchanged_object_for_gone() {
    assert_breaks(Variant::ResumesInsideASecond, Changes::Read, Fault::TakenForGone);
    assert_breaks(Variant::ResumesInsideASecond, Changes::Read, Fault::Stale);
}

#[test]
fn the_edge_of_a_recovered_page_is_not_where_the_page_ended() {
    assert_breaks(Variant::ResumesBelowARecoveredEdge, Changes::Read, Fault::TakenForGone);
}

#[test]
fn if_a_deletion_is_compared_by_its_payload_it_never_lands() {
    assert_breaks(Variant::DeletionIsNoContent, Changes::Read, Fault::NotMarked);
    assert_breaks(Variant::DeletionIsNoContent, Changes::Events, Fault::NotMarked);
}

#[test]
fn the_body_of_one_of_several_events_in_a_second_may_be_an_older_state() {
    assert_breaks(Variant::BodyOfATie, Changes::Events, Fault::Stale);
}

#[test]
fn a_late_event_overwrites_a_silent_change_that_the_list_has_shown() {
    assert_breaks(Variant::BodyOverANewerRow, Changes::Events, Fault::Stale);
}

#[test]
fn the_body_for_an_object_that_is_no_longer_listed_may_be_older_than_its_row() {
    assert_breaks(Variant::BodyTakesBack, Changes::Read, Fault::TakenBack);
    assert_breaks(Variant::BodyTakesBack, Changes::Events, Fault::TakenBack);
}

#[test]
fn if_lost_events_are_not_noticed_objects_stay_stale() {
    assert_breaks(Variant::NoGap, Changes::Read, Fault::Stale);
    assert_breaks(Variant::NoGap, Changes::Read, Fault::NotMarked);
    assert_breaks(Variant::NoGap, Changes::Events, Fault::Stale);
}

#[test]
fn an_events_run_that_is_resumed_after_a_pause_loses_events_although_it_began_in_time() {
    assert_breaks(Variant::GapAtTheStart, Changes::Read, Fault::Stale);
}

#[test]
fn an_events_run_that_found_nothing_has_no_watermark_and_hides_a_gap() {
    assert_breaks(Variant::GapByTheWatermark, Changes::Read, Fault::NotMarked);
}

#[test]
fn judging_gaps_by_the_watermark_reads_an_idle_account_whole_every_day() {
    assert_eq!(idle_account(Variant::Right).whole, 0);
    // The first gap is seen on the thirtieth day or so, and from then on each day.
    let whole = idle_account(Variant::GapByTheWatermark).whole;
    assert!(whole > 25, "{whole} times");
}

#[test]
fn if_unchanged_objects_do_not_land_after_a_gap_nobody_sees_which_are_gone() {
    assert_breaks(Variant::GapComparesContents, Changes::Read, Fault::NotMarked);
    assert_breaks(Variant::GapComparesContents, Changes::Events, Fault::NotMarked);
}

#[test]
fn a_body_that_lands_after_a_gap_does_not_show_that_its_object_is_listed() {
    assert_breaks(Variant::BodyCountsAsListed, Changes::Read, Fault::NotMarked);
}

#[test]
fn a_list_without_a_watermark_has_a_work_list_unless_it_is_its_first_run() {
    assert_breaks(Variant::NoWatermarkIsAFirstRun, Changes::Read, Fault::NotMarked);
}

#[test]
fn without_a_due_list_an_available_object_stays_pending() {
    assert_breaks(Variant::NoDueList, Changes::Read, Fault::Stale);
    assert_breaks(Variant::NoDueList, Changes::Events, Fault::Stale);
}

#[test]
fn without_a_re_list_a_silent_change_is_never_seen() {
    assert_breaks(Variant::NoRelist, Changes::Read, Fault::Stale);
    assert_breaks(Variant::NoRelist, Changes::Events, Fault::Stale);
}

#[track_caller]
fn assert_children_break(variant: children::Variant, fault: children::Fault) {
    let (found, _) = children::survey(variant, 1_500);
    assert!(found.contains_key(&fault), "{found:?}");
}

#[test]
fn children_that_are_not_held_land_twice() {
    assert_children_break(children::Variant::ForgetsTheHeld, children::Fault::Twice);
}

#[test]
fn children_that_are_held_without_their_parent_are_lost() {
    assert_children_break(children::Variant::HeldWithoutParent, children::Fault::Wrong);
}

#[test]
fn children_read_from_behind_those_that_the_parent_shows_are_a_set_that_never_was() {
    assert_children_break(children::Variant::BehindTheInline, children::Fault::NeverWas);
}

#[test]
fn pages_of_a_parent_whose_pointer_is_stale_are_not_in_the_plan() {
    assert_children_break(children::Variant::StalePointer, children::Fault::Unplanned);
}

#[test]
fn a_reader_that_ignores_the_pointer_finds_old_children() {
    assert_children_break(children::Variant::ReaderIgnoresThePointer, children::Fault::Wrong);
}

#[test]
fn a_reader_of_a_run_that_has_not_read_the_parent_to_the_end_finds_a_part_of_its_children() {
    assert_children_break(children::Variant::ReaderTakesOpenRuns, children::Fault::NeverWas);
}

#[test]
fn a_parent_that_is_cut_off_and_does_not_land_again_hides_a_change_of_its_children() {
    assert_children_break(children::Variant::CutParentsDoNotLandAgain, children::Fault::Wrong);
}

#[test]
fn a_run_that_looks_at_the_newest_parents_alone_misses_those_that_a_killed_run_has_landed() {
    assert_children_break(children::Variant::IdleByTheNewestParents, children::Fault::Wrong);
}

#[test]
fn children_that_land_once_are_missing_in_the_newest_run() {
    assert_children_break(children::Variant::ChildrenLandOnce, children::Fault::Wrong);
}
