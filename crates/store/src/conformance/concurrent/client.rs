//! A client of a run: asks at random, remembers what it saw, and writes its history down.

use super::observed::{Asked, Call, Expected, KEYS, RECORDS, Seen, Told, View};
use crate::commit::{Action, Commit, Condition, Must, Outcome, RecordChange, Refusal, Token, Write};
use crate::conformance::make::{bytes, inline, item_key, number};
use crate::conformance::problem::{Checked, Problem, holds, short};
use crate::conformance::site::whole;
use crate::engine::{Engine, EngineError, ScanOf};
use crate::item::{Item, UnixMs, Version};
use crate::name::CollectionId;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// How often a call is sent again whose answer says that it may be: nothing is broken in these runs, so it must succeed soon.
const TRIES: u32 = 50;

/// One client.
pub(super) struct Client {
    number: u32,
    engine: Arc<dyn Engine>,
    collection: CollectionId,
    began: Instant,
    random: StdRng,
    /// Values and nonces made so far.
    made: u64,
    /// What it saw last of each item: what it compares with.
    known: BTreeMap<(&'static str, &'static str), Version>,
    history: Vec<Call>,
}

impl Client {
    pub fn new(
        number: u32,
        engine: Arc<dyn Engine>,
        collection: CollectionId,
        began: Instant,
        seed: u64,
    ) -> Client {
        let random = StdRng::seed_from_u64(seed.wrapping_mul(1 << 20).wrapping_add(u64::from(number)));
        Client {
            number,
            engine,
            collection,
            began,
            random,
            made: 0,
            known: BTreeMap::new(),
            history: Vec::new(),
        }
    }

    /// Calls so many times; what it saw.
    pub async fn run(mut self, operations: u32) -> Checked<Vec<Call>> {
        for _ in 0..operations {
            match self.random.random_range(0..10) {
                0..=5 => self.write().await?,
                6..=7 => self.read().await?,
                _ => self.scan().await?,
            }
        }
        Ok(self.history)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn record(&mut self) -> &'static str {
        RECORDS.choose(&mut self.random).copied().unwrap_or_default()
    }

