//! A sketch taken apart for the wire: totals and the filled buckets only, as gaps and counts.

use crate::{SLOTS, Sketch, slot_of};
use std::fmt;

/// What a sketch consists of, in the shape the telemetry contract carries it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: u128,
    /// The smallest value; 0 if there is none.
    pub min: u64,
    /// The largest value; 0 if there is none.
    pub max: u64,
    /// How many values were zero.
    pub zeros: u64,
    /// For each filled bucket, how many slots it lies after the one before it (the first: after slot 0).
    pub gaps: Vec<u32>,
    /// How many values each of these buckets holds, never zero.
    pub counts: Vec<u64>,
}

/// Why parts are not those of any sketch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartsError {
    /// Gaps and counts differ in number.
    Unpaired {
        /// How many gaps.
        gaps: usize,
        /// How many counts.
        counts: usize,
    },
    /// A bucket lies past the last slot, or on the one before it.
    Slot {
        /// Which pair, from 0.
        index: usize,
        /// The slot it would have.
        slot: u64,
    },
    /// The buckets do not add up to the count.
    Count {
        /// What was declared.
        declared: u64,
        /// What the buckets and zeros hold.
        held: u128,
    },
    /// Smallest and largest value do not lie in the first and last filled bucket.
    Range {
        /// The declared smallest value.
        min: u64,
        /// The declared largest value.
        max: u64,
    },
}

impl fmt::Display for PartsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PartsError::Unpaired { gaps, counts } => {
                write!(f, "sketch with {gaps} gaps but {counts} counts: they come in pairs")
            }
            PartsError::Slot { index, slot } => {
                write!(f, "sketch bucket {index} at slot {slot}: slots ascend and end at {}", SLOTS - 1)
            }
            PartsError::Count { declared, held } => {
                write!(f, "sketch declares {declared} values, its buckets hold {held}")
            }
            PartsError::Range { min, max } => {
                write!(
                    f,
                    "sketch declares values from {min} to {max}, its first and last bucket say otherwise"
                )
            }
        }
    }
}

impl std::error::Error for PartsError {}

impl Sketch {
    /// Takes a copy apart.
    pub fn to_parts(&self) -> Parts {
        let filled = self.buckets().count();
        let (mut gaps, mut counts) = (Vec::with_capacity(filled), Vec::with_capacity(filled));
        let mut before = 0;
        for (slot, count) in self.buckets() {
            gaps.push((slot - before) as u32);
            counts.push(count);
            before = slot;
        }
        Parts {
            count: self.count,
            sum: self.sum,
            min: self.min,
            max: self.max,
            zeros: self.zeros,
            gaps,
            counts,
        }
    }

    /// Puts parts together again, or says why they cannot be a sketch's. Never allocates more than a sketch may.
    pub fn from_parts(parts: &Parts) -> Result<Sketch, PartsError> {
        let mut sketch = Sketch::new();
        sketch.merge_parts(parts)?;
        Ok(sketch)
    }

    /// Adds what parts hold, which costs in proportion to their filled buckets. On an error nothing was added.
    pub fn merge_parts(&mut self, parts: &Parts) -> Result<(), PartsError> {
        parts.check()?;
        if parts.count == 0 {
            return Ok(());
        }
        self.widen(parts.min, parts.max);
        self.count = self.count.saturating_add(parts.count);
        self.sum = self.sum.saturating_add(parts.sum);
        self.zeros = self.zeros.saturating_add(parts.zeros);
        let mut slot = 0;
        for (gap, count) in parts.gaps.iter().zip(&parts.counts) {
            slot += *gap as usize;
            self.window.add(slot, *count);
        }
        Ok(())
    }
}

impl Parts {
    /// Whether they can be a sketch's.
    fn check(&self) -> Result<(), PartsError> {
        if self.gaps.len() != self.counts.len() {
            return Err(PartsError::Unpaired { gaps: self.gaps.len(), counts: self.counts.len() });
        }
        let (mut slot, mut held) = (0u64, u128::from(self.zeros));
        for (index, (gap, count)) in self.gaps.iter().zip(&self.counts).enumerate() {
            slot += u64::from(*gap);
            if slot >= SLOTS as u64 || (index > 0 && *gap == 0) {
                return Err(PartsError::Slot { index, slot });
            }
            held += u128::from(*count);
        }
        if held != u128::from(self.count) || self.counts.contains(&0) {
            return Err(PartsError::Count { declared: self.count, held });
        }
        // With zeros the smallest value is zero; without any bucket so is the largest.
        let min_fits = match self.gaps.first() {
            Some(first) if self.zeros == 0 => self.min > 0 && slot_of(self.min) == *first as usize,
            _ => self.min == 0,
        };
        let max_fits = match self.gaps.first() {
            Some(_) => self.max > 0 && slot_of(self.max) as u64 == slot,
            None => self.max == 0,
        };
        if !min_fits || !max_fits || self.min > self.max {
            return Err(PartsError::Range { min: self.min, max: self.max });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Parts {
        [0, 1, 7, 7, 900].into_iter().collect::<Sketch>().to_parts()
    }

    fn check(spoil: impl FnOnce(&mut Parts), expected: fn(&PartsError) -> bool) {
        let mut parts = good();
        spoil(&mut parts);
        let error = Sketch::from_parts(&parts).expect_err("spoiled parts");
        assert!(expected(&error), "{error}");
    }

    #[test]
    fn parts_go_there_and_back() {
        let sketch = Sketch::from_parts(&good()).unwrap();
        assert_eq!(sketch.to_parts(), good());
        assert_eq!(Sketch::from_parts(&Parts::default()).unwrap(), Sketch::new());
    }

    #[test]
    fn what_no_sketch_can_be_is_refused() {
        check(|parts| parts.gaps.truncate(1), |e| matches!(e, PartsError::Unpaired { gaps: 1, counts: 3 }));
        check(|parts| parts.gaps[1] = 0, |e| matches!(e, PartsError::Slot { index: 1, .. }));
        check(|parts| parts.gaps[2] = u32::MAX, |e| matches!(e, PartsError::Slot { index: 2, .. }));
        check(|parts| parts.count += 1, |e| matches!(e, PartsError::Count { .. }));
        check(|parts| parts.counts[1] = 0, |e| matches!(e, PartsError::Count { .. }));
        check(|parts| parts.counts = vec![u64::MAX; 3], |e| matches!(e, PartsError::Count { .. }));
        check(|parts| parts.min = 1, |e| matches!(e, PartsError::Range { .. }));
        check(|parts| parts.max = 7, |e| matches!(e, PartsError::Range { .. }));
    }
}
