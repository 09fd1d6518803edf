//! What is asked of the engine call by call, behind a [gate](super::gate): pages and ranges, chunks of long values; and changes, which those who follow them share.

use super::{Owner, OwnerError, failed, near, record};
use crate::engine::{Changes, Cursor, Page, Scan, ScanOf};
use crate::name::{CollectionId, RecordKey};
use bytes::Bytes;
use std::sync::Arc;

impl Owner {
    /// A page of items in order.
    pub async fn scan(&self, scan: Scan) -> Result<Page, OwnerError> {
        let collection = scan.of.collection();
        let record = match &scan.of {
            ScanOf::Record { record, .. } => Some(record::number(collection, record)),
            ScanOf::Collection(_) | ScanOf::Index { .. } => None,
        };
        let entered = self.pages.enter(record).await;
        let _pass = entered.inspect_err(|error| self.count_refused(collection, error))?;
        self.engine.scan(scan).await.map_err(failed)
    }

    /// Changes from a point of the log on. Every write that was answered before the call is in them.
    pub async fn changes(
        &self,
        collection: CollectionId,
        from: Cursor,
        limit: usize,
    ) -> Result<Arc<Changes>, OwnerError> {
        self.followers.changes((collection, from, limit)).await
    }

    /// Keeps a chunk of a long value of this record.
    pub async fn stage(
        &self,
        record: &RecordKey,
        (blob, number): (u64, u32),
        chunk: Bytes,
    ) -> Result<(), OwnerError> {
        let _pass = self.pages.enter(Some(near::group(record))).await?;
        self.engine.stage(blob, number, chunk).await.map_err(failed)
    }

    /// A chunk of a long value of this record.
    pub async fn chunk(
        &self,
        record: &RecordKey,
        (blob, number): (u64, u32),
    ) -> Result<Option<Bytes>, OwnerError> {
        let _pass = self.pages.enter(Some(near::group(record))).await?;
        self.engine.chunk(blob, number).await.map_err(failed)
    }
}
