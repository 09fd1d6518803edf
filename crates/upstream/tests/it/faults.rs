//! What happens when instances refuse, leave, vanish or hang: fail-over, back-off, drains.

use crate::support::h1;
use crate::support::h2s::{Server, answer};
use crate::support::{
    Client, channel, data, eventually, get, instance, options, request, roster, run, terms, text,
};
use bytes::Bytes;
use h2::Reason;
use h2::server::Builder;
use http::Response;
use http::uri::PathAndQuery;
use http_body_util::BodyExt;
use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tenet_error::Code;
use tenet_resilience::call::CallRules;
use tenet_resilience::health::HealthRules;
use tenet_upstream::{
    CallTerms, Checker, Happening, Health, HealthCheck, HealthChecks, Outgoing, PoolOptions, Protocol,
    Protocol::{H1, H2},
    ServiceRules,
};
use tokio::net::TcpListener;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

/// An address where nobody listens.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// An address that accepts and never says a word.
async fn mute() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    spawn_local(async move {
        let mut kept = Vec::new();
        while let Ok((socket, _)) = listener.accept().await {
            kept.push(socket);
        }
    });
    address
}

#[test]
fn calls_spread_over_the_instances() {
    run(async {
        let servers = [Server::named("a").await, Server::named("b").await, Server::named("c").await];
        let client = Client::new(H2, &servers.clone().map(|one| one.address), options());
        // Many at a time, as under load: the busier one loses each comparison.
        let calls = (0..300).map(|_| client.get("/x"));
        futures_util::future::try_join_all(calls).await.unwrap();
        let took = servers.map(|one| one.requests.get());
        assert!(took.iter().all(|calls| (40..=180).contains(calls)), "{took:?}");
    });
}

#[test]
fn instances_that_refuse_or_hang_at_connect_cost_no_call() {
    for hangs in [false, true] {
        run(async move {
            let good = Server::named("good").await;
            let bad = if hangs { mute().await } else { nobody().await };
            let client = Client::new(H2, &[bad, good.address], options());
            for _ in 0..10 {
                assert_eq!(client.get("/x").await.unwrap(), "good");
            }
            let views = client.views();
            assert_eq!((views[0].health, views[1].health), (Health::Failing, Health::Up));
            // The call that found out, and at most a few probes since.
            assert!((1..=4).contains(&views[0].connect_failures), "{}", views[0].connect_failures);
        });
    }
}

#[test]
fn without_an_instance_calls_fail_at_once_and_say_so() {
    run(async {
        let client = Client::new(H2, &[], options());
        let error = client.send(get("/x")).await.unwrap_err();
        assert_eq!((error.failure.code(), error.sent, error.zone), (Code::NoInstance, false, None));
        let slow = PoolOptions { backoff_base: Duration::from_secs(5), ..options() };
        let client = Client::new(H2, &[nobody().await], slow);
        let error = client.send(get("/x")).await.unwrap_err();
        assert_eq!((error.failure.code(), error.sent, error.zone), (Code::ConnectFailed, false, Some(0)));
        let started = Instant::now();
        let error = client.send(get("/x")).await.unwrap_err();
        assert_eq!((error.failure.code(), error.sent), (Code::NoInstance, false));
        assert!(error.failure.retry_after().unwrap() > Duration::from_secs(1));
        assert!(started.elapsed() < Duration::from_millis(50));
    });
}

#[test]
fn an_instance_that_comes_back_is_found_without_a_call_that_fails() {
    run(async {
        let address = nobody().await;
        let client =
            Client::new(H2, &[address], PoolOptions { backoff_base: Duration::from_millis(20), ..options() });
        assert_eq!(client.send(get("/x")).await.unwrap_err().failure.code(), Code::ConnectFailed);
        let listener = TcpListener::bind(address).await.unwrap();
        spawn_local(async move {
            while let Ok((socket, _)) = listener.accept().await {
                spawn_local(async move {
                    let mut connection = h2::server::handshake(socket).await.unwrap();
                    while let Some(Ok((_, respond))) = connection.accept().await {
                        answer(respond, "back");
                    }
                });
            }
        });
        eventually("the probe succeeds", || client.views()[0].health == Health::Up).await;
        assert_eq!(client.get("/x").await.unwrap(), "back");
    });
}

