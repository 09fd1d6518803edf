//! Joined reads: equal keys once, others together.

use super::OwnerError;
use super::lane::Waiting;
use crate::engine::Engine;
use crate::item::Item;
use crate::name::ItemKey;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Most keys of one read of the engine.
const MAX_KEYS: usize = 1024;

type Answer = Result<Vec<Option<Item>>, OwnerError>;

/// Keys and who waits for their items.
pub(super) struct Asked {
    keys: Vec<ItemKey>,
    answer: oneshot::Sender<Answer>,
}

/// Keys to be sent to a lane.
pub(super) fn ask(keys: Vec<ItemKey>) -> (Asked, oneshot::Receiver<Answer>) {
    let (answer, receiver) = oneshot::channel();
    (Asked { keys, answer }, receiver)
}

/// Takes what waits, as long as anybody can ask.
pub(super) async fn run(engine: Arc<dyn Engine>, mut asked: Waiting<Asked>) {
    while let Some(first) = asked.next().await {
        let mut step = Step::default();
        step.add(first);
        while step.keys.len() < MAX_KEYS {
            let Some(next) = asked.next_now() else { break };
            step.add(next);
        }
        if step.waiting.is_empty() {
            continue;
        }
        let keys = std::mem::take(&mut step.keys);
        match engine.read(keys).await {
            Ok(items) => step.answer(&items),
            Err(error) => step.fail(&Arc::new(error)),
        }
    }
}

/// What is read at once, and for whom.
#[derive(Default)]
struct Step {
    keys: Vec<ItemKey>,
    places: HashMap<ItemKey, usize>,
    waiting: Vec<(Vec<usize>, oneshot::Sender<Answer>)>,
}

impl Step {
    fn add(&mut self, asked: Asked) {
        if asked.answer.is_closed() {
            return;
        }
        let mut places = Vec::with_capacity(asked.keys.len());
        for key in asked.keys {
            let place = *self.places.entry(key.clone()).or_insert(self.keys.len());
            if place == self.keys.len() {
                self.keys.push(key);
            }
            places.push(place);
        }
        self.waiting.push((places, asked.answer));
    }

    fn answer(self, items: &[Option<Item>]) {
        for (places, answer) in self.waiting {
            let _ = answer
                .send(Ok(places.into_iter().map(|place| items.get(place).cloned().flatten()).collect()));
        }
    }

    fn fail(self, error: &Arc<crate::engine::EngineError>) {
        for (_, answer) in self.waiting {
            let _ = answer.send(Err(OwnerError::Engine(error.clone())));
        }
    }
}
