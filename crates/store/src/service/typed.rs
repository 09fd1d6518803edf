//! Writes to typed collections: looked at by their schema, and made anew where the schema changed meanwhile.

use super::quota::Of;
use super::{StoreService, fault};
use crate::catalogue::Known;
use crate::commit::{Commit, Outcome, Refusal};
use crate::typed;
use std::sync::Arc;
use std::time::Duration;
use tenet_api::store::v1 as api;
use tonic::Status;

/// Times that a write is made anew because the collection has other indexes by now.
const MAX_TURNS: usize = 20;
/// Before it is: the catalogue with them is on its way, and in force at once.
const PAUSE: Duration = Duration::from_millis(50);

/// How a request calls its writes: the place of a change and of the write in it.
pub(super) type Field = fn(usize, usize) -> String;

/// The writes of a Put.
pub(super) fn of_put(_: usize, write: usize) -> String {
    format!("writes[{write}].put")
}

/// The writes of a Mutate.
pub(super) fn of_mutate(change: usize, write: usize) -> String {
    format!("changes[{change}].writes[{write}]")
}

/// The value of a WriteValue.
pub(super) fn of_value(_: usize, _: usize) -> String {
    "chunk".into()
}

impl StoreService {
    /// Carries out a commit of a service, whose writes `field` names.
    pub(super) async fn commit(
        &self,
        known: &Arc<Known>,
        commit: Commit,
        field: Field,
    ) -> Result<api::WriteResponse, Status> {
        match self.outcome(known, commit, field, Of::Service).await? {
            (Outcome::Done { version, replayed }, _) => {
                Ok(api::WriteResponse { version: version.0, replayed })
            }
            (Outcome::Refused(refusal), known) => Err(fault::not_done(refusal, &known)),
        }
    }

    /// Carries out a commit of an operator as if it were one of the collection's service; where nobody keeps the collection any more, as it is.
    pub(crate) async fn bring(&self, commit: Commit) -> Result<Outcome, Status> {
        let known = self.catalogue_kept().numbered(commit.collection).cloned();
        match known {
            Some(known) => {
                self.outcome(&known, commit, of_put, Of::Operator).await.map(|(outcome, _)| outcome)
            }
            None => self.owner.commit(commit).await.map_err(fault::owner),
        }
    }

    /// The same; what became of it, and the collection as it was then.
    pub(super) async fn outcome(
        &self,
        known: &Arc<Known>,
        mut commit: Commit,
        field: Field,
        of: Of,
    ) -> Result<(Outcome, Arc<Known>), Status> {
        let _let_in = match self.admit(known, &commit, of).await {
            Ok(let_in) => let_in,
            Err(over) => return Ok((self.replayed(known, &commit, over).await?, known.clone())),
        };
        let mut known = known.clone();
        for _ in 0..MAX_TURNS {
            commit.typed = known.typed.clone();
            if let Some(of) = &known.typed {
                typed::check(of, &commit.changes).map_err(|(change, write, problem)| {
                    fault::not_of_schema(&problem, field(change, write))
                })?;
            }
            // What may have to be made anew is kept.
            let again = commit.clone();
            match self.owner.commit(commit).await.map_err(fault::owner)? {
                Outcome::Refused(Refusal::Outdated) => commit = again,
                outcome => return Ok((outcome, known)),
            }
            tokio::time::sleep(PAUSE).await;
            self.follow_indexes().await.map_err(|error| fault::engine(&error))?;
            match self.catalogue().numbered(known.id) {
                Some(now) => known = now.clone(),
                None => break,
            }
        }
        Err(fault::outdated())
    }
}
