//! A disk that fails when it is told to: the power goes, a sync or a write fails, it is full, a byte turns.
//!
//! What was synced is durable. What was written since is seen by whoever reads, and after the power was cut there may be nothing of it, everything, whole
//! writes out of order, or single sectors. After a sync that failed the system takes what was written for clean: it
//! is never written again, though it is still read (Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020).

use super::dice::Dice;
use redb::StorageBackend;
use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a disk writes as one.
const SECTOR: usize = 512;

/// Turns of the runtime until whoever is about to let the disk go has done so.
const LET_GO: usize = 10_000;

/// What happens, and at which write, change of length or sync, counted from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The power goes; nothing works any more.
    Power(u64),
    /// The next sync from there on fails, once.
    Sync(u64),
    /// The next write from there on fails half-way, once.
    Write(u64),
    /// There is no room beyond so many bytes more than there are now.
    Full(u64),
}

/// The disk. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// As it is read.
    now: Vec<u8>,
    /// As it surely is.
    durable: Vec<u8>,
    /// What was done since, in order.
    since: Vec<Done>,
    fault: Option<Fault>,
    operations: u64,
    struck: bool,
    /// Nothing works any more.
    dead: bool,
    /// Syncs do nothing, and nobody is told.
    lies: bool,
}

#[derive(Clone, Debug)]
enum Done {
    Wrote(u64, Vec<u8>),
    Length(u64),
}

impl Disk {
    /// A disk with these bytes.
    pub fn of(bytes: Vec<u8>) -> Disk {
        Disk(Arc::new(Mutex::new(State { now: bytes.clone(), durable: bytes, ..State::default() })))
    }

    /// From now on it only says that it synced.
    pub fn lie(&self) {
        self.state().lies = true;
    }

    /// From now on this happens.
    pub fn arm(&self, fault: Fault) {
        let mut state = self.state();
        let from = match fault {
            Fault::Full(_) => state.now.len() as u64,
            _ => state.operations,
        };
        state.fault = Some(match fault {
            Fault::Power(at) => Fault::Power(at + from),
            Fault::Sync(at) => Fault::Sync(at + from),
            Fault::Write(at) => Fault::Write(at + from),
            Fault::Full(room) => Fault::Full(room + from),
        });
    }

    /// Whether it has happened.
    pub fn is_struck(&self) -> bool {
        self.state().struck
    }

    /// Waits until nobody else has it: the tasks of an owner end a moment after it.
    pub async fn let_go(&self) {
        for _ in 0..LET_GO {
            if Arc::strong_count(&self.0) == 1 {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// The bytes as they are read now.
    pub fn bytes(&self) -> Vec<u8> {
        self.state().now.clone()
    }

    /// The bytes as they may be after the power was cut now.
    pub fn cut(&self, dice: &mut Dice) -> Vec<u8> {
        let state = self.state();
        let mut bytes = state.durable.clone();
        let way = dice.below(5);
        let up_to = dice.below(state.since.len() as u64 + 1) as usize;
        for (place, done) in state.since.iter().enumerate() {
            // Nothing, everything, all up to a moment, whole writes in any order, or sectors.
            let mut survives = || match way {
                0 => false,
                1 => true,
                2 => place < up_to,
                _ => dice.below(2) == 0,
            };
            match done {
                Done::Length(length) => {
                    if survives() {
                        bytes.resize(*length as usize, 0);
                    }
                }
                Done::Wrote(offset, data) if way == 4 => {
                    for (sector, part) in sectors(*offset, data) {
                        if survives() {
                            put(&mut bytes, sector, part);
                        }
                    }
                }
                Done::Wrote(offset, data) => {
                    if survives() {
                        put(&mut bytes, *offset, data);
                    }
                }
            }
        }
        bytes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The parts of a write by sectors.
fn sectors(offset: u64, data: &[u8]) -> Vec<(u64, &[u8])> {
    let mut parts = Vec::new();
    let (mut at, mut rest) = (offset, data);
    while !rest.is_empty() {
        let room = SECTOR - (at as usize % SECTOR);
        let (part, behind) = rest.split_at(room.min(rest.len()));
        parts.push((at, part));
        at += part.len() as u64;
        rest = behind;
    }
    parts
}

fn put(bytes: &mut Vec<u8>, offset: u64, data: &[u8]) {
    let (from, to) = (offset as usize, offset as usize + data.len());
    if bytes.len() < to {
        bytes.resize(to, 0);
    }
    bytes[from..to].copy_from_slice(data);
}

impl State {
    fn alive(&self) -> Result<(), Error> {
        if self.dead { Err(Error::other("the power is gone")) } else { Ok(()) }
    }

    fn do_now(&mut self, done: Done) {
        match &done {
            Done::Wrote(offset, data) => put(&mut self.now, *offset, data),
            Done::Length(length) => self.now.resize(*length as usize, 0),
        }
        self.since.push(done);
    }

    /// Counts an operation; whether the power goes with it.
    fn count(&mut self) -> bool {
        self.operations += 1;
        let gone = matches!(self.fault, Some(Fault::Power(at)) if self.operations > at);
        self.struck |= gone;
        self.dead |= gone;
        gone
    }

    /// Whether the single fault happens now.
    fn strikes(&mut self, at: u64) -> bool {
        let strikes = !self.struck && self.operations > at;
        self.struck |= strikes;
        strikes
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, Error> {
        let state = self.state();
        state.alive().map(|()| state.now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let state = self.state();
        state.alive()?;
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let found = state.now.get(from..from.saturating_add(out.len()));
        out.copy_from_slice(found.ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> Result<(), Error> {
        let mut state = self.state();
        state.alive()?;
        if let Some(Fault::Full(most)) = state.fault
            && length > most
        {
            state.struck = true;
            return Err(Error::from(ErrorKind::StorageFull));
        }
        let gone = state.count();
        state.do_now(Done::Length(length));
        if gone { state.alive() } else { Ok(()) }
    }

    fn sync_data(&self) -> Result<(), Error> {
        let mut state = self.state();
        state.alive()?;
        if state.count() {
            return state.alive();
        }
        if let Some(Fault::Sync(at)) = state.fault
            && state.strikes(at)
        {
            state.since.clear();
            return Err(Error::other("the disk does not take it"));
        }
        if state.lies {
            return Ok(());
        }
        // Only what was written since the last sync, failed or not, is written now.
        let since = std::mem::take(&mut state.since);
        for done in since {
            match done {
                Done::Wrote(offset, data) => put(&mut state.durable, offset, &data),
                Done::Length(length) => state.durable.resize(length as usize, 0),
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        let mut state = self.state();
        state.alive()?;
        let gone = state.count();
        if let Some(Fault::Write(at)) = state.fault
            && state.strikes(at)
        {
            state.do_now(Done::Wrote(offset, data[..data.len() / 2].to_vec()));
            return Err(Error::other("the disk does not take it"));
        }
        state.do_now(Done::Wrote(offset, data.to_vec()));
        if gone { state.alive() } else { Ok(()) }
    }
}
