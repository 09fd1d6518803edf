//! Bodies over HTTP/1.1 in both directions at once, and what may not be taken for an answer.

use crate::support::h1::{Act, Server, read_head, serve};
use crate::support::{Client, channel, data, eventually, get, options, read, request, run, text};
use bytes::Bytes;
use http_body_util::BodyExt;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use tenet_error::{Code, Failure};
use tenet_upstream::{Incoming, Outgoing, Protocol::H1};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

async fn next(body: &mut Incoming) -> Result<String, Code> {
    let frame = body.frame().await.unwrap().map_err(|failure| failure.code())?;
    Ok(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
}

/// Answers each request at once, and sends back every chunk of it as it came.
async fn echo_chunks(mut socket: TcpStream) {
    while read_head(&mut socket).await.is_some() {
        socket.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
        let mut last = Vec::new();
        let mut buffer = [0; 1024];
        while !last.ends_with(b"0\r\n\r\n") {
            let Ok(read @ 1..) = socket.read(&mut buffer).await else { return };
            last.extend_from_slice(&buffer[..read]);
            socket.write_all(&buffer[..read]).await.unwrap();
        }
    }
}

#[test]
fn an_upload_goes_on_beside_its_answer_and_the_connection_is_kept() {
    run(async {
        let (address, accepted) = serve(echo_chunks).await;
        let client = Client::new(H1, &[address], options());
        for _ in 0..3 {
            let (feed, body) = channel();
            let mut answer = client.send(request("POST", "/", body)).await.unwrap().response.into_body();
            for word in ["one", "two", "three"] {
                feed.send(data(word)).await.unwrap();
                assert_eq!(next(&mut answer).await.unwrap(), word);
            }
            drop(feed);
            assert!(answer.frame().await.is_none());
        }
        assert_eq!((accepted.get(), client.open(), client.in_flight()), (1, 1, 0));
    });
}

#[test]
fn an_upload_that_fails_beside_its_answer_fails_the_answer_at_once() {
    run(async {
        let (address, _) = serve(echo_chunks).await;
        let client = Client::new(H1, &[address], options());
        let (feed, body) = channel();
        let mut answer = client.send(request("POST", "/", body)).await.unwrap().response.into_body();
        let failing = async {
            sleep(Duration::from_millis(20)).await;
            feed.send(Err(Failure::from(Code::BodyTooLarge))).await.unwrap();
        };
        let (outcome, ()) = futures_util::future::join(next(&mut answer), failing).await;
        assert_eq!(outcome, Err(Code::BodyTooLarge));
        eventually("it closes", || client.open() == 0 && client.in_flight() == 0).await;
    });
}

#[test]
fn an_answer_that_ends_early_stops_the_upload_and_closes() {
    for answer in [
        "HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\n\r\nno",
        "HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n",
    ] {
        run(async move {
            let closed = Rc::new(Cell::new(false));
            let seen = closed.clone();
            let (address, accepted) = serve(move |mut socket| {
                let seen = seen.clone();
                async move {
                    read_head(&mut socket).await.unwrap();
                    socket.write_all(answer.as_bytes()).await.unwrap();
                    while matches!(socket.read(&mut [0; 1024]).await, Ok(1..)) {}
                    seen.set(true);
                }
            })
            .await;
            let client = Client::new(H1, &[address], options());
            let (feed, body) = channel();
            let reply = client.send(request("POST", "/", body)).await.unwrap();
            assert_eq!(reply.response.status(), 413);
            text(reply.response.into_body()).await.unwrap();
            timeout(Duration::from_secs(1), feed.closed()).await.expect("the upload is let go");
            eventually("it closes", || closed.get() && client.open() == 0).await;
            assert_eq!((accepted.get(), client.in_flight()), (1, 0));
        });
    }
}

#[test]
fn a_large_body_held_whole_is_sent_while_its_answer_is_read() {
    const SIZE: usize = 8 << 20;
    run(async {
        let (address, accepted) = serve(|mut socket| async move {
            while let Some(head) = read_head(&mut socket).await {
                assert!(head.contains(&format!("content-length: {SIZE}\r\n")), "{head}");
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {SIZE}\r\n\r\n");
                socket.write_all(answer.as_bytes()).await.unwrap();
                let (mut left, mut buffer) = (SIZE, vec![0; 64 << 10]);
                while left > 0 {
                    let Ok(read @ 1..) = socket.read(&mut buffer).await else { return };
                    socket.write_all(&buffer[..read]).await.unwrap();
                    left -= read;
                }
            }
        })
        .await;
        let client = Client::new(H1, &[address], options());
        let sent = Bytes::from((0..SIZE).map(|at| (at / 7) as u8).collect::<Vec<_>>());
        for _ in 0..2 {
            let reply = client.send(request("POST", "/", Outgoing::Full(sent.clone()))).await.unwrap();
            assert!(reply.response.into_body().collect().await.unwrap().to_bytes() == sent);
        }
        assert_eq!((accepted.get(), client.open()), (1, 1));
    });
}

#[test]
fn an_instance_that_does_not_read_is_not_read_ahead_of() {
    run(async {
        let (address, _) = serve(|mut socket| async move {
            read_head(&mut socket).await.unwrap();
            std::future::pending::<()>().await;
        })
        .await;
        let client = Client::new(H1, &[address], options());
        let (feed, body) = channel();
        let taken = Cell::new(0usize);
        let feeding = async {
            let piece = Bytes::from(vec![b'x'; 64 << 10]);
            // More than the kernel's buffers of both sides ever hold.
            for _ in 0..1024 {
                if feed.send(data(piece.clone())).await.is_err() {
                    return;
                }
                taken.set(taken.get() + 1);
            }
        };
        let call = client.send_within(request("POST", "/", body), Duration::from_millis(300));
        let (outcome, ()) = futures_util::future::join(call, feeding).await;
        assert_eq!(outcome.unwrap_err().failure.code(), Code::DeadlineExceeded);
        assert!((1..512).contains(&taken.get()), "{} pieces of 64 KiB", taken.get());
    });
}

#[test]
fn trailers_of_a_stream_go_out_behind_its_chunks() {
    run(async {
        let (address, _) = serve(echo_chunks).await;
        let client = Client::new(H1, &[address], options());
        let (feed, body) = channel();
        let feeding = async {
            feed.send(data("one")).await.unwrap();
            let trailers = [("sum", "7"), ("content-length", "9")];
            let trailers = trailers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            feed.send(Ok(http_body::Frame::trailers(trailers.into_iter().collect()))).await.unwrap();
        };
        let (reply, ()) = futures_util::future::join(client.send(request("POST", "/", body)), feeding).await;
        let (text, trailers) = read(reply.unwrap().response.into_body()).await.unwrap();
        assert_eq!(
            (text.as_str(), trailers.unwrap().len()),
            ("one", 1),
            "what may not stand there is left out"
        );
    });
}

#[test]
fn a_stream_of_said_length_goes_out_with_it_and_must_keep_it() {
    let check = |said: &'static str, words: &'static [&'static str], expected: Result<&'static str, Code>| {
        run(async move {
            let server = Server::start(|_, _| Act::Answer(OK)).await;
            let client = Client::new(H1, &[server.address], options());
            let (feed, body) = channel();
            let mut sent = request("POST", "/", body);
            sent.headers_mut().insert("content-length", said.parse().unwrap());
            let feeding = async {
                for word in words {
                    if feed.send(data(*word)).await.is_err() {
                        break;
                    }
                }
                drop(feed);
            };
            let (outcome, ()) = futures_util::future::join(client.send(sent), feeding).await;
            match outcome {
                Ok(reply) => assert_eq!(text(reply.response.into_body()).await.unwrap(), expected.unwrap()),
                Err(error) => assert_eq!(Err(error.failure.code()), expected),
            }
            let seen = server.seen.borrow().concat();
            assert!(!seen.contains("transfer-encoding"), "{seen:?}");
            eventually("kept or closed", || client.open() == u64::from(expected.is_ok())).await;
        });
    };
    check("6", &["one", "two"], Ok("ok"));
    check("0", &[], Ok("ok"));
    check("4", &["one", "two"], Err(Code::Internal));
    check("no", &["one"], Err(Code::Internal));
}

#[test]
fn answers_that_could_be_read_in_two_ways_are_refused() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nx: 1\r\n folded\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\ncontent-length: 2\n\nok",
    ] {
        run(async move {
            let server = Server::start(move |_, _| Act::Answer(answer)).await;
            let client = Client::new(H1, &[server.address], options());
            let error = client.send(get("/x")).await.unwrap_err();
            assert_eq!((error.failure.code(), error.sent), (Code::UpstreamProtocol, true), "{answer}");
            assert!(error.failure.cause().unwrap().contains("RFC 9112"), "{}", error.failure);
            eventually("it closes", || client.open() == 0).await;
        });
    }
}

