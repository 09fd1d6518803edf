//! Messages longer than an item holds.

use super::contract::{Note, note};
use super::stage::Stage;
use std::sync::atomic::Ordering::SeqCst;
use tenet_client::store::{Change, StoreError, StoreErrorKind};

fn long(number: i64, mebibytes: usize) -> Note {
    let text: String = (0..mebibytes << 20).map(|at| char::from(b'a' + (at % 23) as u8)).collect();
    note("ann", number, &text)
}

#[tokio::test]
async fn long_messages_are_as_any() {
    let stage = Stage::one().await;
    let notes = stage.of::<Note>();
    let version = notes.put(&long(1, 3)).await.unwrap();
    notes.put(&note("ann", 2, "short")).await.unwrap();
    let kept = notes.get(("ann", 1)).await.unwrap().unwrap();
    assert!(kept.version == version && kept.value == long(1, 3));
    assert!(notes.insert(&long(1, 2)).await.unwrap_err().is_conflict());
    let version = notes.replace(&long(1, 2), version).await.unwrap();
    assert!(notes.get_many([("ann", 1)]).await.unwrap()[0].as_ref().unwrap().value == long(1, 2));
    let texts = |kept: &[tenet_client::store::Kept<Note>]| {
        kept.iter().map(|note| note.text.len()).collect::<Vec<_>>()
    };
    assert_eq!(texts(&notes.record("ann").await.unwrap()), [2 << 20, 5]);
    assert_eq!(texts(&notes.scan(..).collect().await.unwrap()), [2 << 20, 5]);
    let shorter = |found: Option<Note>| {
        let found = found.unwrap();
        Ok::<_, StoreError>(Change::Put(note("ann", 1, &found.text[..(1 << 20) + 100])))
    };
    let kept = notes.update(("ann", 1), shorter).await.unwrap().unwrap();
    assert!(kept.version > version && kept.text.len() == (1 << 20) + 100);
    assert_eq!(stage.faults.calls("WriteValue"), 4);

    // What breaks on its way out is an error, and never a part of a message.
    *stage.faults.cut.lock().unwrap() = vec![600_000];
    let error = notes.get(("ann", 1)).await.unwrap_err();
    assert_eq!((error.kind(), error.key()), (&StoreErrorKind::Unavailable, Some("(\"ann\") (1)")));
    assert_eq!(stage.faults.broken.load(SeqCst), 1);
}

#[tokio::test]
async fn there_is_a_longest() {
    let stage = Stage::one().await;
    let notes = stage.of::<Note>();
    let error = notes.put(&long(1, 65)).await.unwrap_err();
    assert_eq!(error.to_string(), "notes/note (\"ann\") (1): there is more than 64 MiB in a message");
    let error = notes.changes().put(&long(1, 2)).commit().await.unwrap_err();
    assert!(error.to_string().contains("1 MiB in a message beside others"), "{error}");
    assert!(stage.faults.calls.lock().unwrap().is_empty(), "nobody was asked");
}

#[tokio::test]
async fn more_than_one_answer_holds_is_read_in_several() {
    let stage = Stage::one().await;
    let notes = stage.of::<Note>();
    let mebibyte = "x".repeat((1 << 20) - 100);
    for number in 0..20 {
        notes.put(&note("ann", number, &mebibyte)).await.unwrap();
    }
    let found = notes.get_many((0..20).map(|number| ("ann", number))).await.unwrap();
    assert!(found.iter().enumerate().all(|(number, kept)| {
        kept.as_ref().is_some_and(|kept| kept.number == number as i64 && kept.text.len() == mebibyte.len())
    }));
}
