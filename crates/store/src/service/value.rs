//! Values of any size: out of the engine and into it chunk by chunk, never whole in memory.

use super::quota::Pace;
use super::{Answers, StoreService, answer, fault, read, terms, typed};
use crate::catalogue::SecretHash;
use crate::commit::{Action, Commit, RecordChange, Write};
use crate::item::{self, Item, MAX_VALUE, Value};
use crate::metrics::Call;
use crate::name::{ItemKey, RecordKey};
use crate::owner::Owner;
use crate::typed::Typed;
use bytes::{Bytes, BytesMut};
use std::time::Duration;
use tenet_api::store::v1 as api;
use tenet_collection::{AddressError, Gather};
use tenet_service::Fault;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

/// The longest value: what a chunk's number and one deadline hold with room to spare.
const MAX_WHOLE: u64 = 1 << 40;
/// Chunks that wait to be sent.
const AHEAD: usize = 1;

impl StoreService {
    pub(super) async fn value_out(
        &self,
        caller: SecretHash,
        asked: api::ReadValueRequest,
    ) -> Result<Answers<api::ReadValueResponse>, Status> {
        let (known, id) = self.record(caller, asked.record, "record")?;
        let key = terms::key(asked.key, "key")?;
        let record = RecordKey { collection: known.id, id };
        let wanted = ItemKey { record: record.clone(), key: key.clone() };
        let found = self.owner.metrics().counted(known.id, Call::ReadValue, read::one(self, wanted)).await?;
        let item = found.ok_or_else(|| Status::from(Fault::not_found("There is no such item.")))?;
        if asked.version != 0 && asked.version != item.version.0 {
            return Err(Fault::failed_precondition("The item has another version.")
                .reason("CONDITION_FAILED", fault::DOMAIN)
                .metadata("found", item.version.0.to_string())
                .into());
        }
        if asked.offset > item.value.size() {
            return Err(fault::invalid("offset", format!("the value ends at {}", item.value.size())));
        }
        let (sender, receiver) = mpsc::channel(AHEAD);
        let mut head = answer::item(&key, &item);
        head.value = Vec::new();
        let from = Source { owner: self.owner.clone(), pace: self.pace(&known), record };
        tokio::spawn(send(from, item, head, asked.offset, sender));
        Ok(Box::pin(ReceiverStream::new(receiver)))
    }

    pub(super) async fn value_in(
        &self,
        caller: SecretHash,
        mut pieces: Streaming<api::WriteValueRequest>,
    ) -> Result<api::WriteResponse, Status> {
        let first = pieces.next().await.transpose()?;
        let (start, chunk) = match first {
            Some(api::WriteValueRequest { start: Some(start), chunk }) => (start, chunk),
            _ => return Err(fault::missing("start")),
        };
        let (known, id) = self.record(caller, start.record, "start.record")?;
        let key = terms::key(start.key, "start.key")?;
        if start.size > MAX_WHOLE {
            return Err(fault::invalid("start.size", format!("{} is more than {MAX_WHOLE}", start.size)));
        }
        let token = self.token(start.token.as_ref()).await?;
        let let_in = self.admit_pieces(&known, start.size).await?;
        let conditions = terms::conditions(start.conditions, "start.conditions")?;
        let ttl = terms::ttl(start.ttl.as_ref(), known.declared.ttl, rand::random(), "start.ttl")?;
        let intake = Intake {
            owner: &self.owner,
            pace: self.pace(&known),
            record: RecordKey { collection: known.id, id: id.clone() },
            size: start.size,
            taken: 0,
            blob: rand::random(),
            number: 0,
            rest: BytesMut::new(),
            keys: known.typed.as_ref().map(|typed| typed.schema.gather()),
        };
        let (value, keys) = intake.take(chunk, pieces).await?;
        // The commit is let in for itself.
        drop(let_in);
        let ttl = match (&known.typed, keys) {
            (Some(typed), Some(keys)) => self.looked_at(typed, &keys, (&id, &key)).await?.or(ttl),
            _ => ttl,
        };
        let write = Write { key, action: Action::Put(value), ttl };
        let change = RecordChange { record: id, conditions, writes: vec![write] };
        let commit = Commit::of(known.id, Some(token), vec![change]);
        self.owner
            .metrics()
            .counted(known.id, Call::WriteValue, self.commit(&known, commit, typed::of_value))
            .await
    }
}

