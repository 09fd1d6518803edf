//! Get and BatchGet: items of records, by key or by range.

use super::terms::{self, MAX_ITEMS};
use super::{StoreService, answer, fault};
use crate::catalogue::{Known, SecretHash};
use crate::engine::{Bound, Scan, ScanOf};
use crate::item::Item;
use crate::metrics::Call;
use crate::name::{ItemKey, RecordKey};
use bytes::Bytes;
use futures_util::future::try_join_all;
use tenet_api::store::v1 as api;
use tonic::Status;

/// Most records of one BatchGet.
const MAX_READS: usize = 100;
/// Bytes of keys and values in one answer to a Get of a range.
const MAX_ANSWER: usize = 4 << 20;

impl StoreService {
    pub(super) async fn read(
        &self,
        caller: SecretHash,
        mut asked: api::GetRequest,
    ) -> Result<api::GetResponse, Status> {
        let (known, id) = self.record(caller, asked.record.take(), "record")?;
        self.read_known(&known, id, asked).await
    }

    async fn read_known(
        &self,
        known: &Known,
        id: Bytes,
        asked: api::GetRequest,
    ) -> Result<api::GetResponse, Status> {
        let record = RecordKey { collection: known.id, id };
        self.owner.metrics().counted(known.id, Call::Get, self.read_record(known, record, asked)).await
    }

    async fn read_record(
        &self,
        known: &Known,
        record: RecordKey,
        asked: api::GetRequest,
    ) -> Result<api::GetResponse, Status> {
        let max_age = asked.consistency.and_then(|asked| asked.max_age);
        let max_age = max_age.map(|age| terms::duration(&age, "consistency.max_age")).transpose()?;
        if asked.keys.is_empty() {
            // A bound of the age: a strict answer keeps it, too.
            return self.read_range(known, record, asked.range.unwrap_or_default()).await;
        }
        terms::count(asked.keys.len(), 1, MAX_ITEMS, "keys")?;
        let key = |(index, key)| terms::key(key, &format!("keys[{index}]"));
        let mut keys = asked.keys.into_iter().enumerate().map(key).collect::<Result<Vec<Bytes>, Status>>()?;
        keys.sort_unstable();
        keys.dedup();
        let wanted = keys.iter().map(|key| ItemKey { record: record.clone(), key: key.clone() }).collect();
        let read = self.owner.read_aged(wanted, max_age.unwrap_or_default());
        let (items, age) = read.await.map_err(fault::owner)?;
        let bytes = |item: &Item| record.id.len() + answer::inline_bytes(item);
        let read = keys.iter().zip(&items).filter_map(|(key, item)| Some(key.len() + bytes(item.as_ref()?)));
        self.spend(known, read.sum());
        let found = keys.iter().zip(&items).filter_map(|(key, item)| Some(answer::item(key, item.as_ref()?)));
        Ok(api::GetResponse { items: found.collect(), more: false, age: Some(answer::duration(age)) })
    }

    async fn read_range(
        &self,
        known: &Known,
        record: RecordKey,
        range: api::KeyRange,
    ) -> Result<api::GetResponse, Status> {
        self.owner.touched(&record);
        let scan = Scan {
            items: MAX_ITEMS,
            bytes: MAX_ANSWER,
            ..range_of_record(&record, range.start.into(), range.end.into())
        };
        let page = self.owner.scan(scan).await.map_err(fault::owner)?;
        self.spend(known, answer::bytes(&page));
        let items: Vec<_> = page.items.iter().map(|(key, item)| answer::item(&key.key, item)).collect();
        Ok(api::GetResponse { items, more: page.more, age: Some(prost_types::Duration::default()) })
    }

    pub(super) async fn read_many(
        &self,
        caller: SecretHash,
        asked: api::BatchGetRequest,
    ) -> Result<api::BatchGetResponse, Status> {
        terms::count(asked.reads.len(), 1, MAX_READS, "reads")?;
        // It is one call, so it is let in as one; each of its reads counts.
        let read = async |(place, mut read): (usize, api::GetRequest)| {
            if place == 0 {
                return self.read(caller, read).await;
            }
            let (known, id) = self.record_beside(caller, read.record.take(), "record")?;
            self.also(&known);
            self.read_known(&known, id, read).await
        };
        let answers = try_join_all(asked.reads.into_iter().enumerate().map(read)).await?;
        Ok(api::BatchGetResponse { answers })
    }

    pub(super) async fn describe_namespace(
        &self,
        caller: SecretHash,
        namespace: &str,
    ) -> Result<api::DescribeResponse, Status> {
        let catalogue = self.catalogue_kept();
        let found = catalogue.collections(caller, namespace);
        let known = found.map_err(|refused| fault::refused(refused, namespace, None))?;
        if let Some(first) = known.first() {
            self.begin(first)?;
        }
        let engine = self.owner.engine();
        let describe = async |known: &Known| {
            let size = engine.size(known.id).await.map_err(|error| fault::engine(&error))?;
            let given = |name: &str, given: String| api::Guarantee { name: name.into(), given };
            Ok::<_, Status>(api::CollectionDescription {
                name: known.name.collection.to_string(),
                guarantees: vec![
                    given("linearizable", "per record".into()),
                    given(
                        "atomic",
                        if known.declared.atomic_across_records { "across records" } else { "per record" }
                            .into(),
                    ),
                    given("changes", format!("{:?}", known.declared.retention)),
                ],
                records: size.records,
                items: size.items,
                bytes: size.bytes,
                message: known.typed.as_ref().map_or_else(String::new, |typed| typed.schema.message.clone()),
                indexes: super::indexes::describe(engine.as_ref(), known, size.items).await?,
            })
        };
        let mut collections = Vec::with_capacity(known.len());
        for known in known {
            collections.push(describe(known.as_ref()).await?);
        }
        Ok(api::DescribeResponse { engine: engine.name().into(), collections })
    }
}

/// The items of a record from `start` until before `end`; empty for no bound. How many is for the caller to say.
pub(super) fn range_of_record(record: &RecordKey, start: Bytes, end: Bytes) -> Scan {
    let bound = |key: Bytes| (!key.is_empty()).then(|| Bound { record: record.id.clone(), key });
    Scan {
        of: ScanOf::Record { collection: record.collection, record: record.id.clone() },
        from: bound(start),
        to: bound(end),
        reverse: false,
        items: 0,
        bytes: 0,
    }
}

/// An item that was read by its key, if there is one.
pub(super) async fn one(service: &StoreService, key: ItemKey) -> Result<Option<Item>, Status> {
    let items = service.owner.read(vec![key]).await.map_err(fault::owner)?;
    Ok(items.into_iter().next().flatten())
}
