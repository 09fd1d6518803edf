//! What admission measures.

use super::Admission;
use crate::metrics::{family, write_histogram};
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tenet_resilience::limit::Priority;
use tenet_sketch::Sketch;

/// Counters of one process.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Refused calls, in the order of [`Priority::REFUSABLE`].
    refused: [AtomicU64; Priority::REFUSABLE.len()],
    /// Time in the waiting room of those that were admitted from it, in nanoseconds.
    waited_ns: Mutex<Sketch>,
}

impl Counts {
    pub(super) fn refused(&self, priority: Priority) {
        let rows = Priority::REFUSABLE.iter().zip(&self.refused);
        if let Some((_, count)) = rows.into_iter().find(|(row, _)| **row == priority) {
            count.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn waited(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.waited_ns.lock().unwrap_or_else(PoisonError::into_inner).record(nanos);
    }
}

impl Admission {
    /// Writes limit, use, waits and refusals.
    pub(crate) fn write_metrics(&self, out: &mut String) -> fmt::Result {
        for (name, help, value) in [
            ("tenet_service_admission_limit", "Calls that may run at a time now.", self.limiter.limit()),
            ("tenet_service_admission_in_flight", "Calls that hold a place.", self.limiter.in_flight()),
            (
                "tenet_service_admission_waiting",
                "Calls that wait for a place.",
                self.waiting.load(Relaxed) as u64,
            ),
        ] {
            family(out, name, "gauge", help)?;
            writeln!(out, "{name} {value}")?;
        }
        const REFUSED: &str = "tenet_service_admission_refused";
        family(out, REFUSED, "counter", "Calls that were refused before they ran, by priority.")?;
        for (priority, count) in Priority::REFUSABLE.iter().zip(&self.counts.refused) {
            writeln!(out, "{REFUSED}_total{{priority=\"{}\"}} {}", priority.word(), count.load(Relaxed))?;
        }
        const WAITED: &str = "tenet_service_admission_queue_seconds";
        family(
            out,
            WAITED,
            "histogram",
            "Time admitted calls spent in the waiting room, of those that had to wait.",
        )?;
        writeln!(out, "# UNIT {WAITED} seconds")?;
        let waited = self.counts.waited_ns.lock().unwrap_or_else(PoisonError::into_inner).clone();
        write_histogram(out, WAITED, "", &waited)
    }
}
