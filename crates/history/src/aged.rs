//! Reads that accept an age: each must show a state that was current at some moment from its call minus that age to its return.
//!
//! Such a read is not linearizable by design: it may be older than a write that had returned before it was called. What it
//! must not be is older than it accepts, torn (items of a state that never was), or made up.
//!
//! The versions of a record's writes number its states: position `p` is the state after the `p` first of them. Nobody knows when
//! exactly a write took effect, but no earlier than its call or that of a write before it, and no later than its return, that of a
//! write behind it, or that of a read that showed one of them. So position `p` can only have been current from its own write's earliest
//! moment to the next one's latest. An answer allows some positions by what it shows; one of them must overlap its time.
//!
//! A write of unknown outcome that nobody saw may have happened at any time, so that it accuses no read.

mod timeline;

use crate::entry::{Entry, Numbered};
use crate::history::History;
use crate::record::{Key, RecordAnswer, RecordOperation, settle};
use std::collections::{BTreeMap, HashMap};
use timeline::{Positions, Timeline};

/// What is asked of aged reads.
#[derive(Clone, Copy, Debug, Default)]
pub struct AgedReads {
    /// Whether, to one client, an item may never go back to an older state from one aged read to a later one.
    pub monotone: bool,
}

/// A read that showed what was not current within its age.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("#{number}, client {client}: {read} → {answer} of record {record}: {problem}")]
pub struct StaleRead {
    /// Its number in the history.
    pub number: usize,
    /// The client that read.
    pub client: u32,
    /// The record it read.
    pub record: String,
    /// What it asked for.
    pub read: String,
    /// What it was shown.
    pub answer: String,
    /// Why that cannot be.
    pub problem: String,
}

type RecordEntry = Entry<RecordOperation, RecordAnswer>;

/// Checks the reads of `history` that accept an age, and returns how many there are. Takes time in the order of the history's length times
/// that of a record's; strict reads are left to [`crate::check`].
///
/// # Errors
///
/// The first such read of a record, by call, that cannot be explained.
pub fn check_aged_reads(
    asked: &AgedReads,
    history: &History<RecordOperation, RecordAnswer>,
) -> Result<usize, Box<StaleRead>> {
    let mut records: BTreeMap<Key, Vec<Numbered<RecordEntry>>> = BTreeMap::new();
    for (number, entry) in history.entries().iter().enumerate() {
        let record = records.entry(entry.operation.record.clone()).or_default();
        record.push(Numbered { number, entry: entry.clone() });
    }
    let mut reads = 0;
    for entries in records.into_values() {
        let aged: Vec<_> =
            entries.iter().filter(|n| n.entry.operation.action.max_age_ns().is_some()).cloned().collect();
        if aged.is_empty() {
            continue;
        }
        let timeline = Timeline::of(settle(entries));
        let mut sessions = Sessions::default();
        for numbered in &aged {
            let floors = if asked.monotone { Some(&mut sessions) } else { None };
            judge(&timeline, &numbered.entry, floors).map_err(|problem| stale(numbered, problem))?;
        }
        reads += aged.len();
    }
    Ok(reads)
}

fn stale(numbered: &Numbered<RecordEntry>, problem: String) -> Box<StaleRead> {
    let entry = &numbered.entry;
    Box::new(StaleRead {
        number: numbered.number,
        client: entry.client,
        record: entry.operation.record.to_string(),
        read: entry.operation.to_string(),
        answer: entry.answer().map_or_else(String::new, ToString::to_string),
        problem,
    })
}

fn judge(timeline: &Timeline, entry: &RecordEntry, sessions: Option<&mut Sessions>) -> Result<(), String> {
    let action = &entry.operation.action;
    let (Some(answer), Some(return_ns), Some(age_ns)) =
        (entry.answer(), entry.return_ns(), action.max_age_ns())
    else {
        return Ok(());
    };
    let since_ns = entry.call_ns.saturating_sub(age_ns);
    let shown = answer.shown(action);
    let mut by_key: Vec<(Key, Positions)> = Vec::new();
    for (key, seen) in &shown {
        by_key.push(((*key).clone(), timeline.showing(key, *seen, return_ns)?));
    }
    for key in timeline.keys().filter(|key| action.looks_at(key)) {
        if shown.iter().all(|(shown, _)| *shown != key) {
            by_key.push((key.clone(), timeline.absent(key, return_ns)));
        }
    }
    if let Some(sessions) = &sessions {
        for (key, positions) in &mut by_key {
            let floor = sessions.floor(entry, key);
            positions.drop_before(floor);
            if positions.is_empty() {
                return Err(format!(
                    "{key} went back: this client had seen it after write {floor} of the record"
                ));
            }
        }
    }
    let together = by_key.iter().fold(timeline.all(), |all, (_, positions)| all.and(positions));
    if together.is_empty() {
        return Err("no state ever held these items together".to_owned());
    }
    if !timeline.overlaps(&together, since_ns, return_ns) {
        return Err(format!("not current at any moment from {since_ns} to {return_ns}"));
    }
    if let Some(sessions) = sessions {
        for (key, positions) in &by_key {
            sessions.note(entry, key, positions.first());
        }
    }
    Ok(())
}

/// What each client has seen: by client and item, the returns of its reads with the earliest position each may have shown.
#[derive(Default)]
struct Sessions {
    seen: HashMap<(u32, Key), Vec<(u64, usize)>>,
}

impl Sessions {
    /// The position that reads called with or after `entry` may not go behind. A read that overlaps another owes it nothing.
    fn floor(&self, entry: &RecordEntry, key: &Key) -> usize {
        let seen = self.seen.get(&(entry.client, key.clone()));
        let before = seen.into_iter().flatten().filter(|(return_ns, _)| *return_ns < entry.call_ns);
        before.map(|(_, position)| *position).max().unwrap_or(0)
    }

    fn note(&mut self, entry: &RecordEntry, key: &Key, position: usize) {
        let return_ns = entry.return_ns().unwrap_or(u64::MAX);
        let seen = self.seen.entry((entry.client, key.clone())).or_default();
        // What returned earlier and saw no less is implied from then on; a sequential client keeps one.
        seen.retain(|(earlier_ns, earlier)| *earlier_ns >= entry.call_ns || *earlier > position);
        seen.push((return_ns, position));
    }
}
