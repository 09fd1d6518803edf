//! Bringing in what was exported: item by item, as any write, with versions of its own.

use super::{Operator, Wire, WireError, Written};
use crate::backup::{BackupError, Kind, decode_rows};
use crate::commit::{Action, Commit, Outcome, RecordChange, Write};
use crate::engine::{Engine, Row};
use crate::item::{self, Item, UnixMs, Value};
use crate::name::ItemKey;
use bytes::Bytes;
use futures_util::future::try_join_all;
use std::collections::HashSet;

impl Operator {
    /// Takes parts until the end.
    pub(super) async fn write(&self, wire: &mut Wire, user: &str) -> Result<(), WireError> {
        let mut all = Written::default();
        let mut long = None;
        loop {
            let frame = wire.receive().await?;
            match frame.kind {
                Kind::Part => {
                    let rows = decode_rows(&frame.payload).map_err(WireError::Unreadable)?;
                    let done = self.bring(&mut long, rows).await?;
                    all.add(done);
                    wire.send_json(Kind::Json, &done).await?;
                }
                Kind::End => {
                    let Written { written, unchanged, over } = all;
                    tracing::info!(user, written, unchanged, over, "an operator brought in items");
                    return wire.send(Kind::End, b"").await;
                }
                other => return Err(WireError::Unreadable(format!("a frame of kind {other:?}"))),
            }
        }
    }

    /// Brings in a part. `long` is the value whose chunks come next.
    async fn bring(&self, long: &mut Option<Long>, rows: Vec<Row>) -> Result<Written, WireError> {
        let engine = self.owner.engine().as_ref();
        let now = engine.clock().await?;
        let (mut items, mut done) = (Vec::new(), Written::default());
        for row in rows {
            match row {
                Row::Item(key, item) => match item.value {
                    Value::Inline(_) => items.push((key, item)),
                    Value::Chunked { blob, size } => {
                        // In the order of lines: one may be of the same key.
                        done.add(self.put(std::mem::take(&mut items), now).await?);
                        *long = Some(Long::begin(engine, key, item, (blob, size)).await?);
                    }
                },
                Row::Chunk { number, data, .. } => {
                    let mut value = long
                        .take()
                        .ok_or_else(|| WireError::Unreadable("a chunk that is of no item".into()))?;
                    value.chunk(engine, number, data).await?;
                    if value.missing() {
                        *long = Some(value);
                    } else if value.same.is_some() {
                        done.unchanged += 1;
                    } else {
                        done.add(self.put(vec![(value.key, value.item)], now).await?);
                    }
                }
                Row::Token(..) => {}
            }
        }
        done.add(self.put(items, now).await?);
        Ok(done)
    }

    /// Puts items that are not there as they are.
    async fn put(&self, items: Vec<(ItemKey, Item)>, now: UnixMs) -> Result<Written, WireError> {
        let mut done = Written::default();
        let there = self.owner.engine().read(items.iter().map(|(key, _)| key.clone()).collect()).await?;
        let mut seen = HashSet::new();
        let mut commits = Vec::new();
        for ((key, item), there) in items.into_iter().zip(there) {
            // What an earlier line of the same key says is not what is there.
            let first = seen.insert(key.clone());
            if !item.lives(now) {
                done.over += 1;
            } else if first && there.is_some_and(|there| there.value == item.value && near(&there, &item)) {
                // Sent again, it changes nothing, and who watches hears nothing.
                done.unchanged += 1;
            } else {
                if !first {
                    // The later of two lines stays, so the earlier one is in before it.
                    try_join_all(std::mem::take(&mut commits)).await?;
                }
                done.written += 1;
                commits.push(self.one(key, item, now));
            }
        }
        try_join_all(commits).await?;
        Ok(done)
    }

    async fn one(&self, key: ItemKey, item: Item, now: UnixMs) -> Result<(), WireError> {
        let ttl = item.expires.map(|expires| now.until(expires));
        let write = Write { key: key.key, action: Action::Put(item.value), ttl };
        let change = RecordChange { record: key.record.id, conditions: Vec::new(), writes: vec![write] };
        let collection = key.record.collection;
        let commit = Commit::of(collection, None, vec![change]);
        match self.service.bring(commit).await {
            Ok(Outcome::Done { .. }) => Ok(()),
            Ok(Outcome::Refused(refusal)) => {
                Err(BackupError::Refused(format!("an item was not written: {refusal:?}")).into())
            }
            Err(status) => Err(BackupError::Refused(status.message().to_owned()).into()),
        }
    }
}

/// A long value that comes in chunks, which are staged from the first on that is not there already.
struct Long {
    key: ItemKey,
    item: Item,
    blob: u64,
    chunks: u64,
    next: u32,
    /// The value that is there, as long as it is the same.
    same: Option<u64>,
}

impl Long {
    async fn begin(
        engine: &dyn Engine,
        key: ItemKey,
        item: Item,
        (blob, size): (u64, u64),
    ) -> Result<Long, WireError> {
        let there = engine.read(vec![key.clone()]).await?.pop().flatten();
        let same = there.filter(|there| near(there, &item)).and_then(|there| match there.value {
            Value::Chunked { blob, size: there } if there == size => Some(blob),
            _ => None,
        });
        Ok(Long { key, item, blob, chunks: item::chunks(size), next: 0, same })
    }

    fn missing(&self) -> bool {
        u64::from(self.next) < self.chunks
    }

    async fn chunk(&mut self, engine: &dyn Engine, number: u32, data: Bytes) -> Result<(), WireError> {
        if number != self.next {
            return Err(WireError::Unreadable(format!("chunk {number}, expected {}", self.next)));
        }
        self.next += 1;
        if let Some(there) = self.same {
            if engine.chunk(there, number).await?.as_ref() == Some(&data) {
                return Ok(());
            }
            self.same = None;
            for before in 0..number {
                let gone = || BackupError::Refused("a value was replaced while it was compared".into());
                let data = engine.chunk(there, before).await?.ok_or_else(gone)?;
                engine.stage(self.blob, before, data).await?;
            }
        }
        Ok(engine.stage(self.blob, number, data).await?)
    }
}

/// Whether two items end at the same time: an end is kept as a time from the write on, so that it moves by how long that took.
fn near(one: &Item, other: &Item) -> bool {
    const MOVED_MS: u64 = 60_000;
    match (one.expires, other.expires) {
        (Some(one), Some(other)) => one.0.abs_diff(other.0) < MOVED_MS,
        (one, other) => one == other,
    }
}
