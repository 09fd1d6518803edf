//! Watch: what changes in a collection, from a token on.

use super::quota::Pace;
use super::{Answers, StoreService, answer, fault};
use crate::catalogue::SecretHash;
use crate::decide::Change;
use crate::engine::{Cursor, EngineError};
use crate::item::{Item, UnixMs, Value};
use crate::name::CollectionId;
use crate::owner::OwnerError;
use bytes::Bytes;
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use tenet_api::store::v1 as api;
use tenet_service::Fault;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

/// Changes in one answer.
const MAX_CHANGES: usize = 500;
/// A longer value is left out: whoever wants it reads it.
const MAX_CHANGED_VALUE: usize = 64 << 10;
/// How often the log is looked at while nothing changes through this process. What does, wakes at once.
const PAUSE: Duration = Duration::from_millis(200);
/// A token is told at least so often, so that whoever comes back with it does not come with one that is too old.
const TOKEN_PAUSE: Duration = Duration::from_secs(10);
/// Answers that wait to be sent.
const AHEAD: usize = 1;

/// Where a watch goes on.
#[derive(Clone, PartialEq, Message)]
struct Token {
    #[prost(uint32, tag = "1")]
    collection: u32,
    #[prost(uint64, tag = "2")]
    after: u64,
}

/// The token of a point of the log.
pub(super) fn token(collection: CollectionId, after: Cursor) -> Vec<u8> {
    Token { collection: collection.0, after: after.0 }.encode_to_vec()
}

impl StoreService {
    pub(super) async fn changes(
        &self,
        caller: SecretHash,
        asked: api::WatchRequest,
    ) -> Result<Answers<api::WatchResponse>, Status> {
        let known = self.collection(caller, asked.collection.as_ref(), "collection")?;
        if known.declared.retention.is_zero() {
            let what = format!("{} keeps no changes: its retention is not declared", known.name);
            return Err(fault::invalid("collection", what));
        }
        let from = if asked.token.is_empty() {
            self.owner.engine().end_of_changes(known.id).await.map_err(|error| fault::engine(&error))?
        } else {
            let token = Token::decode(&asked.token[..]).ok().filter(|token| token.collection == known.id.0);
            Cursor(
                token
                    .ok_or_else(|| fault::invalid("token", "it is no token of this collection".into()))?
                    .after,
            )
        };
        // Too old is said at once and not in the middle of a stream.
        self.owner.changes(known.id, from, 1).await.map_err(fault::owner)?;
        let (sender, receiver) = mpsc::channel(AHEAD);
        let record = (!asked.record_id.is_empty()).then(|| Bytes::from(asked.record_id));
        let run = Run {
            service: self.clone(),
            ending: self.ending(),
            pace: self.pace(&known),
            collection: known.id,
            record,
            from,
        };
        tokio::spawn(run.send(sender));
        Ok(Box::pin(ReceiverStream::new(receiver)))
    }
}

struct Run {
    service: StoreService,
    ending: watch::Receiver<bool>,
    pace: Pace,
    collection: CollectionId,
    record: Option<Bytes>,
    from: Cursor,
}

impl Run {
    async fn send(mut self, answers: mpsc::Sender<Result<api::WatchResponse, Status>>) {
        let owner = self.service.owner.clone();
        let _open = owner.metrics().watch(self.collection);
        let written: Arc<tokio::sync::Notify> = owner.written();
        let mut told = tokio::time::Instant::now();
        // The token first: whoever is cut off before the first change knows where it began.
        if answers.send(Ok(self.answer(Vec::new()))).await.is_err() {
            return;
        }
        loop {
            if *self.ending.borrow() {
                let ending =
                    Fault::unavailable("This instance of the store is ending; go on from the last token.");
                return drop(answers.send(Err(ending.into())).await);
            }
            if !self.is_served() {
                return drop(answers.send(Err(fault::not_served())).await);
            }
            let wakes = written.notified();
            let found = owner.changes(self.collection, self.from, MAX_CHANGES).await;
            let found = match found {
                Ok(found) => found,
                // It is away for a while, or many follow; the watch goes on where it was.
                Err(error) if may_pass(&error) => {
                    if answers.is_closed() {
                        return;
                    }
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
                Err(error) => return drop(answers.send(Err(fault::owner(error))).await),
            };
            let more = found.changes.len() == MAX_CHANGES;
            self.from = found.next;
            let wanted =
                |change: &&Change| self.record.as_ref().is_none_or(|record| *record == change.item.record.id);
            let changes: Vec<_> = found.changes.iter().filter(wanted).map(change).collect();
            self.pace.spend(changes.iter().map(bytes).sum());
            if !changes.is_empty() || told.elapsed() >= TOKEN_PAUSE {
                told = tokio::time::Instant::now();
                if answers.send(Ok(self.answer(changes))).await.is_err() {
                    return;
                }
            }
            tokio::select! {
                () = self.pace.wait() => {}
                () = answers.closed() => return,
                _ = self.ending.wait_for(|ending| *ending) => {}
            }
            if !more {
                tokio::select! {
                    () = wakes => {}
                    () = tokio::time::sleep(PAUSE) => {}
                    () = answers.closed() => return,
                    _ = self.ending.wait_for(|ending| *ending) => {}
                }
            }
        }
    }

    /// Whether the collection is in the release that serves, and keeps changes.
    fn is_served(&self) -> bool {
        let catalogue = self.service.catalogue();
        catalogue.numbered(self.collection).is_some_and(|known| !known.declared.retention.is_zero())
    }

    fn answer(&self, changes: Vec<api::Change>) -> api::WatchResponse {
        api::WatchResponse { changes, token: token(self.collection, self.from) }
    }
}

/// Whether the log can be followed again by and by.
fn may_pass(error: &OwnerError) -> bool {
    match error {
        OwnerError::Engine(error) => matches!(**error, EngineError::Unavailable(_)),
        OwnerError::Full { .. } | OwnerError::Crowded { .. } => true,
        OwnerError::Ending => false,
    }
}

/// Bytes of keys and value that are told.
fn bytes(told: &api::Change) -> usize {
    let item = told.item.as_ref().map_or(0, |item| item.key.len() + item.value.len());
    told.record_id.len() + item
}

fn change(change: &Change) -> api::Change {
    let item = match &change.now {
        Some(item) if item.value.size() > MAX_CHANGED_VALUE as u64 => {
            let mut said = answer::item(&change.item.key, item);
            said.value = Vec::new();
            said
        }
        Some(item) => answer::item(&change.item.key, item),
        None => {
            let gone = Item {
                value: Value::Inline(Bytes::new()),
                version: change.version,
                updated: UnixMs::default(),
                expires: None,
            };
            api::Item { update_time: None, ..answer::item(&change.item.key, &gone) }
        }
    };
    api::Change { record_id: change.item.record.id.to_vec(), item: Some(item), deleted: change.now.is_none() }
}
