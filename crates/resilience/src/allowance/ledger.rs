//! Allowances kept at the gateway for services that copy baggage: all their calls show the same id and share one amount.
//!
//! ```text
//!   gateway ── baggage "…=2.ID" ──▶ service (copies baggage) ── "…=2.ID" ──▶ gateway's private listener: take(ID) = 1
//!      │ open(2) = ID                                        └─ "…=2.ID" ──▶ gateway's private listener: take(ID) = 1
//!      └ close() = what nobody took, when the service has answered           a third call: take(ID) = 0
//! ```
//!
//! A number that is copied into every call would be spent by each of them. So the number stays here, in one word of a table, and
//! what travels is where it is. Everything is one compare-and-swap on that word, which holds the amount *and* a random nonce: an
//! id that is old, guessed or from another process meets another nonce and gets nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::MAX;

#[cfg(test)]
mod tests;

/// Slots of a ledger: so many calls to copying services may be in flight in one process with an allowance; the next has none.
/// Enough for 80,000 such calls a second of 100 ms each, in 64 KiB.
pub const SLOTS: usize = 8192;

/// Slots looked at for a free one. With the table half full and a random start all are taken once in 256 times.
const PROBES: usize = 8;

/// Bits of the nonce. With the slot they are 16 hexadecimal digits.
const NONCE_BITS: u32 = 48;

/// Hexadecimal digits of an id.
const ID_DIGITS: usize = 16;

/// The allowances of all copying calls in flight of one process. Lock-free; shared by all threads.
#[derive(Debug)]
pub struct Ledger {
    slots: Box<[AtomicU64]>,
}

impl Default for Ledger {
    fn default() -> Ledger {
        Ledger::new()
    }
}

impl Ledger {
    /// A ledger of [`SLOTS`] free slots.
    pub fn new() -> Ledger {
        Ledger::with_slots(SLOTS)
    }

    fn with_slots(count: usize) -> Ledger {
        Ledger { slots: (0..count).map(|_| AtomicU64::new(Word::FREE)).collect() }
    }

    /// Enters `amount` extra attempts (at most [`MAX`]) for one call. `hint` is where the search for a free slot begins: anything
    /// that differs between threads and calls. `nonce` is random; its low 48 bits make the id one that cannot be guessed or
    /// mistaken. `None` where no slot was free or there is nothing to enter; then the child has no allowance.
    pub fn open(self: &Arc<Self>, hint: usize, nonce: u64, amount: u32) -> Option<Entry> {
        if amount == 0 {
            return None;
        }
        let word = Word::new(nonce, amount);
        let index = (0..PROBES.min(self.slots.len()))
            .map(|probe| hint.wrapping_add(probe) % self.slots.len())
            .find(|index| {
                let slot = &self.slots[*index];
                // The load first: a failed exchange would take the cache line from whoever owns the slot.
                slot.load(Ordering::Relaxed) == Word::FREE
                    && slot.compare_exchange(Word::FREE, word.0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
            })?;
        Some(Entry { ledger: Arc::clone(self), index, nonce: word.nonce() })
    }

    /// The share of one incoming call that shows `id`: at most `want`, and at most half of what is left, rounded up, so that its
    /// siblings find something too. Unlike [`share`](super::share) it may be the last one: the service that made these calls does
    /// not retry by itself. 0 where the entry is not, or no longer, here.
    pub fn take(&self, id: EntryId, want: u32) -> u32 {
        let share = |word: Word| {
            let taken = word.left().div_ceil(2).min(want);
            (word.with_left(word.left() - taken), taken)
        };
        self.change(id, share).unwrap_or(0)
    }

    /// Returns `amount` of what [`Ledger::take`] gave to a call that did not use it. False where the entry is closed: its opener
    /// has already counted this as spent.
    pub fn put_back(&self, id: EntryId, amount: u32) -> bool {
        // Capped at what was entered, so that a caller's mistake cannot add anything.
        let returned =
            |word: Word| (word.with_left(word.left().saturating_add(amount).min(word.entered())), ());
        self.change(id, returned).is_some()
    }

    /// Replaces the word of `id` as `step` says and hands out what `step` said about the word that was replaced; `None` where `id`
    /// is nobody's, or was closed meanwhile.
    fn change<T>(&self, id: EntryId, step: impl Fn(Word) -> (Word, T)) -> Option<T> {
        let slot = self.slots.get(id.index())?;
        let mut held = slot.load(Ordering::Relaxed);
        loop {
            let word = Word(held);
            // The nonce 0 is nobody's: a made-up id must not match a free slot.
            if word.nonce() != id.nonce() || held == Word::FREE {
                return None;
            }
            let (next, said) = step(word);
            // Relaxed is enough: the word is all there is, nothing else is published by it. Lock-free: it goes round again only
            // where another thread's change came between.
            match slot.compare_exchange_weak(held, next.0, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Some(said),
                Err(now) => held = now,
            }
        }
    }
}

/// One entry of a [`Ledger`]: open as long as the call that carries its id. Dropping it closes it.
#[derive(Debug)]
pub struct Entry {
    ledger: Arc<Ledger>,
    index: usize,
    nonce: u64,
}

impl Entry {
    /// What the baggage carries.
    pub fn id(&self) -> EntryId {
        EntryId((self.index as u64) << NONCE_BITS | self.nonce)
    }

