//! The last quarter of an hour, second by second: what ended in each, by subject.

use super::subjects::{Subject, Subjects, TOTAL};
use super::{summary, view};
use std::collections::{BTreeMap, HashMap, VecDeque};
use tenet_api::telemetry::v1::{Labels, Row, Snapshot};
use tenet_error::Code;
use tenet_sketch::{Parts, Sketch};
use tenet_telemetry::sketch_of_wire;

/// Seconds kept.
const SECONDS_MAX: usize = tenet_telemetry::HISTORY_SECONDS;

/// Buckets kept over all seconds and subjects, at 12 bytes each: 96 MiB. A fleet of very many busy endpoints
/// sees less of the past, not more memory.
const BUCKETS_MAX: usize = 8 << 20;

/// What a cell weighs besides its buckets, in buckets.
const CELL_WEIGHT: usize = 16;

/// Seconds of the small charts in the table of endpoints.
const SPARK_SECONDS: i64 = 60;

#[derive(Default)]
pub(super) struct Ring {
    subjects: Subjects,
    /// Without gaps: each is one second after the one before.
    seconds: VecDeque<Second>,
    weight: usize,
}

#[derive(Default)]
struct Second {
    /// Seconds since 1970 at its end.
    at: i64,
    cells: BTreeMap<u32, Cell>,
}

/// The requests of one subject in one second. Its latencies are kept taken apart, which is a tenth of the size.
#[derive(Clone, Default)]
pub(super) struct Cell {
    pub(super) codes: Codes,
    pub(super) request_bytes: u64,
    pub(super) response_bytes: u64,
    pub(super) attempts: u64,
    pub(super) hedges: u64,
    pub(super) hedges_won: u64,
    pub(super) latency: Parts,
}

/// Requests by code; few codes are in use at a time.
#[derive(Clone, Debug, Default)]
pub(super) struct Codes(pub(super) Vec<(Code, u64)>);

impl Codes {
    pub(super) fn add(&mut self, code: Code, count: u64) {
        match self.0.iter_mut().find(|(known, _)| *known == code) {
            Some((_, held)) => *held = held.saturating_add(count),
            None => self.0.push((code, count)),
        }
    }
}

/// What several cells add up to.
#[derive(Default)]
pub(super) struct Sum {
    pub(super) codes: Codes,
    pub(super) request_bytes: u64,
    pub(super) response_bytes: u64,
    pub(super) attempts: u64,
    pub(super) hedges: u64,
    pub(super) hedges_won: u64,
    pub(super) latency: Sketch,
}

impl Sum {
    fn add_row(&mut self, code: Code, row: &Row, latency: &Sketch) {
        self.codes.add(code, latency.count());
        self.request_bytes = self.request_bytes.saturating_add(row.request_bytes);
        self.response_bytes = self.response_bytes.saturating_add(row.response_bytes);
        self.attempts = self.attempts.saturating_add(row.attempts);
        self.hedges = self.hedges.saturating_add(row.hedges);
        self.hedges_won = self.hedges_won.saturating_add(row.hedges_won);
        self.latency.merge(latency);
    }

    fn add_cell(&mut self, cell: &Cell) {
        for (code, count) in &cell.codes.0 {
            self.codes.add(*code, *count);
        }
        self.request_bytes = self.request_bytes.saturating_add(cell.request_bytes);
        self.response_bytes = self.response_bytes.saturating_add(cell.response_bytes);
        self.attempts = self.attempts.saturating_add(cell.attempts);
        self.hedges = self.hedges.saturating_add(cell.hedges);
        self.hedges_won = self.hedges_won.saturating_add(cell.hedges_won);
        // The parts of a cell come from a sketch and cannot be refused.
        let _ = self.latency.merge_parts(&cell.latency);
    }

    fn into_cell(self) -> Cell {
        let Sum { codes, request_bytes, response_bytes, attempts, hedges, hedges_won, latency } = self;
        let latency = latency.to_parts();
        Cell { codes, request_bytes, response_bytes, attempts, hedges, hedges_won, latency }
    }
}

fn weight(cell: &Cell) -> usize {
    CELL_WEIGHT + cell.latency.counts.len()
}

impl Ring {
    /// Adds what a process measured to a second. What lies further back than the ring reaches is left out.
    pub(super) fn absorb(&mut self, second: i64, snapshot: &Snapshot) {
        let Some(labels) = &snapshot.labels else { return };
        let sums = self.sums(labels, &snapshot.rows);
        let Some(second) = self.second(second) else { return };
        let mut added = 0;
        for (subject, mut sum) in sums {
            let cell = second.cells.entry(subject).or_default();
            let before = if cell.latency.count == 0 { 0 } else { weight(cell) };
            sum.add_cell(cell);
            *cell = sum.into_cell();
            added += weight(cell) - before.min(weight(cell));
        }
        self.weight += added;
        while self.seconds.len() > SECONDS_MAX || (self.weight > BUCKETS_MAX && self.seconds.len() > 1) {
            let Some(oldest) = self.seconds.pop_front() else { break };
            self.weight = self.weight.saturating_sub(oldest.cells.values().map(weight).sum());
        }
    }

