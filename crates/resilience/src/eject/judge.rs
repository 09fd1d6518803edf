//! Sees each instance beside the others, once an interval.

use super::history::History;
use super::peers::Peers;
use super::{Cause, EjectionRules, Interval, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// A share of failures must exceed the others' by this much, whatever the statistics say: less is no reason to lose an instance.
const SHARE_LEAST: f64 = 0.05;
/// What is found must be this many standard deviations away from what equals show; chance alone gets there once in
/// three million judgements.
const FAILURE_SIGMAS: f64 = 5.0;
/// The same for a latency, where several judgements running must find it: once in a thousand million.
const LATENCY_SIGMAS: f64 = 4.0;

/// All instances together, by how many of the last intervals.
type PeersByCount = BTreeMap<usize, Peers>;

/// What an instance is not judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exempt {
    /// Judged by everything.
    Nothing,
    /// Not by its latency: it is in its slow start, and a cold instance is slow.
    Latency,
    /// By nothing: it is ejected. What was known of it is forgotten, but that it was slow: back again, it is on trial.
    All,
}

/// One instance in the last interval.
#[derive(Clone, Copy, Debug)]
pub struct Tally {
    /// Which instance, by a number of the caller's that it keeps as long as it lives.
    pub instance: u64,
    /// What it did.
    pub interval: Interval,
    /// What it is not judged by.
    pub exempt: Exempt,
}

/// Judges the instances of one service.
#[derive(Clone, Debug, Default)]
pub struct Judge {
    histories: BTreeMap<u64, History>,
}

impl Judge {
    /// Without memories.
    pub fn new() -> Judge {
        Judge::default()
    }

    /// To be called each [`EjectionRules::interval`] with all instances there are: who should be ejected, the worst first, so that it is
    /// the worst that go where the cap does not let all of them. Those that are missing are forgotten.
    pub fn judge(&mut self, tallies: &[Tally], rules: &EjectionRules) -> Vec<Verdict> {
        let mut before = std::mem::take(&mut self.histories);
        for tally in tallies {
            let mut history = before.remove(&tally.instance).unwrap_or_default();
            match tally.exempt {
                Exempt::All => history = history.left_out(),
                Exempt::Nothing | Exempt::Latency => history.push(tally.interval),
            }
            self.histories.insert(tally.instance, history);
        }
        let peers = self.peers(rules);
        let mut verdicts = Vec::new();
        for tally in tallies.iter().filter(|tally| tally.exempt != Exempt::All) {
            let Some(history) = self.histories.get_mut(&tally.instance) else { continue };
            let judge_latency = tally.exempt == Exempt::Nothing;
            let slow = if judge_latency { slow(history, &peers, rules) } else { None };
            if let Some(cause) = failing(history, &peers, rules).or(slow) {
                verdicts.push(Verdict { instance: tally.instance, cause });
            }
        }
        verdicts.sort_by(|a, b| {
            let ((kind_a, much_a), (kind_b, much_b)) = (a.cause.severity(), b.cause.severity());
            kind_b.cmp(&kind_a).then(much_b.total_cmp(&much_a))
        });
        verdicts
    }

    /// The instances together over each number of intervals that one of them is judged by: few of those that are kept.
    fn peers(&self, rules: &EjectionRules) -> PeersByCount {
        let needs = [rules.requests, rules.success_rate_requests];
        let asked =
            self.histories.values().flat_map(|history| needs.map(|requests| history.enough(requests)));
        let counts: BTreeSet<usize> = asked.flatten().collect();
        let all = |count: usize| self.histories.values().map(move |history| history.last(count));
        counts.into_iter().map(|count| (count, Peers::of(all(count), rules))).collect()
    }
}

/// Whether it fails far more than the others: beside their mean where there are enough of them, or in most of its requests.
fn failing(history: &History, peers: &PeersByCount, rules: &EjectionRules) -> Option<Cause> {
    let by_rate = history.enough(rules.success_rate_requests).filter(|count| {
        let own = history.last(*count);
        peers[count].least_rate(rules).is_some_and(|least| 1.0 - own.failure_share() < least)
    });
    let by_share = history.enough(rules.requests).filter(|count| {
        let own = history.last(*count);
        let others = peers[count].others(own);
        own.failure_share() * 100.0 > f64::from(rules.failure_percent)
            && others.requests >= rules.requests
            && others.failure_share() <= own.failure_share() / 2.0
    });
    let count = by_rate.into_iter().chain(by_share).find(|count| {
        let own = history.last(*count);
        is_beyond_chance(own, peers[count].others(own))
    })?;
    let own = history.last(count);
    let others = peers[&count].others(own).failure_share();
    Some(Cause::Failures { share: own.failure_share(), requests: own.requests, others })
}

/// Whether chance does not explain that `own` fails more than `others`: the difference of two proportions after the arcsine transform, which
/// has the same variance for rare and for frequent failures (Fisher; Anscombe 1948).
fn is_beyond_chance(own: Interval, others: Interval) -> bool {
    let (share, expected) = (own.failure_share(), others.failure_share());
    let difference = 2.0 * (share.sqrt().asin() - expected.sqrt().asin());
    let variance = 1.0 / own.requests.max(1) as f64 + 1.0 / others.requests.max(1) as f64;
    share - expected >= SHARE_LEAST && difference > FAILURE_SIGMAS * variance.sqrt()
}

/// Whether it takes far longer than the others, in enough judgements running.
fn slow(history: &mut History, peers: &PeersByCount, rules: &EjectionRules) -> Option<Cause> {
    if rules.latency_factor <= 0.0 {
        return None;
    }
    let judged = history.enough_fresh(rules.requests).and_then(|count| {
        let (own, peers) = (history.last(count), &peers[&count]);
        let (others, median) = (peers.others(own), peers.median_of_others(own)?);
        // How much means of so many requests differ, by how much single requests of the others do; a median varies a little more.
        let samples = 1.0 / own.requests as f64 + 2.0 / others.requests.max(1) as f64;
        let octaves = (others.octaves_squared() * samples).sqrt();
        Some((own.typical_nanos(), median, (LATENCY_SIGMAS * octaves).exp2()))
    });
    let Some((typical, others, chance)) = judged else {
        // Nobody calls it, or nobody else: what was found is too old to be one of several running.
        if history.is_stale() {
            history.found_sound();
        }
        return None;
    };
    let difference = rules.latency_difference.as_nanos() as f64;
    if typical <= others * rules.latency_factor.max(chance) || typical - others < difference {
        history.found_sound();
        return None;
    }
    history.found_slow(rules.latency_judgements).then_some(Cause::Latency { typical, others })
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
