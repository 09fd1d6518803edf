//! The engine in memory under the conformance suite.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tenet_store::conformance::{self, Bench, Options, Place};
use tenet_store::engine::memory::Memory;
use tenet_store::engine::{Engine, Pending};

struct InMemory;

/// Whoever opens it finds nothing there, the second time as the first.
#[derive(Default)]
struct Nowhere(Mutex<Arc<Memory>>);

impl Bench for InMemory {
    fn place(&self) -> Pending<'_, Box<dyn Place>> {
        Box::pin(async { Ok(Box::new(Nowhere::default()) as Box<dyn Place>) })
    }
}

impl Place for Nowhere {
    fn open(&self) -> Pending<'_, Arc<dyn Engine>> {
        let engine = Arc::new(Memory::new());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = engine.clone();
        Box::pin(async { Ok(engine as Arc<dyn Engine>) })
    }

    fn advance(&self, time: Duration) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).advance(time);
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_engine_in_memory_conforms() {
    let report = conformance::run(Arc::new(InMemory), Options::from_environment()).await;
    println!("{report}");
    assert!(report.failures().is_empty(), "{}", report.failures().join("\n"));
}