#[test]
fn bytes_that_nobody_asked_for_are_never_the_next_answer() {
    for pause in [0, 30] {
        run(async move {
            let written = Rc::new(Cell::new(0));
            let writes = written.clone();
            let (address, accepted) = serve(move |mut socket| {
                let writes = writes.clone();
                async move {
                    while read_head(&mut socket).await.is_some() {
                        socket.write_all(OK.as_bytes()).await.unwrap();
                        sleep(Duration::from_millis(pause)).await;
                        let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil").await;
                        writes.set(writes.get() + 1);
                    }
                }
            })
            .await;
            let client = Client::new(H1, &[address], options());
            for turn in 1..=3 {
                let charge = request("POST", "/charge", Outgoing::Full(Bytes::from_static(b"1")));
                let reply = client.send(charge).await.unwrap();
                assert_eq!(text(reply.response.into_body()).await.unwrap(), "ok");
                eventually("it is written", || written.get() == turn).await;
                // A pause of the runtime, in which it hears of what came.
                sleep(Duration::from_millis(2)).await;
                assert_eq!(accepted.get(), turn);
            }
        });
    }
}

#[test]
fn answers_to_head_have_no_body_and_keep_the_connection() {
    run(async {
        let server =
            Server::start(|_, _| Act::Answer("HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n")).await;
        let client = Client::new(H1, &[server.address], options());
        for _ in 0..3 {
            let reply = client.send(request("HEAD", "/", Outgoing::Empty)).await.unwrap();
            assert_eq!(reply.response.headers()["content-length"], "5000");
            assert_eq!(text(reply.response.into_body()).await.unwrap(), "");
        }
        assert_eq!(server.accepted.get(), 1);
    });
}

