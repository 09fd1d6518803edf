//! A change feed against the writes it reports: by record in order of versions, at least once, nothing skipped.
//!
//! A client watches in sessions: one ends with its connection, and the next begins with the token that came with an event. Within a
//! session a record's versions never fall; one may come twice in a row. A new session may repeat what came before its token. Between
//! the version at which a session stands for a record and the next it delivers there must be no other write of that record.

use crate::entry::Numbered;
use crate::history::History;
use crate::record::{Action, Change, Key, RecordAnswer, RecordOperation, settle};
use serde::{Deserialize, Serialize};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};

/// What one client saw of a feed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feed {
    /// Its sessions, in the order of time.
    pub sessions: Vec<FeedSession>,
    /// Whether the last session was read until nothing more could come: then every write must have been delivered.
    pub drained: bool,
}

/// One connection of a watching client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedSession {
    /// Where it began.
    pub start: FeedStart,
    /// What came, in order.
    pub events: Vec<FeedEvent>,
}

/// Where a session begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FeedStart {
    /// With the first write ever.
    Beginning,
    /// With what is written from now on.
    Now {
        /// When the session stood, in nanoseconds: writes called later must come.
        return_ns: u64,
    },
    /// With the token of an event of an earlier session.
    After {
        /// Index of that session.
        session: usize,
        /// Index of the event in it.
        event: usize,
    },
}

/// A write, as the feed tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedEvent {
    /// When it came, in nanoseconds.
    pub at_ns: u64,
    /// The record.
    pub record: Key,
    /// The version.
    pub version: u64,
    /// All that the write changed, in any order; a delete of what was absent may be among it or not.
    pub changes: Vec<Change>,
}

/// What a feed did wrong.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("session {session}{}, record {record}: {problem}", event.map_or_else(String::new, |event| format!(", event {event}")))]
pub struct FeedBreach {
    /// Index of the session.
    pub session: usize,
    /// Index of the event; none where something never came.
    pub event: Option<usize>,
    /// The record.
    pub record: String,
    /// What is wrong.
    pub problem: String,
}

/// Where a session stands for one record.
#[derive(Clone, Copy, Debug)]
enum Standing {
    Beginning,
    Since(u64),
    At(u64),
}

impl Standing {
    /// Where the session stands once `version` came. What it repeats of the time before its token takes nothing back.
    fn or_later(self, version: u64) -> Standing {
        match self {
            Standing::At(at) => Standing::At(at.max(version)),
            Standing::Beginning | Standing::Since(_) => Standing::At(version),
        }
    }
}

/// A write of one record.
struct Known {
    call_ns: u64,
    changes: Vec<Change>,
}

/// Checks one client's `feed` against the writes of `history`, and returns how many events it had. A write of unknown outcome may come
/// or not; once it came anywhere in the feed, it counts as any other.
///
/// # Errors
///
/// The first breach.
pub fn check_feed(
    history: &History<RecordOperation, RecordAnswer>,
    feed: &Feed,
) -> Result<usize, FeedBreach> {
    let mut writes = Writes::of(history);
    for (session, event, told) in events(feed) {
        writes.find(told).map_err(|problem| breach(session, Some(event), &told.record, problem))?;
    }
    let mut starts: Vec<(Standing, HashMap<Key, u64>)> = Vec::new();
    for (index, session) in feed.sessions.iter().enumerate() {
        let start = start(feed, &starts, index, session.start)?;
        starts.push(start.clone());
        let (first, floors) = start;
        let mut standing: HashMap<Key, u64> = HashMap::new();
        for (event, told) in session.events.iter().enumerate() {
            let floor = floors.get(&told.record).map_or(first, |version| Standing::At(*version));
            let problem = match standing.get(&told.record) {
                Some(last) if told.version < *last => {
                    Some(format!("version {} came after version {last}", told.version))
                }
                Some(last) => writes.skipped(&told.record, floor.or_later(*last), told.version),
                None => writes.skipped(&told.record, floor, told.version),
            };
            if let Some(problem) = problem {
                return Err(breach(index, Some(event), &told.record, problem));
            }
            standing.insert(told.record.clone(), told.version);
        }
        if feed.drained && index + 1 == feed.sessions.len() {
            writes.all_came(index, first, &floors, &standing)?;
        }
    }
    Ok(events(feed).count())
}

fn events(feed: &Feed) -> impl Iterator<Item = (usize, usize, &FeedEvent)> {
    let sessions = feed.sessions.iter().enumerate();
    sessions.flat_map(|(index, session)| {
        session.events.iter().enumerate().map(move |(event, told)| (index, event, told))
    })
}

fn breach(session: usize, event: Option<usize>, record: &Key, problem: String) -> FeedBreach {
    FeedBreach { session, event, record: record.to_string(), problem }
}

