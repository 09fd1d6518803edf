//! A transaction that sees one moment for as long as it is open (REPEATABLE READ).
//!
//! Each snapshot has a connection of its own beside the pool's. While it is open, PostgreSQL keeps every row version that it may still look at: so
//! it has an end of its own ([`LONGEST`]) should whoever reads it forget it.

use super::connect::Connector;
use super::failure::Failure;
use super::rows::{column, token};
use super::session::{Session, Work};
use super::{blobs, collections, read};
use crate::commit::Token;
use crate::engine::{Cursor, Moment, Page, Pending, Scan, SharedSnapshot, Snapshot};
use crate::item::{UnixMs, Version};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Longest that a snapshot is open without being read, by the server; longer than operators' snapshots are held.
const LONGEST: Duration = Duration::from_secs(900);
/// Longest that one page takes.
const PAGE: Duration = Duration::from_secs(30);
/// Bits of a place in the log that number the changes of one transaction.
const PLACE_BITS: u32 = 20;

struct Kept {
    session: Arc<Session>,
    moment: Moment,
}

/// Opens a connection and keeps this moment on it.
pub(super) async fn snapshot(connector: &Connector) -> Result<SharedSnapshot, Failure> {
    let session = Arc::new(connector.open().await?);
    let begin = format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL idle_in_transaction_session_timeout = {}",
        LONGEST.as_millis()
    );
    let feed = session.server.dialect.has_feed();
    let settled = if feed { "pg_snapshot_xmax(pg_current_snapshot())::text::int8" } else { "0::int8" };
    let moment = format!(
        "SELECT (extract(epoch FROM statement_timestamp()) * 1000)::int8,
                (SELECT CASE WHEN is_called THEN last_value + 1023 ELSE 0 END FROM version), {settled},
                (SELECT sum(reltuples)::int8 FROM pg_class WHERE oid IN ('item'::regclass, 'token'::regclass) AND reltuples >= 0)"
    );
    let work = || Work::new(session.clone(), Instant::now() + PAGE);
    let first = work();
    first.within(session.client.batch_execute(&begin)).await?;
    // The first statement takes the snapshot that all others see; versions that were drawn and not used do no harm.
    let row = first.within(session.client.query_one(&moment, &[])).await?;
    let (version, settled): (i64, i64) = (column(&row, 1)?, column(&row, 2)?);
    let moment = Moment {
        at: UnixMs(column(&row, 0)?),
        version: Version(version.cast_unsigned()),
        logged: Cursor(((settled + session.offset) << PLACE_BITS).cast_unsigned()),
        collections: collections::all(work()).await?,
        rows: column::<Option<i64>>(&row, 3)?.map(i64::cast_unsigned),
        state: None,
    };
    Ok(Arc::new(Kept { session, moment }))
}

impl Kept {
    fn work(&self) -> Work {
        Work::new(self.session.clone(), Instant::now() + PAGE)
    }
}

impl Snapshot for Kept {
    fn moment(&self) -> &Moment {
        &self.moment
    }

    fn scan(&self, scan: Scan) -> Pending<'_, Page> {
        Box::pin(async move { read::scan(self.work(), &scan).await.map_err(|failure| failure.error) })
    }

    fn chunk(&self, blob: u64, number: u32) -> Pending<'_, Option<Bytes>> {
        Box::pin(
            async move { blobs::chunk(self.work(), blob, number).await.map_err(|failure| failure.error) },
        )
    }

    fn tokens(&self, after: Option<Token>, limit: usize) -> Pending<'_, Vec<(Token, Version)>> {
        Box::pin(async move { tokens(self.work(), after, limit).await.map_err(|failure| failure.error) })
    }
}

async fn tokens(session: Work, after: Option<Token>, limit: usize) -> Result<Vec<(Token, Version)>, Failure> {
    let page = "SELECT time, nonce, version FROM token WHERE (time, nonce) > ($1::int8, $2::bytea) ORDER BY time, nonce LIMIT $3::int8";
    // No nonce is empty, so this is before all.
    let (time, nonce) =
        after.map_or((i64::MIN, Vec::new()), |token| (token.time.0, token.nonce.to_be_bytes().to_vec()));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = session.within(session.client.query(page, &[&time, &nonce, &limit])).await?;
    rows.iter().map(token).collect()
}
