//! Answers that are lost, silence, and a deadline.

use super::contract::{Account, Counter, Note, account, note};
use super::stage::Stage;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use tenet_client::store::{Change, StoreError, StoreErrorKind};
use tenet_service::{Context, Fault};
use tonic::{Code, Status};

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_sent_again_and_done_once() {
    let stage = Stage::with(2).await;
    let (notes, accounts) = (stage.of::<Note>(), stage.of::<Account>());
    let lose = |answers| stage.faults.lose.store(answers, SeqCst);
    // Done twice, each of these would be refused the second time: only its token says that it is the same.
    lose(1);
    let version = notes.insert(&note("ann", 1, "one")).await.unwrap();
    lose(1);
    let version = notes.replace(&note("ann", 1, "two"), version).await.unwrap();
    lose(1);
    let kept = notes
        .update(("ann", 1), |found| {
            let found = found.unwrap();
            let text = format!("{}!", found.text);
            Ok::<_, StoreError>(Change::Put(note("ann", 1, &text)))
        })
        .await
        .unwrap()
        .unwrap();
    assert!(kept.text == "two!" && kept.version > version);
    lose(1);
    notes.delete_version(("ann", 1), kept.version).await.unwrap();
    lose(1);
    let version =
        accounts.changes().insert(&account("ann", 1)).insert(&account("bob", 2)).commit().await.unwrap();
    let kept = accounts.get_many(["ann", "bob"]).await.unwrap();
    assert!(kept.iter().all(|kept| kept.as_ref().is_some_and(|kept| kept.version == version)));
    lose(1);
    let version = notes.put(&note("ann", 2, "x")).await.unwrap();
    assert_eq!(notes.get(("ann", 2)).await.unwrap().unwrap().version, version, "the first answer again");
    assert_eq!(stage.faults.broken.load(SeqCst), 6, "each of them was lost");
}

#[tokio::test]
async fn a_call_carries_the_context_it_is_made_in() {
    let stage = Stage::one().await;
    let notes = stage.of::<Note>();
    let context = Context::background().with_timeout(Duration::from_secs(60));
    let (id, trace) = (context.request_id.clone(), context.trace.clone());
    context.scope(notes.get(("ann", 1))).await.unwrap();
    let fields = stage.faults.fields.lock().unwrap().clone();
    assert_eq!(fields["x-request-id"], *id);
    assert!(fields["traceparent"].to_str().unwrap().contains(&format!("{:032x}", trace.trace_id)));
    assert!(fields.contains_key("grpc-timeout") && fields.contains_key("baggage"));
    assert_eq!(fields["tenet-store-secret"], super::stage::SECRET);
    assert!(!format!("{:?} {notes:?}", stage.store).contains(super::stage::SECRET));
}

#[tokio::test]
async fn a_deadline_ends_whatever_it_is_waiting_for() {
    let stage = Stage::one().await;
    let notes = stage.of::<Note>();
    notes.put(&note("ann", 1, "one")).await.unwrap();
    let within = |millis| Context::background().with_timeout(Duration::from_millis(millis));
    let late = |error: StoreError, what: &str| {
        assert_eq!(error.kind(), &StoreErrorKind::DeadlineExceeded, "{what}: {error:?}");
        assert_eq!(Status::from(error).code(), Code::DeadlineExceeded);
    };
    for silent in ["Get", "Put", "Scan", "Watch"] {
        *stage.faults.silent.lock().unwrap() = Some(silent);
        let error = match silent {
            "Get" => within(100).scope(notes.get(("ann", 1))).await.map(drop),
            "Put" => within(100).scope(notes.put(&note("ann", 2, ""))).await.map(drop),
            "Scan" => within(100).scope(notes.scan(..).collect()).await.map(drop),
            _ => within(100).scope(notes.watch(None)).await.map(drop),
        };
        late(error.unwrap_err(), silent);
    }
    *stage.faults.silent.lock().unwrap() = None;
    // One that is over is not even sent.
    let before = stage.faults.calls("Get");
    late(within(0).scope(notes.get(("ann", 1))).await.unwrap_err(), "over");
    assert_eq!(stage.faults.calls("Get"), before);
}

#[tokio::test]
async fn callers_learn_nothing_of_the_inside() {
    let stage = Stage::one().await;
    let counters = stage.of::<Counter>();
    let fault = |fault: Fault, reason: &str| Status::from(fault.reason(reason, "store.tenet"));
    for (said, kind, code) in [
        (
            fault(Fault::failed_precondition("s1"), "CONDITION_FAILED"),
            StoreErrorKind::Conflict { found: None },
            Code::Aborted,
        ),
        (
            fault(Fault::failed_precondition("s1"), "FENCED"),
            StoreErrorKind::Fenced { current: None },
            Code::Aborted,
        ),
        (
            fault(Fault::resource_exhausted("s1"), "ENGINE_FULL"),
            StoreErrorKind::Overloaded,
            Code::Unavailable,
        ),
        (
            fault(Fault::resource_exhausted("s1").metadata("limit", "bytes"), "QUOTA_EXCEEDED"),
            StoreErrorKind::QuotaExceeded { limit: "bytes".into() },
            Code::Internal,
        ),
        (
            fault(Fault::resource_exhausted("s1"), "RATE_EXCEEDED"),
            StoreErrorKind::Overloaded,
            Code::Unavailable,
        ),
        (Status::unavailable("s1"), StoreErrorKind::Unavailable, Code::Unavailable),
        (
            fault(Fault::new(tenet_error::GrpcCode::Unknown, "s1"), "OUTCOME_UNKNOWN"),
            StoreErrorKind::OutcomeUnknown,
            Code::Unknown,
        ),
        (Status::not_found("s1"), StoreErrorKind::NotFound, Code::Internal),
        (Status::invalid_argument("s1"), StoreErrorKind::Invalid, Code::Internal),
        (Status::permission_denied("s1"), StoreErrorKind::Refused, Code::Internal),
        (Status::unauthenticated("s1"), StoreErrorKind::Refused, Code::Internal),
        (Status::data_loss("s1"), StoreErrorKind::Damaged, Code::DataLoss),
        (Status::internal("s1"), StoreErrorKind::Internal, Code::Internal),
        (Status::unimplemented("s1"), StoreErrorKind::Internal, Code::Internal),
    ] {
        *stage.faults.refuse.lock().unwrap() = Some(("Get", said));
        let error = counters.get("hidden").await.unwrap_err();
        assert_eq!(error.kind(), &kind, "{error:?}");
        // Whoever reads the log learns where, which and what was said.
        assert!(error.to_string().starts_with("notes/counter (\"hidden\"): "), "{error}");
        assert!(format!("{error:?}").contains("s1"), "{error:?}");
        let status = Status::from(error);
        assert_eq!(status.code(), code);
        let told = format!("{status:?}");
        for inside in ["hidden", "counter", "notes", "s1", "store"] {
            assert!(!told.contains(inside), "{inside} in {told}");
        }
    }
    // When to come back is for callers to know.
    let busy = Status::from(Fault::resource_exhausted("s1").retry_after(Duration::from_millis(70)));
    *stage.faults.refuse.lock().unwrap() = Some(("Get", busy));
    let status = Status::from(counters.get("hidden").await.unwrap_err());
    assert_eq!(status.metadata().get("grpc-retry-pushback-ms").unwrap(), "70");
}
