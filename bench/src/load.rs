//! The load generator: closed loops for CPU per request, a fixed rate for latency.
//!
//! Each run has its own thread on the load core with a single-threaded runtime. At a fixed rate, latency counts from
//! the moment a request was meant to start, whether or not a connection was free: a proxy that stalls pays for
//! everyone it made wait.

pub mod http1;
mod http2;
pub mod schedule;

use crate::contract::Case;
use crate::{Outcome, machine};
use schedule::Step;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::task::LocalSet;

/// Longest a single question may take; under callgrind everything is fifty times slower.
const ONCE_LIMIT: Duration = Duration::from_secs(30);

/// Whom to ask for what.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The proxy.
    pub address: SocketAddr,
    /// The request.
    pub case: Case,
}

/// How to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Kept-alive HTTP/1.1 connections, one request at a time on each.
    Http1 {
        /// How many.
        connections: usize,
    },
    /// HTTP/2 connections in the clear, by prior knowledge.
    Http2 {
        /// How many.
        connections: usize,
        /// Requests at a time on each.
        streams: usize,
    },
}

/// Asks once on a fresh connection; the body of the answer, which must have `status`.
pub fn once(address: SocketAddr, request: &[u8], status: u16) -> Outcome<Vec<u8>> {
    let asked = async {
        let mut connection = http1::Connection::open(address).await?;
        connection.ask(request, status, true).await
    };
    let limited = async { tokio::time::timeout(ONCE_LIMIT, asked).await };
    runtime()?.block_on(limited).map_err(|_| format!("{address}: no answer"))?
}

/// Asks once and checks the answer's status and body.
pub fn verify(target: Target) -> Outcome {
    let body = once(target.address, &target.case.request(), target.case.status())?;
    let text = String::from_utf8_lossy(&body).into_owned();
    if text.contains(target.case.expected()) {
        Ok(())
    } else {
        Err(format!("{} answers {text:?}, expected it to hold {}", target.address, target.case.expected()))
    }
}

/// A running closed loop: every connection asks again as soon as it is answered.
pub struct Closed {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    answered: AtomicU64,
    failed: AtomicU64,
    stop: AtomicBool,
}

impl Closed {
    /// Starts it. `most` ends it after so many requests, for runs that must be repeatable to the request.
    pub fn start(target: Target, shape: Shape, most: Option<u64>) -> Outcome<Closed> {
        let shared = Arc::new(Shared::default());
        let inside = shared.clone();
        let thread = on_load_core(move |local, runtime| {
            let budget = Rc::new(RefCell::new(most));
            match shape {
                Shape::Http1 { connections } => {
                    for _ in 0..connections {
                        local.spawn_local(http1::closed(target, inside.clone(), budget.clone()));
                    }
                }
                Shape::Http2 { connections, streams } => {
                    for _ in 0..connections {
                        local.spawn_local(http2::closed(target, streams, inside.clone(), budget.clone()));
                    }
                }
            }
            runtime.block_on(local);
        })?;
        Ok(Closed { shared, thread: Some(thread) })
    }

    /// Requests answered with the status of their case so far.
    pub fn answered(&self) -> u64 {
        self.shared.answered.load(Ordering::Relaxed)
    }

    /// Requests that were not.
    pub fn failed(&self) -> u64 {
        self.shared.failed.load(Ordering::Relaxed)
    }

    /// Waits for the end of a run that was started with a number of requests, at most `limit`.
    pub fn finish(mut self, limit: Duration) -> Outcome<u64> {
        let until = Instant::now() + limit;
        while self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            if Instant::now() > until {
                return Err(format!(
                    "only {} requests were answered in {} s",
                    self.answered(),
                    limit.as_secs()
                ));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        if self.failed() > 0 {
            Err(format!("{} requests failed", self.failed()))
        } else {
            Ok(self.answered())
        }
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What a fixed rate came to.
#[derive(Clone, Debug, Default)]
pub struct Fixed {
    /// Sorted latencies from the intended start, µs.
    pub latencies_us: Vec<u64>,
    /// Requests that were not answered with the status of their case.
    pub failed: u64,
}

/// Asks `rate` times a second for `time`, over HTTP/1.1 connections.
pub fn fixed(target: Target, connections: usize, rate: u32, time: Duration) -> Outcome<Fixed> {
    let (sender, receiver) = std::sync::mpsc::channel();
    let thread = on_load_core(move |local, runtime| {
        let due = schedule::start(vec![Step { rate, time }]);
        let queue = Rc::new(Queue::default());
        let found = Rc::new(RefCell::new(Fixed::default()));
        for _ in 0..connections {
            local.spawn_local(http1::scheduled(target, queue.clone(), found.clone()));
        }
        let feed = queue.clone();
        local.spawn_local(async move {
            let mut due = due;
            while let Some(start) = due.recv().await {
                feed.offer(start);
            }
            feed.close();
        });
        runtime.block_on(local);
        let mut found = found.borrow().clone();
        found.latencies_us.sort_unstable();
        let _ = sender.send(found);
    })?;
    let found = receiver.recv_timeout(time + Duration::from_secs(30));
    let found = found.map_err(|_| "requests are still unanswered 30 s after the last was sent".to_owned())?;
    let _ = thread.join();
    Ok(found)
}

/// Intended starts that wait for a connection, or connections that wait for one.
#[derive(Default)]
struct Queue {
    waiting: RefCell<VecDeque<Instant>>,
    idle: RefCell<Vec<oneshot::Sender<Instant>>>,
    closed: std::cell::Cell<bool>,
}

impl Queue {
    fn offer(&self, start: Instant) {
        let idle = self.idle.borrow_mut().pop();
        if let Some(Err(start)) = idle.map_or(Some(Err(start)), |idle| Some(idle.send(start))) {
            self.waiting.borrow_mut().push_back(start);
        }
    }

    /// No more starts come; who waits for one is told.
    fn close(&self) {
        self.closed.set(true);
        self.idle.borrow_mut().clear();
    }

    async fn next(&self) -> Option<Instant> {
        let waiting = self.waiting.borrow_mut().pop_front();
        if waiting.is_some() {
            return waiting;
        }
        if self.closed.get() {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        self.idle.borrow_mut().push(sender);
        receiver.await.ok()
    }
}

fn runtime() -> Outcome<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())
}

/// Runs `work` on a thread of the load core.
pub fn on_load_core(
    work: impl FnOnce(LocalSet, tokio::runtime::Runtime) + Send + 'static,
) -> Outcome<JoinHandle<()>> {
    let runtime = runtime()?;
    let thread = std::thread::Builder::new().name("load".into());
    let thread = thread.spawn(move || {
        if let Err(why) = machine::pin(&[machine::LOAD_CORE]) {
            eprintln!("{why}");
        }
        work(LocalSet::new(), runtime);
    });
    thread.map_err(|error| error.to_string())
}
