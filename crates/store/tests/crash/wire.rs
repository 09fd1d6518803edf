//! What a life says of itself while it lasts: a line on a pipe before each call and after each answer.
//!
//! A line of a call is in the pipe before the call begins, and one of an answer after the answer came; what is in a pipe outlives whoever wrote it.
//! So whatever took effect was announced, and whatever is announced as answered was.

use super::operation::{Answer, Operation};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Message {
    /// The store is open.
    Opened { last_version: u64, took_us: u64 },
    /// A call begins.
    Call { call: u64, client: u32, at_ns: u64, operation: Operation },
    /// It was answered.
    Answer { call: u64, at_ns: u64, answer: Answer },
    /// It surely never happened.
    Never { call: u64 },
    /// What all items were at a moment between the two times.
    Seen { items: BTreeMap<String, BTreeMap<String, (u64, u64)>>, counters: BTreeMap<String, i64> },
    /// Changes from one point of the log to another, in order.
    Feed { at_ns: u64, whole: bool, told: Vec<Told>, next: u64 },
    /// Something is wrong.
    Trouble { what: String },
    /// It worked from now on until it was killed.
    Working,
    /// It ended by itself.
    Done,
}

/// A change that the log tells, of an item as the store names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub record: String,
    pub key: String,
    pub version: u64,
    /// The value's number, or the number that a counter holds; none where it was removed.
    pub value: Option<i64>,
}

/// Nanoseconds of the clock that all lives share.
pub fn now_ns() -> u64 {
    let clock = nix::time::ClockId::CLOCK_MONOTONIC;
    nix::time::clock_gettime(clock).map_or(0, |time| {
        u64::try_from(time.tv_sec()).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec()).unwrap_or(0)
    })
}

/// Lines that are kept in memory, where those who speak and those who listen are one process.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// Takes what was said since.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Where lines go.
pub struct Log {
    out: Mutex<Box<dyn Write + Send>>,
    calls: AtomicU64,
}

impl Log {
    /// Lines to `out`, each in one piece.
    pub fn new(out: impl Write + Send + 'static) -> Log {
        Log { out: Mutex::new(Box::new(out)), calls: AtomicU64::new(1) }
    }

    /// Says that a call begins, and the number by which its answer is known.
    pub fn call(&self, client: u32, operation: &Operation) -> u64 {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        self.say(&Message::Call { call, client, at_ns: now_ns(), operation: operation.clone() });
        call
    }

    /// Says that it was answered.
    pub fn answer(&self, call: u64, answer: &Answer) {
        self.say(&Message::Answer { call, at_ns: now_ns(), answer: answer.clone() });
    }

    /// Says that something is wrong.
    pub fn trouble(&self, what: String) {
        self.say(&Message::Trouble { what });
    }

    /// Says anything.
    pub fn say(&self, message: &Message) {
        let Ok(mut line) = serde_json::to_vec(message) else { return };
        line.push(b'\n');
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever listened has gone: then nobody wants this life any more.
        if out.write_all(&line).is_err() {
            std::process::exit(2);
        }
    }
}
