//! A client that speaks to PostgreSQL itself: a connection of its own, prepared statements, one row by its key.

use super::workload::{RECORDS, Step, VALUE_BYTES};
use crate::Outcome;
use tokio_postgres::types::Type;
use tokio_postgres::{NoTls, Statement};

/// The table as somebody would write it who needs no more than this. Nothing here is remembered of a write, so that one sent twice is done twice.
const TABLE: &str = "CREATE TABLE record (id bytea PRIMARY KEY, value bytea NOT NULL, version int8 NOT NULL)";
const READ: &str = "SELECT value, version FROM record WHERE id = $1";
const WRITE: &str = "INSERT INTO record AS r (id, value, version) VALUES ($1, $2, 1)
    ON CONFLICT (id) DO UPDATE SET value = EXCLUDED.value, version = r.version + 1 RETURNING version";

/// See the module.
pub struct Client {
    client: tokio_postgres::Client,
    read: Statement,
    write: Statement,
}

impl Client {
    /// Connects and prepares.
    pub async fn connect(url: &str) -> Outcome<Client> {
        let client = open(url).await?;
        let read = client.prepare_typed(READ, &[Type::BYTEA]).await.map_err(|error| text(&error))?;
        let write =
            client.prepare_typed(WRITE, &[Type::BYTEA, Type::BYTEA]).await.map_err(|error| text(&error))?;
        Ok(Client { client, read, write })
    }

    /// Reads or writes.
    pub async fn run(&self, step: Step) -> Outcome {
        let Some(value) = step.value else {
            let row = self.client.query_one(&self.read, &[&step.key]).await.map_err(|error| text(&error))?;
            let value: &[u8] = row.try_get(0).map_err(|error| text(&error))?;
            let version: i64 = row.try_get(1).map_err(|error| text(&error))?;
            return super::sound(value.len(), version > 0);
        };
        let row =
            self.client.query_one(&self.write, &[&step.key, &value]).await.map_err(|error| text(&error))?;
        super::sound(VALUE_BYTES, row.try_get::<_, i64>(0).map_err(|error| text(&error))? > 0)
    }
}

/// Makes the table and fills it.
pub async fn load(url: &str) -> Outcome {
    let fill = format!(
        "{TABLE}; INSERT INTO record SELECT convert_to('user-' || lpad(n::text, 8, '0'), 'UTF8'), decode(repeat('61', {VALUE_BYTES}), 'hex'), 1
            FROM generate_series(0, {RECORDS} - 1) AS n"
    );
    open(url).await?.batch_execute(&fill).await.map_err(|error| text(&error))
}

/// Settles what was loaded, for everybody's tables: no candidate pays for another's.
pub async fn settle(url: &str) -> Outcome {
    let client = open(url).await?;
    client.batch_execute("VACUUM ANALYZE").await.map_err(|error| text(&error))?;
    client.batch_execute("CHECKPOINT").await.map_err(|error| text(&error))
}

async fn open(url: &str) -> Outcome<tokio_postgres::Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.map_err(|error| text(&error))?;
    tokio::spawn(connection);
    Ok(client)
}

fn text(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(said) => format!("PostgreSQL: {}", said.message()),
        None => format!("PostgreSQL: {error}"),
    }
}
