//! The promise: percentiles of merged sketches lie within 1.1 % of those of all the raw values, whatever the
//! values, however they were split; count, sum, min and max are exact.

use proptest::prelude::*;
use tenet_sketch::{RELATIVE_ERROR, Sketch};

const QUANTILES: [f64; 11] = [0.0, 0.001, 0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1.0];

/// The nearest-rank percentile of sorted raw values: the definition the sketch approximates.
fn exact(sorted: &[u64], q: f64) -> u64 {
    let rank = ((q * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len());
    sorted[rank - 1]
}

/// Splits values into sketches, merges them in a tree of the given order, and compares with the raw values.
fn check(values: &[u64], pieces: usize, reverse: bool) -> Result<(), TestCaseError> {
    let mut sketches: Vec<Sketch> = vec![Sketch::new(); pieces];
    for (i, value) in values.iter().enumerate() {
        sketches[i % pieces].record(*value);
    }
    if reverse {
        sketches.reverse();
    }
    let mut merged = Sketch::new();
    for sketch in &sketches {
        merged.merge(sketch);
    }
    let whole: Sketch = values.iter().copied().collect();
    prop_assert_eq!(&merged, &whole, "merging loses nothing");
    let back = Sketch::from_parts(&merged.to_parts());
    prop_assert_eq!(back.as_ref(), Ok(&merged), "nor does the wire");

    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    prop_assert_eq!(merged.count(), sorted.len() as u64);
    prop_assert_eq!(merged.sum(), sorted.iter().map(|v| u128::from(*v)).sum::<u128>());
    prop_assert_eq!((merged.min(), merged.max()), (sorted.first().copied(), sorted.last().copied()));
    if sorted.is_empty() {
        prop_assert_eq!(merged.percentile(0.5), None);
        return Ok(());
    }
    for q in QUANTILES {
        let (raw, told) = (exact(&sorted, q) as f64, merged.percentile(q).expect("there are values"));
        // 1e-12: the rounding of f64 itself.
        let error = (told - raw).abs();
        prop_assert!(error <= raw * (RELATIVE_ERROR + 1e-12), "q {q}: {told} for {raw}");
    }
    Ok(())
}

/// Distributions chosen to hurt: edges of buckets, huge gaps, one outlier, all equal, two far modes.
fn values() -> impl Strategy<Value = Vec<u64>> {
    let edge = (0u32..64, -2i64..=2).prop_map(|(octave, off)| (1u64 << octave).saturating_add_signed(off));
    let inner_edge = (0u32..2048, -1i64..=1)
        .prop_map(|(slot, off)| ((f64::from(slot) / 32.0).exp2() as u64).saturating_add_signed(off));
    let log_uniform = (0.0f64..64.0).prop_map(|exponent| exponent.exp2() as u64);
    let modes = prop_oneof![99 => 90_000u64..110_000, 1 => 2_000_000_000u64..2_100_000_000];
    prop_oneof![
        prop::collection::vec(any::<u64>(), 0..400),
        prop::collection::vec(0u64..70, 0..400),
        prop::collection::vec(edge, 1..400),
        prop::collection::vec(inner_edge, 1..400),
        prop::collection::vec(log_uniform, 1..1500),
        prop::collection::vec(modes, 1..1500),
        (any::<u64>(), 1usize..400).prop_map(|(value, n)| vec![value; n]),
        (1u64..1000, 1usize..400).prop_map(|(value, n)| {
            let mut values = vec![value; n];
            values.push(u64::MAX);
            values
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn merged_percentiles_stay_within_the_bound(values in values(), pieces in 1usize..9, reverse: bool) {
        check(&values, pieces, reverse)?;
    }

    #[test]
    fn counts_below_a_power_of_two_are_exact(values in values(), power in 0u32..64) {
        let sketch: Sketch = values.iter().copied().collect();
        let bound = 1u64 << power;
        prop_assert_eq!(sketch.count_at_most(bound), values.iter().filter(|v| **v <= bound).count() as u64);
    }

    #[test]
    fn a_cleared_sketch_is_a_new_one(first in values(), second in values()) {
        let mut reused: Sketch = first.into_iter().collect();
        reused.clear();
        reused.extend(second.iter().copied());
        prop_assert_eq!(reused, second.into_iter().collect::<Sketch>());
    }

    #[test]
    fn parts_from_a_stranger_never_panic(
        count: u64, min: u64, max: u64, zeros: u64,
        gaps in prop::collection::vec(any::<u32>(), 0..9),
        counts in prop::collection::vec(any::<u64>(), 0..9),
    ) {
        let parts = tenet_sketch::Parts { count, sum: 0, min, max, zeros, gaps, counts };
        if let Ok(sketch) = Sketch::from_parts(&parts) {
            prop_assert_eq!(sketch.to_parts(), parts);
        }
    }
}

#[test]
fn memory_is_bounded_and_recording_in_a_known_range_takes_no_more() {
    let mut sketch = Sketch::new();
    assert_eq!(sketch.heap_bytes(), 0);
    for octave in (0..64).rev() {
        sketch.record(1 << octave);
        sketch.record(u64::MAX >> octave);
    }
    let bytes = sketch.heap_bytes();
    assert!(bytes <= 40 << 10, "{bytes}");
    (0..100_000u64).for_each(|i| sketch.record(i.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    assert_eq!(sketch.heap_bytes(), bytes);
}
