//! A database that is somebody else's own: looked at by one connection, nothing of it read or written.

use super::activity::{CLIENTS, COLUMNS, MOST, session};
use super::{Look, Sentry};
use crate::engine::{EngineError, Pending};
use std::fmt;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};

/// What a connection of a watch calls itself.
const APPLICATION: &str = "tenet-guard";
/// Longest that the server works on the look.
const STATEMENT_MS: u32 = 5_000;
/// Longest that one host may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(3);

/// By which sessions are the owner's: those that match each list that is not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnedBy {
    /// Users of PostgreSQL.
    pub users: Vec<String>,
    /// Values of `application_name`.
    pub applications: Vec<String>,
}

/// The watch's way to the database. The connection stays open from look to look, and is made anew where it was lost.
pub struct Database {
    config: Config,
    owner: OwnedBy,
    client: Mutex<Option<Client>>,
}

impl fmt::Debug for Database {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("owner", &self.owner).finish_non_exhaustive()
    }
}

impl Database {
    /// The database at `url`, which is `owner`'s. It is not connected to yet.
    ///
    /// # Errors
    /// [`EngineError::Broken`]: the URL cannot be read, or asks for TLS.
    pub fn new(url: &str, owner: OwnedBy) -> Result<Database, EngineError> {
        // What is wrong with it is not repeated: it may hold a password.
        let unreadable = |_| EngineError::Broken("the URL of the database cannot be read".into());
        let mut config: Config = url.parse().map_err(unreadable)?;
        if !matches!(config.get_ssl_mode(), SslMode::Prefer | SslMode::Disable) {
            let fault =
                "sslmode asks for TLS, which the watch does not speak yet: leave it out or say disable";
            return Err(EngineError::Broken(fault.into()));
        }
        config.application_name(APPLICATION).connect_timeout(CONNECT);
        Ok(Database { config, owner, client: Mutex::default() })
    }

    async fn connect(&self) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = self.config.connect(NoTls).await?;
        // It ends with the client.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("the connection of a watch ended: {error}");
            }
        });
        let settings = format!(
            "SET statement_timeout = {STATEMENT_MS}; SET default_transaction_read_only = on; SET search_path = pg_catalog"
        );
        client.batch_execute(&settings).await?;
        Ok(client)
    }

    async fn sessions(&self, client: &Client) -> Result<Look, tokio_postgres::Error> {
        let query = format!(
            "SELECT {COLUMNS} FROM pg_stat_activity a WHERE {CLIENTS}
                AND a.pid <> pg_backend_pid() AND NOT (a.application_name = $1::text AND a.usename = current_user)
                AND NOT ((cardinality($2::text[]) = 0 OR a.usename::text = ANY($2::text[]))
                     AND (cardinality($3::text[]) = 0 OR a.application_name = ANY($3::text[])))
              ORDER BY a.pid LIMIT $4::int8"
        );
        let OwnedBy { users, applications } = &self.owner;
        let rows = client.query(&query, &[&APPLICATION, users, applications, &MOST]).await?;
        let sessions = rows.iter().map(session).collect::<Result<_, _>>()?;
        Ok(Look { sessions, writes: Vec::new() })
    }
}

impl Sentry for Database {
    fn look(&self, _: Duration) -> Pending<'_, Look> {
        Box::pin(async move {
            let mut kept = self.client.lock().await;
            // Taken out: what fails, or is given up in the middle, is not used again.
            let client = match kept.take().filter(|client| !client.is_closed()) {
                Some(client) => client,
                None => self.connect().await.map_err(|error| unavailable(&error))?,
            };
            let look = self.sessions(&client).await.map_err(|error| unavailable(&error))?;
            *kept = Some(client);
            Ok(look)
        })
    }
}

/// With the words of the server, which the error keeps below its own.
fn unavailable(error: &tokio_postgres::Error) -> EngineError {
    let said = std::error::Error::source(error).map_or_else(String::new, |source| format!(": {source}"));
    EngineError::Unavailable(format!("{error}{said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_is_none_is_refused_without_saying_it() {
        for (url, says) in [
            ("postgres://me:secret@h/d", None),
            ("postgres://me:secret@h/d?sslmode=prefer", None),
            ("postgres://me:secret@h/d?sslmode=require", Some("TLS")),
            ("postgres://me:secret@h:port/d", Some("cannot be read")),
            ("secret", Some("cannot be read")),
        ] {
            let made = Database::new(url, OwnedBy::default());
            let text = made.map_or_else(|error| error.to_string(), |database| format!("{database:?}"));
            assert!(!text.contains("secret"), "{text}");
            assert!(says.is_none_or(|says| text.contains(says)), "{url}: {text}");
        }
    }
}
