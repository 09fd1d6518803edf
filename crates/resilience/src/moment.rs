//! A point in time, as policies are told it.

use std::time::Duration;

/// A point in time: nanoseconds since a start that the caller chose, the same start for all it tells one policy. Fits an atomic;
/// 584 years fit it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// The start itself.
    pub const START: Moment = Moment(0);

    /// `nanos` nanoseconds after the start.
    pub const fn from_nanos(nanos: u64) -> Moment {
        Moment(nanos)
    }

    /// `after` the start.
    pub fn from_start(after: Duration) -> Moment {
        Moment(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Nanoseconds since the start.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// Time since `earlier`; zero where that is later.
    pub const fn since(self, earlier: Moment) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The same as [`since`](Self::since), in nanoseconds to reckon with.
    pub const fn nanos_since(self, earlier: Moment) -> f64 {
        self.0.saturating_sub(earlier.0) as f64
    }

    /// The moment `after` this one.
    #[must_use]
    pub fn plus(self, after: Duration) -> Moment {
        Moment(self.0.saturating_add(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// A duration in nanoseconds to reckon with. By way of `as_nanos`, whose 128 bits no processor turns into a float, it takes ten times as long.
pub(crate) fn nanos_f64(of: Duration) -> f64 {
    of.as_secs() as f64 * 1e9 + f64::from(of.subsec_nanos())
}