/// Where session `index` begins: for records that its token knows, and for all others.
fn start(
    feed: &Feed,
    starts: &[(Standing, HashMap<Key, u64>)],
    index: usize,
    start: FeedStart,
) -> Result<(Standing, HashMap<Key, u64>), FeedBreach> {
    match start {
        FeedStart::Beginning => Ok((Standing::Beginning, HashMap::new())),
        FeedStart::Now { return_ns } => Ok((Standing::Since(return_ns), HashMap::new())),
        FeedStart::After { session, event } => {
            let known = starts.get(session).zip(feed.sessions[session.min(index)].events.get(..=event));
            let Some(((first, floors), events)) = known else {
                let problem = format!("begins after event {event} of session {session}, which is not there");
                return Err(breach(index, None, &Key::from("-"), problem));
            };
            let mut floors = floors.clone();
            for told in events {
                let floor = floors.entry(told.record.clone()).or_insert(told.version);
                *floor = told.version.max(*floor);
            }
            Ok((*first, floors))
        }
    }
}

/// All writes that took effect, by record and version, and those that may have.
#[derive(Default)]
struct Writes {
    certain: HashMap<Key, BTreeMap<u64, Known>>,
    uncertain: HashMap<Key, Vec<Known>>,
}

impl Writes {
    fn of(history: &History<RecordOperation, RecordAnswer>) -> Writes {
        let mut records: HashMap<Key, Vec<Numbered<_>>> = HashMap::new();
        for (number, entry) in history.entries().iter().enumerate() {
            let record = records.entry(entry.operation.record.clone()).or_default();
            record.push(Numbered { number, entry: entry.clone() });
        }
        let mut writes = Writes::default();
        for Numbered { entry, .. } in records.into_values().flat_map(settle) {
            let version = match entry.answer() {
                None => None,
                Some(RecordAnswer::Written { version }) => Some(*version),
                Some(_) => continue,
            };
            let Action::Write(write) = entry.operation.action else { continue };
            let known = Known { call_ns: entry.call_ns, changes: sorted(write.changes) };
            match version {
                Some(version) => {
                    writes.certain.entry(entry.operation.record).or_default().entry(version).or_insert(known);
                }
                None => writes.uncertain.entry(entry.operation.record).or_default().push(known),
            }
        }
        writes
    }

    /// Finds the write of an event. One of unknown outcome becomes certain by it, with this version.
    fn find(&mut self, told: &FeedEvent) -> Result<(), String> {
        let changes = sorted(told.changes.clone());
        let certain = self.certain.entry(told.record.clone()).or_default();
        if let Entry::Vacant(vacant) = certain.entry(told.version) {
            let uncertain = self.uncertain.entry(told.record.clone()).or_default();
            let same = |known: &Known| tells(&changes, &known.changes) && known.call_ns <= told.at_ns;
            let Some(index) = uncertain.iter().position(same) else {
                return Err(format!("version {} came, and nobody wrote it: {changes:?}", told.version));
            };
            vacant.insert(uncertain.remove(index));
        }
        match certain.get(&told.version) {
            Some(known) if !tells(&changes, &known.changes) => {
                Err(format!("version {} came with other changes than were written", told.version))
            }
            Some(known) if known.call_ns > told.at_ns => {
                Err(format!("version {} came before it was written", told.version))
            }
            _ => Ok(()),
        }
    }

    /// What is wrong with delivering `version` next where the session stands at `standing`.
    fn skipped(&self, record: &Key, standing: Standing, version: u64) -> Option<String> {
        let certain = self.certain.get(record)?;
        let due = |(written, known): &(&u64, &Known)| match standing {
            Standing::Beginning => true,
            Standing::Since(since_ns) => known.call_ns > since_ns,
            Standing::At(at) => **written > at,
        };
        let (skipped, _) = certain.range(..version).find(due)?;
        Some(format!("version {version} came, and version {skipped} before it had not"))
    }

    fn all_came(
        &self,
        session: usize,
        first: Standing,
        floors: &HashMap<Key, u64>,
        standing: &HashMap<Key, u64>,
    ) -> Result<(), FeedBreach> {
        let mut records: Vec<_> = self.certain.keys().collect();
        records.sort_unstable();
        for record in records {
            let floor = floors.get(record).map_or(first, |version| Standing::At(*version));
            let at = standing.get(record).map_or(floor, |version| floor.or_later(*version));
            if self.skipped(record, at, u64::MAX).is_some() {
                let problem = "the feed was read to its end, and the last writes had not come".to_owned();
                return Err(breach(session, None, record, problem));
            }
        }
        Ok(())
    }
}

/// Whether an event with the changes `told` tells of a write. A delete of what was absent changes nothing and may be left out.
fn tells(told: &[Change], written: &[Change]) -> bool {
    let mut left = told.iter().peekable();
    let covered = |change: &Change| left.next_if_eq(&change).is_some() || change.value.is_none();
    (written.is_empty() || !told.is_empty()) && written.iter().all(covered) && left.next().is_none()
}

fn sorted(mut changes: Vec<Change>) -> Vec<Change> {
    changes.sort_unstable_by(|one, two| one.key.cmp(&two.key));
    changes
}
