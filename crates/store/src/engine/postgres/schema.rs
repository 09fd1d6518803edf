//! The tables: made and changed step by step under a lock, and what a session has to know of them.

use super::connect::APPLICATION;
use super::failure::Failure;
use super::locks::Space;
use crate::engine::EngineError;
use tokio_postgres::{Client, Row};

/// The steps; the first makes everything. A step that was released never changes.
const STEPS: &[&str] = &[include_str!("schema/0001.sql")];

/// Longest that a start waits for another process that changes the schema, and that one step takes.
const STEP_MS: u32 = 300_000;

/// Brings the schema to the newest version.
pub(super) async fn migrate(client: &Client, schema: &str, space: Space) -> Result<(), Failure> {
    let begin = format!(
        "SET statement_timeout = {STEP_MS}; SET synchronous_commit = on; SET client_min_messages = 'warning';
         BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT pg_advisory_xact_lock({})",
        space.schema()
    );
    client.batch_execute(&begin).await?;
    let exists = client
        .query_one("SELECT to_regclass($1) IS NOT NULL", &[&format!("{schema}.migration")])
        .await?;
    if !exists.try_get::<_, bool>(0).map_err(|error| Failure::shape(&error))? {
        // Without the right to make schemas, an empty one that an administrator made will do.
        let there = client.query_opt("SELECT 1 FROM pg_namespace WHERE nspname = $1", &[&schema]).await?;
        if there.is_none() {
            client.batch_execute(&format!("CREATE SCHEMA {schema}")).await?;
        }
        let table = "migration (number int4 PRIMARY KEY, made timestamptz NOT NULL DEFAULT now())";
        client.batch_execute(&format!("CREATE TABLE {schema}.{table}")).await?;
    }
    client.batch_execute(&format!("SET LOCAL search_path = {schema}, pg_catalog, pg_temp")).await?;
    let done = client.query_one("SELECT coalesce(max(number), 0) FROM migration", &[]).await?;
    let done: i32 = done.try_get(0).map_err(|error| Failure::shape(&error))?;
    let done = usize::try_from(done).unwrap_or(0);
    if done > STEPS.len() {
        let text = format!("the schema {schema} is of version {done}, this build knows {}", STEPS.len());
        return Err(Failure::refused(EngineError::Broken(text)));
    }
    for (number, step) in (1i32..).zip(STEPS).skip(done) {
        client.batch_execute(&step.replace("{schema}", schema)).await?;
        client.execute("INSERT INTO migration (number) VALUES ($1)", &[&number]).await?;
    }
    client.batch_execute("COMMIT").await?;
    Ok(())
}

/// What a session has to know of the schema.
pub(super) struct Standing {
    /// See the table `meta`.
    mark: String,
    /// The cluster's timeline.
    pub timeline: u32,
    /// What is added to transaction ids.
    pub offset: i64,
}

impl Standing {
    /// Reads it, and moves the log on where the transaction ids are of another cluster or timeline than those in it.
    ///
    /// Ids are handed out again after a promotion (those that the replica had not seen), and begin anew in a cluster that a dump was read into. A
    /// larger offset keeps every later place greater than every earlier one.
    async fn read(client: &Client, space: Space) -> Result<Standing, Failure> {
        let row = client.query_one(STANDING, &[]).await?;
        let standing = parse(&row)?;
        if standing.1 {
            return Ok(standing.0);
        }
        let mark = &standing.0.mark;
        let adopt = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT pg_advisory_xact_lock({}); SET LOCAL tenet.mark = '{mark}';
             {ADOPT}; COMMIT",
            space.schema()
        );
        client.batch_execute(&adopt).await?;
        Ok(parse(&client.query_one(STANDING, &[]).await?)?.0)
    }

    /// Makes the session known as ours: by name, by a lock it holds, and by the mark that its writes carry.
    pub fn settings(&self, space: Space) -> String {
        format!(
            "SET tenet.mark = '{mark}'; SET application_name = '{name}'; SELECT pg_advisory_lock_shared({lock})",
            mark = self.mark,
            name = application(&self.mark),
            lock = space.sessions()
        )
    }
}

/// See [`Standing::read`].
pub(super) async fn standing(client: &Client, space: Space) -> Result<Standing, Failure> {
    Standing::read(client, space).await
}

/// The name of our sessions.
pub(super) fn application(mark: &str) -> String {
    format!("{APPLICATION} {mark}")
}

/// The identity is the cluster's and its timeline's.
macro_rules! identity {
    () => {
        "((SELECT system_identifier FROM pg_control_system())::text || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8))"
    };
}

const STANDING: &str = concat!(
    "SELECT mark::text, log_offset, log_identity = ",
    identity!(),
    ", left(pg_walfile_name(pg_current_wal_lsn()), 8) FROM meta"
);

/// The gap is more transactions than a replica can be behind. Places have 43 bits: room for 500,000 promotions.
const ADOPT: &str = concat!(
    "UPDATE meta SET log_identity = ",
    identity!(),
    ", log_offset = 16777216 + greatest(log_offset,
        coalesce((SELECT max(place) >> 20 FROM change), 0) - pg_snapshot_xmax(pg_current_snapshot())::text::int8,
        coalesce((SELECT max(forgotten) >> 20 FROM collection), 0) - pg_snapshot_xmax(pg_current_snapshot())::text::int8)
      WHERE log_identity <> ",
    identity!()
);

/// The standing, and whether the log is of this cluster and timeline.
fn parse(row: &Row) -> Result<(Standing, bool), Failure> {
    let read = || {
        let timeline: String = row.try_get(3)?;
        let timeline = u32::from_str_radix(&timeline, 16).unwrap_or(0);
        let standing = Standing { mark: row.try_get(0)?, offset: row.try_get(1)?, timeline };
        Ok((standing, row.try_get(2)?))
    };
    read().map_err(|error| Failure::shape(&error))
}
