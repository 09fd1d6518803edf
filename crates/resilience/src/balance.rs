//! Which instance takes the next attempt: power of two choices, the local zone first while it has capacity.
//!
//! ```text
//!   candidates, local ones first ──▶ two draws among the local ones ──▶ the lower score ─┬─▶ index
//!                                    two draws among the others     ──▶ the lower score ─┘ (when `Spill` says so)
//! ```
//!
//! Two random draws and the better of them (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001) spread load
//! nearly as well as knowing everything would, at a cost that does not grow with the number of instances, and many callers who decide
//! by it do not all run to the same instance, which those who take the best do. The score is [`crate::ewma`]'s.
//!
//! A balancer belongs to one thread and one service.

mod draw;
mod spill;

pub use spill::Spill;

use crate::Moment;
use crate::ewma::{Average, Load, LoadRules, Observation};
use draw::Draws;

/// Draws in search of two instances that are ready. With a third of a large service down, two of six are found in 99 of 100 cases, and
/// one almost always.
const PROBES: usize = 6;

/// How many times the score of the other side's instance one of the side that was decided for has, for the other to take the call. Less, and
/// widely spread latencies alone drive calls out of their zone: at 8, with σ = 1.5 of the logarithm, nearly nine of ten stay.
const BY_FAR: f64 = 8.0;

/// Whether an instance can take an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// At once.
    Ready,
    /// Later or perhaps: it would wait for a connection, or the instance is suspect ([`Load::is_suspect`]).
    Busy,
    /// No: failing, ejected, or tried by this call already.
    Down,
}

/// The instances of a service as a thread sees them now, those of the local zone first.
pub trait Candidates {
    /// How many there are.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// How many of them, from index 0 on, are in the caller's own zone. Where zones are unknown or the caller is in none: all.
    fn local(&self) -> usize;
    /// The zone of `index`; 0 is no zone.
    fn zone(&self, index: usize) -> u16;
    /// Whether `index` can take an attempt.
    fn standing(&self, index: usize) -> Standing;
    /// How bad a choice `index` is, [`Load::score`].
    fn score(&self, index: usize) -> f64;
    /// The share of draws that count for `index`, [`Load::share`]; 1 is all.
    fn share(&self, index: usize) -> f64;
}

/// What is asked of one pick.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pick {
    /// For a retry: the zone of the attempt before, where another should be preferred.
    pub prefer_other_zone_than: Option<u16>,
    /// Fresh randomness.
    pub random: u64,
}

/// How a service is balanced.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BalanceRules {
    /// How loads are measured.
    pub load: LoadRules,
    /// When the local zone gives load away.
    pub spill: SpillRules,
}

pub use spill::SpillRules;

/// Picks instances of one service for one thread.
#[derive(Clone, Debug)]
pub struct Balancer {
    average: Average,
    spill: Spill,
}

impl Balancer {
    /// With nothing seen yet.
    pub fn new(rules: BalanceRules) -> Balancer {
        Balancer { average: Average::new(rules.load), spill: Spill::new(rules.spill) }
    }

    /// The service on average, which loads are measured against.
    pub fn average(&self) -> &Average {
        &self.average
    }

    /// What decides between the zones.
    pub fn spill(&self) -> &Spill {
        &self.spill
    }

    /// An attempt at `load`'s instance ended; `local` when that is in the caller's zone.
    pub fn ended(&mut self, load: &mut Load, local: bool, now: Moment, observation: Observation) {
        let in_flight = load.in_flight();
        load.ended(now, observation, &self.average);
        self.learn(load, in_flight, local, now, observation);
    }

    /// The head of a stream came from `load`'s instance, see [`Load::streaming`].
    pub fn streaming(&mut self, load: &mut Load, local: bool, now: Moment, observation: Observation) {
        let in_flight = load.in_flight();
        load.streaming(now, observation, &self.average);
        self.learn(load, in_flight, local, now, observation);
    }

    /// `load`'s instance reported its utilisation.
    pub fn reported(&mut self, load: &mut Load, now: Moment, utilisation: f64) {
        load.reported(now, utilisation);
        self.average.reported(now, utilisation);
    }

    fn learn(&mut self, load: &Load, in_flight: u32, local: bool, now: Moment, observation: Observation) {
        self.average.ended(observation, in_flight);
        self.spill.ended(local, now, observation, load.busyness(now, &self.average));
    }

    /// The instance for the next attempt; `None` when all are down. No allocation; beyond a few draws it looks at all instances
    /// only when the draws found none ready.
    pub fn pick(&self, candidates: &impl Candidates, pick: &Pick) -> Option<usize> {
        let (all, local) = (candidates.len(), candidates.local().min(candidates.len()));
        let mut draws = Draws::new(pick.random);
        let away = pick.prefer_other_zone_than;
        let local_is_away = local < all && local > 0 && away == Some(candidates.zone(0));
        let remote_first = local == 0 || local_is_away || (local < all && self.spill.decides(draws.unit()));
        let (near, far) = (0..local, local..all);
        let (first, second) = if remote_first { (far, near) } else { (near, far) };
        let Some(chosen) = draws.better_of_two(candidates, first.clone(), away) else {
            return draws
                .better_of_two(candidates, second.clone(), away)
                .or_else(|| draw::best_of_all(candidates, [first, second], away));
        };
        if away.is_some() || !self.spill.doubts(remote_first) {
            return Some(chosen);
        }
        // That side takes longer than the other, so it has more than it can do: scores tell at once what the share follows slowly.
        let other = draws.better_of_two(candidates, second, away);
        let better = |other: &usize| candidates.score(*other) * BY_FAR < candidates.score(chosen);
        Some(other.filter(better).unwrap_or(chosen))
    }
}

/// Whether a service has so few usable instances that all should be used again: fewer than `panic_percent` of them. What is left would
/// only be overrun, and so much failing at once more likely means that the judgement is wrong (Envoy: "panic threshold").
/// The caller then passes ejected instances as ready.
pub fn is_panic(usable: usize, all: usize, panic_percent: u8) -> bool {
    usable.saturating_mul(100) < all.saturating_mul(usize::from(panic_percent))
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
