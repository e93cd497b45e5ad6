//! Accounts that join an attempt late, and the rivals of such an attempt.
//!
//! An entity may have thousands of accounts, so an attempt does not wait for all their first pages:
//!
//! - **Late joins.** The claim has RUN_STARTED of the accounts whose first pages have come. Other accounts join in later
//!   commits of events. The process looks whether such a commit is in the table, and appends their rows only then. What
//!   joins and lands no row is one commit, as in a claim.
//! - **An anchor.** While accounts are still to join, one run of the attempt is visibly unfinished: if a commit would end
//!   the last one, one end waits for a later commit. That may be RUN_COMPLETED or RUN_FAILED. So the events show a rival
//!   whether the newest attempt may still start runs. An account whose reading fails before its first page does not join.
//! - **Adoption.** A process plans from the events of all accounts. If it has nothing to go on with, and the newest attempt
//!   has left a run unfinished, it claims that run, whichever account it is of, and fences the raw table. A process that
//!   goes on with a run of its own, however old, needs no other. Both read the events again after the fences: what has
//!   begun since the plan is started again and gone on with, and only what is still without a run gets a new one.
//!   The adopted run is not read: it ends with RUN_FAILED, and its rows without events are left to the attempt that goes
//!   on with it.
//! - **A claim of nothing is no anchor.** If all runs of such a claim were over before it, the process starts over with
//!   a new epoch. Else a rival sees no unfinished run, and both begin one.
//! - **A failure ends one run.** RUN_FAILED stands behind the pages of the account, and the other accounts go on. The run
//!   is unfinished, and the next attempt goes on with it. It needs no adoption, since its attempt has left it.
//!
//! One more promise follows: each row and event is of a run that its attempt has started, and that has had no end since
//! ([`Violation::Unclaimed`]).

use super::{Lake, Wrong, assert_each_breaks, assert_holds_in};
use crate::version2::{ALL, BOTH, Engine, FIRST, Job, SECOND, THIRD, Variant, Violation};

const FIRST_AND_THIRD: Job = Job::at(0b101);
const SECOND_AND_THIRD: Job = Job::at(0b110);

/// Two pages of account 0 and one of account 1. In the aged lake the first page of account 0 is new.
pub(super) const TWO: [Lake; 2] = [Lake::Fresh(0b0_1110), Lake::Aged(0b0_1101)];
/// A page of each account; and an aged lake in which nothing is new but a change.
pub(super) const TWO_SHORT: [Lake; 2] = [Lake::Fresh(0b0_1010), Lake::Aged(0b0_1110)];
/// Three accounts: of one page each, and with a second page of account 0.
const THREE: [Lake; 2] = [Lake::Fresh(0b1_1010), Lake::Aged(0b1_1001)];
const THREE_LONG: [Lake; 2] = [Lake::Fresh(0b1_1110), Lake::Aged(0b1_1101)];

/// Aged lakes whose accounts 1 and 2 land nothing. Account 0 has a new object, or nothing new.
const THREE_AGED: [Lake; 2] = [Lake::Aged(0b1_1001), Lake::Aged(0b1_1010)];

pub(super) const CHANGE: [u8; 3] = [1, 0, 0];
pub(super) const DELETION: [u8; 3] = [0, 1, 0];
pub(super) const FAILURE: [u8; 3] = [0, 0, 1];
pub(super) const NOTHING: [u8; 3] = [0; 3];

#[test]
fn two_attempts_whose_accounts_join_late_hold() {
    assert_holds_in(
        TWO,
        &[BOTH, BOTH],
        CHANGE,
        [(536_055, 9_176), (218_203, 3_956), (293_853, 9_014), (119_471, 3_912)],
    );
    assert_holds_in(
        TWO,
        &[BOTH, BOTH],
        DELETION,
        [(418_327, 7_178), (149_023, 2_685), (229_249, 7_078), (80_055, 2_663)],
    );
    assert_holds_in(
        TWO,
        &[BOTH, BOTH],
        [0, 0, 2],
        [(224_012, 2_705), (72_747, 1_063), (130_410, 2_669), (43_047, 1_051)],
    );
    assert_holds_in(TWO, &[BOTH, SECOND], [1, 0, 1], [(107_785, 1_605), (46_696, 887), (73_674, 1_605), (33_049, 887)]);
    assert_holds_in(TWO, &[BOTH, SECOND], [0, 1, 1], [(84_654, 1_463), (31_505, 741), (59_160, 1_463), (22_791, 741)]);
}

