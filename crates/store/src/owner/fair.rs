//! A queue in which records take turns: of each the first to come is the first to go, and no record's calls stand before another's first.

use std::collections::{HashMap, VecDeque};

/// See the module.
pub(super) struct Fair<T> {
    records: HashMap<u64, VecDeque<T>>,
    /// Whose turn it is, each record that has something once.
    turns: VecDeque<u64>,
}

impl<T> Default for Fair<T> {
    fn default() -> Fair<T> {
        Fair { records: HashMap::new(), turns: VecDeque::new() }
    }
}

impl<T> Fair<T> {
    /// One more of a record.
    pub(super) fn push(&mut self, record: u64, asked: T) {
        let of = self.records.entry(record).or_default();
        if of.is_empty() {
            self.turns.push_back(record);
        }
        of.push_back(asked);
    }

    /// The next one, of the record whose turn it is.
    pub(super) fn pop(&mut self) -> Option<T> {
        let record = self.turns.pop_front()?;
        let of = self.records.get_mut(&record)?;
        let asked = of.pop_front();
        if of.is_empty() {
            self.records.remove(&record);
        } else {
            self.turns.push_back(record);
        }
        asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn records_take_turns_and_each_keeps_its_order() {
        let mut fair = Fair::default();
        for (record, asked) in [(1, "a1"), (1, "a2"), (1, "a3"), (2, "b1"), (3, "c1"), (3, "c2")] {
            fair.push(record, asked);
        }
        let mut out = Vec::new();
        out.extend((0..2).map_while(|_| fair.pop()));
        // Who comes anew comes after those who wait already, and before their next turn but one.
        fair.push(4, "d1");
        fair.push(1, "a4");
        out.extend(std::iter::from_fn(|| fair.pop()));
        assert_eq!(out, ["a1", "b1", "c1", "a2", "d1", "c2", "a3", "a4"]);
        assert!(fair.records.is_empty() && fair.turns.is_empty());
    }

    proptest! {
        #[test]
        fn nobody_waits_for_more_than_one_of_each_other_record_and_of_those_before(
            calls in prop::collection::vec((0u64..6, any::<bool>()), 0..200),
        ) {
            let mut fair = Fair::default();
            let mut came: HashMap<u64, u64> = HashMap::new();
            let mut went: HashMap<u64, u64> = HashMap::new();
            // For the first one that waits of each record: how many others went since it became that.
            let mut passed: HashMap<u64, HashMap<u64, u64>> = HashMap::new();
            let mut waiting: HashMap<u64, u64> = HashMap::new();
            for (record, push) in calls {
                if push {
                    let number = came.entry(record).or_default();
                    fair.push(record, (record, *number));
                    *number += 1;
                    *waiting.entry(record).or_default() += 1;
                } else if let Some((record, number)) = fair.pop() {
                    let next = went.entry(record).or_default();
                    prop_assert_eq!(number, *next, "of one record the first comes first");
                    *next += 1;
                    *waiting.entry(record).or_default() -= 1;
                    passed.remove(&record);
                    for (other, _) in waiting.iter().filter(|(other, left)| **other != record && **left > 0) {
                        let times = passed.entry(*other).or_default().entry(record).or_default();
                        *times += 1;
                        prop_assert!(*times <= 1, "{record} went twice before {other} once");
                    }
                }
            }
        }
    }
}
