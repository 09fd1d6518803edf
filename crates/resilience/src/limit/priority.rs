//! What a call may claim of the limit when not all can be let in.

/// What is given up first under overload; the order is that of importance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    /// Refused first: prefetching, suggestions.
    Sheddable,
    /// The rest.
    Normal,
    /// Refused last: payments, log-in.
    Critical,
    /// Never refused: health checks.
    Exempt,
}

impl Priority {
    /// Those that can be refused, the most important first.
    pub const REFUSABLE: [Priority; 3] = [Priority::Critical, Priority::Normal, Priority::Sheddable];

    /// The word used in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Priority::Sheddable => "sheddable",
            Priority::Normal => "normal",
            Priority::Critical => "critical",
            Priority::Exempt => "exempt",
        }
    }

    /// The share of the limit it may fill, in percent. What SHEDDABLE leaves is room for NORMAL, and CRITICAL has room of its own beyond
    /// the limit: it is let in even when the others have filled theirs.
    pub(super) const fn share_percent(self) -> u64 {
        match self {
            Priority::Sheddable => 80,
            Priority::Normal => 100,
            Priority::Critical | Priority::Exempt => 130,
        }
    }
}
