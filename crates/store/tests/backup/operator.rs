//! Copies by way of an operator's connection: one that broke goes on at the moment it was of.

use super::site::{bytes, declare, fill, put, token};
use std::sync::Arc;
use tenet_store::backup::{Head, Kind, Names, Place, Tally, decode_rows};
use tenet_store::catalogue::Catalogue;
use tenet_store::engine::memory::Memory;
use tenet_store::engine::{Engine, Row};
use tenet_store::item::Value;
use tenet_store::operator::{CopyOrder, Operator, Order, Resume, Wire, WireError};
use tenet_store::owner::{Owner, Width};
use tenet_store::service::StoreService;
use tokio::net::UnixStream;

async fn ask(operator: &Operator, resume: Option<Resume>) -> Result<(Wire, Head), WireError> {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let operator = operator.clone();
    tokio::spawn(async move { operator.serve(theirs, "a test").await });
    let mut wire = Wire::new(ours);
    wire.ask(&Order::Copy(CopyOrder { purpose: "backup".into(), what: "everything".into(), resume })).await?;
    let head = wire.receive().await?;
    assert_eq!(head.kind, Kind::Head);
    Ok((wire, serde_json::from_slice(&head.payload).unwrap()))
}

async fn part(wire: &mut Wire) -> Option<Vec<Row>> {
    let frame = wire.receive().await.unwrap();
    (frame.kind == Kind::Part).then(|| decode_rows(&frame.payload).unwrap())
}

#[tokio::test]
async fn a_broken_copy_goes_on_at_its_moment_until_the_other_end_has_it() {
    let engine: Arc<dyn Engine> = Arc::new(Memory::new());
    fill(&*engine, token(&*engine).await).await;
    let expected = Tally::of(engine.snapshot().await.unwrap(), |_| ()).await.unwrap();
    let owner = Owner::start(engine.clone(), Width::default());
    let catalogue = Catalogue::declare(owner.engine().as_ref(), Vec::new()).await.unwrap();
    let service = StoreService::new(owner.clone(), catalogue);
    let operator = Operator::new(owner, service, "tests");

    let (mut wire, head) = ask(&operator, None).await.unwrap();
    let names: Names = head.names();
    let mut tally = Tally::default();
    let mut after = None;
    for _ in 0..2 {
        let rows = part(&mut wire).await.unwrap();
        tally.count(&rows, &names).unwrap();
        after = rows.iter().fold(after, |before, row| Place::after(row, before));
    }
    drop(wire);
    // Memory cannot tell whether two moments are the same: what goes on is the one that is held.
    let users = declare(&*engine, "users").await;
    engine.commit(vec![put(users, "later", "", Value::Inline(bytes("x")), None)]).await.unwrap();
    let resume = |after| Resume { snapshot: head.snapshot.clone(), state: head.state.clone(), after };
    let (mut wire, again) = ask(&operator, Some(resume(after.clone()))).await.unwrap();
    assert_eq!((again.version, again.at_unix_ms), (head.version, head.at_unix_ms));
    while let Some(rows) = part(&mut wire).await {
        tally.count(&rows, &names).unwrap();
    }
    assert_eq!(
        (tally.items, tally.content, tally.tokens),
        (expected.items, expected.content, expected.tokens)
    );

    // It was all sent, and nobody said that it arrived.
    drop(wire);
    let (mut wire, _) = ask(&operator, Some(resume(after.clone()))).await.unwrap();
    while part(&mut wire).await.is_some() {}
    wire.send(Kind::End, b"").await.unwrap();
    // The other end closes when it has let go.
    assert!(matches!(wire.receive().await, Err(WireError::Ended)));
    let refused = ask(&operator, Some(resume(after))).await.map(|_| ()).unwrap_err();
    assert!(matches!(&refused, WireError::Refused(refusal) if refusal.anew), "{refused}");
}
