//! Group commit: what waits becomes one durable step.

use super::OwnerError;
use crate::commit::{Action, Commit, Outcome};
use crate::engine::{Engine, MAX_BATCH};
use crate::item::Value;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

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
pub(super) async fn run(engine: Arc<dyn Engine>, mut asked: mpsc::Receiver<Asked>, batch_bytes: usize) {
    while let Some(first) = asked.recv().await {
        let mut bytes = weight(&first.commit);
        let (mut commits, mut answers) = (vec![first.commit], vec![first.answer]);
        while commits.len() < MAX_BATCH && bytes < batch_bytes {
            let Ok(next) = asked.try_recv() else { break };
            // Nobody waits any more, and it has not begun.
            if next.answer.is_closed() {
                continue;
            }
            bytes += weight(&next.commit);
            commits.push(next.commit);
            answers.push(next.answer);
        }
        let asked_for = commits.len();
        match engine.commit(commits).await {
            Ok(outcomes) if outcomes.len() == asked_for => {
                answers.into_iter().zip(outcomes).for_each(|(answer, outcome)| drop(answer.send(Ok(outcome))));
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
fn weight(commit: &Commit) -> usize {
    let writes = commit.changes.iter().flat_map(|change| &change.writes);
    let of = |action: &Action| if let Action::Put(Value::Inline(bytes)) = action { bytes.len() } else { 16 };
    writes.map(|write| write.key.len() + of(&write.action)).sum()
}
