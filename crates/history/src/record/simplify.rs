//! What the answers of a record's history settle before any search: repetitions joined, unknown outcomes made certain, left out or told apart.
//!
//! Each step turns a history into one that is linearizable exactly where the first was; the proofs stand with the steps.

use super::RecordModel;
use super::demands::{Demands, write_of};
use super::evidence::Evidence;
use super::operation::{Action, Expected, Key, RecordAnswer, Token};
use crate::entry::Outcome;
use crate::model::{EntryOf, NumberedOf, Open, Problem};
use std::collections::{HashMap, HashSet};

type Record = EntryOf<RecordModel>;

/// All steps.
///
/// What remains of unknown outcome is told apart by the version it had, in any order there is. Either an answer shows that version, and no certain
/// write was given it: then it is due, and one of those that can have made what was shown takes it. Or an operation of unknown outcome that is of use
/// itself asks for it. Or nobody names it: then any number between its neighbours would do as well (versions are compared, not counted), nobody
/// was ever told of the item it put, and all that can be noticed is that something is there, or that something is not. Where
/// nobody can have noticed that, see [`Evidence::may_have_met`], and the version cannot be one of the others, the operation
/// is left out: take it out of any order. At every moment the record differs at most in items that it had written and nobody had written
/// since, and whoever looked at such an item would have been among those.
///
/// This covers writes with conditions of their own, which only say where a write may stand. What it must not be used for is an
/// operation whose effect outlives the item it wrote, such as adding to a counter: the sum stays seen in every later value.
pub fn simplify(entries: Vec<NumberedOf<RecordModel>>) -> Problem<RecordModel> {
    let (entries, demands) = settled(entries);
    let evidence = Evidence::of(&entries);
    let mut effects: HashMap<usize, Vec<Record>> = HashMap::new();
    for (version, demand) in &demands.of {
        for writer in &demand.candidates {
            effects.entry(*writer).or_default().push(answered(&entries[*writer].entry, *version));
        }
    }
    add_repetitions(&entries, &mut effects);
    for (index, numbered) in entries.iter().enumerate().filter(|(_, n)| n.entry.is_unknown()) {
        let entry = &numbered.entry;
        let met = write_of(entry).is_some_and(|write| {
            write.changes.iter().any(|change| evidence.may_have_met(change, entry.call_ns))
        });
        if met {
            effects.entry(index).or_default().push(entry.clone());
        }
    }
    add_asked_for(&entries, &demands, &mut effects);
    let mut problem =
        Problem { certain: Vec::new(), open: Vec::new(), ranks: demands.of.keys().copied().collect() };
    for (index, numbered) in entries.into_iter().enumerate() {
        if !numbered.entry.is_unknown() {
            problem.certain.push(numbered);
        } else if let Some(effects) = effects.remove(&index) {
            problem.open.push(Open { entry: numbered.entry, effects });
        }
    }
    problem
}

/// The steps that leave nothing out: repetitions joined, and what somebody saw made certain.
pub fn settle(entries: Vec<NumberedOf<RecordModel>>) -> Vec<NumberedOf<RecordModel>> {
    settled(entries).0
}

/// The same, and which versions are still without a writer.
///
/// A write that alone can have had a version that answers show gets it, and the time by which it must have had it. The operations of a token that
/// could not be joined stay as they are.
fn settled(entries: Vec<NumberedOf<RecordModel>>) -> (Vec<NumberedOf<RecordModel>>, Demands) {
    let mut entries = join_repetitions(entries);
    loop {
        let mut demands = Demands::of(&entries);
        let single =
            |index: usize| write_of(&entries[index].entry).is_some_and(|write| write.token.is_none());
        let found = demands.settle(single);
        if found.is_empty() {
            return (entries, demands);
        }
        // What became certain shows the versions that its own conditions named.
        for (index, version, return_ns) in found {
            let answer = RecordAnswer::Written { version };
            entries[index].entry.outcome = Outcome::Answered { return_ns, answer };
        }
    }
}

/// The entry as if it had been given this version.
fn answered(entry: &Record, version: u64) -> Record {
    let answer = RecordAnswer::Written { version };
    Record { outcome: Outcome::Answered { return_ns: u64::MAX, answer }, ..entry.clone() }
}

/// Adds what repetitions of the same token were told: one of unknown outcome may be what they repeat.
fn add_repetitions(entries: &[NumberedOf<RecordModel>], effects: &mut HashMap<usize, Vec<Record>>) {
    let token = |entry: &Record| write_of(entry).and_then(|write| write.token.clone());
    let mut told: HashMap<Token, Vec<RecordAnswer>> = HashMap::new();
    for entry in entries.iter().map(|numbered| &numbered.entry) {
        if let (Some(token), Some(answer @ (RecordAnswer::Written { .. } | RecordAnswer::Unchanged))) =
            (token(entry), entry.answer())
        {
            let told = told.entry(token).or_default();
            if !told.contains(answer) {
                told.push(answer.clone());
            }
        }
    }
    for (index, entry) in entries.iter().map(|n| &n.entry).enumerate().filter(|(_, e)| e.is_unknown()) {
        for answer in token(entry).and_then(|token| told.get(&token)).into_iter().flatten() {
            let outcome = Outcome::Answered { return_ns: u64::MAX, answer: answer.clone() };
            effects.entry(index).or_default().push(Record { outcome, ..entry.clone() });
        }
    }
}

