//! The child that commits until it is killed, and the account of what must be there afterwards.
//!
//! Every batch follows from its number, so that who reads the database afterwards knows what each batch wrote: the child says the number
//! of each batch on its standard output once the commit has returned, and nothing else.

use crate::Outcome;
use crate::candidate::{Candidate, Key, Kind, Reader, Rows, Table, Upkeep, Write, key};
use crate::workload::{Random, value};
use std::collections::BTreeMap;
use std::path::Path;

/// Writes in flight in each commit.
pub const BATCH: u64 = 64;

/// Items that are overwritten again and again: fewer than would hide a lost write behind a later one too soon.
const ITEMS: u64 = 4_000;

/// Rows of the change log that are kept; older ones are removed as the service trims its log.
const KEPT: u64 = 20_000;

/// Batches between two trims of the log.
const TRIMMED_EVERY: u64 = 32;

/// The writes of batch `number`; its sequences are `number · BATCH` and the following.
pub fn batch(number: u64) -> Vec<Write> {
    let mut random = Random::new(number);
    (0..BATCH)
        .map(|index| {
            let sequence = number * BATCH + index;
            let item = random.below(ITEMS);
            let key = key(item / 100, (item % 100) as u32);
            let length = 20 + random.below(400) as usize;
            let value = (random.below(8) > 0).then(|| value(&key, sequence, length));
            Write { key, sequence, value, token: token(sequence) }
        })
        .collect()
}

fn token(sequence: u64) -> [u8; 24] {
    let mut token = [0; 24];
    let mut random = Random::new(!sequence);
    token[..8].copy_from_slice(&(sequence / BATCH).to_be_bytes());
    token[8..16].copy_from_slice(&random.next().to_be_bytes());
    token[16..].copy_from_slice(&random.next().to_be_bytes());
    token
}

/// The first sequence the log still has after batch `number` and the trim behind it.
fn trimmed(number: u64) -> u64 {
    let trim = number / TRIMMED_EVERY * TRIMMED_EVERY;
    (trim * BATCH).saturating_sub(KEPT).max(BATCH)
}

/// The child: goes on behind the last batch that is there, at most to `batches`, and says each that is durable.
pub fn commit_until_killed(kind: Kind, folder: &Path, batches: u64) -> Outcome {
    let candidate = kind.open_with(folder, Upkeep::Often)?;
    let mut number = last_batch(candidate.reader()?.as_mut())?;
    let mut out = std::io::stdout().lock();
    say(&mut out, number)?;
    while number < batches {
        number += 1;
        candidate.commit(&batch(number), Rows::All)?;
        say(&mut out, number)?;
        if number.is_multiple_of(TRIMMED_EVERY) {
            candidate.remove(Table::Log, &[0; 8], &trimmed(number).to_be_bytes())?;
        }
    }
    Ok(())
}

fn say(out: &mut impl std::io::Write, number: u64) -> Outcome {
    // One write of 8 bytes to a pipe is never torn.
    out.write_all(&number.to_be_bytes()).and_then(|()| out.flush()).map_err(|error| error.to_string())
}

/// The last batch of which the log has a row; 0 where there is none.
fn last_batch(reader: &mut dyn Reader) -> Outcome<u64> {
    let mut last = 0;
    reader.scan(Table::Log, &[0; 8], &i64::MAX.to_be_bytes(), usize::MAX, &mut |_, sequence, _| {
        last = sequence
    })?;
    Ok(last / BATCH)
}

/// What must be there after each batch.
#[derive(Default)]
pub struct Ledger {
    number: u64,
    items: BTreeMap<Key, (u64, Vec<u8>)>,
    keys: BTreeMap<u64, Key>,
}

impl Ledger {
    /// Goes on to batch `number`.
    fn advance(&mut self, number: u64) {
        while self.number < number {
            self.number += 1;
            for write in batch(self.number) {
                self.keys.insert(write.sequence, write.key);
                match write.value {
                    Some(value) => drop(self.items.insert(write.key, (write.sequence, value))),
                    None => drop(self.items.remove(&write.key)),
                }
            }
        }
        let kept = self.keys.split_off(&trimmed(self.number).saturating_sub(TRIMMED_EVERY * BATCH));
        self.keys = kept;
    }

