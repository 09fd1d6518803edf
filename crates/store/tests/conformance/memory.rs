//! The engine in memory: whoever opens it finds nothing there, the second time as the first.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tenet_store::conformance::{Bench, Place};
use tenet_store::engine::memory::Memory;
use tenet_store::engine::{Engine, Pending};

pub struct InMemory {
    /// Whether its clock may be turned.
    pub turned: bool,
}

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
