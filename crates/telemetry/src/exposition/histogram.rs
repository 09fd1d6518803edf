//! A sketch of nanoseconds as a histogram in seconds.

use crate::families::Declared;
use crate::openmetrics::Text;
use tenet_sketch::Sketch;

/// Upper bounds of a histogram: each power of two from 2^14 ns (16 µs) to 2^36 ns (69 s). Powers of two
/// are edges of the sketch, so that every bucket is exact.
const LE_POWERS: std::ops::RangeInclusive<u32> = 14..=36;

/// Nanoseconds in a second.
const NS: f64 = 1e9;

/// Writes one histogram of an open family.
pub(super) fn write(family: &Declared, labels: &[(&str, &str)], sketch: &Sketch, text: &mut Text<'_>) {
    let mut bucket = |le: &str, count: u64| {
        let with_le: Vec<(&str, &str)> = labels.iter().copied().chain([("le", le)]).collect();
        text.sample(family.name, "_bucket", &with_le, count);
    };
    for power in LE_POWERS {
        let bound = 1u64 << power;
        bucket(&(bound as f64 / NS).to_string(), sketch.count_at_most(bound));
    }
    bucket("+Inf", sketch.count());
    text.sample(family.name, "_count", labels, sketch.count());
    text.sample(family.name, "_sum", labels, sketch.sum() as f64 / NS);
}
