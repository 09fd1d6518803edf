//! The engine's clock as it is known here: asked once a second and counted on from there, where asking is a journey.
//!
//! What is counted on is never behind the engine's clock, because it counts from before the question was sent; it is ahead by what the answer
//! took, at most as long as a call may take. So a token is never taken for younger than it is.

use crate::engine::{Engine, EngineError};
use crate::item::UnixMs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// After this somebody asks anew, while others still count on.
const FRESH: Duration = Duration::from_secs(1);
/// After this nobody counts on: an engine that was away may come back with another clock.
const USABLE: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Default)]
pub(super) struct Clock {
    known: Mutex<Option<(Instant, UnixMs)>>,
    asking: AtomicBool,
}

impl Clock {
    /// The time by the engine's clock, or a little later.
    pub(super) async fn now(&self, engine: &dyn Engine) -> Result<UnixMs, EngineError> {
        if let Some(now) = engine.local_clock() {
            return Ok(now);
        }
        let known = *self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((asked, then)) = known {
            let since = asked.elapsed();
            if since < FRESH || (since < USABLE && self.asking.swap(true, Ordering::AcqRel)) {
                return Ok(then.after(since));
            }
        }
        let _asking = Asking(&self.asking);
        let asked = Instant::now();
        let then = engine.clock().await?;
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((asked, then));
        Ok(then.after(asked.elapsed()))
    }
}

/// Somebody asks, until this is dropped: also where the call that asked was given up.
struct Asking<'a>(&'a AtomicBool);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