    /// The rows by subject: each counts for the total, its group and its endpoint.
    fn sums(&mut self, labels: &Labels, rows: &[Row]) -> HashMap<u32, Sum> {
        let code = |name: &String| Code::from_name(name).unwrap_or(Code::Unknown);
        let codes: Vec<Code> = labels.codes.iter().map(code).collect();
        let mut numbers = |subject: Subject| self.subjects.number(subject);
        let group = |group: &str| (!group.is_empty()).then(|| Subject::Group(group.to_owned()));
        let subjects: Vec<[Option<u32>; 3]> = labels
            .endpoints
            .iter()
            .map(|endpoint| {
                let own = numbers(Subject::Endpoint(endpoint.into()));
                [Some(TOTAL), group(&endpoint.group).and_then(&mut numbers), own]
            })
            .collect();
        let mut sums: HashMap<u32, Sum> = HashMap::new();
        for row in rows {
            // A row that is no possible sketch was reported when the totals refused it.
            let Some(Ok(latency)) = row.latency.as_ref().map(sketch_of_wire) else { continue };
            let code = codes.get(row.code as usize).copied().unwrap_or(Code::Unknown);
            let subjects = subjects.get(row.endpoint as usize).copied().unwrap_or([Some(TOTAL), None, None]);
            for subject in subjects.into_iter().flatten() {
                sums.entry(subject).or_default().add_row(code, row, &latency);
            }
        }
        sums
    }

    /// The second with this time, made together with all between it and those there are.
    fn second(&mut self, at: i64) -> Option<&mut Second> {
        let (Some(first), Some(last)) = (self.seconds.front(), self.seconds.back()) else {
            self.seconds.push_back(Second { at, ..Second::default() });
            return self.seconds.back_mut();
        };
        let (first, last) = (first.at, last.at);
        let reach = SECONDS_MAX as i64;
        if at <= last - reach {
            return None;
        }
        if at >= last + reach {
            self.seconds.clear();
            self.weight = 0;
            self.seconds.push_back(Second { at, ..Second::default() });
            return self.seconds.back_mut();
        }
        for missing in (at..first).rev() {
            self.seconds.push_front(Second { at: missing, ..Second::default() });
        }
        for missing in last + 1..=at {
            self.seconds.push_back(Second { at: missing, ..Second::default() });
        }
        let index = at - first.min(at);
        self.seconds.get_mut(index as usize)
    }

    /// The seconds from `from` to `to`, both included, that there are.
    fn range(&self, from: i64, to: i64) -> impl Iterator<Item = &Second> {
        self.seconds.iter().filter(move |second| (from..=to).contains(&second.at))
    }

    /// The numbers of every subject over the seconds that end with `second`.
    pub(super) fn summary(&self, second: i64, window_seconds: u32) -> view::Summary {
        let from = second - i64::from(window_seconds.max(1)) + 1;
        let mut sums: BTreeMap<u32, Sum> = BTreeMap::new();
        for (subject, cell) in self.range(from, second).flat_map(|second| &second.cells) {
            sums.entry(*subject).or_default().add_cell(cell);
        }
        let now = self.range(second, second).next();
        let mut summary = view::Summary::default();
        for (number, sum) in &sums {
            let now = now.and_then(|second| second.cells.get(number));
            let numbers = summary::numbers(sum, now, window_seconds);
            match self.subjects.get(*number) {
                Some(Subject::Total) => summary.total = numbers,
                Some(Subject::Group(name)) => {
                    summary.groups.push(view::Group { name: name.clone(), numbers })
                }
                Some(Subject::Endpoint(key)) => summary.endpoints.push(view::Endpoint::new(key, numbers)),
                None => {}
            }
        }
        summary
    }

    /// The last minute of requests of everything, each group and each endpoint that had any.
    pub(super) fn sparks(&self, second: i64) -> Vec<view::Spark> {
        let from = second - SPARK_SECONDS + 1;
        let mut sparks: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        for second in self.range(from, second) {
            for (subject, cell) in &second.cells {
                let counts = sparks.entry(*subject).or_insert_with(|| vec![0; SPARK_SECONDS as usize]);
                counts[(second.at - from) as usize] = cell.latency.count;
            }
        }
        let spark = |(number, counts)| match self.subjects.get(number)? {
            Subject::Total => Some(view::Spark::Total { counts }),
            Subject::Group(group) => Some(view::Spark::Group { group: group.clone(), counts }),
            Subject::Endpoint(key) => Some(view::Spark::Endpoint { key: view::Key::from(key), counts }),
        };
        sparks.into_iter().filter_map(spark).collect()
    }

    /// One subject second by second up to `second`.
    pub(super) fn history(&self, subject: &Subject, second: i64) -> Option<view::History> {
        let number = self.subjects.find(subject)?;
        let from = second - SECONDS_MAX as i64 + 1;
        let seconds = self.range(from, second).map(|second| (second.at, second.cells.get(&number)));
        Some(summary::history(seconds))
    }
}
