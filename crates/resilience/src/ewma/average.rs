//! What one thread knows of a service as a whole: the yardstick for its instances.

use super::{LoadRules, Observation, Outcome};
use crate::Moment;
use crate::moment::nanos_f64;

/// Share of each answer in the averages: about the last 64 answers count.
const STEP: f64 = 1.0 / 64.0;
/// The part of `decay` below which a latency counts as just measured.
const IDLE_LEAST: f64 = 0.001;

/// Running averages over all instances of a service. Kept by [`crate::balance::Balancer`].
#[derive(Clone, Debug)]
pub struct Average {
    rules: LoadRules,
    /// Mean latency of good answers, in nanoseconds; `None` before the first.
    latency: Option<f64>,
    /// Good answers so far, as far as they matter: until 1/[`STEP`] of them came, each counts the same, so that the first, which had to wait
    /// for a connection, is not what instances that were never called are taken for.
    answers: f64,
    /// Attempts in flight at an instance when one of them ended, itself included.
    pressure: f64,
    utilisation: Option<(f64, Moment)>,
}

impl Average {
    /// Of nothing yet.
    pub fn new(rules: LoadRules) -> Average {
        Average { rules, latency: None, answers: 0.0, pressure: 1.0, utilisation: None }
    }

    /// How loads are measured.
    pub fn rules(&self) -> &LoadRules {
        &self.rules
    }

    /// An attempt ended at an instance that had `in_flight` of them, itself included.
    pub fn ended(&mut self, observation: Observation, in_flight: u32) {
        if observation.outcome != Outcome::Ok {
            return;
        }
        let latency = nanos_f64(observation.latency);
        self.answers = (self.answers + 1.0).min(1.0 / STEP);
        let mean = self.latency.unwrap_or(latency);
        self.latency = Some(mean + (latency - mean) / self.answers);
        self.pressure += STEP * (f64::from(in_flight.max(1)) - self.pressure);
    }

    /// An instance reported its utilisation.
    pub fn reported(&mut self, now: Moment, utilisation: f64) {
        if !utilisation.is_finite() || utilisation < 0.0 {
            return;
        }
        let mean = match self.utilisation {
            Some((mean, at)) if now.since(at) <= self.rules.utilisation_valid => mean,
            _ => utilisation,
        };
        self.utilisation = Some((mean + STEP * (utilisation - mean), now));
    }

    /// Mean latency of good answers in nanoseconds, at least one; the initial one before the first.
    pub fn latency(&self) -> f64 {
        self.latency.unwrap_or(nanos_f64(self.rules.initial)).max(1.0)
    }

    /// What an instance has in flight on average while it has anything, at least 1.
    pub fn pressure(&self) -> f64 {
        self.pressure.max(1.0)
    }

    /// The mean of what was reported lately, 0 for nothing.
    pub fn utilisation(&self, now: Moment) -> f64 {
        match self.utilisation {
            Some((mean, at)) if now.since(at) <= self.rules.utilisation_valid => mean,
            _ => 0.0,
        }
    }

    /// How much of `decay` has passed since `then`, 0 to 1; 0 as long as that is so little that it makes no difference (busy instances are
    /// spared the arithmetic).
    pub(super) fn idle(&self, then: Moment, now: Moment) -> f64 {
        let passed = now.nanos_since(then) / nanos_f64(self.rules.decay).max(1.0);
        if passed < IDLE_LEAST { 0.0 } else { passed.min(1.0) }
    }

    /// What is left of something measured at `then`: e^(−Δt/decay).
    pub fn fade(&self, then: Moment, now: Moment) -> f64 {
        let decay = nanos_f64(self.rules.decay);
        if decay <= 0.0 { 0.0 } else { (-now.nanos_since(then) / decay).exp() }
    }
}
