//! A collection: where it is, what its schema is, and how fresh its answers must be.

use super::found::Found;
use super::link::Link;
use super::{Kept, Key, StoreError, StoreErrorKind, schema, time};
use prost_reflect::MessageDescriptor;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tenet_api::store::v1 as api;
use tenet_collection::{Address, Schema};
use tonic::Status;

/// A collection of messages of the type `T`. Clones are the same collection.
pub struct Collection<T> {
    pub(super) at: Arc<Place>,
    /// How old an answer may be. `None`: strict.
    pub(super) max_age: Option<Duration>,
    pub(super) of: PhantomData<fn() -> T>,
}

/// Where a collection is, and what of.
pub(super) struct Place {
    pub(super) link: Link,
    pub(super) wire: api::Collection,
    pub(super) schema: Schema,
    pub(super) message: MessageDescriptor,
    /// `accounts/stored-user`, for errors.
    pub(super) name: String,
}

impl<T> Clone for Collection<T> {
    fn clone(&self) -> Collection<T> {
        Collection { at: self.at.clone(), max_age: self.max_age, of: PhantomData }
    }
}

impl<T> std::fmt::Debug for Collection<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Collection").field(&self.at.name).finish()
    }
}

impl<T> Collection<T> {
    pub(super) fn new(
        link: Link,
        namespace: &str,
        message: MessageDescriptor,
        schema: Schema,
    ) -> Collection<T> {
        let wire = api::Collection { namespace: namespace.to_owned(), name: schema.name.clone() };
        let name = format!("{namespace}/{}", schema.name);
        let max_age = schema.cached;
        let at = Arc::new(Place { link, wire, schema, message, name });
        Collection { at, max_age, of: PhantomData }
    }

    /// The same collection, whose reads see every write that was acknowledged before them, whatever the schema says.
    #[must_use]
    pub fn strict(&self) -> Collection<T> {
        Collection { max_age: None, ..self.clone() }
    }

    /// The same collection, whose reads may be as old as this, and say how old they are.
    #[must_use]
    pub fn cached(&self, max_age: Duration) -> Collection<T> {
        Collection { max_age: Some(max_age), ..self.clone() }
    }

    /// The schema that its messages are kept by.
    pub fn schema(&self) -> &Schema {
        &self.at.schema
    }
}

impl Place {
    /// The address that a key is.
    pub(super) fn address(&self, key: &Key) -> Result<Address, StoreError> {
        schema::address(&self.schema, key).map_err(|problem| self.error(StoreErrorKind::Key { problem }))
    }

    /// The record that a key names.
    pub(super) fn record_id(&self, key: &Key) -> Result<Vec<u8>, StoreError> {
        schema::record(&self.schema, key).map_err(|problem| self.error(StoreErrorKind::Key { problem }))
    }

    /// A message as it is sent, and where it belongs.
    pub(super) fn encode(&self, value: &impl prost::Message) -> Result<(Address, Vec<u8>), StoreError> {
        let bytes = value.encode_to_vec();
        let address = self
            .schema
            .address(&bytes)
            .map_err(|problem| self.error(StoreErrorKind::Value { problem: problem.to_string() }))?;
        Ok((address, bytes))
    }

    /// The message of an item; `None` where it says itself that it is gone.
    pub(super) fn decode<T: prost::Message + Default>(
        &self,
        address: &Address,
        found: &Found,
    ) -> Result<Option<Kept<T>>, StoreError> {
        if self.is_over(&found.bytes) {
            return Ok(None);
        }
        found
            .decode()
            .map(Some)
            .map_err(|_| self.error(StoreErrorKind::Damaged).at(self.schema.show(address)))
    }

    /// Whether a message says itself that it is gone, whether or not the store has removed it yet.
    pub(super) fn is_over(&self, bytes: &[u8]) -> bool {
        let expires = self.schema.expires(bytes);
        expires.is_some_and(|(seconds, nanos)| time::until(seconds, nanos, SystemTime::now()).is_none())
    }

    /// For how long the store keeps a message that says itself how long; what is over already goes as soon as anything can.
    pub(super) fn ttl(&self, bytes: &[u8]) -> Option<prost_types::Duration> {
        /// The shortest time to stay that there is.
        const SHORTEST: Duration = Duration::from_millis(1);
        let (seconds, nanos) = self.schema.expires(bytes)?;
        let left = time::until(seconds, nanos, SystemTime::now()).unwrap_or(SHORTEST);
        Some(time::duration(left.max(SHORTEST)))
    }

    pub(super) fn record(&self, id: Vec<u8>) -> Option<api::Record> {
        Some(api::Record { collection: Some(self.wire.clone()), id })
    }

    pub(super) fn error(&self, kind: StoreErrorKind) -> StoreError {
        StoreError::new(kind, &self.name)
    }

    /// A call about the collection that failed.
    pub(super) fn failed(&self, status: Status) -> StoreError {
        StoreError::of(status, &self.name)
    }

    /// A call about a record or an item that failed.
    pub(super) fn failed_at(&self, status: Status, address: &Address) -> StoreError {
        self.failed(status).at(self.schema.show(address))
    }
}
