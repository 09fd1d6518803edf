//! The embedded engine, in folders of its own. What kill -9 leaves of one is tried by its crash runs: a suite cannot kill its own process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tenet_store::conformance::{Bench, Injury, Place};
use tenet_store::engine::embedded::{Embedded, EmbeddedOptions};
use tenet_store::engine::{Engine, EngineError, Pending};

pub struct InFolders;

/// A folder, and the engine that is open on it; a clock that was turned stays turned when the engine is opened anew.
struct Folder {
    folder: tempfile::TempDir,
    engine: Mutex<Option<Embedded>>,
    turned: Mutex<Duration>,
}

impl Bench for InFolders {
    fn place(&self) -> Pending<'_, Box<dyn Place>> {
        Box::pin(async {
            let folder = tempfile::tempdir().map_err(|error| unavailable(&error))?;
            Ok(Box::new(Folder { folder, engine: Mutex::default(), turned: Mutex::default() })
                as Box<dyn Place>)
        })
    }
}

fn unavailable(error: &std::io::Error) -> EngineError {
    EngineError::Unavailable(error.to_string())
}

impl Folder {
    fn engine(&self) -> MutexGuard<'_, Option<Embedded>> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Inverts one of the bytes that look like an item's value. No engine is open.
    fn corrupt(&self, byte: u64) -> Result<(), EngineError> {
        drop(self.engine().take());
        let file = self.folder.path().join("store.redb");
        let mut content = std::fs::read(&file).map_err(|error| unavailable(&error))?;
        let places: Vec<usize> = content
            .windows(VALUE_LIKE)
            .enumerate()
            .filter(|(_, window)| window.iter().all(u8::is_ascii_digit))
            .map(|(place, _)| place)
            .collect();
        let chosen = places.get(byte as usize * SPREAD % places.len().max(1));
        let place = chosen.ok_or_else(|| EngineError::Broken("no value in the file".into()))?;
        content[*place] ^= 0xff;
        std::fs::write(&file, content).map_err(|error| unavailable(&error))
    }
}

/// The suite's values are digits alone; no key, checksum or page has so many in a row.
const VALUE_LIKE: usize = 64;
/// So that neighbouring numbers choose bytes far from each other.
const SPREAD: usize = 100_003;

impl Place for Folder {
    fn open(&self) -> Pending<'_, Arc<dyn Engine>> {
        Box::pin(async {
            // What was open before must be closed, or the folder is still another's.
            drop(self.engine().take());
            let engine = Embedded::open(self.folder.path(), EmbeddedOptions::default())?;
            engine.advance(*self.turned.lock().unwrap_or_else(PoisonError::into_inner));
            *self.engine() = Some(engine.clone());
            Ok(Arc::new(engine) as Arc<dyn Engine>)
        })
    }

    fn beside(&self) -> Option<Pending<'_, Arc<dyn Engine>>> {
        Some(Box::pin(async {
            let second = Embedded::open(self.folder.path(), EmbeddedOptions::default())?;
            Ok(Arc::new(second) as Arc<dyn Engine>)
        }))
    }

    fn advance(&self, time: Duration) -> bool {
        *self.turned.lock().unwrap_or_else(PoisonError::into_inner) += time;
        if let Some(engine) = &*self.engine() {
            engine.advance(time);
        }
        true
    }

    fn injure(&self, injury: Injury) -> Option<Pending<'_, ()>> {
        match injury {
            Injury::Corrupt(byte) => Some(Box::pin(async move { self.corrupt(byte) })),
            // Its own fault runs have a storage that is full and that a process dies on.
            Injury::Kill | Injury::Fill | Injury::Drain => None,
        }
    }
}
