//! Whether what pages were told has changed since: a process was slow, or back after it was out of reach.

/// Seconds from one revision to the next. Pages answer a revision by asking for the past anew, and a process that
/// is late every second must not make them ask every second.
const PAUSE_SECONDS: i64 = 5;

#[derive(Default)]
pub(super) struct Revisions {
    /// How many there were.
    pub(super) count: u64,
    told: i64,
    revised: i64,
    pending: bool,
}

impl Revisions {
    /// Something was added to a second.
    pub(super) fn changed(&mut self, second: i64) {
        self.pending |= second <= self.told;
    }

    /// A second is being told.
    pub(super) fn told(&mut self, second: i64) {
        self.told = second;
        if self.pending && second - self.revised >= PAUSE_SECONDS {
            self.pending = false;
            self.revised = second;
            self.count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_late_is_a_revision_soon_but_not_every_second() {
        let mut revisions = Revisions::default();
        let mut counts = Vec::new();
        for second in 100..112 {
            revisions.told(second);
            counts.push(revisions.count);
            // In time until 102, late from then on.
            revisions.changed(if second < 102 { second + 1 } else { second });
        }
        assert_eq!(counts, [0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2]);
    }
}
