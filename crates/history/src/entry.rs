//! One operation of a history: who called what, when, and what came of it.

/// One operation as its client saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<O, A> {
    /// The client that called.
    pub client: u32,
    /// When it called, in nanoseconds of the run's clock.
    pub call_ns: u64,
    /// What it asked for.
    pub operation: O,
    /// What it learned.
    pub outcome: Outcome<A>,
}

/// What a client learned of its operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<A> {
    /// An answer came.
    Answered {
        /// When, in nanoseconds of the run's clock; never before the call.
        return_ns: u64,
        /// The answer.
        answer: A,
    },
    /// The client died, or got an error that leaves it open: the operation took effect at any time after its call, or never.
    Unknown,
}

impl<O, A> Entry<O, A> {
    /// When the answer came; none while the outcome is unknown.
    pub fn return_ns(&self) -> Option<u64> {
        match self.outcome {
            Outcome::Answered { return_ns, .. } => Some(return_ns),
            Outcome::Unknown => None,
        }
    }

    /// The answer; none while the outcome is unknown.
    pub fn answer(&self) -> Option<&A> {
        match &self.outcome {
            Outcome::Answered { answer, .. } => Some(answer),
            Outcome::Unknown => None,
        }
    }

    /// Whether what came of it was never learned.
    pub fn is_unknown(&self) -> bool {
        matches!(self.outcome, Outcome::Unknown)
    }
}

/// An entry with its place in the history, kept while entries are left out and drawn together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbered<E> {
    /// Index in [`crate::History::entries`].
    pub number: usize,
    /// The entry.
    pub entry: E,
}
