//! Every call that a collection has, when all goes well.

use super::contract::{Account, Counter, Note, Session, account, counter, note};
use super::stage::Stage;
use prost_types::Timestamp;
use std::time::{Duration, SystemTime};
use tenet_client::store::{Range, StoreErrorKind};

#[tokio::test]
async fn what_is_written_is_read() {
    let stage = Stage::one().await;
    let notes = stage.of::<Note>();
    assert!(notes.get(("ann", 1)).await.unwrap().is_none());
    let first = notes.put(&note("ann", 1, "one")).await.unwrap();
    let kept = notes.get(("ann", 1)).await.unwrap().unwrap();
    assert_eq!((kept.text.as_str(), kept.version, kept.age), ("one", first, Duration::ZERO));
    assert!(kept.expires.is_none() && kept.updated > SystemTime::UNIX_EPOCH);
    let second = notes.put(&note("ann", 1, "uno")).await.unwrap();
    assert!(second > first);

    // Where there is none, or this one.
    let found = |error: tenet_client::store::StoreError| error.kind().clone();
    let conflict = |version| StoreErrorKind::Conflict { found: version };
    assert_eq!(found(notes.insert(&note("ann", 1, "x")).await.unwrap_err()), conflict(Some(second)));
    let third = notes.replace(&note("ann", 1, "eins"), second).await.unwrap();
    assert_eq!(found(notes.replace(&note("ann", 1, "x"), second).await.unwrap_err()), conflict(Some(third)));
    assert_eq!(found(notes.replace(&note("ann", 9, "x"), second).await.unwrap_err()), conflict(None));
    assert_eq!(found(notes.delete_version(("ann", 1), second).await.unwrap_err()), conflict(Some(third)));
    assert_eq!(notes.get(("ann", 1)).await.unwrap().unwrap().text, "eins");

    notes.delete_version(("ann", 1), third).await.unwrap();
    notes.delete(("ann", 1)).await.unwrap();
    assert!(notes.get(("ann", 1)).await.unwrap().is_none());
    let again = notes.insert(&note("ann", 1, "one")).await.unwrap();
    assert!(again > third, "versions are not used again");
}

#[tokio::test]
async fn records_are_read_and_removed_whole() {
    let stage = Stage::one().await;
    let notes = stage.of::<Note>();
    for (user, numbers) in [("ann", -1..3), ("bob", 0..1)] {
        for number in numbers {
            notes.put(&note(user, number, &number.to_string())).await.unwrap();
        }
    }
    let numbers = async |user: &str| {
        let kept = notes.record(user).await.unwrap();
        kept.iter().map(|note| note.number).collect::<Vec<_>>()
    };
    assert_eq!(numbers("ann").await, [-1, 0, 1, 2]);
    notes.delete_record("ann").await.unwrap();
    assert_eq!((numbers("ann").await, numbers("bob").await), (vec![], vec![0]));
}

#[tokio::test]
async fn a_record_of_more_than_one_answer_is_read_in_steps() {
    let stage = Stage::one().await;
    let notes = stage.of::<Note>();
    for hundred in 0..12 {
        let mut changes = notes.changes();
        for number in hundred * 100..(hundred + 1) * 100 {
            changes = changes.put(&note("ann", number, ""));
        }
        changes.commit().await.unwrap();
    }
    let kept = notes.record("ann").await.unwrap();
    assert!(kept.iter().map(|note| note.number).eq(0..1200));
    assert!(stage.faults.calls("Get") > 1, "one answer has 1000 at most");
}

#[tokio::test]
async fn many_are_read_in_the_order_that_they_were_asked_for() {
    let stage = Stage::one().await;
    let (notes, counters) = (stage.of::<Note>(), stage.of::<Counter>());
    for number in 0..250 {
        counters.put(&counter(&format!("c{number}"), number)).await.unwrap();
    }
    notes.put(&note("ann", 1, "one")).await.unwrap();
    notes.put(&note("ann", 2, "two")).await.unwrap();
    let asked = [("ann", 2), ("bob", 1), ("ann", 1), ("ann", 2)];
    let texts: Vec<_> = notes
        .get_many(asked)
        .await
        .unwrap()
        .into_iter()
        .map(|kept| kept.map(|kept| kept.value.text))
        .collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(texts, [text("two"), None, text("one"), text("two")]);

    let before = stage.faults.calls("BatchGet");
    let counts = counters.get_many((0..260).rev().map(|number| format!("c{number}"))).await.unwrap();
    let counts: Vec<_> = counts.into_iter().map(|kept| kept.map(|kept| kept.count)).collect();
    assert_eq!(counts, (0..260).rev().map(|count| (count < 250).then_some(count)).collect::<Vec<_>>());
    assert_eq!(stage.faults.calls("BatchGet") - before, 3, "a hundred records a call");
    assert!(counters.get_many(Vec::<String>::new()).await.unwrap().is_empty());
}

