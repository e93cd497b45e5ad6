//! Version 2 of the write protocol, checked state by state.
//!
//! It keeps the promises of version 1, and costs what is new. Its rules, beside those of version 1:
//!
//! - **One fence for an entity.** The accounts of an entity share the app id and the epochs: an attempt claims them all in
//!   one commit, and its groups mix them. A run is still that of one account.
//! - **A raw fence only where something may hang in the air.** An attempt that goes on with a run, or gives one up, fences
//!   the raw table before it reads it. An attempt that begins new runs only does not: its claim shows that nobody had an
//!   unfinished run when it read the events.
//! - **A claim when there is something to land.** New runs are read before RUN_STARTED. A run that lands no row is one
//!   commit: RUN_STARTED, its pages, RUN_COMPLETED. Else RUN_COMPLETED rides with the events of the last pages.
//! - **A row is a state, and lands once.** An object whose newest row has its present content gets no row. New runs read
//!   the rows to compare with after the events; resumed runs after both fences.
//!
//! Two more promises follow: an object gets a row only if it says something else than the row before
//! ([`Violation::Repeat`]), and behind the event of a page the newest row of its object says what Stripe has listed
//! ([`Violation::Stale`]).
//!
//! The tables behave in both ways: they skip an older version without a word, or they refuse it. Between any two steps a
//! process may be killed or sleep, another may start, and Stripe may delete or change an object. Each rule has a wrong
//! variant that breaks.

use crate::checker::{Report, explore};
use crate::version2::{BOTH, Engine, FIRST, GIVES_UP, Job, Rules, SECOND, State, Variant, Violation};

#[derive(Debug, Clone, Copy)]
enum Lake {
    Fresh,
    Aged,
}

#[track_caller]
fn report(lake: Lake, rules: &Rules) -> Report<Violation> {
    let first = match lake {
        Lake::Fresh => State::fresh(),
        Lake::Aged => State::aged(),
    };
    let report = explore(&first, rules);
    println!("{lake:?}, {rules:?}: {} states, {:?}", report.states, report.violation);
    report
}

/// States that are reached, and states in which all work is done: on a fresh lake and an aged one, whose tables skip; and
/// the same for tables that refuse.
type Counts = [(usize, usize); 4];

#[track_caller]
fn assert_holds(jobs: &'static [Job], changes: u8, deletions: u8, counts: Counts) {
    let cases = [
        (Engine::Skips, Lake::Fresh),
        (Engine::Skips, Lake::Aged),
        (Engine::Refuses, Lake::Fresh),
        (Engine::Refuses, Lake::Aged),
    ];
    let found = cases.map(|(engine, lake)| {
        let report = report(lake, &Rules { variant: Variant::Proposed, engine, jobs, changes, deletions });
        assert_eq!(report.violation, None, "{engine:?} {lake:?} {:#?}", report.story);
        (report.states, report.terminal)
    });
    assert_eq!(found, counts);
}

#[test]
fn two_attempts_at_both_accounts_hold() {
    assert_holds(&[BOTH, BOTH], 1, 0, [(183_365, 1_777), (67_990, 1_009), (59_623, 1_489), (40_414, 993)]);
    assert_holds(&[BOTH, BOTH], 0, 1, [(161_976, 1_614), (55_907, 926), (53_604, 1_392), (35_447, 924)]);
}

#[test]
fn attempts_at_both_accounts_and_at_one_of_them_hold() {
    assert_holds(&[BOTH, SECOND], 1, 1, [(251_652, 3_768), (105_139, 2_400), (126_659, 3_768), (75_432, 2_400)]);
    assert_holds(&[BOTH, SECOND, FIRST], 0, 0, [(629_586, 699), (117_841, 257), (167_523, 598), (71_482, 257)]);
}

#[test]
fn an_attempt_at_one_account_that_wakes_up_behind_one_at_the_other_holds() {
    assert_holds(&[FIRST, SECOND], 1, 1, [(98_475, 937), (35_050, 721), (73_692, 937), (33_604, 721)]);
    assert_holds(&[FIRST, SECOND, FIRST], 0, 0, [(346_117, 241), (55_828, 129), (115_613, 201), (38_388, 129)]);
}

