//! Several changes as one: all of them happen, or none.

use super::collection::Place;
use super::details::ErrorInfo;
use super::large::MAX_ITEM;
use super::{Collection, Held, IntoKey, StoreError, StoreErrorKind};
use std::sync::Arc;
use tenet_api::store::v1 as api;
use tenet_api::store::v1::condition::Must;
use tenet_api::store::v1::write::Change;
use tenet_collection::Address;
use tonic::Status;

/// Changes of messages of a collection that happen all or not at all: of one record, or of several where the schema says
/// `atomic_across_records`; at most 100 records and 1000 conditions and writes.
#[must_use = "nothing is changed before `commit`"]
pub struct Changes<T> {
    of: Collection<T>,
    records: Vec<api::RecordChange>,
    fence: Option<api::Fence>,
    /// The first that is wrong.
    error: Option<StoreError>,
}

impl<T: prost::Message> Collection<T> {
    /// Begins a set of changes.
    pub fn changes(&self) -> Changes<T> {
        Changes { of: self.clone(), records: Vec::new(), fence: None, error: None }
    }
}

impl<T: prost::Message> Changes<T> {
    /// Writes a message, whatever was there. At most 1 MiB.
    pub fn put(self, value: &T) -> Changes<T> {
        self.write(value, None)
    }

    /// Writes a message; there must be none with its key.
    pub fn insert(self, value: &T) -> Changes<T> {
        self.write(value, Some(Must::Absent(true)))
    }

    /// Writes a message; the one with its key must have this version.
    pub fn replace(self, value: &T, version: u64) -> Changes<T> {
        self.write(value, Some(Must::Version(version)))
    }

    /// Removes the message with this key, if there is one.
    pub fn delete(self, key: impl IntoKey) -> Changes<T> {
        let address = self.of.at.address(&key.into_key());
        self.with(address, |address| (None, Some(delete(address))))
    }

    /// Removes the message with this key, which must have this version.
    pub fn delete_version(self, key: impl IntoKey, version: u64) -> Changes<T> {
        let address = self.of.at.address(&key.into_key());
        self.with(address, |address| (Some(Must::Version(version)), Some(delete(address))))
    }

    /// The message with this key must have this version; `None`: there must be none.
    pub fn require(self, key: impl IntoKey, version: Option<u64>) -> Changes<T> {
        let address = self.of.at.address(&key.into_key());
        self.with(address, |_| (Some(version.map_or(Must::Absent(true), Must::Version)), None))
    }

    /// Only while this lease is held.
    pub fn under(self, lease: &Held) -> Changes<T> {
        Changes { fence: Some(lease.fence()), ..self }
    }

    /// Makes the changes; the version that all that was written has.
    ///
    /// # Errors
    /// A wrong key or value; [`Conflict`](StoreErrorKind::Conflict) where a condition does not hold, with the key it is about;
    /// [`Fenced`](StoreErrorKind::Fenced) where the lease is lost; else the store did not do it, or it is not known whether it did.
    pub async fn commit(self) -> Result<u64, StoreError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let at = self.of.at;
        if self.records.len() > 1 && !at.schema.atomic_across_records {
            let records: Vec<String> =
                self.records.iter().map(|change| show(&at, &change.record_id, &[])).collect();
            let problem = format!(
                "expected changes of one record, since its schema does not say atomic_across_records, found those of {}",
                records.join(", ")
            );
            return Err(at.error(StoreErrorKind::Value { problem }));
        }
        let asked = at.mutate_request(self.records.clone(), self.fence);
        let answer = at.link.client().mutate(at.link.request(asked)).await;
        Ok(answer.map_err(|status| failed(&at, &self.records, status))?.into_inner().version)
    }

    fn write(self, value: &T, must: Option<Must>) -> Changes<T> {
        let encoded = self.of.at.encode(value).and_then(|(address, bytes)| {
            if bytes.len() <= MAX_ITEM {
                return Ok((address, bytes));
            }
            let kind = StoreErrorKind::TooLarge { bound: "1 MiB in a message beside others" };
            Err(self.of.at.error(kind).at(self.of.at.schema.show(&address)))
        });
        let at = self.of.at.clone();
        let (address, bytes) = match encoded {
            Ok((address, bytes)) => (Ok(address), bytes),
            Err(error) => (Err(error), Vec::new()),
        };
        self.with(address, |address| (must, Some(at.put_of(address, bytes))))
    }

    fn with(
        mut self,
        address: Result<Address, StoreError>,
        change: impl FnOnce(&Address) -> (Option<Must>, Option<api::Write>),
    ) -> Changes<T> {
        let address = match address {
            Ok(address) => address,
            Err(error) => {
                self.error.get_or_insert(error);
                return self;
            }
        };
        let (must, write) = change(&address);
        let place = self.records.iter().position(|record| record.record_id == address.record);
        let place = place.unwrap_or_else(|| {
            let record_id = address.record;
            self.records.push(api::RecordChange { record_id, ..api::RecordChange::default() });
            self.records.len() - 1
        });
        if let Some(record) = self.records.get_mut(place) {
            record.conditions.extend(must.map(|must| api::Condition { key: address.item, must: Some(must) }));
            record.writes.extend(write);
        }
        self
    }
}

fn delete(address: &Address) -> api::Write {
    api::Write { key: address.item.clone(), change: Some(Change::Delete(true)), ttl: None }
}

/// The error, with the key of the condition that does not hold.
fn failed(at: &Arc<Place>, records: &[api::RecordChange], status: Status) -> StoreError {
    let info = ErrorInfo::of(&status).unwrap_or_default();
    let number = |name: &str| info.metadata.get(name).and_then(|text| text.parse::<usize>().ok());
    let key = number("change").and_then(|change| records.get(change)).and_then(|record| {
        let condition = record.conditions.get(number("condition")?)?;
        Some(show(at, &record.record_id, &condition.key))
    });
    let error = at.failed(status);
    match key {
        Some(key) => error.at(key),
        None => error,
    }
}

fn show(at: &Place, record: &[u8], item: &[u8]) -> String {
    at.schema.show(&Address { record: record.to_vec(), item: item.to_vec() })
}
