//! Chunks of long values.

use super::failure::Failure;
use super::rows::{bytes, column};
use super::session::Work;
use bytes::Bytes;
use futures_util::future::try_join;

/// Keeps a chunk. The blob counts as loose, and as touched, from before its chunk is there; doing so twice changes nothing.
pub(super) async fn stage(session: Work, blob: u64, number: u32, chunk: &[u8]) -> Result<(), Failure> {
    let (blob, number) = (blob.cast_signed(), number.cast_signed());
    let (client, s) = (&session.client, &session.statements);
    let loose = async { client.execute(&s.loose, &[&blob]).await };
    let stage = async { client.execute(&s.stage, &[&blob, &number, &chunk]).await };
    session.within(try_join(loose, stage)).await?;
    Ok(())
}

/// A chunk, if it is there.
pub(super) async fn chunk(session: Work, blob: u64, number: u32) -> Result<Option<Bytes>, Failure> {
    let (blob, number) = (blob.cast_signed(), number.cast_signed());
    let statement = &session.statements.chunk;
    let row = session.within(session.client.query_opt(statement, &[&blob, &number])).await?;
    row.map(|row| bytes(&row, 0)).transpose()
}

/// Removes blobs that an item no longer refers to, and those that were staged long ago for one that never did, at most `limit`; whether there are more.
///
/// A blob whose item was there before a late copy of its staging came is told by the item, and kept.
pub(super) async fn forget(session: &Work, older_ms: i64, limit: i64) -> Result<bool, Failure> {
    let row = session.within(session.client.query_one(FORGET, &[&older_ms, &limit])).await?;
    Ok(column::<i64>(&row, 0)? > limit)
}

const FORGET: &str = "WITH old AS MATERIALIZED (
        SELECT blob FROM loose WHERE since <= (extract(epoch FROM statement_timestamp()) * 1000)::int8 - $1::int8
         ORDER BY since LIMIT $2::int8 + 1 FOR UPDATE SKIP LOCKED),
    few AS MATERIALIZED (SELECT blob FROM old LIMIT $2::int8),
    emptied AS (DELETE FROM chunk USING few
        WHERE chunk.blob = few.blob AND NOT EXISTS (SELECT 1 FROM item WHERE item.blob = few.blob)),
    forgotten AS (DELETE FROM loose USING few WHERE loose.blob = few.blob)
    SELECT count(*) FROM old";
