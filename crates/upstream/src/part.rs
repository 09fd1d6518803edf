//! One thread of how many: pools share no state on the request path, so what is bounded for the process is divided among them.

/// A pool's place among those of its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The number of the thread, from 0.
    pub thread: usize,
    /// How many there are.
    pub threads: usize,
}

impl Part {
    /// Of a process with one pool.
    pub const WHOLE: Part = Part { thread: 0, threads: 1 };

    /// The thread's part of `all`; the parts of all threads are together what there is, and no two differ by more than one.
    pub fn of(self, all: usize) -> usize {
        let threads = self.threads.max(1);
        all / threads + usize::from(self.thread < all % threads)
    }

    /// The same of what a thread cannot do without: at least one where there is any, so that of fewer than there are threads each has one.
    pub(crate) fn at_least_one_of(self, all: usize) -> usize {
        self.of(all).max(all.min(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(threads: usize, part: impl Fn(Part) -> usize) -> Vec<usize> {
        (0..threads).map(|thread| part(Part { thread, threads })).collect()
    }

    #[test]
    fn the_parts_of_all_threads_are_what_the_process_has() {
        for (all, threads) in [(1024, 1), (1024, 2), (1024, 8), (1023, 8), (3, 8), (1, 2), (0, 4)] {
            let even = parts(threads, |part| part.of(all));
            assert_eq!(even.iter().sum::<usize>(), all, "{even:?}");
            assert!(even.iter().max().unwrap() - even.iter().min().unwrap() <= 1, "{even:?}");
            let needed = parts(threads, |part| part.at_least_one_of(all));
            let most = if all == 0 { 0 } else { all.max(threads) };
            assert_eq!(needed.iter().sum::<usize>(), most, "{needed:?}");
            assert!(all == 0 || needed.iter().all(|part| *part > 0), "{needed:?}");
        }
    }
}
