//! Values since the process started, of which those of the open second are told once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use tenet_sketch::Sketch;

/// A sketch of everything, in two parts, behind a short lock.
#[derive(Default)]
pub(super) struct Series(Mutex<Parts>);

#[derive(Default)]
struct Parts {
    before: Sketch,
    second: Sketch,
}

impl Series {
    pub(super) fn record(&self, value: u64) {
        self.parts().second.record(value);
    }

    /// Everything.
    pub(super) fn all(&self) -> Sketch {
        let parts = self.parts();
        let mut all = parts.before.clone();
        all.merge(&parts.second);
        all
    }

    /// What came since this was asked last.
    pub(super) fn take(&self) -> Sketch {
        let mut parts = self.parts();
        let parts = &mut *parts;
        let second = std::mem::take(&mut parts.second);
        parts.before.merge(&second);
        second
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        // A sketch is consistent after every statement, so a poisoned lock is still good.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_told_once_and_nothing_is_lost_of_the_whole() {
        let series = Series::default();
        series.record(1);
        series.record(2);
        assert_eq!((series.take().count(), series.take().count(), series.all().count()), (2, 0, 2));
        series.record(3);
        assert_eq!((series.all().count(), series.all().sum()), (3, 6));
        assert_eq!((series.take().sum(), series.all().sum()), (3, 6));
    }
}