#[test]
fn three_attempts_that_adopt_hold() {
    assert_holds_in(
        TWO_SHORT,
        &[BOTH, BOTH, BOTH],
        NOTHING,
        [(1_814_599, 8_075), (1_702_979, 18_841), (866_115, 8_039), (1_320_291, 18_841)],
    );
    assert_holds_in(
        TWO_SHORT,
        &[BOTH, SECOND, SECOND],
        FAILURE,
        [(189_653, 1_159), (91_455, 437), (121_213, 1_159), (76_250, 437)],
    );
    assert_holds_in(
        TWO,
        &[FIRST, SECOND, SECOND],
        FAILURE,
        [(111_604, 297), (38_339, 126), (68_443, 297), (25_233, 126)],
    );
    assert_holds_in(
        TWO,
        &[BOTH, SECOND, FIRST],
        NOTHING,
        [(789_264, 2_683), (221_171, 905), (378_825, 2_584), (111_256, 878)],
    );
    assert_holds_in(
        TWO_SHORT,
        &[BOTH, SECOND, FIRST],
        FAILURE,
        [(207_051, 1_309), (200_943, 1_208), (133_809, 1_309), (167_934, 1_208)],
    );
    assert_holds_in(
        TWO_SHORT,
        &[FIRST, SECOND, BOTH],
        FAILURE,
        [(203_721, 1_211), (198_568, 1_145), (131_214, 1_211), (165_788, 1_145)],
    );
}

#[test]
fn one_account_that_fails_one_that_goes_on_and_one_that_is_new_hold() {
    assert_holds_in(
        THREE_LONG,
        &[BOTH, ALL],
        FAILURE,
        [(1_611_093, 19_595), (264_965, 4_643), (904_373, 19_400), (149_765, 4_606)],
    );
    assert_holds_in(
        THREE,
        &[ALL, ALL],
        FAILURE,
        [(1_086_386, 21_532), (98_963, 2_556), (650_012, 21_532), (67_137, 2_556)],
    );
    assert_holds_in(
        THREE,
        &[ALL, SECOND_AND_THIRD],
        [1, 0, 1],
        [(1_475_266, 27_693), (236_473, 4_943), (971_603, 27_693), (173_202, 4_943)],
    );
}

#[test]
fn rivals_that_take_over_in_the_middle_of_a_group_hold() {
    assert_holds_in(
        THREE,
        &[BOTH, THIRD, SECOND],
        FAILURE,
        [(292_443, 1_298), (39_291, 272), (192_053, 1_298), (27_876, 272)],
    );
    assert_holds_in(
        THREE,
        &[ALL, THIRD, SECOND],
        NOTHING,
        [(1_474_003, 6_178), (87_473, 520), (897_785, 6_178), (64_767, 520)],
    );
    assert_holds_in(
        THREE,
        &[FIRST, ALL, SECOND],
        FAILURE,
        [(2_678_996, 11_650), (265_374, 2_185), (1_586_318, 11_650), (184_183, 2_185)],
    );
    assert_holds_in(
        THREE_AGED,
        &[BOTH, ALL, THIRD],
        FAILURE,
        [(916_232, 6_081), (82_932, 1_470), (560_031, 6_081), (80_673, 1_470)],
    );
}

/// The second process goes on with one run of the first, and leaves the other; the third goes on with that one.
#[test]
fn an_older_run_that_is_left_alone_holds() {
    assert_holds_in(
        THREE,
        &[BOTH, FIRST_AND_THIRD, SECOND_AND_THIRD],
        NOTHING,
        [(3_834_673, 13_289), (201_299, 822), (1_908_225, 13_289), (119_259, 822)],
    );
}

pub(super) const FRESH: Lake = TWO[0];

/// Each wrong variant, the smallest case in which it breaks, and how many states it takes to see that.
const WRONG: [Wrong; 7] = [
    (Variant::NoAnchor, Engine::Refuses, FRESH, &[BOTH, SECOND], Violation::TwoRuns, 3_751),
    (Variant::IgnoresOtherAccounts, Engine::Refuses, FRESH, &[BOTH, SECOND], Violation::TwoRuns, 1_737),
    (Variant::JoinNotSeen, Engine::Skips, FRESH, &[BOTH, SECOND], Violation::Unclaimed, 1_496),
    (Variant::RowsBeforeJoin, Engine::Refuses, FRESH, &[BOTH, SECOND], Violation::Unclaimed, 250),
    (Variant::PlansBeforeAdoption, Engine::Refuses, FRESH, &[BOTH, SECOND], Violation::TwoRuns, 3_518),
    (Variant::NoRawFenceOnAdoption, Engine::Refuses, FRESH, &[BOTH, SECOND], Violation::Duplicate, 4_004),
    (Variant::JoinsWithoutClaimedRun, Engine::Refuses, FRESH, &[FIRST, SECOND, SECOND], Violation::TwoRuns, 24_718),
];

#[test]
fn each_wrong_variant_breaks() {
    assert_each_breaks(&WRONG, 0);
}

const WRONG_IF_ONE_FAILS: [Wrong; 3] = [
    (Variant::FailedIsAnchor, Engine::Refuses, FRESH, &[BOTH, SECOND], Violation::TwoRuns, 7_593),
    (Variant::FailedIsOver, Engine::Refuses, FRESH, &[BOTH, BOTH], Violation::TwoRuns, 9_893),
    (Variant::CompletesFailed, Engine::Refuses, FRESH, &[BOTH], Violation::Loss, 102),
];

#[test]
fn each_wrong_variant_breaks_if_an_account_fails() {
    assert_each_breaks(&WRONG_IF_ONE_FAILS, 1);
}
