//! A history: the operations of all clients of one run, in the order of their calls.

use crate::entry::Entry;
use crate::recorder::Recorder;

/// The operations of all clients of one run, sorted by call time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History<O, A> {
    entries: Vec<Entry<O, A>>,
}

impl<O, A> History<O, A> {
    /// Joins what the clients recorded. Their clocks must be one clock.
    pub fn merge(recorders: impl IntoIterator<Item = Recorder<O, A>>) -> History<O, A> {
        recorders.into_iter().flat_map(Recorder::into_entries).collect()
    }

    /// The operations, sorted by call time; an operation's number in accounts is its index here.
    pub fn entries(&self) -> &[Entry<O, A>] {
        &self.entries
    }
}

impl<O, A> FromIterator<Entry<O, A>> for History<O, A> {
    fn from_iter<I: IntoIterator<Item = Entry<O, A>>>(entries: I) -> History<O, A> {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_by_key(|entry| entry.call_ns);
        History { entries }
    }
}
