//! What a write asks for, and what became of it.

use crate::item::{Item, UnixMs, Value, Version};
use crate::name::{CollectionId, ItemKey, RecordKey};
use crate::typed::{Address, Typed};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// Marks a write so that it can be sent again: the time it was made and 128 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token {
    /// When the caller made it.
    pub time: UnixMs,
    /// Never the same for two writes.
    pub nonce: u128,
}

/// One atomic change: everything it asks for happens, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Where.
    pub collection: CollectionId,
    /// Sent again, it gets the answer of the first time. None: the platform's own writes, which are not repeated.
    pub token: Option<Token>,
    /// It happens only while this lease has this fencing token.
    pub fence: Option<Fence>,
    /// What the collection's items are, where they are messages: by it their end is found and their indexes are kept. None: bytes that nobody looks into.
    pub typed: Option<Arc<Typed>>,
    /// What happens to each record; no record twice.
    pub changes: Vec<RecordChange>,
}

impl Commit {
    /// One without a fence, of bytes that nobody looks into.
    pub fn of(collection: CollectionId, token: Option<Token>, changes: Vec<RecordChange>) -> Commit {
        Commit { collection, token, fence: None, typed: None, changes }
    }

    /// Which indexes the one who wrote it knows of; see [`Typed::layout`].
    pub fn layout(&self) -> u64 {
        self.typed.as_ref().map_or(0, |typed| typed.layout)
    }
}

/// What happens to one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordChange {
    /// The record's id.
    pub record: Bytes,
    /// What must be so.
    pub conditions: Vec<Condition>,
    /// What is written; no key twice.
    pub writes: Vec<Write>,
}

/// What must be so of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The item.
    pub key: Bytes,
    /// What.
    pub must: Must,
}

/// See [`Condition`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Must {
    /// It has this version.
    Be(Version),
    /// It is not there.
    BeAbsent,
    /// It is there.
    BePresent,
}

/// A change of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The item.
    pub key: Bytes,
    /// What happens.
    pub action: Action,
    /// How long what is put stays, by the engine's clock. None: for good.
    pub ttl: Option<Duration>,
}

/// See [`Write`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// This is its value now.
    Put(Value),
    /// It is removed.
    Delete,
    /// This is added to the number it holds: 8 bytes, big-endian, two's complement; absent is 0.
    Add(i64),
    /// If this is its value, its index entries are written. It stays as it is, and nobody is told.
    Index(Value),
}

/// Proof of holding a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The lease.
    pub lease: RecordKey,
    /// Its fencing token.
    pub token: Version,
}

/// What became of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It happened, now or when the token came first.
    Done {
        /// Of every item it wrote. 0 where it wrote nothing.
        version: Version,
        /// It was done before.
        replayed: bool,
    },
    /// It did not happen.
    Refused(Refusal),
}

/// Values that a unique index has already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotUnique {
    /// The index, as the schema names it.
    pub index: String,
    /// Where the message is that would have them, too.
    pub item: ItemKey,
    /// Where the one is that has them.
    pub holder: Address,
}

/// Why a commit did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A condition does not hold.
    Condition {
        /// The record's place among the changes.
        change: usize,
        /// The condition's place in the record's change.
        condition: usize,
        /// The item there is.
        found: Option<Item>,
    },
    /// The lease is not, or no longer, held with that token.
    Fenced {
        /// The token it is held with.
        current: Option<Version>,
    },
    /// Something is added to what is no number, or is too large for one.
    NotANumber {
        /// The item.
        item: ItemKey,
        /// What is wrong.
        what: &'static str,
    },
    /// A unique index has the values already.
    NotUnique(Box<NotUnique>),
    /// The collection has other indexes by now than the one who wrote knew. With what is known now it may happen.
    Outdated,
}
