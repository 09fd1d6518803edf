//! From a backup into an engine: part by part, on from where it was, and compared at the end.

use super::{BackupError, Names, Part, Reader, Tally};
use crate::engine::{Cursor, Engine, Load, LoadBegin, Loaded, Row};
use crate::item::Version;
use crate::name::CollectionId;
use std::collections::HashMap;

/// How far versions go on behind those of the backup: what was written after it, and is lost with the restore, had some of them, and none is given
/// again. More writes than this between a backup and its restore are years; there is room for 2³¹ restores.
pub const VERSION_LEAP: u64 = 1 << 32;
/// The same for places in the log. PostgreSQL's have 20 bits for one transaction.
const LOG_LEAP: u64 = 1 << 40;

/// A restore.
pub struct Restore<'a> {
    engine: &'a dyn Engine,
    reader: Reader,
    backup: u128,
    ids: HashMap<CollectionId, CollectionId>,
    /// The collections of the backup.
    names: Names,
    /// Parts before it are in the engine.
    next: u64,
}

impl<'a> Restore<'a> {
    /// Begins, or goes on. `least` are versions and places that were given by what is replaced, where that is known.
    ///
    /// # Errors
    /// Something else is there and may not be replaced; as of [`Reader::part`] and [`Engine::load`].
    pub async fn begin(
        engine: &'a dyn Engine,
        reader: Reader,
        replace: bool,
        least: (Version, Cursor),
    ) -> Result<Restore<'a>, BackupError> {
        let head = reader.head();
        let (backup, collections) = (head.number()?, head.collections()?);
        let names = head.names();
        let version = Version(head.version.max(least.0.0).saturating_add(VERSION_LEAP));
        let logged = Cursor(head.logged.max(least.1.0).saturating_add(LOG_LEAP));
        let begin = LoadBegin { backup, replace, collections, version, logged };
        match engine.load(Load::Begin(begin)).await? {
            Loaded::Parts { next, ids } => {
                Ok(Restore { engine, reader, backup, ids: ids.into_iter().collect(), names, next })
            }
            Loaded::Taken { items, unfinished: None } => Err(BackupError::Refused(format!(
                "there are data already ({items} items or more); --replace removes them"
            ))),
            Loaded::Taken { unfinished: Some(other), .. } => Err(BackupError::Refused(format!(
                "the restore of another backup ({other:032x}) did not end there; go on with that one, or --replace removes what it brought"
            ))),
        }
    }

    /// Parts that were in it when it began: it goes on.
    pub fn resumed(&self) -> u64 {
        self.next
    }

    /// The backup.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Takes the next part; false at the end, when everything is in it.
    pub async fn step(&mut self) -> Result<bool, BackupError> {
        let Some(Part { number, rows }) = self.reader.part()? else {
            self.engine.load(Load::End { backup: self.backup }).await?;
            return Ok(false);
        };
        if number >= self.next {
            let rows = rows.into_iter().map(|row| self.here(row)).collect::<Result<_, _>>()?;
            self.engine.load(Load::Rows { backup: self.backup, part: number, rows }).await?;
        }
        Ok(true)
    }

    /// Reads all of it again from the engine, and compares.
    pub async fn verify(&self) -> Result<Tally, BackupError> {
        let found = Tally::of(self.engine.snapshot().await?, |_| ()).await?;
        match compare(self.reader.tally(), &found) {
            None => Ok(found),
            Some(what) => Err(BackupError::Kept(what)),
        }
    }

    /// A row with the engine's numbers of collections.
    fn here(&self, row: Row) -> Result<Row, BackupError> {
        let Row::Item(mut key, item) = row else { return Ok(row) };
        let number = |id: CollectionId| {
            let missing = || format!("the engine has no number for the collection {}", id.0);
            self.ids.get(&id).copied().ok_or_else(|| BackupError::Refused(missing()))
        };
        let name = self.names.get(&key.record.collection).map_or("", String::as_str);
        if let Some(of) = crate::typed::state_of(name, &key.record.id) {
            // Of an index whose entries are nowhere, nothing is found either way.
            if let Ok(here) = number(of) {
                key.record.id = here.0.to_be_bytes().to_vec().into();
            }
        }
        key.record.collection = number(key.record.collection)?;
        Ok(Row::Item(key, item))
    }
}

/// What of a backup is not there any more, or there without being of it. What has an end may have come to it meanwhile.
pub fn compare(backup: &Tally, found: &Tally) -> Option<String> {
    let stay = |tally: &Tally| tally.items - tally.mortal;
    if stay(backup) != stay(found) {
        return Some(format!("it has {} items without an end, the backup {}", stay(found), stay(backup)));
    }
    if found.mortal > backup.mortal {
        return Some(format!("it has {} items with an end, the backup {}", found.mortal, backup.mortal));
    }
    if backup.tokens != found.tokens {
        return Some(format!("it has {} tokens, the backup {}", found.tokens, backup.tokens));
    }
    (backup.content != found.content).then(|| "their content differs".to_owned())
}
