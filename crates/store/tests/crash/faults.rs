//! A seed's run on a disk that fails: some batches, the fault, and a look at what is there when the store is opened again.

use super::account::Account;
use super::dice::Dice;
use super::disk::{Disk, Fault};
use super::judge::judge;
use super::life::{declare, repeat};
use super::look;
use super::operation::{Answer, Operation};
use super::wire::{Lines, Log, Message};
use super::work::{Client, Work};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tenet_store::engine::embedded::{Aside, Embedded, EmbeddedOptions};
use tenet_store::engine::{Engine, EngineError};
use tenet_store::owner::{Owner, Width};

/// Batches before the fault may come, at most.
const BEFORE: u64 = 12;
/// Batches in which it must have come.
const BATCHES: u64 = 60;
/// Batches that are tried when it has come.
const BEYOND: u64 = 3;
/// Commits of a batch, at most.
const BATCH: u64 = 24;

/// Clients whose commits make up the batches.
const CLIENTS: u32 = 6;

/// How an error begins that names damage.
const DAMAGED: &str = "stored data is damaged";

/// What was done to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    PowerCut,
    SyncFails,
    WriteFails,
    DiskFull,
    ByteTurns,
}

/// All kinds, as seeds take them in turn; the power cut has more ways to go than the others.
pub const KINDS: [Kind; 6] =
    [Kind::PowerCut, Kind::SyncFails, Kind::WriteFails, Kind::DiskFull, Kind::ByteTurns, Kind::PowerCut];

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Came {
    /// Everything that was acknowledged is there, and nothing is half there.
    Whole,
    /// The damage was found and named; nothing of it was served.
    Found,
    /// The store was not opened, and the reason names something else than damage.
    Refused,
    /// Reading did not notice that rows were missing; the check of everything did.
    Unnoticed,
    /// The fault did not come.
    Never,
}

/// The notes of how far a store was, in the order they were written: the last one counts, unless the power was cut. Clones are the same.
#[derive(Clone, Default)]
pub struct Notes(Arc<Mutex<Vec<Vec<u8>>>>);

impl Notes {
    /// As they may be after the power was cut: none of them is synced.
    fn cut(&self, dice: &mut Dice) -> Notes {
        let all = self.all();
        let left = dice.below(all.len() as u64 + 1) as usize;
        Notes(Arc::new(Mutex::new(all[..left].to_vec())))
    }

