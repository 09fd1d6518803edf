//! A primary that ends and a replica that takes its place.

use super::faults::{add_until, number};
use super::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use tenet_store::engine::EngineError;

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_is_followed_and_nothing_acknowledged_is_lost() {
    let test = "a_promotion_is_followed_and_nothing_acknowledged_is_lost";
    let Some(primary) = Server::start(test, &["wal_level=replica"]) else { return };
    let replica = primary.replica(&[]);
    // From here on a commit waits for the replica.
    primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
    primary.sql("SELECT pg_reload_conf()");
    let engine = Postgres::open(config(replica.url_with(&primary), "promoted")).await.unwrap();
    let users = declare(&engine, "users").await;
    let begin = engine.end_of_changes(users).await.unwrap();
    let only = Postgres::open(config(replica.url(), "promoted")).await.err().map(|error| error.to_string());
    assert!(only.as_ref().is_some_and(|text| text.contains("it is a replica")), "{only:?}");
    eventually("the replica to be waited for", || async {
        (primary.sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "1")
            .then_some(())
    })
    .await;

    let stop = AtomicBool::new(false);
    let primary = Mutex::new(primary);
    let records: Vec<String> = (0..8).map(|n| format!("u{n}")).collect();
    let writers =
        futures_util::future::join_all(records.iter().map(|record| add_until(&engine, users, record, &stop)));
    let promotion = async {
        let some = |than| {
            let engine = &engine;
            async move {
                eventually("some commits", || async {
                    (engine.statistics().transactions > than + 100).then_some(())
                })
                .await;
            }
        };
        some(engine.statistics().transactions).await;
        tokio::task::block_in_place(|| {
            primary.lock().unwrap().kill();
            replica.promote();
        });
        // Only what reached the new primary counts: sessions on it, and what it says.
        eventually("a write on the new primary", || async {
            engine.commit(vec![put(users, &["new"], None, "v")]).await.ok()
        })
        .await;
        some(engine.statistics().transactions).await;
        stop.store(true, Ordering::Relaxed);
    };
    let (acknowledged, ()) = futures_util::future::join(writers, promotion).await;
    let mut total = 1;
    for (record, acknowledged) in records.iter().zip(acknowledged) {
        assert_eq!(number(&engine, users, record).await, acknowledged, "{record}");
        total += usize::try_from(acknowledged).unwrap();
    }
    // The log goes on over the promotion, in order and whole.
    let mut at = begin;
    let mut seen = Vec::new();
    let until = Instant::now() + PATIENCE;
    while seen.len() < total {
        assert!(Instant::now() < until, "{} of {total} changes", seen.len());
        let page = engine.changes(users, at, 100).await.unwrap();
        at = page.next;
        seen.extend(page.changes);
    }
    for record in &records {
        let of = seen.iter().filter(|change| change.item.record.id == record.as_bytes());
        assert!(of.map(|change| change.version).collect::<Vec<_>>().is_sorted(), "{record}");
    }

    // The old primary comes back as if it had never been replaced: a process that knows the new one does not use it.
    let mut primary = primary.into_inner().unwrap();
    primary.restart();
    drop(replica);
    let old = eventually("the new primary to be gone", || async {
        engine.commit(vec![put(users, &["u"], None, "v")]).await.err()
    })
    .await;
    assert!(matches!(old, EngineError::Unavailable(_) | EngineError::Unknown(_)), "{old}");
    let old = eventually("the old primary to be found", || async {
        let error = engine.commit(vec![put(users, &["u"], None, "v")]).await.err()?.to_string();
        error.contains("it was replaced").then_some(error)
    })
    .await;
    assert!(old.contains("timeline is 1, and 2 was seen"), "{old}");
}
