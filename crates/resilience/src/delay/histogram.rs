//! Latencies counted in buckets that are a sixteenth of an octave wide.
//!
//! `tenet_sketch::Sketch` is finer, mergeable and exact at its ends, and pays for that with 64-bit counts in a run that grows. An
//! estimate for hedging is never merged or exported; here a fixed table of 1.7 KB that never allocates again is worth more.

/// Buckets of an octave: each is 2^k wide and begins at (16 + i) · 2^k.
const PER_OCTAVE: usize = 16;

/// log2 of [`PER_OCTAVE`].
const FRACTION_BITS: u32 = 4;

/// The first octave begins at 2^10 ns, a microsecond; what is faster counts as that, no network call is.
const FIRST_OCTAVE: u32 = 10;

/// The last octave ends at 2^37 ns, 137 seconds; what is slower counts as that, no hedge waits so long.
const LAST_OCTAVE: u32 = 36;

const BUCKETS: usize = (LAST_OCTAVE - FIRST_OCTAVE + 1) as usize * PER_OCTAVE;

/// The largest relative error of a quantile within 1 µs and 137 s: half of the widest bucket relative to its lower edge.
pub const RELATIVE_ERROR: f64 = 1.0 / 32.0;

#[derive(Clone, Debug)]
pub(super) struct Histogram {
    counts: Box<[u32; BUCKETS]>,
    count: u32,
}

impl Histogram {
    pub(super) fn new() -> Histogram {
        Histogram { counts: Box::new([0; BUCKETS]), count: 0 }
    }

    #[inline]
    pub(super) fn add(&mut self, nanos: u64) {
        if let Some(held) = self.counts.get_mut(bucket_of(nanos)) {
            // Four billion samples are more than a thread records in any generation; saturating costs nothing all the same.
            *held = held.saturating_add(1);
            self.count = self.count.saturating_add(1);
        }
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn clear(&mut self) {
        self.counts.fill(0);
        self.count = 0;
    }

    /// The middle of the bucket in which the nearest-rank `quantile` of both together lies, in nanoseconds; 0 if both are empty.
    pub(super) fn quantile_of_two(one: &Histogram, other: &Histogram, quantile: f64) -> u64 {
        let count = u64::from(one.count) + u64::from(other.count);
        let rank = ((quantile * count as f64).ceil() as u64).clamp(1, count.max(1));
        let mut seen = 0;
        for (bucket, (a, b)) in one.counts.iter().zip(other.counts.iter()).enumerate() {
            seen += u64::from(*a) + u64::from(*b);
            if seen >= rank {
                return middle(bucket);
            }
        }
        0
    }
}

/// The bucket of a latency: its octave, and the four bits below its highest.
#[inline]
fn bucket_of(nanos: u64) -> usize {
    let nanos = nanos.clamp(1 << FIRST_OCTAVE, (1 << (LAST_OCTAVE + 1)) - 1);
    let octave = nanos.ilog2();
    let fraction = (nanos >> (octave - FRACTION_BITS)) as usize & (PER_OCTAVE - 1);
    (octave - FIRST_OCTAVE) as usize * PER_OCTAVE + fraction
}

fn middle(bucket: usize) -> u64 {
    let octave = FIRST_OCTAVE + (bucket / PER_OCTAVE) as u32;
    let width = 1u64 << (octave - FRACTION_BITS);
    (PER_OCTAVE + bucket % PER_OCTAVE) as u64 * width + width / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bucket_holds_its_middle_and_nothing_is_out_of_range() {
        for bucket in 0..BUCKETS {
            assert_eq!(bucket_of(middle(bucket)), bucket);
        }
        for (nanos, bucket) in
            [(0, 0), (1024, 0), (1087, 0), (1088, 1), ((1 << 37) - 1, BUCKETS - 1), (u64::MAX, BUCKETS - 1)]
        {
            assert_eq!(bucket_of(nanos), bucket, "{nanos} ns");
        }
    }
}
