//! The engine's clock as it is known here: asked once a second and counted on from there, where asking is a journey.
//!
//! What is counted on is never behind the engine's clock, because it counts from before the question was sent; it is ahead by what the answer
//! took, at most as long as a call may take. So a token is never taken for younger than it is.
//!
//! One asks at a time. While the last answer is of use the others count on; where there is none they wait for that one's answer, or its error.

use crate::engine::{Engine, EngineError};
use crate::item::UnixMs;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// After this somebody asks anew, while others still count on.
const FRESH: Duration = Duration::from_secs(1);
/// After this nobody counts on: an engine that was away may come back with another clock.
const USABLE: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Default)]
pub(super) struct Clock {
    known: Mutex<Known>,
    /// Whoever asks has it, and lets go of it also where the call that asked was given up.
    turn: tokio::sync::Mutex<()>,
}

/// What came of asking.
#[derive(Default)]
struct Known {
    /// When somebody asked last with success, and the answer.
    time: Option<(Instant, UnixMs)>,
    /// When somebody was last told that there is none, and why.
    failed: Option<(Instant, String)>,
}

impl Clock {
    /// The time by the engine's clock, or a little later.
    pub(super) async fn now(&self, engine: &dyn Engine) -> Result<UnixMs, EngineError> {
        if let Some(now) = engine.local_clock() {
            return Ok(now);
        }
        if let Some(now) = self.within(FRESH) {
            return Ok(now);
        }
        let began = Instant::now();
        let _turn = match (self.turn.try_lock(), self.within(USABLE)) {
            (Ok(turn), _) => turn,
            (Err(_), Some(now)) => return Ok(now),
            (Err(_), None) => {
                let turn = self.turn.lock().await;
                if let Some(now) = self.within(FRESH) {
                    return Ok(now);
                }
                if let Some((at, why)) = &self.known().failed
                    && *at >= began
                {
                    return Err(EngineError::Unavailable(why.clone()));
                }
                turn
            }
        };
        let asked = Instant::now();
        let told = engine.clock().await;
        let mut known = self.known();
        match told {
            Ok(then) => {
                known.time = Some((asked, then));
                Ok(then.after(asked.elapsed()))
            }
            Err(error) => {
                known.failed = Some((Instant::now(), error.to_string()));
                Err(error)
            }
        }
    }

    /// Counted on from an answer that is no older than this.
    fn within(&self, age: Duration) -> Option<UnixMs> {
        let (asked, then) = self.known().time?;
        let since = asked.elapsed();
        (since < age).then(|| then.after(since))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
