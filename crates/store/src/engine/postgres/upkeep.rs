//! Removing what is past its time, in bounded steps that find their rows by index. Any number of processes may do it at once: each takes what no
//! other holds. Times in their conditions are the statement's, because no index is used for a bound that may change in the middle, as
//! `clock_timestamp()` does.

use super::failure::Failure;
use super::locks::{Space, in_order};
use super::rows::{Keys, bytes, collection, column};
use super::session::Work;
use crate::name::{CollectionId, ItemKey, RecordKey};
use futures_util::future::join;
use std::collections::HashSet;
use tokio_postgres::Row;

/// What one step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    pub done: u64,
    /// There was more than the bound allowed, or others held it.
    pub more: bool,
    /// Another step of the same kind would find something to do now.
    pub again: bool,
}

/// Removes items whose time is over, at most `limit` and as many as have locks. Each is a change of its record: under the record's lock,
/// with a version of its own, in the log. A record that is locked is left for the next time.
pub(super) async fn expire(session: Work, space: Space, limit: usize) -> Result<Step, Failure> {
    let (client, s) = (&session.client, &session.statements);
    let part = limit.min(session.locks);
    let most = i64::try_from(part).unwrap_or(i64::MAX);
    let found = async {
        let (began, found) = join(client.execute(&s.begin, &[]), client.query(EXPIRED, &[&most])).await;
        began.and(found)
    };
    let found = session.within(found).await?;
    if found.is_empty() {
        session.within(client.execute(&s.commit, &[])).await?;
        return Ok(Step::default());
    }
    let keys = found.iter().take(part).map(key).collect::<Result<Vec<ItemKey>, _>>()?;
    let locks: Vec<(i64, &ItemKey)> = keys.iter().map(|key| (space.record(&key.record), key)).collect();
    let wanted = in_order(locks.iter().map(|(lock, _)| *lock).collect());
    let mut gates: Vec<i32> =
        keys.iter().map(|key| collection(key.record.collection)).collect::<Result<_, _>>()?;
    gates.sort_unstable();
    gates.dedup();
    // First the locks and then, with later snapshots, what is true under them.
    let class = space.gates();
    let held = async {
        let none: Vec<i64> = Vec::new();
        let gate = async { client.query(&s.lock, &[&class, &gates, &none]).await };
        let (gated, held) = join(gate, client.query(&s.try_lock, &[&wanted])).await;
        gated.and(held)
    };
    let held: Vec<Row> = session.within(held).await?;
    let held = held.iter().map(|row| column::<i64>(row, 0)).collect::<Result<HashSet<i64>, _>>()?;
    let free = Keys::of(locks.iter().filter(|(lock, _)| held.contains(lock)).map(|(_, key)| *key))?;
    let seen = session.within(client.query_one(&s.look, &[&gates])).await?;
    let (now, first): (i64, i64) = (column(&seen, 0)?, column(&seen, 1)?);
    let watched: Vec<i32> = column(&seen, 3)?;
    let remove = async {
        let gone = client
            .query_one(
                REMOVE,
                &[&free.collections, &free.records, &free.keys, &now, &first, &session.offset, &watched],
            )
            .await?;
        client.execute(&s.commit, &[]).await?;
        Ok::<_, tokio_postgres::Error>(gone)
    };
    let done = column::<i64>(&session.within(remove).await?, 0)?.cast_unsigned();
    let more = found.len() > part || free.keys.len() < keys.len();
    Ok(Step { done, more, again: found.len() > part && done > 0 })
}

const EXPIRED: &str = "SELECT collection, record, key FROM item
    WHERE expires <= (extract(epoch FROM statement_timestamp()) * 1000)::int8 ORDER BY expires LIMIT $1::int8 + 1";

