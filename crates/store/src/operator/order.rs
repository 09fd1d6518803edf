//! What can be asked, and what is answered, as JSON.

use crate::backup::{CollectionHead, Place};
use serde::{Deserialize, Serialize};

/// What an operator wants: one line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Which collections there are. Answered by [`Described`].
    Describe,
    /// All that a backup has. Answered by a head and parts; the moment is held until the other end says that it has all of it, so that it can be
    /// gone on with.
    Copy(CopyOrder),
    /// Items of services. Answered by a head and parts.
    Read(ReadOrder),
    /// Parts follow, whose items are written. Each is answered by [`Written`].
    Write,
}

/// See [`Order::Copy`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyOrder {
    /// What for: `backup`, `verify`. For the log.
    pub purpose: String,
    /// Where to, as people say it. For the log.
    pub what: String,
    /// Goes on with a snapshot.
    pub resume: Option<Resume>,
}

/// Which items.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadOrder {
    /// What for: `export`, `get`, `scan`. For the log.
    pub purpose: String,
    /// What is read, as people say it. For the log.
    pub what: String,
    /// None: all collections of services.
    pub ranges: Option<Vec<RangeOrder>>,
    /// At most so many items.
    pub limit: Option<u64>,
}

/// Items of one collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeOrder {
    /// The namespace.
    pub namespace: String,
    /// The collection in it.
    pub collection: String,
    /// Record and key of the first. None: the first there is.
    pub from: Option<(Vec<u8>, Vec<u8>)>,
    /// Record and key of the first that no longer belongs. None: there is no end.
    pub to: Option<(Vec<u8>, Vec<u8>)>,
}

/// With what it goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// The snapshot, as the head named it.
    pub snapshot: String,
    /// The state that it shows, as the head said it.
    pub state: Option<String>,
    /// After this. None: from the beginning.
    pub after: Option<Place>,
}

impl Order {
    pub(super) fn purpose(&self) -> &str {
        match self {
            Order::Describe => "describe",
            Order::Copy(order) => &order.purpose,
            Order::Read(order) => &order.purpose,
            Order::Write => "import",
        }
    }

    pub(super) fn what(&self) -> &str {
        match self {
            Order::Copy(order) => &order.what,
            Order::Read(order) => &order.what,
            Order::Describe | Order::Write => "",
        }
    }
}

/// Which collections there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Described {
    /// The engine.
    pub engine: String,
    /// The time by its clock, milliseconds since 1970.
    pub now_unix_ms: i64,
    /// As great as every version, or greater.
    pub version: u64,
    /// All that were ever declared.
    pub collections: Vec<CollectionSize>,
}

/// How much a collection holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionSize {
    /// Which.
    #[serde(flatten)]
    pub of: CollectionHead,
    /// Records.
    pub records: u64,
    /// Items.
    pub items: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
}

/// What became of a part that was brought in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Items that were written.
    pub written: u64,
    /// Items that were there as they are.
    pub unchanged: u64,
    /// Items that are over by now, and were left out.
    pub over: u64,
}

impl Written {
    /// Adds what became of another part.
    pub fn add(&mut self, other: Written) {
        self.written += other.written;
        self.unchanged += other.unchanged;
        self.over += other.over;
    }
}

/// Why something is not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The moment to go on with is gone: it can be begun anew.
    pub anew: bool,
    /// Why, for people.
    pub text: String,
}
