//! What is written on top of the seed: values by key in memory, and a journal file that all instances on one machine
//! append to and read from, so that what one wrote the others see with their next request.
//!
//! This is as much of a database as an example may have. It knows no crash recovery but that a torn last record is
//! waited for, and it forgets the oldest values rather than grow without end.

use prost::Message;
use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use tenet_service::Fault;
use tonic::Status;

/// Values kept in memory; beyond it the oldest is forgotten. A hundred thousand posts are some 50 MB.
const MAX_VALUES: usize = 100_000;

/// Bytes of the journal after which nothing more is written: what traffic at a thousand writes a second makes in an hour.
const MAX_JOURNAL_BYTES: u64 = 1 << 30;

/// Values of one kind by key, in the order of keys.
pub struct Shelf<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    journal: Option<File>,
    /// How much of the journal was read.
    offset: u64,
    /// The number of the last write and what it wrote. A removed value stays as `None`, so that it hides what the seed has.
    values: BTreeMap<String, (u64, Option<T>)>,
    /// Every key in the order of its writes, the last ones only.
    order: VecDeque<String>,
    /// How many writes there were in all.
    writes: u64,
}

/// One write in the journal.
#[derive(Clone, PartialEq, Message)]
struct Record {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(bytes = "vec", optional, tag = "2")]
    value: Option<Vec<u8>>,
}

/// What the shelf knows of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Known<T> {
    /// Nothing: what the seed says holds.
    Nothing,
    /// It was removed.
    Removed,
    /// It was written.
    Value(T),
}

impl<T> Known<T> {
    /// The value, where what was not written comes from `seed`.
    pub fn or_seed(self, seed: impl FnOnce() -> Option<T>) -> Option<T> {
        match self {
            Known::Value(value) => Some(value),
            Known::Removed => None,
            Known::Nothing => seed(),
        }
    }
}

impl<T: Message + Default + Clone> Shelf<T> {
    /// A shelf in memory, shared through `name` in `folder` if there is one.
    ///
    /// # Errors
    /// The folder or the file cannot be made.
    pub fn open(folder: Option<&Path>, name: &str) -> io::Result<Shelf<T>> {
        let journal = match folder {
            None => None,
            Some(folder) => {
                std::fs::create_dir_all(folder)?;
                Some(OpenOptions::new().create(true).append(true).read(true).open(folder.join(name))?)
            }
        };
        let state = State { journal, offset: 0, values: BTreeMap::new(), order: VecDeque::new(), writes: 0 };
        Ok(Shelf { state: Mutex::new(state) })
    }

    /// What is known of `key`.
    pub fn get(&self, key: &str) -> Result<Known<T>, Status> {
        self.read(|state| state.known(key))
    }

    /// All values whose key begins with `prefix`, in the order of keys, removed ones too.
    pub fn range(&self, prefix: &str) -> Result<Vec<(String, Option<T>)>, Status> {
        self.read(|state| {
            let from = state.values.range(prefix.to_owned()..);
            let found = from.take_while(|(key, _)| key.starts_with(prefix));
            found.map(|(key, (_, value))| (key.clone(), value.clone())).collect()
        })
    }

    /// Shows all that is there, removed values too, without copying it.
    pub fn with<R>(
        &self,
        look: impl FnOnce(&mut dyn Iterator<Item = (&str, Option<&T>)>) -> R,
    ) -> Result<R, Status> {
        self.read(|state| {
            look(&mut state.values.iter().map(|(key, (_, value))| (key.as_str(), value.as_ref())))
        })
    }

    /// The keys written after the first `seen` writes, and how many writes there are now.
    pub fn since(&self, seen: u64) -> Result<(Vec<String>, u64), Status> {
        self.read(|state| {
            let new = usize::try_from(state.writes - seen.min(state.writes)).unwrap_or(usize::MAX);
            let skip = state.order.len().saturating_sub(new);
            (state.order.iter().skip(skip).cloned().collect(), state.writes)
        })
    }

    /// Changes the value of `key` from what is known to what `change` returns; `None` removes it. Nobody else, also no
    /// other process, writes in between.
    pub fn update<R>(
        &self,
        key: &str,
        change: impl FnOnce(Known<T>) -> Result<(Option<T>, R), Status>,
    ) -> Result<R, Status> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.lock_journal(true).map_err(broken)?;
        let result = state.catch_up().map_err(broken).and_then(|()| {
            let (value, result) = change(state.known(key))?;
            state.write(key, value)?;
            Ok(result)
        });
        state.lock_journal(false).map_err(broken)?;
        result
    }

    fn read<R>(&self, look: impl FnOnce(&State<T>) -> R) -> Result<R, Status> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.catch_up().map_err(broken)?;
        Ok(look(&state))
    }
}