    /// Compares the database with the account, where `acknowledged` was the last batch that was said. Answers the last batch that is
    /// there: `acknowledged` or the one in flight behind it. An error names what is lost, half there or wrong.
    pub fn check(&mut self, candidate: &dyn Candidate, acknowledged: u64) -> Outcome<u64> {
        let mut reader = candidate.reader()?;
        let last = last_batch(reader.as_mut())?;
        if last < acknowledged {
            return Err(format!("lost: batches {} to {acknowledged} were acknowledged", last + 1));
        }
        if last > acknowledged + 1 {
            return Err(format!("batch {last} is there, {acknowledged} was the last acknowledged"));
        }
        self.advance(last);
        self.check_log(reader.as_mut())?;
        self.check_tokens(reader.as_mut())?;
        self.check_items(reader.as_mut())?;
        Ok(last)
    }

    /// The log ends with the last batch whole and has no hole back to a trim. The trim of the last batch may or may not have run.
    fn check_log(&self, reader: &mut dyn Reader) -> Outcome {
        let mut rows = Vec::new();
        reader.scan(Table::Log, &[0; 8], &i64::MAX.to_be_bytes(), usize::MAX, &mut |key, sequence, _| {
            rows.push((sequence, key.to_vec()));
        })?;
        let end = (self.number + 1) * BATCH;
        let first = rows.first().map_or(end, |(sequence, _)| *sequence);
        let oldest = trimmed(self.number);
        let contiguous = rows.iter().zip(first..).all(|((sequence, _), due)| *sequence == due);
        if !contiguous || first > oldest || first + rows.len() as u64 != end {
            return Err(format!("half there: the log has {} rows from {first}, not up to {end}", rows.len()));
        }
        for (sequence, key) in rows.iter().filter(|(sequence, _)| *sequence >= oldest) {
            if self.keys.get(sequence).is_none_or(|due| due.as_slice() != key) {
                return Err(format!("wrong: the log's row {sequence}"));
            }
        }
        Ok(())
    }

    fn check_tokens(&self, reader: &mut dyn Reader) -> Outcome {
        let (mut count, mut wrong) = (0, None);
        reader.scan(Table::Tokens, &[0; 24], &[0xff; 24], usize::MAX, &mut |key, sequence, _| {
            count += 1;
            if key != token(sequence) {
                wrong = Some(sequence);
            }
        })?;
        match wrong {
            Some(sequence) => Err(format!("wrong: the token of {sequence}")),
            None if count != self.number * BATCH => {
                Err(format!("half there: {count} tokens of {}", self.number * BATCH))
            }
            None => Ok(()),
        }
    }

    /// A row that differs is worse than one that is missing, but a checksum in each row would find it.
    fn check_items(&self, reader: &mut dyn Reader) -> Outcome {
        let (mut right, mut wrong) = (0, None);
        reader.scan(Table::Items, &[0; 12], &[0xff; 12], usize::MAX, &mut |key, version, value| {
            let due = Key::try_from(key).ok().and_then(|key| self.items.get(&key));
            if due.is_some_and(|(due_version, due)| *due_version == version && due == value) {
                right += 1;
            } else {
                wrong = Some(version);
            }
        })?;
        match wrong {
            Some(version) => Err(format!("wrong: an item at version {version}")),
            None if right < self.items.len() => {
                Err(format!("half there: {right} items of {}", self.items.len()))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ledger, batch};
    use crate::candidate::{Kind, Rows, Table, key};

    /// The account must be able to find what is missing, or it proves nothing.
    #[test]
    fn what_is_missing_is_found() {
        for kind in Kind::ALL {
            let folder = tempfile::tempdir().unwrap();
            let candidate = kind.open(folder.path()).unwrap();
            for number in 1..=3 {
                candidate.commit(&batch(number), Rows::All).unwrap();
            }
            let check = |acknowledged| Ledger::default().check(candidate.as_ref(), acknowledged);
            assert_eq!(check(3), Ok(3), "{kind:?}");
            assert_eq!(check(2), Ok(3), "{kind:?}: the one in flight may be there");
            assert!(check(4).unwrap_err().starts_with("lost"), "{kind:?}");
            assert!(check(1).is_err(), "{kind:?}: nobody wrote two batches behind");
            candidate.remove(Table::Items, &key(7, 0), &key(8, 0)).unwrap();
            assert!(check(3).is_err(), "{kind:?}: items are missing");
        }
    }

    #[test]
    fn half_a_batch_is_found() {
        for kind in Kind::ALL {
            let folder = tempfile::tempdir().unwrap();
            let candidate = kind.open(folder.path()).unwrap();
            candidate.commit(&batch(1), Rows::All).unwrap();
            candidate.commit(&batch(2)[..20], Rows::All).unwrap();
            let found = Ledger::default().check(candidate.as_ref(), 1).unwrap_err();
            assert!(found.starts_with("half there"), "{kind:?}: {found}");
        }
    }
}
