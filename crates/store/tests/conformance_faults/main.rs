//! The conformance suite finds what is wrong: the engine in memory with one fault at a time must fail the checks that are there for it.

#![allow(clippy::unwrap_used)] // a panic in a test is its report

mod fault;
mod faulty;
mod place;

use fault::Fault;
use place::FaultyBench;
use std::sync::Arc;
use std::time::Duration;
use tenet_store::conformance::{Guarantee, Options, Report, Seen, run};

async fn tried(fault: Fault, kept: bool, only: &str) -> Report {
    let deadline = Duration::from_secs(if fault == Fault::Hangs { 1 } else { 60 });
    // In memory a change is told at once or never.
    let patience = Duration::from_millis(100);
    let options = Options { only: only.into(), deadline, patience, ..Options::default() };
    run(Arc::new(FaultyBench { fault, kept }), options).await
}

/// With `fault`, a check whose title contains `check` fails, and its message contains `says`.
async fn check(fault: Fault, kept: bool, check: &str, says: &str) {
    let report = tried(fault, kept, check).await;
    let failures = report.failures();
    assert!(failures.iter().any(|failure| failure.contains(says)), "{fault:?}: {failures:#?}");
    assert!(failures.iter().all(|failure| failure.contains("TENET_CONFORMANCE_SEED=1")), "{failures:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_fault_fails_a_check_that_is_there_for_it() {
    for (fault, title, says) in [
        (Fault::ReadsOldValues, "read: what was acknowledged", "read 1: found"),
        (Fault::ReadsInOrderOfKeys, "read: answers come", "in no order"),
        (Fault::ForgetsTokens, "token: it is known again in the same batch", "again in the batch"),
        (Fault::ForgetsTokens, "token: of many at once", "how many had effect"),
        (Fault::IgnoresFences, "fence: only the token", "nobody holds it"),
        (Fault::IgnoresLaterConditions, "commit: conditions", "row 10"),
        (Fault::HidesWhatWasFound, "commit: conditions", "row 2"),
        (Fault::SplitsRecords, "commit: several records", "r after the refusal"),
        (Fault::ReversesBatches, "commit: a batch is its commits", ""),
        (Fault::TakesAnyBatch, "commit: an empty batch", "one more than the largest"),
        (Fault::GivesNothingAVersion, "commit: a delete removes", "the version of nothing"),
        (Fault::CutsLongKeys, "commit: keys and values", ""),
        (Fault::CutsLongKeys, "scan: a record", ""),
        (Fault::IgnoresTimes, "expiry: what is over is gone for reads", "r/a"),
        (Fault::KeepsNoHouse, "expiry: upkeep removes", "items removed"),
        (Fault::KeepsNoHouse, "expiry: upkeep tells the feed", "what the feed tells"),
        (Fault::KeepsNoHouse, "chunk: staged chunks", "older than tokens are kept"),
        (Fault::ScansPastTheEnd, "scan: a record", ""),
        (Fault::ScansPastTheEnd, "scan: bounds in the wrong order", ""),
        (Fault::ScansForwardOnly, "scan: a record", "reverse: true"),
        (Fault::SaysNoMore, "scan: a record", "items: 1"),
        (Fault::ScansPagesOfAnySize, "scan: a record", "bytes before the last item"),
        (Fault::LosesChanges, "feed: every change", "the changes of"),
        (Fault::LosesChanges, "property", "the feed of"),
        (Fault::BeginsLate, "feed: the end is where", "round 0"),
        (Fault::NeverTooOld, "feed: what is past its retention", "expected that it is too old"),
        (Fault::ForgetsIndexes, "index: entries follow", "by colour"),
        (Fault::ForgetsIndexes, "index: a unique index", "expected that the value is taken"),
        (Fault::TakesAnyLayout, "index: a commit of another layout", "another layout"),
        (Fault::ReadsItemByItem, "concurrent: the histories of many", "the record never was so"),
        (Fault::CopiesWhatIsWritten, "backup: a snapshot under writes", ""),
        (Fault::LeavesOutTokens, "backup: what is loaded", "what does not differ"),
        (Fault::AddsWithoutALock, "concurrent: no sum is lost", ""),
        (Fault::ComparesWithoutALock, "concurrent: one of many sets", "winners"),
        (Fault::ComparesWithoutALock, "concurrent: the histories of many", ""),
        (Fault::Panics, "size", "panicked"),
        (Fault::Hangs, "feed: the end is where", "no end within 1 s"),
        (Fault::ClaimsDurability, "durability: records are there", ""),
    ] {
        check(fault, false, title, says).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_property_alone_finds_wrong_decisions() {
    for fault in [
        Fault::ForgetsTokens,
        Fault::IgnoresFences,
        Fault::IgnoresLaterConditions,
        Fault::SplitsRecords,
        Fault::GivesNothingAVersion,
        Fault::IgnoresTimes,
        Fault::ReversesBatches,
        Fault::ForgetsIndexes,
    ] {
        check(fault, false, "property", "after\n  ").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_matrix_says_what_was_seen_and_not_what_is_claimed() {
    let seen = |report: &Report, guarantee| {
        report.rows.iter().find(|row| row.guarantee == guarantee).map(|row| (row.claimed, row.seen)).unwrap()
    };
    let report = tried(Fault::None, false, "durability").await;
    assert_eq!(seen(&report, Guarantee::Durable), (false, Seen::No));
    assert!(report.failures().is_empty(), "what is not claimed is no failure: {report}");
    let report = tried(Fault::ClaimsDurability, false, "durability").await;
    assert_eq!(seen(&report, Guarantee::Durable), (true, Seen::No));
    assert!(!report.failures().is_empty());
    let report = tried(Fault::ClaimsLittle, false, "several records").await;
    assert_eq!(seen(&report, Guarantee::AtomicAcrossRecords), (false, Seen::Yes));
    assert_eq!(report.unclaimed(), [Guarantee::AtomicAcrossRecords]);
    assert!(
        report.to_string().contains("| atomic across records | no | yes, though not claimed |"),
        "{report}"
    );
    let report = tried(Fault::None, false, "sharing").await;
    assert_eq!(seen(&report, Guarantee::Sharing), (true, Seen::NotTried));
    assert!(report.not_tried().iter().any(|line| line.contains("cannot open a second process")), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_engine_that_keeps_what_it_holds_conforms_whatever_is_done_to_it() {
    let report = tried(Fault::None, true, "").await;
    println!("{report}");
    assert!(report.failures().is_empty(), "{}", report.failures().join("\n"));
    assert!(report.not_tried().is_empty(), "{:?}", report.not_tried());
    let unseen = report.rows.iter().filter(|row| row.seen != Seen::Yes).map(|row| row.guarantee);
    assert_eq!(unseen.collect::<Vec<Guarantee>>(), Vec::new(), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_goes_wrong_under_harm_is_found() {
    for (fault, title, says) in [
        (Fault::LosesWhatWasAcknowledged, "survives a kill", "was acknowledged, 0 is there"),
        (Fault::TearsWrites, "survives a kill", "the two items of one write"),
        (Fault::SaysThatNothingHappened, "survives a kill", "though the answer was that it did not"),
        (Fault::ServesDamage, "damage is found", "byte 0, record 0"),
        (Fault::OverlooksDamage, "damage is found", "none was found"),
        (Fault::WritesWithoutRoom, "without room", "what was refused"),
        (Fault::ClaimsToBeExclusive, "let in or refused", "a second process was let in"),
        (Fault::RefusesASecond, "let in or refused", "a second process was refused"),
        (Fault::SecondsAreApart, "sees at once", ""),
    ] {
        check(fault, true, title, says).await;
    }
}
