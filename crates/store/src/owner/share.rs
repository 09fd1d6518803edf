//! How much of a queue one record may take, so that the record that everybody asks for fills no queue that others stand in.
//!
//! A record takes a place before it looks, so its bound is never passed; calls that come at the same instant may refuse each other below it. What weighs more
//! than the bound by itself still gets in, alone. Two records share a place by chance in one of [`PLACES`]: they then share the bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Places of records: few share one, and all of them are 64 KiB.
const PLACES: usize = 4096;

/// Shares of a queue.
#[derive(Clone)]
pub(super) struct Shares(Arc<Inner>);

struct Inner {
    places: Box<[Place]>,
    calls: u64,
    weight: u64,
}

/// What waits of a record.
#[derive(Default)]
struct Place {
    calls: AtomicU64,
    weight: AtomicU64,
}

/// A share that is taken, until it is dropped.
pub(super) struct Share {
    shares: Shares,
    place: usize,
    weight: u64,
}

impl Shares {
    /// Of a record at most so many calls wait, which weigh together so much.
    pub(super) fn new(calls: usize, weight: usize) -> Shares {
        let places = (0..PLACES).map(|_| Place::default()).collect();
        Shares(Arc::new(Inner { places, calls: calls.max(1) as u64, weight: weight as u64 }))
    }

    /// One more call of a record, if it may wait.
    pub(super) fn take(&self, record: u64, weight: usize) -> Option<Share> {
        let (place, weight) = (record as usize % PLACES, weight as u64);
        let of = &self.0.places[place];
        let before = of.calls.fetch_add(1, Ordering::AcqRel);
        let weighed = of.weight.fetch_add(weight, Ordering::AcqRel);
        // From here on it is given back by being dropped.
        let share = Share { shares: self.clone(), place, weight };
        let fits = before < self.0.calls && (before == 0 || weighed.saturating_add(weight) <= self.0.weight);
        fits.then_some(share)
    }

    /// The most calls of one record.
    pub(super) fn calls(&self) -> usize {
        self.0.calls as usize
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let of = &self.shares.0.places[self.place];
        of.weight.fetch_sub(self.weight, Ordering::AcqRel);
        of.calls.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn a_record_has_its_share_and_others_have_theirs() {
        let shares = Shares::new(3, 10);
        // (record, weight, whether it gets in)
        let rows = [
            (1, 4, true),
            (1, 6, true),
            (1, 1, false),
            (2, 1_000, true),
            (2, 0, false),
            (3, 0, true),
            (3, 0, true),
            (3, 0, true),
            (3, 0, false),
        ];
        let mut taken = Vec::new();
        for (record, weight, fits) in rows {
            let share = shares.take(record, weight);
            assert_eq!(share.is_some(), fits, "{record} {weight}");
            taken.extend(share);
        }
        taken.clear();
        assert!((0..3).map(|_| shares.take(1, 3)).all(|share| {
            taken.extend(share);
            true
        }));
        assert_eq!(taken.len(), 3, "what was given back can be taken again");
    }

    #[test]
    fn no_interleaving_passes_the_bound() {
        const CALLS: usize = 5;
        for threads in [1, 2, 8] {
            let (shares, inside, most) =
                (Shares::new(CALLS, usize::MAX), AtomicUsize::new(0), AtomicUsize::new(0));
            let (begin, got_in) = (Barrier::new(threads), AtomicUsize::new(0));
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        begin.wait();
                        for _ in 0..20_000 {
                            if let Some(_share) = shares.take(7, 1) {
                                let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                                most.fetch_max(now, Ordering::SeqCst);
                                got_in.fetch_add(1, Ordering::SeqCst);
                                std::thread::yield_now();
                                inside.fetch_sub(1, Ordering::SeqCst);
                            }
                        }
                    });
                }
            });
            assert!(most.load(Ordering::SeqCst) <= CALLS, "{threads} threads: {most:?}");
            assert!(got_in.load(Ordering::SeqCst) >= 20_000, "{threads} threads: {got_in:?}");
            assert_eq!(shares.0.places[7].calls.load(Ordering::SeqCst), 0);
            assert_eq!(shares.0.places[7].weight.load(Ordering::SeqCst), 0);
        }
    }
}
