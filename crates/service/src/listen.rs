//! Accepting connections, and letting go of them gracefully.

use crate::Limits;
use crate::call::{Calls, is_grpc};
use crate::metrics::Metrics;
use crate::pages::Pages;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Pause after accepting failed, which means that descriptors or memory have run out: trying at once again would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Streams a caller may reset while we have not yet seen them, the bound against rapid reset (CVE-2023-44487).
const MAX_PENDING_RESETS: usize = 64;

/// Bytes buffered for sending on one stream before its handler has to wait.
const MAX_SEND_BUFFER: usize = 256 << 10;

/// What serves the connections of one process.
pub(crate) struct Server {
    pub(crate) calls: Calls,
    pub(crate) pages: Pages,
}

impl Server {
    /// Accepts connections until `stop`, then lets calls in flight end for at most `drain` and drops the rest.
    pub(crate) async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>, drain: Duration) {
        let limits = self.calls.limits.clone();
        let metrics = self.calls.shared.metrics.clone();
        let builder = builder(&limits);
        let server = Arc::new(self);
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            let stream = tokio::select! {
                () = &mut stop => break,
                Some(_) = connections.join_next() => continue,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                },
            };
            if connections.len() >= limits.connections {
                metrics.connections_refused.fetch_add(1, Relaxed);
                continue;
            }
            connections.spawn(connection(stream, server.clone(), builder.clone(), graceful.watcher()));
        }
        drop(listener);
        // GOAWAY to everyone; a connection ends when its last call has.
        let all_ended = async {
            graceful.shutdown().await;
            while connections.join_next().await.is_some() {}
        };
        if tokio::time::timeout(drain, all_ended).await.is_err() {
            let calls = metrics.in_flight();
            tracing::warn!(
                calls,
                drain_ms = drain.as_millis() as u64,
                "drain took too long: calls are cut off"
            );
            connections.shutdown().await;
        }
    }

    async fn dispatch(
        &self,
        request: http::Request<hyper::body::Incoming>,
    ) -> http::Response<tonic::body::Body> {
        if is_grpc(request.headers()) {
            self.calls.serve(request).await
        } else {
            self.pages.serve(request).await
        }
    }
}

fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_per_connection)
        .initial_stream_window_size(limits.stream_window)
        .initial_connection_window_size(limits.connection_window)
        .max_header_list_size(limits.metadata)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_send_buf_size(MAX_SEND_BUFFER)
        .keep_alive_interval(limits.keepalive_interval)
        .keep_alive_timeout(limits.keepalive_timeout);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_buf_size((limits.metadata as usize).max(8192));
    builder
}

async fn connection(
    stream: TcpStream,
    server: Arc<Server>,
    builder: Builder<TokioExecutor>,
    watcher: hyper_util::server::graceful::Watcher,
) {
    // Small messages must not wait for each other (Nagle); if the socket is already gone, serving it will say so.
    let _ = stream.set_nodelay(true);
    let open = Open::new(server.calls.shared.metrics.clone());
    let service = service_fn(move |request| {
        let server = server.clone();
        async move { Ok::<_, Infallible>(server.dispatch(request).await) }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        // A caller that goes away is no event worth more than this.
        tracing::debug!(%error, "connection ended");
    }
    drop(open);
}

/// Counts a connection while it is open, also when its task is cut off.
struct Open(Arc<Metrics>);

impl Open {
    fn new(metrics: Arc<Metrics>) -> Open {
        metrics.connections.fetch_add(1, Relaxed);
        metrics.connections_open.fetch_add(1, Relaxed);
        Open(metrics)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections_open.fetch_sub(1, Relaxed);
    }
}