#[test]
fn a_deadline_holds_whatever_the_calls_before_had() {
    run(async {
        let (address, _) = serve(|mut socket| async move {
            while let Some(head) = read_head(&mut socket).await {
                let wait = if head.starts_with("GET /slow") { 150 } else { 0 };
                sleep(Duration::from_millis(wait)).await;
                if socket.write_all(OK.as_bytes()).await.is_err() {
                    return;
                }
            }
        })
        .await;
        let client = Client::new(H1, &[address], options());
        for _ in 0..3 {
            client.get("/quick").await.unwrap();
            let begun = Instant::now();
            let error = client.send_within(get("/slow"), Duration::from_millis(40)).await.unwrap_err();
            assert_eq!(error.failure.code(), Code::DeadlineExceeded);
            assert!((40..140).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
            // The timer that is left is due before this call's deadline, and must not end it.
            assert_eq!(
                client.send_within(get("/slow"), Duration::from_secs(2)).await.unwrap().response.status(),
                200
            );
        }
    });
}

#[test]
fn a_bodys_deadline_ends_it_and_closes() {
    run(async {
        let server =
            Server::start(|_, _| Act::Stall("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbegun")).await;
        let client = Client::new(H1, &[server.address], options());
        let mut body = client.send(get("/x")).await.unwrap().response.into_body();
        body.set_deadline(Instant::now() + Duration::from_millis(40));
        assert_eq!(next(&mut body).await.unwrap(), "begun");
        assert_eq!(next(&mut body).await, Err(Code::DeadlineExceeded));
        eventually("it closes", || server.open.get() == 0 && client.open() == 0).await;
    });
}
