//! The latency histogram: exponential buckets of base 2^(1/32), mergeable without loss, exact count, sum, min, max.
//!
//! ```text
//!   u64 (nanoseconds) ──record──▶ Sketch ──merge──▶ Sketch ──percentile(q)──▶ f64, at most 1.1 % off
//!                                   │ ▲
//!                           to_parts│ │from_parts      (what goes over the wire: filled buckets only)
//!                                   ▼ │
//!                                  Parts
//! ```
//!
//! The buckets are those of scale 5 of the OpenTelemetry exponential histogram, so that they can be exported as
//! they are. An average of percentiles means nothing; a percentile of merged sketches is the percentile of all
//! the values, which is why every layer above keeps sketches and computes percentiles last.

mod parts;
mod slot;
mod window;

pub use parts::{Parts, PartsError};
pub use slot::{SLOTS, slot_of, slot_upper};

use window::Window;

/// The largest relative error of a percentile: half the width of a bucket, (b - 1) / (b + 1) for b = 2^(1/32).
pub const RELATIVE_ERROR: f64 = 0.010_831;

/// A histogram of unsigned integers, in practice nanoseconds.
///
/// Empty it takes no heap; filled it takes 8 bytes for each bucket between its smallest and largest value,
/// at most 16 KiB.
#[derive(Clone, Debug, Default)]
pub struct Sketch {
    count: u64,
    /// 128 bits, because 2^64 ns are reached after a month of ten thousand one-second calls a second.
    sum: u128,
    min: u64,
    max: u64,
    zeros: u64,
    window: Window,
}

impl Sketch {
    /// An empty sketch.
    pub const fn new() -> Sketch {
        Sketch { count: 0, sum: 0, min: 0, max: 0, zeros: 0, window: Window::new() }
    }

    /// Adds one value. Allocates only when the value lies outside the octaves seen before.
    #[inline]
    pub fn record(&mut self, value: u64) {
        self.widen(value, value);
        self.count = self.count.saturating_add(1);
        self.sum = self.sum.saturating_add(u128::from(value));
        if value == 0 {
            self.zeros += 1;
        } else {
            self.window.add(slot_of(value), 1);
        }
    }

    /// Adds everything `other` holds. The result is what recording both sets of values would have given.
    pub fn merge(&mut self, other: &Sketch) {
        if other.count == 0 {
            return;
        }
        self.widen(other.min, other.max);
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
        self.zeros = self.zeros.saturating_add(other.zeros);
        for (slot, count) in other.buckets() {
            self.window.add(slot, count);
        }
    }

    #[inline]
    fn widen(&mut self, min: u64, max: u64) {
        if self.count == 0 {
            self.min = min;
            self.max = max;
        } else {
            self.min = self.min.min(min);
            self.max = self.max.max(max);
        }
    }

    /// Forgets all values but keeps the memory, for the next second.
    pub fn clear(&mut self) {
        self.count = 0;
        self.sum = 0;
        self.min = 0;
        self.max = 0;
        self.zeros = 0;
        self.window.clear();
    }

    /// How many values were recorded.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their exact sum.
    pub fn sum(&self) -> u128 {
        self.sum
    }

    /// The exact smallest value; `None` if there is none.
    pub fn min(&self) -> Option<u64> {
        (self.count > 0).then_some(self.min)
    }

    /// The exact largest value; `None` if there is none.
    pub fn max(&self) -> Option<u64> {
        (self.count > 0).then_some(self.max)
    }

    /// The mean; `None` if there is no value.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    /// How many values were zero; they have no bucket of their own on a logarithmic scale.
    pub fn zeros(&self) -> u64 {
        self.zeros
    }

    /// The value below or at which the share `q` of all values lies (nearest rank), at most [`RELATIVE_ERROR`] off;
    /// exact for `q` ≤ 0 (the smallest) and `q` ≥ 1 (the largest). `None` if there is no value or `q` is NaN.
    pub fn percentile(&self, q: f64) -> Option<f64> {
        if self.count == 0 || q.is_nan() {
            return None;
        }
        if q <= 0.0 {
            return Some(self.min as f64);
        }
        let rank = ((q * self.count as f64).ceil() as u64).clamp(1, self.count);
        if rank == self.count {
            return Some(self.max as f64);
        }
        let mut seen = self.zeros;
        if rank <= seen {
            return Some(0.0);
        }
        for (slot, count) in self.buckets() {
            seen = seen.saturating_add(count);
            if rank <= seen {
                return Some(slot::middle(slot).clamp(self.min as f64, self.max as f64));
            }
        }
        Some(self.max as f64)
    }

    /// How many values are ≤ `bound`, exact if `bound` is a power of two (an edge of the buckets); otherwise
    /// the values in the bucket that holds `bound` count as above it.
    pub fn count_at_most(&self, bound: u64) -> u64 {
        if bound >= self.max {
            return self.count;
        }
        let last = match bound {
            0 => return self.zeros,
            power if power.is_power_of_two() => slot_of(power),
            other => match slot_of(other).checked_sub(1) {
                Some(slot) => slot,
                None => return self.zeros,
            },
        };
        let below = self.buckets().take_while(|(slot, _)| *slot <= last);
        below.fold(self.zeros, |sum, (_, count)| sum.saturating_add(count))
    }

    /// The filled buckets in ascending order as (slot, count); see [`slot_of`] for what a slot holds.
    pub fn buckets(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.window.filled()
    }

    /// Bytes of heap it takes.
    pub fn heap_bytes(&self) -> usize {
        self.window.heap_bytes()
    }
}

/// Equal if the same values could have been recorded: memory kept for later does not count.
impl PartialEq for Sketch {
    fn eq(&self, other: &Sketch) -> bool {
        (self.count, self.sum, self.min, self.max, self.zeros)
            == (other.count, other.sum, other.min, other.max, other.zeros)
            && self.buckets().eq(other.buckets())
    }
}

impl Eq for Sketch {}

impl Extend<u64> for Sketch {
    fn extend<I: IntoIterator<Item = u64>>(&mut self, values: I) {
        for value in values {
            self.record(value);
        }
    }
}

impl FromIterator<u64> for Sketch {
    fn from_iter<I: IntoIterator<Item = u64>>(values: I) -> Sketch {
        let mut sketch = Sketch::new();
        sketch.extend(values);
        sketch
    }
}
