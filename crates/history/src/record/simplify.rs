//! What the answers of a record's history settle before any search: repetitions joined, unknown outcomes made certain or left out.
//!
//! Each step turns a history into one that is linearizable exactly where the first was; the proofs stand with the steps.

use super::RecordModel;
use super::evidence::Evidence;
use super::operation::{Action, RecordAnswer, Token, Write};
use crate::entry::Outcome;
use crate::model::{EntryOf, NumberedOf};
use std::collections::HashMap;

/// All steps, in the order in which each finds the most.
pub fn simplify(entries: Vec<NumberedOf<RecordModel>>) -> Vec<NumberedOf<RecordModel>> {
    let mut entries = settle(entries);
    let evidence = Evidence::of(entries.iter().map(|numbered| &numbered.entry));
    entries.retain(|numbered| !nobody_can_tell(&numbered.entry, &evidence));
    entries
}

/// The steps that leave nothing out: repetitions joined, and what somebody saw made certain.
pub fn settle(entries: Vec<NumberedOf<RecordModel>>) -> Vec<NumberedOf<RecordModel>> {
    let mut entries = join_repetitions(entries);
    make_certain(&mut entries);
    entries
}

fn write_of(entry: &EntryOf<RecordModel>) -> Option<&Write> {
    match &entry.operation.action {
        Action::Write(write) => Some(write),
        _ => None,
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

/// Gives a write of unknown outcome the version with which somebody saw its value, and the first return of such a read.
///
/// Exact where no other operation writes that value to that key: the read can only be explained by this write having taken effect
/// before it, with that version. Left as it is where the history contradicts itself (two versions, one that another write was
/// given, a read that returned before the call): the search then finds that.
fn make_certain(entries: &mut [NumberedOf<RecordModel>]) {
    let evidence = Evidence::of(entries.iter().map(|numbered| &numbered.entry));
    let mut found: Vec<(usize, u64, u64)> = Vec::new();
    for (index, numbered) in entries.iter().enumerate() {
        let entry = &numbered.entry;
        let Some(write) = write_of(entry).filter(|write| entry.is_unknown() && write.token.is_none()) else {
            continue;
        };
        let seen =
            write.changes.iter().find_map(|change| evidence.only_writer_was_seen(&change.key, change.value?));
        if let Some((version, return_ns)) = seen
            && !evidence.is_certain(version)
            && return_ns >= entry.call_ns
        {
            found.push((index, version, return_ns));
        }
    }
    let mut claims: HashMap<u64, usize> = HashMap::new();
    for (_, version, _) in &found {
        *claims.entry(*version).or_default() += 1;
    }
    for (index, version, return_ns) in found.into_iter().filter(|(_, version, _)| claims[version] == 1) {
        entries[index].entry.outcome =
            Outcome::Answered { return_ns, answer: RecordAnswer::Written { version } };
    }
}

/// Whether a write of unknown outcome can be left out, because no answer would differ.
///
/// Take any order in which such writes took effect, and take all of them away. At every moment the record then differs at most in
/// items that one of them had written and nobody had written since. Each operation that looked at such an item in between
/// met what that write had left, and one of these was found, with a return no earlier than the write's call:
///
/// * a read that showed the written value, or the absence of a deleted item;
/// * a condition that held: `absent` on a deleted item, or a version that no certain write was given;
/// * a condition that was refused, unless the store named the version it met and that version is a certain write's, or the condition
///   asked for a version that nobody was told: no write need have had it, so that it is refused whatever stands there.
///
/// Where none exists, nobody looked, so every answer and every other condition is as it was, and versions still grow. This
/// covers unknown writes with conditions of their own: conditions only say where a write may stand. What it must not be used for is an
/// operation whose effect outlives the item it wrote, such as adding to a counter: the sum stays seen in every later value.
fn nobody_can_tell(entry: &EntryOf<RecordModel>, evidence: &Evidence) -> bool {
    let Some(write) = write_of(entry) else { return entry.is_unknown() };
    // A token that is still here could not be joined with its repetitions, whose answers depend on this one.
    entry.is_unknown()
        && write.token.is_none()
        && write.changes.iter().all(|change| !evidence.may_have_met(&change.key, change.value, entry.call_ns))
}
