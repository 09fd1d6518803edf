//! Many clients of one owner, each with a call open at any time, until the process dies or they are stopped.

use super::dice::Dice;
use super::look;
use super::operation::{Answer, COUNTERS, KEYS, Operation, PAIR_KEYS, RECORDS, What, item_key, place};
use super::value;
use super::wire::Log;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tenet_history::{
    Action, Expected, LeaseAction, LeaseAnswer, LeaseOperation, RecordAnswer, RecordOperation, Seen,
};
use tenet_store::engine::{EngineError, ScanOf};
use tenet_store::name::CollectionId;
use tenet_store::owner::{Owner, OwnerError};

/// Records that everybody writes: all but the last, which belongs to whoever holds the lease.
const COMMON: usize = RECORDS.len() - 1;
/// Clients that take the lease and write under it.
const HOLDERS: u32 = 2;
/// Tokens are kept for so long: those of the clients here are of 1970, and none may be forgotten before it is sent again. (An hour was
/// too short: one seed in ten found a write that happened twice.)
const TOKENS: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// Rows that upkeep looks at in one go.
const UPKEEP: usize = 200;

/// Times that an operation is sent in one life; each has chunks of its own, and so has a repetition in a later life.
const ATTEMPTS: u64 = 512;

/// What the clients of one life share.
pub struct Work {
    /// One for each store; clients are divided among them.
    pub owners: Vec<Owner>,
    pub collection: CollectionId,
    pub log: Arc<Log>,
    pub seed: u64,
    pub life: u64,
    /// Operations so far; the life is part of every number that must never come again.
    pub count: AtomicU64,
    /// Set to let each client end after its answer.
    pub stop: AtomicBool,
}

/// What became of a call.
pub enum Came {
    Answered(Answer),
    /// It surely did not happen.
    Never,
    /// Nobody knows.
    Open,
}

impl Work {
    /// Of one life, before its first operation.
    pub fn new(owners: Vec<Owner>, collection: CollectionId, log: Arc<Log>, seed: u64, life: u64) -> Work {
        let (count, stop) = (AtomicU64::new(0), AtomicBool::new(false));
        Work { owners, collection, log, seed, life, count, stop }
    }

    /// Runs so many clients.
    pub async fn run(self: &Arc<Work>, clients: u32) {
        let clients = (0..clients).map(|client| {
            let work = self.clone();
            tokio::spawn(async move { Client::new(work, client).run().await })
        });
        for client in clients.collect::<Vec<_>>() {
            if let Err(error) = client.await {
                self.log.trouble(format!("a client ended: {error}"));
            }
        }
    }

    /// Does it again, with the same token.
    pub async fn repeat(&self, client: u32, operation: &Operation) -> Came {
        self.perform(client, operation, ATTEMPTS + self.life % ATTEMPTS).await
    }

