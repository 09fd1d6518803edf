//! Going down: what is in flight ends well, what is new goes elsewhere, and the wait has a bound.

use crate::probe::{call, eventually, say, start, start_default};
use std::time::{Duration, Instant};
use tenet_service::Limits;
use tonic::Code;

#[tokio::test]
async fn a_call_in_flight_finishes_while_new_ones_are_turned_away() {
    let mut running = start_default().await;
    let channel = running.channel();
    let waiting = tokio::spawn(call(channel.clone(), "Wait", say("survivor")));
    running.seen.waiting.notified().await;
    running.stop();
    let uri = running.uri.clone();
    eventually("nobody listens", async || {
        tokio::net::TcpStream::connect(uri.authority().unwrap().as_str()).await.is_err()
    })
    .await;
    assert_eq!(call(running.channel(), "Echo", say("")).await.unwrap_err().code(), Code::Unavailable);
    running.seen.release.notify_one();
    assert_eq!(waiting.await.unwrap().unwrap().into_inner().text, "survivor");
    drop(channel);
    running.ended().await;
}

#[tokio::test]
async fn a_drain_takes_no_longer_than_its_bound() {
    let mut running = start(Limits::default(), Duration::from_millis(200), None).await;
    let waiting = tokio::spawn(call(running.channel(), "Wait", say("")));
    running.seen.waiting.notified().await;
    let began = Instant::now();
    running.stop();
    let seen = running.seen.clone();
    running.ended().await;
    assert!(began.elapsed() >= Duration::from_millis(200));
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(waiting.await.unwrap().is_err());
    assert_eq!(seen.cancelled.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[tokio::test]
async fn idle_connections_do_not_hold_a_drain() {
    let mut running = start(Limits::default(), Duration::from_secs(60), None).await;
    let channel = running.channel();
    call(channel.clone(), "Echo", say("")).await.unwrap();
    let silent = tokio::net::TcpStream::connect(running.uri.authority().unwrap().as_str()).await.unwrap();
    running.stop();
    running.ended().await;
    drop((channel, silent));
}