#[test]
fn a_refused_stream_is_sent_to_another_instance() {
    run(async {
        let refusing = Server::start(Builder::new(), |_, mut respond| async move {
            respond.send_reset(Reason::REFUSED_STREAM);
        })
        .await;
        let good = Server::named("good").await;
        let client = Client::new(H2, &[refusing.address, good.address], options());
        for _ in 0..4 {
            let reply =
                client.send(request("POST", "/x", Outgoing::Full(Bytes::from_static(b"b")))).await.unwrap();
            assert_eq!(text(reply.response.into_body()).await.unwrap(), "good");
        }
        let alone = Client::new(H2, &[refusing.address], options());
        let error = alone.send(get("/x")).await.unwrap_err();
        assert_eq!((error.failure.code(), error.sent), (Code::NoInstance, false));
        assert_eq!(client.in_flight() + alone.in_flight(), 0);
    });
}

#[test]
fn a_stream_that_was_not_read_is_sent_again_and_one_that_was_is_not() {
    run(async {
        let refusing = Server::start(Builder::new(), |request, mut respond| async move {
            if request.uri().path() == "/read" {
                request.into_body().data().await.unwrap().unwrap();
            }
            respond.send_reset(Reason::REFUSED_STREAM);
        })
        .await;
        let good = Server::start(Builder::new(), |request, respond| async move {
            request.into_body().data().await.unwrap().unwrap();
            answer(respond, "good");
        })
        .await;
        let both = Client::new(H2, &[refusing.address, good.address], options());
        let alone = Client::new(H2, &[refusing.address], options());
        let mut codes = Vec::new();
        for (path, client) in [("/unread", &both), ("/unread", &both), ("/read", &alone), ("/read", &alone)] {
            let before = refusing.requests.get();
            let (feed, body) = channel();
            let feeding = async {
                sleep(Duration::from_millis(if path == "/read" { 0 } else { 40 })).await;
                feed.send(data("first")).await.unwrap();
            };
            let (outcome, ()) =
                futures_util::future::join(client.send(request("POST", path, body)), feeding).await;
            codes.push(outcome.map_or_else(|error| error.failure.code(), |_| Code::Ok));
            if path == "/read" {
                assert_eq!(refusing.requests.get(), before + 1, "what was read cannot be sent again");
            }
        }
        assert_eq!(codes, [Code::Ok, Code::Ok, Code::NoInstance, Code::NoInstance]);
    });
}

#[test]
fn goaway_moves_new_calls_to_a_new_connection_and_fails_none() {
    run(async {
        let server = Server::start(Builder::new(), |request, mut respond| async move {
            let mut body = respond.send_response(Response::new(()), false).unwrap();
            body.send_data(Bytes::from_static(b"begun"), false).unwrap();
            if request.uri().path() == "/slow" {
                sleep(Duration::from_millis(150)).await;
            }
            body.send_data(Bytes::from_static(b"-done"), true).unwrap();
        })
        .await;
        let client = Client::new(H2, &[server.address], options());
        let slow = client.send(get("/slow")).await.unwrap();
        server.go_away();
        for _ in 0..20 {
            assert_eq!(client.get("/quick").await.unwrap(), "begun-done");
            sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(server.accepted.get(), 2);
        assert_eq!(text(slow.response.into_body()).await.unwrap(), "begun-done");
        eventually("the old connection closes", || server.open.get() == 1 && client.open() == 1).await;
    });
}

#[test]
fn a_killed_instance_fails_what_it_had_at_once_and_nothing_else() {
    run(async {
        let dying = Server::start(Builder::new(), |request, mut respond| async move {
            if request.uri().path() == "/head" {
                std::future::pending::<()>().await;
            }
            let mut body = respond.send_response(Response::new(()), false).unwrap();
            body.send_data(Bytes::from_static(b"begun"), false).unwrap();
            std::future::pending::<()>().await;
        })
        .await;
        let good = Server::named("good").await;
        let client = Client::new(H2, &[dying.address], options());
        let mut body = client.send(get("/body")).await.unwrap().response.into_body();
        body.frame().await.unwrap().unwrap();
        let started = Instant::now();
        let killing = async {
            sleep(Duration::from_millis(30)).await;
            dying.kill();
        };
        let (error, ()) = futures_util::future::join(client.send(get("/head")), killing).await;
        let error = error.unwrap_err();
        assert_eq!((error.failure.code(), error.sent), (Code::ConnectionLost, true));
        assert_eq!(body.frame().await.unwrap().unwrap_err().code(), Code::ConnectionLost);
        assert!(started.elapsed() < Duration::from_millis(500));
        client.shared.apply(&roster(H2, &[dying.address, good.address], options()));
        for _ in 0..5 {
            assert_eq!(client.get("/x").await.unwrap(), "good");
        }
        eventually("nothing is left of it", || {
            let view = &client.views()[0];
            (view.open_connections, view.in_flight) == (0, 0)
        })
        .await;
    });
}

#[test]
fn a_peer_that_stops_answering_pings_loses_its_connection() {
    run(async {
        // Speaks the preface and one PING's answer through a real server, which then is never polled again.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        spawn_local(async move {
            let (socket, _) = listener.accept().await.unwrap();
            let mut connection = h2::server::handshake(socket).await.unwrap();
            let kept = connection.accept().await;
            std::future::pending::<()>().await;
            drop((kept, connection));
        });
        let quick = PoolOptions {
            keepalive_interval: Some(Duration::from_millis(80)),
            keepalive_timeout: Duration::from_millis(80),
            ..options()
        };
        let client = Client::new(H2, &[address], quick);
        let started = Instant::now();
        let error = client.send(get("/x")).await.unwrap_err();
        assert_eq!((error.failure.code(), error.sent), (Code::ConnectionLost, true));
        assert!((150..1000).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
        eventually("the connection closes", || client.open() == 0).await;
    });
}

