//! There and back again: what is restored is the same, and versions and the log go on behind it.

use super::site::{back_up, begin, bytes, fill, go_on, key, put, restore, token};
use std::sync::Arc;
use tenet_store::backup::{Head, Writer};
use tenet_store::commit::{Commit, Outcome};
use tenet_store::engine::embedded::{Embedded, EmbeddedOptions};
use tenet_store::engine::memory::Memory;
use tenet_store::engine::{Cursor, Engine, EngineError};
use tenet_store::item::{MAX_VALUE, Value};
use tenet_store::name::CollectionId;

fn embedded(folder: &std::path::Path) -> Arc<dyn Engine> {
    Arc::new(Embedded::open(folder, EmbeddedOptions::default()).unwrap())
}

pub async fn check(from: Arc<dyn Engine>, to: Arc<dyn Engine>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup");
    let marked = token(&*from).await;
    let version = fill(&*from, marked).await;
    let foot = back_up(&*from, &path).await;
    let what = format!("{} to {}", from.name(), to.name());
    let found = restore(&*to, &path, false).await.unwrap();
    assert_eq!((found.items, found.content), (3003, foot.tally.content), "{what}");

    // Numbers of collections are the same in an engine that had none, so that tokens of watchers stay tokens of theirs.
    let (users, posts) = (CollectionId(1), CollectionId(2));
    assert_eq!(to.collections().await.unwrap(), from.collections().await.unwrap(), "{what}");
    let size = from.size(posts).await.unwrap();
    assert_eq!((size.records, size.items), (7, 3000), "{what}");
    for collection in [users, posts] {
        let restored = to.size(collection).await.unwrap();
        assert_eq!(restored, from.size(collection).await.unwrap(), "{what}");
    }
    let keys = vec![
        key(users, "u1", ""),
        key(users, "u2", "photo"),
        key(posts, "u3", "post/00003"),
        key(users, "u3", "session"),
    ];
    assert_eq!(to.read(keys.clone()).await.unwrap(), from.read(keys).await.unwrap(), "{what}");
    let last = to.chunk(4711, 2).await.unwrap().unwrap();
    assert_eq!((last.len(), to.chunk(4711, 1).await.unwrap().unwrap().len()), (5, MAX_VALUE), "{what}");

    // A write that is sent again after the restore gets its first answer.
    let replay = Commit { token: Some(marked), ..put(users, "u1", "", Value::Inline(bytes("one")), None) };
    let again = to.commit(vec![replay]).await.unwrap();
    assert_eq!(again, vec![Outcome::Done { version, replayed: true }], "{what}");

    // Nothing that was given after the backup was made is given again.
    for n in 0..50 {
        from.commit(vec![put(users, "u9", "", Value::Inline(vec![n].into()), None)]).await.unwrap();
    }
    let later = from.last_version().await.unwrap();
    let fresh = to.commit(vec![put(users, "u9", "", Value::Inline(bytes("new")), None)]).await.unwrap();
    assert!(
        matches!(&fresh[..], [Outcome::Done { version, .. }] if *version > later),
        "{what}: {fresh:?} {later:?}"
    );
    let end = from.end_of_changes(users).await.unwrap();
    for old in [Cursor(0), Cursor(3), end] {
        let changes = to.changes(users, old, 10).await;
        assert!(matches!(changes, Err(EngineError::TooOld { .. })), "{what}: {changes:?}");
    }
    // What is refused over data is done where it is asked for; what was there is gone.
    let refused = restore(&*to, &path, false).await.unwrap_err().to_string();
    assert!(refused.contains("--replace"), "{what}: {refused}");
    restore(&*to, &path, true).await.unwrap();
    assert_eq!(to.read(vec![key(users, "u9", "")]).await.unwrap(), vec![None], "{what}");
    assert_eq!(to.size(users).await.unwrap().items, 3, "{what}");
    assert!(to.last_version().await.unwrap() > later, "{what}");
    assert_eq!(to.unfinished_load().await.unwrap(), None, "{what}");
}

#[tokio::test]
async fn what_is_restored_is_what_was_there() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    check(Arc::new(Memory::new()), Arc::new(Memory::new())).await;
    check(Arc::new(Memory::new()), embedded(folders[0].path())).await;
    check(embedded(folders[1].path()), embedded(folders[2].path())).await;
}

#[tokio::test]
async fn what_is_over_is_not_backed_up() {
    let engine = Memory::new();
    fill(&engine, token(&engine).await).await;
    engine.advance(std::time::Duration::from_secs(4000));
    let folder = tempfile::tempdir().unwrap();
    let foot = back_up(&engine, &folder.path().join("b")).await;
    assert_eq!((foot.tally.items, foot.tally.mortal), (3002, 0));
}

#[tokio::test]
async fn two_backups_never_share_a_file() {
    let engine = Memory::new();
    fill(&engine, token(&engine).await).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b");
    let (writer, walk) = begin(&engine, &path).await;
    let head = Head::of(engine.snapshot().await.unwrap().moment(), "memory", "tests", 7, "");
    for second in [Writer::create(&path, head).map(drop), Writer::find(&path).map(drop)] {
        let refused = second.unwrap_err().to_string();
        assert!(refused.contains("another backup writes"), "{refused}");
    }
    assert_eq!(go_on(writer, walk).await.tally.items, 3003);
}
