//! Versions that nobody has told yet: those of writes whose outcome is unknown and that are taken to have happened.
//!
//! Such a write has *some* version, after those before it and before those after it. The state stands for all of them, and
//! each answer that could only be given with some of them keeps those. So one state is enough where a choice of numbers would need many.

/// The version of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// An answer told it.
    Known(u64),
    /// Nobody has told it; an index into [`Versions`].
    Untold(usize),
    /// Nobody ever tells it, nor the value: what such a write put is there, and that is all.
    Silent,
}

/// What is known of one untold version: it lies strictly between two others and is none of `not`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Untold {
    above: Option<u64>,
    below: Option<u64>,
    /// Versions that a refused condition named, sorted.
    not: Vec<u64>,
}

/// The versions of a record's writes so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Versions {
    /// The greatest version told of a write that took effect; the newest write's or, where that is untold, one before it.
    last: Option<u64>,
    /// In the order of the writes, so that both bounds grow along it.
    untold: Vec<Untold>,
}

impl Versions {
    /// A write was given `version`; false where it does not grow.
    pub fn write(&mut self, version: u64) -> bool {
        if Some(version) <= self.last {
            return false;
        }
        for untold in &mut self.untold {
            untold.below = min(untold.below, version);
        }
        self.last = Some(version);
        true
    }

    /// A write took effect and its version is not known.
    pub fn write_untold(&mut self) -> Version {
        self.untold.push(Untold { above: self.last, below: None, not: Vec::new() });
        Version::Untold(self.untold.len() - 1)
    }

    /// Whether `version` may be `told`.
    pub fn may_be(&self, version: Version, told: u64) -> bool {
        match version {
            Version::Known(known) => known == told,
            Version::Silent => false,
            Version::Untold(index) => {
                let untold = &self.untold[index];
                untold.above < Some(told)
                    && untold.below.is_none_or(|below| told < below)
                    && untold.not.binary_search(&told).is_err()
            }
        }
    }

    /// Keeps what agrees with `version` being `told`, which must be possible.
    pub fn tell(&mut self, version: Version, told: u64) {
        let Version::Untold(index) = version else { return };
        for (other, untold) in self.untold.iter_mut().enumerate() {
            if other < index {
                untold.below = min(untold.below, told);
            } else if other > index {
                untold.above = untold.above.max(Some(told));
            }
        }
        self.last = self.last.max(Some(told));
    }

    /// Keeps what agrees with an untold `version` not being `told`.
    pub fn exclude(&mut self, version: Version, told: u64) {
        if let Version::Untold(index) = version
            && let Err(place) = self.untold[index].not.binary_search(&told)
        {
            self.untold[index].not.insert(place, told);
        }
    }

    /// Forgets the untold version at `index`: it was told, or nothing of its write is left to see. Greater indices move down by one.
    pub fn forget(&mut self, index: usize) {
        self.untold.remove(index);
    }

    /// How many versions are untold.
    pub fn untold(&self) -> usize {
        self.untold.len()
    }
}

fn min(bound: Option<u64>, version: u64) -> Option<u64> {
    Some(bound.map_or(version, |bound| bound.min(version)))
}