#[test]
fn attempts_at_one_account_whose_objects_change_and_vanish_hold() {
    assert_holds(&[FIRST, FIRST], 1, 1, [(332_790, 4_177), (169_363, 2_656), (139_208, 3_721), (102_093, 2_588)]);
    assert_holds(&[FIRST, FIRST, FIRST], 0, 0, [(740_323, 1_139), (205_593, 505), (149_480, 865), (100_349, 505)]);
}

#[test]
fn runs_of_one_page_are_one_commit_if_nothing_is_new_and_hold() {
    assert_holds(
        &[SECOND, SECOND, SECOND],
        1,
        1,
        [(441_091, 4_665), (103_984, 1_727), (332_044, 4_665), (87_630, 1_727)],
    );
}

#[test]
fn attempts_that_give_up_hold() {
    assert_holds(&[FIRST, GIVES_UP], 1, 1, [(35_489, 1_078), (19_612, 795), (18_702, 1_043), (14_789, 790)]);
    assert_holds(&[GIVES_UP, FIRST], 1, 1, [(33_700, 895), (18_154, 659), (16_913, 860), (13_331, 654)]);
    assert_holds(&[FIRST, GIVES_UP, FIRST], 0, 0, [(139_251, 397), (44_790, 204), (34_631, 330), (24_900, 204)]);
}

type Wrong = (Variant, Engine, Lake, &'static [Job], Violation, usize);

/// Each wrong variant, the smallest case in which it breaks, and how many states it takes to see that.
const WRONG: [Wrong; 12] = [
    (Variant::NoFence, Engine::Skips, Lake::Fresh, &[FIRST, FIRST], Violation::Duplicate, 1_062),
    (Variant::CheckpointOnly, Engine::Skips, Lake::Fresh, &[FIRST, FIRST], Violation::Audit, 3_661),
    (Variant::RawFenceFirst, Engine::Skips, Lake::Fresh, &[FIRST, FIRST], Violation::Lie, 270),
    (Variant::NoRawFenceOnResume, Engine::Refuses, Lake::Fresh, &[FIRST, FIRST], Violation::Duplicate, 825),
    (Variant::NoRawFenceOnGiveUp, Engine::Refuses, Lake::Fresh, &[FIRST, GIVES_UP], Violation::Audit, 218),
    (Variant::ReadsBeforeClaimOnResume, Engine::Skips, Lake::Fresh, &[FIRST, FIRST], Violation::Loss, 2_656),
    (Variant::ComparesBeforeEvents, Engine::Refuses, Lake::Fresh, &[SECOND, SECOND], Violation::Repeat, 272),
    (Variant::EmptyPageInside, Engine::Refuses, Lake::Aged, &[FIRST, FIRST], Violation::Hole, 1_352),
    (Variant::EmptyPageNotSeen, Engine::Skips, Lake::Aged, &[FIRST, FIRST], Violation::Hole, 1_408),
    (Variant::EndRidesWithClaim, Engine::Refuses, Lake::Fresh, &[SECOND], Violation::Loss, 8),
    (Variant::EventsBeforeRows, Engine::Refuses, Lake::Fresh, &[SECOND], Violation::Lie, 11),
    (Variant::ForgetsTheOtherAccount, Engine::Refuses, Lake::Fresh, &[BOTH, BOTH], Violation::TwoRuns, 91),
];

#[test]
fn each_wrong_variant_breaks() {
    let mut found = Vec::new();
    for (variant, engine, lake, jobs, violation, states) in WRONG {
        let report = report(lake, &Rules { variant, engine, jobs, changes: 0, deletions: 0 });
        println!("  {}", report.story.join("\n  "));
        found.push(((variant, report.violation, report.states), (variant, Some(violation), states)));
    }
    for (found, expected) in found {
        assert_eq!(found, expected);
    }
}

#[test]
fn comparing_before_the_events_are_read_leaves_an_older_state_as_the_newest() {
    let rules = Rules {
        variant: Variant::ComparesBeforeEvents,
        engine: Engine::Refuses,
        jobs: &[SECOND, SECOND],
        changes: 2,
        deletions: 0,
    };
    // An object that changes, lands, and changes back: the attempt that compared before sees its old state, and lands none.
    assert!(matches!(report(Lake::Aged, &rules).violation, Some(Violation::Stale | Violation::Repeat)));
}