#[test]
fn a_quiet_stream_outlives_many_keepalives_without_annoying_its_peer() {
    run(async {
        let server = Server::start(Builder::new(), |_, respond| async move {
            sleep(Duration::from_millis(500)).await;
            answer(respond, "late");
        })
        .await;
        let quick = PoolOptions {
            keepalive_interval: Some(Duration::from_millis(40)),
            keepalive_timeout: Duration::from_millis(40),
            ..options()
        };
        let client = Client::new(H2, &[server.address], quick);
        assert_eq!(client.get("/x").await.unwrap(), "late");
        assert_eq!(server.accepted.get(), 1);
    });
}

#[test]
fn a_removed_instance_finishes_what_it_has_and_is_closed() {
    run(async {
        let slow = Server::start(Builder::new(), |_, mut respond| async move {
            let mut body = respond.send_response(Response::new(()), false).unwrap();
            body.send_data(Bytes::from_static(b"begun"), false).unwrap();
            sleep(Duration::from_millis(300)).await;
            body.send_data(Bytes::from_static(b"-done"), true).unwrap();
        })
        .await;
        let new = Server::named("new").await;
        let ticking = PoolOptions { keepalive_timeout: Duration::from_millis(80), ..options() };
        let client = Client::new(H2, &[slow.address], ticking.clone());
        let reply = client.send(get("/x")).await.unwrap();
        let mut replaced = roster(H2, &[new.address], ticking);
        replaced.services[0].instances[0] = instance("new", new.address, 1);
        client.shared.apply(&replaced);
        for _ in 0..5 {
            assert_eq!(client.get("/x").await.unwrap(), "new");
        }
        assert_eq!(client.views().len(), 2, "the old one is seen while it has a call");
        assert_eq!(text(reply.response.into_body()).await.unwrap(), "begun-done");
        eventually("its connection closes", || slow.open.get() == 0 && client.views().len() == 1).await;
    });
}

#[test]
fn an_old_programs_service_lives_as_long_as_its_handle() {
    run(async {
        let server = Server::named("old").await;
        let ticking = PoolOptions { keepalive_timeout: Duration::from_millis(80), ..options() };
        let client = Client::new(H2, &[server.address], ticking);
        client.shared.apply(&Default::default());
        assert_eq!(client.get("/x").await.unwrap(), "old");
        let Client { shared, pool, service, .. } = client;
        drop(service);
        eventually("its connection closes", || server.open.get() == 0 && shared.view().is_empty()).await;
        drop(pool);
    });
}

