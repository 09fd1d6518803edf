//! What one instance can carry, as far as it has shown.

use super::{Basis, InstanceSecond};

/// Share of each second in the smoothed throughput and latency: a few seconds count.
const SMOOTHING: f64 = 0.2;
/// How fast the latency without a queue follows a faster second, and a slower one: a low expectile, slowly forgotten.
const BASE_DOWN: f64 = 0.2;
const BASE_UP: f64 = 0.002;
/// Up to this multiple of it there is no queue to speak of, and from this one on there is one.
const HEALTHY: f64 = 1.5;
const QUEUED: f64 = 2.0;
/// Calls a second below which neither throughput nor latency says anything.
const CALLS_MIN: f64 = 5.0;
/// Utilisation below which dividing by it would multiply noise.
const UTILISATION_MIN: f64 = 0.2;

/// What is known of one instance; all in calls a second and nanoseconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    throughput: f64,
    latency: Option<f64>,
    base: Option<f64>,
    proven: f64,
    knee: Option<f64>,
    estimated: Option<f64>,
}

impl Known {
    pub(super) fn second(&mut self, second: &InstanceSecond) {
        self.throughput += SMOOTHING * (second.requests as f64 - self.throughput);
        let Some(latency) = second.latency.map(|latency| latency.as_nanos() as f64) else { return };
        let before = self.latency.unwrap_or(latency);
        let latency = *self.latency.insert(before + SMOOTHING * (latency - before));
        if self.throughput < CALLS_MIN {
            return;
        }
        let base = self.base.unwrap_or(latency);
        let rate = if latency < base { BASE_DOWN } else { BASE_UP };
        let base = *self.base.insert(base + rate * (latency - base));
        if latency <= base * HEALTHY {
            self.proven = self.proven.max(self.throughput);
            // It carries more without a queue than what was taken for its knee.
            self.knee = self.knee.filter(|knee| *knee >= self.throughput);
        } else if latency >= base * QUEUED {
            let knee = self.knee.unwrap_or(self.throughput);
            self.knee = Some(knee + SMOOTHING * (self.throughput - knee));
        }
        if let Some(utilisation) = second.utilisation.filter(|share| *share >= UTILISATION_MIN) {
            let now = self.throughput / utilisation.min(1.0);
            let estimated = self.estimated.unwrap_or(now);
            self.estimated = Some(estimated + SMOOTHING * (now - estimated));
        }
    }

    /// What it can carry, and what that rests on; `None` before it has shown anything.
    pub(super) fn capacity(&self) -> Option<(f64, Basis)> {
        if let Some(knee) = self.knee {
            return Some((knee.max(self.proven), Basis::Measured));
        }
        match self.estimated {
            Some(estimated) => Some((estimated.max(self.proven), Basis::Estimated)),
            None if self.proven > 0.0 => Some((self.proven, Basis::Proven)),
            None => None,
        }
    }
}
