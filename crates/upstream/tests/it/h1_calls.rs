//! Calls over HTTP/1.1 against scripted servers: reuse, staleness, framing, bounds.

use crate::support::h1::{Act, Server};
use crate::support::{Client, channel, data, eventually, get, options, read, request, run, text};
use bytes::Bytes;
use http_body_util::BodyExt;
use std::time::Duration;
use tenet_error::{Code, Failure};
use tenet_upstream::{Outgoing, PoolOptions, Protocol::H1};
use tokio::time::sleep;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[test]
fn calls_one_after_the_other_share_a_connection() {
    run(async {
        let server = Server::start(|_, _| Act::Answer(OK)).await;
        let client = Client::new(H1, &[server.address], options());
        for _ in 0..10 {
            assert_eq!(client.get("/x").await.unwrap(), "ok");
        }
        assert_eq!(server.accepted.get(), 1);
        let view = &client.views()[0];
        assert_eq!((view.open_connections, view.in_flight, view.calls), (1, 0, 10));
    });
}

#[test]
fn the_request_goes_out_in_origin_form_with_its_framing() {
    let check = |sent: fn() -> http::Request<Outgoing<crate::support::Channel>>,
                 expected: &'static [&'static str],
                 absent: &'static str| {
        run(async move {
            let server = Server::start(|_, _| Act::Answer(OK)).await;
            let client = Client::new(H1, &[server.address], options());
            let reply = client.send(sent()).await.unwrap();
            text(reply.response.into_body()).await.unwrap();
            let seen = server.seen.borrow().concat();
            for part in expected {
                assert!(seen.contains(part), "no {part:?} in {seen:?}");
            }
            assert!(absent.is_empty() || !seen.to_lowercase().contains(absent), "{absent:?} in {seen:?}");
        });
    };
    check(|| get("/a?b=c"), &["GET /a?b=c HTTP/1.1\r\n", "host: feed.test\r\n"], "content-length");
    check(
        || request("POST", "/", Outgoing::Empty),
        &["POST / HTTP/1.1\r\n", "content-length: 0\r\n"],
        "transfer-encoding",
    );
    let full = || request("POST", "/", Outgoing::Full(Bytes::from_static(b"body")));
    check(full, &["content-length: 4\r\n", "\r\n\r\nbody"], "transfer-encoding");
    let own_host = || {
        let mut sent = get("/");
        sent.headers_mut().insert("host", "own.test".parse().unwrap());
        sent
    };
    check(own_host, &["host: own.test\r\n"], "feed.test");
}

#[test]
fn a_stream_goes_out_chunked_and_its_failure_closes_the_connection() {
    run(async {
        let server = Server::start(|_, turn| if turn < 2 { Act::Answer("") } else { Act::Answer(OK) }).await;
        let client = Client::new(H1, &[server.address], options());
        let (feed, body) = channel();
        let feeding = async {
            for word in ["one", "two"] {
                feed.send(data(word)).await.unwrap();
                sleep(Duration::from_millis(20)).await;
            }
            drop(feed);
        };
        let (reply, ()) = futures_util::future::join(client.send(request("POST", "/", body)), feeding).await;
        assert_eq!(text(reply.unwrap().response.into_body()).await.unwrap(), "ok");
        let seen = server.seen.borrow().concat();
        assert!(seen.contains("transfer-encoding: chunked") && seen.contains("3\r\none\r\n"), "{seen:?}");
        let (feed, body) = channel();
        feed.send(Err(Failure::from(Code::BodyTooLarge))).await.unwrap();
        let error = client.send(request("POST", "/", body)).await.unwrap_err();
        assert_eq!(error.failure.code(), Code::BodyTooLarge);
        eventually("the connection closes", || server.open.get() == 0 && client.open() == 0).await;
    });
}

