//! Put, Delete and Mutate: a commit each.

use super::terms::{self, MAX_ITEMS, MAX_RECORDS};
use super::{StoreService, fault, quota, read, typed};
use crate::catalogue::{Known, SecretHash};
use crate::commit::{Action, Commit, Condition, Fence, Must, Outcome, RecordChange, Token, Write};
use crate::item::Version;
use crate::metrics::Call;
use crate::name::RecordKey;
use bytes::Bytes;
use std::collections::HashSet;
use std::sync::Arc;
use tenet_api::store::v1 as api;
use tonic::Status;

/// Most items that one Delete of a range removes.
const MAX_RANGE: usize = 10_000;
/// Times that a Delete of a range is tried anew because somebody else changed what it is about.
const MAX_TURNS: usize = 8;

impl StoreService {
    pub(super) async fn write_put(
        &self,
        caller: SecretHash,
        asked: api::PutRequest,
    ) -> Result<api::WriteResponse, Status> {
        let (known, id) = self.record(caller, asked.record, "record")?;
        terms::count(asked.writes.len(), 1, MAX_ITEMS, "writes")?;
        let token = self.token(asked.token.as_ref()).await?;
        let writes = terms::writes(asked.writes, known.declared.ttl, rand::random, "writes")?;
        if let Some(place) = writes.iter().position(|write| write.action == Action::Delete) {
            return Err(fault::invalid(
                &format!("writes[{place}]"),
                "a Put removes nothing; Delete and Mutate do".into(),
            ));
        }
        let change = RecordChange { record: id, conditions: Vec::new(), writes };
        let commit = Commit::of(known.id, Some(token), vec![change]);
        self.owner.metrics().counted(known.id, Call::Put, self.commit(&known, commit, typed::of_put)).await
    }

    pub(super) async fn write_delete(
        &self,
        caller: SecretHash,
        asked: api::DeleteRequest,
    ) -> Result<api::WriteResponse, Status> {
        let (known, id) = self.record(caller, asked.record, "record")?;
        let record = RecordKey { collection: known.id, id };
        let token = self.token(asked.token.as_ref()).await?;
        if asked.keys.is_empty() {
            let removed = self.delete_range(&known, record, asked.range.unwrap_or_default(), token);
            return self.owner.metrics().counted(known.id, Call::Delete, removed).await;
        }
        terms::count(asked.keys.len(), 1, MAX_ITEMS, "keys")?;
        let key = |(index, key)| terms::key(key, &format!("keys[{index}]"));
        let keys: HashSet<Bytes> =
            asked.keys.into_iter().enumerate().map(key).collect::<Result<_, Status>>()?;
        let writes = keys.into_iter().map(|key| Write { key, action: Action::Delete, ttl: None }).collect();
        let change = RecordChange { record: record.id, conditions: Vec::new(), writes };
        let commit = Commit::of(known.id, Some(token), vec![change]);
        self.owner.metrics().counted(known.id, Call::Delete, self.commit(&known, commit, typed::of_put)).await
    }

    /// Removes what is in a range, as it is at one moment: what was read is removed if none of it has changed since.
    async fn delete_range(
        &self,
        known: &Arc<Known>,
        record: RecordKey,
        range: api::KeyRange,
        token: Token,
    ) -> Result<api::WriteResponse, Status> {
        let (start, end): (Bytes, Bytes) = (range.start.into(), range.end.into());
        for _ in 0..MAX_TURNS {
            let scan = crate::engine::Scan {
                items: MAX_RANGE,
                bytes: usize::MAX,
                ..read::range_of_record(&record, start.clone(), end.clone())
            };
            let page = self.owner.scan(scan).await.map_err(fault::owner)?;
            if page.more {
                return Err(tenet_service::Fault::failed_precondition(format!(
                    "The range holds more than {MAX_RANGE} items; nothing was removed."
                ))
                .reason("RANGE_TOO_LARGE", fault::DOMAIN)
                .into());
            }
            let conditions = page
                .items
                .iter()
                .map(|(key, item)| Condition { key: key.key.clone(), must: Must::Be(item.version) });
            let writes = page.items.iter().map(|(key, _)| Write {
                key: key.key.clone(),
                action: Action::Delete,
                ttl: None,
            });
            let change = RecordChange {
                record: record.id.clone(),
                conditions: conditions.collect(),
                writes: writes.collect(),
            };
            let commit = Commit::of(record.collection, Some(token), vec![change]);
            match self.outcome(known, commit, typed::of_put, quota::Of::Service).await?.0 {
                Outcome::Done { version, replayed } => {
                    return Ok(api::WriteResponse { version: version.0, replayed });
                }
                Outcome::Refused(_) => {}
            }
        }
        Err(tenet_service::Fault::aborted("Others went on changing the range; nothing was removed.").into())
    }

    pub(super) async fn write_mutate(
        &self,
        caller: SecretHash,
        asked: api::MutateRequest,
    ) -> Result<api::WriteResponse, Status> {
        let known = self.collection(caller, asked.collection.as_ref(), "collection")?;
        terms::count(asked.changes.len(), 1, MAX_RECORDS, "changes")?;
        if asked.changes.len() > 1 && !known.declared.atomic_across_records {
            let what =
                format!("{} changes one record at a time; atomic_across_records is not declared", known.name);
            return Err(fault::invalid("changes", what));
        }
        let parts: usize =
            asked.changes.iter().map(|change| change.conditions.len() + change.writes.len()).sum();
        terms::count(parts, 1, MAX_ITEMS, "changes")?;
        let token = self.token(asked.token.as_ref()).await?;
        let fence = match asked.fence {
            None => None,
            Some(fence) => {
                let (lease, id) = self.record_beside(caller, fence.lease, "fence.lease")?;
                Some(Fence { lease: RecordKey { collection: lease.id, id }, token: Version(fence.token) })
            }
        };
        let changes = changes(asked.changes, &known)?;
        let commit = Commit { collection: known.id, token: Some(token), fence, typed: None, changes };
        let done = self.commit(&known, commit, typed::of_mutate);
        self.owner.metrics().counted(known.id, Call::Mutate, done).await
    }

    /// The token, by the engine's clock.
    pub(super) async fn token(&self, asked: Option<&api::WriteToken>) -> Result<Token, Status> {
        let now = self.owner.clock().await.map_err(fault::owner)?;
        terms::token(asked, now)
    }
}

fn changes(asked: Vec<api::RecordChange>, known: &Known) -> Result<Vec<RecordChange>, Status> {
    let mut seen = HashSet::with_capacity(asked.len());
    let mut changes = Vec::with_capacity(asked.len());
    for (index, asked) in asked.into_iter().enumerate() {
        let field = format!("changes[{index}]");
        crate::name::record_id(&asked.record_id)
            .map_err(|bad| fault::invalid(&format!("{field}.record_id"), bad.to_string()))?;
        if !seen.insert(asked.record_id.clone()) {
            return Err(fault::invalid(
                &format!("{field}.record_id"),
                "the same record is changed twice".into(),
            ));
        }
        changes.push(RecordChange {
            record: asked.record_id.into(),
            conditions: terms::conditions(asked.conditions, &format!("{field}.conditions"))?,
            writes: terms::writes(
                asked.writes,
                known.declared.ttl,
                rand::random,
                &format!("{field}.writes"),
            )?,
        });
    }
    Ok(changes)
}
