//! The second that is being filled: what all threads submitted, added up under the process's own numbers.

use crate::key::Key;
use crate::labels::{Labels, Mapping, OTHER, mapped};
use crate::recorder::DeltaRow;
use crate::totals::Counts;
use crate::wire::sketch_to_wire;
use std::collections::HashMap;
use tenet_api::telemetry::v1 as wire;
use tenet_error::Code;
use tenet_sketch::Sketch;

/// Rows in one second over all threads; beyond it records keep their endpoint and code only. What bounds a
/// snapshot to a few megabytes also when callers are many.
const ROWS_MAX: usize = 8192;

#[derive(Default)]
pub(super) struct Second {
    cells: HashMap<u128, Cell>,
}

#[derive(Default)]
pub(super) struct Cell {
    pub(super) counts: Counts,
    pub(super) latency: Sketch,
}

impl Second {
    /// Adds rows of a program whose indices `mapping` translates. Returns how many rows lost labels.
    pub(super) fn add(&mut self, mapping: &Mapping, rows: Vec<DeltaRow>) -> u64 {
        let mut folded = 0;
        for row in rows {
            let key = Key {
                endpoint: mapped(&mapping.endpoints, row.key.endpoint),
                code: row.key.code,
                consumer: mapped(&mapping.consumers, row.key.consumer),
                version: mapped(&mapping.versions, row.key.version),
                zone: mapped(&mapping.zones, u32::from(row.key.zone)) as u16,
            };
            let (cell, whole) = self.cell(key);
            folded += u64::from(!whole);
            cell.counts.add(&Counts {
                requests: row.latency.count(),
                request_bytes: row.request_bytes,
                response_bytes: row.response_bytes,
                attempts: row.attempts,
                hedges: row.hedges,
                hedges_won: row.hedges_won,
            });
            if cell.latency.count() == 0 {
                cell.latency = row.latency;
            } else {
                cell.latency.merge(&row.latency);
            }
        }
        folded
    }

    /// The cell of a key, and whether it is really that key's.
    fn cell(&mut self, key: Key) -> (&mut Cell, bool) {
        let packed = key.pack();
        if self.cells.len() < ROWS_MAX || self.cells.contains_key(&packed) {
            return (self.cells.entry(packed).or_default(), true);
        }
        let mut folded = Key { consumer: OTHER, version: 0, zone: 0, ..key };
        if self.cells.len() >= 2 * ROWS_MAX && !self.cells.contains_key(&folded.pack()) {
            folded.endpoint = OTHER;
        }
        (self.cells.entry(folded.pack()).or_default(), false)
    }

    pub(super) fn cells(&self) -> impl Iterator<Item = (Key, &Cell)> {
        self.cells.iter().map(|(key, cell)| (Key::unpack(*key), cell))
    }

    /// As rows with the label values they need, numbered from 0 in the snapshot's own tables.
    pub(super) fn to_wire(&self, labels: &Labels) -> (wire::Labels, Vec<wire::Row>) {
        let mut cells: Vec<_> = self.cells().collect();
        cells.sort_unstable_by_key(|(key, _)| (key.endpoint, key.code, key.consumer, key.version, key.zone));
        // Index 0 is none in each of the string tables, also where no row needs it.
        let mut consumers = Column::starting_with(0);
        let mut versions = Column::starting_with(0);
        let mut zones = Column::starting_with(0);
        let mut endpoints = Column::default();
        let mut codes = Column::default();
        let rows = cells.into_iter().map(|(key, cell)| wire::Row {
            endpoint: endpoints.index(key.endpoint),
            code: codes.index(key.code as u32),
            consumer: consumers.index(key.consumer),
            version: versions.index(key.version),
            zone: zones.index(u32::from(key.zone)),
            request_bytes: cell.counts.request_bytes,
            response_bytes: cell.counts.response_bytes,
            attempts: cell.counts.attempts,
            hedges: cell.counts.hedges,
            hedges_won: cell.counts.hedges_won,
            latency: Some(sketch_to_wire(&cell.latency)),
        });
        let rows = rows.collect();
        let endpoint = |number: &u32| {
            let endpoint = labels.endpoint(*number).clone();
            wire::Endpoint {
                name: endpoint.name,
                method: endpoint.method,
                group: endpoint.group,
                service: endpoint.service,
            }
        };
        let code =
            |number: &u32| Code::from_index(*number as usize).unwrap_or(Code::Unknown).name().to_owned();
        let labels = wire::Labels {
            endpoints: endpoints.numbers.iter().map(endpoint).collect(),
            consumers: consumers.numbers.iter().map(|n| labels.consumer(*n).to_owned()).collect(),
            versions: versions.numbers.iter().map(|n| labels.version(*n).to_owned()).collect(),
            zones: zones.numbers.iter().map(|n| labels.zone(*n).to_owned()).collect(),
            codes: codes.numbers.iter().map(code).collect(),
        };
        (labels, rows)
    }
}

/// One label's table of a snapshot while it is being filled.
#[derive(Default)]
struct Column {
    numbers: Vec<u32>,
    indices: HashMap<u32, u32>,
}

impl Column {
    fn starting_with(number: u32) -> Column {
        let mut column = Column::default();
        column.index(number);
        column
    }

    fn index(&mut self, number: u32) -> u32 {
        *self.indices.entry(number).or_insert_with(|| {
            self.numbers.push(number);
            self.numbers.len() as u32 - 1
        })
    }
}
