//! How many calls may be under way at a time: counted at the door, over all threads, so that one too many is refused there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// The places of a client.
#[derive(Debug)]
pub(crate) struct Places {
    taken: AtomicUsize,
    most: usize,
    refused: AtomicU64,
}

impl Places {
    pub(crate) fn new(most: usize) -> Arc<Places> {
        Arc::new(Places { taken: AtomicUsize::new(0), most, refused: AtomicU64::new(0) })
    }

    /// A place, if there is one. No interleaving gives out more than there are: who finds too many takes its own back.
    pub(crate) fn take(self: &Arc<Places>) -> Option<Place> {
        if self.taken.fetch_add(1, Relaxed) < self.most {
            return Some(Place(self.clone()));
        }
        self.taken.fetch_sub(1, Relaxed);
        None
    }

    /// A call was refused, here or by the channel.
    pub(crate) fn refuse(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Calls under way now, and for an instant those that are about to be refused.
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Relaxed)
    }
}

/// One call's place; free again when dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<Places>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_are_more_taken_than_there_are() {
        const MOST: usize = 5;
        for threads in [1, 2, 8] {
            let places = Places::new(MOST);
            let inside = AtomicUsize::new(0);
            let given = AtomicUsize::new(0);
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        for _ in 0..10_000 {
                            if let Some(place) = places.take() {
                                assert!(inside.fetch_add(1, Relaxed) < MOST);
                                given.fetch_add(1, Relaxed);
                                inside.fetch_sub(1, Relaxed);
                                drop(place);
                            }
                        }
                    });
                }
            });
            assert_eq!(places.taken(), 0, "{threads} threads");
            assert!(given.load(Relaxed) > 0);
            let all: Vec<_> = (0..MOST).filter_map(|_| places.take()).collect();
            assert_eq!((all.len(), places.take().is_none()), (MOST, true));
        }
    }
}
