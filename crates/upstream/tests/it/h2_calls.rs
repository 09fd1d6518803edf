//! Calls over HTTP/2 against a real server: pooling, streaming, flow control, resets.

use crate::support::h2s::{Server, answer, trailers};
use crate::support::{Client, channel, data, eventually, get, options, read, request, run, text};
use bytes::Bytes;
use h2::Reason;
use h2::server::Builder;
use http::Response;
use http_body::Body as _;
use http_body_util::BodyExt;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;
use tenet_error::{Code, Failure};
use tenet_upstream::{Outgoing, PoolOptions, Protocol::H2};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, timeout};

#[test]
fn calls_one_after_the_other_share_a_connection() {
    run(async {
        let server = Server::named("hello").await;
        let client = Client::new(H2, &[server.address], options());
        for _ in 0..10 {
            assert_eq!(client.get("/x").await.unwrap(), "hello");
        }
        assert_eq!((server.accepted.get(), server.requests.get()), (1, 10));
        let view = &client.views()[0];
        assert_eq!((view.open_connections, view.in_flight, view.calls, view.connects), (1, 0, 10, 1));
    });
}

#[test]
fn calls_at_the_same_time_share_a_connection_and_one_connect() {
    run(async {
        let server = Server::start(Builder::new(), |_, respond| async move {
            sleep(Duration::from_millis(50)).await;
            answer(respond, "late");
        })
        .await;
        let client = Client::new(H2, &[server.address], options());
        let started = Instant::now();
        let calls = (0..50).map(|_| client.get("/x"));
        for outcome in futures_util::future::join_all(calls).await {
            assert_eq!(outcome.unwrap(), "late");
        }
        assert_eq!(server.accepted.get(), 1);
        assert!(started.elapsed() < Duration::from_secs(1), "they ran one after the other");
    });
}

#[test]
fn the_request_goes_out_as_it_is() {
    run(async {
        let seen = Rc::new(RefCell::new(None));
        let kept = seen.clone();
        let server = Server::start(Builder::new(), move |request, respond| {
            let kept = kept.clone();
            async move {
                let (parts, mut body) = request.into_parts();
                let mut whole = Vec::new();
                while let Some(data) = body.data().await {
                    whole.extend_from_slice(&data.unwrap());
                }
                *kept.borrow_mut() = Some((parts.method, parts.uri.to_string(), parts.headers, whole));
                answer(respond, "ok");
            }
        })
        .await;
        let client = Client::new(H2, &[server.address], options());
        let mut sent = request("POST", "/a/b?c=d", Outgoing::Full(Bytes::from_static(b"body")));
        sent.headers_mut().insert("te", "trailers".parse().unwrap());
        client.send(sent).await.unwrap();
        let (method, uri, headers, body) = seen.take().unwrap();
        assert_eq!(
            (method.as_str(), uri.as_str(), body.as_slice()),
            ("POST", "http://feed.test/a/b?c=d", &b"body"[..])
        );
        assert_eq!(headers["te"], "trailers");
        let baggage = headers["baggage"].to_str().unwrap();
        assert!(baggage.starts_with("tenet-allowance=2."), "a share of three: {baggage}");
        assert_eq!(headers["tenet-allowance"], "2", "the same for an instance that divides it");
        assert_eq!(headers.len(), 3, "nothing else was added: {headers:?}");
    });
}

#[test]
fn saturated_streams_grow_connections_up_to_the_bound_and_then_wait() {
    run(async {
        let mut builder = Builder::new();
        builder.max_concurrent_streams(2);
        let server = Server::start(builder, |_, respond| async move {
            sleep(Duration::from_millis(30)).await;
            answer(respond, "ok");
        })
        .await;
        let limits = PoolOptions { h2_max_connections_per_instance: 3, ..options() };
        let client = Client::new(H2, &[server.address], limits);
        let calls = (0..20).map(|_| client.get("/x"));
        for outcome in futures_util::future::join_all(calls).await {
            assert_eq!(outcome.unwrap(), "ok");
        }
        assert!((2..=3).contains(&server.accepted.get()), "{} connections", server.accepted.get());
        assert_eq!(client.in_flight(), 0);
    });
}

