//! Version 2 of the write protocol, checked state by state.
//!
//! It keeps the promises of version 1, and costs what is new. Its rules, beside those of version 1:
//!
//! - **One fence for an entity.** The accounts of an entity share the app id and the epochs, and a group mixes them. A run
//!   is still that of one account. Accounts join the attempt one after another ([`joins`]), or land together ([`waves`]).
//! - **A raw fence only where a row may be without its event.** An attempt that goes on with a run, gives one up or adopts
//!   one fences the raw table before it reads it. An attempt that begins new runs only does not: the events that it has
//!   read show that no other attempt may still start a run, and its claim shows that none has come since.
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

mod joins;
mod waves;

use crate::checker::{Report, explore};
use crate::version2::{BOTH, Engine, FIRST, GIVES_UP, Job, Rules, SECOND, State, Variant, Violation};

/// The objects that Stripe lists, a bit each: three of account 0 and one of account 1.
const OBJECTS: u8 = 0b0_1111;

#[derive(Debug, Clone, Copy)]
enum Lake {
    Fresh(u8),
    Aged(u8),
}

#[track_caller]
fn report(lake: Lake, rules: &Rules) -> Report<Violation> {
    let first = match lake {
        Lake::Fresh(objects) => State::fresh(objects),
        Lake::Aged(objects) => State::aged(objects),
    };
    let report = explore(&first, rules);
    println!("{lake:?}, {rules:?}: {} states, {:?}", report.states, report.violation);
    report
}

/// States that are reached, and states in which all work is done.
type Count = (usize, usize);

/// Counts of a fresh lake and an aged one, whose tables skip; and the same for tables that refuse.
type Counts = [Count; 4];

#[track_caller]
fn assert_holds_in(lakes: [Lake; 2], jobs: &'static [Job], [changes, deletions, failures]: [u8; 3], counts: Counts) {
    let [fresh, aged] = lakes;
    let cases = [(Engine::Skips, fresh), (Engine::Skips, aged), (Engine::Refuses, fresh), (Engine::Refuses, aged)];
    let found = cases.map(|(engine, lake)| {
        let rules = Rules { variant: Variant::Proposed, engine, jobs, changes, deletions, failures };
        let report = report(lake, &rules);
        assert_eq!(report.violation, None, "{engine:?} {lake:?} {:#?}", report.story);
        (report.states, report.terminal)
    });
    assert_eq!(found, counts);
}

#[track_caller]
fn assert_holds(jobs: &'static [Job], changes: u8, deletions: u8, counts: Counts) {
    assert_holds_in([Lake::Fresh(OBJECTS), Lake::Aged(OBJECTS)], jobs, [changes, deletions, 0], counts);
}

#[test]
fn two_attempts_at_both_accounts_hold() {
    assert_holds(&[BOTH, BOTH], 1, 0, [(3_006_137, 35_375), (633_080, 12_180), (1_120_275, 33_827), (381_118, 12_132)]);
    assert_holds(&[BOTH, BOTH], 0, 1, [(2_272_545, 28_213), (405_291, 8_902), (868_021, 27_155), (260_805, 8_898)]);
}

#[test]
fn attempts_at_both_accounts_and_at_one_of_them_hold() {
    assert_holds(&[BOTH, SECOND], 1, 1, [(1_326_738, 22_278), (372_314, 9_349), (774_463, 22_278), (295_776, 9_349)]);
    assert_holds(
        &[BOTH, SECOND, FIRST],
        0,
        0,
        [(3_383_511, 6_501), (391_276, 1_508), (1_027_834, 5_903), (243_664, 1_508)],
    );
}

#[test]
fn an_attempt_at_one_account_that_wakes_up_behind_one_at_the_other_holds() {
    assert_holds(&[FIRST, SECOND], 1, 1, [(114_901, 1_801), (47_304, 1_190), (70_956, 1_801), (38_869, 1_190)]);
    assert_holds(&[FIRST, SECOND, FIRST], 0, 0, [(431_386, 687), (86_108, 267), (139_286, 577), (54_662, 267)]);
}

