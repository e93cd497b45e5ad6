//! Later changes of objects.
mod attempt;
mod chance;
mod coverage;
mod history;
mod job;
mod lake;
mod plan;
mod reading;
mod rules;
mod world;

use rules::{Changes, Fault, Variant};
use std::collections::BTreeMap;

fn survey(variant: Variant, changes: Changes, n: u64) -> BTreeMap<Fault, (usize, u64)> {
    let mut found: BTreeMap<Fault, (usize, u64)> = BTreeMap::new();
    let (mut kills, mut requests, mut rows, mut unchanged, mut failed) = (0, 0, 0, 0, 0);
    for seed in 0..n {
        let report = history::history(seed, variant, changes);
        kills += report.kills;
        requests += report.requests;
        rows += report.rows;
        unchanged += report.unchanged;
        failed += usize::from(!report.faults.is_empty());
        let mut faults = report.faults;
        faults.sort();
        faults.dedup();
        for fault in faults {
            found.entry(fault).or_insert((0, seed)).0 += 1;
        }
    }
    println!(
        "{variant:?} {changes:?}: {n} histories, {kills} kills, {requests} requests, {rows} rows, {unchanged} unchanged, {failed} failed {found:?}"
    );
    found
}

#[test]
fn right() {
    let n = 10000;
    survey(Variant::Right, Changes::Read, n);
    survey(Variant::Right, Changes::Events, n);
}
#[test]
fn all() {
    use Variant::*;
    for changes in [Changes::Read, Changes::Events] {
        for variant in [
            Right,
            NoLookbackOnEvents,
            DeletesInOldWindowsOnly,
            NewestUnconsumedEvent,
            OrderOfEventIds,
            TodaysSourceTo,
            DueByTodaysClock,
            JumpWithoutBottom,
            EdgeReadOut,
            ResumesInsideASecond,
            ResumesBelowARecoveredEdge,
            DeletionIsNoContent,
            BodyOfATie,
            BodyOverANewerRow,
            NoGap,
            GapAtTheStart,
            GapByTheWatermark,
            GapComparesContents,
            BodyCountsAsListed,
            NoWatermarkIsAFirstRun,
            NoDueList,
            NoRelist,
        ] {
            survey(variant, changes, 3000);
        }
    }
}

#[test]
fn one() {
    let text = std::env::var("DUMP").unwrap_or_default();
    let mut parts = text.split(' ');
    let (Some(seed), Some(mode), Some(v)) = (parts.next(), parts.next(), parts.next()) else { return };
    let variant = match v {
        "right" => Variant::Right,
        "resumes" => Variant::ResumesInsideASecond,
        "edge" => Variant::ResumesBelowARecoveredEdge,
        _ => panic!(),
    };
    println!(
        "{:?}",
        history::history(seed.parse().unwrap(), variant, if mode == "read" { Changes::Read } else { Changes::Events })
    );
}
mod children;
#[test]
fn kids() {
    use children::Variant::*;
    for v in [
        Right,
        ForgetsTheHeld,
        HeldWithoutParent,
        BehindTheInline,
        StalePointer,
        ReaderIgnoresThePointer,
        CutParentsDoNotLandAgain,
        ChildrenLandOnce,
    ] {
        children::survey(v, 3000);
    }
}
