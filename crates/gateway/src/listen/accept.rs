//! Accepting: each new connection goes to the thread with the fewest.
//!
//! A few long-lived HTTP/2 connections must not pile up on one thread, so the kernel does not choose. Accepting runs beside the
//! data plane and hands sockets over; a connection costs one message, a request none.

use super::{ACCEPT_PAUSE, Listening};
use crate::process::Process;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tenet_error::{Code, Failure, problem_json};
use tenet_telemetry::{CounterId, Key, Recorder, Sample};
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedSender;

/// A connection on its way to a thread.
pub struct Accepted {
    /// The socket, non-blocking.
    pub stream: TcpStream,
    /// Its peer.
    pub address: SocketAddr,
    /// The listener's facts.
    pub listening: Listening,
}

/// The way to each thread. Unbounded, because the number of open connections is bounded before anything is sent.
pub type Threads = Arc<[UnboundedSender<Accepted>]>;

/// Accepts until the process drains.
pub async fn run(process: Arc<Process>, listener: TcpListener, listening: Listening, threads: Threads) {
    let mut drain = process.drain_signal();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = async { drain.wait_for(|drain| drain.reaches(listening.door)).await.map(drop).unwrap_or(()) } => return,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, or a connection that was reset before it was accepted.
                tracing::warn!("cannot accept: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let limit = process.current().limits().connections as usize;
        if process.open_at(listening.door).load(Ordering::Relaxed) >= limit {
            refuse(&process, &listening, &stream);
            continue;
        }
        let _ = stream.set_nodelay(true);
        let Ok(stream) = stream.into_std() else { continue };
        let index = process
            .open
            .iter()
            .enumerate()
            .min_by_key(|(_, open)| open.load(Ordering::Relaxed))
            .map_or(0, |(index, _)| index);
        process.opened(index, listening.door);
        if threads[index].send(Accepted { stream, address, listening: listening.clone() }).is_err() {
            process.closed(index, listening.door);
        }
    }
}

/// Answers a connection beyond the limit as far as that costs nothing: in the clear, one write that may fail. What it would have
/// asked is unknown, so the record has no endpoint.
fn refuse(process: &Process, listening: &Listening, stream: &tokio::net::TcpStream) {
    process.collector.count(CounterId::ConnectionsRefused, 1);
    let mut recorder = Recorder::new(0);
    let key = Key::unrouted(Code::Overloaded);
    recorder.record(&Sample {
        key,
        latency_ns: 0,
        request_bytes: 0,
        response_bytes: 0,
        attempts: 0,
        hedged: false,
        hedge_won: false,
    });
    process.collector.submit(&process.current().names, recorder.take());
    if listening.tls.is_none() && !listening.proxy_protocol {
        let id = format!("{:032x}", rand::random::<u128>());
        let body =
            problem_json(&Failure::new(Code::Overloaded, "too many connections are open"), 503, &id, &[]);
        let head = format!(
            "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: 1\r\n\
             x-request-id: {id}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let _ = stream.try_write(&[head.as_bytes(), &body].concat());
    }
}
