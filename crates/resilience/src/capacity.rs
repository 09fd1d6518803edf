//! The N−1 gauge: which share of the peak a service could still carry if its largest zone, or any third of its instances, vanished now.
//!
//! ```text
//!   each second, each instance: throughput, latency, utilisation ──▶ its capacity ─┐
//!   each second: calls asked for ──▶ the day's peak ───────────────────────────────┴─▶ what is left ÷ peak, and on what that rests
//! ```
//!
//! What an instance can carry is not configured but seen, the best of three:
//!
//! - *measured*: its latency left tolerance; the throughput at that moment is its knee. Beyond the knee of a queue throughput stays and
//!   latency grows (Little 1961; Gunther, "Guerrilla Capacity Planning").
//! - *estimated*: it reports a utilisation U while it carries X; by the utilisation law it can carry X/U (Denning and Buzen 1978).
//! - *proven*: the most it has carried without its latency leaving tolerance. It can do at least that; the gauge is a lower bound then, and
//!   raises no alarm.
//!
//! Each process judges by its own part of the traffic: part of the capacity by the same part of the peak is the same share.

mod instance;
mod peak;
#[cfg(test)]
mod tests;

use crate::Moment;
use instance::Known;
use peak::Peak;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The share under which the gauge alarms, and the one above which it is quiet again; between the two it stays as it is.
const ALARM_UNDER: f64 = 1.0;
const CLEAR_ABOVE: f64 = 1.05;
/// How long it must be under, or above: a second is a coincidence.
const ALARM_AFTER: Duration = Duration::from_secs(5);
const CLEAR_AFTER: Duration = Duration::from_secs(30);

/// One instance in the second that has passed.
#[derive(Clone, Debug)]
pub struct InstanceSecond {
    /// Which.
    pub id: Arc<str>,
    /// Its zone's number; 0 is no zone.
    pub zone: u16,
    /// Calls it answered.
    pub requests: u64,
    /// What they took on average.
    pub latency: Option<Duration>,
    /// Which share of its capacity it said was used.
    pub utilisation: Option<f64>,
    /// Whether calls are sent to it.
    pub usable: bool,
}

/// What an answer rests on, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// The most that was carried: a lower bound.
    Proven,
    /// What instances said of their utilisation.
    Estimated,
    /// Where latency left tolerance.
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

/// What would be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The zone with this number.
    Zone(u16),
    /// So many instances, those that carry most.
    Instances(usize),
}

impl Lost {
    /// For people: `zone b`, `2 instances`.
    pub fn describe<'a>(self, name: impl Fn(u16) -> &'a str) -> String {
        match self {
            Lost::Zone(zone) => format!("zone {}", name(zone)),
            Lost::Instances(1) => "1 instance".to_owned(),
            Lost::Instances(count) => format!("{count} instances"),
        }
    }
}

/// The gauge of one service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gauge {
    /// What is left ÷ peak.
    pub share: f64,
    /// The loss that leaves least.
    pub lost: Lost,
    /// What it rests on.
    pub basis: Basis,
    /// The day's largest demand, in calls a second.
    pub peak: f64,
    /// What is left, in calls a second.
    pub left: f64,
    /// Whether it has been under 1 for long enough.
    pub alarm: bool,
}

/// What is remembered of one service.
#[derive(Clone, Debug, Default)]
pub struct Capacity {
    instances: BTreeMap<Arc<str>, Known>,
    peak: Peak,
    alarm: bool,
    /// Since when the gauge is on the other side of its alarm.
    turning: Option<Moment>,
}

impl Capacity {
    /// Takes in a second in which `offered` calls were asked for; `None` before anything is known.
    pub fn second(&mut self, now: Moment, offered: u64, instances: &[InstanceSecond]) -> Option<Gauge> {
        self.peak.second(now, offered as f64);
        let mut before = std::mem::take(&mut self.instances);
        for second in instances {
            let mut known = before.remove(&second.id).unwrap_or_default();
            known.second(second);
            self.instances.insert(second.id.clone(), known);
        }
        let peak = self.peak.most();
        let (left, lost, basis) = self.worst_loss(instances)?;
        if peak <= 0.0 {
            return None;
        }
        let share = left / peak;
        self.turn(now, share, basis);
        Some(Gauge { share, lost, basis, peak, left, alarm: self.alarm })
    }

    fn worst_loss(&self, instances: &[InstanceSecond]) -> Option<(f64, Lost, Basis)> {
        let usable: Vec<_> = instances.iter().filter(|second| second.usable).collect();
        let known: Vec<_> =
            usable.iter().map(|second| self.instances.get(&second.id).and_then(Known::capacity)).collect();
        let mut seen: Vec<f64> = known.iter().flatten().map(|(capacity, _)| *capacity).collect();
        seen.sort_by(f64::total_cmp);
        // One that has shown nothing yet can do what the others can.
        let median = *seen.get(seen.len() / 2)?;
        let basis = known.iter().flatten().map(|(_, basis)| *basis).min()?;
        let mut of: Vec<(u16, f64)> = usable
            .iter()
            .zip(&known)
            .map(|(second, known)| (second.zone, known.map_or(median, |k| k.0)))
            .collect();
        let total: f64 = of.iter().map(|(_, capacity)| capacity).sum();
        let mut zones: BTreeMap<u16, f64> = BTreeMap::new();
        of.iter()
            .filter(|(zone, _)| *zone != 0)
            .for_each(|(zone, capacity)| *zones.entry(*zone).or_default() += capacity);
        let zone = zones.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
        of.sort_by(|a, b| b.1.total_cmp(&a.1));
        let third = of.len().div_ceil(3);
        let of_third: f64 = of.iter().take(third).map(|(_, capacity)| capacity).sum();
        let by_third = (total - of_third, Lost::Instances(third), basis);
        Some(match zone {
            Some((zone, of_zone)) if of_zone >= of_third => (total - of_zone, Lost::Zone(zone), basis),
            _ => by_third,
        })
    }

    fn turn(&mut self, now: Moment, share: f64, basis: Basis) {
        let (wants, after) = if self.alarm {
            (share > CLEAR_ABOVE || basis == Basis::Proven, CLEAR_AFTER)
        } else {
            // A lower bound under 1 says that nothing more was seen, not that there is not more.
            (share < ALARM_UNDER && basis != Basis::Proven, ALARM_AFTER)
        };
        if !wants {
            self.turning = None;
        } else if now.since(*self.turning.get_or_insert(now)) >= after {
            self.alarm = !self.alarm;
            self.turning = None;
        }
    }
}
