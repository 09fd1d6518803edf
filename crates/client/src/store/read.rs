//! Reading by key: one message, many, and all of a record.

use super::collection::Place;
use super::found::Found;
use super::{Collection, IntoKey, Kept, StoreError, StoreErrorKind, time};
use std::collections::HashMap;
use std::time::Duration;
use tenet_api::store::v1 as api;
use tenet_collection::Address;

/// Records of one call, and items of one record in it: what the store takes.
const MAX_RECORDS: usize = 100;
const MAX_ITEMS: usize = 1000;

/// Items of a record that are read whole. One with more is read by [`Collection::scan`].
const MAX_WHOLE: usize = 10_000;

impl<T: prost::Message + Default> Collection<T> {
    /// The message with this key, if there is one.
    ///
    /// # Errors
    /// A key that is none of this collection, damaged data, or the store did not answer.
    pub async fn get(&self, key: impl IntoKey) -> Result<Option<Kept<T>>, StoreError> {
        let address = self.at.address(&key.into_key())?;
        match self.at.find(&address, self.max_age).await? {
            Some(found) => self.at.decode(&address, &found),
            None => Ok(None),
        }
    }

    /// The messages with these keys, in their order. Those of one record are of one moment, different records may be of different
    /// ones.
    ///
    /// # Errors
    /// As of [`get`](Self::get); one that fails fails all.
    pub async fn get_many<K: IntoKey>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<Option<Kept<T>>>, StoreError> {
        let address = |key: K| self.at.address(&key.into_key());
        let addresses = keys.into_iter().map(address).collect::<Result<Vec<_>, _>>()?;
        let mut found = HashMap::with_capacity(addresses.len());
        // Those of one record beside each other, and none twice.
        let mut wanted: Vec<&Address> = addresses.iter().collect();
        wanted.sort_unstable();
        wanted.dedup();
        let mut batches: Vec<&[&Address]> = Vec::new();
        batches.extend((!wanted.is_empty()).then_some(wanted.as_slice()));
        while let Some(batch) = batches.pop() {
            let (now, later) = batch.split_at(fitting(batch));
            if !later.is_empty() {
                batches.push(later);
            }
            match self.at.find_many(now, self.max_age).await {
                Ok(part) => found.extend(part),
                // Long values: fewer at a time.
                Err(error) if is_too_large(&error) && now.len() > 1 => {
                    let (first, second) = now.split_at(now.len() / 2);
                    batches.extend([second, first]);
                }
                Err(error) => return Err(error),
            }
        }
        let decode = |address: &Address| match found.get(address) {
            Some(found) => self.at.decode(address, found),
            None => Ok(None),
        };
        addresses.iter().map(decode).collect()
    }

    /// All messages of a record, in the order of their keys. Up to 1000 of them, of 4 MiB together, are of one moment; beyond that
    /// they are read in several steps.
    ///
    /// # Errors
    /// As of [`get`](Self::get), and [`TooLarge`](StoreErrorKind::TooLarge) where there are more than 10 000.
    pub async fn record(&self, key: impl IntoKey) -> Result<Vec<Kept<T>>, StoreError> {
        let record = self.at.record_id(&key.into_key())?;
        let place = Address { record, item: Vec::new() };
        let mut start = Vec::new();
        let mut kept = Vec::new();
        loop {
            let range = Some(api::KeyRange { start, end: Vec::new() });
            let asked = self.at.get_request(place.record.clone(), Vec::new(), range, self.max_age);
            let answer = self.at.get(asked, &place).await?;
            let age = time::span(answer.age);
            let last = answer.items.last().map(|item| item.key.clone());
            if kept.len() + answer.items.len() > MAX_WHOLE {
                let error = self.at.error(StoreErrorKind::TooLarge { bound: "10000 messages in a record" });
                return Err(error.at(self.at.schema.show(&place)));
            }
            for item in answer.items {
                let address = Address { record: place.record.clone(), item: item.key.clone() };
                if let Some(found) = self.at.whole(&address, item, age).await? {
                    kept.extend(self.at.decode(&address, &found)?);
                }
            }
            match last {
                // The next key there can be.
                Some(last) if answer.more => start = [&last[..], &[0]].concat(),
                _ => return Ok(kept),
            }
        }
    }
}

/// How many of these, beginning with the first, one call may ask for.
fn fitting(wanted: &[&Address]) -> usize {
    let (mut records, mut items) = (0, 0);
    let mut last: Option<&[u8]> = None;
    for (index, address) in wanted.iter().enumerate() {
        if last == Some(&address.record[..]) {
            items += 1;
        } else {
            (records, items, last) = (records + 1, 1, Some(&address.record[..]));
        }
        if records > MAX_RECORDS || items > MAX_ITEMS {
            return index;
        }
    }
    wanted.len()
}

/// Whether the answer was longer than the client, the codec or something in between takes.
fn is_too_large(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::TooLarge { .. })
        || error.status().is_some_and(|status| status.code() == tonic::Code::OutOfRange)
}

impl Place {
    pub(super) fn get_request(
        &self,
        record: Vec<u8>,
        keys: Vec<Vec<u8>>,
        range: Option<api::KeyRange>,
        max_age: Option<Duration>,
    ) -> api::GetRequest {
        let consistency = max_age.map(|age| api::Consistency { max_age: Some(time::duration(age)) });
        api::GetRequest { record: self.record(record), keys, range, consistency }
    }

    async fn get(&self, asked: api::GetRequest, place: &Address) -> Result<api::GetResponse, StoreError> {
        let answer = self.link.client().get(self.link.request(asked)).await;
        Ok(answer.map_err(|status| self.failed_at(status, place))?.into_inner())
    }

    /// One item, with its whole value.
    pub(super) async fn find(
        &self,
        address: &Address,
        max_age: Option<Duration>,
    ) -> Result<Option<Found>, StoreError> {
        let asked = self.get_request(address.record.clone(), vec![address.item.clone()], None, max_age);
        let answer = self.get(asked, address).await?;
        let age = time::span(answer.age);
        match answer.items.into_iter().next() {
            Some(item) => self.whole(address, item, age).await,
            None => Ok(None),
        }
    }

    /// Items, with their whole values; sorted by record, and as many as one call may ask for.
    async fn find_many(
        &self,
        wanted: &[&Address],
        max_age: Option<Duration>,
    ) -> Result<Vec<(Address, Found)>, StoreError> {
        let records: Vec<_> = wanted.chunk_by(|one, other| one.record == other.record).collect();
        let reads = records.iter().filter_map(|record| {
            let keys = record.iter().map(|address| address.item.clone()).collect();
            Some(self.get_request(record.first()?.record.clone(), keys, None, max_age))
        });
        let asked = api::BatchGetRequest { reads: reads.collect() };
        let answer = self.link.client().batch_get(self.link.request(asked)).await;
        let answers = answer.map_err(|status| self.failed(status))?.into_inner().answers;
        let mut all = Vec::with_capacity(wanted.len());
        for (record, answer) in records.iter().zip(answers) {
            let age = time::span(answer.age);
            for item in answer.items {
                let Some(first) = record.first() else { continue };
                let address = Address { record: first.record.clone(), item: item.key.clone() };
                if let Some(found) = self.whole(&address, item, age).await? {
                    all.push((address, found));
                }
            }
        }
        Ok(all)
    }
}
