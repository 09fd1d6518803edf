//! The tables: made and changed step by step under a lock, and what a session has to know of them.

use super::dialect::Dialect;
use super::failure::Failure;
use super::hosts::APPLICATION;
use super::locks::Space;
use super::rows::column;
use crate::engine::EngineError;
use tokio_postgres::{Client, Row};

/// The steps; the first makes everything. A step that was released never changes.
const STEPS: &[&str] = &[include_str!("schema/0001.sql"), include_str!("schema/0002.sql")];

/// Longest that a start waits for another process that changes the schema, and that one step takes.
const STEP_MS: u32 = 300_000;

/// Brings the schema to the newest version.
pub(super) async fn migrate(client: &Client, schema: &str, space: Space) -> Result<(), Failure> {
    let begin = format!(
        "SET statement_timeout = {STEP_MS}; SET synchronous_commit = on; SET client_min_messages = 'warning';
         SELECT pg_advisory_lock_shared({ours});
         BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT pg_advisory_xact_lock({schema})",
        // An index may take minutes: whoever looks for intruders meanwhile knows us by this.
        ours = space.sessions(),
        schema = space.schema()
    );
    client.batch_execute(&begin).await?;
    let table = format!("{schema}.migration");
    let exists = client.query_one("SELECT to_regclass($1::text) IS NOT NULL", &[&table]).await?;
    if !column::<bool>(&exists, 0)? {
        // Without the right to make schemas, an empty one that an administrator made will do.
        let there = client.query_opt("SELECT 1 FROM pg_namespace WHERE nspname = $1", &[&schema]).await?;
        if there.is_none() {
            client.batch_execute(&format!("CREATE SCHEMA {schema}")).await?;
        }
        let columns = "number int4 PRIMARY KEY, made timestamptz NOT NULL DEFAULT now()";
        client.batch_execute(&format!("CREATE TABLE {table} ({columns})")).await?;
    }
    client.batch_execute(&format!("SET LOCAL search_path = {schema}, pg_catalog, pg_temp")).await?;
    let done = client.query_one("SELECT coalesce(max(number), 0) FROM migration", &[]).await?;
    let done = usize::try_from(column::<i32>(&done, 0)?).unwrap_or(0);
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
    pub async fn read(client: &Client, space: Space, dialect: Dialect) -> Result<Standing, Failure> {
        let identity = dialect.identity();
        let read = format!(
            "SELECT mark::text, log_offset, log_identity = {identity}, right({identity}, 8) FROM meta"
        );
        let row = client.query_one(&read, &[]).await?;
        let standing = Standing::of(&row)?;
        if column(&row, 2)? {
            return Ok(standing);
        }
        let adopt = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT pg_advisory_xact_lock({lock}); SET LOCAL tenet.mark = '{mark}';
             UPDATE meta SET log_identity = {identity}, log_offset = {NEXT_OFFSET} WHERE log_identity <> {identity}; COMMIT",
            lock = space.schema(),
            mark = standing.mark
        );
        client.batch_execute(&adopt).await?;
        Standing::of(&client.query_one(&read, &[]).await?)
    }

    fn of(row: &Row) -> Result<Standing, Failure> {
        let timeline: String = column(row, 3)?;
        let timeline = u32::from_str_radix(&timeline, 16).unwrap_or(0);
        Ok(Standing { mark: column(row, 0)?, offset: column(row, 1)?, timeline })
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

/// The name of our sessions.
pub(super) fn application(mark: &str) -> String {
    format!("{APPLICATION} {mark}")
}

/// An offset by which the next place is greater than all that were given. The gap is more transactions than a replica can be behind; places have 43
/// bits, which is room for 500,000 promotions.
const NEXT_OFFSET: &str = "16777216 + greatest(log_offset,
    (SELECT coalesce(max(greatest(c.forgotten, (SELECT max(place) FROM change WHERE collection = c.id))), 0) >> 20 FROM collection c)
    - pg_snapshot_xmax(pg_current_snapshot())::text::int8)";