impl StoreService {
    /// Whether a long message, of which `keys` is what its keys are made of, belongs where it is written; and how long it stays by its own word.
    async fn looked_at(
        &self,
        typed: &Typed,
        keys: &[u8],
        (record, item): (&Bytes, &Bytes),
    ) -> Result<Option<Duration>, Status> {
        let written = tenet_collection::Address { record: record.to_vec(), item: item.to_vec() };
        crate::typed::check_message(&typed.schema, keys, &written)
            .map_err(|problem| fault::not_of_schema(&problem, "chunk".into()))?;
        let Some(until) = crate::typed::expires(&typed.schema, keys) else { return Ok(None) };
        let now = self.owner.engine().clock().await.map_err(|error| fault::engine(&error))?;
        Ok(Some(now.until(until)))
    }
}

fn no_message(error: &AddressError) -> Status {
    fault::invalid("chunk", error.to_string())
}

/// A value on its way in.
struct Intake<'a> {
    owner: &'a Owner,
    pace: Pace,
    record: RecordKey,
    size: u64,
    taken: u64,
    blob: u64,
    number: u32,
    rest: BytesMut,
    /// Of a message, what its keys are made of.
    keys: Option<Gather>,
}

impl Intake<'_> {
    /// Stages what comes; a value that fits stays in the item. What is staged for a value that never comes whole is swept by upkeep.
    async fn take(
        mut self,
        first: Vec<u8>,
        mut pieces: Streaming<api::WriteValueRequest>,
    ) -> Result<(Value, Option<Vec<u8>>), Status> {
        self.add(first).await?;
        while let Some(piece) = pieces.next().await.transpose()? {
            self.add(piece.chunk).await?;
        }
        if self.taken != self.size {
            return Err(fault::invalid(
                "chunk",
                format!("{} bytes came, {} were announced", self.taken, self.size),
            ));
        }
        if self.number == 0 {
            return Ok((Value::Inline(self.rest.freeze()), None));
        }
        if !self.rest.is_empty() {
            self.stage(self.rest.len()).await?;
        }
        let keys = self.keys.take().map(Gather::finish).transpose().map_err(|error| no_message(&error))?;
        Ok((Value::Chunked { blob: self.blob, size: self.size }, keys))
    }

    async fn add(&mut self, piece: Vec<u8>) -> Result<(), Status> {
        if piece.len() > MAX_VALUE {
            return Err(fault::invalid(
                "chunk",
                format!("it has {} bytes, expected at most {MAX_VALUE}", piece.len()),
            ));
        }
        self.taken += piece.len() as u64;
        if self.taken > self.size {
            return Err(fault::invalid(
                "chunk",
                format!("more than the {} bytes that were announced", self.size),
            ));
        }
        if let Some(keys) = &mut self.keys {
            keys.add(&piece).map_err(|error| no_message(&error))?;
        }
        self.rest.extend_from_slice(&piece);
        while self.rest.len() > MAX_VALUE {
            self.stage(MAX_VALUE).await?;
        }
        Ok(())
    }

    async fn stage(&mut self, length: usize) -> Result<(), Status> {
        let chunk = self.rest.split_to(length).freeze();
        self.pace.spend(length);
        self.pace.wait().await;
        let staged = self.owner.stage(&self.record, (self.blob, self.number), chunk);
        staged.await.map_err(fault::owner)?;
        self.number += 1;
        Ok(())
    }
}

/// Where a value is read from.
struct Source {
    owner: Owner,
    pace: Pace,
    record: RecordKey,
}

/// Sends a value from `offset` on, the item without it first.
async fn send(
    from: Source,
    item: Item,
    head: api::Item,
    offset: u64,
    answers: mpsc::Sender<Result<api::ReadValueResponse, Status>>,
) {
    let mut head = Some(head);
    let mut answer = |chunk: Bytes| Ok(api::ReadValueResponse { item: head.take(), chunk: chunk.to_vec() });
    match &item.value {
        Value::Inline(bytes) => {
            from.pace.spend(bytes.len() - offset as usize);
            drop(answers.send(answer(bytes.slice(offset as usize..))).await);
        }
        Value::Chunked { blob, size } => {
            let chunks = item::chunks(*size);
            let mut skip = (offset % MAX_VALUE as u64) as usize;
            for number in offset / MAX_VALUE as u64..chunks {
                let chunk = match from.owner.chunk(&from.record, (*blob, number as u32)).await {
                    Ok(Some(chunk)) => chunk,
                    // Another value has taken its place meanwhile.
                    Ok(None) => {
                        let gone = Fault::aborted("The value was replaced while it was read; read it anew.");
                        return drop(answers.send(Err(gone.into())).await);
                    }
                    Err(error) => return drop(answers.send(Err(fault::owner(error))).await),
                };
                let first = std::mem::take(&mut skip).min(chunk.len());
                from.pace.spend(chunk.len() - first);
                if answers.send(answer(chunk.slice(first..))).await.is_err() {
                    return;
                }
                tokio::select! {
                    () = from.pace.wait() => {}
                    () = answers.closed() => return,
                }
            }
        }
    }
}
