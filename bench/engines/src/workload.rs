//! What is read and written: seeded randomness, a skewed choice of items, values, batches, a loaded folder.

use crate::Outcome;
use crate::candidate::{Candidate, Key, Rows, Write, key};

/// Items of one record. A scan of 10,000 is then one whole record.
pub const ITEMS_OF_A_RECORD: u64 = 10_000;

/// Items written in one transaction while loading.
const LOADED_AT_ONCE: u64 = 20_000;

/// Exponent of the skew of reads: that of the YCSB benchmark (Cooper et al., 2010).
pub const ZIPF_EXPONENT: f64 = 0.99;

/// SplitMix64 (Steele, Lea, Flood 2014): small, seeded, good enough to choose keys.
pub struct Random(u64);

impl Random {
    /// Starts at `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// A number from 0 up to, without, 1.
    pub fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The key of the item with this number.
pub fn numbered(number: u64) -> Key {
    key(number / ITEMS_OF_A_RECORD, (number % ITEMS_OF_A_RECORD) as u32)
}

/// Chooses among `count` items as Zipf's law does, the popular ones spread over all records.
pub struct Zipf {
    cumulative: Vec<f64>,
}

impl Zipf {
    /// Over items 0 to `count` − 1.
    pub fn new(count: u64) -> Self {
        let mut sum = 0.0;
        let cumulative = (1..=count)
            .map(|rank| {
                sum += (rank as f64).powf(-ZIPF_EXPONENT);
                sum
            })
            .collect();
        Self { cumulative }
    }

    /// `length` keys, drawn before anything is timed.
    pub fn keys(&self, length: usize, random: &mut Random) -> Vec<Key> {
        let count = self.cumulative.len() as u64;
        let total = self.cumulative.last().copied().unwrap_or(0.0);
        (0..length)
            .map(|_| {
                let sought = random.fraction() * total;
                let rank = self.cumulative.partition_point(|sum| *sum < sought) as u64;
                numbered(rank.wrapping_mul(7_368_787) % count)
            })
            .collect()
    }
}

/// The value of `key` at `version`: half random bytes, half a repeated word, as stored messages compress by about half.
pub fn value(key: &Key, version: u64, length: usize) -> Vec<u8> {
    let seed = key.iter().fold(version, |seed, byte| seed.rotate_left(8) ^ u64::from(*byte));
    let mut random = Random::new(seed);
    let mut value = Vec::with_capacity(length + 8);
    while value.len() < length / 2 {
        value.extend_from_slice(&random.next().to_be_bytes());
    }
    while value.len() < length {
        value.extend_from_slice(b"followed");
    }
    value.truncate(length);
    value
}

/// Makes batches, each write with the next sequence.
pub struct Batches {
    random: Random,
    sequence: u64,
    value_bytes: usize,
}

impl Batches {
    /// Batches after `sequence`.
    pub fn after(sequence: u64, seed: u64, value_bytes: usize) -> Self {
        Self { random: Random::new(seed), sequence, value_bytes }
    }

    /// The write of one key; `delete` instead of a value.
    pub fn write(&mut self, key: Key, delete: bool) -> Write {
        self.sequence += 1;
        let mut token = [0; 24];
        // A token begins with its time: those of one moment stand together.
        token[..8].copy_from_slice(&(1_790_000_000_000 + self.sequence / 64).to_be_bytes());
        token[8..16].copy_from_slice(&self.random.next().to_be_bytes());
        token[16..].copy_from_slice(&self.random.next().to_be_bytes());
        let value = (!delete).then(|| value(&key, self.sequence, self.value_bytes));
        Write { key, sequence: self.sequence, value, token }
    }

    /// `size` puts of items chosen evenly among `count`.
    pub fn even(&mut self, size: usize, count: u64) -> Vec<Write> {
        (0..size)
            .map(|_| {
                let number = self.random.below(count);
                self.write(numbered(number), false)
            })
            .collect()
    }
}

/// Puts items 0 to `count` − 1 in order, each of `value_bytes`.
pub fn load(candidate: &dyn Candidate, count: u64, value_bytes: usize) -> Outcome {
    let mut batches = Batches::after(0, 1, value_bytes);
    let mut number = 0;
    while number < count {
        let until = (number + LOADED_AT_ONCE).min(count);
        let writes: Vec<_> = (number..until).map(|number| batches.write(numbered(number), false)).collect();
        candidate.commit(&writes, Rows::Items)?;
        number = until;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Random, Zipf, numbered, value};

    #[test]
    fn the_popular_are_few() {
        let keys = Zipf::new(10_000).keys(10_000, &mut Random::new(1));
        let mut counts = std::collections::HashMap::new();
        for key in keys {
            *counts.entry(key).or_insert(0_u32) += 1;
        }
        assert!(counts.len() < 6_000, "{} of 10,000 items were chosen", counts.len());
        assert!(counts.values().max().is_some_and(|most| *most > 500));
    }

    #[test]
    fn a_value_tells_its_key_and_version() {
        let values = [value(&numbered(1), 1, 100), value(&numbered(1), 2, 100), value(&numbered(2), 1, 100)];
        assert!(values.iter().all(|value| value.len() == 100));
        assert!(values[0] != values[1] && values[0] != values[2] && values[1] != values[2]);
    }
}
