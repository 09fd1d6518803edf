//! Messages by what else than their keys they are found by.

use super::contract::Member;
use super::stage::Stage;
use tenet_client::store::{Change, Range, StoreError, StoreErrorKind};
use tonic::{Code, Status};

fn member(id: &str, team: &str, rank: i64) -> Member {
    Member { id: id.into(), team: team.into(), rank, email: format!("{id}@example.org") }
}

#[tokio::test]
async fn messages_are_found_by_their_indexes() {
    let stage = Stage::with(2).await;
    let members = stage.of::<Member>();
    for (id, team, rank) in [("ann", "red", 3), ("bob", "red", 1), ("cid", "blue", 2), ("dan", "red", -1)] {
        members.put(&member(id, team, rank)).await.unwrap();
    }
    let ids = async |range: Range| {
        let found = members.by_index("by-team", range).collect().await.unwrap();
        found.into_iter().map(|kept| kept.value.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(Range::all()).await, ["cid", "dan", "bob", "ann"]);
    assert_eq!(ids(Range::of("red")).await, ["dan", "bob", "ann"]);
    assert_eq!(ids(Range::of("red").starting_at(0).reverse()).await, ["ann", "bob"]);
    assert_eq!(ids(Range::of("red").through(1)).await, ["dan", "bob"]);
    assert_eq!(ids(Range::of(("red", 3))).await, ["ann"]);
    assert_eq!(ids(Range::all().beginning("bl")).await, ["cid"]);
    assert_eq!(ids(Range::all().limit(2)).await, ["cid", "dan"]);
    // What is found has the version by which it can be replaced.
    let mut found = members.by_index("by-email", "bob@example.org").collect().await.unwrap();
    let bob = found.remove(0);
    members.replace(&member("bob", "blue", 1), bob.version).await.unwrap();
    members.delete("ann").await.unwrap();
    assert_eq!(ids(Range::all()).await, ["bob", "cid", "dan"]);
    // A stream that breaks goes on by the values of the index, without gap or double.
    for number in 0..50 {
        members.put(&member(&format!("m{number:02}"), "green", number % 7)).await.unwrap();
    }
    *stage.faults.cut.lock().unwrap() = vec![150, 300];
    let range = Range::of("green").page_bytes(64);
    let found = members.by_index("by-team", range).collect().await.unwrap();
    let mut sorted: Vec<(i64, String)> =
        (0..50).map(|number| (number % 7, format!("m{number:02}"))).collect();
    sorted.sort();
    assert_eq!(found.iter().map(|kept| (kept.rank, kept.id.clone())).collect::<Vec<_>>(), sorted);
}

#[tokio::test]
async fn who_has_a_unique_value_is_told_to_the_service_alone() {
    let stage = Stage::one().await;
    let members = stage.of::<Member>();
    members.insert(&member("ann", "red", 1)).await.unwrap();
    let twin = Member { email: "ann@example.org".into(), ..member("bob", "red", 2) };
    let error = members.insert(&twin).await.unwrap_err();
    let expected = StoreErrorKind::NotUnique { index: "by-email".into(), holder: "(\"ann\")".into() };
    assert_eq!(error.kind(), &expected);
    assert!(error.to_string().contains("\"by-email\" has these values for (\"ann\")"), "{error}");
    let status = Status::from(error);
    assert_eq!(
        (status.code(), status.message()),
        (Code::AlreadyExists, "There is one with these values already.")
    );
    // It is no lost race: `update` does not go on trying.
    members.put(&member("bob", "red", 2)).await.unwrap();
    let error = members.update("bob", |_| Ok::<_, StoreError>(Change::Put(twin.clone()))).await.unwrap_err();
    assert_eq!(error.kind(), &expected);
    assert_eq!(members.get("bob").await.unwrap().unwrap().email, "bob@example.org");
}
