//! What all calls of one process share, and what is added to the end of each of their answers.

use crate::Context;
use crate::admission::{Admission, NOT_RUN_TRAILER};
use crate::fault_points::FaultPoints;
use crate::load_report::{LOAD_REPORT, LoadReport};
use crate::methods::Method;
use crate::metrics::Metrics;
use crate::service::MoreMetrics;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::sync::Arc;
use tenet_resilience::allowance;
use tenet_resilience::limit::Priority;
use tokio::time::Instant;

/// What a call and all calls below it spent of the allowance they were granted.
const SPENT: HeaderName = HeaderName::from_static(allowance::SPENT);

/// What all calls of one process share.
pub(crate) struct Shared {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) fault_points: Option<Arc<FaultPoints>>,
    pub(crate) admission: Option<Admission>,
    pub(crate) load_report: Option<LoadReport>,
    pub(crate) more_metrics: MoreMetrics,
}

impl Shared {
    /// Adds what the end of every answer says: to the trailers, or to the head of an answer that is nothing but a head.
    pub(crate) fn end(&self, context: &Context, method: &Method, trailers: &mut HeaderMap) {
        // A handler may pass on a status it got from below, with what that call said about itself.
        for own in [SPENT, LOAD_REPORT, NOT_RUN_TRAILER] {
            trailers.remove(own);
        }
        // Also when it is 0: without a report the caller must take it that everything was spent.
        if let Some(allowance) = &context.allowance {
            trailers.insert(SPENT, HeaderValue::from(allowance.close()));
        }
        // A health checker asks whether the instance lives, not whether it should get more calls.
        if let Some(report) = self.load_report.as_ref().filter(|_| method.priority != Priority::Exempt) {
            trailers.insert(LOAD_REPORT, report.value(Instant::now(), || self.utilization()));
        }
    }

    /// How much of what the process takes at a time is in use.
    fn utilization(&self) -> f64 {
        if let Some(slots) = self.fault_points.as_ref().and_then(|points| points.active().slots) {
            return slots.busy() as f64 / f64::from(slots.rule.count);
        }
        self.admission.as_ref().map_or(0.0, Admission::utilization)
    }
}
