//! By how much counters grew from one second of a process to the next.

use std::collections::BTreeMap;
use tenet_api::telemetry::v1::Tally;

/// How often something happened, by name; the names are few and our own.
pub(super) type Tallies = BTreeMap<String, u64>;

/// What was counted since `before`, by name.
pub(super) fn grown(before: &[Tally], now: &[Tally]) -> Tallies {
    let known =
        |name: &str| before.iter().filter(|tally| tally.name == name).map(|tally| tally.count).sum::<u64>();
    let more = now.iter().map(|tally| (tally.name.clone(), tally.count.saturating_sub(known(&tally.name))));
    more.filter(|(_, count)| *count > 0).collect()
}

pub(super) fn add(held: &mut Tallies, more: &Tallies) {
    for (name, count) in more {
        *held.entry(name.clone()).or_default() += count;
    }
}

/// Most first.
pub(super) fn ranked(tallies: Tallies) -> Vec<(String, u64)> {
    let mut ranked: Vec<_> = tallies.into_iter().collect();
    ranked.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    ranked
}