impl<T: Message + Default + Clone> State<T> {
    fn known(&self, key: &str) -> Known<T> {
        match self.values.get(key) {
            None => Known::Nothing,
            Some((_, None)) => Known::Removed,
            Some((_, Some(value))) => Known::Value(value.clone()),
        }
    }

    fn lock_journal(&self, lock: bool) -> io::Result<()> {
        match &self.journal {
            None => Ok(()),
            Some(journal) if lock => journal.lock(),
            Some(journal) => journal.unlock(),
        }
    }

    /// Reads what others have written: one look at the file's length when they have not.
    fn catch_up(&mut self) -> io::Result<()> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let length = journal.metadata()?.len();
        if length <= self.offset {
            return Ok(());
        }
        journal.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        journal.take(length - self.offset).read_to_end(&mut bytes)?;
        let mut rest = bytes.as_slice();
        while let Some((head, tail)) = rest.split_at_checked(4) {
            let size = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
            let Some((record, after)) = tail.split_at_checked(size) else { break };
            let record = Record::decode(record).map_err(io::Error::other)?;
            let value = record.value.map(|value| T::decode(value.as_slice())).transpose();
            self.keep(record.key, value.map_err(io::Error::other)?);
            self.offset += 4 + size as u64;
            rest = after;
        }
        Ok(())
    }

    fn write(&mut self, key: &str, value: Option<T>) -> Result<(), Status> {
        if let Some(journal) = &mut self.journal {
            if self.offset > MAX_JOURNAL_BYTES {
                return Err(Fault::resource_exhausted("The example's journal is full; start it anew.").into());
            }
            let record = Record { key: key.to_owned(), value: value.as_ref().map(Message::encode_to_vec) };
            let record = record.encode_to_vec();
            let size =
                u32::try_from(record.len()).map_err(|_| broken(io::Error::other("record too long")))?;
            let bytes = [&size.to_le_bytes()[..], &record].concat();
            journal.write_all(&bytes).map_err(broken)?;
            self.offset += bytes.len() as u64;
        }
        self.keep(key.to_owned(), value);
        Ok(())
    }

    fn keep(&mut self, key: String, value: Option<T>) {
        self.values.insert(key.clone(), (self.writes, value));
        self.order.push_back(key);
        self.writes += 1;
        if self.order.len() > MAX_VALUES
            && let Some(oldest) = self.order.pop_front()
        {
            // Forgotten unless it was written again since.
            let number = self.writes - 1 - self.order.len() as u64;
            if self.values.get(&oldest).is_some_and(|(last, _)| *last == number) {
                self.values.remove(&oldest);
            }
        }
    }
}

#[allow(clippy::needless_pass_by_value)] // for map_err
fn broken(error: io::Error) -> Status {
    Fault::unavailable("The example's journal cannot be used.").cause(error.to_string()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(shelf: &Shelf<String>, key: &str, value: Option<&str>) {
        shelf.update(key, |_| Ok((value.map(str::to_owned), ()))).unwrap();
    }

    #[test]
    fn two_processes_see_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let one = Shelf::<String>::open(Some(folder.path()), "x").unwrap();
        let two = Shelf::<String>::open(Some(folder.path()), "x").unwrap();
        put(&one, "a/1", Some("first"));
        put(&two, "a/2", Some("second"));
        put(&one, "b/1", Some("other"));
        put(&two, "a/1", None);
        let expected = vec![("a/1".to_owned(), None), ("a/2".to_owned(), Some("second".to_owned()))];
        for shelf in [&one, &two] {
            assert_eq!(shelf.range("a/").unwrap(), expected);
            assert_eq!(shelf.get("a/1").unwrap(), Known::Removed);
            assert_eq!(shelf.get("c").unwrap(), Known::Nothing);
            assert_eq!(shelf.since(2).unwrap(), (vec!["b/1".to_owned(), "a/1".to_owned()], 4));
        }
        let late = Shelf::<String>::open(Some(folder.path()), "x").unwrap();
        assert_eq!(late.range("a/").unwrap(), expected);
    }

    #[test]
    fn counting_from_many_threads_and_two_processes_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let shelves = [0, 1].map(|_| Shelf::<u64>::open(Some(folder.path()), "n").unwrap());
        std::thread::scope(|scope| {
            for shelf in shelves.iter().cycle().take(8) {
                scope.spawn(move || {
                    for _ in 0..50 {
                        shelf
                            .update("n", |known| Ok((Some(known.or_seed(|| Some(0)).unwrap_or(0) + 1), ())))
                            .unwrap();
                    }
                });
            }
        });
        assert_eq!(shelves[0].get("n").unwrap(), Known::Value(400));
    }

    #[test]
    fn a_refused_change_writes_nothing() {
        let shelf = Shelf::<String>::open(None, "x").unwrap();
        assert!(shelf.update("a", |_| Err::<(_, ()), _>(Status::aborted(""))).is_err());
        assert_eq!(shelf.get("a").unwrap(), Known::Nothing);
    }
}