#[test]
fn attempts_at_one_account_whose_objects_change_and_vanish_hold() {
    assert_holds(&[FIRST, FIRST], 1, 1, [(352_768, 4_177), (185_161, 2_656), (155_208, 3_721), (114_891, 2_588)]);
    assert_holds(&[FIRST, FIRST, FIRST], 0, 0, [(778_793, 1_139), (225_733, 505), (169_462, 865), (115_189, 505)]);
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
    assert_holds(&[FIRST, GIVES_UP], 1, 1, [(36_501, 1_421), (20_558, 919), (19_714, 1_205), (15_735, 886)]);
    assert_holds(&[GIVES_UP, FIRST], 1, 1, [(34_620, 1_238), (19_014, 783), (17_833, 1_022), (14_191, 750)]);
    assert_holds(&[FIRST, GIVES_UP, FIRST], 0, 0, [(145_657, 534), (48_636, 242), (38_565, 391), (28_086, 242)]);
}

const FRESH: Lake = Lake::Fresh(OBJECTS);
const AGED: Lake = Lake::Aged(OBJECTS);

type Wrong = (Variant, Engine, Lake, &'static [Job], Violation, usize);

/// Each wrong variant, the smallest case in which it breaks, and how many states it takes to see that.
const WRONG: [Wrong; 12] = [
    (Variant::NoFence, Engine::Skips, FRESH, &[FIRST, FIRST], Violation::Duplicate, 1_556),
    (Variant::CheckpointOnly, Engine::Skips, FRESH, &[FIRST, FIRST], Violation::Audit, 3_861),
    (Variant::RawFenceFirst, Engine::Skips, FRESH, &[FIRST, FIRST], Violation::Lie, 342),
    (Variant::NoRawFenceOnResume, Engine::Refuses, FRESH, &[FIRST, FIRST], Violation::Duplicate, 930),
    (Variant::NoRawFenceOnGiveUp, Engine::Refuses, FRESH, &[FIRST, GIVES_UP], Violation::Unclaimed, 194),
    (Variant::ReadsBeforeClaimOnResume, Engine::Skips, FRESH, &[FIRST, FIRST], Violation::Duplicate, 2_160),
    (Variant::ComparesBeforeEvents, Engine::Refuses, FRESH, &[SECOND, SECOND], Violation::Repeat, 272),
    (Variant::EmptyPageInside, Engine::Refuses, AGED, &[FIRST, FIRST], Violation::Hole, 1_490),
    (Variant::EmptyPageNotSeen, Engine::Skips, AGED, &[FIRST, FIRST], Violation::Hole, 1_544),
    (Variant::EndRidesWithClaim, Engine::Refuses, FRESH, &[SECOND], Violation::Loss, 8),
    (Variant::EventsBeforeRows, Engine::Refuses, FRESH, &[SECOND], Violation::Lie, 11),
    (Variant::ForgetsTheOtherAccount, Engine::Refuses, FRESH, &[BOTH, BOTH], Violation::TwoRuns, 819),
];

#[track_caller]
fn assert_each_breaks(wrong: &[Wrong], failures: u8) {
    let mut found = Vec::new();
    for (variant, engine, lake, jobs, violation, states) in wrong.iter().copied() {
        let report = report(lake, &Rules { variant, engine, jobs, changes: 0, deletions: 0, failures });
        println!("  {}", report.story.join("\n  "));
        found.push(((variant, report.violation, report.states), (variant, Some(violation), states)));
    }
    for (found, expected) in found {
        assert_eq!(found, expected);
    }
}

#[test]
fn each_wrong_variant_breaks() {
    assert_each_breaks(&WRONG, 0);
}

#[test]
fn comparing_before_the_events_are_read_leaves_an_older_state_as_the_newest() {
    let rules = Rules {
        variant: Variant::ComparesBeforeEvents,
        engine: Engine::Refuses,
        jobs: &[SECOND, SECOND],
        changes: 2,
        deletions: 0,
        failures: 0,
    };
    // An object that changes, lands, and changes back: the attempt that compared before sees its old state, and lands none.
    assert!(matches!(report(AGED, &rules).violation, Some(Violation::Stale | Violation::Repeat)));
}
