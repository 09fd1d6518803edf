//! What the store says of itself and of a service's collections.

use super::{Store, StoreError};
use tenet_api::store::v1 as api;

/// What the store says of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// What keeps the data, as `postgres`.
    pub engine: String,
    /// The collections, in the order of their names.
    pub collections: Vec<CollectionSize>,
}

/// How much a collection holds, and what the engine gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionSize {
    /// Its name in the namespace.
    pub name: String,
    /// Records, items and bytes of keys and values; a count may be an estimate of the engine.
    pub records: u64,
    /// See `records`.
    pub items: u64,
    /// See `records`.
    pub bytes: u64,
    /// What is guaranteed, and how much of it: `("linearizable", "per record")`.
    pub guarantees: Vec<(String, String)>,
}

impl Store {
    /// What the store has of this service.
    ///
    /// # Errors
    /// The store did not answer, or refuses the service.
    pub async fn describe(&self) -> Result<Description, StoreError> {
        let asked = api::DescribeRequest { namespace: self.namespace.to_string() };
        let answer = self.link.client().describe(self.link.request(asked)).await;
        let answer = answer.map_err(|status| StoreError::of(status, &self.namespace))?.into_inner();
        let collection = |found: api::CollectionDescription| CollectionSize {
            name: found.name,
            records: found.records,
            items: found.items,
            bytes: found.bytes,
            guarantees: found.guarantees.into_iter().map(|one| (one.name, one.given)).collect(),
        };
        let collections = answer.collections.into_iter().map(collection).collect();
        Ok(Description { engine: answer.engine, collections })
    }
}
