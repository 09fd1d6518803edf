//! Sessions and writes on the owned database that are not ours.
//!
//! *Sessions* are those of `pg_stat_activity` on this database that do not have our name, or do not hold the lock that every session of ours
//! holds as long as it lives; a copied name alone does not pass. Any role sees process, user and application of all sessions; address, state, time and
//! query of other roles' sessions only with the rights of `pg_read_all_stats` (part of `pg_monitor`), else these are `None`.
//!
//! *Writes* are noted by the server itself: triggers on our tables look, once a statement, whether the session has our mark, and note those
//! that have not. A foreign write that was rolled back leaves no note, and did nothing. What the tables' owner or a superuser does to get by
//! (dropping the triggers, copying the mark) is not found: this guards against mistakes, not against its administrators.

use super::failure::Failure;
use super::hosts::APPLICATION;
use super::locks::Space;
use super::rows::column;
use super::session::Work;
use crate::item::UnixMs;

/// Most that are listed.
const MOST: i64 = 1000;

/// A session that is not ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignSession {
    /// The process of the server.
    pub pid: i32,
    /// As whom it is logged in.
    pub user: String,
    /// From where. None: by a local socket, or not to be seen by us.
    pub address: Option<String>,
    /// What it calls itself; it may be anything.
    pub application: String,
    /// What it does: `active`, `idle in transaction`, … None: not to be seen by us.
    pub state: Option<String>,
    /// Since when it is there. None: not to be seen by us.
    pub since: Option<UnixMs>,
    /// The first 256 characters of what it ran last. None: not to be seen by us.
    pub query: Option<String>,
}

/// Writes of a session that is not ours, to one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignWrite {
    /// The process of the server.
    pub pid: i32,
    /// As whom it was logged in.
    pub user: String,
    /// The table.
    pub table: String,
    /// From where. None: by a local socket.
    pub address: Option<String>,
    /// What it called itself.
    pub application: String,
    /// The first 1024 characters of the last of the statements.
    pub query: String,
    /// Statements.
    pub writes: u64,
    /// When the first was.
    pub first: UnixMs,
    /// When the last was.
    pub last: UnixMs,
}

/// The sessions that are not ours, at most a thousand.
pub(super) async fn sessions(session: Work, space: Space) -> Result<Vec<ForeignSession>, Failure> {
    let (high, low) = space.sessions_halves();
    let rows = session.within(session.client.query(SESSIONS, &[&high, &low, &APPLICATION, &MOST])).await?;
    let read = |row| {
        Ok(ForeignSession {
            pid: column(row, 0)?,
            user: column::<Option<String>>(row, 1)?.unwrap_or_default(),
            address: column(row, 2)?,
            application: column::<Option<String>>(row, 3)?.unwrap_or_default(),
            state: column(row, 4)?,
            since: column::<Option<i64>>(row, 5)?.map(UnixMs),
            query: column::<Option<String>>(row, 6)?.filter(|query| query != HIDDEN),
        })
    };
    rows.iter().map(read).collect()
}

/// What PostgreSQL writes in place of a query that we may not see.
const HIDDEN: &str = "<insufficient privilege>";

/// A session of ours has its plain name, and no lock, only while it is set up.
const SESSIONS: &str = "SELECT a.pid, a.usename::text, host(a.client_addr), a.application_name, a.state,
        (extract(epoch FROM a.backend_start) * 1000)::int8, left(a.query, 256)
   FROM pg_stat_activity a
  WHERE a.datname = current_database() AND a.usesysid IS NOT NULL
    AND coalesce(a.backend_type, 'client backend') = 'client backend'
    AND NOT (a.application_name IN ($3::text, current_setting('application_name')) AND a.pid IN (
        SELECT pid FROM pg_locks
         WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND classid = $1::oid AND objid = $2::oid
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())))
    AND NOT (a.application_name = $3::text AND a.usename = current_user
        AND a.backend_start > clock_timestamp() - interval '10 seconds')
  ORDER BY a.pid LIMIT $4::int8";

/// The writes that are noted, the newest first, at most a thousand. Notes are kept for a week after their last write.
pub(super) async fn writes(session: Work, after: UnixMs) -> Result<Vec<ForeignWrite>, Failure> {
    let rows = session.within(session.client.query(WRITES, &[&after.0, &MOST])).await?;
    let read = |row| {
        Ok(ForeignWrite {
            pid: column(row, 0)?,
            user: column(row, 1)?,
            table: column(row, 2)?,
            address: column(row, 3)?,
            application: column::<Option<String>>(row, 4)?.unwrap_or_default(),
            query: column::<Option<String>>(row, 5)?.unwrap_or_default(),
            writes: column::<i64>(row, 6)?.cast_unsigned(),
            first: UnixMs(column(row, 7)?),
            last: UnixMs(column(row, 8)?),
        })
    };
    rows.iter().map(read).collect()
}

const WRITES: &str =
    "SELECT pid, username, target, address, application, query, writes, first_seen, last_seen
    FROM intruder WHERE last_seen > $1::int8 ORDER BY last_seen DESC LIMIT $2::int8";
