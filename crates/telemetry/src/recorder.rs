//! Recording on a data-plane thread: a small hash table of sketches that only this thread touches.
//!
//! Open addressing over packed keys, no strings, no locks; once the usual keys and latencies have been seen,
//! recording allocates nothing. Once a second [`Recorder::take`] copies out what is filled and clears it in place.

use crate::families::{CounterId, GaugeId};
use crate::key::{Key, Sample};
use tenet_sketch::Sketch;

/// Most rows a recorder holds. Beyond it samples are filed under their endpoint and code alone, then under
/// `(none)`, and counted as folded: a caller who can choose a label must not choose our memory.
pub const ROWS_MAX: usize = 8192;

/// Rows reserved for such folded samples, so that there is always a place.
const FOLD_RESERVE: usize = 2048;

/// Table size at the start; a power of two, as every size after it.
const SLOTS_START: usize = 64;

/// Seconds without a record after which a row gives its memory back.
const IDLE_TAKES_MAX: u8 = 60;

/// The measurements of one thread under one program. Not shared: each thread owns its own.
///
/// Label indices mean something only with the [`crate::Names`] of their program. A thread that adopts a new
/// program makes a new recorder for it, and takes and submits the old one with the old names until the last
/// request of that program has ended. Counters and gauges add up over all recorders of a process, so it does not
/// matter which of the two they are given to.
#[derive(Debug)]
pub struct Recorder {
    thread: usize,
    /// Indices into `rows` plus one; 0 is empty. Its length is a power of two, at most half filled.
    slots: Vec<u32>,
    rows: Vec<Row>,
    counters: [u64; CounterId::COUNT],
    gauges: [i64; GaugeId::COUNT],
}

/// What is measured of the requests of one key.
#[derive(Clone, Debug)]
struct Row {
    packed: u128,
    request_bytes: u64,
    response_bytes: u64,
    attempts: u64,
    hedges: u64,
    hedges_won: u64,
    latency: Sketch,
    idle_takes: u8,
}

/// What a thread recorded since it was last asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delta {
    /// Requests by key; each key at most once.
    pub rows: Vec<DeltaRow>,
    /// How much each counter grew.
    pub counters: Vec<(CounterId, u64)>,
    /// How much each gauge changed.
    pub gauges: Vec<(GaugeId, i64)>,
}

/// The requests of one key.
#[derive(Clone, Debug, PartialEq)]
pub struct DeltaRow {
    /// Their labels.
    pub key: Key,
    /// Bytes of request bodies.
    pub request_bytes: u64,
    /// Bytes of response bodies.
    pub response_bytes: u64,
    /// Attempts they caused.
    pub attempts: u64,
    /// How many of them were hedged.
    pub hedges: u64,
    /// How many of them a hedge answered.
    pub hedges_won: u64,
    /// Latencies in nanoseconds; its count is the number of requests.
    pub latency: Sketch,
}

impl Delta {
    /// Whether there is nothing to submit.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.counters.is_empty() && self.gauges.is_empty()
    }
}

impl Recorder {
    /// An empty recorder of the data-plane thread with this number.
    pub fn new(thread: usize) -> Recorder {
        Recorder {
            thread,
            slots: vec![0; SLOTS_START],
            rows: Vec::with_capacity(SLOTS_START / 2),
            counters: [0; CounterId::COUNT],
            gauges: [0; GaugeId::COUNT],
        }
    }

    /// The number of its thread.
    pub fn thread(&self) -> usize {
        self.thread
    }

    /// Records one ended request.
    #[inline]
    pub fn record(&mut self, sample: &Sample) {
        let row = self.row(sample.key);
        let row = &mut self.rows[row];
        row.request_bytes = row.request_bytes.saturating_add(sample.request_bytes);
        row.response_bytes = row.response_bytes.saturating_add(sample.response_bytes);
        row.attempts += u64::from(sample.attempts);
        row.hedges += u64::from(sample.hedged);
        row.hedges_won += u64::from(sample.hedge_won);
        row.latency.record(sample.latency_ns);
    }

    /// Adds to a counter.
    #[inline]
    pub fn count(&mut self, id: CounterId, n: u64) {
        self.counters[id as usize] += n;
    }

    /// Changes a gauge: +1 when something opens, -1 when it ends.
    #[inline]
    pub fn gauge(&mut self, id: GaugeId, change: i64) {
        self.gauges[id as usize] += change;
    }

