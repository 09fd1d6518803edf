//! What a client writes down while it runs: owned by that client alone, so that recording takes no lock.

use crate::entry::{Entry, Outcome};

/// Records the operations of one client. It belongs to the client's thread or task; [`crate::History::merge`] joins them.
#[derive(Debug)]
pub struct Recorder<O, A> {
    client: u32,
    /// `None` where the operation is known never to have happened.
    entries: Vec<Option<Entry<O, A>>>,
}

/// A call whose answer has not come. Dropping it leaves the outcome unknown, which is what a client that dies does.
#[derive(Debug)]
pub struct OpenCall {
    index: usize,
}

impl<O, A> Recorder<O, A> {
    /// A recorder for the client of this number, which should be unique in the run.
    pub fn new(client: u32) -> Recorder<O, A> {
        Recorder { client, entries: Vec::new() }
    }

    /// Notes a call at `now_ns`, read *before* anything is sent.
    pub fn call(&mut self, now_ns: u64, operation: O) -> OpenCall {
        let entry = Entry { client: self.client, call_ns: now_ns, operation, outcome: Outcome::Unknown };
        self.entries.push(Some(entry));
        OpenCall { index: self.entries.len() - 1 }
    }

    /// Notes the answer to `call` at `now_ns`, read *after* it arrived. A time before the call counts as the call's own:
    /// the clock must be monotone, and a span that ends before it begins would allow no order at all.
    #[allow(clippy::needless_pass_by_value)] // An answer closes its call: taken, it cannot be answered twice.
    pub fn answer(&mut self, call: OpenCall, now_ns: u64, answer: A) {
        if let Some(Some(entry)) = self.entries.get_mut(call.index) {
            entry.outcome = Outcome::Answered { return_ns: now_ns.max(entry.call_ns), answer };
        }
    }

    /// Takes `call` out of the history: it surely never happened (no connection was made, it was never sent).
    #[allow(clippy::needless_pass_by_value)] // As above.
    pub fn never_happened(&mut self, call: OpenCall) {
        if let Some(entry) = self.entries.get_mut(call.index) {
            *entry = None;
        }
    }

    /// What was recorded, in the order of calls.
    pub(crate) fn into_entries(self) -> impl Iterator<Item = Entry<O, A>> {
        self.entries.into_iter().flatten()
    }
}
