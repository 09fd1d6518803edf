//! How wide an engine is driven, and how much may wait for it.

use crate::engine::{Engine, Sharing};

/// How much may wait, and how wide it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Width {
    /// Commits of so many lanes run at a time: 1 where the engine has one writer.
    pub write_lanes: usize,
    /// Reads of so many lanes run at a time.
    pub read_lanes: usize,
    /// Pages, ranges and chunks of so many callers are read or staged at a time, of one record half of that.
    pub pages: usize,
    /// The log of changes is read from so many places at a time.
    pub followed: usize,
    /// Calls that wait in one lane, for a page, or for changes; one more is refused.
    pub waiting: usize,
    /// How many of those may be of one record, so that who comes for another one finds room. As many as one step carries.
    pub per_record: usize,
    /// Bytes of keys and values that one commit of the engine carries: what is written behind one fsync.
    pub batch_bytes: usize,
    /// Bytes of items that are kept in memory; 0 keeps none.
    pub near_bytes: u64,
}

impl Width {
    /// What suits an engine. One that a single process drives has one writer; one that is shared orders commits itself, and is a network away:
    /// while some batches wait for its disk, others are on their way. All together they are not more than it has connections, so nobody waits for one.
    pub fn of(engine: &dyn Engine) -> Width {
        match engine.guarantees().sharing {
            Sharing::Exclusive => Width::default(),
            Sharing::Shared => {
                Width { write_lanes: 3, read_lanes: 2, pages: 2, followed: 1, ..Width::default() }
            }
        }
    }
}

impl Default for Width {
    fn default() -> Width {
        Width {
            write_lanes: 1,
            read_lanes: 2,
            pages: 8,
            followed: 4,
            waiting: 4096,
            per_record: 1024,
            batch_bytes: 4 << 20,
            near_bytes: 64 << 20,
        }
    }
}