    fn key(&mut self) -> &'static str {
        KEYS.choose(&mut self.random).copied().unwrap_or_default()
    }

    fn value(&mut self) -> u64 {
        self.made += 1;
        u64::from(self.number) << 32 | self.made
    }

    /// One commit, or several in a batch: puts, whole records, compare-and-set, creations and removals.
    async fn write(&mut self) -> Checked {
        let count = if self.random.random_bool(0.2) { self.random.random_range(2..5) } else { 1 };
        let mut asked = Vec::new();
        for _ in 0..count {
            let (record, key) = (self.record(), self.key());
            asked.push((record, self.ask(record, key)));
        }
        let batch: Vec<Commit> = asked.iter().map(|(record, asked)| self.commit(record, asked)).collect();
        let call_ns = self.now();
        let outcomes = self.send(batch).await?;
        let return_ns = self.now();
        holds(format!("{count} commits, {} outcomes", outcomes.len()), outcomes.len() == asked.len())?;
        for ((record, asked), outcome) in asked.into_iter().zip(outcomes) {
            let told = told(&outcome)?;
            if let (Asked::Write { changes, .. }, Told::Written(version)) = (&asked, &told) {
                self.known.extend(changes.keys().map(|key| ((record, *key), *version)));
            }
            self.history.push(Call { client: self.number, record, call_ns, return_ns, asked, told });
        }
        Ok(())
    }

    fn ask(&mut self, record: &'static str, key: &'static str) -> Asked {
        let one = |value| BTreeMap::from([(key, value)]);
        let known = self.known.get(&(record, key)).copied();
        let (condition, changes) = match self.random.random_range(0..10) {
            0..=2 => (None, one(Some(self.value()))),
            3..=4 => (None, KEYS.iter().map(|key| (*key, Some(self.value()))).collect()),
            5..=7 => {
                let expected = known.map_or(Expected::Absent, Expected::Version);
                (Some((key, expected)), one(Some(self.value())))
            }
            8 => (Some((key, Expected::Absent)), one(Some(self.value()))),
            _ => (None, one(None)),
        };
        Asked::Write { condition, changes }
    }

    fn commit(&mut self, record: &str, asked: &Asked) -> Commit {
        let mut change = RecordChange { record: bytes(record), conditions: Vec::new(), writes: Vec::new() };
        if let Asked::Write { condition, changes } = asked {
            change.conditions.extend(condition.map(|(key, expected)| Condition {
                key: bytes(key),
                must: match expected {
                    Expected::Absent => Must::BeAbsent,
                    Expected::Version(version) => Must::Be(version),
                },
            }));
            change.writes.extend(changes.iter().map(|(key, value)| Write {
                key: bytes(key),
                action: value.map_or(Action::Delete, |value| Action::Put(inline(value.to_be_bytes()))),
                ttl: None,
            }));
        }
        self.made += 1;
        // Below the nonces of the site, which have its seed above.
        let nonce = u128::from(u64::from(self.number) << 32 | self.made);
        let token = Some(Token { time: UnixMs(0), nonce });
        Commit::of(self.collection, token, vec![change])
    }

    /// Sends the batch until it is answered: sent again, it has happened once.
    async fn send(&self, batch: Vec<Commit>) -> Checked<Vec<Outcome>> {
        let mut last = String::new();
        for _ in 0..TRIES {
            match self.engine.commit(batch.clone()).await {
                Ok(outcomes) => return Ok(outcomes),
                Err(EngineError::Unavailable(why) | EngineError::Unknown(why)) => last = why,
                Err(error) => return Err(error.into()),
            }
        }
        Err(Problem::Wrong(format!("no answer to a commit in {TRIES} tries: {last}")))
    }

    async fn read(&mut self) -> Checked {
        let record = self.record();
        let count = if self.random.random_bool(0.5) { 1 } else { KEYS.len() };
        let keys: Vec<&'static str> = KEYS.choose_multiple(&mut self.random, count).copied().collect();
        let asked = keys.iter().map(|key| item_key(self.collection, record, key)).collect();
        let call_ns = self.now();
        let items = self.engine.read(asked).await?;
        let return_ns = self.now();
        holds("as many items as keys", items.len() == keys.len())?;
        let mut view = View::new();
        for (key, item) in keys.into_iter().zip(&items) {
            view.insert(key, item.as_ref().map(seen).transpose()?);
        }
        self.saw(record, call_ns, return_ns, view);
        Ok(())
    }

    async fn scan(&mut self) -> Checked {
        let record = self.record();
        let of = ScanOf::Record { collection: self.collection, record: bytes(record) };
        let call_ns = self.now();
        let page = self.engine.scan(whole(of)).await?;
        let return_ns = self.now();
        holds("a whole record in one page", !page.more)?;
        let mut view: View = KEYS.iter().map(|key| (*key, None)).collect();
        for (at, item) in &page.items {
            let key = KEYS.iter().find(|key| key.as_bytes() == at.key);
            let key = key.ok_or_else(|| Problem::Wrong(format!("a scan of {record} shows {at:?}")))?;
            view.insert(key, Some(seen(item)?));
        }
        self.saw(record, call_ns, return_ns, view);
        Ok(())
    }

    fn saw(&mut self, record: &'static str, call_ns: u64, return_ns: u64, view: View) {
        for (key, seen) in &view {
            match seen {
                Some(seen) => self.known.insert((record, *key), seen.version),
                None => self.known.remove(&(record, *key)),
            };
        }
        let (client, told) = (self.number, Told::Saw(view));
        self.history.push(Call { client, record, call_ns, return_ns, asked: Asked::Read, told });
    }
}

fn seen(item: &Item) -> Checked<Seen> {
    let value = number(item).ok_or_else(|| Problem::Wrong(format!("nobody wrote {}", short(item))))?;
    Ok(Seen { value: value.cast_unsigned(), version: item.version })
}

fn told(outcome: &Outcome) -> Checked<Told> {
    match outcome {
        // Sent again by itself after an answer that was lost.
        Outcome::Done { version, .. } => Ok(Told::Written(*version)),
        Outcome::Refused(Refusal::Condition { change: 0, condition: 0, found }) => {
            Ok(Told::Refused(found.as_ref().map(seen).transpose()?))
        }
        other => Err(Problem::Wrong(format!("nothing asked for this: {}", short(other)))),
    }
}
