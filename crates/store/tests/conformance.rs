//! The engines that need no server under the conformance suite.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tenet_store::conformance::{self, Bench, Options, Place};
use tenet_store::engine::embedded::{Embedded, EmbeddedOptions};
use tenet_store::engine::memory::Memory;
use tenet_store::engine::{Engine, EngineError, Pending};

struct InMemory {
    /// Whether its clock may be turned.
    turned: bool,
}

/// Whoever opens it finds nothing there, the second time as the first.
struct Nowhere {
    memory: Mutex<Arc<Memory>>,
    turned: bool,
}

impl Bench for InMemory {
    fn place(&self) -> Pending<'_, Box<dyn Place>> {
        Box::pin(async {
            Ok(Box::new(Nowhere { memory: Mutex::default(), turned: self.turned }) as Box<dyn Place>)
        })
    }
}

impl Place for Nowhere {
    fn open(&self) -> Pending<'_, Arc<dyn Engine>> {
        let engine = Arc::new(Memory::new());
        *self.memory.lock().unwrap_or_else(PoisonError::into_inner) = engine.clone();
        Box::pin(async { Ok(engine as Arc<dyn Engine>) })
    }

    fn advance(&self, time: Duration) -> bool {
        if self.turned {
            self.memory.lock().unwrap_or_else(PoisonError::into_inner).advance(time);
        }
        self.turned
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_engine_in_memory_conforms() {
    let report = conformance::run(Arc::new(InMemory { turned: true }), Options::from_environment()).await;
    println!("{report}");
    assert!(report.failures().is_empty(), "{}", report.failures().join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_clock_that_cannot_be_turned_is_waited_for() {
    let options = Options { only: "expiry".into(), ..Options::default() };
    let report = conformance::run(Arc::new(InMemory { turned: false }), options).await;
    assert!(report.failures().is_empty(), "{}", report.failures().join("\n"));
    assert!(report.findings.iter().any(|finding| finding.result.is_ok()), "{report}");
}

/// Folders of their own.
struct InFolders;

/// A folder, and the engine that is open on it; a clock that was turned stays turned when the engine is opened anew.
struct Folder {
    folder: tempfile::TempDir,
    engine: Mutex<Option<Embedded>>,
    turned: Mutex<Duration>,
}

impl Bench for InFolders {
    fn place(&self) -> Pending<'_, Box<dyn Place>> {
        Box::pin(async {
            let folder = tempfile::tempdir().map_err(|error| EngineError::Unavailable(error.to_string()))?;
            Ok(Box::new(Folder { folder, engine: Mutex::default(), turned: Mutex::default() })
                as Box<dyn Place>)
        })
    }
}

impl Place for Folder {
    fn open(&self) -> Pending<'_, Arc<dyn Engine>> {
        Box::pin(async {
            // What was open before must be closed, or the folder is still another's.
            drop(self.engine.lock().unwrap_or_else(PoisonError::into_inner).take());
            let engine = Embedded::open(self.folder.path(), EmbeddedOptions::default())?;
            engine.advance(*self.turned.lock().unwrap_or_else(PoisonError::into_inner));
            *self.engine.lock().unwrap_or_else(PoisonError::into_inner) = Some(engine.clone());
            Ok(Arc::new(engine) as Arc<dyn Engine>)
        })
    }

    fn advance(&self, time: Duration) -> bool {
        *self.turned.lock().unwrap_or_else(PoisonError::into_inner) += time;
        if let Some(engine) = &*self.engine.lock().unwrap_or_else(PoisonError::into_inner) {
            engine.advance(time);
        }
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_embedded_engine_conforms() {
    let report = conformance::run(Arc::new(InFolders), Options::from_environment()).await;
    println!("{report}");
    assert!(report.failures().is_empty(), "{}", report.failures().join("\n"));
}
