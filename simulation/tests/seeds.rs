//! A short run of every scenario: no property is broken, and a seed is always the same run.

use tenet_simulation::{Run, Scenario, run};

/// Seeds of the short run, four of each scenario; `cargo xtask simulate` makes the long one.
const SEEDS: u64 = 60;

fn check(seeds: impl Iterator<Item = u64>) {
    let runs: Vec<Run> = seeds.map(|seed| run(Scenario::of(seed), seed, false)).collect();
    let findings: Vec<&str> = runs.iter().flat_map(|run| run.findings.texts()).map(String::as_str).collect();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

// Two tests, so that they run beside each other.
#[test]
fn no_even_seed_breaks_a_property() {
    check((0..SEEDS).step_by(2));
}

#[test]
fn no_odd_seed_breaks_a_property() {
    check((1..SEEDS).step_by(2));
}

#[test]
fn a_seed_is_always_the_same_run() {
    let figures = || format!("{:?}", run(Scenario::Pair, 14, false).figures);
    assert_eq!(figures(), figures());
}
