//! Sessions and writes on the owned database that are not ours.
//!
//! *Sessions* are those of `pg_stat_activity` on this database that do not have our name, or do not hold the lock that every session of ours
//! holds as long as it lives; a copied name alone does not pass. Any role sees process, user and application of all sessions; address, state, time and
//! query of other roles' sessions only with the rights of `pg_read_all_stats` (part of `pg_monitor`), else these are `None`. The server's own (vacuum, parallel
//! workers, those that send its log to replicas) are nobody's.
//!
//! *Writes* are noted by the server itself: triggers on our tables look, once a statement, whether the session has our mark, and note those
//! that have not. A foreign write that was rolled back leaves no note, and did nothing. What the tables' owner or a superuser does to get by
//! (dropping the triggers, copying the mark) is not found: this guards against mistakes, not against its administrators.

use super::collections;
use super::failure::Failure;
use super::hosts::APPLICATION;
use super::locks::{HOLDERS, Space};
use super::rows::column;
use super::session::Work;
use crate::guard::activity::{self, CLIENTS, COLUMNS, MOST};
use crate::guard::{ForeignSession, ForeignWrite, Look};
use crate::item::UnixMs;
use std::time::Duration;

/// Who is there now, and who wrote within the last `since` by the server's clock.
pub(super) async fn look(session: Work, space: Space, since: Duration) -> Result<Look, Failure> {
    let sessions = sessions(&session, space).await?;
    let since = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    let after = UnixMs(collections::clock(&session).await?.0.saturating_sub(since));
    Ok(Look { sessions, writes: writes(&session, after).await? })
}

/// The sessions that are not ours, at most a thousand.
pub(super) async fn sessions(session: &Work, space: Space) -> Result<Vec<ForeignSession>, Failure> {
    let (high, low) = space.sessions_halves();
    let query = format!(
        // A session of ours has its plain name, and no lock, only while it is set up.
        "SELECT {COLUMNS} FROM pg_stat_activity a WHERE {CLIENTS}
            AND NOT (a.application_name IN ($3::text, current_setting('application_name')) AND a.pid IN ({HOLDERS}))
            AND NOT (a.application_name = $3::text AND a.usename = current_user
                AND a.backend_start > clock_timestamp() - interval '10 seconds')
          ORDER BY a.pid LIMIT $4::int8"
    );
    let rows = session.within(session.client.query(&query, &[&high, &low, &APPLICATION, &MOST])).await?;
    rows.iter().map(|row| Ok(activity::session(row)?)).collect()
}

/// The writes that are noted, the newest first, at most a thousand. Notes are kept for a week after their last write.
pub(super) async fn writes(session: &Work, after: UnixMs) -> Result<Vec<ForeignWrite>, Failure> {
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
