//! Instances that die or hang under calls.

use crate::stage::{Instance, call, client, down, eventually, reason, say};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use tokio::task::JoinSet;
use tonic::{Code, Request};

/// Callers at a time in the test under load.
const CALLERS: usize = 8;
/// Calls before and after the kill that must have been made.
const CALLS: usize = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_instance_harms_no_call_that_may_be_repeated() {
    let mut instances = ["a", "b", "c"].map(Instance::start);
    let client = client(&instances).build().unwrap();
    let (done, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (client, done, stop) = (client.clone(), done.clone(), stop.clone());
        callers.spawn(async move {
            while !stop.load(SeqCst) {
                let request = crate::stage::Say { text: String::new(), number: 3 };
                call(client.clone(), "Echo", request).await?;
                done.fetch_add(1, SeqCst);
            }
            Ok::<(), tonic::Status>(())
        });
    }
    eventually("calls are made", async || done.load(SeqCst) >= CALLS).await;
    eventually("the victim has calls", async || instances[1].begun() > 10).await;
    instances[1].kill();
    eventually("calls go on", async || done.load(SeqCst) >= 3 * CALLS).await;
    stop.store(true, SeqCst);
    while let Some(caller) = callers.join_next().await {
        caller.unwrap().expect("no call fails");
    }
    let views = client.views();
    assert!(views.services[0].attempts >= views.services[0].calls, "{views:?}");
    assert_eq!(views.instances.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_may_be_repeated_is_when_it_may_have_run() {
    for (method, code, begun) in [("Once", Code::Unavailable, 1), ("Wait", Code::Ok, 2)] {
        let mut instances = ["a", "b"].map(Instance::start);
        let client = client(&instances).build().unwrap();
        let calling = tokio::spawn(call(client, method, say("")));
        let all = |instances: &[Instance; 2]| instances.iter().map(Instance::begun).sum::<u32>();
        eventually("it runs", async || all(&instances) == 1).await;
        let first = usize::from(instances[0].begun() == 0);
        instances[1 - first].seen.release.add_permits(1);
        instances[first].kill();
        let answer = calling.await.unwrap();
        assert_eq!(
            answer.as_ref().map_or_else(tonic::Status::code, |_| Code::Ok),
            code,
            "{method} {answer:?}"
        );
        assert_eq!(all(&instances), begun, "{method}");
        if let Err(status) = answer {
            assert_eq!(reason(&status), "CONNECTION_LOST");
        }
    }
}

#[tokio::test]
async fn a_deadline_reaches_the_instance_and_ends_the_call_on_both_sides() {
    let instance = Instance::start("a");
    let client = client([&instance]).build().unwrap();
    let mut request = Request::new(say(""));
    request.set_timeout(Duration::from_secs(5));
    let left = call(client.clone(), "Context", request).await.unwrap().into_inner().number;
    assert!((1..=5000).contains(&left), "{left} ms");
    let left = call(client.clone(), "Context", say("")).await.unwrap().into_inner().number;
    assert!((5001..=15_000).contains(&left), "the default: {left} ms");
    // Not to be repeated, so that one handler and no second beside it has to be seen to end.
    let mut request = Request::new(say(""));
    request.set_timeout(Duration::from_millis(100));
    // Whether the instance or the client says so first is a race of equals.
    let status = call(client, "Once", request).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    eventually("the handler is dropped", async || instance.cancelled() == 1).await;
}

#[tokio::test]
async fn whoever_goes_away_cancels_the_call_at_its_instance() {
    let instance = Instance::start("a");
    let client = client([&instance]).build().unwrap();
    let calling = tokio::spawn(call(client.clone(), "Wait", say("")));
    eventually("it runs", async || instance.begun() == 1).await;
    calling.abort();
    eventually("the handler is dropped", async || instance.cancelled() == 1).await;
    let mut stream = down(client.clone(), u64::MAX).await.unwrap();
    assert!(stream.message().await.unwrap().is_some());
    drop(stream);
    eventually("the stream is dropped", async || instance.cancelled() == 2).await;
    eventually("all places are free", async || client.views().in_flight == 0).await;
}

#[tokio::test]
async fn a_status_of_the_service_comes_as_it_was_sent_and_no_instance_is_a_status_too() {
    let mut instance = Instance::start("a");
    let client = client([&instance]).build().unwrap();
    let status = call(client.clone(), "Refuse", say("")).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, "no"));
    assert_eq!(status.metadata().get("tenet-instance").unwrap(), "a");
    assert!(status.metadata().get("endpoint-load-metrics-bin").is_none(), "that is for the client");
    instance.kill();
    let status = call(client, "Echo", say("")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
}
