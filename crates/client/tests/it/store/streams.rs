//! Scans and watches, and what breaks them.

use super::contract::{Note, note};
use super::stage::Stage;
use futures_util::StreamExt;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use tenet_client::store::{Changed, IntoKey, Range, StoreErrorKind, Watch};
use tenet_store::engine::Engine;
use tonic::Status;

/// Messages of a scan.
const NOTES: i64 = 60;

async fn with_notes() -> Stage {
    let stage = Stage::with(2).await;
    let notes = stage.of::<Note>();
    for user in ["ann", "bob", "eve"] {
        let mut changes = notes.changes();
        for number in 0..NOTES / 3 {
            changes = changes.put(&note(user, number, &"x".repeat(1000)));
        }
        changes.commit().await.unwrap();
    }
    stage
}

fn names(kept: &[impl std::ops::Deref<Target = Note>]) -> Vec<String> {
    kept.iter().map(|note| format!("{}{}", note.user_id, note.number)).collect()
}

#[tokio::test]
async fn a_scan_that_breaks_goes_on_without_gap_or_double() {
    let stage = with_notes().await;
    let notes = stage.of::<Note>();
    for range in [Range::all(), Range::all().reverse(), Range::record("bob"), Range::all().limit(41)] {
        // A page is a few messages, so that there are many; a stream is cut before its first byte, in the middle of a page, between two and later.
        let range = range.page_bytes(3000);
        let whole = notes.scan(range.clone()).collect().await.unwrap();
        for cuts in
            [vec![0], vec![1], vec![0, 0, 0], vec![3000, 2000, 1, 9000], vec![4000; 8], vec![17_000, 0, 5]]
        {
            let (before, count) = (stage.faults.broken.load(SeqCst), cuts.len());
            *stage.faults.cut.lock().unwrap() = cuts.clone();
            let found = notes.scan(range.clone()).collect().await.unwrap();
            assert_eq!(names(&found), names(&whole), "{cuts:?}");
            assert!(found == whole);
            let broken = usize::try_from(stage.faults.broken.load(SeqCst) - before).unwrap();
            assert!((1..=count).contains(&broken), "{broken} of {cuts:?}");
            stage.faults.cut.lock().unwrap().clear();
        }
    }
}

#[tokio::test]
async fn a_scan_that_only_breaks_ends_with_why() {
    let stage = with_notes().await;
    let notes = stage.of::<Note>();
    *stage.faults.cut.lock().unwrap() = vec![0; 100];
    let mut scan = notes.scan(..);
    let error = scan.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), &StoreErrorKind::Unavailable, "{error:?}");
    assert!(scan.next().await.is_none(), "that was its end");
    // What cannot pass is not tried again.
    *stage.faults.cut.lock().unwrap() = Vec::new();
    *stage.faults.refuse.lock().unwrap() = Some(("Scan", Status::data_loss("damaged")));
    let before = stage.faults.calls("Scan");
    let error = notes.scan(..).collect().await.unwrap_err();
    assert_eq!((error.kind(), stage.faults.calls("Scan") - before), (&StoreErrorKind::Damaged, 1));
}

#[tokio::test]
async fn a_scan_is_a_stream_and_shows_what_comes_after_it() {
    let stage = with_notes().await;
    let notes = stage.of::<Note>();
    let mut scan = notes.scan(Range::of("ann"));
    assert!(scan.watch_from().is_none(), "nothing was asked yet");
    let first: Vec<_> = (&mut scan).take(3).map(Result::unwrap).collect().await;
    assert_eq!(names(&first), ["ann0", "ann1", "ann2"]);
    let from = scan.watch_from().unwrap().to_vec();
    notes.put(&note("ann", 1, "changed")).await.unwrap();
    let mut watch = notes.watch(Some(&from)).await.unwrap();
    let changed = watch.next().await.unwrap().unwrap();
    assert_eq!((changed.key, changed.value.unwrap().text.as_str()), (("ann", 1).into_key(), "changed"));
}

/// What a watch tells until it has told of all of these numbers.
async fn told(watch: &mut Watch<Note>, last: i64) -> Vec<Changed<Note>> {
    let mut all = Vec::new();
    loop {
        let changed = watch.next().await.unwrap().unwrap();
        let number = changed.value.as_ref().map(|note| note.number);
        all.push(changed);
        if number == Some(last) {
            return all;
        }
    }
}

fn numbers(changes: &[Changed<Note>]) -> Vec<Option<i64>> {
    changes.iter().map(|changed| changed.value.as_ref().map(|note| note.number)).collect()
}

