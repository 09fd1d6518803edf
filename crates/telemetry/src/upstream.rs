//! One service as this process calls it: what was attempted, repeated, held back and left out, and what would be left
//! of it were its largest zone gone.

use std::time::Duration;
use tenet_error::Code;
use tenet_sketch::Sketch;

/// One service as this process calls it. Counters count since the process began; what is called "now" is a state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpstreamView {
    /// Name of the service.
    pub service: String,
    /// Calls, however many attempts each took.
    pub calls: u64,
    /// Attempts, the first of each call included.
    pub attempts: u64,
    /// Attempts after the first, by what the attempt before ended in. Hedges are not among them.
    pub retries: Vec<(Code, u64)>,
    /// Second attempts sent because the first was slow.
    pub hedges: u64,
    /// Those of them whose answer was the one passed on.
    pub hedges_won: u64,
    /// Retries and hedges not made, by what forbade them.
    pub retries_refused: Vec<(RefusedBy, u64)>,
    /// Attempts the retry budget would pay for now.
    pub budget_left: u64,
    /// Calls that are under way now.
    pub in_flight: u64,
    /// Calls that wait for admission now.
    pub queued: u64,
    /// Calls that may be under way at once, as the adaptive limit has it now; 0 if it is off.
    pub limit: u64,
    /// How long calls waited for admission, those admitted in the second that is being closed, in nanoseconds.
    pub queue_time: Sketch,
    /// Calls refused for overload, by priority: CRITICAL, NORMAL, SHEDDABLE.
    pub shed: [u64; 3],
    /// Health checks of its instances, by how they ended.
    pub health_checks: Vec<(&'static str, u64)>,
    /// How DNS is asked for its instances; `None` where it is not.
    pub dns: Option<DnsView>,
    /// Ejections of its instances.
    pub ejections: u64,
    /// Its instances that are ejected now.
    pub ejected: u64,
    /// Whether so few instances are fit that all are used again.
    pub panic: bool,
    /// The N−1 gauge; `None` while nothing is known.
    pub capacity: Option<CapacityView>,
}

/// How DNS is asked for the instances of a service. Counts are of questions, since the source is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DnsView {
    /// Answered with records.
    pub answered: u64,
    /// Answered with the word that there are none.
    pub empty: u64,
    /// Not answered: the source is away, or could not tell.
    pub away: u64,
    /// Time since the last answer with records; `None` before the first.
    pub age: Option<Duration>,
}

/// What a service could carry if its largest zone, or a third of its instances, vanished now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CapacityView {
    /// `left_rps` ÷ `peak_rps`; below 1.0 the peak could not be carried.
    pub share: f64,
    /// What is imagined lost, for people: `zone b`, `2 of 6 instances`.
    pub lost: String,
    /// How the capacity is known: `measured` (a knee was seen), `estimated`, or `proven` (it has carried this much, so the share
    /// is a lower bound).
    pub basis: String,
    /// The peak it is held against, in calls per second.
    pub peak_rps: f64,
    /// What would be left, in calls per second.
    pub left_rps: f64,
}

/// What forbade a retry or a hedge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum RefusedBy {
    /// The retry budget of this process was spent.
    Budget,
    /// The allowance of the call tree was spent.
    Allowance,
    /// No further attempt could have ended before the deadline.
    Deadline,
    /// The instance asked not to be tried again (gRFC A6 pushback, `Retry-After` beyond the deadline).
    Pushback,
}

impl RefusedBy {
    /// All of them, in the order of their discriminants.
    pub const ALL: [RefusedBy; 4] =
        [RefusedBy::Budget, RefusedBy::Allowance, RefusedBy::Deadline, RefusedBy::Pushback];

    /// The word used in metrics and on the console.
    pub const fn word(self) -> &'static str {
        match self {
            RefusedBy::Budget => "budget",
            RefusedBy::Allowance => "allowance",
            RefusedBy::Deadline => "deadline",
            RefusedBy::Pushback => "pushback",
        }
    }
}

/// Priorities as metrics and the console name them, in the order of [`UpstreamView::shed`].
pub const PRIORITIES: [&str; 3] = ["critical", "normal", "sheddable"];
