//! What stands at both ends of a backup, as JSON, so that people can read it.

use super::{BackupError, Names, Tally};
use crate::engine::{Collection, Cursor, Moment};
use crate::item::{UnixMs, Version};
use crate::name::{CollectionId, CollectionName, Name};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The format that this build writes and reads.
pub const FORMAT: u32 = 1;

/// What a backup is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The layout of the file.
    pub format: u32,
    /// Random, of this backup alone: 32 hexadecimal digits.
    pub id: String,
    /// What the fleet is called.
    pub project: String,
    /// The engine that it was made from.
    pub engine: String,
    /// The moment, milliseconds since 1970 by the engine's clock.
    pub at_unix_ms: i64,
    /// As great as every version in it, or greater.
    pub version: u64,
    /// Where the log of changes ended.
    pub logged: u64,
    /// Roughly how many rows it will have.
    pub rows: Option<u64>,
    /// Which state it shows, where the engine can tell.
    pub state: Option<String>,
    /// By which the process that made it knows the snapshot, as long as it holds it.
    pub snapshot: String,
    /// Every collection.
    pub collections: Vec<CollectionHead>,
}

/// A collection of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionHead {
    /// Its number in the rows.
    pub id: u32,
    /// Its namespace.
    pub namespace: String,
    /// Its name there.
    pub name: String,
    /// How long its changes are kept.
    pub retention_ms: u64,
    /// Which indexes its items are entered in; the entries are items of collections of the store's own.
    pub layout: u64,
}

impl CollectionHead {
    /// Of a collection.
    pub fn of(id: CollectionId, of: &Collection) -> CollectionHead {
        CollectionHead {
            id: id.0,
            namespace: of.name.namespace.to_string(),
            name: of.name.collection.to_string(),
            retention_ms: u64::try_from(of.retention.as_millis()).unwrap_or(u64::MAX),
            layout: of.layout,
        }
    }
}

impl Head {
    /// Of a snapshot, for a new backup.
    pub fn of(moment: &Moment, engine: &str, project: &str, id: u128, snapshot: &str) -> Head {
        Head {
            format: FORMAT,
            id: format!("{id:032x}"),
            project: project.to_owned(),
            engine: engine.to_owned(),
            at_unix_ms: moment.at.0,
            version: moment.version.0,
            logged: moment.logged.0,
            rows: moment.rows,
            state: moment.state.clone(),
            snapshot: snapshot.to_owned(),
            collections: moment.collections.iter().map(|(id, of)| CollectionHead::of(*id, of)).collect(),
        }
    }

    /// The number that it is known by.
    pub fn number(&self) -> Result<u128, BackupError> {
        let bad = || BackupError::Refused(format!("{:?} is no id of a backup", self.id));
        u128::from_str_radix(&self.id, 16).map_err(|_| bad())
    }

    /// When.
    pub fn at(&self) -> UnixMs {
        UnixMs(self.at_unix_ms)
    }

    /// See [`Moment::version`].
    pub fn version(&self) -> Version {
        Version(self.version)
    }

    /// See [`Moment::logged`].
    pub fn logged(&self) -> Cursor {
        Cursor(self.logged)
    }

    /// What rows are counted by.
    pub fn names(&self) -> Names {
        let name = |of: &CollectionHead| (CollectionId(of.id), format!("{}/{}", of.namespace, of.name));
        self.collections.iter().map(name).collect()
    }

    /// The collections as engines have them.
    pub fn collections(&self) -> Result<Vec<(CollectionId, Collection)>, BackupError> {
        let name = |name: &str| {
            Name::stored(name)
                .map_err(|error| BackupError::Refused(format!("a collection of the backup: {error}")))
        };
        let collection = |of: &CollectionHead| {
            let name = CollectionName { namespace: name(&of.namespace)?, collection: name(&of.name)? };
            let retention = Duration::from_millis(of.retention_ms);
            Ok((CollectionId(of.id), Collection { name, retention, layout: of.layout }))
        };
        self.collections.iter().map(collection).collect()
    }
}

/// What a backup ends with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foot {
    /// Parts.
    pub parts: u64,
    /// What is in them.
    pub tally: Tally,
    /// The SHA-256 of all bytes before the foot.
    pub digest: String,
}