    /// A number that no other operation or value of the folder has.
    fn number(&self) -> u64 {
        (self.life << 24) + self.count.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn owner(&self, client: u32) -> &Owner {
        &self.owners[client as usize % self.owners.len()]
    }

    async fn perform(&self, client: u32, operation: &Operation, attempt: u64) -> Came {
        let call = self.log.call(client, operation);
        let came = match self.carry_out(client, operation, attempt).await {
            Ok(answer) => {
                self.log.answer(call, &answer);
                Came::Answered(answer)
            }
            Err(OwnerError::Engine(error)) => match &*error {
                EngineError::Unknown(_) => Came::Open,
                EngineError::Unavailable(_) | EngineError::Full(_) => Came::Never,
                error => {
                    self.log.trouble(format!("{operation:?}: {error}"));
                    Came::Open
                }
            },
            Err(OwnerError::Full { .. } | OwnerError::Crowded { .. }) => Came::Never,
            Err(OwnerError::Ending) => Came::Open,
        };
        if matches!(came, Came::Never) {
            self.log.say(&super::wire::Message::Never { call });
        }
        came
    }

    async fn carry_out(
        &self,
        client: u32,
        operation: &Operation,
        attempt: u64,
    ) -> Result<Answer, OwnerError> {
        let owner = self.owner(client);
        let failed = |error| OwnerError::Engine(Arc::new(error));
        let broken = |what| failed(EngineError::Broken(what));
        if let Some((commit, chunks)) = operation.commit(self.collection, attempt) {
            for (blob, number, chunk) in chunks {
                // What is staged and not referred to is nothing.
                let staged = owner.engine().stage(blob, number, chunk).await;
                staged.map_err(|error| failed(EngineError::Unavailable(error.to_string())))?;
            }
            let outcome = owner.commit(commit.clone()).await?;
            return operation.answer(&commit, &outcome).map_err(broken);
        }
        let What::Record(RecordOperation { record, action }) = &operation.what else {
            return Err(broken("no write and no read".to_owned()));
        };
        let answer = if let Action::Get { key, .. } = action {
            let (record, key) = place(record, key);
            let items = owner.read(vec![item_key(self.collection, &record, &key)]).await?;
            let item = items.into_iter().next().flatten();
            let seen = item.map(|item| Ok(Seen { value: look::shown(&item)?, version: item.version.0 }));
            RecordAnswer::Item(seen.transpose().map_err(broken)?)
        } else {
            let id = item_key(self.collection, record, "").record.id;
            let of = ScanOf::Record { collection: self.collection, record: id };
            let found = look::scan(&**owner.engine(), of, None).await.map_err(failed)?;
            let items = found.iter().map(|(key, item)| {
                let seen = Seen { value: look::shown(item)?, version: item.version.0 };
                Ok((look::text(&key.key).into(), seen))
            });
            RecordAnswer::Items(items.collect::<Result<_, String>>().map_err(broken)?)
        };
        Ok(Answer::Record(answer))
    }
}

/// One client.
pub struct Client {
    work: Arc<Work>,
    client: u32,
    dice: Dice,
    /// The versions of items as it last saw them.
    known: HashMap<(String, String), Option<u64>>,
}

impl Client {
    /// One with choices of its own.
    pub fn new(work: Arc<Work>, client: u32) -> Client {
        let dice = Dice::new(work.seed, (work.life << 16) + u64::from(client) + 2);
        let client = client + 1000 * (work.life as u32 + 1);
        Client { work, client, dice, known: HashMap::new() }
    }

    fn stopped(&self) -> bool {
        self.work.stop.load(Ordering::Relaxed)
    }

    async fn run(mut self) {
        let place = self.client % 1000;
        while !self.stopped() {
            if place < HOLDERS {
                self.hold().await;
            } else if place == HOLDERS && self.dice.below(40) == 0 {
                let _ = self.work.owner(self.client).engine().upkeep(TOKENS, UPKEEP).await;
            } else {
                let what = self.any(place == HOLDERS);
                let operation = Operation { id: self.work.number(), fence: None, what };
                self.ask(operation).await;
            }
        }
    }

