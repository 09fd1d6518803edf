//! The hottest records of a collection, in bounded memory.
//!
//! *Space-saving* (Metwally, Agrawal, El Abbadi: "Efficient computation of frequent and top-k elements in data streams", ICDT 2005): a fixed
//! number of counters. A record without one takes the counter of the least counted, with its count, which is then the most that the
//! newcomer's may be wrong by. Every record with more than one [`COUNTERS`]-th of all accesses has a counter, and no count is too small.
//!
//! Counts are halved at every decay, so what shows is about the last twenty seconds and not the whole life of the process.

use bytes::Bytes;

/// Counters of a collection: a record with a share of 1.6 % of the accesses is always among them.
const COUNTERS: usize = 64;
/// Records that are told.
const TOLD: usize = 8;
/// The least share of a collection's accesses that is worth telling, in one of so many.
const WORTH: u64 = 50;

/// Counters of records.
#[derive(Default)]
pub(super) struct Hot {
    /// Apart from the rows, so that looking for one touches little memory.
    hashes: Vec<u64>,
    rows: Vec<Row>,
    total: u64,
}

struct Row {
    record: Bytes,
    count: u64,
    /// By how much the count may be too great.
    error: u64,
}

/// A record that is accessed much.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct HotRecord {
    /// Its id.
    pub record: Bytes,
    /// Its share of the collection's accesses, from 0 to 1, at least.
    pub share: f64,
}

impl Hot {
    /// Counts an access of `record`, whose hash is `hash`. Two records of one hash are taken for one: with 64 bits nobody will see that.
    pub(super) fn add(&mut self, hash: u64, record: &Bytes) {
        self.total += 1;
        if let Some(place) = self.hashes.iter().position(|known| *known == hash) {
            self.rows[place].count += 1;
            return;
        }
        if self.rows.len() < COUNTERS {
            self.hashes.push(hash);
            self.rows.push(Row { record: record.clone(), count: 1, error: 0 });
            return;
        }
        let least = self.rows.iter().enumerate().min_by_key(|(_, row)| row.count);
        if let Some((place, count)) = least.map(|(place, row)| (place, row.count)) {
            self.hashes[place] = hash;
            self.rows[place] = Row { record: record.clone(), count: count + 1, error: count };
        }
    }

    /// Halves everything; what comes to nothing is forgotten.
    pub(super) fn decay(&mut self) {
        self.total /= 2;
        let rows = std::mem::take(&mut self.rows).into_iter().zip(std::mem::take(&mut self.hashes));
        for (row, hash) in rows.filter(|(row, _)| row.count > 1) {
            self.hashes.push(hash);
            self.rows.push(Row { count: row.count / 2, error: row.error / 2, ..row });
        }
    }

    /// Those whose accesses are certainly worth telling, the hottest first.
    pub(super) fn hottest(&self) -> Vec<HotRecord> {
        let sure = |row: &Row| row.count - row.error;
        let mut hot: Vec<&Row> =
            self.rows.iter().filter(|row| sure(row) * WORTH >= self.total.max(1)).collect();
        hot.sort_by_key(|row| std::cmp::Reverse(sure(row)));
        hot.truncate(TOLD);
        let told = |row: &Row| HotRecord {
            record: row.record.clone(),
            share: sure(row) as f64 / self.total.max(1) as f64,
        };
        hot.into_iter().map(told).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn record(number: u64) -> Bytes {
        Bytes::copy_from_slice(&number.to_be_bytes())
    }

    fn counted(accesses: &[u64]) -> Hot {
        let mut hot = Hot::default();
        accesses.iter().for_each(|number| hot.add(*number, &record(*number)));
        hot
    }

    #[test]
    fn a_whale_among_many_is_found_with_its_share() {
        // Every fourth access is one record's, the others are all different.
        let accesses: Vec<u64> = (0..40_000).map(|n| if n % 4 == 0 { 7 } else { 1000 + n }).collect();
        let hottest = counted(&accesses).hottest();
        assert_eq!(hottest.len(), 1, "{hottest:?}");
        assert_eq!(hottest[0].record, record(7));
        assert!((0.23..=0.25).contains(&hottest[0].share), "{hottest:?}");
    }

    #[test]
    fn where_all_are_alike_none_is_hot_and_decay_forgets() {
        let even: Vec<u64> = (0..100_000).map(|n| n % 1000).collect();
        assert_eq!(counted(&even).hottest(), []);
        let mut hot = counted(&[1; 1000]);
        for _ in 0..9 {
            hot.decay();
            assert_eq!(hot.hottest().len(), 1);
        }
        hot.decay();
        assert_eq!((hot.hottest().len(), hot.rows.len(), hot.hashes.len()), (0, 0, 0));
    }

    proptest! {
        #[test]
        fn no_count_is_too_small_nor_wrong_by_more_than_it_says(accesses in prop::collection::vec(0u64..200, 0..3000)) {
            let hot = counted(&accesses);
            let mut exact: HashMap<u64, u64> = HashMap::new();
            accesses.iter().for_each(|number| *exact.entry(*number).or_default() += 1);
            prop_assert!(hot.rows.len() <= COUNTERS);
            for (row, hash) in hot.rows.iter().zip(&hot.hashes) {
                let exact = exact[hash];
                prop_assert!(row.count >= exact && row.count - row.error <= exact);
            }
            for (number, count) in exact {
                let least = accesses.len() as u64 / COUNTERS as u64;
                prop_assert!(count <= least || hot.hashes.contains(&number), "{} of {}", count, accesses.len());
            }
        }
    }
}
