//! Why a record's history has no order: its shortest prefix without one, and where the last operation of that prefix failed.
//!
//! A prefix ends with a return. What had been called by then and not returned is open: it may have happened or not, with any
//! answer. Prefixes of a linearizable history are linearizable, so the shortest one without an order is found by halving.

use super::draw;
use super::search::{Found, Rules, Search};
use super::steps::Steps;
use crate::entry::Outcome;
use crate::model::{Model, NumberedOf, Problem};
use std::fmt;

/// The most states an account names. More would not be read.
const STATES: usize = 6;
/// The most reads that are tried one by one for being needed; more are dropped together or not at all.
const READS_TRIED: usize = 256;

/// Why one record's history cannot be ordered; its `Display` is the drawing.
#[derive(Debug)]
pub struct Account {
    /// The record.
    pub record: String,
    /// Numbers (indices in the history) of the operations that have no order together, by call. Reads that are not needed to
    /// see it are left out, and what is still open at the end counts as unknown.
    pub operations: Vec<usize>,
    /// The number of the operation that could not be placed: without it the others have an order.
    pub unplaced: usize,
    /// The states that were possible where it was tried, at most six; none where it could be placed, but only so that an
    /// operation before it could not.
    pub states: Vec<String>,
    /// Whether this surely is the shortest prefix; false where the budget ended during the search for it.
    pub shortest: bool,
    drawing: String,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.drawing)
    }
}

/// The account of `entries`, which have no order.
pub fn of<M: Model>(
    model: &M,
    record: &M::Record,
    entries: &[NumberedOf<M>],
    rules: Rules,
    steps: &mut Steps,
) -> Account {
    let mut returns: Vec<(u64, usize)> = entries
        .iter()
        .enumerate()
        .filter_map(|(index, numbered)| Some((numbered.entry.return_ns()?, index)))
        .collect();
    returns.sort_unstable();
    let (length, mut shortest) = shortest_prefix(model, entries, &returns, rules, steps);
    let mut core = prefix::<M>(entries, &returns, length);
    // A history without returns always has an order, so there is a last one.
    let unplaced = returns.get(length.wrapping_sub(1)).map_or(0, |(_, index)| entries[*index].number);
    shortest &= drop_reads(model, &mut core, unplaced, rules, steps);
    let states: Vec<String> =
        refusals(model, &core, unplaced, steps).iter().map(ToString::to_string).collect();
    Account {
        record: record.to_string(),
        operations: core.iter().map(|numbered| numbered.number).collect(),
        unplaced,
        drawing: draw::draw::<M>(&record.to_string(), &core, unplaced, &states),
        states,
        shortest,
    }
}

/// How many returns the shortest prefix without an order has, and whether that is sure.
fn shortest_prefix<M: Model>(
    model: &M,
    entries: &[NumberedOf<M>],
    returns: &[(u64, usize)],
    rules: Rules,
    steps: &mut Steps,
) -> (usize, bool) {
    let (mut good, mut bad, mut sure) = (0, returns.len(), true);
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        match super::decide(model, &prefix::<M>(entries, returns, middle), rules, steps) {
            Found::None => bad = middle,
            Found::Order => good = middle,
            Found::OutOfSteps => (good, sure) = (middle, false),
        }
    }
    (bad, sure)
}

/// What was called before the return number `length`, knowing only what had returned by then.
fn prefix<M: Model>(
    entries: &[NumberedOf<M>],
    returns: &[(u64, usize)],
    length: usize,
) -> Vec<NumberedOf<M>> {
    let Some(&last) = returns.get(length.wrapping_sub(1)) else { return Vec::new() };
    let called = entries.iter().enumerate().filter(|(_, numbered)| numbered.entry.call_ns <= last.0);
    called
        .map(|(index, numbered)| {
            let mut numbered = numbered.clone();
            if numbered.entry.return_ns().is_some_and(|return_ns| (return_ns, index) > last) {
                numbered.entry.outcome = Outcome::Unknown;
            }
            numbered
        })
        .collect()
}

/// Takes out the operations that only read and are not needed: a history without some of its reads has an order wherever the
/// whole has. False where the budget ended.
fn drop_reads<M: Model>(
    model: &M,
    core: &mut Vec<NumberedOf<M>>,
    unplaced: usize,
    rules: Rules,
    steps: &mut Steps,
) -> bool {
    let read = |numbered: &NumberedOf<M>| numbered.number != unplaced && model.only_reads(&numbered.entry);
    let without: Vec<_> = core.iter().filter(|numbered| !read(numbered)).cloned().collect();
    if super::decide(model, &without, rules, steps) == Found::None {
        *core = without;
        return true;
    }
    let reads: Vec<usize> = core.iter().filter(|numbered| read(numbered)).map(|n| n.number).collect();
    if reads.len() > READS_TRIED {
        return true;
    }
    for number in reads {
        let without: Vec<_> = core.iter().filter(|numbered| numbered.number != number).cloned().collect();
        match super::decide(model, &without, rules, steps) {
            Found::None => *core = without,
            Found::Order => {}
            Found::OutOfSteps => return false,
        }
    }
    true
}

/// States in which the operation `unplaced` was tried. The general search is asked where the pruned one has none to tell: it may have
/// joined that operation with one it repeats.
fn refusals<M: Model>(
    model: &M,
    core: &[NumberedOf<M>],
    unplaced: usize,
    steps: &mut Steps,
) -> Vec<M::State> {
    let simple = model.simplify(core.to_vec());
    let (_, states) = Search::new(model, &simple, Rules::Pruned, steps).run_watching(unplaced, STATES);
    if !states.is_empty() {
        return states;
    }
    let plain = Problem::of(model, core.to_vec());
    Search::new(model, &plain, Rules::General, steps).run_watching(unplaced, STATES).1
}
