//! What a call takes of its namespace's quota: asked before the engine is, spent by what is read and written.

use super::{StoreService, fault};
use crate::catalogue::Known;
use crate::commit::{Action, Commit, Condition, Must, Outcome, RecordChange};
use crate::item::{Value, Version};
use crate::quota::{Amount, As, LetIn, Over, Quota, Quotas};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;
use tonic::Status;

impl StoreService {
    /// A call of a namespace begins.
    pub(super) fn begin(&self, known: &Known) -> Result<(), Status> {
        known.quota.begin(self.quotas().now()).map_err(|over| refused(over, known))
    }

    /// One more of a call that was let in.
    pub(super) fn also(&self, known: &Known) {
        known.quota.also(self.quotas().now());
    }

    /// So many bytes of keys and values were read.
    pub(super) fn spend(&self, known: &Known, bytes: usize) {
        known.quota.spend(bytes as u64, self.quotas().now());
    }

    /// Lets a commit into its namespace, if it fits; it is under way until what is returned is dropped. What only removes fits.
    pub(super) async fn admit(&self, known: &Known, commit: &Commit, of: Of) -> Result<Option<LetIn>, Over> {
        let (moved, more) = amount(commit);
        if of == Of::Service {
            known.quota.spend(moved, self.quotas().now());
        }
        if more.items == 0 {
            return Ok(None);
        }
        self.let_in(known, more, As::Write).await
    }

    /// Lets in the pieces of a long value, before the first of them is taken: they are there until what is returned is dropped.
    pub(super) async fn admit_pieces(&self, known: &Known, bytes: u64) -> Result<Option<LetIn>, Status> {
        let let_in = self.let_in(known, Amount { bytes, items: 1 }, As::Pieces).await;
        let_in.map_err(|over| refused(over, known))
    }

    async fn let_in(&self, known: &Known, more: Amount, what: As) -> Result<Option<LetIn>, Over> {
        let collections = || self.catalogue().in_namespace(known.quota.name());
        let engine = self.owner.engine().as_ref();
        self.quotas().let_in(engine, &known.quota, collections, (more, what)).await
    }

    /// The first answer to a commit that is sent again: a quota that was reached meanwhile does not take it back.
    ///
    /// # Errors
    /// The commit is new, and refused.
    pub(super) async fn replayed(
        &self,
        known: &Known,
        commit: &Commit,
        over: Over,
    ) -> Result<Outcome, Status> {
        let again = self.answered_before(commit).await;
        again.ok_or_else(|| refused(over, known))
    }

    async fn answered_before(&self, commit: &Commit) -> Option<Outcome> {
        let first = commit.changes.first()?;
        // No item has this version: only a token that is known is answered otherwise than by a refusal.
        let key = first.writes.first().map(|write| write.key.clone()).unwrap_or_default();
        let never = Condition { key, must: Must::Be(Version(u64::MAX)) };
        let change =
            RecordChange { record: first.record.clone(), conditions: vec![never], writes: Vec::new() };
        let asked = Commit { fence: None, changes: vec![change], ..commit.clone() };
        let outcome = self.owner.commit(asked).await.ok()?;
        matches!(outcome, Outcome::Done { .. }).then_some(outcome)
    }

    /// How fast a stream of this collection may go.
    pub(super) fn pace(&self, known: &Known) -> Pace {
        Pace { quotas: self.quotas().clone(), quota: known.quota.clone() }
    }
}

/// Whose commit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// Of the service that keeps the collection.
    Service,
    /// Of an operator. Nobody holds it back, so it is not to be paid for by the service's calls; it takes room all the same.
    Operator,
}

/// Counts a call that is refused, and says why.
pub(super) fn refused(over: Over, known: &Known) -> Status {
    known.quota.count(&over);
    fault::over(over, known)
}

/// Bytes that a commit brings, without the pieces that came before it, and what is there afterwards that was not, where nothing is overwritten.
fn amount(commit: &Commit) -> (u64, Amount) {
    let (mut moved, mut more) = (0, Amount::default());
    for change in &commit.changes {
        for write in &change.writes {
            let keys = (change.record.len() + write.key.len()) as u64;
            let value = match &write.action {
                Action::Put(value) => Some(value.size()),
                Action::Add(_) => Some(8),
                Action::Delete | Action::Index(_) => None,
            };
            let staged = matches!(&write.action, Action::Put(Value::Chunked { .. }));
            moved += keys + value.filter(|_| !staged).unwrap_or(0);
            if let Some(value) = value {
                more.bytes += keys + value;
                more.items += 1;
            }
        }
    }
    (moved, more)
}

/// What a stream moves counts, and the stream waits for as long as its namespace owes: others of the same namespace wait with it, all others do not.
#[derive(Clone)]
pub(super) struct Pace {
    quotas: Arc<Quotas>,
    quota: Arc<Quota>,
}

impl Pace {
    /// So many bytes were moved.
    pub(super) fn spend(&self, bytes: usize) {
        self.quota.spend(bytes as u64, self.quotas.now());
    }

    /// Waits until nothing is owed: at most as long as the bytes of all that was under way take at the rate of the namespace.
    pub(super) async fn wait(&self) {
        loop {
            let owed = self.owed();
            if owed.is_zero() {
                return;
            }
            sleep(owed).await;
        }
    }

    fn owed(&self) -> Duration {
        self.quota.owed(self.quotas.now())
    }
}