#[test]
fn answers_end_where_their_framing_says() {
    let check = |answer: Act, expected: Result<&'static str, Code>, open_after: usize| {
        run(async move {
            let server = Server::start(move |_, _| answer).await;
            let client = Client::new(H1, &[server.address], options());
            let outcome = match client.send(get("/x")).await {
                Ok(reply) => text(reply.response.into_body()).await.map_err(|failure| failure.code()),
                Err(error) => Err(error.failure.code()),
            };
            assert_eq!(outcome, expected.map(String::from));
            eventually("connections are kept or closed", || client.open() as usize == open_after).await;
            assert_eq!(client.in_flight(), 0);
        });
    };
    check(Act::Answer(OK), Ok("ok"), 1);
    check(Act::Answer("HTTP/1.1 204 No Content\r\n\r\n"), Ok(""), 1);
    check(
        Act::Answer("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
        Ok("ok"),
        1,
    );
    check(
        Act::Answer("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        Ok("ok"),
        1,
    );
    check(Act::AnswerAndClose("HTTP/1.1 200 OK\r\n\r\nall"), Ok("all"), 0);
    check(Act::Answer("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"), Ok("ok"), 0);
    check(Act::Answer("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok"), Ok("ok"), 0);
    check(
        Act::AnswerAndClose("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok"),
        Err(Code::ConnectionLost),
        0,
    );
    check(
        Act::Answer("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
        Err(Code::UpstreamProtocol),
        0,
    );
    check(Act::Answer("SMTP ready\r\n\r\n"), Err(Code::UpstreamProtocol), 0);
    check(
        Act::Answer("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"),
        Err(Code::UpstreamProtocol),
        0,
    );
}

#[test]
fn trailers_of_a_chunked_answer_arrive() {
    run(async {
        let answer = "HTTP/1.1 200 OK\r\ntrailer: sum\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nsum: 7\r\n\r\n";
        let server = Server::start(move |_, _| Act::Answer(answer)).await;
        let client = Client::new(H1, &[server.address], options());
        let reply = client.send(get("/x")).await.unwrap();
        let (text, trailers) = read(reply.response.into_body()).await.unwrap();
        assert_eq!((text.as_str(), &trailers.unwrap()["sum"]), ("ok", &"7".parse().unwrap()));
    });
}

#[test]
fn a_head_over_the_limit_is_a_protocol_error() {
    run(async {
        let head: &'static str = format!("HTTP/1.1 200 OK\r\nbig: {}\r\n\r\n", "x".repeat(20_000)).leak();
        let server = Server::start(move |_, _| Act::Answer(head)).await;
        let client = Client::new(H1, &[server.address], PoolOptions { max_header_list: 8192, ..options() });
        let error = client.send(get("/x")).await.unwrap_err();
        assert_eq!((error.failure.code(), error.sent), (Code::UpstreamProtocol, true));
    });
}

/// A server whose first connection answers once and closes on its second request without a byte.
async fn stale() -> Server {
    Server::start(|connection, turn| match (connection, turn) {
        (0, 1) => Act::Close,
        _ => Act::Answer(OK),
    })
    .await
}

#[test]
fn an_idempotent_call_survives_a_stale_connection() {
    run(async {
        let server = stale().await;
        let client = Client::new(H1, &[server.address], options());
        client.get("/1").await.unwrap();
        assert_eq!(client.get("/2").await.unwrap(), "ok");
        assert_eq!((server.accepted.get(), server.seen.borrow().len()), (2, 3));
    });
}

#[test]
fn a_call_that_may_have_run_is_not_repeated() {
    run(async {
        let server = stale().await;
        let client = Client::new(H1, &[server.address], options());
        client.get("/1").await.unwrap();
        let charge = request("POST", "/charge", Outgoing::Full(Bytes::from_static(b"1")));
        let error = client.send(charge).await.unwrap_err();
        assert_eq!((error.failure.code(), error.sent), (Code::ConnectionLost, true));
        let charges = server.seen.borrow().iter().filter(|seen| seen.contains("/charge")).count();
        assert_eq!(charges, 1);
    });
}

#[test]
fn a_connection_closed_while_unused_is_noticed() {
    run(async {
        let server = Server::start(|_, _| Act::AnswerAndClose(OK)).await;
        let client = Client::new(H1, &[server.address], options());
        for turn in 1..=3 {
            let charge = request("POST", "/charge", Outgoing::Full(Bytes::from_static(b"1")));
            let reply = client.send(charge).await.unwrap();
            assert_eq!(text(reply.response.into_body()).await.unwrap(), "ok");
            eventually("the close is seen", || client.open() == 0).await;
            assert_eq!(server.accepted.get(), turn);
        }
    });
}

#[test]
fn a_server_that_closes_after_each_answer_fails_no_call_under_load() {
    run(async {
        let closing = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
        let server = Server::start(move |_, _| Act::AnswerAndClose(closing)).await;
        let client =
            Client::new(H1, &[server.address], PoolOptions { max_connections_per_instance: 8, ..options() });
        let calls = (0..64).map(|_| client.get("/x"));
        for outcome in futures_util::future::join_all(calls).await {
            assert_eq!(outcome.unwrap(), "ok");
        }
        eventually("all is closed", || client.open() == 0).await;
    });
}

#[test]
fn connections_are_bounded_and_calls_wait_their_turn() {
    run(async {
        let server = Server::start(|_, _| Act::Answer(OK)).await;
        let client =
            Client::new(H1, &[server.address], PoolOptions { max_connections_per_instance: 3, ..options() });
        let calls = (0..40).map(|_| client.get("/x"));
        for outcome in futures_util::future::join_all(calls).await {
            assert_eq!(outcome.unwrap(), "ok");
        }
        assert!(server.accepted.get() <= 3, "{} connections", server.accepted.get());
    });
}

#[test]
fn an_abandoned_answer_closes_its_connection() {
    run(async {
        let server =
            Server::start(|_, _| Act::Stall("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegun")).await;
        let client = Client::new(H1, &[server.address], options());
        let mut body = client.send(get("/x")).await.unwrap().response.into_body();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "begun");
        drop(body);
        eventually("it closes", || server.open.get() == 0 && client.open() == 0).await;
        assert_eq!(client.in_flight(), 0);
    });
}

#[test]
fn an_abandoned_call_closes_its_connection() {
    run(async {
        let server = Server::start(|_, _| Act::Stall("")).await;
        let client = Client::new(H1, &[server.address], options());
        let error = client.send_within(get("/x"), Duration::from_millis(60)).await.unwrap_err();
        assert_eq!((error.failure.code(), error.sent), (Code::DeadlineExceeded, true));
        eventually("it closes", || server.open.get() == 0 && client.open() == 0).await;
    });
}