    /// What was recorded since the last call, leaving nothing behind. Rows long idle give their memory back.
    pub fn take(&mut self) -> Delta {
        let mut rows = Vec::with_capacity(self.rows.iter().filter(|row| row.latency.count() > 0).count());
        let mut any_stale = false;
        for row in &mut self.rows {
            if row.latency.count() == 0 {
                row.idle_takes = row.idle_takes.saturating_add(1);
                any_stale |= row.idle_takes >= IDLE_TAKES_MAX;
                continue;
            }
            rows.push(DeltaRow {
                key: Key::unpack(row.packed),
                request_bytes: std::mem::take(&mut row.request_bytes),
                response_bytes: std::mem::take(&mut row.response_bytes),
                attempts: std::mem::take(&mut row.attempts),
                hedges: std::mem::take(&mut row.hedges),
                hedges_won: std::mem::take(&mut row.hedges_won),
                latency: row.latency.clone(),
            });
            row.latency.clear();
            row.idle_takes = 0;
        }
        if any_stale {
            self.rows.retain(|row| row.idle_takes < IDLE_TAKES_MAX);
            self.index(self.slots.len());
        }
        let changed = |id: &CounterId, n: &mut u64| (*n > 0).then(|| (*id, std::mem::take(n)));
        let counters =
            CounterId::ALL.iter().zip(&mut self.counters).filter_map(|(id, n)| changed(id, n)).collect();
        let moved = |id: &GaugeId, n: &mut i64| (*n != 0).then(|| (*id, std::mem::take(n)));
        let gauges = GaugeId::ALL.iter().zip(&mut self.gauges).filter_map(|(id, n)| moved(id, n)).collect();
        Delta { rows, counters, gauges }
    }

    /// The row of a key, made if need be.
    #[inline]
    fn row(&mut self, key: Key) -> usize {
        let packed = key.pack();
        match self.find(packed) {
            Ok(row) => row,
            Err(slot) => self.add(key, packed, slot),
        }
    }

    /// The row with this key, or the empty slot where it would be entered.
    #[inline]
    fn find(&self, packed: u128) -> Result<usize, usize> {
        let mask = self.slots.len() - 1;
        let mut slot = hash(packed) as usize & mask;
        loop {
            match self.slots[slot] {
                0 => return Err(slot),
                entry => {
                    let row = entry as usize - 1;
                    if self.rows[row].packed == packed {
                        return Ok(row);
                    }
                }
            }
            slot = (slot + 1) & mask;
        }
    }

    #[cold]
    fn add(&mut self, key: Key, packed: u128, slot: usize) -> usize {
        let (packed, slot) = if self.rows.len() < ROWS_MAX - FOLD_RESERVE {
            (packed, slot)
        } else {
            self.count(CounterId::SeriesFolded, 1);
            // While there is room the endpoint and code are kept; then only the code, of which there are few.
            let endpoint =
                if self.rows.len() < ROWS_MAX - tenet_error::Code::COUNT { key.endpoint } else { 0 };
            let folded = Key { endpoint, ..Key::unrouted(key.code) }.pack();
            match self.find(folded) {
                Ok(row) => return row,
                Err(slot) => (folded, slot),
            }
        };
        let row = self.rows.len();
        self.rows.push(Row {
            packed,
            request_bytes: 0,
            response_bytes: 0,
            attempts: 0,
            hedges: 0,
            hedges_won: 0,
            latency: Sketch::new(),
            idle_takes: 0,
        });
        self.slots[slot] = row as u32 + 1;
        if self.rows.len() * 2 > self.slots.len() {
            self.index(self.slots.len() * 2);
        }
        row
    }

    /// Enters all rows into a table of `size` slots.
    fn index(&mut self, size: usize) {
        self.slots.clear();
        self.slots.resize(size, 0);
        for row in 0..self.rows.len() {
            if let Err(slot) = self.find(self.rows[row].packed) {
                self.slots[slot] = row as u32 + 1;
            }
        }
    }
}

/// Spreads a packed key: multiply and fold. The keys are our own small indices, not a caller's choice, and the
/// table is bounded, so strength against chosen collisions is not needed.
#[inline]
fn hash(packed: u128) -> u64 {
    let word = (packed as u64) ^ ((packed >> 64) as u64).rotate_left(29);
    let product = u128::from(word) * 0x9e37_79b9_7f4a_7c15;
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests;
