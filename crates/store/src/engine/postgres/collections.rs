//! Who owns the database, and which collections there are.

use super::failure::Failure;
use super::locks::Space;
use super::rows::column;
use super::session::Work;
use crate::engine::{Collection, EngineError, Stamp};
use crate::item::{UnixMs, Version};
use crate::name::{CollectionId, CollectionName, Name};
use std::time::Duration;
use tokio_postgres::Row;

/// Writes the stamp where there is none; the stamp that is there.
pub(super) async fn claim(session: Work, stamp: &Stamp) -> Result<Stamp, Failure> {
    let client = &session.client;
    let write = "UPDATE meta SET owner = $1, owner_id = $2 WHERE owner IS NULL";
    let id = stamp.id.to_be_bytes();
    session.within(client.execute(write, &[&stamp.owner, &&id[..]])).await?;
    let row = session.within(client.query_one("SELECT owner, owner_id FROM meta", &[])).await?;
    let id = <[u8; 16]>::try_from(column::<&[u8]>(&row, 1)?).map_err(|_| damaged("meta"))?;
    Ok(Stamp { owner: column(&row, 0)?, id: u128::from_be_bytes(id) })
}

/// Makes a collection known, or changes its retention or its layout.
///
/// A commit looks at both while it holds the collection's gate, shared. Who changes one of them has the gate alone: when it is done, no
/// commit is under way that still thinks that nobody watches, or that there is no index.
pub(super) async fn declare(
    session: Work,
    space: Space,
    collection: &Collection,
) -> Result<CollectionId, Failure> {
    if !collection.retention.is_zero() && !session.server.dialect.has_feed() {
        let text =
            format!("changes of {} cannot be followed on this server: declare it without", collection.name);
        return Err(Failure::refused(EngineError::Broken(text)));
    }
    let client = &session.client;
    let begin = format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT pg_advisory_xact_lock({})",
        space.schema()
    );
    let (namespace, name) = (collection.name.namespace.as_str(), collection.name.collection.as_str());
    let retention = i64::try_from(collection.retention.as_millis()).unwrap_or(i64::MAX);
    let layout = collection.layout.cast_signed();
    let find = "SELECT id, retention_ms, layout FROM collection WHERE namespace = $1 AND name = $2";
    let work = async {
        client.batch_execute(&begin).await?;
        let id = match client.query_opt(find, &[&namespace, &name]).await? {
            None => {
                let insert = "INSERT INTO collection (id, namespace, name, retention_ms, layout)
                    SELECT coalesce(max(id), 0) + 1, $1::text, $2::text, $3::int8, $4::int8 FROM collection RETURNING id";
                column(&client.query_one(insert, &[&namespace, &name, &retention, &layout]).await?, 0)?
            }
            Some(row) => {
                let id: i32 = column(&row, 0)?;
                if column::<i64>(&row, 1)? != retention || column::<i64>(&row, 2)? != layout {
                    client.query_one("SELECT pg_advisory_xact_lock($1, $2)", &[&space.gates(), &id]).await?;
                    let update = "UPDATE collection SET retention_ms = $2, layout = $3 WHERE id = $1";
                    client.execute(update, &[&id, &retention, &layout]).await?;
                }
                id
            }
        };
        client.batch_execute("COMMIT").await?;
        Ok::<i32, Failure>(id)
    };
    Ok(CollectionId(session.within(work).await?.cast_unsigned()))
}

/// All that were ever declared.
pub(super) async fn all(session: Work) -> Result<Vec<(CollectionId, Collection)>, Failure> {
    all_on(&session).await
}

/// The same in the middle of something.
pub(super) async fn all_on(session: &Work) -> Result<Vec<(CollectionId, Collection)>, Failure> {
    let all = "SELECT id, namespace, name, retention_ms, layout FROM collection ORDER BY id";
    let rows = session.within(session.client.query(all, &[])).await?;
    rows.iter().map(known).collect()
}

fn known(row: &Row) -> Result<(CollectionId, Collection), Failure> {
    let name = |place| Name::stored(column(row, place)?).map_err(|_| damaged("collection"));
    let retention = u64::try_from(column::<i64>(row, 3)?).unwrap_or(0);
    let collection = Collection {
        name: CollectionName { namespace: name(1)?, collection: name(2)? },
        retention: Duration::from_millis(retention),
        layout: column::<i64>(row, 4)?.cast_unsigned(),
    };
    Ok((CollectionId(column::<i32>(row, 0)?.cast_unsigned()), collection))
}

/// The time by the server.
pub(super) async fn clock(session: &Work) -> Result<UnixMs, Failure> {
    let now = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8";
    let row = session.within(session.client.query_one(now, &[])).await?;
    Ok(UnixMs(column(&row, 0)?))
}

/// The greatest version that may have been given: the end of the last block that was drawn.
pub(super) async fn last_version(session: Work) -> Result<Version, Failure> {
    let last = "SELECT CASE WHEN is_called THEN last_value + 1023 ELSE 0 END FROM version";
    let row = session.within(session.client.query_one(last, &[])).await?;
    Ok(Version(column::<i64>(&row, 0)?.cast_unsigned()))
}

fn damaged(table: &str) -> Failure {
    let (place, what) = (format!("the table {table}"), "what it holds was not written by the store".into());
    Failure::refused(EngineError::Corrupt { place, what })
}
