//! The way of a backup back into the tables, part by part.
//!
//! The table `loading` says of which backup, and which part comes next; it is there as long as a restore did not end.

use super::collections;
use super::failure::Failure;
use super::locks::{HOLDERS, Space};
use super::rows::{self, Keys, Values, column};
use super::session::Work;
use super::{Postgres, Purpose};
use crate::engine::{Collection, EngineError, Load, LoadBegin, Loaded, Row, assign};
use crate::name::CollectionId;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

/// Items that are counted before something is said to be there.
const COUNTED: i64 = 1000;
/// For how long sessions of a process that was killed may still be there when a restore begins: the server looks after them every few seconds.
const LEAVING: Duration = Duration::from_secs(10);
/// Between two looks whether they are gone.
const LOOK: Duration = Duration::from_millis(100);

/// The backup whose restore did not end.
pub(super) async fn unfinished(session: Work) -> Result<Option<u128>, Failure> {
    session.within(there(&session.client)).await
}

/// The same on a session that is being opened.
pub(super) async fn there(client: &Client) -> Result<Option<u128>, Failure> {
    let there = client.query_one("SELECT to_regclass('loading') IS NOT NULL", &[]).await?;
    if !column::<bool>(&there, 0)? {
        return Ok(None);
    }
    let row = match client.query_opt("SELECT backup, next FROM loading", &[]).await {
        // It ended just now.
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => None,
        row => row?,
    };
    Ok(row.map(|row| loading(&row)).transpose()?.map(|(backup, _)| backup))
}

fn loading(row: &tokio_postgres::Row) -> Result<(u128, u64), Failure> {
    let backup = <[u8; 16]>::try_from(column::<&[u8]>(row, 0)?).map_err(|_| {
        let (place, what) = ("the table loading".into(), "a backup's id is not of 16 bytes".into());
        Failure::refused(EngineError::Corrupt { place, what })
    })?;
    Ok((u128::from_be_bytes(backup), column::<i64>(row, 1)?.cast_unsigned()))
}

impl Postgres {
    pub(super) async fn load_step(&self, step: Load) -> Result<Loaded, EngineError> {
        if let Load::Begin(begin) = &step {
            self.alone().await?;
            self.pool.restores().know(Some(begin.backup));
        }
        let step = Arc::new(step);
        let space = self.space;
        let work = |session: Work| {
            let step = step.clone();
            async move {
                match &*step {
                    Load::Begin(begin) => begin_load(session, space, begin).await,
                    Load::Rows { backup, part, rows } => put_rows(session, *backup, *part, rows).await,
                    Load::End { backup } => end(session, *backup).await,
                }
            }
        };
        let done = self.pool.run(Purpose::Write, work).await.map_err(|failure| failure.error);
        match (&*step, &done) {
            (_, Ok(Loaded::Taken { unfinished, .. })) => self.pool.restores().know(*unfinished),
            (Load::End { .. }, Ok(_)) => self.pool.restores().know(None),
            _ => {}
        }
        if let Load::Begin(_) = &*step {
            // They know where the log was before.
            self.pool.forget_idle();
        }
        done
    }