/// Adds the versions that only operations of unknown outcome ask for which are of use themselves.
fn add_asked_for(
    entries: &[NumberedOf<RecordModel>],
    demands: &Demands,
    effects: &mut HashMap<usize, Vec<Record>>,
) {
    let given: HashSet<u64> = entries
        .iter()
        .filter_map(|numbered| match numbered.entry.answer() {
            Some(RecordAnswer::Written { version }) => Some(*version),
            _ => None,
        })
        .chain(demands.of.keys().copied())
        .collect();
    let mut asked: HashSet<(Key, u64)> = HashSet::new();
    loop {
        let mut new: Vec<(Key, u64)> = effects
            .keys()
            .flat_map(|index| write_of(&entries[*index].entry))
            .flat_map(|write| &write.conditions)
            .filter_map(|condition| match condition.expected {
                Expected::Version(version) => Some((condition.key.clone(), version)),
                Expected::Absent => None,
            })
            .filter(|(_, version)| !given.contains(version))
            .filter(|asked_for| !asked.contains(asked_for))
            .collect();
        if new.is_empty() {
            return;
        }
        new.sort_unstable();
        for (key, version) in new {
            if !asked.insert((key.clone(), version)) {
                continue;
            }
            for (index, numbered) in entries.iter().enumerate().filter(|(_, n)| n.entry.is_unknown()) {
                let puts = |write: &super::Write| {
                    write.changes.iter().any(|change| change.key == key && change.value.is_some())
                };
                let effect = answered(&numbered.entry, version);
                let known = effects.get(&index).is_some_and(|effects| effects.contains(&effect));
                if !known && write_of(&numbered.entry).is_some_and(puts) {
                    effects.entry(index).or_default().push(effect);
                }
            }
        }
    }
}

/// Joins the operations of one token into one, from the first call to the first answer, and takes its token off. They must ask for
/// the same, and those that were answered must have been given the same version.
///
/// Exact: one of them has effect, at a moment after the first call, and each that was answered stands at or after that moment and
/// returned after it; so the joined one has an order. The other way: let the joined one take effect at some moment. All
/// that were answered return no earlier. Let the one called first have effect then, and each other repeat it at the
/// later of that moment and its own call; one that was never answered may as well never have arrived.
fn join_repetitions(mut entries: Vec<NumberedOf<RecordModel>>) -> Vec<NumberedOf<RecordModel>> {
    let mut groups: HashMap<Token, Vec<usize>> = HashMap::new();
    for (index, numbered) in entries.iter().enumerate() {
        if let Some(token) = write_of(&numbered.entry).and_then(|write| write.token.clone()) {
            groups.entry(token).or_default().push(index);
        }
    }
    let mut repeats = vec![false; entries.len()];
    for group in groups.into_values() {
        let Some(outcome) = common_outcome(&entries, &group) else { continue };
        let first = group[0];
        group.iter().skip(1).for_each(|&index| repeats[index] = true);
        let entry = &mut entries[first].entry;
        entry.outcome = outcome;
        if let Action::Write(write) = &mut entry.operation.action {
            write.token = None;
        }
    }
    let mut repeats = repeats.into_iter();
    entries.retain(|_| repeats.next() == Some(false));
    entries
}

/// The outcome of the operations of one token, sorted by call, as one; none where they cannot be joined.
fn common_outcome(entries: &[NumberedOf<RecordModel>], group: &[usize]) -> Option<Outcome<RecordAnswer>> {
    let first = &entries[group[0]].entry;
    let mut common = first.outcome.clone();
    for &index in &group[1..] {
        let entry = &entries[index].entry;
        if entry.operation != first.operation {
            return None;
        }
        common = match (common, entry.outcome.clone()) {
            (Outcome::Unknown, Outcome::Unknown) => Outcome::Unknown,
            // A refusal leaves no trace, so that operations of its token are not repetitions of it.
            (Outcome::Answered { answer: RecordAnswer::Refused { .. }, .. }, _)
            | (_, Outcome::Answered { answer: RecordAnswer::Refused { .. }, .. }) => return None,
            (answered, Outcome::Unknown) | (Outcome::Unknown, answered) => answered,
            (
                Outcome::Answered { return_ns, answer },
                Outcome::Answered { return_ns: other_ns, answer: other },
            ) => {
                if answer != other {
                    return None;
                }
                Outcome::Answered { return_ns: return_ns.min(other_ns), answer }
            }
        };
    }
    Some(common)
}
