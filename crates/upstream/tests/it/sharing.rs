//! What several pools of a process share, and that nothing is left of calls however they ended.

use crate::support::h2s::{Server, answer};
use crate::support::{Client, channel, eventually, get, options, request, roster, run, terms, text};
use h2::server::Builder;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;
use tenet_upstream::{Health, Outgoing, Part, Pool, PoolOptions, Protocol::H2, ServiceHandle, Shared};
use tokio::time::{sleep, timeout};

fn assert_shareable<T: Send + Sync>() {}

#[test]
fn the_process_wide_side_may_cross_threads() {
    assert_shareable::<Shared>();
    assert_shareable::<ServiceHandle>();
    assert_shareable::<PoolOptions>();
}

#[test]
fn the_view_sums_all_threads_and_forgets_no_call_of_a_thread_that_ended() {
    let (tell, told) = mpsc::channel();
    let (stop, stopped) = mpsc::channel::<()>();
    let serving = std::thread::spawn(move || {
        run(async move {
            let server = Server::named("x").await;
            tell.send(server.address).unwrap();
            while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
                sleep(Duration::from_millis(5)).await;
            }
        });
    });
    let shared = Arc::new(Shared::new());
    let service = shared.apply(&roster(H2, &[told.recv().unwrap()], options())).remove(0);
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let (shared, service) = (shared.clone(), service.clone());
            std::thread::spawn(move || {
                run(async move {
                    let pool = Pool::new(Part { thread, threads: 4 }, shared.clone());
                    for _ in 0..25 {
                        let reply = pool.call(&service, get("/x"), terms(Duration::from_secs(5))).await;
                        text(reply.unwrap().response.into_body()).await.unwrap();
                    }
                    assert!(shared.view()[0].open_connections >= 1);
                    pool.drain().await;
                });
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let view = &shared.view()[0];
    assert_eq!((view.calls, view.connects, view.open_connections, view.in_flight), (100, 4, 0, 0));
    assert_eq!(view.health, Health::Up);
    drop(stop);
    serving.join().unwrap();
}

#[test]
fn nothing_is_left_of_calls_however_they_end() {
    run(async {
        // On a busy machine many calls are cancelled before the instance has seen them; by default h2 gives a connection up for that.
        let mut builder = Builder::new();
        builder.max_pending_accept_reset_streams(300);
        let server = Server::start(builder, |request, respond| async move {
            let delay: u64 = request.uri().path()[1..].parse().unwrap();
            sleep(Duration::from_millis(delay)).await;
            drop(request);
            answer(respond, "done");
        })
        .await;
        let one = PoolOptions { h2_max_connections_per_instance: 1, ..options() };
        let client = Client::new(H2, &[server.address], one);
        let calls = (0..300u64).map(|number| {
            let client = &client;
            async move {
                let path = format!("/{}", number % 20);
                let (feed, stream) = channel();
                // Where it is not the body it is dropped here, and its feed is closed already.
                let body = Some(stream).filter(|_| number % 3 == 0).unwrap_or(Outgoing::Empty);
                let call = client.send(request("POST", &path, body));
                match timeout(Duration::from_millis(10), call).await {
                    Ok(Ok(reply)) if number % 2 == 0 => drop(reply),
                    Ok(Ok(reply)) => assert_eq!(text(reply.response.into_body()).await.unwrap(), "done"),
                    Ok(Err(error)) => panic!("{}", error.failure),
                    Err(_) => {}
                }
                // The sending ends with the call, also where the feed is still there.
                timeout(Duration::from_secs(2), feed.closed()).await.unwrap();
            }
        });
        futures_util::future::join_all(calls).await;
        assert_eq!((client.in_flight(), server.accepted.get()), (0, 1));
        client.pool.drain().await;
        assert_eq!(client.open(), 0);
        eventually("the instance sees it", || server.open.get() == 0).await;
    });
}
