//! The last intervals of one instance, and what was found against it so far.

use super::Interval;

/// Intervals that are kept. Where an instance has too few requests for a judgement in one interval, as many of the last as it takes are
/// judged together, up to this many.
pub(super) const WINDOW: usize = 32;

/// One instance as the judge remembers it.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    /// `sums[n]` is the sum of the last n + 1 intervals.
    sums: [Interval; WINDOW],
    /// Intervals since the last judgement that found it slow; the next may only use those.
    fresh: usize,
    /// Judgements running that found it slow.
    slow: u32,
    /// They were enough once, and none has found it sound since: the next one is enough.
    convicted: bool,
}

impl History {
    pub(super) fn push(&mut self, interval: Interval) {
        for n in (1..WINDOW).rev() {
            self.sums[n] = self.sums[n - 1];
            self.sums[n] += interval;
        }
        self.sums[0] = interval;
        self.fresh = (self.fresh + 1).min(WINDOW);
    }

    /// What is kept of it while it is ejected.
    pub(super) fn left_out(&self) -> History {
        History { convicted: self.convicted, ..History::default() }
    }

    /// The sum of the last `count` intervals, 1 to [`WINDOW`].
    pub(super) fn last(&self, count: usize) -> Interval {
        self.sums[count.clamp(1, WINDOW) - 1]
    }

    /// How many of the last intervals it takes for `requests`.
    pub(super) fn enough(&self, requests: u64) -> Option<usize> {
        (1..=WINDOW).find(|count| self.last(*count).requests >= requests.max(1))
    }

    /// The same, of intervals that no judgement of slowness has used.
    pub(super) fn enough_fresh(&self, requests: u64) -> Option<usize> {
        self.enough(requests).filter(|count| *count <= self.fresh)
    }

    /// A judgement found it slow; whether that makes `judgements` running, or it is one of those that come back from that.
    pub(super) fn found_slow(&mut self, judgements: u32) -> bool {
        self.fresh = 0;
        self.slow = self.slow.saturating_add(1);
        self.convicted |= self.slow >= judgements;
        self.convicted
    }

    /// A judgement found it as fast as the others, or there was nothing to judge for the whole window.
    pub(super) fn found_sound(&mut self) {
        self.slow = 0;
        self.convicted = false;
    }

    pub(super) fn is_stale(&self) -> bool {
        self.fresh == WINDOW
    }
}
