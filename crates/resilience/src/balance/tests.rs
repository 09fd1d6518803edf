//! Tables and properties of picking.

use super::*;
use proptest::prelude::*;
use std::cell::Cell;

/// Instances as rows of zone, standing, score and share; counts how often it is asked for a standing.
struct Rows {
    rows: Vec<(u16, Standing, f64, f64)>,
    local: usize,
    asked: Cell<usize>,
}

impl Rows {
    fn new(local: usize, rows: &[(u16, Standing, f64, f64)]) -> Rows {
        Rows { rows: rows.to_vec(), local, asked: Cell::new(0) }
    }
}

impl Candidates for Rows {
    fn len(&self) -> usize {
        self.rows.len()
    }
    fn local(&self) -> usize {
        self.local
    }
    fn zone(&self, index: usize) -> u16 {
        self.rows[index].0
    }
    fn standing(&self, index: usize) -> Standing {
        self.asked.set(self.asked.get() + 1);
        self.rows[index].1
    }
    fn score(&self, index: usize) -> f64 {
        self.rows[index].2
    }
    fn share(&self, index: usize) -> f64 {
        self.rows[index].3
    }
}

const ROUNDS: u64 = 20_000;

/// The share of picks each row gets.
fn shares(local: usize, away: Option<u16>, rows: &[(u16, Standing, f64, f64)]) -> Vec<f64> {
    let (balancer, candidates) = (Balancer::new(BalanceRules::default()), Rows::new(local, rows));
    let mut counts = vec![0u64; rows.len()];
    for random in 0..ROUNDS {
        if let Some(index) = balancer.pick(&candidates, &Pick { prefer_other_zone_than: away, random }) {
            counts[index] += 1;
        }
    }
    counts.iter().map(|n| *n as f64 / ROUNDS as f64).collect()
}

#[track_caller]
fn check(local: usize, away: Option<u16>, rows: &[(u16, Standing, f64, f64)], expected: &[f64]) {
    let shares = shares(local, away, rows);
    let near = |(seen, expected): (&f64, &f64)| (seen - expected).abs() < 0.02;
    assert!(shares.iter().zip(expected).all(near), "{shares:.3?} of {rows:?}, not {expected:?}");
}

#[test]
fn the_shares_are_those_of_the_rule() {
    use Standing::{Busy, Down, Ready};
    check(0, None, &[], &[]);
    check(1, None, &[(1, Down, 1.0, 1.0)], &[0.0]);
    check(1, None, &[(1, Busy, 1.0, 1.0)], &[1.0]);
    // Of two the better one; of three the best in all pairs it is in, the worst in none.
    check(2, None, &[(1, Ready, 1.0, 1.0), (1, Ready, 2.0, 1.0)], &[1.0, 0.0]);
    check(3, None, &[(1, Ready, 1.0, 1.0), (1, Ready, 2.0, 1.0), (1, Ready, 3.0, 1.0)], &[0.667, 0.333, 0.0]);
    // Equals share evenly.
    check(4, None, &[(1, Ready, 1.0, 1.0); 4], &[0.25; 4]);
    // Ready before busy before down, whatever the score.
    check(3, None, &[(1, Busy, 1.0, 1.0), (1, Ready, 9.0, 1.0), (1, Down, 0.0, 1.0)], &[0.0, 1.0, 0.0]);
    check(2, None, &[(1, Busy, 2.0, 1.0), (1, Busy, 1.0, 1.0)], &[0.0, 1.0]);
    // Before anything is known half goes to the local zone, also where it scores worse; all only when one has nothing ready.
    check(1, None, &[(1, Ready, 9.0, 1.0), (2, Ready, 1.0, 1.0)], &[0.5, 0.5]);
    check(1, None, &[(1, Busy, 1.0, 1.0), (2, Ready, 9.0, 1.0)], &[0.0, 1.0]);
    check(1, None, &[(1, Busy, 9.0, 1.0), (2, Busy, 1.0, 1.0)], &[0.5, 0.5]);
    check(0, None, &[(2, Ready, 1.0, 1.0), (3, Ready, 1.0, 1.0)], &[0.5, 0.5]);
    // A retry goes to another zone where one is ready, and stays otherwise.
    check(1, Some(1), &[(1, Ready, 1.0, 1.0), (2, Ready, 9.0, 1.0)], &[0.0, 1.0]);
    check(1, Some(1), &[(1, Ready, 9.0, 1.0), (2, Busy, 1.0, 1.0)], &[1.0, 0.0]);
    check(0, Some(3), &[(3, Ready, 1.0, 1.0), (2, Ready, 9.0, 1.0)], &[0.0, 1.0]);
    check(2, Some(0), &[(0, Ready, 1.0, 1.0), (0, Ready, 9.0, 1.0)], &[1.0, 0.0]);
    // One in its slow start takes part in few draws, and gets everything where it is alone.
    check(2, None, &[(1, Ready, 0.5, 0.1), (1, Ready, 1.0, 1.0)], &[0.26, 0.74]);
    check(1, None, &[(1, Ready, 1.0, 0.1)], &[1.0]);
}

#[test]
fn a_share_of_weight_is_a_share_of_draws_in_a_large_service() {
    let mut rows = vec![(1, Standing::Ready, 1.0, 1.0); 20];
    rows[0].3 = 0.25;
    let shares = shares(20, None, &rows);
    assert!((0.008..0.018).contains(&shares[0]), "a quarter of 1/20: {shares:.4?}");
}

#[test]
fn a_pick_costs_a_few_draws_however_many_there_are() {
    let balancer = Balancer::new(BalanceRules::default());
    for count in [2, 10, 1000] {
        let candidates = Rows::new(count, &vec![(1, Standing::Ready, 1.0, 1.0); count]);
        for random in 0..1000 {
            candidates.asked.set(0);
            assert!(balancer.pick(&candidates, &Pick { random, ..Pick::default() }).is_some());
            assert!(candidates.asked.get() <= PROBES, "{} for {count}", candidates.asked.get());
        }
    }
}

#[test]
fn panic_begins_below_the_threshold() {
    for (usable, all, percent, expected) in [
        (0, 0, 50, false),
        (1, 2, 50, false),
        (0, 1, 50, true),
        (1, 3, 50, true),
        (2, 3, 50, false),
        (49, 100, 50, true),
        (0, 10, 0, false),
    ] {
        assert_eq!(is_panic(usable, all, percent), expected, "{usable} of {all} at {percent} %");
    }
}

fn standing() -> impl Strategy<Value = Standing> {
    prop_oneof![Just(Standing::Ready), Just(Standing::Busy), Just(Standing::Down)]
}

proptest! {
    /// The pick is one of the best standing there is, and there is one unless all are down.
    #[test]
    fn the_best_kind_there_is_gets_the_call(
        rows in prop::collection::vec((0u16..4, standing(), 0.0..10.0, 0.0..1.0), 0..12),
        local in 0usize..15,
        away in prop::option::of(0u16..4),
        random: u64,
    ) {
        let balancer = Balancer::new(BalanceRules::default());
        let candidates = Rows::new(local, &rows);
        let picked = balancer.pick(&candidates, &Pick { prefer_other_zone_than: away, random });
        let best = rows.iter().map(|row| row.1).filter(|standing| *standing != Standing::Down).min();
        prop_assert_eq!(picked.map(|index| rows[index].1), best);
    }
}
