//! Messages longer than an item holds: the store takes and gives them piece by piece.
//!
//! They are held whole here, as any message is; what does not fit is for a collection of pieces.

use super::collection::Place;
use super::found::Found;
use super::{StoreError, StoreErrorKind, token};
use std::time::Duration;
use tenet_api::store::v1 as api;
use tenet_collection::Address;
use tonic::Code;

/// The longest value that is written as one; what is longer goes in pieces of this length.
pub(super) const MAX_ITEM: usize = 1 << 20;

/// The longest message, for it is held in memory, encoded and decoded at once.
const MAX_MESSAGE: usize = 64 << 20;

/// Times that a value is read from its beginning because another took its place meanwhile.
const MAX_TURNS: usize = 4;

impl Place {
    /// An item with its whole value, which is asked for where the item came without it. `None`: it was removed meanwhile.
    pub(super) async fn whole(
        &self,
        address: &Address,
        mut item: api::Item,
        age: Duration,
    ) -> Result<Option<Found>, StoreError> {
        if item.value.len() as u64 == item.size {
            let bytes = std::mem::take(&mut item.value);
            return Ok(Some(Found::new(&item, bytes, age)));
        }
        for _ in 1..MAX_TURNS {
            match self.read_value(address).await {
                Err(error) if is(&error, Code::Aborted) => {}
                read => return read,
            }
        }
        self.read_value(address).await
    }

    /// The value that is there now, of one version.
    async fn read_value(&self, address: &Address) -> Result<Option<Found>, StoreError> {
        let failed = |status| self.failed_at(status, address);
        let asked = api::ReadValueRequest {
            record: self.record(address.record.clone()),
            key: address.item.clone(),
            offset: 0,
            version: 0,
        };
        let mut pieces = match self.link.client().read_value(self.link.request(asked)).await {
            Ok(pieces) => pieces.into_inner(),
            Err(status) => return gone(failed(status)),
        };
        let (mut head, mut bytes) = (None, Vec::new());
        loop {
            match pieces.message().await {
                Ok(None) => break,
                Ok(Some(piece)) => {
                    head = head.or(piece.item);
                    let size = head.as_ref().map_or(0, |item: &api::Item| item.size);
                    if size > MAX_MESSAGE as u64 || bytes.len() + piece.chunk.len() > MAX_MESSAGE {
                        return Err(self.too_large(address));
                    }
                    bytes.extend(piece.chunk);
                }
                Err(status) => return gone(failed(status)),
            }
        }
        match head {
            Some(item) if item.size == bytes.len() as u64 => {
                Ok(Some(Found::new(&item, bytes, Duration::ZERO)))
            }
            // It ended well and too early.
            _ => Err(self.error(StoreErrorKind::Internal).at(self.schema.show(address))),
        }
    }

    /// Writes a message that no item holds, if the condition holds. It is sent once: nobody can know early enough that it has to be
    /// sent again.
    pub(super) async fn write_value(
        &self,
        address: &Address,
        bytes: Vec<u8>,
        condition: Option<api::condition::Must>,
    ) -> Result<u64, StoreError> {
        if bytes.len() > MAX_MESSAGE {
            return Err(self.too_large(address));
        }
        let condition = condition.map(|must| api::Condition { key: address.item.clone(), must: Some(must) });
        let start = api::WriteValueStart {
            record: self.record(address.record.clone()),
            key: address.item.clone(),
            size: bytes.len() as u64,
            conditions: condition.into_iter().collect(),
            ttl: self.ttl(&bytes),
            token: Some(token::new()),
        };
        let bytes = bytes::Bytes::from(bytes);
        let start = api::WriteValueRequest { start: Some(start), chunk: Vec::new() };
        let piece = move |at: usize| {
            let end = bytes.len().min(at + MAX_ITEM);
            api::WriteValueRequest { start: None, chunk: bytes[at..end].to_vec() }
        };
        // A piece is copied when it is sent, and not before.
        let length = usize::try_from(start.start.as_ref().map_or(0, |start| start.size)).unwrap_or(0);
        let pieces = std::iter::once(start).chain((0..length).step_by(MAX_ITEM).map(piece));
        let request = self.link.request(futures_util::stream::iter(pieces));
        let answer = self.link.client().write_value(request).await;
        Ok(answer.map_err(|status| self.failed_at(status, address))?.into_inner().version)
    }

    fn too_large(&self, address: &Address) -> StoreError {
        let kind = StoreErrorKind::TooLarge { bound: "64 MiB in a message" };
        self.error(kind).at(self.schema.show(address))
    }
}

/// What is not there is nothing that failed. A collection that is not there was found before.
fn gone(error: StoreError) -> Result<Option<Found>, StoreError> {
    if is(&error, Code::NotFound) { Ok(None) } else { Err(error) }
}

fn is(error: &StoreError, code: Code) -> bool {
    error.status().is_some_and(|status| status.code() == code)
}