#[tokio::test]
async fn a_watch_that_breaks_goes_on_without_gap_or_double() {
    let stage = Stage::with(2).await;
    let notes = stage.of::<Note>();
    for cuts in [vec![], vec![500], vec![30, 40, 2000], vec![0, 0, 700, 1, 3000], vec![1500; 6]] {
        notes.delete_record("ann").await.unwrap();
        let broken = stage.faults.broken.load(SeqCst);
        *stage.faults.cut.lock().unwrap() = cuts.clone();
        let mut watch = notes.watch(None).await.unwrap();
        let writing = async {
            for number in 0..40 {
                notes.put(&note("ann", number, &"x".repeat(100))).await.unwrap();
            }
        };
        let (changes, ()) = tokio::join!(told(&mut watch, 39), writing);
        assert_eq!(numbers(&changes), (0..40).map(Some).collect::<Vec<_>>(), "{cuts:?}");
        assert!(changes.windows(2).all(|two| two[0].version < two[1].version));
        assert_eq!(cuts.is_empty(), stage.faults.broken.load(SeqCst) == broken, "{cuts:?}");
        // Its token goes on behind all of it, also in another watch.
        let token = watch.token().to_vec();
        assert_eq!(token, changes.last().unwrap().token);
        stage.faults.cut.lock().unwrap().clear();
        notes.put(&note("bob", 7, "")).await.unwrap();
        let mut other = notes.watch(Some(&token)).await.unwrap();
        assert_eq!(numbers(&told(&mut other, 7).await), [Some(7)], "{cuts:?}");
    }
}

#[tokio::test]
async fn every_change_has_a_token_behind_which_nothing_is_missed() {
    let stage = Stage::one().await;
    let notes = stage.of::<Note>();
    let from = notes.watch(None).await.unwrap().token().to_vec();
    for number in 0..6 {
        notes.put(&note("ann", number, "")).await.unwrap();
    }
    notes.put(&note("bob", 99, "")).await.unwrap();
    let changes = told(&mut notes.watch(Some(&from)).await.unwrap(), 99).await;
    assert_eq!(changes.len(), 7);
    for (index, changed) in changes.iter().enumerate().take(6) {
        let again = told(&mut notes.watch(Some(&changed.token)).await.unwrap(), 99).await;
        let expected: Vec<_> = changes[index + 1..].iter().map(|changed| changed.version).collect();
        let found: Vec<_> = again.iter().map(|changed| changed.version).collect();
        assert!(found.ends_with(&expected), "behind {index}: {found:?} has all of {expected:?}");
    }
    // One record.
    let mut bob = notes.watch_record("bob", Some(&from)).await.unwrap();
    assert_eq!(numbers(&told(&mut bob, 99).await), [Some(99)]);
}

#[tokio::test]
async fn a_watch_tells_what_is_gone_and_what_is_long() {
    let stage = Stage::one().await;
    let notes = stage.of::<Note>();
    let mut watch = notes.watch(None).await.unwrap();
    notes.put(&note("ann", 1, &"long".repeat(50_000))).await.unwrap();
    let long = watch.next().await.unwrap().unwrap();
    assert_eq!(long.value.unwrap().text.len(), 200_000, "more than a change carries");
    notes.delete(("ann", 1)).await.unwrap();
    let gone = watch.next().await.unwrap().unwrap();
    assert!(gone.value.is_none() && gone.version > long.version);
    assert_eq!(gone.key, ("ann", 1).into_key());
}

#[tokio::test]
async fn a_watch_that_cannot_begin_says_so() {
    let stage = Stage::one().await;
    let notes = stage.of::<Note>();
    let error = notes.watch(Some(b"\xff")).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), &StoreErrorKind::Invalid, "{error:?}");
    let old = notes.watch(None).await.unwrap().token().to_vec();
    notes.put(&note("ann", 1, "")).await.unwrap();
    stage.memory.advance(Duration::from_secs(120));
    notes.put(&note("ann", 2, "")).await.unwrap();
    Engine::upkeep(&*stage.memory, Duration::from_secs(3600), 1000).await.unwrap();
    let error = notes.watch(Some(&old)).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), &StoreErrorKind::TooOld, "{error:?}");
    *stage.faults.refuse.lock().unwrap() = Some(("Watch", Status::unavailable("away")));
    let error = notes.watch(None).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), &StoreErrorKind::Unavailable, "whoever begins is told");
}
