//! Whether what all lives on one folder were told agrees: the histories of records and leases, sums, the log of changes, the end.

use super::account::Account;
use super::operation::{COUNTERS, LEASE_GRAIN_NS, unplace};
use super::wire::Told;
use std::collections::{BTreeMap, BTreeSet};
use tenet_history::{
    Change, Feed, FeedEvent, FeedSession, FeedStart, History, LeaseModel, RecordAnswer, RecordModel,
    RecordOperation, Verdict, check, check_feed,
};

/// Steps for the records of one folder: some hundred times what a history of some thousand operations takes.
const STEPS: u64 = 5_000_000;
/// Steps for its leases, which have no versions to go by.
const LEASE_STEPS: u64 = 300_000;

/// What was checked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Judged {
    pub operations: u64,
    pub unknown: u64,
    pub events: u64,
    pub steps: u64,
    /// Lease histories whose check ran out of steps.
    pub undecided: u64,
}

/// Judges; every problem as a text.
pub fn judge(account: &Account) -> (Judged, Vec<String>) {
    let mut problems = account.problems.clone();
    let history: History<RecordOperation, RecordAnswer> = account.records.iter().flatten().cloned().collect();
    let mut judged = Judged {
        operations: history.entries().len() as u64,
        unknown: history.entries().iter().filter(|entry| entry.is_unknown()).count() as u64,
        ..Judged::default()
    };
    let report = check(&RecordModel, &history, STEPS);
    judged.steps = report.steps;
    match report.verdict {
        Verdict::Linearizable => {}
        Verdict::Not { account } => problems.push(account.to_string()),
        Verdict::OutOfSteps { record } => {
            problems.push(format!("the history of {record} took more than {STEPS} steps"));
        }
    }
    let (feed, events) = feed(account);
    judged.events = events;
    if let Err(breach) = check_feed(&history, &feed) {
        problems.push(format!("the log of changes: {breach}"));
    }
    problems.extend(end(account).err());
    problems.extend(COUNTERS.iter().filter_map(|counter| sum(account, counter).err()));
    problems.extend(fences(account).err());
    let leases: History<_, _> = account.leases.iter().cloned().collect();
    let report = check(&LeaseModel { late_ns: 2 * LEASE_GRAIN_NS }, &leases, LEASE_STEPS);
    match report.verdict {
        Verdict::Linearizable => {}
        Verdict::Not { account } => problems.push(account.to_string()),
        Verdict::OutOfSteps { .. } => judged.undecided = 1,
    }
    (judged, problems)
}

/// What the log told of the last reading from its beginning to its end.
fn whole(account: &Account) -> &[Told] {
    let last = account.feeds.iter().rev().find(|(_, whole, _)| *whole);
    last.map_or(&[], |(_, _, told)| told)
}

/// The readings of the log as sessions, each going on where the last one ended.
fn feed(account: &Account) -> (Feed, u64) {
    let mut feed = Feed { drained: true, sessions: Vec::new() };
    let mut last = FeedStart::Beginning;
    let mut count = 0;
    for (at_ns, whole, told) in &account.feeds {
        let mut events: Vec<FeedEvent> = Vec::new();
        for told in told {
            let (record, key) = unplace(&told.record, &told.key);
            if !super::operation::RECORDS.contains(&&record[..]) {
                continue;
            }
            let change = Change { key: key.into(), value: told.value.map(|value| value as u64) };
            match events.last_mut() {
                Some(event) if event.version == told.version && *event.record == *record => {
                    event.changes.push(change);
                }
                _ => events.push(FeedEvent {
                    at_ns: *at_ns,
                    record: record.into(),
                    version: told.version,
                    changes: vec![change],
                }),
            }
        }
        count += events.len() as u64;
        let start = if *whole { FeedStart::Beginning } else { last };
        if !events.is_empty() {
            last = FeedStart::After { session: feed.sessions.len(), event: events.len() - 1 };
        }
        feed.sessions.push(FeedSession { start, events });
    }
    (feed, count)
}

/// What was there at the end is what the log leads to.
fn end(account: &Account) -> Result<(), String> {
    let Some((items, _)) = &account.seen else { return Err("nobody looked at the end".to_owned()) };
    let mut led: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
    for told in whole(account) {
        let at = unplace(&told.record, &told.key);
        match told.value {
            Some(value) => led.insert(at, (value as u64, told.version)),
            None => led.remove(&at),
        };
    }
    led.retain(|(record, _), _| super::operation::RECORDS.contains(&&record[..]));
    let there: BTreeMap<(String, String), (u64, u64)> = items
        .iter()
        .flat_map(|(record, items)| items.iter().map(|(key, item)| ((record.clone(), key.clone()), *item)))
        .collect();
    if led == there {
        return Ok(());
    }
    let differs = led.iter().find(|(at, item)| there.get(*at) != Some(*item));
    let differs = differs.or_else(|| there.iter().find(|(at, _)| !led.contains_key(*at)));
    Err(format!("what is there is not what the log leads to: {differs:?}, of {} items", there.len()))
}

/// Every addition that was acknowledged happened once, with the version it was told, and no other happened twice.
fn sum(account: &Account, counter: &str) -> Result<(), String> {
    let mut by_amount: BTreeMap<i64, u64> = BTreeMap::new();
    for (id, add) in account.adds.iter().filter(|(_, add)| add.counter == counter) {
        by_amount.insert(add.amount, *id);
    }
    let mut happened: BTreeMap<u64, u64> = BTreeMap::new();
    let mut before = 0;
    for told in whole(account).iter().filter(|told| told.record == counter) {
        let now = told.value.ok_or_else(|| format!("{counter} was removed"))?;
        let amount = now - before;
        let id = by_amount
            .get(&amount)
            .ok_or_else(|| format!("{counter} went from {before} to {now}, which nobody asked for"))?;
        if happened.insert(*id, told.version).is_some() {
            return Err(format!("{amount} was added to {counter} twice"));
        }
        before = now;
    }
    let held = account.seen.as_ref().and_then(|(_, counters)| counters.get(counter).copied()).unwrap_or(0);
    if held != before {
        return Err(format!("{counter} holds {held}, and the log leads to {before}"));
    }
    for (id, add) in account.adds.iter().filter(|(_, add)| add.counter == counter) {
        let versions: BTreeSet<u64> = add.versions.iter().copied().collect();
        let there = happened.get(id).copied();
        if versions.iter().any(|version| Some(*version) != there) {
            return Err(format!("{} was added to {counter} at {versions:?}, and at {there:?}", add.amount));
        }
    }
    Ok(())
}

/// What was written under a lease came in the order of its tokens.
fn fences(account: &Account) -> Result<(), String> {
    let mut written: BTreeMap<&str, Vec<(u64, u64)>> = BTreeMap::new();
    for (lease, version, token) in &account.fenced {
        written.entry(lease).or_default().push((*version, *token));
    }
    for (lease, mut written) in written {
        written.sort_unstable();
        if let Some(pair) = written.windows(2).find(|pair| pair[0].1 > pair[1].1) {
            return Err(format!("{lease}: {pair:?} were written (version, token) after a later holder"));
        }
    }
    Ok(())
}
