//! Nothing grows without bound: calls under way, answers nobody reads, the end of a client.

use crate::stage::{Instance, PIECE, call, client, down, eventually, reason, say};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use tonic::Code;

#[tokio::test]
async fn a_reader_that_stalls_stalls_the_instance_and_loses_nothing() {
    const MESSAGES: u64 = 4096;
    /// What may be on its way: the stream's window, the pieces here, and what the server and the kernel hold.
    const MOST: u64 = 2 << 20;
    let instance = Instance::start("a");
    let client = client([&instance]).build().unwrap();
    let mut stream = down(client.clone(), MESSAGES).await.unwrap();
    assert_eq!(stream.message().await.unwrap().unwrap().number, 0);
    let made = || instance.seen.made.load(SeqCst);
    // It has stalled when nothing was made between ten looks in a row.
    let (mut before, mut still) = (0, 0);
    eventually("the instance stalls", async || {
        still = if made() == before { still + 1 } else { 0 };
        before = made();
        still >= 10
    })
    .await;
    assert!(made() * (PIECE as u64) < MOST, "{} messages of {MESSAGES}", made());
    // The calls beside it are not held up.
    call(client, "Echo", say("")).await.unwrap();
    let mut next = 1;
    while let Some(message) = stream.message().await.unwrap() {
        assert_eq!((message.number, message.text.len()), (next, PIECE));
        next += 1;
    }
    assert_eq!(next, MESSAGES);
    assert_eq!(instance.cancelled(), 0);
}

#[tokio::test]
async fn calls_past_the_bound_are_refused_at_once() {
    const MOST: usize = 3;
    for threads in [1, 2, 8] {
        let instance = Instance::start("a");
        let client = client([&instance]).calls_max(MOST).threads(threads).build().unwrap();
        let waiting: Vec<_> =
            (0..MOST).map(|_| tokio::spawn(call(client.clone(), "Once", say("")))).collect();
        eventually("they run", async || instance.begun() as usize == MOST).await;
        let status = call(client.clone(), "Echo", say("")).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "OVERLOADED"));
        assert_eq!(client.views().refused, 1);
        instance.seen.release.add_permits(MOST);
        for call in waiting {
            call.await.unwrap().unwrap();
        }
        eventually("a place is free", async || client.views().in_flight < MOST).await;
        call(client, "Echo", say("")).await.unwrap();
    }
}

#[tokio::test]
async fn a_dropped_client_lets_calls_end_and_closes_its_connections() {
    let instance = Instance::start("a");
    let client = client([&instance]).build().unwrap();
    let calling = tokio::spawn(call(client, "Wait", say("")));
    eventually("it runs", async || instance.begun() == 1).await;
    // The call's own clone is gone as soon as it was sent: nobody holds the client any more.
    instance.seen.release.add_permits(1);
    calling.await.unwrap().unwrap();
    eventually("the connection is closed", async || {
        // The one that asks is open.
        instance.metrics().await.contains("tenet_service_connections_open 1\n")
    })
    .await;
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut_off() {
    let instance = Instance::start("a");
    let client = client([&instance]).drain(Duration::from_millis(50)).build().unwrap();
    let stream = down(client.clone(), u64::MAX).await.unwrap();
    drop(client);
    let mut stream = stream;
    let status = loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it has no end"),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    eventually("the stream is dropped", async || instance.cancelled() == 1).await;
}
