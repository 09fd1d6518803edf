//! How busy this instance is, told to its callers with each answer, so that they can spread their load by it: ORCA, the
//! open request cost aggregation of gRPC (gRFC A51, `xds.data.orca.v3.OrcaLoadReport`).
//!
//! The report goes into the trailers of an answer as `endpoint-load-metrics-bin`. It is made anew at most ten times a
//! second and shared by all answers in between, which makes it cost one look at a clock and one reference count a call.

mod cpu;

use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use cpu::Cpu;
use http::{HeaderName, HeaderValue};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tenet_resilience::orca::{Report, UTILISATION_MOST};
use tokio::time::Instant;

/// The trailer that holds a report (gRFC A51, "Per-query load reporting").
pub(crate) const LOAD_REPORT: HeaderName = HeaderName::from_static("endpoint-load-metrics-bin");

/// How long a report is used again. Callers average over seconds; a tenth of one is fresh enough.
const FRESH: Duration = Duration::from_millis(100);

/// The report of one process.
pub(crate) struct LoadReport {
    start: Instant,
    /// When the report has to be made anew, in nanoseconds since `start`. Whoever moves it makes the report.
    due: AtomicU64,
    encoded: ArcSwap<HeaderValue>,
    // Only the one who moved `due` comes here, so nobody waits for it.
    cpu: Mutex<Cpu>,
}

impl LoadReport {
    /// A report of a process that has done nothing yet.
    pub(crate) fn new(now: Instant) -> LoadReport {
        LoadReport {
            start: now,
            due: AtomicU64::new(0),
            encoded: ArcSwap::from_pointee(encode(0.0, 0.0)),
            cpu: Mutex::new(Cpu::new(now)),
        }
    }

    /// The report to send at `now`; `application` says how much of what the instance takes at a time is in use, 1.0 being
    /// all of it.
    pub(crate) fn value(&self, now: Instant, application: impl FnOnce() -> f64) -> HeaderValue {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let since_start = nanos(now.saturating_duration_since(self.start));
        let due = self.due.load(Relaxed);
        if since_start >= due {
            let next = since_start.saturating_add(nanos(FRESH));
            if self.due.compare_exchange(due, next, Relaxed, Relaxed).is_ok() {
                let cpu = self.cpu.lock().unwrap_or_else(PoisonError::into_inner).utilization(now);
                self.encoded.store(Arc::new(encode(cpu, application())));
            }
        }
        HeaderValue::clone(&self.encoded.load())
    }
}

/// A report as the value of its trailer. A value of 0 means "not reported" to the readers of ORCA, which for a
/// utilisation of nothing comes to the same.
fn encode(cpu_utilization: f64, application_utilization: f64) -> HeaderValue {
    // Readers refuse what is above as a mistake; a limit that has just shrunk can leave more than that in flight.
    let [cpu_utilization, application_utilization] =
        [cpu_utilization, application_utilization].map(|value| value.min(UTILISATION_MOST));
    let report = Report { cpu_utilization, application_utilization, ..Report::default() };
    let text = STANDARD_NO_PAD.encode(report.to_bytes());
    // Base64 is always a header value.
    let mut value = HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""));
    // No secret, but never to be indexed: HPACK's table would fill with reports of the past, and every answer walk through them.
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(value: &HeaderValue) -> Report {
        Report::from_bytes(&STANDARD_NO_PAD.decode(value.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn a_report_is_made_once_for_all_answers_of_its_time() {
        let start = Instant::now();
        let report = LoadReport::new(start);
        let at = |ms| start + Duration::from_millis(ms);
        for (ms, application, expected) in [
            (0, 0.25, 0.25),
            (99, 0.5, 0.25),
            (100, 0.5, 0.5),
            (150, 0.75, 0.5),
            (5000, 1.5, 1.5),
            (6000, 125.0, 10.0),
        ] {
            let value = report.value(at(ms), || application);
            assert_eq!(decoded(&value).application_utilization, expected, "at {ms} ms");
        }
    }
}
