//! Checking a history against a model: record by record, within a budget of steps.

mod account;
mod draw;
mod pending;
mod ranks;
mod search;
mod steps;
mod taken;
mod unknown;

pub use account::Account;

use crate::entry::Numbered;
use crate::history::History;
use crate::model::{Model, NumberedOf, Problem};
use search::{Found, Rules, Search};
use std::collections::BTreeMap;
use steps::Steps;

/// The part of the budget that goes round all records before any may have more, so that one hard record cannot hide the
/// violation of another.
const FIRST_ROUND: u64 = 2;

/// What a check found, and what it took.
#[derive(Debug)]
pub struct Report {
    /// What it found.
    pub verdict: Verdict,
    /// Calls of [`Model::step`] it took, those that made the account included.
    pub steps: u64,
    /// Records the history touched.
    pub records: usize,
}

/// Whether a history is linearizable.
#[derive(Debug)]
pub enum Verdict {
    /// Every record has an order that explains every answer.
    Linearizable,
    /// A record has none.
    Not {
        /// Which, and what cannot be ordered.
        account: Box<Account>,
    },
    /// The budget ended. No record was found in breach.
    OutOfSteps {
        /// A record that was not finished.
        record: String,
    },
}

impl Verdict {
    /// Whether every record has an order.
    pub fn is_linearizable(&self) -> bool {
        matches!(self, Verdict::Linearizable)
    }
}

/// Checks `history` with at most `budget` steps. A history whose answers carry versions takes about four steps an operation; how
/// many one without them takes grows with the operations that overlap, exponentially in the worst case, which is what the budget is for.
pub fn check<M: Model>(model: &M, history: &History<M::Operation, M::Answer>, budget: u64) -> Report {
    check_by(model, history, budget, Rules::Pruned)
}

/// As [`check`], without any pruning: slow, and the truth that [`check`] is tested against.
pub fn check_generally<M: Model>(
    model: &M,
    history: &History<M::Operation, M::Answer>,
    budget: u64,
) -> Report {
    check_by(model, history, budget, Rules::General)
}

fn check_by<M: Model>(
    model: &M,
    history: &History<M::Operation, M::Answer>,
    budget: u64,
    rules: Rules,
) -> Report {
    let records = by_record(model, history);
    let mut steps = Steps::new(budget);
    let share = budget / FIRST_ROUND / (records.len().max(1) as u64);
    let mut unfinished = Vec::new();
    let mut verdict = Verdict::Linearizable;
    for (name, entries) in &records {
        match steps.within(share, |steps| decide(model, entries, rules, steps)) {
            Found::Order => {}
            Found::OutOfSteps => unfinished.push((name, entries)),
            Found::None => {
                verdict = breach(model, name, entries, rules, &mut steps);
                break;
            }
        }
    }
    // What the easy records left over goes to the hard ones.
    for (index, (name, entries)) in unfinished.iter().enumerate() {
        if matches!(verdict, Verdict::Not { .. }) {
            break;
        }
        let share = steps.left() / (unfinished.len() - index) as u64;
        match steps.within(share, |steps| decide(model, entries, rules, steps)) {
            Found::Order => {}
            Found::OutOfSteps => verdict = Verdict::OutOfSteps { record: name.to_string() },
            Found::None => verdict = breach(model, name, entries, rules, &mut steps),
        }
    }
    Report { verdict, steps: steps.used(), records: records.len() }
}

fn by_record<M: Model>(
    model: &M,
    history: &History<M::Operation, M::Answer>,
) -> BTreeMap<M::Record, Vec<NumberedOf<M>>> {
    let mut records: BTreeMap<M::Record, Vec<NumberedOf<M>>> = BTreeMap::new();
    for (number, entry) in history.entries().iter().enumerate() {
        if let Some(record) = model.record(&entry.operation) {
            records.entry(record).or_default().push(Numbered { number, entry: entry.clone() });
        }
    }
    records
}

/// Whether one record's operations have an order.
fn decide<M: Model>(model: &M, entries: &[NumberedOf<M>], rules: Rules, steps: &mut Steps) -> Found {
    let entries = entries.to_vec();
    let problem = match rules {
        Rules::General => Problem::of(model, entries),
        Rules::Pruned => model.simplify(entries),
    };
    Search::new(model, &problem, rules, steps).run()
}

fn breach<M: Model>(
    model: &M,
    name: &M::Record,
    entries: &[NumberedOf<M>],
    rules: Rules,
    steps: &mut Steps,
) -> Verdict {
    Verdict::Not { account: Box::new(account::of(model, name, entries, rules, steps)) }
}
