//! The order of operations whose place among each other is known: see [`crate::Model::rank`].

/// A rank made dense, so that the next one is a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rank(usize);

/// Which ranks have had an operation placed.
#[derive(Debug)]
pub struct Ranks {
    /// All ranks, sorted.
    known: Vec<u64>,
    /// By rank: whether some operation must have it.
    due: Vec<bool>,
    /// By rank: operations placed.
    placed: Vec<u32>,
    /// The first rank that is due and has none.
    next: usize,
}

impl Ranks {
    /// Of ranks that some operation must have, and of others that one may have.
    pub fn new(due: impl IntoIterator<Item = u64>, possible: impl IntoIterator<Item = u64>) -> Ranks {
        let mut due: Vec<u64> = due.into_iter().collect();
        due.sort_unstable();
        let mut known: Vec<u64> = possible.into_iter().chain(due.iter().copied()).collect();
        known.sort_unstable();
        known.dedup();
        let due = known.iter().map(|rank| due.binary_search(rank).is_ok()).collect();
        let mut ranks = Ranks { placed: vec![0; known.len()], known, due, next: 0 };
        ranks.go_on();
        ranks
    }

    /// A rank in its dense form.
    pub fn find(&self, rank: u64) -> Option<Rank> {
        self.known.binary_search(&rank).ok().map(Rank)
    }

    /// The first rank that is due and has no operation yet.
    pub fn next(&self) -> Option<Rank> {
        (self.next < self.known.len()).then_some(Rank(self.next))
    }

    /// Whether an operation of this rank may be placed now: no earlier rank that is due is still without one.
    pub fn allow(&self, rank: Option<Rank>) -> bool {
        rank.is_none_or(|Rank(rank)| rank <= self.next)
    }

    /// Notes that an operation of this rank was placed.
    pub fn take(&mut self, rank: Option<Rank>) {
        if let Some(Rank(rank)) = rank {
            self.placed[rank] += 1;
            self.go_on();
        }
    }

    /// Notes that it is no longer placed.
    pub fn put_back(&mut self, rank: Option<Rank>) {
        if let Some(Rank(rank)) = rank {
            self.placed[rank] -= 1;
            if self.placed[rank] == 0 && self.due[rank] {
                self.next = self.next.min(rank);
            }
        }
    }

    fn go_on(&mut self) {
        while self.next < self.known.len() && (!self.due[self.next] || self.placed[self.next] > 0) {
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Rank, Ranks};

    #[test]
    fn a_rank_waits_for_all_that_are_due_before_it() {
        let mut ranks = Ranks::new([70, 5, 5], [30]);
        let find = |ranks: &Ranks, rank| ranks.find(rank);
        let (five, thirty, seventy) = (find(&ranks, 5), find(&ranks, 30), find(&ranks, 70));
        assert_eq!((five, seventy, find(&ranks, 6)), (Some(Rank(0)), Some(Rank(2)), None));
        let allowed = |ranks: &Ranks| [None, five, thirty, seventy].map(|rank| ranks.allow(rank));
        assert_eq!((allowed(&ranks), ranks.next()), ([true, true, false, false], five));
        ranks.take(five);
        assert_eq!((allowed(&ranks), ranks.next()), ([true; 4], seventy), "30 may be left out");
        ranks.take(thirty);
        ranks.take(seventy);
        assert_eq!(
            (allowed(&ranks), ranks.next()),
            ([true; 4], None),
            "another of rank 5 repeats it, however late"
        );
        ranks.put_back(thirty);
        assert_eq!(allowed(&ranks), [true; 4]);
        ranks.put_back(seventy);
        ranks.put_back(five);
        assert_eq!(allowed(&ranks), [true, true, false, false]);
    }
}
