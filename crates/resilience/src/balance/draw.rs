//! Drawing two instances out of a range and keeping the better one; looking at all of them when that found nothing.

use super::{Candidates, PROBES, Standing};
use std::ops::Range;

/// Draws from the randomness of one pick.
pub(super) struct Draws(u64);

impl Draws {
    pub(super) fn new(random: u64) -> Draws {
        Draws(random)
    }

    /// splitmix64 (Steele, Lea, Flood 2014): any seed will do, and neighbouring seeds share nothing.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// In 0..1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// The better of two ready instances drawn from `range`, the only one where the draws find one; `None` when they find none.
    pub(super) fn better_of_two(
        &mut self,
        candidates: &impl Candidates,
        range: Range<usize>,
        away: Option<u16>,
    ) -> Option<usize> {
        let mut found = None;
        if range.is_empty() {
            return None;
        }
        // A second draw among so few would mostly hit the first again.
        let probes = if range.len() == 1 { 1 } else { PROBES };
        for _ in 0..probes {
            let index = range.start + self.below(range.len());
            if found == Some(index) || !self.counts(candidates, index, away) {
                continue;
            }
            match found {
                None => found = Some(index),
                Some(other) if candidates.score(index) < candidates.score(other) => return Some(index),
                Some(other) => return Some(other),
            }
        }
        found
    }

    fn counts(&mut self, candidates: &impl Candidates, index: usize, away: Option<u16>) -> bool {
        if candidates.standing(index) != Standing::Ready || is_away(candidates, index, away) {
            return false;
        }
        let share = candidates.share(index);
        share >= 1.0 || self.unit() < share
    }
}

/// The best of all that are not down: ready before busy, another zone before the one to stay away from, the first range before the
/// second, then the lower score.
pub(super) fn best_of_all(
    candidates: &impl Candidates,
    ranges: [Range<usize>; 2],
    away: Option<u16>,
) -> Option<usize> {
    let mut best = None;
    for (order, range) in ranges.into_iter().enumerate() {
        for index in range {
            let standing = candidates.standing(index);
            if standing == Standing::Down {
                continue;
            }
            let rank = (standing, is_away(candidates, index, away), order);
            let score = candidates.score(index);
            let better = best.is_none_or(|(_, best_rank, best_score)| {
                rank < best_rank || (rank == best_rank && score < best_score)
            });
            if better {
                best = Some((index, rank, score));
            }
        }
    }
    best.map(|(index, ..)| index)
}

fn is_away(candidates: &impl Candidates, index: usize, away: Option<u16>) -> bool {
    // Zone 0 is no zone: two instances without one share nothing that is known.
    away.is_some_and(|zone| zone != 0 && zone == candidates.zone(index))
}
