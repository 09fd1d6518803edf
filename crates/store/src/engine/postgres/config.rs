//! How the engine reaches its server, and how long it waits for what.

use std::fmt;
use std::time::Duration;

/// Connections where nothing is said. PostgreSQL's own measure is about twice the cores of the server; batches carry many commits, so a few
/// connections keep a server of four cores busy, and more of them only wait for the same log flush.
pub const CONNECTIONS: usize = 8;

/// Calls that may wait for a connection where nothing is said: the owner batches, so that many calls are a few of these.
pub const QUEUE: usize = 256;

/// What the engine has to know of its server.
#[derive(Clone)]
pub struct PostgresConfig {
    /// `postgres://user:password@first:5432,second:5432/database`. Of several hosts the one that is a primary is used, also after a promotion.
    pub url: String,
    /// The schema that the tables are in: lower-case letters, digits and underscores, a letter first, at most 48. Default `tenet`.
    pub schema: String,
    /// Most connections of this process. Default [`CONNECTIONS`]; one of them is kept for reads.
    pub connections: usize,
    /// Most reads, and as many writes, that wait for a connection; more are refused at once. Default [`QUEUE`].
    pub queue: usize,
    /// Longest that one host may take to accept a connection and set it up. Default 1 s.
    pub connect_timeout: Duration,
    /// Longest that the server works on one statement. Default 3 s.
    pub statement_timeout: Duration,
    /// Longest that a commit waits for another one of the same record. Default 2 s.
    pub lock_timeout: Duration,
    /// Longest that a call takes in all, waiting and repetitions included. Default 5 s.
    pub call_timeout: Duration,
    /// Lets a server be used that is set to lose what it acknowledged (`fsync` or `full_page_writes` off). For tests. Default false.
    pub allow_data_loss: bool,
}

impl PostgresConfig {
    /// The defaults, for the server at `url`.
    pub fn new(url: impl Into<String>) -> PostgresConfig {
        PostgresConfig {
            url: url.into(),
            schema: "tenet".into(),
            connections: CONNECTIONS,
            queue: QUEUE,
            connect_timeout: Duration::from_secs(1),
            statement_timeout: Duration::from_secs(3),
            lock_timeout: Duration::from_secs(2),
            call_timeout: Duration::from_secs(5),
            allow_data_loss: false,
        }
    }

    /// What is wrong with it.
    pub(super) fn fault(&self) -> Option<String> {
        let schema = self.schema.as_bytes();
        let good = |c: &u8| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == b'_';
        let named = schema.first().is_some_and(u8::is_ascii_lowercase)
            && schema.iter().all(good)
            && schema.len() <= MAX_SCHEMA;
        if !named || self.schema.starts_with("pg_") {
            return Some(format!(
                "{:?} is no schema: expected 1 to {MAX_SCHEMA} lower-case letters, digits and underscores, a letter first, not beginning with pg_",
                self.schema
            ));
        }
        (self.connections < 2).then(|| {
            format!(
                "{} connections are too few: expected at least 2, one of them for reads",
                self.connections
            )
        })
    }
}

/// Longest name of a schema: room for more in PostgreSQL's 63 bytes of a name.
const MAX_SCHEMA: usize = 48;

impl fmt::Debug for PostgresConfig {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresConfig")
            .field("schema", &self.schema)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_schema_is_named() {
        for (schema, connections, fault) in [
            ("tenet", 2, None),
            ("a_1", 8, None),
            ("", 8, Some("no schema")),
            ("Tenet", 8, Some("no schema")),
            ("pg_mine", 8, Some("pg_")),
            ("a\"b", 8, Some("no schema")),
            (&"x".repeat(49), 8, Some("1 to 48")),
            ("tenet", 1, Some("at least 2")),
        ] {
            let config =
                PostgresConfig { schema: schema.into(), connections, ..PostgresConfig::new("postgres://h") };
            let found = config.fault();
            assert_eq!(found.is_some(), fault.is_some(), "{schema}: {found:?}");
            assert!(found.unwrap_or_default().contains(fault.unwrap_or_default()));
        }
    }

    #[test]
    fn a_password_is_not_printed() {
        let config = PostgresConfig::new("postgres://me:secret@h/d");
        assert!(!format!("{config:?}").contains("secret"));
    }
}
