//! How fast a body must arrive.
//!
//! Two bounds keep a slow sender from holding a connection: no pause longer than the body time, and, once that has passed, an average
//! rate. The second catches bodies that trickle in just fast enough never to pause.

use crate::exchange::Exchange;
use std::time::{Duration, Instant};
use tenet_error::{Code, Failure};

/// The bounds of one body.
pub struct Pace {
    began: Instant,
    body_time: Duration,
    min_rate: u64,
}

impl Pace {
    /// The bounds of the body of `exchange`.
    pub fn of(exchange: &Exchange) -> Pace {
        let limits = exchange.program.limits();
        Pace {
            began: exchange.started,
            body_time: limits.body_time.duration(),
            min_rate: u64::from(limits.min_body_rate),
        }
    }

    /// The longest pause between two pieces.
    pub fn pause(&self) -> Duration {
        self.body_time
    }

    /// Checks the average rate after `received` bytes in all.
    ///
    /// # Errors
    /// `BodyTimeout`.
    pub fn check(&self, received: u64) -> Result<(), Failure> {
        let counted = self.began.elapsed().saturating_sub(self.body_time).as_secs();
        if received >= self.min_rate * counted {
            return Ok(());
        }
        Err(Failure::new(
            Code::BodyTimeout,
            format!("the body arrives slower than {} bytes per second", self.min_rate),
        ))
    }

    /// The failure of a body that paused too long.
    pub fn paused(&self) -> Failure {
        Failure::new(Code::BodyTimeout, format!("the body paused for {:?}", self.body_time))
    }
}
