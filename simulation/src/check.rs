//! What was found against the policies in one run, each with how to see it again.

pub mod after;

use crate::scenario::Scenario;
use std::collections::BTreeMap;

/// Of the same property so many are kept; the rest are counted.
const KEPT: u32 = 2;

/// Properties that did not hold.
#[derive(Clone, Debug)]
pub struct Findings {
    scenario: Scenario,
    seed: u64,
    counts: BTreeMap<String, u32>,
    texts: Vec<String>,
}

impl Findings {
    /// None yet.
    pub fn new(scenario: Scenario, seed: u64) -> Findings {
        Findings { scenario, seed, counts: BTreeMap::new(), texts: Vec::new() }
    }

    /// One more: what does not hold, where it was seen, and when in nanoseconds.
    pub fn add(&mut self, what: &str, place: &str, at: u64) {
        let count = self.counts.entry(what.to_owned()).or_default();
        *count += 1;
        if *count <= KEPT {
            let (scenario, seed, at) = (self.scenario.name(), self.seed, at as f64 / 1e9);
            self.texts.push(format!(
                "{what}: {place} at {at:.6} s; replay: cargo xtask simulate --scenario {scenario} --from {seed} --seeds 1 --trace"
            ));
        }
    }

    /// One sentence each, the first few of each kind.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// How often each property did not hold.
    pub fn counts(&self) -> &BTreeMap<String, u32> {
        &self.counts
    }
}