const REMOVE: &str = "WITH gone AS (
        DELETE FROM item i USING unnest($1::int4[], $2::bytea[], $3::bytea[]) AS k (collection, record, key)
         WHERE i.collection = k.collection AND i.record = k.record AND i.key = k.key AND i.expires <= $4::int8
        RETURNING i.collection, i.record, i.key),
    numbered AS MATERIALIZED (SELECT *, row_number() OVER () - 1 AS n FROM gone),
    logged AS (
        INSERT INTO change (place, made, collection, record, key, version, gone)
        SELECT ((SELECT pg_current_xact_id()::text::int8 + $6::int8) << 20) | n, $4::int8, collection, record, key, $5::int8 + n, true
          FROM numbered WHERE collection = ANY($7::int4[]))
    SELECT count(*) FROM numbered";

/// Forgets tokens that are older than `older_ms`, at most `limit`.
pub(super) async fn tokens(session: Work, older_ms: i64, limit: usize) -> Result<Step, Failure> {
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let row = session.within(session.client.query_one(TOKENS, &[&older_ms, &most])).await?;
    step(&row)
}

const TOKENS: &str = "WITH old AS MATERIALIZED (
        SELECT time, nonce FROM token WHERE stored <= (extract(epoch FROM statement_timestamp()) * 1000)::int8 - $1::int8
         ORDER BY stored LIMIT $2::int8 + 1 FOR UPDATE SKIP LOCKED),
    few AS MATERIALIZED (SELECT * FROM old LIMIT $2::int8),
    gone AS (DELETE FROM token USING few WHERE token.time = few.time AND token.nonce = few.nonce RETURNING 1)
    SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM old) > $2::int8";

/// Forgets changes of a collection that are past its retention, at most `limit`, the oldest first, and says in the collection up to where.
/// Who follows the log reads both in one snapshot.
pub(super) async fn changes(session: Work, id: CollectionId, limit: usize) -> Result<Step, Failure> {
    let (number, most) = (collection(id)?, i64::try_from(limit).unwrap_or(i64::MAX));
    let row = session.within(session.client.query_one(CHANGES, &[&number, &most])).await?;
    step(&row)
}

/// Changes lie in about the order in which they were made: it is enough to look at the first ones. Nothing is locked to look, which would write to
/// every row that is not old yet; of two processes that find the same rows, the second finds them gone.
const CHANGES: &str = "WITH first AS MATERIALIZED (
        SELECT place, made FROM change WHERE collection = $1::int4 ORDER BY place LIMIT $2::int8 + 1),
    old AS MATERIALIZED (
        SELECT place FROM first
         WHERE made <= (extract(epoch FROM statement_timestamp()) * 1000)::int8 - (SELECT retention_ms FROM collection WHERE id = $1::int4)),
    few AS MATERIALIZED (SELECT place FROM old ORDER BY place LIMIT $2::int8),
    gone AS (DELETE FROM change USING few WHERE change.collection = $1::int4 AND change.place = few.place RETURNING change.place),
    told AS (UPDATE collection SET forgotten = greatest(forgotten, (SELECT max(place) FROM gone))
              WHERE id = $1::int4 AND EXISTS (SELECT 1 FROM gone))
    SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM old) > $2::int8";

/// Forgets what foreign sessions wrote a week ago.
pub(super) async fn intruders(session: Work) -> Result<(), Failure> {
    const WEEK_MS: i64 = 7 * 24 * 3600 * 1000;
    let old = "DELETE FROM intruder WHERE last_seen <= (extract(epoch FROM statement_timestamp()) * 1000)::int8 - $1::int8";
    session.within(session.client.execute(old, &[&WEEK_MS])).await?;
    Ok(())
}

fn step(row: &Row) -> Result<Step, Failure> {
    let more = column(row, 1)?;
    Ok(Step { done: column::<i64>(row, 0)?.cast_unsigned(), more, again: more })
}

fn key(row: &Row) -> Result<ItemKey, Failure> {
    let collection = CollectionId(column::<i32>(row, 0)?.cast_unsigned());
    Ok(ItemKey { record: RecordKey { collection, id: bytes(row, 1)? }, key: bytes(row, 2)? })
}