#[test]
fn a_drain_refuses_new_calls_and_waits_for_old_ones() {
    for protocol in [Protocol::H2, Protocol::H1] {
        run(async move {
            let h2 = Server::start(Builder::new(), |_, respond| async move {
                sleep(Duration::from_millis(100)).await;
                answer(respond, "done");
            })
            .await;
            let h1 = crate::support::h1::Server::start(|_, _| {
                crate::support::h1::Act::Answer("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone")
            })
            .await;
            let address = if protocol == Protocol::H2 { h2.address } else { h1.address };
            let client = Client::new(protocol, &[address], options());
            let old = client.get("/x");
            let draining = async {
                sleep(Duration::from_millis(20)).await;
                client.pool.drain().await;
            };
            let (outcome, ()) = futures_util::future::join(old, draining).await;
            assert_eq!(outcome.unwrap(), "done");
            let error = client.send(get("/x")).await.unwrap_err();
            assert_eq!((error.failure.code(), error.sent), (Code::Draining, false));
            assert_eq!(client.open(), 0);
            eventually("the instance sees it", || h2.open.get() + h1.open.get() == 0).await;
        });
    }
}

#[test]
fn an_unused_connection_is_closed_after_its_time() {
    run(async {
        let server = Server::named("x").await;
        let short = PoolOptions { idle_timeout: Duration::from_millis(80), ..options() };
        let client = Client::new(H2, &[server.address], short);
        client.get("/x").await.unwrap();
        assert_eq!(client.open(), 1);
        eventually("it closes", || server.open.get() == 0 && client.open() == 0).await;
        client.get("/x").await.unwrap();
        assert_eq!(server.accepted.get(), 2);
    });
}

#[test]
fn a_dropped_pool_closes_its_connections_after_what_they_carry() {
    run(async {
        let server = Server::start(Builder::new(), |_, mut respond| async move {
            let mut body = respond.send_response(Response::new(()), false).unwrap();
            body.send_data(Bytes::from_static(b"begun"), false).unwrap();
            sleep(Duration::from_millis(50)).await;
            body.send_data(Bytes::from_static(b"-done"), true).unwrap();
        })
        .await;
        let client = Client::new(H2, &[server.address], options());
        let reply = client.send(get("/x")).await.unwrap();
        drop(client);
        assert_eq!(text(reply.response.into_body()).await.unwrap(), "begun-done");
        eventually("the connection closes", || server.open.get() == 0).await;
    });
}

#[test]
fn a_deadline_shorter_than_a_connect_ends_the_call_unsent() {
    run(async {
        let client = Client::new(H2, &[mute().await], options());
        let started = Instant::now();
        let error = client.send_within(get("/x"), Duration::from_millis(60)).await.unwrap_err();
        assert_eq!((error.failure.code(), error.sent, error.zone), (Code::DeadlineExceeded, false, Some(0)));
        assert!(started.elapsed() < Duration::from_millis(250));
        eventually("the connect's own end is noted", || client.views()[0].health == Health::Failing).await;
        assert_eq!(client.open(), 0);
    });
}