    /// Waits until no session of the store is left but ours. Another process would go on serving what is replaced under it.
    async fn alone(&self) -> Result<(), EngineError> {
        let until = Instant::now() + LEAVING;
        loop {
            // Ours count as well.
            self.pool.forget_idle();
            let space = self.space;
            let others =
                self.call(Purpose::Read, move |session| async move { others(&session, space).await }).await?;
            if others == 0 {
                return Ok(());
            }
            if Instant::now() >= until {
                return Err(EngineError::Unavailable(format!(
                    "another process of the store has {others} sessions on it; all are to be ended before"
                )));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Sessions of stores beside this one.
async fn others(session: &Work, space: Space) -> Result<i64, Failure> {
    let (high, low) = space.sessions_halves();
    let others = format!("SELECT count(*) FROM ({HOLDERS}) AS held WHERE pid <> pg_backend_pid()");
    let row = session.within(session.client.query_one(&others, &[&high, &low])).await?;
    column(&row, 0)
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS loading (
    one bool PRIMARY KEY DEFAULT true CHECK (one), backup bytea NOT NULL, next int8 NOT NULL)";

/// Says that a restore begins, looks once more that nobody else is there, and makes room. A session that is opened meanwhile is seen here or sees what is said.
async fn begin_load(session: Work, space: Space, begin: &LoadBegin) -> Result<Loaded, Failure> {
    let client = &session.client;
    let open = format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT pg_advisory_xact_lock({})",
        space.schema()
    );
    session.within(client.batch_execute(&format!("{open}; {TABLE}"))).await?;
    let row = session.within(client.query_opt("SELECT backup, next FROM loading", &[])).await?;
    let there = row.map(|row| loading(&row)).transpose()?;
    let goes_on = there.filter(|(backup, _)| *backup == begin.backup);
    let count = format!("SELECT count(*) FROM (SELECT 1 FROM item LIMIT {COUNTED}) AS first");
    let items: i64 = column(&session.within(client.query_one(&count, &[])).await?, 0)?;
    if goes_on.is_none() && !begin.replace && (there.is_some() || items > 0) {
        session.within(client.batch_execute("ROLLBACK")).await?;
        return Ok(Loaded::Taken {
            items: items.cast_unsigned(),
            unfinished: there.map(|(backup, _)| backup),
        });
    }
    if goes_on.is_none() {
        let backup = begin.backup.to_be_bytes();
        session.within(client.batch_execute("DELETE FROM loading")).await?;
        let say = "INSERT INTO loading (backup, next) VALUES ($1, 0)";
        session.within(client.execute(say, &[&&backup[..]])).await?;
    }
    session.within(client.batch_execute("COMMIT")).await?;
    if others(&session, space).await? > 0 {
        if there.is_none() {
            session.within(client.batch_execute("DROP TABLE loading")).await?;
        }
        return Err(Failure::refused(EngineError::Unavailable(
            "another process of the store has come to it; all are to be ended before".into(),
        )));
    }
    let next = goes_on.map_or(0, |(_, next)| next);
    session.within(client.batch_execute(&open)).await?;
    let known = collections::all_on(&session).await?;
    let assigned = assign(&known, &begin.collections);
    for (from, to) in &assigned {
        let Some((_, of)) = begin.collections.iter().find(|(id, _)| id == from) else { continue };
        declare(&session, *to, of).await?;
    }
    // Before the first part, also where a run before this one ended between the two.
    if next == 0 {
        empty(&session, begin).await?;
    }
    session.within(client.batch_execute("COMMIT")).await?;
    Ok(Loaded::Parts { next, ids: assigned })
}

/// Declares a collection as it is in the backup: its entries of indexes are of the layout that it had there.
async fn declare(session: &Work, id: CollectionId, of: &Collection) -> Result<(), Failure> {
    let declare = "INSERT INTO collection (id, namespace, name, retention_ms, layout) VALUES ($1::int4, $2::text, $3::text, $4::int8, $5::int8)
        ON CONFLICT (id) DO UPDATE SET retention_ms = EXCLUDED.retention_ms, layout = EXCLUDED.layout";
    let (namespace, name) = (of.name.namespace.as_str(), of.name.collection.as_str());
    let retention = i64::try_from(of.retention.as_millis()).unwrap_or(i64::MAX);
    let (id, layout) = (rows::collection(id)?, of.layout.cast_signed());
    session.within(session.client.execute(declare, &[&id, &namespace, &name, &retention, &layout])).await?;
    Ok(())
}

/// Removes what is there, and moves versions and the log on.
async fn empty(session: &Work, begin: &LoadBegin) -> Result<(), Failure> {
    let client = &session.client;
    session.within(client.batch_execute("TRUNCATE item, token, change, chunk, loose")).await?;
    let version = rows::version(begin.version);
    let versions = "SELECT setval('version', greatest($1::int8, (SELECT last_value FROM version), 1024))";
    session.within(client.query_one(versions, &[&version])).await?;
    if session.server.dialect.has_feed() {
        // Whoever followed the log up to here, or up to where the backup's ended, finds that he is too late, and places go on behind both.
        let log = "WITH here AS (SELECT greatest($1::int8, ((pg_snapshot_xmax(pg_current_snapshot())::text::int8 + log_offset) << 20) + 1) AS place FROM meta),
            moved AS (UPDATE meta SET log_offset = greatest(log_offset, ($1::int8 >> 20) + 1))
            UPDATE collection SET forgotten = greatest(forgotten, here.place) FROM here";
        session.within(client.execute(log, &[&begin.logged.0.cast_signed()])).await?;
    }
    Ok(())
}

async fn put_rows(session: Work, backup: u128, part: u64, rows: &[Row]) -> Result<Loaded, Failure> {
    let client = &session.client;
    session.within(client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")).await?;
    let next = locked(&session, backup).await?;
    if part == next {
        insert(&session, rows).await?;
        session.within(client.execute("UPDATE loading SET next = next + 1", &[])).await?;
    }
    session.within(client.batch_execute("COMMIT")).await?;
    Ok(Loaded::Parts { next: next.max(part + 1), ids: Vec::new() })
}

async fn locked(session: &Work, backup: u128) -> Result<u64, Failure> {
    let none = || Failure::refused(EngineError::Broken("no restore of this backup was begun".into()));
    let look = session.client.query_opt("SELECT backup, next FROM loading FOR UPDATE", &[]);
    let row = session.within(look).await?.ok_or_else(none)?;
    let (found, next) = loading(&row)?;
    if found == backup { Ok(next) } else { Err(none()) }
}

async fn insert(session: &Work, rows: &[Row]) -> Result<(), Failure> {
    let (client, s) = (&session.client, &session.statements);
    let (mut keys, mut values) = (Keys::default(), Values::default());
    let (mut versions, mut updated) = (Vec::new(), Vec::new());
    let (mut times, mut nonces, mut answers) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        match row {
            Row::Item(key, item) => {
                keys.push(key)?;
                values.push(Some(item));
                versions.push(rows::version(item.version));
                updated.push(item.updated.0);
            }
            Row::Chunk { blob, number, data } => {
                let (blob, number, data) = (blob.cast_signed(), number.cast_signed(), &data[..]);
                session.within(client.execute(&s.stage, &[&blob, &number, &data])).await?;
            }
            Row::Token(token, version) => {
                times.push(token.time.0);
                nonces.push(token.nonce.to_be_bytes());
                answers.push(rows::version(*version));
            }
        }
    }
    if !versions.is_empty() {
        let (k, v) = (&keys, &values);
        let row: [&(dyn ToSql + Sync); 9] = [
            &k.collections,
            &k.records,
            &k.keys,
            &v.values,
            &v.blobs,
            &v.sizes,
            &versions,
            &updated,
            &v.expires,
        ];
        session.within(client.execute(&s.put, &row)).await?;
    }
    if !times.is_empty() {
        let nonces: Vec<&[u8]> = nonces.iter().map(|nonce| &nonce[..]).collect();
        let now = collections::clock(session).await?.0;
        session.within(client.execute(&s.keep_tokens, &[&times, &nonces, &answers, &now])).await?;
    }
    Ok(())
}

async fn end(session: Work, backup: u128) -> Result<Loaded, Failure> {
    let client = &session.client;
    session.within(client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")).await?;
    let next = locked(&session, backup).await?;
    session.within(client.batch_execute("DROP TABLE loading; COMMIT")).await?;
    // What the planner knows is of the time before: sizes would be guesses until the server's own upkeep has looked.
    if let Err(failure) = session.within(client.batch_execute("ANALYZE item, token, chunk")).await {
        tracing::warn!(
            "the restored tables were not analysed, so sizes are guesses for a while: {}",
            failure.error
        );
    }
    Ok(Loaded::Parts { next, ids: Vec::new() })
}
