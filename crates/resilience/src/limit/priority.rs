//! What a request may claim when not all can be served.

/// How much a request matters, from the contract. The order is that of admission: `Critical` first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Served last to be refused: money, sign-in, what other calls wait for.
    Critical,
    /// The default.
    Normal,
    /// Refused first: prefetches, recommendations, batch work.
    Sheddable,
    /// Health checks and the platform's own calls: counted, never refused.
    Exempt,
}

/// The share of the limit that `Sheddable` may fill. Google's load shedding keeps a fifth free for the rest ("Site
/// Reliability Engineering", chapter 21, by criticality).
const SHEDDABLE_PERCENT: u64 = 80;

/// What `Critical` may fill beyond the limit, as a share of it.
const CRITICAL_EXTRA_PERCENT: u64 = 25;

/// The least that `Critical` may fill beyond the limit, in requests. While `Normal` keeps the limit full, the places beyond it behave
/// like a queue that only `Critical` joins: with `Critical` at a share ρ of capacity, n places are all taken for about ρ^n of the
/// time. 0.4^8 is under 0.1 %.
const CRITICAL_EXTRA_MIN: u64 = 8;

impl Priority {
    /// The number of requests in flight at which this priority is refused, when the limit is `limit`.
    pub(super) fn bound(self, limit: u32) -> u64 {
        let limit = u64::from(limit);
        match self {
            Priority::Critical => limit + (limit * CRITICAL_EXTRA_PERCENT / 100).max(CRITICAL_EXTRA_MIN),
            Priority::Normal => limit,
            Priority::Sheddable => (limit * SHEDDABLE_PERCENT / 100).max(1),
            Priority::Exempt => u64::MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_priority_is_refused_later() {
        // limit, critical, normal, sheddable
        let rows = [(1, 9, 1, 1), (8, 16, 8, 6), (64, 80, 64, 51), (1000, 1250, 1000, 800)];
        for (limit, critical, normal, sheddable) in rows {
            assert_eq!(Priority::Critical.bound(limit), critical, "limit {limit}");
            assert_eq!(Priority::Normal.bound(limit), normal, "limit {limit}");
            assert_eq!(Priority::Sheddable.bound(limit), sheddable, "limit {limit}");
            assert_eq!(Priority::Exempt.bound(limit), u64::MAX);
        }
        assert_eq!(Priority::Critical.bound(u32::MAX), u64::from(u32::MAX) * 5 / 4, "no overflow");
    }
}