#[test]
fn more_waiting_calls_than_the_bound_are_refused_at_once() {
    run(async {
        let mut builder = Builder::new();
        builder.max_concurrent_streams(1);
        let server = Server::start(builder, |_, respond| async move {
            std::future::pending::<()>().await;
            drop(respond);
        })
        .await;
        let limits = PoolOptions { h2_max_connections_per_instance: 1, max_pending: 2, ..options() };
        let client = Client::new(H2, &[server.address], limits);
        let calls = (0..4).map(|_| client.send_within(get("/x"), Duration::from_millis(200)));
        let outcomes = futures_util::future::join_all(calls).await;
        let mut codes: Vec<_> = outcomes.into_iter().map(|one| one.unwrap_err().failure.code()).collect();
        codes.sort();
        let late = Code::DeadlineExceeded;
        let mut expected = vec![late, late, Code::Overloaded, Code::Overloaded];
        expected.sort();
        assert_eq!(codes, expected);
    });
}

#[test]
fn trailers_come_after_the_data_and_alone() {
    run(async {
        let server = Server::start(Builder::new(), |request, mut respond| async move {
            if request.uri().path() == "/only" {
                let response = Response::builder().header("grpc-status", "5").body(()).unwrap();
                respond.send_response(response, true).unwrap();
                return;
            }
            let mut body = respond.send_response(Response::new(()), false).unwrap();
            body.send_data(Bytes::from_static(b"one"), false).unwrap();
            body.send_trailers(trailers("0")).unwrap();
        })
        .await;
        let client = Client::new(H2, &[server.address], options());
        let reply = client.send(get("/both")).await.unwrap();
        let (text, end) = read(reply.response.into_body()).await.unwrap();
        assert_eq!((text.as_str(), &end.unwrap()["grpc-status"]), ("one", &"0".parse().unwrap()));
        let reply = client.send(get("/only")).await.unwrap();
        assert_eq!(reply.response.headers()["grpc-status"], "5");
        assert!(reply.response.body().is_end_stream());
        assert_eq!(read(reply.response.into_body()).await.unwrap(), (String::new(), None));
        assert_eq!(client.in_flight(), 0);
    });
}

#[test]
fn both_directions_of_a_stream_go_on_side_by_side() {
    run(async {
        let server = Server::start(Builder::new(), |request, mut respond| async move {
            let mut source = request.into_body();
            let mut body = respond.send_response(Response::new(()), false).unwrap();
            while let Some(Ok(data)) = source.data().await {
                source.flow_control().release_capacity(data.len()).unwrap();
                body.send_data(data, false).unwrap();
            }
            let end = source.trailers().await.unwrap().unwrap_or_default();
            body.send_trailers(end).unwrap();
        })
        .await;
        let client = Client::new(H2, &[server.address], options());
        let (feed, body) = channel();
        let reply = client.send(request("POST", "/echo", body)).await.unwrap();
        let mut answer = reply.response.into_body();
        for word in ["a", "b", "c"] {
            feed.send(data(word)).await.unwrap();
            let frame = answer.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), word);
        }
        feed.send(Ok(http_body::Frame::trailers(trailers("7")))).await.unwrap();
        let frame = answer.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_trailers().unwrap()["grpc-status"], "7");
        assert!(answer.frame().await.is_none());
        assert_eq!(client.in_flight(), 0);
    });
}

/// How much a sender gets rid of while nobody reads: what is sent in 64 × 16 KiB against a window of 64 KiB.
const CHUNK: usize = 16 << 10;

#[test]
fn a_stalled_reader_holds_the_instance_at_its_window() {
    run(async {
        let sent = Rc::new(Cell::new(0));
        let counted = sent.clone();
        let server = Server::start(Builder::new(), move |_, mut respond| {
            let counted = counted.clone();
            async move {
                let mut body = respond.send_response(Response::new(()), false).unwrap();
                for _ in 0..64 {
                    body.reserve_capacity(CHUNK);
                    while body.capacity() < CHUNK {
                        if poll_fn(|cx| body.poll_capacity(cx)).await.is_none() {
                            return;
                        }
                    }
                    body.send_data(Bytes::from(vec![0; CHUNK]), false).unwrap();
                    counted.set(counted.get() + CHUNK);
                }
                body.send_data(Bytes::new(), true).unwrap();
            }
        })
        .await;
        let window = 64 << 10;
        let client = Client::new(H2, &[server.address], PoolOptions { stream_window: window, ..options() });
        let reply = client.send(get("/much")).await.unwrap();
        let mut body = reply.response.into_body();
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        sleep(Duration::from_millis(100)).await;
        assert!(sent.get() <= window as usize, "{} bytes left the instance", sent.get());
        let rest = body.collect().await.unwrap().to_bytes();
        assert_eq!(first.len() + rest.len(), 64 * CHUNK);
    });
}

