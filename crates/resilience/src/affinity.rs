//! Calls with the same key go to the same instance, unless that one has more than its share: consistent hashing with bounded loads.
//!
//! Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded Loads" (2016): each instance has many points on a circle of 64 bits; a
//! key goes clockwise from its own point to the first instance that has less than ⌈c · average⌉ in flight. When an instance leaves, only
//! its keys move; when a key is hot, it spreads over as many instances as it takes, the same ones each time. With c = 1.25 no instance has more than
//! a quarter above the average, and an instance's overflow goes on to few others.
//!
//! ```text
//!   instances and weights ──(roster changes)──▶ Ring ──pick(hash, in flight)──▶ index
//!   bytes of the field to hash by ──hash──▶ u64 ───────────┘
//! ```

mod xxh64;

use xxh64::xxh64;

/// c: how far above the average an instance may go.
const BALANCE: f64 = 1.25;
/// Points of an instance of weight 1: shares of keys are then even to about 10 %.
const POINTS: f64 = 100.0;
/// The most points of one instance, against a slip of the pen in a weight.
const POINTS_MOST: f64 = 10_000.0;

/// The hash of a key: XXH64 with seed 0, the same on every machine and in every version of Tenet, so that all gateways agree.
pub fn hash(key: &[u8]) -> u64 {
    xxh64(key, 0)
}

/// What the instances carry now.
pub trait Carried {
    /// Attempts in flight at `index`.
    fn in_flight(&self, index: usize) -> u64;
    /// Whether `index` may be used.
    fn usable(&self, index: usize) -> bool;
    /// Attempts in flight at all usable instances together.
    fn total(&self) -> u64;
    /// The sum of [`Ring::weight`] of those that may be used: when a third is gone, the others' share is larger.
    fn usable_weight(&self) -> f64;
}

/// The circle of one service.
#[derive(Clone, Debug, Default)]
pub struct Ring {
    /// Points and whose they are, in order.
    points: Vec<(u64, u32)>,
    weights: Vec<f64>,
}

impl Ring {
    /// Of instances by identity and weight. The identity, and not the position in the list, makes the points: whoever builds it from the same
    /// instances gets the same circle.
    pub fn new<'a>(instances: impl IntoIterator<Item = (&'a [u8], f64)>) -> Ring {
        let mut ring = Ring::default();
        let mut marked = Vec::new();
        for (index, (id, weight)) in (0u32..).zip(instances) {
            let count = (POINTS * weight).round().clamp(1.0, POINTS_MOST);
            // NaN passes through clamp; as an integer it is zero.
            let count = (count as u64).max(1);
            marked.extend((0..count).map(|n| (xxh64(id, n + 1), hash(id), index)));
            ring.weights.push(count as f64 / POINTS);
        }
        // Equal points are ordered by identity, which does not depend on the order of the list.
        marked.sort_unstable();
        ring.points = marked.into_iter().map(|(point, _, index)| (point, index)).collect();
        ring
    }

    /// The weight of `index` as far as points can express it; 0 for no instance.
    pub fn weight(&self, index: usize) -> f64 {
        self.weights.get(index).copied().unwrap_or(0.0)
    }

    /// The instance for a key's `hash`. Where all usable ones are at their bound (the numbers were read at different instants), the first
    /// usable one; `None` where there is none.
    pub fn pick(&self, hash: u64, carried: &impl Carried) -> Option<usize> {
        let start = self.points.partition_point(|(point, _)| *point < hash);
        let (before, after) = self.points.split_at(start);
        // The attempt to be placed counts as well.
        let room = BALANCE * (carried.total() as f64 + 1.0) / carried.usable_weight().max(f64::MIN_POSITIVE);
        let (mut first, mut last) = (None, None);
        for index in after.iter().chain(before).map(|(_, index)| *index as usize) {
            if last == Some(index) || !carried.usable(index) {
                continue;
            }
            if (carried.in_flight(index) as f64) < (room * self.weight(index)).ceil() {
                return Some(index);
            }
            first = first.or(Some(index));
            last = Some(index);
        }
        first
    }
}

#[cfg(test)]
mod tests;