    /// Asks, and again with the same token as long as nobody knows, or gives up sometimes.
    async fn ask(&mut self, operation: Operation) -> Option<Answer> {
        for attempt in 0..ATTEMPTS {
            match self.work.perform(self.client, &operation, attempt).await {
                Came::Answered(answer) => {
                    self.learn(&operation, &answer);
                    return Some(answer);
                }
                _ if self.stopped() || self.dice.below(4) == 0 => return None,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        None
    }

    /// Remembers what an answer says of versions.
    pub fn learn(&mut self, operation: &Operation, answer: &Answer) {
        let (What::Record(asked), Answer::Record(answer)) = (&operation.what, answer) else { return };
        let mut know = |key: &str, version| {
            self.known.insert((asked.record.to_string(), key.to_owned()), version);
        };
        match (&asked.action, answer) {
            (Action::Write(write), RecordAnswer::Written { version }) => {
                write.changes.iter().for_each(|change| know(&change.key, change.value.map(|_| *version)));
            }
            (_, RecordAnswer::Refused { found: Some((key, version)) }) => know(key, *version),
            (Action::Get { key, .. }, RecordAnswer::Item(seen)) => know(key, seen.map(|seen| seen.version)),
            (_, RecordAnswer::Items(items)) => {
                items.iter().for_each(|(key, seen)| know(key, Some(seen.version)));
            }
            _ => {}
        }
    }

    /// A write to ask for.
    pub fn any_write(&mut self, long: bool) -> Operation {
        loop {
            let operation = Operation { id: self.work.number(), fence: None, what: self.any(long) };
            if operation.writes() {
                return operation;
            }
        }
    }

    /// Something to ask; `long` values are for one client alone, because each chunk is a step of its own.
    fn any(&mut self, long: bool) -> What {
        let record = RECORDS[self.dice.below(COMMON as u64) as usize];
        let keys = if record == "pair" { &PAIR_KEYS } else { &KEYS };
        let key = self.dice.of(keys);
        let expected = self.expected(record, key);
        let value = |client: &mut Client| {
            let kind = if long { 7 } else { client.dice.below(7) };
            value::number(client.work.number(), kind)
        };
        if record == "pair" && self.dice.below(100) < 80 {
            return What::Record(self.both(key, expected));
        }
        What::Record(match self.dice.below(100) {
            0..74 if record == "pair" => RecordOperation::get(record, key),
            0..30 => RecordOperation::put(record, key, value(self)),
            30..40 => RecordOperation::delete(record, key),
            40..54 => RecordOperation::compare_and_set(record, key, expected, value(self)),
            54..74 => {
                let mut changes = Vec::new();
                for key in keys {
                    match self.dice.below(4) {
                        0 => changes.push((*key, None)),
                        1 | 2 => changes.push((*key, Some(value(self)))),
                        _ => {}
                    }
                }
                if changes.is_empty() {
                    changes.push((key, None));
                }
                let conditions = if self.dice.below(2) == 0 { vec![(key, expected)] } else { Vec::new() };
                RecordOperation::mutate(record, &conditions, &changes)
            }
            74..88 => {
                let amount = self.work.number() as i64;
                return What::Add { counter: self.dice.of(&COUNTERS).to_owned(), amount };
            }
            88..90 if record != "pair" => RecordOperation::scan(record),
            _ => RecordOperation::get(record, key),
        })
    }

    /// A write of both sides of the pair: versions are in order in each record, and nothing says so of two. What changes both is in order with
    /// all that changes either.
    fn both(&mut self, key: &str, expected: Expected) -> RecordOperation {
        let mut changes = Vec::new();
        for side in PAIR_KEYS.chunks(PAIR_KEYS.len() / 2) {
            let key = self.dice.of(side);
            let deletes = self.dice.below(4) == 0;
            let kind = self.dice.below(7);
            changes.push((key, (!deletes).then(|| value::number(self.work.number(), kind))));
        }
        let conditions = if self.dice.below(2) == 0 { vec![(key, expected)] } else { Vec::new() };
        RecordOperation::mutate("pair", &conditions, &changes)
    }

    /// What it believes an item to be.
    fn expected(&self, record: &str, key: &str) -> Expected {
        let known = self.known.get(&(record.to_owned(), key.to_owned()));
        known.copied().flatten().map_or(Expected::Absent, Expected::Version)
    }

    /// Takes the lease, writes under it, and lets it go or run out.
    async fn hold(&mut self) {
        // Two lives share one, so that one is still held when its holder is dead.
        let lease = format!("l{}", self.work.life / 2);
        let ttl_ns = 5_000_000 + self.dice.below(25_000_000);
        let holder = format!("h{}", self.client).into();
        let Some((token, mut version)) =
            self.ask_lease(&lease, LeaseAction::Acquire { holder, ttl_ns }, 0).await
        else {
            tokio::time::sleep(Duration::from_millis(1)).await;
            return;
        };
        for _ in 0..self.dice.below(6) {
            if self.dice.below(3) == 0 {
                let renew = LeaseAction::Renew { token, ttl_ns };
                match self.ask_lease(&lease, renew, version).await {
                    Some((_, renewed)) => version = renewed,
                    None => return,
                }
                continue;
            }
            let value = value::number(self.work.number(), 1);
            let what = What::Record(RecordOperation::put("fenced", self.dice.of(&KEYS), value));
            let fence = Some((lease.clone(), token));
            let operation = Operation { id: self.work.number(), fence, what };
            if !matches!(self.ask(operation).await, Some(Answer::Record(_))) {
                return;
            }
        }
        if self.dice.below(2) == 0 {
            self.ask_lease(&lease, LeaseAction::Release { token }, version).await;
        }
    }

    /// The token and the version of the lease's item, if it is held now. Lease calls are not repeated: the next try is a call of its own.
    async fn ask_lease(&mut self, lease: &str, action: LeaseAction, version: u64) -> Option<(u64, u64)> {
        let token = match action {
            LeaseAction::Renew { token, .. } | LeaseAction::Release { token } => Some(token),
            LeaseAction::Acquire { .. } => None,
        };
        let operation = LeaseOperation { lease: lease.into(), action };
        let what = What::Lease { operation, version };
        let operation = Operation { id: self.work.number(), fence: None, what };
        match self.work.perform(self.client, &operation, 0).await {
            Came::Answered(Answer::Lease { answer: LeaseAnswer::Granted { token }, version }) => {
                Some((token, version))
            }
            Came::Answered(Answer::Lease { answer: LeaseAnswer::Done, version }) => Some((token?, version)),
            _ => None,
        }
    }
}
