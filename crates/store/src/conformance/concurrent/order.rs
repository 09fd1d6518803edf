//! Whether a history of one record is linearizable, where all its writes were answered with their versions.
//!
//! Versions tell the order of writes. So every call has a *place*: a write that of its version, any other (a read, a refusal, a write of nothing) one between
//! two writes, where the record was as the call saw it. A history is linearizable (Herlihy & Wing 1990) exactly where places can be
//! chosen such that no call has an earlier place than one that returned before it was called. Taking calls in the order of their returns and
//! for each the earliest place that is still possible loses nothing: an earlier place forbids less to those that come later.

use super::observed::{Asked, Call, Expected, Seen, Told, View};
use crate::conformance::problem::{Checked, Problem, holds};
use crate::item::Version;
use std::collections::{BTreeMap, BTreeSet};

/// Checks every record of it.
pub(super) fn check(history: &[Call]) -> Checked {
    let mut records: BTreeMap<&str, Vec<&Call>> = BTreeMap::new();
    for call in history {
        records.entry(call.record).or_default().push(call);
    }
    records.values().try_for_each(|calls| check_record(calls))
}

/// A record after each of its writes.
struct States<'a> {
    /// State 0 is empty; state n is after write n - 1.
    views: Vec<View>,
    writes: Vec<&'a Call>,
}

fn check_record(calls: &[&Call]) -> Checked {
    let states = States::of(calls)?;
    let places = states.places();
    // By return: whoever must come before a call has its place already.
    let mut ordered: Vec<&Call> = calls.to_vec();
    ordered.sort_by_key(|call| call.return_ns);
    // The greatest place of all that returned up to then.
    let mut reached: Vec<(u64, usize)> = Vec::new();
    for call in ordered {
        let before = reached.partition_point(|(return_ns, _)| *return_ns < call.call_ns);
        let least = before.checked_sub(1).map_or(0, |last| reached[last].1);
        let place = match places.get(&write_version(call)) {
            Some(place) => {
                holds(
                    format!(
                        "{call:?}: its version is older than what was seen before it was called: {least}"
                    ),
                    *place > least,
                )?;
                *place
            }
            None => states.first_place(call, least)?,
        };
        let greatest = reached.last().map_or(0, |(_, place)| *place).max(place);
        reached.push((call.return_ns, greatest));
    }
    Ok(())
}

/// The version of a write that changed something; 0 of everything else.
fn write_version(call: &Call) -> Version {
    match call.told {
        Told::Written(version) => version,
        _ => Version(0),
    }
}

impl<'a> States<'a> {
    fn of(calls: &[&'a Call]) -> Checked<States<'a>> {
        let mut writes: Vec<&Call> =
            calls.iter().filter(|call| write_version(call) > Version(0)).copied().collect();
        writes.sort_by_key(|call| write_version(call));
        let versions: BTreeSet<Version> = writes.iter().map(|call| write_version(call)).collect();
        holds("two writes of a record have one version", versions.len() == writes.len())?;
        let mut views = vec![super::observed::KEYS.iter().map(|key| (*key, None)).collect::<View>()];
        for write in &writes {
            let mut view = views.last().cloned().unwrap_or_default();
            let version = write_version(write);
            let Asked::Write { condition, changes } = &write.asked else { continue };
            let held =
                condition.is_none_or(|(key, expected)| meets(view.get(key).copied().flatten(), expected));
            holds(format!("{write:?}: its condition does not hold in {view:?}"), held)?;
            for (key, value) in changes {
                view.insert(*key, value.map(|value| Seen { value, version }));
            }
            views.push(view);
        }
        Ok(States { views, writes })
    }

    /// The place of each write, by its version.
    fn places(&self) -> BTreeMap<Version, usize> {
        self.writes.iter().enumerate().map(|(place, write)| (write_version(write), place + 1)).collect()
    }

    /// The first place from `least` on where the record is as `call` saw it, and whose write was not called after `call` returned.
    fn first_place(&self, call: &Call, least: usize) -> Checked<usize> {
        for place in least..self.views.len() {
            if place.checked_sub(1).is_some_and(|write| self.writes[write].call_ns > call.return_ns) {
                break;
            }
            if explains(&self.views[place], call) {
                return Ok(place);
            }
        }
        let nearest: Vec<_> = self.views.iter().skip(least).take(3).collect();
        Err(Problem::Wrong(format!(
            "{call:?}: the record never was so between its call and its return; it was, one after the other, {nearest:?}"
        )))
    }
}

fn meets(found: Option<Seen>, expected: Expected) -> bool {
    match expected {
        Expected::Absent => found.is_none(),
        Expected::Version(version) => found.is_some_and(|seen| seen.version == version),
    }
}

/// Whether `call` may have been answered so by a record that is `view`.
fn explains(view: &View, call: &Call) -> bool {
    match (&call.asked, &call.told) {
        (_, Told::Saw(seen)) => seen.iter().all(|(key, seen)| view.get(key) == Some(seen)),
        (Asked::Write { condition: Some((key, expected)), .. }, Told::Refused(found)) => {
            view.get(key) == Some(found) && !meets(*found, *expected)
        }
        // Nothing was removed, because nothing was there.
        (Asked::Write { condition, changes }, Told::Written(_)) => {
            condition.is_none_or(|(key, expected)| meets(view.get(key).copied().flatten(), expected))
                && changes.iter().all(|(key, value)| value.is_none() && view.get(key) == Some(&None))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
