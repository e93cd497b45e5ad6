//! Waves: other processes read new runs of many accounts, and one attempt commits all of them together.
//!
//! - **One claim, one group.** Nothing is committed while a wave is read. Then its claim has RUN_STARTED of all runs that
//!   have a page, and all of the runs without rows; after it come the rows of all pages, and the events about them. The
//!   process looks whether the claim is in the table. The raw table is not fenced, since all runs are new.
//! - **Nothing after it.** No account joins a wave, so no run need stay visibly unfinished: the group ends each run that
//!   was read to its end. A run that was cut off, by an error or by the time, stays open without RUN_FAILED. The next
//!   attempt goes on with it.
//! - **New runs only.** A process that finds an unfinished run has no wave: it makes an attempt of the usual kind.

use super::joins::{CHANGE, DELETION, FAILURE, FRESH, NOTHING, TWO, TWO_SHORT};
use super::{Wrong, assert_each_breaks, assert_holds_in};
use crate::version2::{BOTH, Engine, FIRST, GIVES_UP, Job, SECOND, Variant, Violation};

const WAVE: Job = BOTH.in_wave();

#[test]
fn a_wave_that_wakes_up_behind_an_attempt_holds() {
    assert_holds_in(
        TWO,
        &[WAVE, BOTH],
        CHANGE,
        [(319_131, 3_757), (134_427, 1_669), (181_816, 3_676), (78_980, 1_647)],
    );
    assert_holds_in(
        TWO,
        &[WAVE, BOTH],
        DELETION,
        [(252_221, 3_543), (94_422, 1_413), (146_127, 3_493), (56_076, 1_402)],
    );
    assert_holds_in(TWO, &[WAVE, BOTH], FAILURE, [(97_793, 1_080), (33_091, 429), (58_688, 1_063), (20_667, 424)]);
    assert_holds_in(TWO, &[WAVE, FIRST], [1, 0, 1], [(85_192, 935), (61_378, 818), (56_502, 922), (41_890, 807)]);
}

#[test]
fn an_attempt_that_wakes_up_behind_a_wave_holds() {
    assert_holds_in(TWO, &[SECOND, WAVE], [1, 0, 1], [(25_390, 454), (11_182, 246), (20_990, 454), (10_037, 246)]);
    assert_holds_in(
        TWO,
        &[BOTH, WAVE],
        CHANGE,
        [(319_869, 3_816), (134_788, 1_710), (182_554, 3_735), (79_341, 1_688)],
    );
}

#[test]
fn two_waves_hold_and_what_they_leave_is_gone_on_with() {
    assert_holds_in(
        TWO,
        &[WAVE, WAVE],
        [1, 0, 1],
        [(238_526, 2_528), (128_581, 1_858), (177_766, 2_528), (101_243, 1_858)],
    );
    assert_holds_in(TWO, &[WAVE, GIVES_UP], CHANGE, [(3_239, 161), (2_120, 121), (3_063, 161), (2_012, 121)]);
    assert_holds_in(
        TWO_SHORT,
        &[WAVE, WAVE, BOTH],
        NOTHING,
        [(992_451, 7_049), (632_902, 3_430), (517_239, 7_013), (489_798, 3_430)],
    );
}

const WRONG: [Wrong; 3] = [
    (Variant::NoFence, Engine::Skips, FRESH, &[WAVE, WAVE], Violation::Audit, 3_271),
    (Variant::WaveNotSeen, Engine::Skips, FRESH, &[WAVE, WAVE], Violation::Unclaimed, 1_487),
    (Variant::WaveReadsOn, Engine::Refuses, FRESH, &[WAVE, WAVE], Violation::TwoRuns, 9_670),
];

#[test]
fn each_wrong_wave_breaks() {
    assert_each_breaks(&WRONG, 0);
}
