//! Leases: one holder, and writes under what it holds.

use super::contract::{Counter, counter};
use super::stage::Stage;
use std::time::Duration;
use tenet_client::store::{Held, Lease, StoreErrorKind, Taken};

async fn held(lease: &Lease, seconds: u64) -> Held {
    match lease.take(Duration::from_secs(seconds)).await.unwrap() {
        Taken::Held(held) => held,
        Taken::ByAnother { holder, .. } => panic!("{holder} has it"),
    }
}

#[tokio::test]
async fn a_lease_has_one_holder_who_can_prove_it() {
    let stage = Stage::one().await;
    let counters = stage.of::<Counter>();
    let lease = |holder: &str| stage.store.lease_as("leases", "mailer", holder);
    let (one, two) = (lease("one"), lease("two"));
    let mut first = held(&one, 10).await;
    assert!(first.left() <= Duration::from_secs(10) && !first.left().is_zero());
    match two.take(Duration::from_secs(10)).await.unwrap() {
        Taken::ByAnother { holder, left } => {
            assert!(holder == "one" && left <= Duration::from_secs(11), "{left:?}")
        }
        Taken::Held(_) => panic!("two hold it"),
    }
    first.keep(Duration::from_secs(20)).await.unwrap();
    counters.changes().put(&counter("a", 1)).under(&first).commit().await.unwrap();

    stage.memory.advance(Duration::from_secs(30));
    let second = held(&two, 10).await;
    assert!(second.token() > first.token());
    // Who was it writes nothing any more, and learns that it is not.
    let error = counters.changes().put(&counter("a", 2)).under(&first).commit().await.unwrap_err();
    assert_eq!(error.kind(), &StoreErrorKind::Fenced { current: Some(second.token()) });
    assert!(matches!(
        first.keep(Duration::from_secs(5)).await.unwrap_err().kind(),
        StoreErrorKind::Fenced { .. }
    ));
    counters.changes().put(&counter("a", 3)).under(&second).commit().await.unwrap();
    assert_eq!(counters.get("a").await.unwrap().unwrap().count, 3);

    // Given up, it is there for all; and who takes it anew is not who had it.
    second.clone().release().await.unwrap();
    let mut third = held(&one, 10).await;
    assert!(third.token() > second.token());
    stage.memory.advance(Duration::from_secs(30));
    let error = third.keep(Duration::from_secs(5)).await.unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::Fenced { current: Some(_) }), "{error:?}");
    held(&two, 5).await.release().await.unwrap();

    let error = one.take(Duration::from_millis(1)).await.map(drop).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().starts_with("notes/leases (\"mailer\")")),
        (&StoreErrorKind::Invalid, true)
    );
}

#[tokio::test]
async fn a_process_is_one_holder() {
    let stage = Stage::one().await;
    let first = held(&stage.store.lease("leases", "x"), 10).await;
    let again = held(&stage.store.lease("leases", "x"), 10).await;
    assert_eq!(first.token(), again.token());
    held(&stage.store.lease("leases", "y"), 10).await;
}
