//! One instance of the service behind the proxies: a process of its own, so that it can be killed and stopped.
//!
//! ```text
//!   proxy ── HTTP/1.1 or gRPC ──► faults ──► 4 slots of 20 ms, first come first served ──► answer
//!   bench ── a line on stdin ───► faults                  bench ◄── how many calls came, on stdout
//! ```
//!
//! Work that was begun or waits for a slot is done even if its caller has gone: most HTTP/1.1 servers notice that only
//! when they write. Health checks are answered outside the slots.

pub mod control;
mod serve;
mod slots;

use crate::Outcome;
use slots::Slots;
use std::cell::RefCell;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::LocalSet;

/// Calls an instance works on at a time. Six instances do 1,200 calls a second: little enough for each proxy to carry three times as
/// much on one core, so that what is measured are policies and not CPU.
pub const SLOTS: usize = 4;
/// What each takes, ms.
pub const WORK_MS: u64 = 20;
/// Calls that may wait for a slot; one more is refused. A usual bound of servers, and far more than anyone waits for.
const QUEUE: usize = 1024;

/// Where it listens; both ports are reserved by the bench.
#[derive(clap::Args)]
pub struct Arguments {
    /// Port of HTTP/1.1.
    #[arg(long)]
    http: u16,
    /// Port of gRPC.
    #[arg(long)]
    grpc: u16,
}

/// What the control thread sets and the serving thread reads.
#[derive(Debug, Default)]
struct Faults {
    /// Added to each call that is accepted now, ms; [`control::FAILING`] means that calls are refused at once.
    added_ms: AtomicU64,
    /// Calls that came, refused ones included, health checks not.
    calls: AtomicU64,
}

/// What all connections share.
#[derive(Clone)]
struct Service {
    faults: Arc<Faults>,
    slots: Rc<RefCell<Slots>>,
}

/// How a call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Done,
    Unavailable,
}

impl Service {
    /// Takes a slot, works and answers.
    async fn work(&self) -> Answer {
        self.faults.calls.fetch_add(1, Ordering::Relaxed);
        let added_ms = self.faults.added_ms.load(Ordering::Relaxed);
        if added_ms == control::FAILING {
            return Answer::Unavailable;
        }
        let end = self.slots.borrow_mut().take(Instant::now(), Duration::from_millis(WORK_MS + added_ms));
        match end {
            Some(end) => {
                tokio::time::sleep_until(end.into()).await;
                Answer::Done
            }
            None => Answer::Unavailable,
        }
    }
}

/// Serves until the bench closes its standard input or ends.
pub fn run(arguments: &Arguments) -> Outcome {
    super::attached::end_with_parent()?;
    let failed = |error: std::io::Error| format!("instance: {error}");
    let bind = |port: u16| {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port)))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    let (http, grpc) = (bind(arguments.http).map_err(failed)?, bind(arguments.grpc).map_err(failed)?);
    let faults = Arc::new(Faults::default());
    control::start(faults.clone()).map_err(failed)?;
    let service = Service { faults, slots: Rc::new(RefCell::new(Slots::new(SLOTS, QUEUE))) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let local = LocalSet::new();
    serve::http(&local, http, service.clone());
    serve::grpc(&local, grpc, service);
    println!("{}", control::READY);
    runtime.block_on(local);
    Ok(())
}
