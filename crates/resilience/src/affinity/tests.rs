//! The promises of the ring: even, stable, bounded.

use super::*;
use proptest::prelude::*;

struct Counts<'a> {
    ring: &'a Ring,
    in_flight: Vec<u64>,
    usable: Vec<bool>,
}

impl<'a> Counts<'a> {
    fn new(ring: &'a Ring) -> Counts<'a> {
        let count = ring.weights.len();
        Counts { ring, in_flight: vec![0; count], usable: vec![true; count] }
    }

    fn usable_indices(&self) -> impl Iterator<Item = usize> {
        (0..self.usable.len()).filter(|index| self.usable[*index])
    }
}

impl Carried for Counts<'_> {
    fn in_flight(&self, index: usize) -> u64 {
        self.in_flight[index]
    }
    fn usable(&self, index: usize) -> bool {
        self.usable[index]
    }
    fn total(&self) -> u64 {
        self.usable_indices().map(|index| self.in_flight[index]).sum()
    }
    fn usable_weight(&self) -> f64 {
        self.usable_indices().map(|index| self.ring.weight(index)).sum()
    }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("timeline-{n}")).collect()
}

fn ring(names: &[String]) -> Ring {
    Ring::new(names.iter().map(|name| (name.as_bytes(), 1.0)))
}

fn key(n: u64) -> u64 {
    hash(&n.to_be_bytes())
}

#[test]
fn keys_spread_by_weight() {
    let names = names(5);
    let weights = [1.0, 1.0, 1.0, 2.0, 0.5];
    let ring = Ring::new(names.iter().zip(weights).map(|(name, weight)| (name.as_bytes(), weight)));
    let counts = Counts::new(&ring);
    let mut seen = [0.0; 5];
    (0..20_000).for_each(|n| seen[ring.pick(key(n), &counts).unwrap()] += 1.0 / 20_000.0);
    for (seen, weight) in seen.iter().zip(weights) {
        assert!((seen / (weight / 5.5) - 1.0).abs() < 0.3, "{seen} for weight {weight}");
    }
}

#[test]
fn nobody_to_pick_and_weights_that_are_none() {
    let none = Ring::default();
    assert_eq!(none.pick(0, &Counts::new(&none)), None);
    let names = names(2);
    for weight in [f64::NAN, f64::INFINITY, -1.0, 0.0] {
        let ring = Ring::new(names.iter().map(|name| (name.as_bytes(), weight)));
        let mut counts = Counts::new(&ring);
        assert!(ring.pick(0, &counts).is_some());
        counts.usable = vec![false, false];
        assert_eq!(ring.pick(0, &counts), None);
    }
}

#[test]
fn a_hot_key_spreads_over_the_same_few_each_time() {
    let ring = ring(&names(10));
    let run = || {
        let mut counts = Counts::new(&ring);
        for _ in 0..1000 {
            let index = ring.pick(key(7), &counts).unwrap();
            counts.in_flight[index] += 1;
        }
        counts.in_flight
    };
    assert!(run().iter().all(|n| *n <= 126), "⌈1.25 · 1001 / 10⌉: {:?}", run());
    assert_eq!(run(), run());
    assert_eq!(run().iter().filter(|n| **n > 0).count(), 8, "1000 in portions of 126");
}

#[test]
fn where_all_are_at_their_bound_the_first_usable_one_is_it() {
    struct Stale;
    impl Carried for Stale {
        fn in_flight(&self, _: usize) -> u64 {
            1000
        }
        fn usable(&self, index: usize) -> bool {
            index != 0
        }
        fn total(&self) -> u64 {
            0
        }
        fn usable_weight(&self) -> f64 {
            2.0
        }
    }
    let ring = ring(&names(3));
    let mut counts = Counts::new(&ring);
    counts.usable[0] = false;
    for n in 0..100 {
        assert_eq!(ring.pick(key(n), &Stale), ring.pick(key(n), &counts));
    }
}

proptest! {
    /// When one leaves or cannot be used, only its keys move; when it comes back, they return. The order of the list is of no importance.
    #[test]
    fn only_the_keys_of_the_one_that_left_move(count in 2usize..12, gone in 0usize..12, seed: u64) {
        let (names, gone) = (names(count), gone % count);
        let whole = ring(&names);
        let mut rest = names.clone();
        rest.remove(gone);
        rest.reverse();
        let smaller = ring(&rest);
        let (mut unusable, all, without) = (Counts::new(&whole), Counts::new(&whole), Counts::new(&smaller));
        unusable.usable[gone] = false;
        for n in 0..200 {
            let key = key(seed.wrapping_add(n));
            let before = &names[whole.pick(key, &all).unwrap()];
            let after = &rest[smaller.pick(key, &without).unwrap()];
            let avoided = &names[whole.pick(key, &unusable).unwrap()];
            prop_assert_eq!(after, avoided);
            prop_assert!(before == after || *before == names[gone]);
        }
    }

    /// However keys come and whoever is away, nobody carries more than its bound.
    #[test]
    fn loads_are_bounded(
        count in 1usize..10,
        usable in prop::collection::vec(any::<bool>(), 10),
        keys in prop::collection::vec(0u64..8, 1..300),
    ) {
        let names = names(count);
        let ring = ring(&names);
        let mut counts = Counts::new(&ring);
        counts.usable.copy_from_slice(&usable[..count]);
        let left = counts.usable_indices().count() as f64;
        for (placed, n) in (1u32..).zip(keys) {
            let Some(index) = ring.pick(key(n), &counts) else { prop_assert_eq!(left, 0.0); continue };
            prop_assert!(counts.usable[index]);
            counts.in_flight[index] += 1;
            prop_assert!(counts.in_flight[index] as f64 <= (1.25 * f64::from(placed) / left).ceil());
        }
    }
}
