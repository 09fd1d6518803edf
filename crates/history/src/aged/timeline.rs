//! A record's states in the order of versions, and when each can have been current.

use crate::entry::Numbered;
use crate::model::EntryOf;
use crate::record::{Action, Change, Key, RecordAnswer, RecordModel, Seen};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The writes of a record in the order of their versions.
pub struct Timeline {
    versions: Vec<u64>,
    /// By position: the earliest moment of its write, 0 for the empty record.
    earliest_ns: Vec<u64>,
    /// By position: the latest moment until which it was current, which is that of the next write.
    latest_ns: Vec<u64>,
    /// By item: the positions whose writes changed it, in order, with what it became.
    changes: BTreeMap<Key, Vec<(usize, Option<u64>)>>,
    /// By item: writes of unknown outcome that nobody surely saw, with their calls.
    uncertain: HashMap<Key, Vec<(u64, Option<u64>)>>,
}

impl Timeline {
    /// Gathers the writes, and what reads tell of their times.
    pub fn of(entries: Vec<Numbered<EntryOf<RecordModel>>>) -> Timeline {
        let mut writes: BTreeMap<u64, (u64, u64, Vec<Change>)> = BTreeMap::new();
        let mut uncertain: HashMap<Key, Vec<(u64, Option<u64>)>> = HashMap::new();
        let mut first_seen_ns: HashMap<u64, u64> = HashMap::new();
        for Numbered { entry, .. } in entries {
            let (call_ns, return_ns) = (entry.call_ns, entry.return_ns().unwrap_or(u64::MAX));
            if let Some(answer) = entry.answer() {
                for (_, seen) in answer.shown(&entry.operation.action) {
                    let first_ns = first_seen_ns.entry(seen.version).or_insert(return_ns);
                    *first_ns = return_ns.min(*first_ns);
                }
            }
            let Action::Write(write) = entry.operation.action else { continue };
            match entry.outcome.answer_version() {
                Some(Some(version)) => {
                    let known = writes.entry(version).or_insert((call_ns, return_ns, write.changes));
                    *known = (known.0.min(call_ns), known.1.min(return_ns), std::mem::take(&mut known.2));
                }
                Some(None) => {}
                None => {
                    for change in write.changes {
                        uncertain.entry(change.key).or_default().push((call_ns, change.value));
                    }
                }
            }
        }
        for (version, first_ns) in first_seen_ns {
            if let Some(write) = writes.get_mut(&version) {
                write.1 = write.1.min(first_ns);
            }
        }
        let mut timeline = Timeline {
            versions: writes.keys().copied().collect(),
            earliest_ns: vec![0],
            latest_ns: vec![u64::MAX; writes.len() + 1],
            changes: BTreeMap::new(),
            uncertain,
        };
        timeline.set_times(writes.values().map(|(call_ns, return_ns, _)| (*call_ns, *return_ns)).collect());
        for (index, (_, _, changes)) in writes.into_values().enumerate() {
            for change in changes {
                timeline.changes.entry(change.key).or_default().push((index + 1, change.value));
            }
        }
        timeline
    }

    fn set_times(&mut self, spans: Vec<(u64, u64)>) {
        let mut earliest_ns = 0;
        for (call_ns, _) in &spans {
            earliest_ns = earliest_ns.max(*call_ns);
            self.earliest_ns.push(earliest_ns);
        }
        let mut latest_ns = u64::MAX;
        for (position, (_, return_ns)) in spans.into_iter().enumerate().rev() {
            latest_ns = latest_ns.min(return_ns);
            self.latest_ns[position] = latest_ns;
        }
    }

    /// The items anybody may have written.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.changes.keys().chain(self.uncertain.keys()).collect::<BTreeSet<_>>().into_iter()
    }

    /// All positions.
    pub fn all(&self) -> Positions {
        Positions(vec![(0, self.earliest_ns.len())])
    }

    /// The positions at which `key` was as `seen`, by a read that returned at `return_ns`.
    pub fn showing(&self, key: &Key, seen: Seen, return_ns: u64) -> Result<Positions, String> {
        let changes = self.changes.get(key).map_or(&[][..], Vec::as_slice);
        let position = match self.versions.binary_search(&seen.version) {
            Ok(index) => {
                if !changes.contains(&(index + 1, Some(seen.value))) {
                    return Err(format!("version {} did not write {key}={}", seen.version, seen.value));
                }
                index + 1
            }
            // It stands behind all writes of smaller versions, beside the last of them.
            Err(index) if self.may_have(key, Some(seen.value), return_ns) => index,
            Err(_) => return Err(format!("nobody wrote {key}={seen}")),
        };
        let next = changes.iter().map(|(at, _)| *at).find(|at| *at > position);
        Ok(Positions(vec![(position, next.unwrap_or(self.earliest_ns.len()))]))
    }

    /// The positions at which `key` was absent, by a read that returned at `return_ns`.
    pub fn absent(&self, key: &Key, return_ns: u64) -> Positions {
        if self.may_have(key, None, return_ns) {
            return self.all();
        }
        let mut positions = Vec::new();
        let mut absent_since = Some(0);
        for (at, value) in self.changes.get(key).into_iter().flatten() {
            match (absent_since, value) {
                (Some(since), Some(_)) => {
                    positions.push((since, *at));
                    absent_since = None;
                }
                (None, None) => absent_since = Some(*at),
                _ => {}
            }
        }
        positions.extend(absent_since.map(|since| (since, self.earliest_ns.len())));
        Positions(positions)
    }

    /// Whether one of `positions` can have been current at a moment from `since_ns` to `until_ns`.
    pub fn overlaps(&self, positions: &Positions, since_ns: u64, until_ns: u64) -> bool {
        positions.0.iter().any(|(from, to)| {
            (*from..*to).any(|at| self.earliest_ns[at] <= until_ns && self.latest_ns[at] >= since_ns)
        })
    }

    fn may_have(&self, key: &Key, value: Option<u64>, return_ns: u64) -> bool {
        let uncertain = self.uncertain.get(key).into_iter().flatten();
        uncertain.into_iter().any(|(call_ns, wrote)| *wrote == value && *call_ns <= return_ns)
    }
}

impl crate::entry::Outcome<RecordAnswer> {
    /// The version a write was given: none while unknown, none inside where it was refused.
    fn answer_version(&self) -> Option<Option<u64>> {
        match self {
            crate::entry::Outcome::Unknown => None,
            crate::entry::Outcome::Answered { answer: RecordAnswer::Written { version }, .. } => {
                Some(Some(*version))
            }
            crate::entry::Outcome::Answered { .. } => Some(None),
        }
    }
}

/// Positions, as ranges that end before their second number, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Positions(Vec<(usize, usize)>);

impl Positions {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first; 0 where there is none.
    pub fn first(&self) -> usize {
        self.0.first().map_or(0, |(from, _)| *from)
    }

    /// Drops the ranges that end at or before `floor`: the item had moved on by then.
    pub fn drop_before(&mut self, floor: usize) {
        self.0.retain(|(_, to)| *to > floor);
    }

    /// What is in both.
    #[must_use]
    pub fn and(&self, other: &Positions) -> Positions {
        let pairs = self.0.iter().flat_map(|one| other.0.iter().map(move |two| (one, two)));
        let both = pairs.map(|(one, two)| (one.0.max(two.0), one.1.min(two.1)));
        Positions(both.filter(|(from, to)| from < to).collect())
    }
}
