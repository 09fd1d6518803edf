//! Bringing in what was exported: item by item, as any write, with versions of its own.

use super::{Operator, Wire, WireError, Written};
use crate::backup::{BackupError, Kind, decode_rows};
use crate::commit::{Action, Commit, Outcome, RecordChange, Write};
use crate::engine::Row;
use crate::item::{Item, UnixMs};
use crate::name::ItemKey;
use futures_util::future::try_join_all;

impl Operator {
    /// Takes parts until the end. Chunks come before the item that refers to them.
    pub(super) async fn write(&self, wire: &mut Wire, user: &str) -> Result<(), WireError> {
        let mut all = Written::default();
        loop {
            let frame = wire.receive().await?;
            match frame.kind {
                Kind::Part => {
                    let rows = decode_rows(&frame.payload).map_err(WireError::Unreadable)?;
                    let done = self.bring(rows).await?;
                    all.written += done.written;
                    all.unchanged += done.unchanged;
                    all.over += done.over;
                    wire.send_json(Kind::Json, &done).await?;
                }
                Kind::End => {
                    tracing::info!(
                        user,
                        written = all.written,
                        unchanged = all.unchanged,
                        "an operator brought in items"
                    );
                    return wire.send(Kind::End, b"").await;
                }
                other => return Err(WireError::Unreadable(format!("a frame of kind {other:?}"))),
            }
        }
    }

    async fn bring(&self, rows: Vec<Row>) -> Result<Written, WireError> {
        let engine = self.owner.engine();
        let now = engine.clock().await?;
        let (mut items, mut done) = (Vec::new(), Written::default());
        for row in rows {
            match row {
                Row::Chunk { blob, number, data } => engine.stage(blob, number, data).await?,
                Row::Item(_, item) if !item.lives(now) => done.over += 1,
                Row::Item(key, item) => items.push((key, item)),
                Row::Token(..) => {}
            }
        }
        let there = engine.read(items.iter().map(|(key, _)| key.clone()).collect()).await?;
        let mut commits = Vec::new();
        for ((key, item), there) in items.into_iter().zip(there) {
            // Sent again, it changes nothing, and who watches hears nothing.
            if there.is_some_and(|there| there.value == item.value && near(there.expires, item.expires)) {
                done.unchanged += 1;
            } else {
                commits.push(self.one(key, item, now));
            }
        }
        done.written = commits.len() as u64;
        try_join_all(commits).await?;
        Ok(done)
    }

    async fn one(&self, key: ItemKey, item: Item, now: UnixMs) -> Result<(), WireError> {
        let ttl = item.expires.map(|expires| now.until(expires));
        let write = Write { key: key.key, action: Action::Put(item.value), ttl };
        let change = RecordChange { record: key.record.id, conditions: Vec::new(), writes: vec![write] };
        let collection = key.record.collection;
        let commit = Commit { collection, token: None, fence: None, typed: None, changes: vec![change] };
        match self.service.bring(commit).await {
            Ok(Outcome::Done { .. }) => Ok(()),
            Ok(Outcome::Refused(refusal)) => {
                Err(BackupError::Refused(format!("an item was not written: {refusal:?}")).into())
            }
            Err(status) => Err(BackupError::Refused(status.message().to_owned()).into()),
        }
    }
}

/// Whether two ends are the same: an end is kept as a time from the write on, so that it moves by how long that took.
fn near(one: Option<UnixMs>, other: Option<UnixMs>) -> bool {
    const MOVED_MS: u64 = 60_000;
    match (one, other) {
        (Some(one), Some(other)) => one.0.abs_diff(other.0) < MOVED_MS,
        (one, other) => one == other,
    }
}