    fn all(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Aside for Notes {
    fn load(&self) -> std::io::Result<Vec<u8>> {
        Ok(self.all().last().cloned().unwrap_or_default())
    }

    fn store(&self, note: &[u8]) -> std::io::Result<()> {
        self.all().push(note.to_vec());
        Ok(())
    }
}

/// A store on a disk, and what is said of it.
pub struct Stage {
    engine: Embedded,
    work: Arc<Work>,
    /// What was said, and not taken into an account yet.
    pub lines: Lines,
    life: u64,
}

impl Stage {
    /// Opens it, and checks everything where that is asked for.
    pub async fn open(
        disk: Disk,
        notes: Notes,
        (seed, life): (u64, u64),
        check: bool,
    ) -> Result<Stage, EngineError> {
        let options = EmbeddedOptions { check, ..EmbeddedOptions::default() };
        let engine = Embedded::open_with(disk, notes, options)?;
        let collection = declare(&engine).await.map_err(EngineError::Broken)?;
        let lines = Lines::default();
        let owner = Owner::start(Arc::new(engine.clone()), Width { near_bytes: 0, ..Width::default() });
        let work = Work::new(vec![owner], collection, Arc::new(Log::new(lines.clone())), seed, life);
        Ok(Stage { engine, work: Arc::new(work), lines, life })
    }

    /// Clients of it.
    pub fn clients(&self) -> Vec<Client> {
        (0..CLIENTS).map(|client| Client::new(self.work.clone(), client)).collect()
    }

    /// One batch of some clients' commits; the error that it came to.
    pub async fn batch(&self, clients: &mut [Client], dice: &mut Dice) -> Result<(), EngineError> {
        let mut asked: Vec<(usize, Operation, u64)> = Vec::new();
        let mut commits = Vec::new();
        for _ in 0..1 + dice.below(BATCH) {
            let client = dice.below(clients.len() as u64) as usize;
            let operation = clients[client].any_write(dice.below(12) == 0);
            let Some((commit, chunks)) = operation.commit(self.work.collection, 0) else { continue };
            for (blob, number, chunk) in chunks {
                self.engine.stage(blob, number, chunk).await?;
            }
            let call = self.work.log.call(client as u32, &operation);
            asked.push((client, operation, call));
            commits.push(commit);
        }
        match self.engine.commit(commits.clone()).await {
            Ok(outcomes) => {
                for (((client, operation, call), commit), outcome) in
                    asked.into_iter().zip(&commits).zip(&outcomes)
                {
                    let answer: Answer = operation.answer(commit, outcome).map_err(EngineError::Broken)?;
                    self.work.log.answer(call, &answer);
                    clients[client].learn(&operation, &answer);
                }
                Ok(())
            }
            Err(error) => {
                if matches!(error, EngineError::Unavailable(_) | EngineError::Full(_)) {
                    asked.iter().for_each(|(_, _, call)| self.work.log.say(&Message::Never { call: *call }));
                }
                Err(error)
            }
        }
    }

    /// Looks at everything, does again what is open, and looks again.
    pub async fn look(&self, account: &mut Account) -> Result<(), String> {
        let (engine, of, log) = (&self.engine, self.work.collection, &self.work.log);
        look::everything(engine, of, log, 900).await?;
        look::feed(engine, of, log, account.cursor).await?;
        repeat(&self.work, account.open().cloned().collect(), 900).await;
        look::everything(engine, of, log, 900).await?;
        look::feed(engine, of, log, 0).await?;
        account.take_all(self.life, &self.lines, false).map(drop)
    }
}

/// Runs.
pub async fn run(seed: u64) -> Result<(Kind, Came), String> {
    run_on(Disk::of(Vec::new()), seed).await
}

/// Runs on this disk.
pub async fn run_on(disk: Disk, seed: u64) -> Result<(Kind, Came), String> {
    let kind = KINDS[(seed % KINDS.len() as u64) as usize];
    let mut dice = Dice::new(seed, 7);
    let mut account = Account::default();
    let text = |error: EngineError| format!("{kind:?}: {error}");
    let notes = Notes::default();
    let stage = Stage::open(disk.clone(), notes.clone(), (seed, 0), false).await.map_err(text)?;
    let mut clients = stage.clients();
    for _ in 0..dice.below(BEFORE) {
        stage.batch(&mut clients, &mut dice).await.map_err(text)?;
    }
    if let Some(fault) = fault(kind, &mut dice) {
        disk.arm(fault);
    }
    let mut beyond = if kind == Kind::ByteTurns { dice.below(BATCHES / 4) } else { BATCHES };
    while beyond > 0 {
        beyond -= 1;
        let came = stage.batch(&mut clients, &mut dice).await;
        match came {
            Ok(()) => {}
            Err(EngineError::Unknown(_) | EngineError::Unavailable(_) | EngineError::Full(_))
                if disk.is_struck() =>
            {
                beyond = beyond.min(BEYOND);
            }
            Err(error) => return Err(text(error)),
        }
    }
    account.take_all(0, &stage.lines, true)?;
    let struck = disk.is_struck();
    if kind == Kind::ByteTurns {
        let closed = dice.below(2) == 0;
        let mut bytes = disk.bytes();
        drop((stage, clients));
        if closed {
            disk.let_go().await;
            bytes = disk.bytes();
        }
        return Turned::of((bytes, notes), closed, seed, &mut dice).look(account).await;
    }
    let (bytes, notes) = match kind {
        Kind::DiskFull => (disk.bytes(), notes),
        Kind::PowerCut => (disk.cut(&mut dice), notes.cut(&mut dice)),
        _ if dice.below(2) == 0 => (disk.bytes(), notes),
        _ => (disk.cut(&mut dice), notes.cut(&mut dice)),
    };
    drop((stage, clients));
    let check = dice.below(2) == 0;
    let again = Stage::open(Disk::of(bytes), notes, (seed, 1), check).await.map_err(text)?;
    again.look(&mut account).await.map_err(|what| format!("{kind:?}: {what}"))?;
    let (_, problems) = judge(&account);
    if !problems.is_empty() {
        return Err(format!("{kind:?}: {}", problems.join("\n")));
    }
    Ok((kind, if struck { Came::Whole } else { Came::Never }))
}

fn fault(kind: Kind, dice: &mut Dice) -> Option<Fault> {
    Some(match kind {
        Kind::PowerCut => Fault::Power(dice.below(600)),
        Kind::SyncFails => Fault::Sync(dice.below(600)),
        Kind::WriteFails => Fault::Write(dice.below(600)),
        Kind::DiskFull => Fault::Full(dice.below(400_000)),
        Kind::ByteTurns => return None,
    })
}

/// A stored byte that was turned.
struct Turned {
    bytes: Vec<u8>,
    notes: Notes,
    place: String,
    check: bool,
    seed: u64,
}

impl Turned {
    fn of((mut bytes, notes): (Vec<u8>, Notes), closed: bool, seed: u64, dice: &mut Dice) -> Turned {
        let at = dice.below(bytes.len() as u64) as usize;
        bytes[at] ^= 1 << dice.below(8);
        let state = if closed { "closed" } else { "not closed" };
        let place = format!("byte {at} of {}, {state}", bytes.len());
        Turned { bytes, notes, place, check: dice.below(2) == 0, seed }
    }

    async fn open(&self, life: u64, check: bool) -> Result<Stage, EngineError> {
        Stage::open(Disk::of(self.bytes.clone()), self.notes.clone(), (self.seed, life), check).await
    }

    /// Looks at what is there now.
    async fn look(self, mut account: Account) -> Result<(Kind, Came), String> {
        let came = |came| Ok((Kind::ByteTurns, came));
        let wrong = |what: &str| Err(format!("{}: {what}", self.place));
        let stage = match self.open(1, self.check).await {
            Err(error) if error.to_string().contains(DAMAGED) => return came(Came::Found),
            Err(_) => return came(Came::Refused),
            Ok(stage) => stage,
        };
        match stage.look(&mut account).await {
            Err(what) if what.contains(DAMAGED) => return came(Came::Found),
            Err(what) => return wrong(&what),
            Ok(()) => {}
        }
        let (_, problems) = judge(&account);
        if problems.is_empty() {
            return came(Came::Whole);
        }
        if problems.iter().any(|what| what.contains(DAMAGED)) {
            return came(Came::Found);
        }
        // A turned byte in the tree itself may hide rows, and only a look at all of it can tell.
        match self.open(2, true).await.map(drop) {
            Err(EngineError::Corrupt { .. }) if !self.check => came(Came::Unnoticed),
            _ => wrong(&problems.join("\n")),
        }
    }
}
