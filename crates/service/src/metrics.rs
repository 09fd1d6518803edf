//! What a service process measures of itself, declared once: calls by method and code with their latencies, calls in
//! flight, panics, connections.
//!
//! The methods are known when the service starts, so recording is one look-up by path and one short lock of the cell
//! that is kept for this method and this code. Calls of unknown methods share one row: a stranger cannot grow the table.

mod openmetrics;

pub(crate) use openmetrics::{OPENMETRICS, family, write_histogram};

use crate::methods::{Method, Shape};
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tenet_error::GrpcCode;
use tenet_resilience::limit::Priority;
use tenet_sketch::Sketch;
use tokio::time::Instant;

/// The row of every call whose method the service does not have.
const UNKNOWN_METHOD: &str = "(unknown)";

/// What one service process has counted since it started.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Rows by path (`/package.Service/Method`).
    methods: HashMap<String, Arc<Row>>,
    unknown: Arc<Row>,
    /// Calls that ended because their handler panicked.
    pub(crate) panics: AtomicU64,
    /// Connections accepted.
    pub(crate) connections: AtomicU64,
    /// Connections open now.
    pub(crate) connections_open: AtomicI64,
    /// Connections closed at once because the limit was reached.
    pub(crate) connections_refused: AtomicU64,
    /// 1 while draining.
    pub(crate) draining: AtomicU64,
}

/// One row: what is known of one method.
#[derive(Debug)]
struct Row {
    method: Method,
    in_flight: AtomicI64,
    /// Latencies in nanoseconds by number of the gRPC code.
    latency_ns: [Mutex<Sketch>; GrpcCode::ALL.len()],
}

impl Row {
    fn new(method: Method) -> Arc<Row> {
        Arc::new(Row {
            method,
            in_flight: AtomicI64::new(0),
            latency_ns: std::array::from_fn(|_| Mutex::new(Sketch::new())),
        })
    }
}

impl Metrics {
    /// Empty metrics for these methods.
    pub(crate) fn new(methods: impl IntoIterator<Item = Method>) -> Metrics {
        let row = |method: Method| (format!("/{}", method.name), Row::new(method));
        let unknown =
            Method { name: UNKNOWN_METHOD.into(), shape: Shape::Unknown, priority: Priority::Normal };
        Metrics {
            methods: methods.into_iter().map(row).collect(),
            unknown: Row::new(unknown),
            panics: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            connections_open: AtomicI64::new(0),
            connections_refused: AtomicU64::new(0),
            draining: AtomicU64::new(0),
        }
    }

    /// Notes that a call began. It is recorded when the returned guard is finished or dropped.
    pub(crate) fn start(&self, path: &str) -> InFlight {
        let row = self.methods.get(path).unwrap_or(&self.unknown).clone();
        row.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight { row, started: Instant::now(), code: None }
    }

    /// Calls that run now.
    pub(crate) fn in_flight(&self) -> i64 {
        self.rows().iter().map(|row| row.in_flight.load(Ordering::Relaxed)).sum()
    }

    /// All rows by name, the one of unknown methods last.
    fn rows(&self) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.methods.values().map(Arc::as_ref).collect();
        rows.sort_by(|a, b| a.method.name.cmp(&b.method.name));
        rows.push(&self.unknown);
        rows
    }
}

/// A call that runs. Dropped without a code it counts as cancelled: nobody waited for its end.
#[derive(Debug)]
pub(crate) struct InFlight {
    row: Arc<Row>,
    started: Instant,
    code: Option<GrpcCode>,
}

impl InFlight {
    /// The method that is called.
    pub(crate) fn method(&self) -> &Method {
        &self.row.method
    }

    /// Says how the call ended; only the first word counts.
    pub(crate) fn finish(&mut self, code: GrpcCode) {
        self.code.get_or_insert(code);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let code = self.code.unwrap_or(GrpcCode::Cancelled);
        let nanos = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.row.in_flight.fetch_sub(1, Ordering::Relaxed);
        // A sketch is consistent after every statement, so a poisoned lock is still good.
        let cell = &self.row.latency_ns[usize::from(code.number())];
        cell.lock().unwrap_or_else(PoisonError::into_inner).record(nanos);
    }
}
