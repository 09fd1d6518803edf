//! One client, called from several runtimes and threads at once.

use crate::stage::{Instance, call, client, down, say, up};
use tenet_client::Client;

async fn some_of_everything(client: Client) {
    for _ in 0..50 {
        call(client.clone(), "Echo", say("")).await.unwrap();
    }
    assert_eq!(up(client.clone(), 0..100).await.unwrap(), 4950);
    let mut stream = down(client.clone(), 20).await.unwrap();
    for number in 0..20 {
        assert_eq!(stream.message().await.unwrap().unwrap().number, number);
    }
    assert!(stream.message().await.unwrap().is_none());
}

#[test]
fn all_kinds_of_calls_work_from_all_kinds_of_runtimes() {
    let instances = ["a", "b"].map(Instance::start);
    for threads in [1, 2, 8] {
        let client = client(&instances).threads(threads).build().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    runtime.block_on(some_of_everything(client.clone()));
                });
            }
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(2)
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(async {
                    let calls: Vec<_> =
                        (0..4).map(|_| tokio::spawn(some_of_everything(client.clone()))).collect();
                    for call in calls {
                        call.await.unwrap();
                    }
                });
            });
            scope.spawn(|| {
                // A runtime without clock and sockets: the client brings its own.
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(some_of_everything(client.clone()));
            });
        });
        let views = client.views();
        let calls = views.services[0].calls;
        // 9 callers, each 50 unary calls and two streams.
        assert_eq!(calls, 9 * 52, "{threads} threads");
    }
}

#[test]
fn a_client_is_send_and_sync() {
    fn is<T: Clone + Send + Sync + 'static>() {}
    is::<Client>();
}
