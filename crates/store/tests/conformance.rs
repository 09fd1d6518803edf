//! The engine in memory under the conformance suite.

use std::sync::Arc;
use std::time::Duration;
use tenet_store::conformance::{self, Bench, Options, Place};
use tenet_store::engine::memory::Memory;
use tenet_store::engine::{Engine, Pending};

struct InMemory;

/// What is opened again in memory is empty: the clock alone is the place's.
struct Nowhere(Arc<Memory>);

impl Bench for InMemory {
    fn place(&self) -> Pending<'_, Box<dyn Place>> {
        Box::pin(async { Ok(Box::new(Nowhere(Arc::new(Memory::new()))) as Box<dyn Place>) })
    }
}

impl Place for Nowhere {
    fn open(&self) -> Pending<'_, Arc<dyn Engine>> {
        Box::pin(async { Ok(self.0.clone() as Arc<dyn Engine>) })
    }

    fn advance(&self, time: Duration) -> bool {
        self.0.advance(time);
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_engine_in_memory_conforms() {
    let report = conformance::run(Arc::new(InMemory), Options::from_environment()).await;
    println!("{report}");
    assert!(report.failures().is_empty(), "{}", report.failures().join("\n"));
}
