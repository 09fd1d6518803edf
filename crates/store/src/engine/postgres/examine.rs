//! Whether a server may be used: what it is, whether it is the primary, and whether it keeps what it acknowledges.

use super::dialect::Dialect;
use super::failure::Failure;
use super::rows::column;
use crate::engine::EngineError;
use tokio_postgres::Client;

/// The oldest server: it is the first that notices a vanished client in the middle of a statement.
const OLDEST: i32 = 140_000;

/// What a server said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    /// Which kind.
    pub dialect: Dialect,
    /// Grows with every promotion.
    pub timeline: u32,
    /// It sums its pages.
    pub checksums: bool,
    /// It is set to lose what it acknowledged.
    pub lossy: bool,
}

/// Whether this server may be used.
pub(super) async fn examine(client: &Client, allow_data_loss: bool) -> Result<Server, Failure> {
    let refuse = |text: String| Err(Failure::refused(EngineError::Broken(text)));
    let dialect: String = column(&client.query_one("SELECT version()", &[]).await?, 0)?;
    let dialect = match Dialect::of(&dialect) {
        Ok(dialect) => dialect,
        Err(why) => return refuse(why),
    };
    let row = client.query_one(EXAMINE, &[]).await?;
    if column(&row, 0)? {
        return Err(Failure::silent("it is a replica"));
    }
    let version: i32 = column(&row, 1)?;
    if version < OLDEST {
        return refuse(format!("the server is of version {version}, expected at least {OLDEST}"));
    }
    if let Some((condition, why)) = dialect.condition() {
        let row = client.query_one(&format!("SELECT coalesce({condition}, false)"), &[]).await?;
        if !column::<bool>(&row, 0)? {
            return refuse(why.into());
        }
    }
    let settings: [(&str, String); 2] = [("fsync", column(&row, 2)?), ("full_page_writes", column(&row, 3)?)];
    let off = settings.iter().filter(|(_, value)| value != "on" && dialect.shows_durability());
    let off: Vec<&str> = off.map(|(name, _)| *name).collect();
    if !off.is_empty() && !allow_data_loss {
        return refuse(format!(
            "{} is off on the server: what was acknowledged could be lost with the machine's power. Set it on, or allow it \
             for tests with allow_data_loss",
            off.join(" and ")
        ));
    }
    let checksums = column::<String>(&row, 4)? == "on";
    Ok(Server { dialect, timeline: 0, checksums, lossy: !off.is_empty() })
}

const EXAMINE: &str =
    "SELECT pg_is_in_recovery(), current_setting('server_version_num')::int4, current_setting('fsync'),
    current_setting('full_page_writes'), current_setting('data_checksums')";
