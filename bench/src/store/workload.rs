//! What the clients do: point reads and writes of records of 100 bytes by Zipf's law, the same steps for every candidate.

use std::sync::Arc;

/// Records there are. All of them fit into the memory of the server: what is measured is the way to them, not the disk.
pub const RECORDS: usize = 100_000;
/// Bytes of a value.
pub const VALUE_BYTES: usize = 100;
/// Exponent of the skew: that of the YCSB benchmark (Cooper et al., 2010).
pub const EXPONENT: f64 = 0.99;
/// Spreads the popular records over all; it has no divisor in common with their number.
const SPREAD: usize = 48_271;

/// A client's next deed.
pub struct Step {
    /// Of which record.
    pub key: Vec<u8>,
    /// What is written; none: it is read.
    pub value: Option<Vec<u8>>,
}

/// What one client does, from a seed of its own.
pub struct Work {
    zipf: Arc<Zipf>,
    random: Random,
    writes_percent: u64,
}

impl Work {
    /// So many of a hundred steps write.
    pub fn new(zipf: Arc<Zipf>, seed: u64, writes_percent: u64) -> Work {
        Work { zipf, random: Random(seed), writes_percent }
    }

    /// The next step.
    pub fn next(&mut self) -> Step {
        let key = key(self.zipf.draw(&mut self.random));
        let writes = self.random.next() % 100 < self.writes_percent;
        Step { key, value: writes.then(|| self.value()) }
    }

    /// 16 bytes that nobody has used: for a token.
    pub fn nonce(&mut self) -> [u8; 16] {
        (u128::from(self.random.next()) << 64 | u128::from(self.random.next())).to_be_bytes()
    }

    fn value(&mut self) -> Vec<u8> {
        vec![b'a' + (self.random.next() % 26) as u8; VALUE_BYTES]
    }
}

/// The id of a record.
pub fn key(number: usize) -> Vec<u8> {
    format!("user-{number:08}").into_bytes()
}

/// Chooses records as Zipf's law does.
pub struct Zipf(Vec<f64>);

impl Zipf {
    /// Over all records.
    pub fn new() -> Zipf {
        let mut sum = 0.0;
        let cumulative = (1..=RECORDS).map(|rank| {
            sum += (rank as f64).powf(-EXPONENT);
            sum
        });
        Zipf(cumulative.collect())
    }

    fn draw(&self, random: &mut Random) -> usize {
        let total = self.0.last().copied().unwrap_or(0.0);
        let sought = (random.next() >> 11) as f64 / (1_u64 << 53) as f64 * total;
        self.0.partition_point(|sum| *sum < sought) * SPREAD % RECORDS
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn the_popular_are_popular_and_writes_come_as_often_as_asked() {
        let mut work = Work::new(Arc::new(Zipf::new()), 7, 10);
        let (mut reads, mut writes) = (HashMap::new(), 0);
        for _ in 0..20_000 {
            let step = work.next();
            *reads.entry(step.key).or_insert(0) += 1;
            writes += u32::from(step.value.is_some_and(|value| value.len() == VALUE_BYTES));
        }
        // 1 / (1 + 1/2^0.99 + … + 1/100,000^0.99), which is 7.8 %.
        let most = reads.values().max().copied().unwrap_or(0);
        assert!((1_400..1_750).contains(&most), "{most}");
        assert!((1_800..2_200).contains(&writes), "{writes}");
        assert!(reads.keys().all(|key| key.len() == key_bytes()));
        assert_ne!(work.nonce(), work.nonce());
    }

    fn key_bytes() -> usize {
        key(0).len()
    }
}
