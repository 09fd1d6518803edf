//! Sessions as `pg_stat_activity` has them, for whoever looks: the store at its own database, and a watch at another's.

use super::ForeignSession;
use crate::item::UnixMs;
use tokio_postgres::{Error, Row};

/// Most that are listed.
pub(crate) const MOST: i64 = 1000;

/// What is read of a session, in the order of [`session`].
pub(crate) const COLUMNS: &str = "a.pid, a.usename::text, host(a.client_addr), a.application_name, a.state,
        (extract(epoch FROM a.backend_start) * 1000)::int8, left(a.query, 256)";

/// Sessions of clients on this database. What a role may not see of others is null; those that send the server's log to a replica are known by their process
/// all the same.
pub(crate) const CLIENTS: &str = "a.datname = current_database() AND a.usesysid IS NOT NULL
    AND coalesce(a.backend_type, 'client backend') = 'client backend'
    AND NOT EXISTS (SELECT FROM pg_stat_replication r WHERE r.pid = a.pid)";

/// What PostgreSQL writes in place of a query that we may not see.
const HIDDEN: &str = "<insufficient privilege>";

/// A row of [`COLUMNS`].
pub(crate) fn session(row: &Row) -> Result<ForeignSession, Error> {
    Ok(ForeignSession {
        pid: row.try_get(0)?,
        user: row.try_get::<_, Option<String>>(1)?.unwrap_or_default(),
        address: row.try_get(2)?,
        application: row.try_get::<_, Option<String>>(3)?.unwrap_or_default(),
        state: row.try_get(4)?,
        since: row.try_get::<_, Option<i64>>(5)?.map(UnixMs),
        query: row.try_get::<_, Option<String>>(6)?.filter(|query| query != HIDDEN),
    })
}