#[tokio::test]
async fn changes_happen_together_or_not_at_all() {
    let stage = Stage::one().await;
    let accounts = stage.of::<Account>();
    let (ann, bob) = (account("ann", 5), account("bob", 0));
    let version = accounts.changes().insert(&ann).insert(&bob).commit().await.unwrap();
    let kept = accounts.get_many(["ann", "bob"]).await.unwrap();
    assert!(kept.iter().all(|kept| kept.as_ref().is_some_and(|kept| kept.version == version)));

    let moved =
        accounts.changes().replace(&account("ann", 2), version).replace(&account("bob", 3), version + 7);
    let error = moved.commit().await.unwrap_err();
    assert_eq!(error.kind(), &StoreErrorKind::Conflict { found: Some(version) });
    assert_eq!((error.collection(), error.key()), ("notes/account", Some("(\"bob\")")), "which of them");
    assert_eq!(accounts.get("ann").await.unwrap().unwrap().amount, 5);

    let moved =
        accounts.changes().replace(&account("ann", 2), version).require("bob", Some(version)).delete("eve");
    moved.require("eve", None).commit().await.unwrap();
    assert_eq!(accounts.get("ann").await.unwrap().unwrap().amount, 2);
    accounts.changes().delete("ann").delete_version("bob", version).commit().await.unwrap();
    assert!(accounts.get_many(["ann", "bob"]).await.unwrap().iter().all(Option::is_none));

    // Only where the schema says so.
    let counters = stage.of::<Counter>();
    let error = counters.changes().put(&counter("a", 1)).put(&counter("b", 1)).commit().await.unwrap_err();
    assert!(error.to_string().contains("atomic_across_records, found those of (\"a\"), (\"b\")"), "{error}");
    let error = counters.changes().delete(5).put(&counter("b", 1)).commit().await.unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::Key { .. }), "{error}");
    assert!(counters.get("b").await.unwrap().is_none());
}

#[tokio::test]
async fn what_says_that_it_is_gone_is_gone() {
    let stage = Stage::one().await;
    let sessions = stage.of::<Session>();
    let session = |id: &str, seconds: i64| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let seconds = i64::try_from(now).unwrap() + seconds;
        Session { id: id.into(), expires: Some(Timestamp { seconds, nanos: 0 }) }
    };
    sessions.put(&session("long", 1000)).await.unwrap();
    sessions.put(&session("over", -5)).await.unwrap();
    let long = sessions.get("long").await.unwrap().unwrap();
    let stays = long.expires.unwrap().duration_since(long.updated).unwrap();
    assert!((900..1200).contains(&stays.as_secs()), "{stays:?}: as it says, and up to a tenth more");
    assert!(sessions.get("over").await.unwrap().is_none());
    assert!(sessions.get_many(["over", "long"]).await.unwrap()[0].is_none());
    let all = sessions.scan(..).collect().await.unwrap();
    assert_eq!(all.iter().map(|kept| kept.id.as_str()).collect::<Vec<_>>(), ["long"]);
    // The store may still have it; it is in nobody's way.
    sessions.insert(&session("over", 500)).await.unwrap();
    assert!(sessions.insert(&session("over", 500)).await.unwrap_err().is_conflict());
    assert!(sessions.get("over").await.unwrap().is_some());
    stage.memory.advance(Duration::from_secs(2000));
    let all = sessions.scan(Range::all()).collect().await.unwrap();
    assert!(all.is_empty(), "the store removes what is over by its own clock");
}

#[tokio::test]
async fn the_store_tells_what_it_has() {
    let stage = Stage::one().await;
    stage.of::<Note>().put(&note("ann", 1, "one")).await.unwrap();
    let described = stage.store.describe().await.unwrap();
    let names: Vec<&str> = described.collections.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(
        names,
        ["account", "counter", "leases", "member", "note", "reading", "session", "stored-user"]
    );
    let notes = &described.collections[4];
    assert_eq!((notes.records, notes.items), (1, 1));
    assert!(notes.guarantees.contains(&("linearizable".into(), "per record".into())));
}

#[tokio::test]
async fn reads_may_be_as_old_as_they_are_asked_to() {
    let stage = Stage::one().await;
    let notes = stage.of::<Note>();
    notes.put(&note("ann", 1, "one")).await.unwrap();
    for notes in
        [notes.strict(), notes.cached(Duration::from_secs(5)), notes.cached(Duration::from_secs(5)).strict()]
    {
        let kept = notes.get(("ann", 1)).await.unwrap().unwrap();
        assert!(kept.text == "one" && kept.age <= Duration::from_secs(5));
    }
}
