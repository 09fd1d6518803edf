//! Read, change, write: nothing is lost, whoever else writes.

use super::contract::{Counter, Note, counter, note};
use super::stage::Stage;
use prost::Message;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use tenet_client::store::{Change, StoreError, StoreErrorKind};
use tenet_service::Fault;
use tokio::task::JoinSet;
use tonic::{Code, Status};

/// Turns of each task.
const TURNS: u64 = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_count_in_one_record_lose_nothing() {
    let stage = Stage::with(2).await;
    for tasks in [1, 2, 8] {
        let name = format!("of {tasks}");
        let mut counting = JoinSet::new();
        for _ in 0..tasks {
            let (counters, name) = (stage.of::<Counter>(), name.clone());
            counting.spawn(async move {
                let mut versions = Vec::new();
                for _ in 0..TURNS {
                    let one_more = |found: Option<Counter>| {
                        let count = found.map_or(0, |counter| counter.count) + 1;
                        Ok::<_, StoreError>(Change::Put(counter(&name, count)))
                    };
                    let kept = counters.update(&name, one_more).await.unwrap().unwrap();
                    versions.push((kept.version, kept.count));
                }
                versions
            });
        }
        let mut seen = Vec::new();
        while let Some(versions) = counting.join_next().await {
            seen.extend(versions.unwrap());
        }
        seen.sort_unstable();
        let counts: Vec<u64> = seen.iter().map(|(_, count)| *count).collect();
        assert_eq!(
            counts,
            (1..=tasks * TURNS).collect::<Vec<_>>(),
            "each count once, in the order of versions"
        );
        let kept = stage.of::<Counter>().get(&name).await.unwrap().unwrap();
        assert_eq!((kept.count, kept.version), (tasks * TURNS, seen.last().unwrap().0));
    }
}

#[tokio::test]
async fn a_change_may_be_any() {
    let stage = Stage::one().await;
    let counters = stage.of::<Counter>();
    let put = |count| move |_: Option<Counter>| Ok::<_, StoreError>(Change::Put(counter("a", count)));
    let is = |change: Change<Counter>| move |_: Option<Counter>| Ok::<_, StoreError>(change.clone());

    assert!(counters.update("a", is(Change::Keep)).await.unwrap().is_none());
    assert!(counters.update("a", is(Change::Delete)).await.unwrap().is_none());
    assert_eq!(stage.faults.calls("Mutate"), 0, "nothing there, nothing to do");
    let made = counters.update("a", put(1)).await.unwrap().unwrap();
    let kept = counters.update("a", is(Change::Keep)).await.unwrap().unwrap();
    assert_eq!((kept.count, kept.version), (1, made.version));
    let changed = counters.update("a", put(2)).await.unwrap().unwrap();
    assert!(changed.count == 2 && changed.version > made.version);
    assert!(counters.update("a", is(Change::Delete)).await.unwrap().is_none());
    assert!(counters.get("a").await.unwrap().is_none());

    // What refuses passes through, of whatever type, and nothing is written.
    counters.update("a", put(3)).await.unwrap();
    let refuse =
        |_: Option<Counter>| Err::<Change<Counter>, _>(Status::from(Fault::failed_precondition("Enough.")));
    let status = counters.update("a", refuse).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, "Enough."));
    // A message stays under its key.
    let error = counters.update("a", is(Change::Put(counter("b", 1)))).await.unwrap_err();
    assert_eq!(error.to_string(), "notes/counter (\"a\"): expected its key to stay, found (\"b\")");
    assert_eq!(counters.get("a").await.unwrap().unwrap().count, 3);
}

#[tokio::test]
async fn what_a_newer_version_has_written_stays() {
    /// A note as a later version of the service has it.
    #[derive(Clone, PartialEq, Message)]
    struct NewNote {
        #[prost(string, tag = "1")]
        user_id: String,
        #[prost(int64, tag = "2")]
        number: i64,
        #[prost(string, tag = "3")]
        text: String,
        #[prost(string, repeated, tag = "11")]
        tags: Vec<String>,
    }
    impl prost::Name for NewNote {
        const NAME: &'static str = "Note";
        const PACKAGE: &'static str = "notes.v1";
    }

    let stage = Stage::one().await;
    let (notes, new_notes) = (stage.of::<Note>(), stage.of::<NewNote>());
    let tags = vec!["x".to_owned(), "y".to_owned()];
    let new =
        |text: &str| NewNote { user_id: "ann".into(), number: 1, text: text.into(), tags: tags.clone() };
    new_notes.put(&new("one")).await.unwrap();
    let change =
        |found: Option<Note>| Ok::<_, StoreError>(Change::Put(Note { text: "uno".into(), ..found.unwrap() }));
    notes.update(("ann", 1), change).await.unwrap();
    assert_eq!(new_notes.get(("ann", 1)).await.unwrap().unwrap().value, new("uno"));
    // A put is all there is.
    notes.put(&note("ann", 1, "eins")).await.unwrap();
    assert!(new_notes.get(("ann", 1)).await.unwrap().unwrap().tags.is_empty());
}

#[tokio::test]
async fn one_who_never_wins_hears_of_it_by_the_deadline() {
    let stage = Stage::one().await;
    let counters = stage.of::<Counter>();
    let lost = Status::from(Fault::failed_precondition("No.").reason("CONDITION_FAILED", "store.tenet"));
    *stage.faults.refuse.lock().unwrap() = Some(("Mutate", lost));
    let turns = AtomicUsize::new(0);
    let change = |_: Option<Counter>| {
        turns.fetch_add(1, SeqCst);
        Ok::<_, StoreError>(Change::Put(counter("a", 1)))
    };
    let context = tenet_service::Context::background().with_timeout(std::time::Duration::from_secs(2));
    let error = context.scope(counters.update("a", change)).await.unwrap_err();
    assert_eq!(error.kind(), &StoreErrorKind::DeadlineExceeded);
    assert!(turns.load(SeqCst) > 1, "it was tried again");
}