#[test]
fn a_stalled_instance_holds_the_caller_at_its_window() {
    run(async {
        let server = Server::start(Builder::new(), |request, mut respond| async move {
            let mut source = request.into_body();
            sleep(Duration::from_millis(200)).await;
            let mut whole = 0;
            while let Some(Ok(data)) = source.data().await {
                whole += data.len();
                source.flow_control().release_capacity(data.len()).unwrap();
            }
            let head = Response::builder().header("whole", whole).body(()).unwrap();
            respond.send_response(head, true).unwrap();
        })
        .await;
        let client = Client::new(H2, &[server.address], options());
        let (feed, body) = channel();
        let taken = Rc::new(Cell::new(0));
        let counted = taken.clone();
        spawn_local(async move {
            for _ in 0..64 {
                feed.send(data(vec![0; CHUNK])).await.unwrap();
                counted.set(counted.get() + CHUNK);
            }
        });
        let call = client.send(request("POST", "/much", body));
        let look = async {
            sleep(Duration::from_millis(100)).await;
            taken.get()
        };
        let (reply, stalled_at) = futures_util::future::join(call, look).await;
        // The instance's window of 65535, the frame that crosses it, and the one the feed holds.
        assert!(stalled_at <= 65535 + 3 * CHUNK, "{stalled_at} bytes were taken from the caller");
        assert_eq!(reply.unwrap().response.headers()["whole"], (64 * CHUNK).to_string());
    });
}

/// A server that answers with a head and then tells which reason its stream was reset with.
async fn watched() -> (Server, Rc<Cell<Option<Reason>>>) {
    let reset = Rc::new(Cell::new(None));
    let seen = reset.clone();
    let server = Server::start(Builder::new(), move |request, mut respond| {
        let seen = seen.clone();
        async move {
            if request.uri().path() == "/silent" {
                seen.set(Some(poll_fn(|cx| respond.poll_reset(cx)).await.unwrap()));
                return;
            }
            let mut body = respond.send_response(Response::new(()), false).unwrap();
            body.send_data(Bytes::from_static(b"begun"), false).unwrap();
            seen.set(Some(poll_fn(|cx| body.poll_reset(cx)).await.unwrap()));
        }
    })
    .await;
    (server, reset)
}

#[test]
fn dropping_the_call_or_the_body_cancels_the_stream_at_once() {
    run(async {
        let (server, reset) = watched().await;
        let client = Client::new(H2, &[server.address], options());
        let cut = timeout(Duration::from_millis(50), client.send(get("/silent"))).await;
        assert!(cut.is_err());
        eventually("RST_STREAM of the call", || reset.take() == Some(Reason::CANCEL)).await;
        let reply = client.send(get("/begun")).await.unwrap();
        drop(reply);
        eventually("RST_STREAM of the body", || reset.take() == Some(Reason::CANCEL)).await;
        let (_feed, body) = channel();
        let reply = client.send(request("POST", "/begun", body)).await.unwrap();
        drop(reply);
        eventually("RST_STREAM of both directions", || reset.take() == Some(Reason::CANCEL)).await;
        assert_eq!((client.in_flight(), server.accepted.get()), (0, 1));
    });
}

#[test]
fn the_callers_own_failure_cancels_the_stream_and_comes_back() {
    run(async {
        let (server, reset) = watched().await;
        let client = Client::new(H2, &[server.address], options());
        let (feed, body) = channel();
        feed.send(Err(Failure::new(Code::BodyTimeout, "stalled"))).await.unwrap();
        let error = client.send(request("POST", "/silent", body)).await.unwrap_err();
        assert_eq!((error.failure.code(), error.sent), (Code::BodyTimeout, true));
        eventually("RST_STREAM", || reset.take() == Some(Reason::CANCEL)).await;
        let (feed, body) = channel();
        let reply = client.send(request("POST", "/begun", body)).await.unwrap();
        feed.send(Err(Failure::from(Code::Cancelled))).await.unwrap();
        let mut body = reply.response.into_body();
        let failure = loop {
            match body.frame().await.unwrap() {
                Ok(_) => {}
                Err(failure) => break failure,
            }
        };
        assert_eq!(failure.code(), Code::Cancelled);
        eventually("RST_STREAM", || reset.take() == Some(Reason::CANCEL)).await;
    });
}

#[test]
fn a_reset_by_the_instance_ends_the_answer_and_the_request() {
    run(async {
        let server = Server::start(Builder::new(), |request, mut respond| async move {
            if request.uri().path() == "/before" {
                respond.send_reset(Reason::INTERNAL_ERROR);
                return;
            }
            let mut body = respond.send_response(Response::new(()), false).unwrap();
            body.send_data(Bytes::from_static(b"part"), false).unwrap();
            sleep(Duration::from_millis(20)).await;
            body.send_reset(Reason::INTERNAL_ERROR);
        })
        .await;
        let client = Client::new(H2, &[server.address], options());
        let error = client.send(get("/before")).await.unwrap_err();
        assert_eq!((error.failure.code(), error.sent, error.zone), (Code::ConnectionLost, true, Some(0)));
        let (feed, body) = channel();
        let reply = client.send(request("POST", "/after", body)).await.unwrap();
        assert_eq!(text(reply.response.into_body()).await.unwrap_err().code(), Code::ConnectionLost);
        eventually("the request's body is let go", || feed.is_closed()).await;
        assert_eq!(client.in_flight(), 0);
    });
}

