//! Group commit: what waits becomes one durable step.

use super::OwnerError;
use super::lane::Waiting;
use super::near::{self, NearItems};
use crate::commit::{Action, Commit, Outcome};
use crate::engine::{Engine, MAX_BATCH};
use crate::item::Value;
use std::sync::Arc;
use tokio::sync::oneshot;

type Answer = Result<Outcome, OwnerError>;

/// A commit and who waits for its outcome.
pub(super) struct Asked {
    commit: Commit,
    answer: oneshot::Sender<Answer>,
}

/// A commit to be sent to a lane.
pub(super) fn ask(commit: Commit) -> (Asked, oneshot::Receiver<Answer>) {
    let (answer, receiver) = oneshot::channel();
    (Asked { commit, answer }, receiver)
}

/// Takes what waits, as long as anybody can ask.
pub(super) async fn run(
    engine: Arc<dyn Engine>,
    near: Option<Arc<NearItems>>,
    mut asked: Waiting<Asked>,
    batch_bytes: usize,
) {
    while let Some(first) = asked.next().await {
        let (mut commits, mut answers, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut next = Some(first);
        while let Some(asked_now) = next {
            // Where nobody waits any more, it has not begun, and does not.
            if !asked_now.answer.is_closed() {
                bytes += weight(&asked_now.commit);
                commits.push(asked_now.commit);
                answers.push(asked_now.answer);
            }
            let room = commits.len() < MAX_BATCH && bytes < batch_bytes;
            next = if room { asked.next_now() } else { None };
        }
        if commits.is_empty() {
            continue;
        }
        let asked_for = commits.len();
        // From before the first of it can be seen until all of it is durable.
        let writing = near.as_deref().map(|near| near::begin_write(near, &commits));
        let done = engine.commit(commits).await;
        drop(writing);
        match done {
            Ok(outcomes) if outcomes.len() == asked_for => {
                answers
                    .into_iter()
                    .zip(outcomes)
                    .for_each(|(answer, outcome)| drop(answer.send(Ok(outcome))));
            }
            Ok(outcomes) => {
                let what = format!("{} outcomes for {asked_for} commits", outcomes.len());
                fail(answers, &Arc::new(crate::engine::EngineError::Broken(what)));
            }
            Err(error) => fail(answers, &Arc::new(error)),
        }
    }
}

fn fail(answers: Vec<oneshot::Sender<Answer>>, error: &Arc<crate::engine::EngineError>) {
    for answer in answers {
        let _ = answer.send(Err(OwnerError::Engine(error.clone())));
    }
}

/// Bytes of keys and values.
pub(super) fn weight(commit: &Commit) -> usize {
    let writes = commit.changes.iter().flat_map(|change| &change.writes);
    let of = |action: &Action| if let Action::Put(Value::Inline(bytes)) = action { bytes.len() } else { 16 };
    writes.map(|write| write.key.len() + of(&write.action)).sum()
}
