//! The N−1 gauge: which share of today's peak could a service still carry if its largest zone, or a third of its instances, vanished now?
//!
//! ```text
//!   offered a second ───────────────────────▶ Peak: the most of 24 h, over 10 s ──┐
//!   of each instance a second:                                                    ├─▶ share = left ÷ peak ──▶ alarm below 1
//!   calls, latency, utilisation ─▶ Instance ─▶ its capacity ─▶ less the worst loss ┘
//! ```
//!
//! What an instance can carry is taken from what it did, never from configuration, and it is said how it is known ([`Basis`]):
//!
//! - **measured**: it was saturated at this throughput (2.5 × its usual latency, or 1.5 × while calls were refused), and in saturation
//!   throughput *is* capacity (the asymptote of operational analysis).
//! - **estimated**: by the utilisation law (Denning and Buzen, "The Operational Analysis of Queueing Network Models", 1978) calls ÷ utilisation, from 30 %
//!   on, with the utilisation that it reports itself (ORCA, gRFC A51).
//! - **proven**: it has carried this much in the last 24 hours and was not saturated. A lower bound: nobody knows yet how much more it can do.
//!
//! A share that rests on what was proven says nothing when it is below 1, because a service that never had more to do has proven no more.
//! So the alarm rings for measured and estimated shares only. A service with one zone, or one instance, has a share of 0: that is so.
//!
//! All of it is what one process sees. Where several gateways share the traffic each sees its part of peak and capacity alike, and the
//! share is the same.

mod alarm;
mod instance;
mod loss;
mod peak;
#[cfg(test)]
mod tests;

use crate::Moment;
use alarm::Alarm;
use instance::Instance;
pub use loss::Lost;
use loss::{Carrier, worst};
use peak::{Peak, Recent};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// What a round may have taken, seconds. Rounds are about a second; one that came far too late (a stopped process) is not believed.
const ROUND_S: (f64, f64) = (0.1, 10.0);

/// Calls are being refused when less than this share of those offered is answered; less than that is lost on the way between rounds.
const REFUSING_BELOW: f64 = 0.97;

/// How a capacity is known, the least certain first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// It has carried this much: a lower bound.
    Proven,
    /// From the utilisation that instances report.
    Estimated,
    /// More than this was tried, and latency grew instead of throughput.
    Measured,
}

impl Basis {
    /// The word used in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Basis::Proven => "proven",
            Basis::Estimated => "estimated",
            Basis::Measured => "measured",
        }
    }
}

/// What one instance did since the last round.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceSecond {
    /// Which instance.
    pub id: Arc<str>,
    /// Its zone in the roster; 0 for none.
    pub zone: u16,
    /// Calls that it answered.
    pub requests: u64,
    /// Their mean latency; `None` where there were none.
    pub latency: Option<Duration>,
    /// The utilisation that it reported, 1.0 for all it has; `None` where it reports none.
    pub utilisation: Option<f64>,
    /// Whether calls are sent to it now.
    pub usable: bool,
}

/// Where a service stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gauge {
    /// `left` ÷ `peak`.
    pub share: f64,
    /// What is imagined lost.
    pub lost: Lost,
    /// How what is left is known.
    pub basis: Basis,
    /// The largest demand of the last 24 hours, calls a second over ten seconds.
    pub peak: f64,
    /// What could be carried after the loss, calls a second.
    pub left: f64,
    /// Whether people are to be told.
    pub alarm: bool,
}

/// The gauge of one service. Memory is bounded by its instances, about 700 bytes each.
#[derive(Debug, Default)]
pub struct Capacity {
    instances: HashMap<Arc<str>, Instance>,
    demand: Recent,
    answered: Recent,
    peak: Peak,
    alarm: Alarm,
    last: Option<Moment>,
}

impl Capacity {
    /// A gauge that knows nothing.
    pub fn new() -> Capacity {
        Capacity::default()
    }

    /// Takes in a round, about once a second: the calls that were `offered` to the service since the last one, also those that were
    /// refused, and what each instance did. An instance that is missing is forgotten. `None` while nothing can be told: in the
    /// first ten rounds, without demand, while no instance is used, and before one is known by twenty seconds of calls.
    pub fn second(&mut self, now: Moment, offered: u64, instances: &[InstanceSecond]) -> Option<Gauge> {
        let elapsed = self.last.map_or(1.0, |last| now.since(last).as_secs_f64());
        let seconds = elapsed.clamp(ROUND_S.0, ROUND_S.1);
        self.last = Some(now);
        self.demand.add(seconds, offered, Duration::ZERO);
        if self.demand.is_full() {
            self.peak.note(now, self.demand.rate());
        }
        self.instances.retain(|id, _| instances.iter().any(|instance| instance.id == *id));
        self.answered.add(seconds, instances.iter().map(|did| did.requests).sum(), Duration::ZERO);
        let refusing = self.answered.rate() < REFUSING_BELOW * self.demand.rate();
        for did in instances {
            self.instances.entry(did.id.clone()).or_default().second(now, seconds, refusing, did);
        }
        let peak = self.peak.most(now);
        let mut carriers = self.carriers(now, instances)?;
        let (lost, left, basis) = worst(&mut carriers)?;
        if peak <= 0.0 {
            return None;
        }
        let share = left / peak;
        let alarm = self.alarm.watch(now, if basis == Basis::Proven { f64::INFINITY } else { share });
        Some(Gauge { share, lost, basis, peak, left, alarm })
    }

    /// The instances that are used now, those that are not known yet at the median of the others. `None` where none is known.
    fn carriers(&mut self, now: Moment, instances: &[InstanceSecond]) -> Option<Vec<Carrier>> {
        let mut known: Vec<(f64, Basis)> =
            self.instances.values_mut().filter_map(|instance| instance.capacity(now)).collect();
        known.sort_by(|a, b| a.0.total_cmp(&b.0));
        let median = *known.get(known.len() / 2)?;
        let usable = instances.iter().filter(|did| did.usable);
        let carriers = usable.map(|did| {
            let own = self.instances.get_mut(&did.id).and_then(|instance| instance.capacity(now));
            let (calls, basis) = own.unwrap_or(median);
            Carrier { zone: did.zone, calls, basis }
        });
        Some(carriers.collect())
    }
}