#[test]
fn an_early_complete_answer_stops_the_request_without_a_failure() {
    run(async {
        let server = Server::start(Builder::new(), |request, mut respond| async move {
            let _unread = request.into_body();
            let mut body = respond.send_response(Response::new(()), false).unwrap();
            body.send_data(Bytes::from_static(b"enough"), true).unwrap();
        })
        .await;
        let client = Client::new(H2, &[server.address], options());
        let (feed, body) = channel();
        feed.send(data("begin")).await.unwrap();
        let reply = client.send(request("POST", "/", body)).await.unwrap();
        assert_eq!(text(reply.response.into_body()).await.unwrap(), "enough");
        eventually("the request's body is let go", || feed.is_closed()).await;
    });
}

#[test]
fn deadlines_end_the_wait_for_the_head_and_for_the_body() {
    run(async {
        let (server, reset) = watched().await;
        let client = Client::new(H2, &[server.address], options());
        let error = client.send_within(get("/silent"), Duration::from_millis(60)).await.unwrap_err();
        assert_eq!((error.failure.code(), error.sent), (Code::DeadlineExceeded, true));
        eventually("RST_STREAM", || reset.take() == Some(Reason::CANCEL)).await;
        let mut body = client.send(get("/begun")).await.unwrap().response.into_body();
        body.set_deadline(Instant::now() + Duration::from_millis(60));
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "begun");
        assert_eq!(body.frame().await.unwrap().unwrap_err().code(), Code::DeadlineExceeded);
        assert!(body.frame().await.is_none());
        eventually("RST_STREAM", || reset.take() == Some(Reason::CANCEL)).await;
    });
}

#[test]
fn answers_that_break_the_protocol_are_named_so() {
    run(async {
        let server = Server::start(Builder::new(), |request, mut respond| async move {
            let head = match request.uri().path() {
                "/short" => Response::builder().header("content-length", "10").body(()).unwrap(),
                _ => Response::builder().header("big", "x".repeat(8000)).body(()).unwrap(),
            };
            let mut body = respond.send_response(head, false).unwrap();
            body.send_data(Bytes::from_static(b"four"), true).unwrap();
        })
        .await;
        let client = Client::new(H2, &[server.address], PoolOptions { max_header_list: 4096, ..options() });
        let error = client.send(get("/big")).await.unwrap_err();
        assert_eq!((error.failure.code(), error.sent), (Code::UpstreamProtocol, true));
        let failure = match client.send(get("/short")).await {
            Ok(reply) => text(reply.response.into_body()).await.unwrap_err(),
            Err(error) => error.failure,
        };
        assert_eq!(failure.code(), Code::UpstreamProtocol);
    });
}

#[test]
fn a_full_body_larger_than_every_window_arrives_whole() {
    run(async {
        let server = Server::start(Builder::new(), |request, mut respond| async move {
            let mut source = request.into_body();
            let mut whole = 0;
            while let Some(Ok(data)) = source.data().await {
                whole += data.len();
                source.flow_control().release_capacity(data.len()).unwrap();
            }
            let head = Response::builder().header("whole", whole).body(()).unwrap();
            respond.send_response(head, true).unwrap();
        })
        .await;
        let client = Client::new(H2, &[server.address], options());
        let body = Outgoing::Full(Bytes::from(vec![7; 1 << 20]));
        let reply = client.send(request("POST", "/much", body)).await.unwrap();
        assert_eq!(reply.response.headers()["whole"], (1 << 20).to_string());
    });
}

#[test]
fn a_field_http2_forbids_is_our_failure_and_never_sent() {
    run(async {
        let server = Server::named("x").await;
        let client = Client::new(H2, &[server.address], options());
        let mut forbidden = get("/x");
        forbidden.headers_mut().insert("connection", "keep-alive".parse().unwrap());
        let error = client.send(forbidden).await.unwrap_err();
        assert_eq!((error.failure.code(), error.sent), (Code::Internal, false));
        assert_eq!(client.get("/x").await.unwrap(), "x");
        assert_eq!((server.requests.get(), server.accepted.get(), client.in_flight()), (1, 1, 0));
    });
}
