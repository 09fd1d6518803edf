//! The log of changes, as it is followed.
//!
//! With several writers the order in which rows were numbered is not the order in which they became visible: a reader that has seen number 7 may
//! find number 5 later. So a row's place begins with the id of its transaction, and readers are only shown rows whose transaction is older than every
//! one that is still open. What they were shown is complete, for good. Inside a record the ids grow, because a transaction gets its id under the
//! record's lock.
//!
//! The price: a transaction that writes for long, ours or anybody's in the same cluster, holds back all changes made after it began, until it
//! ends ([`super::Statistics::feed_held_by`]). One that only reads does not. A forgotten prepared transaction does so for ever.

use super::Counters;
use super::failure::Failure;
use super::rows::{bytes, collection, column, value};
use super::session::Work;
use crate::decide::Change;
use crate::engine::{Changes, Cursor, EngineError};
use crate::item::{Item, UnixMs, Version};
use crate::name::{CollectionId, ItemKey, RecordKey};
use std::sync::atomic::Ordering;
use tokio_postgres::Row;

/// Bytes of values in one answer beyond its first change: what a follower holds at a time.
const BYTES: i64 = 4 << 20;

/// Most changes in one answer.
const MOST: usize = 10_000;

/// What is settled of the log, and the changes that were asked for.
struct Feed {
    rows: Vec<Row>,
    /// Every place below it is settled.
    settled: i64,
    forgotten: i64,
}

/// Where the log ends.
pub(super) async fn end(session: Work, counters: &Counters, id: CollectionId) -> Result<Cursor, Failure> {
    // From the end of all places on there is nothing; the row that says how things stand comes nevertheless.
    let feed = feed(&session, counters, id, i64::MAX, 1).await?;
    Ok(cursor(feed.settled - 1))
}

/// At most `limit` changes after `from`.
pub(super) async fn changes(
    session: Work,
    counters: &Counters,
    id: CollectionId,
    from: Cursor,
    limit: usize,
) -> Result<Changes, Failure> {
    let after = i64::try_from(from.0).unwrap_or(i64::MAX);
    let limit = limit.clamp(1, MOST);
    let feed = feed(&session, counters, id, after, limit).await?;
    // A place that was never reached is of a log that was set back since, as by a restored backup.
    if after < feed.forgotten || after >= feed.settled.max(1) {
        let oldest = cursor(feed.forgotten).0;
        return Err(Failure::refused(EngineError::TooOld { asked: from.0, oldest }));
    }
    let mut changes = Vec::with_capacity(feed.rows.len());
    let mut last = after;
    let mut found = 0;
    for row in &feed.rows {
        let Some(place) = column::<Option<i64>>(row, 3)? else { continue };
        changes.push(change(row, id)?);
        last = place;
        found = column::<i64>(row, 13)?;
    }
    let all = found < i64::try_from(limit).unwrap_or(i64::MAX)
        && i64::try_from(changes.len()).unwrap_or(i64::MAX) == found;
    let next = if all { (feed.settled - 1).max(after) } else { last };
    Ok(Changes { changes, next: cursor(next) })
}

async fn feed(
    session: &Work,
    counters: &Counters,
    id: CollectionId,
    after: i64,
    limit: usize,
) -> Result<Feed, Failure> {
    let number = collection(id)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let statement = &session.statements.feed;
    let rows = session
        .within(session.client.query(statement, &[&number, &after, &session.offset, &limit, &BYTES]))
        .await?;
    let Some(first) = rows.first() else {
        return Err(Failure::refused(EngineError::NoCollection(id)));
    };
    let (settled, forgotten, held): (i64, i64, i64) =
        (column(first, 0)?, column(first, 1)?, column(first, 2)?);
    counters.feed_held_by.store(held.cast_unsigned(), Ordering::Relaxed);
    Ok(Feed { rows, settled, forgotten })
}

fn cursor(place: i64) -> Cursor {
    Cursor(place.max(0).cast_unsigned())
}

fn change(row: &Row, id: CollectionId) -> Result<Change, Failure> {
    let record = RecordKey { collection: id, id: bytes(row, 5)? };
    let item = ItemKey { record, key: bytes(row, 6)? };
    let version = Version(column::<i64>(row, 7)?.cast_unsigned());
    let now = match column(row, 8)? {
        true => None,
        false => Some(Item {
            value: value(row, 9)?,
            version,
            updated: UnixMs(column(row, 4)?),
            expires: column::<Option<i64>>(row, 12)?.map(UnixMs),
        }),
    };
    Ok(Change { item, now, version })
}
