//! Fault points: places where a service misbehaves on purpose, so that drills and benches can rehearse failures in real
//! processes. They exist only in a process that was started with `TENET_FAULT_POINTS=true`.
//!
//! ```text
//!   call ──▶ black hole? ──▶ admission ──▶ error? ──▶ delay ──▶ slots (k at a time, t each) ──▶ handler
//!            never answers                 at once              the rest waits in order
//! ```
//!
//! Delay, error and black hole are *leased*: they end by themselves, so that a drill that dies leaves nothing behind.
//! Whether the lease has run out is read off the clock at each call, so nothing has to run for a fault to end. Slots are
//! the stated capacity of an instance and stay.

mod page;
mod settings;
mod slots;

pub(crate) use page::PATH;
pub(crate) use settings::Leased;
pub use settings::SlotRule;

use crate::Fault;
use settings::Wanted;
use slots::Slots;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tonic::Status;

/// The fault points of one process, shared by all its calls.
#[derive(Debug)]
pub(crate) struct FaultPoints {
    /// The slots the process was started with, to which it returns.
    at_start: Option<SlotRule>,
    // Held for a few instructions; a process with fault points is one under test.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    slots: Option<Arc<Slots>>,
    leased: Leased,
    /// When `leased` ends.
    until: Instant,
    /// Counts the changes, so that the end of a lease that was renewed is not announced.
    change: u64,
}

/// What is in force at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Active {
    pub(crate) slots: Option<Arc<Slots>>,
    pub(crate) leased: Leased,
    /// Time until the leased faults end; zero when there are none.
    pub(crate) left: Duration,
}

impl FaultPoints {
    /// Fault points of which none is active but the slots the process was started with.
    pub(crate) fn new(at_start: Option<SlotRule>) -> Arc<FaultPoints> {
        let slots = at_start.map(Slots::new);
        if let Some(rule) = at_start {
            tracing::warn!(
                count = rule.count,
                time_ms = rule.time_ms,
                "fault point: slots limit the capacity"
            );
        }
        let state = State { slots, leased: Leased::default(), until: Instant::now(), change: 0 };
        Arc::new(FaultPoints { at_start, state: Mutex::new(state) })
    }

    /// What is in force now.
    pub(crate) fn active(&self) -> Active {
        let state = self.lock();
        let left = state.until.saturating_duration_since(Instant::now());
        let leased = if left.is_zero() { Leased::default() } else { state.leased };
        let left = if leased.any() { left } else { Duration::ZERO };
        Active { slots: state.slots.clone(), leased, left }
    }

    /// Never ends while there is a black hole; at once otherwise. A call that has fallen in stays in also when the lease
    /// ends, as one that a real hang has lost: its deadline or its caller ends it.
    pub(crate) async fn black_hole(&self) {
        if self.active().leased.black_hole {
            std::future::pending::<()>().await;
        }
    }

    /// Goes through error, delay and slots, in this order; the error is the answer of a call that gets no further.
    pub(crate) async fn pass(&self) -> Result<(), Status> {
        let Active { slots, leased, .. } = self.active();
        if let Some(rule) = leased.error.filter(|rule| rule.strikes(rand::random())) {
            return Err(Fault::new(rule.code, "A fault point answers in the service's place.")
                .reason("FAULT_POINT", "tenet")
                .into());
        }
        if leased.delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(leased.delay_ms.into())).await;
        }
        if let Some(slots) = slots {
            slots.pass().await;
        }
        Ok(())
    }

    /// Puts `wanted` in force: all leased faults as it says, the slots only when it names them, since they belong to who
    /// measures and not to each drill.
    fn put(self: &Arc<FaultPoints>, wanted: &Wanted) {
        let lease = Duration::from_millis(wanted.for_ms.into());
        let change = {
            let mut state = self.lock();
            if let Some(rule) = wanted.slots {
                state.slots = Some(Slots::new(rule));
            }
            state.leased = wanted.leased;
            state.until = Instant::now() + lease;
            state.change += 1;
            state.change
        };
        let Leased { delay_ms, error, black_hole } = wanted.leased;
        tracing::warn!(
            slots = wanted.slots.map(tracing::field::display),
            delay_ms,
            error = error.map(tracing::field::display),
            black_hole,
            for_ms = wanted.for_ms,
            "fault points were set"
        );
        if wanted.leased.any() {
            let points = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(lease).await;
                if points.lock().change == change {
                    tracing::warn!("the lease of the fault points has ended");
                }
            });
        }
    }

    /// Ends everything but the slots the process was started with.
    fn clear(&self) {
        let mut state = self.lock();
        let slots = state.slots.as_ref().map(|slots| slots.rule);
        if slots != self.at_start {
            state.slots = self.at_start.map(Slots::new);
        }
        state.leased = Leased::default();
        state.change += 1;
        drop(state);
        tracing::warn!("fault points were cleared");
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is one assignment a field, so a poisoned state is still a good one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenet_error::GrpcCode;

    fn put(points: &Arc<FaultPoints>, text: &str) {
        points.put(&Wanted::parse(text.as_bytes()).unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn leased_faults_end_with_their_lease_and_slots_stay() {
        let points = FaultPoints::new(SlotRule::parse("1x10ms"));
        put(&points, r#"{"delay_ms":100,"slots":{"count":2,"time_ms":5},"for_ms":1000}"#);
        tokio::time::advance(Duration::from_millis(999)).await;
        let active = points.active();
        assert_eq!((active.leased.delay_ms, active.left), (100, Duration::from_millis(1)));
        tokio::time::advance(Duration::from_millis(1)).await;
        let active = points.active();
        assert_eq!((active.leased, active.left), (Leased::default(), Duration::ZERO));
        assert_eq!(active.slots.unwrap().rule, SlotRule { count: 2, time_ms: 5 });
        points.clear();
        assert_eq!(points.active().slots.unwrap().rule, SlotRule { count: 1, time_ms: 10 });
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewed_lease_lasts_and_a_later_setting_replaces_the_earlier() {
        let points = FaultPoints::new(None);
        put(&points, r#"{"black_hole":true,"for_ms":1000}"#);
        tokio::time::advance(Duration::from_millis(900)).await;
        put(&points, r#"{"error":{"code":"INTERNAL"},"for_ms":1000}"#);
        tokio::time::advance(Duration::from_millis(900)).await;
        let leased = points.active().leased;
        assert!(!leased.black_hole);
        assert_eq!(leased.error.unwrap().code, GrpcCode::Internal);
        assert_eq!(points.pass().await.unwrap_err().code(), tonic::Code::Internal);
        points.clear();
        assert!(points.pass().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_in_the_black_hole_stays_there() {
        let points = FaultPoints::new(None);
        put(&points, r#"{"black_hole":true,"for_ms":1000}"#);
        let long = Duration::from_secs(3600);
        assert!(tokio::time::timeout(long, points.black_hole()).await.is_err());
        assert!(tokio::time::timeout(long, points.black_hole()).await.is_ok());
    }
}
