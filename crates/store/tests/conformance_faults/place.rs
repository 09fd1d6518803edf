//! Where the faulty engine lies: in memory that is gone when it is opened again, or in memory that stays as a disk would, and can be harmed.

use crate::fault::Fault;
use crate::faulty::Faulty;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tenet_store::commit::{Action, Commit, RecordChange, Write};
use tenet_store::conformance::{Bench, Injury, Place};
use tenet_store::engine::memory::Memory;
use tenet_store::engine::{Engine, EngineError, Pending};
use tenet_store::name::CollectionId;

/// Makes places.
pub struct FaultyBench {
    pub fault: Fault,
    /// What it holds stays when it is opened again.
    pub kept: bool,
}

/// What was done to the engines of one opening.
#[derive(Default)]
pub struct Harm {
    pub kept: bool,
    dead: AtomicBool,
    full: AtomicBool,
    /// The record whose value lies where a byte was changed. 0: none; else one more than its number.
    damaged: AtomicU64,
}

impl Harm {
    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    pub fn damages(&self, record: &[u8]) -> bool {
        let damaged = self.damaged.load(Ordering::Relaxed);
        damaged > 0 && record == format!("r{}", damaged - 1).as_bytes()
    }
}

struct FaultyPlace {
    fault: Fault,
    now: Mutex<(Arc<Memory>, Arc<Harm>)>,
}

impl Bench for FaultyBench {
    fn place(&self) -> Pending<'_, Box<dyn Place>> {
        let harm = Arc::new(Harm { kept: self.kept, ..Harm::default() });
        let place = FaultyPlace { fault: self.fault, now: Mutex::new((Arc::default(), harm)) };
        Box::pin(async { Ok(Box::new(place) as Box<dyn Place>) })
    }
}

impl FaultyPlace {
    fn now(&self) -> MutexGuard<'_, (Arc<Memory>, Arc<Harm>)> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn engine(&self, memory: Arc<Memory>, harm: Arc<Harm>) -> Arc<dyn Engine> {
        Arc::new(Faulty { memory, fault: self.fault, harm, seen: Mutex::default() })
    }

    /// What is lost in a kill by an engine that loses something: items of the first writer.
    async fn lose(&self, memory: &Memory) -> Result<(), EngineError> {
        let lost: &[&str] = match self.fault {
            Fault::LosesWhatWasAcknowledged => &["a", "b"],
            Fault::TearsWrites => &["a"],
            _ => &[],
        };
        let write = |key: &&str| Write { key: key.to_string().into(), action: Action::Delete, ttl: None };
        let writes = lost.iter().map(write).collect();
        let changes = vec![RecordChange { record: "w0".into(), conditions: Vec::new(), writes }];
        let commit = Commit::of(CollectionId(1), None, changes);
        memory.commit(vec![commit]).await.map(drop)
    }
}

impl Place for FaultyPlace {
    fn open(&self) -> Pending<'_, Arc<dyn Engine>> {
        let mut now = self.now();
        if now.1.kept {
            let damaged = AtomicU64::new(now.1.damaged.load(Ordering::Relaxed));
            now.1 = Arc::new(Harm { kept: true, damaged, ..Harm::default() });
        } else {
            now.0 = Arc::default();
        }
        let engine = self.engine(now.0.clone(), now.1.clone());
        Box::pin(async { Ok(engine) })
    }

    fn beside(&self) -> Option<Pending<'_, Arc<dyn Engine>>> {
        let (memory, harm) = self.now().clone();
        if !harm.kept {
            return None;
        }
        let beside = match self.fault {
            Fault::RefusesASecond => Err(EngineError::Unavailable("there is one already".into())),
            Fault::SecondsAreApart => Ok(self.engine(Arc::default(), harm)),
            _ => Ok(self.engine(memory, harm)),
        };
        Some(Box::pin(async { beside }))
    }

    fn advance(&self, time: Duration) -> bool {
        self.now().0.advance(time);
        true
    }

    fn injure(&self, injury: Injury) -> Option<Pending<'_, ()>> {
        let (memory, harm) = self.now().clone();
        if !harm.kept {
            return None;
        }
        match injury {
            Injury::Kill => {
                harm.dead.store(true, Ordering::Relaxed);
                return Some(Box::pin(async move { self.lose(&memory).await }));
            }
            Injury::Corrupt(_) if self.fault == Fault::OverlooksDamage => {}
            Injury::Corrupt(byte) => harm.damaged.store(byte % 100 + 1, Ordering::Relaxed),
            Injury::Fill => harm.full.store(true, Ordering::Relaxed),
            Injury::Drain => harm.full.store(false, Ordering::Relaxed),
        }
        Some(Box::pin(async { Ok(()) }))
    }
}