#[test]
fn an_instance_that_speaks_something_else_is_not_sent_anything() {
    run(async {
        let other = crate::support::h1::Server::start(|_, _| {
            crate::support::h1::Act::Answer("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        })
        .await;
        let client = Client::new(H2, &[other.address], options());
        let error = client.send(get("/x")).await.unwrap_err();
        assert_eq!((error.failure.code(), error.sent), (Code::ConnectFailed, false));
        assert!(error.failure.cause().unwrap().contains("HTTP/2"), "{}", error.failure);
    });
}

#[test]
fn an_instance_that_hangs_is_ejected_by_the_calls_that_second_attempts_save() {
    run(async {
        let hung = Server::start(Builder::new(), |_, respond| async move {
            std::future::pending::<()>().await;
            drop(respond);
        })
        .await;
        let good = [Server::named("good").await, Server::named("good").await];
        let client = Client::new(H2, &[hung.address, good[0].address, good[1].address], options());
        // Many at a time, so that some are under way at the hung one before it is suspect.
        let calls = (0..60).map(|_| client.send_within(get("/x"), Duration::from_millis(800)));
        for reply in futures_util::future::join_all(calls).await {
            assert_eq!(text(reply.unwrap().response.into_body()).await.unwrap(), "good");
        }
        assert!(hung.requests.get() >= 5, "{}", hung.requests.get());
        let view = &client.views()[0];
        assert_eq!((view.health, view.ejections), (Health::Ejected, 1));
    });
}

/// Checks that come often enough to be waited for; none has to fail twice.
fn checked(check: HealthCheck) -> ServiceRules {
    let rules =
        HealthRules { interval: Duration::from_millis(10), unhealthy_after: 1, ..HealthRules::default() };
    let health = HealthChecks { check, rules };
    ServiceRules { pool: options(), health, ..ServiceRules::default() }
}

/// Calls, is told by the checks that the instance is away, then that it is back, and calls again; returns how often it connected for calls.
async fn connects_around_a_lapse(client: Client, sick: Rc<Cell<bool>>) -> u64 {
    client.get("/x").await.unwrap();
    client.get("/x").await.unwrap();
    assert_eq!(client.views()[0].connects, 1);
    let _checker = Checker::start(&client.shared, |_| {});
    for (is_sick, health) in [(true, Health::Unhealthy), (false, Health::Up)] {
        sick.set(is_sick);
        eventually("the checks to say so", || client.views()[0].health == health).await;
    }
    client.get("/x").await.unwrap();
    assert_eq!(client.open(), 1, "the old connection is closed");
    client.views()[0].connects
}

#[test]
fn an_instance_that_was_away_is_called_on_a_new_connection() {
    run(async {
        let sick: Rc<Cell<bool>> = Rc::default();
        let says = sick.clone();
        let server = h1::Server::start(move |connection, _| {
            // The first connection is the calls'.
            let sick = says.get() && connection > 0;
            h1::Act::Answer(if sick {
                "HTTP/1.1 503 Away\r\ncontent-length: 0\r\n\r\n"
            } else {
                "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
            })
        });
        let path = PathAndQuery::from_static("/healthz");
        let client = Client::by(H1, &[server.await.address], checked(HealthCheck::Http { path }));
        assert_eq!(connects_around_a_lapse(client, sick).await, 2);

        let sick: Rc<Cell<bool>> = Rc::default();
        let says = sick.clone();
        let server = Server::start(Builder::new(), move |request, mut respond| {
            let away = request.uri().path().ends_with("/Check") && says.get();
            async move {
                let status = if away { 503 } else { 200 };
                let _ = respond.send_response(Response::builder().status(status).body(()).unwrap(), true);
            }
        });
        let client = Client::by(H2, &[server.await.address], checked(HealthCheck::Grpc));
        assert_eq!(connects_around_a_lapse(client, sick).await, 2);
    });
}

#[test]
fn a_method_that_asks_for_it_is_hedged_after_its_usual_time() {
    run(async {
        // The first slow call is never answered, wherever it comes. Nothing but a hedge can end that.
        let met: Rc<Cell<bool>> = Rc::default();
        let server = || {
            let met = met.clone();
            Server::start(Builder::new(), move |request, respond| {
                let hangs = request.uri().path() == "/slow" && !met.replace(true);
                async move {
                    if hangs {
                        std::future::pending::<()>().await;
                    }
                    answer(respond, "ok");
                }
            })
        };
        let servers = [server().await, server().await];
        let rules = ServiceRules {
            pool: options(),
            call: CallRules { halfway: false, attempts: 2, ..CallRules::default() },
            ..ServiceRules::default()
        };
        let client = Client::by(H2, &[servers[0].address, servers[1].address], rules);
        let call = async |path: &str| {
            let hedge = Some(client.service.method("Read"));
            let terms = CallTerms { idempotent: true, hedge, ..terms(Duration::from_secs(10)) };
            let reply = client.pool.call(&client.service, get(path), terms).await.unwrap();
            text(reply.response.into_body()).await.unwrap()
        };
        for _ in 0..150 {
            call("/quick").await;
        }
        let before = client.shared.service_views().remove(0);
        assert_eq!(call("/slow").await, "ok");
        let after = client.shared.service_views().remove(0);
        assert_eq!((after.hedges - before.hedges, after.hedges_won - before.hedges_won), (1, 1));
        assert_eq!(after.attempts - before.attempts, 2);
    });
}

#[test]
fn what_cannot_be_connected_to_has_failed_no_attempt() {
    run(async {
        let server = Server::named("ok").await;
        let client = Client::new(H2, &[nobody().await, server.address], options());
        for _ in 0..20 {
            assert_eq!(client.get("/x").await.unwrap(), "ok");
        }
        let views = client.views();
        let (away, here) = (&views[0], &views[1]);
        assert!(away.connect_failures > 0, "it was tried");
        assert_eq!((away.health, away.finished, away.failures), (Health::Failing, 0, 0));
        assert_eq!((here.finished, here.failures), (20, 0));
        let told = client.shared.take_told();
        assert_eq!(told.iter().map(|told| told.what).collect::<Vec<_>>(), [Happening::Down]);
        assert!(told[0].text.starts_with("i0 cannot be connected to: "), "{}", told[0].text);
    });
}
