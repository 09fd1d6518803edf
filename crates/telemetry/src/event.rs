//! What happened, for the time line, and what is wrong now.

use std::time::SystemTime;

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A release was switched on.
    Release,
    /// A release was refused; the one before goes on.
    Refusal,
    /// An instance became healthy.
    InstanceUp,
    /// An instance is gone or unhealthy.
    InstanceDown,
    /// An instance was taken out because of how it answered.
    Ejection,
    /// An alarm was raised or cleared.
    Alarm,
    /// A drill began or ended.
    Drill,
    /// The number of instances was changed.
    Scale,
    /// A process was restarted.
    Restart,
    /// A process began to drain.
    Drain,
    /// A process of the platform was reached again.
    ProcessUp,
    /// A process of the platform can no longer be reached.
    ProcessDown,
    /// Somebody who does not own a database was seen on it.
    Intruder,
}

/// Something significant that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its kind.
    pub kind: EventKind,
    /// When.
    pub at: SystemTime,
    /// What it happened to: a service, an instance, an endpoint, a release.
    pub subject: String,
    /// One sentence for people.
    pub text: String,
}

/// How much an alarm matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Look at it in working hours.
    Warning,
    /// Somebody has to act now.
    Critical,
}

/// A metric that is outside its normal range now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Stable identity: raising it again changes it, it does not add another.
    pub id: String,
    /// How much it matters.
    pub severity: Severity,
    /// What it is about: an endpoint, a group, an instance.
    pub subject: String,
    /// One sentence for people: what is, and what is normal.
    pub text: String,
    /// Since when.
    pub since: SystemTime,
}
