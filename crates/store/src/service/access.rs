//! Who calls: the secret in the metadata, and what it opens.

use super::StoreService;
use super::fault;
use crate::catalogue::{Known, SecretHash};
use std::sync::Arc;
use tenet_api::store::v1 as api;
use tenet_service::Fault;
use tonic::{Request, Status};

/// The metadata that says who calls.
pub const SECRET: &str = "tenet-store-secret";

impl StoreService {
    /// The caller and what it asks for. A secret that nobody is known by may be newer than what is known.
    pub(super) async fn split<T>(&self, request: Request<T>) -> Result<(SecretHash, T), Status> {
        let secret = request.metadata().get(SECRET).map(|value| SecretHash::of(value.as_encoded_bytes()));
        let secret = secret.ok_or_else(|| {
            Status::from(Fault::unauthenticated(format!(
                "The metadata {SECRET:?} is missing: it says which service calls."
            )))
        })?;
        if !self.catalogue().knows(secret) {
            self.look_for_strangers().await;
        }
        Ok((secret, request.into_inner()))
    }

    /// The collection that is asked for, if it is the caller's, and its namespace may ask for something now.
    pub(super) fn collection(
        &self,
        caller: SecretHash,
        asked: Option<&api::Collection>,
        field: &str,
    ) -> Result<Arc<Known>, Status> {
        let known = self.named(caller, asked, field)?;
        self.begin(&known)?;
        Ok(known)
    }

    /// The collection that a call names beside the one it is about: it is one call.
    fn named(
        &self,
        caller: SecretHash,
        asked: Option<&api::Collection>,
        field: &str,
    ) -> Result<Arc<Known>, Status> {
        let asked = asked.ok_or_else(|| fault::missing(field))?;
        let found = self.catalogue().collection(caller, &asked.namespace, &asked.name).cloned();
        found.map_err(|refused| fault::refused(refused, &asked.namespace, Some(&asked.name)))
    }

    /// The collection of a record, if it is the caller's, and the record's id.
    pub(super) fn record(
        &self,
        caller: SecretHash,
        asked: Option<api::Record>,
        field: &str,
    ) -> Result<(Arc<Known>, bytes::Bytes), Status> {
        let (known, id) = self.record_beside(caller, asked, field)?;
        self.begin(&known)?;
        Ok((known, id))
    }

    /// A record that a call names beside the one it is about.
    pub(super) fn record_beside(
        &self,
        caller: SecretHash,
        asked: Option<api::Record>,
        field: &str,
    ) -> Result<(Arc<Known>, bytes::Bytes), Status> {
        let asked = asked.ok_or_else(|| fault::missing(field))?;
        let known = self.named(caller, asked.collection.as_ref(), &format!("{field}.collection"))?;
        crate::name::record_id(&asked.id)
            .map_err(|bad| fault::invalid(&format!("{field}.id"), bad.to_string()))?;
        Ok((known, asked.id.into()))
    }
}
