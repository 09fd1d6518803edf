//! Who is let in: the owner of a namespace, and nobody else.

use super::contract::{Counter, Note, SET, note};
use super::stage::{OTHER, SECRET, Stage};
use tenet_client::store::{Store, StoreErrorKind};
use tonic::{Code, Status};

#[tokio::test]
async fn a_namespace_is_for_its_owner_alone() {
    let stage = Stage::one().await;
    stage.of::<Note>().put(&note("ann", 1, "one")).await.unwrap();
    for (namespace, secret, kind, part) in [
        ("notes", OTHER, StoreErrorKind::Refused, "belongs to the service \"notes\""),
        ("payments", SECRET, StoreErrorKind::Refused, "belongs to the service \"payments\""),
        ("notes", "guessed", StoreErrorKind::Refused, "No service is known"),
        ("note", SECRET, StoreErrorKind::NotFound, "Did you mean \"notes\"?"),
    ] {
        let store = stage.known_by(namespace, secret);
        let notes = store.collection::<Note>(&SET).unwrap();
        let errors = [
            notes.get(("ann", 1)).await.unwrap_err(),
            notes.get_many([("ann", 1)]).await.unwrap_err(),
            notes.record("ann").await.unwrap_err(),
            notes.put(&note("ann", 1, "theirs")).await.unwrap_err(),
            notes.insert(&note("ann", 2, "theirs")).await.unwrap_err(),
            notes.delete(("ann", 1)).await.unwrap_err(),
            notes.delete_record("ann").await.unwrap_err(),
            notes.changes().delete(("ann", 1)).commit().await.unwrap_err(),
            notes.scan(..).collect().await.unwrap_err(),
            notes.watch(None).await.map(drop).unwrap_err(),
            store.lease("leases", "x").take(std::time::Duration::from_secs(1)).await.map(drop).unwrap_err(),
            store.describe().await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), &kind, "{error:?}");
            assert!(format!("{error:?}").contains(part), "{error:?}");
            assert!(error.collection().starts_with(namespace), "{error:?}");
            assert_eq!(Status::from(error).code(), Code::Internal, "callers are not told why");
        }
    }
    assert_eq!(stage.of::<Note>().get(("ann", 1)).await.unwrap().unwrap().text, "one");
    // A collection that the schema has and the store was not told of.
    let theirs = stage.known_by("payments", OTHER);
    theirs.collection::<Note>(&SET).unwrap().put(&note("ann", 1, "ours")).await.unwrap();
    let error = theirs.collection::<Counter>(&SET).unwrap().get("a").await.unwrap_err();
    assert_eq!(error.kind(), &StoreErrorKind::NotFound);
    assert!(format!("{error:?}").contains("payments/counter"), "{error:?}");
}

#[tokio::test]
async fn what_cannot_be_sent_is_no_secret() {
    let stage = Stage::one().await;
    let error = Store::over(stage.client.clone(), "notes", "a\nb").unwrap_err().to_string();
    assert!(error.contains("visible ASCII") && !error.contains('\n'), "{error}");
}