    /// Closes the entry; what nobody took, or what was put back in time. The rest counts as spent.
    pub fn close(self) -> u32 {
        // Dropping `self` afterwards finds another nonce, or none, and does nothing.
        self.take_all()
    }

    fn take_all(&self) -> u32 {
        self.ledger.change(self.id(), |word| (Word(Word::FREE), word.left())).unwrap_or(0)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.take_all();
    }
}

/// Where an allowance is kept: slot and nonce, 16 hexadecimal digits in text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntryId(u64);

impl EntryId {
    /// Reads exactly 16 hexadecimal digits of either case.
    pub fn read(text: &[u8]) -> Option<EntryId> {
        if text.len() != ID_DIGITS {
            return None;
        }
        let mut digits = text.iter().map(|byte| char::from(*byte).to_digit(16));
        let id = digits.try_fold(0, |id: u64, digit| Some(id << 4 | u64::from(digit?)))?;
        Some(EntryId(id))
    }

    /// Appends the 16 digits to `out`, in lower case.
    pub fn write(self, out: &mut String) {
        let mut text = [b'0'; ID_DIGITS];
        for (place, digit) in text.iter_mut().zip((0..ID_DIGITS as u32).rev()) {
            *place = b"0123456789abcdef"[(self.0 >> (4 * digit)) as usize & 0xf];
        }
        out.push_str(std::str::from_utf8(&text).unwrap_or_default());
    }

    fn index(self) -> usize {
        (self.0 >> NONCE_BITS) as usize
    }

    fn nonce(self) -> u64 {
        self.0 & ((1 << NONCE_BITS) - 1)
    }
}

/// A slot's word: 48 bits of nonce, 8 of what was entered, 8 of what is left.
#[derive(Clone, Copy)]
struct Word(u64);

impl Word {
    /// No entry: the only word with the nonce 0.
    const FREE: u64 = 0;

    fn new(nonce: u64, amount: u32) -> Word {
        let nonce = (nonce & ((1 << NONCE_BITS) - 1)).max(1);
        let amount = u64::from(amount.min(MAX));
        Word(nonce << 16 | amount << 8 | amount)
    }

    fn nonce(self) -> u64 {
        self.0 >> 16
    }

    fn entered(self) -> u32 {
        (self.0 >> 8) as u32 & 0xff
    }

    fn left(self) -> u32 {
        self.0 as u32 & 0xff
    }

    fn with_left(self, left: u32) -> Word {
        Word(self.0 & !0xff | u64::from(left & 0xff))
    }
}

// The bits of a word and of an id hold what is put into them.
const _: () = assert!(MAX <= 0xff && SLOTS <= 1 << (u64::BITS - NONCE_BITS));
