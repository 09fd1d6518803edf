//! Which instance takes the next call: health-aware round robin. Pure: what is known of the instances is passed in.
//!
//! This is the seam for weighted, zone-aware and latency-aware choice: a richer balancer gets richer observations.

/// What the pool observes of an instance at the moment of choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// A call can be sent, or a connection opened, now.
    Ready,
    /// All its streams or connections are taken; a call would wait.
    Busy,
    /// It is failing, or this call tried it already.
    Down,
}

/// A place in the round.
#[derive(Debug)]
pub(crate) struct Balancer {
    cursor: usize,
}

impl Balancer {
    /// `seed` says where the round begins, so that many threads and gateways do not all begin at the first instance.
    pub(crate) fn new(seed: u64) -> Balancer {
        Balancer { cursor: (seed >> 32) as usize }
    }

    /// The next ready instance of `count` in the round, else the next busy one, else none.
    pub(crate) fn pick(
        &mut self,
        count: usize,
        mut standing: impl FnMut(usize) -> Standing,
    ) -> Option<usize> {
        if count == 0 {
            return None;
        }
        let start = self.cursor % count;
        let mut busy = None;
        for index in (start..count).chain(0..start) {
            match standing(index) {
                Standing::Ready => {
                    self.cursor = index + 1;
                    return Some(index);
                }
                Standing::Busy if busy.is_none() => busy = Some(index),
                Standing::Busy | Standing::Down => {}
            }
        }
        if let Some(index) = busy {
            self.cursor = index + 1;
        }
        busy
    }
}

#[cfg(test)]
mod tests {
    use super::Standing::*;
    use super::*;

    fn check(standings: &[Standing], expected: &[Option<usize>]) {
        let mut balancer = Balancer::new(0);
        let picks: Vec<_> =
            expected.iter().map(|_| balancer.pick(standings.len(), |index| standings[index])).collect();
        assert_eq!(picks, expected, "{standings:?}");
    }

    #[test]
    fn ready_before_busy_before_none_in_turn() {
        check(&[], &[None]);
        check(&[Ready], &[Some(0), Some(0)]);
        check(&[Ready, Ready, Ready], &[Some(0), Some(1), Some(2), Some(0)]);
        check(&[Ready, Down, Ready], &[Some(0), Some(2), Some(0)]);
        check(&[Busy, Ready, Busy], &[Some(1), Some(1)]);
        check(&[Busy, Down, Busy], &[Some(0), Some(2), Some(0)]);
        check(&[Down, Down], &[None, None]);
    }

    #[test]
    fn a_round_of_any_seed_visits_each_instance_once() {
        for seed in [0, 1 << 32, 7 << 33, u64::MAX] {
            let mut balancer = Balancer::new(seed);
            let mut seen = [0; 5];
            for _ in 0..50 {
                seen[balancer.pick(5, |_| Ready).unwrap()] += 1;
            }
            assert_eq!(seen, [10; 5]);
        }
    }

    #[test]
    fn whatever_the_standings_the_best_kind_there_is_gets_the_call() {
        for case in 0..3usize.pow(5) {
            let standing = |index: usize| [Ready, Busy, Down][case / 3usize.pow(index as u32) % 3];
            let best = [Ready, Busy].into_iter().find(|&kind| (0..5).any(|index| standing(index) == kind));
            for start in 0..5u64 {
                let picked = Balancer::new(start << 32).pick(5, standing).map(standing);
                assert_eq!(picked, best, "case {case} from {start}");
            }
        }
    }
}
