//! The near tier: values in memory that are never older than the last write that was finished.
//!
//! ```text
//!   read    get ──hit──▶ served
//!            │ miss
//!            ▼
//!           begin_fill ─▶ read from the authority ─▶ fill: kept, unless a write has begun since begin_fill
//!
//!   write   begin_write ─▶ write to the authority ─▶ Writing is dropped
//!           what is kept of the key goes; until the drop nothing of its group is served or kept
//! ```
//!
//! Keys belong to *groups* by a hash that the caller gives (of a record, so that all its items go together). A group has a state: how many
//! writes are under way, and a number that grows with each. A value is served only where no write is under way before and after it
//! was found, and kept only where none has begun since its read began. So what is served was what the authority had at some moment
//! of the call. Two groups may share a state; that costs misses and nothing else.
//!
//! Which values stay is S3-FIFO's to decide (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023), by the crate `quick_cache`.
//! How long a value may be kept while *others* may write to the authority is not known here: the owner of a lease clears what it no
//! longer covers.

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Mutex, PoisonError};

/// Group states: so many that writes under way seldom keep other groups from being served. 64 KiB and as many small locks.
const STATES: usize = 4096;

/// What a state's low bits count: writes under way. The rest is the number of writes that ever began.
const UNDER_WAY: u64 = (1 << 20) - 1;
const BEGAN: u64 = UNDER_WAY + 1;

/// How many bytes a value counts as; at least one.
pub trait Weight {
    /// Bytes, its key and what keeping it takes included.
    fn weight(&self) -> u64;
}

/// Values in memory.
pub struct Near<K, V> {
    values: Cache<K, V, ByWeight>,
    groups: Box<[Group]>,
}

#[derive(Default)]
struct Group {
    state: AtomicU64,
    /// Held while a value is put in or writes begin: between the look at the state and the deed.
    change: Mutex<()>,
}

#[derive(Clone)]
struct ByWeight;

impl<K, V: Weight> Weighter<K, V> for ByWeight {
    fn weight(&self, _: &K, value: &V) -> u64 {
        value.weight().max(1)
    }
}

/// A read of the authority that may be kept. Made before the read begins.
#[derive(Clone, Copy, Debug)]
#[must_use = "what is read is to be handed to `fill`"]
pub struct Fill {
    group: usize,
    state: u64,
}

/// A write that is under way; dropped when its outcome is known, or will never be.
#[must_use = "the write is over when this is dropped"]
pub struct Writing<'a> {
    group: &'a Group,
}

impl<K: Hash + Eq + Clone, V: Clone + Weight> Near<K, V> {
    /// Holds at most about `bytes`; `items` is how many values that is likely to be.
    pub fn new(bytes: u64, items: usize) -> Near<K, V> {
        let groups = (0..STATES).map(|_| Group::default()).collect();
        Near { values: Cache::with_weighter(items, bytes, ByWeight), groups }
    }

    /// What is kept of `key`, if nothing is being written to its group.
    pub fn get(&self, group: u64, key: &K) -> Option<V> {
        self.look(group, || self.values.get(key))
    }

    /// What is kept of all `keys` of one group, all of one moment; `None` where one of them is not.
    pub fn get_all<'a>(&self, group: u64, keys: impl IntoIterator<Item = &'a K>) -> Option<Vec<V>>
    where
        K: 'a,
    {
        self.look(group, || keys.into_iter().map(|key| self.values.get(key)).collect())
    }

    fn look<T>(&self, group: u64, look: impl FnOnce() -> Option<T>) -> Option<T> {
        let state = &self.groups[place(group)].state;
        let before = state.load(Ordering::Acquire);
        if before & UNDER_WAY != 0 {
            return None;
        }
        let found = look()?;
        // Had a write begun meanwhile, it may be over, and what was found older than it. As with a seqlock, the values' reads must not
        // be done after this look at the state.
        fence(Ordering::Acquire);
        (state.load(Ordering::Relaxed) == before).then_some(found)
    }

    /// Before `group`'s values are read from the authority. `None` where a write is under way: what is read may be from before or after it.
    pub fn begin_fill(&self, group: u64) -> Option<Fill> {
        let group = place(group);
        let state = self.groups[group].state.load(Ordering::Acquire);
        (state & UNDER_WAY == 0).then_some(Fill { group, state })
    }

    /// Keeps what was read since `fill` was made; false where a write has begun since, and it is not kept.
    pub fn fill(&self, fill: Fill, key: K, value: V) -> bool {
        let group = &self.groups[fill.group];
        let _change = group.change.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = group.state.load(Ordering::Acquire) == fill.state;
        if holds {
            self.values.insert(key, value);
        }
        holds
    }

    /// Before `keys` of `group` are written to the authority.
    pub fn begin_write<'a>(&self, group: u64, keys: impl IntoIterator<Item = &'a K>) -> Writing<'_>
    where
        K: 'a,
    {
        let group = &self.groups[place(group)];
        let _change = group.change.lock().unwrap_or_else(PoisonError::into_inner);
        group.state.fetch_add(BEGAN + 1, Ordering::AcqRel);
        for key in keys {
            self.values.remove(key);
        }
        Writing { group }
    }

    /// Forgets everything, and keeps nothing of what is being read.
    pub fn clear(&self) {
        for group in &self.groups {
            let _change = group.change.lock().unwrap_or_else(PoisonError::into_inner);
            group.state.fetch_add(BEGAN, Ordering::AcqRel);
        }
        self.values.clear();
    }

    /// Bytes that are kept.
    pub fn bytes(&self) -> u64 {
        self.values.weight()
    }

    /// Values that are kept.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.group.state.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Groups that differ in any bit may differ in their state.
fn place(group: u64) -> usize {
    // Fibonacci hashing: the upper bits of the product depend on all bits (Knuth, TAOCP 3, 6.4).
    (group.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - STATES.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests;
