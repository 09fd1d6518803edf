//! The order of operations whose place among each other is known: see [`crate::Model::rank`].

/// Which ranks have had an operation placed.
#[derive(Debug)]
pub struct Ranks {
    /// By operation: its rank, made dense; none where it may stand anywhere.
    of: Vec<Option<usize>>,
    /// By rank: operations placed.
    placed: Vec<u32>,
    /// The first rank without one.
    next: usize,
}

impl Ranks {
    /// Makes the given ranks dense, so that the next one is a neighbour.
    pub fn new(ranks: &[Option<u64>]) -> Ranks {
        let mut known: Vec<u64> = ranks.iter().copied().flatten().collect();
        known.sort_unstable();
        known.dedup();
        let of = ranks.iter().map(|rank| rank.and_then(|rank| known.binary_search(&rank).ok())).collect();
        Ranks { of, placed: vec![0; known.len()], next: 0 }
    }

    /// Whether the operation may be placed now: no earlier rank is still without one.
    pub fn allow(&self, index: usize) -> bool {
        self.of[index].is_none_or(|rank| rank <= self.next)
    }

    /// Notes that the operation was placed.
    pub fn take(&mut self, index: usize) {
        if let Some(rank) = self.of[index] {
            self.placed[rank] += 1;
            while self.placed.get(self.next).is_some_and(|placed| *placed > 0) {
                self.next += 1;
            }
        }
    }

    /// Notes that the operation is no longer placed.
    pub fn put_back(&mut self, index: usize) {
        if let Some(rank) = self.of[index] {
            self.placed[rank] -= 1;
            if self.placed[rank] == 0 {
                self.next = self.next.min(rank);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Ranks;

    #[test]
    fn a_rank_waits_for_all_before_it() {
        let mut ranks = Ranks::new(&[Some(70), None, Some(5), Some(5)]);
        let allowed = |ranks: &Ranks| (0..4).map(|index| ranks.allow(index)).collect::<Vec<_>>();
        assert_eq!(allowed(&ranks), [false, true, true, true]);
        ranks.take(3);
        assert_eq!(allowed(&ranks), [true; 4]);
        ranks.take(0);
        assert_eq!(allowed(&ranks), [true; 4], "the other of rank 5 repeats it, however late");
        ranks.put_back(0);
        ranks.put_back(3);
        assert_eq!(allowed(&ranks), [false, true, true, true]);
    }
}
