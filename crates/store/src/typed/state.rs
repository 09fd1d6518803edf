//! How far each index of a namespace is: rows of a hidden collection, the same for all processes of the store.
//!
//! ```text
//!   nothing ─declared, there are items─▶ BUILDING ─all of them entered─▶ READY ─left the schema─▶ REMOVING ─no entry is left─▶ nothing
//!      └────declared, there are none─────────────────────────────────▶     ▲
//! ```
//!
//! In the schema again while it is REMOVING, an index gets fresh rows with a state of their own. Where the two happen at the same moment, in different
//! processes, the same rows are emptied and then BUILDING again.

use crate::commit::{Action, Commit, Condition, Must, Outcome, RecordChange, Write};
use crate::engine::{Engine, EngineError, Scan, ScanOf};
use crate::item::{Item, Value, Version};
use crate::name::{CollectionId, CollectionName, ItemKey, Name, RecordKey};
use bytes::Bytes;
use prost::Message;

/// Indexes of a namespace that are looked at: many times more than anybody has.
const MAX_INDEXES: usize = 10_000;
/// Times that a state is looked at anew because another process changed it.
const MAX_TURNS: usize = 8;

/// What is done with an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum Phase {
    /// What is written is entered; what was there before is being entered.
    Building = 1,
    /// It has every item.
    Ready = 2,
    /// Its entries are being removed.
    Removing = 3,
}

impl Phase {
    /// For people and programs.
    pub(crate) fn said(self) -> &'static str {
        match self {
            Phase::Building => "BUILDING",
            Phase::Ready => "READY",
            Phase::Removing => "REMOVING",
        }
    }
}

/// How far an index is.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct State {
    #[prost(enumeration = "Phase", tag = "1")]
    pub phase: i32,
    /// The last row that was looked at.
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub record: Option<Bytes>,
    #[prost(bytes = "bytes", tag = "3")]
    pub key: Bytes,
    /// Rows that were looked at.
    #[prost(uint64, tag = "4")]
    pub done: u64,
    /// Items among them that are no message of the schema, or too long: no index has them.
    #[prost(uint64, tag = "5")]
    pub left_out: u64,
    /// Why it does not go on.
    #[prost(string, tag = "6")]
    pub problem: String,
}

impl State {
    pub(crate) fn at(phase: Phase) -> State {
        State { phase: phase.into(), ..State::default() }
    }
}

/// What the collections of states are called.
const STATES: &str = ".indexes";

/// The name of the collection of states.
pub(crate) fn states_name(namespace: &Name) -> CollectionName {
    CollectionName { namespace: namespace.clone(), collection: Name::hidden(&[STATES]) }
}

/// Of which collection a state is, where `name` is that of a collection of states and `record` the id of one.
pub(crate) fn state_of(name: &str, record: &[u8]) -> Option<CollectionId> {
    let (_, collection) = name.split_once('/')?;
    if collection != STATES {
        return None;
    }
    Some(CollectionId(u32::from_be_bytes(record.try_into().ok()?)))
}

/// The states of a namespace's indexes. Not through the owner: whoever changes one may be another process.
#[derive(Clone, Copy)]
pub(crate) struct States<'e> {
    pub engine: &'e dyn Engine,
    pub collection: CollectionId,
}

impl States<'_> {
    /// The state of the index whose entries are in `rows`, and its version. None: there is nothing of it.
    pub(crate) async fn get(&self, rows: CollectionId) -> Result<Option<(State, Version)>, EngineError> {
        let key = ItemKey { record: self.record(rows), key: Bytes::new() };
        let item = self.engine.read(vec![key]).await?.into_iter().next().flatten();
        item.map(|item| Ok((read(&item)?, item.version))).transpose()
    }

    /// All of them.
    pub(crate) async fn all(&self) -> Result<Vec<(CollectionId, State, Version)>, EngineError> {
        let of = ScanOf::Collection(self.collection);
        let scan = Scan { of, from: None, to: None, reverse: false, items: MAX_INDEXES, bytes: usize::MAX };
        let found = self.engine.scan(scan).await?.items;
        let states = found.iter().map(|(key, item)| {
            let id = <[u8; 4]>::try_from(&key.record.id[..]).map_err(|_| damaged("its key is no number"))?;
            Ok((CollectionId(u32::from_be_bytes(id)), read(item)?, item.version))
        });
        states.collect()
    }

    /// Changes a state that is still as it was; false: another was faster.
    pub(crate) async fn set(
        &self,
        rows: CollectionId,
        before: Option<Version>,
        now: Option<&State>,
    ) -> Result<bool, EngineError> {
        let action = now.map_or(Action::Delete, |now| Action::Put(Value::Inline(now.encode_to_vec().into())));
        let must = before.map_or(Must::BeAbsent, Must::Be);
        let change = RecordChange {
            record: self.record(rows).id,
            conditions: vec![Condition { key: Bytes::new(), must }],
            writes: vec![Write { key: Bytes::new(), action, ttl: None }],
        };
        let commit = Commit::of(self.collection, None, vec![change]);
        let outcomes = self.engine.commit(vec![commit]).await?;
        Ok(matches!(outcomes.first(), Some(Outcome::Done { .. })))
    }

    /// Changes a state to what `change` makes of it; it stays as it is where that is nothing.
    pub(crate) async fn change(
        &self,
        rows: CollectionId,
        change: impl Fn(Option<&State>) -> Option<State>,
    ) -> Result<(), EngineError> {
        for _ in 0..MAX_TURNS {
            let before = self.get(rows).await?;
            let Some(now) = change(before.as_ref().map(|(state, _)| state)) else { return Ok(()) };
            if self.set(rows, before.map(|(_, version)| version), Some(&now)).await? {
                return Ok(());
            }
        }
        Err(EngineError::Unavailable("others went on changing the state of an index".into()))
    }

    fn record(&self, rows: CollectionId) -> RecordKey {
        RecordKey { collection: self.collection, id: Bytes::copy_from_slice(&rows.0.to_be_bytes()) }
    }
}

fn read(item: &Item) -> Result<State, EngineError> {
    match &item.value {
        Value::Inline(bytes) => State::decode(bytes.clone()).map_err(|_| damaged("it cannot be read")),
        Value::Chunked { .. } => Err(damaged("it is too long")),
    }
}

fn damaged(what: &str) -> EngineError {
    EngineError::Corrupt { place: "the state of an index".into(), what: what.into() }
}
