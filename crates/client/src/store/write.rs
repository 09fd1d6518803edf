//! Writing one message: whatever was there, or only on a condition.

use super::collection::Place;
use super::large::MAX_ITEM;
use super::{Collection, IntoKey, StoreError, token};
use tenet_api::store::v1 as api;
use tenet_api::store::v1::condition::Must;
use tenet_api::store::v1::write::Change;
use tenet_collection::Address;

impl<T: prost::Message> Collection<T> {
    /// Writes a message under its key, whatever was there; its new version. What is written is what the program knows of the message:
    /// [`update`](Self::update) also keeps what a newer version of it has written.
    ///
    /// # Errors
    /// A key that is too long, or the store did not do it, or it is not known whether it did.
    pub async fn put(&self, value: &T) -> Result<u64, StoreError> {
        let (address, bytes) = self.at.encode(value)?;
        if bytes.len() > MAX_ITEM {
            return self.at.write_value(&address, bytes, None).await;
        }
        let asked = api::PutRequest {
            record: self.at.record(address.record.clone()),
            writes: vec![self.at.put_of(&address, bytes)],
            token: Some(token::new()),
        };
        let answer = self.at.link.client().put(self.at.link.request(asked)).await;
        Ok(answer.map_err(|status| self.at.failed_at(status, &address))?.into_inner().version)
    }

    /// Writes a message if there is none with its key; its version.
    ///
    /// # Errors
    /// As of [`put`](Self::put), and [`Conflict`](super::StoreErrorKind::Conflict) where there is one.
    pub async fn insert(&self, value: &T) -> Result<u64, StoreError> {
        let (address, bytes) = self.at.encode(value)?;
        let inserted = self.at.write(&address, bytes.clone(), Must::Absent(true)).await;
        let Err(error) = inserted else { return inserted };
        if !error.is_conflict() || self.at.schema.expire_field.is_none() {
            return Err(error);
        }
        // The one there is may say itself that it is gone, and only wait for the store to remove it.
        match self.at.find(&address, None).await? {
            None => self.at.write(&address, bytes, Must::Absent(true)).await,
            Some(found) if self.at.is_over(&found.bytes) => {
                self.at.write(&address, bytes, Must::Version(found.version)).await
            }
            Some(_) => Err(error),
        }
    }

    /// Writes a message if the one with its key has this version; its new version. As with [`put`](Self::put), what this program does
    /// not know of the one there was is gone.
    ///
    /// # Errors
    /// As of [`put`](Self::put), and [`Conflict`](super::StoreErrorKind::Conflict) where it has another version, or there is none.
    pub async fn replace(&self, value: &T, version: u64) -> Result<u64, StoreError> {
        let (address, bytes) = self.at.encode(value)?;
        self.at.write(&address, bytes, Must::Version(version)).await
    }

    /// Removes the message with this key. One that is not there counts as removed.
    ///
    /// # Errors
    /// A key that is none of this collection, or the store did not do it, or it is not known whether it did.
    pub async fn delete(&self, key: impl IntoKey) -> Result<(), StoreError> {
        let address = self.at.address(&key.into_key())?;
        self.at.delete(&address, vec![address.item.clone()]).await
    }

    /// Removes the message with this key if it has this version.
    ///
    /// # Errors
    /// As of [`delete`](Self::delete), and [`Conflict`](super::StoreErrorKind::Conflict) where it has another version, or there is none.
    pub async fn delete_version(&self, key: impl IntoKey, version: u64) -> Result<(), StoreError> {
        let address = self.at.address(&key.into_key())?;
        let write = api::Write { key: address.item.clone(), change: Some(Change::Delete(true)), ttl: None };
        self.at.write_if(&address, write, Must::Version(version)).await.map(drop)
    }

    /// Removes all messages of a record, at most 10 000, at once.
    ///
    /// # Errors
    /// As of [`delete`](Self::delete); [`Invalid`](super::StoreErrorKind::Invalid) where there are more.
    pub async fn delete_record(&self, key: impl IntoKey) -> Result<(), StoreError> {
        let record = self.at.record_id(&key.into_key())?;
        self.at.delete(&Address { record, item: Vec::new() }, Vec::new()).await
    }
}

impl Place {
    /// A message as a write of its item.
    pub(super) fn put_of(&self, address: &Address, bytes: Vec<u8>) -> api::Write {
        let ttl = self.ttl(&bytes);
        api::Write { key: address.item.clone(), change: Some(Change::Put(bytes)), ttl }
    }

    /// Writes a message of any length on a condition.
    pub(super) async fn write(
        &self,
        address: &Address,
        bytes: Vec<u8>,
        must: Must,
    ) -> Result<u64, StoreError> {
        if bytes.len() > MAX_ITEM {
            return self.write_value(address, bytes, Some(must)).await;
        }
        let write = self.put_of(address, bytes);
        self.write_if(address, write, must).await
    }

    /// Changes one item on a condition on it.
    pub(super) async fn write_if(
        &self,
        address: &Address,
        write: api::Write,
        must: Must,
    ) -> Result<u64, StoreError> {
        let condition = api::Condition { key: address.item.clone(), must: Some(must) };
        let change = api::RecordChange {
            record_id: address.record.clone(),
            conditions: vec![condition],
            writes: vec![write],
        };
        let asked = self.mutate_request(vec![change], None);
        let answer = self.link.client().mutate(self.link.request(asked)).await;
        Ok(answer.map_err(|status| self.failed_at(status, address))?.into_inner().version)
    }

    pub(super) fn mutate_request(
        &self,
        changes: Vec<api::RecordChange>,
        fence: Option<api::Fence>,
    ) -> api::MutateRequest {
        let route = changes.first().map(|change| change.record_id.clone()).unwrap_or_default();
        api::MutateRequest {
            collection: Some(self.wire.clone()),
            changes,
            token: Some(token::new()),
            fence,
            route,
        }
    }

    /// Removes items of a record; all of them where none is named.
    async fn delete(&self, address: &Address, keys: Vec<Vec<u8>>) -> Result<(), StoreError> {
        let asked = api::DeleteRequest {
            record: self.record(address.record.clone()),
            keys,
            range: None,
            token: Some(token::new()),
        };
        let answer = self.link.client().delete(self.link.request(asked)).await;
        answer.map(drop).map_err(|status| self.failed_at(status, address))
    }
}
