//! Snapshots and what is loaded from them.

use super::check::checks;
use super::guarantee::Guarantee;
use super::make::{add, bytes, change, number, put, put_for, write};
use super::problem::{Checked, Problem, holds, same};
use super::site::Site;
use crate::backup::{Tally, Walk};
use crate::commit::{Action, Commit, Outcome};
use crate::engine::{Cursor, Engine, Load, LoadBegin, Loaded, Row, SharedSnapshot};
use crate::item::{MAX_VALUE, Value, Version};
use crate::name::CollectionId;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

checks! { "backup";
    a_snapshot_under_writes_is_of_one_moment => ConsistentBackup,
    what_is_loaded_is_what_was_there => ConsistentBackup,
}

/// Items of one record that amounts are moved between: more than a page of a walk has, so that it is read in several.
const ACCOUNTS: u32 = 1500;
/// Snapshots that are taken while writes go on.
const SNAPSHOTS: usize = 5;

impl From<crate::backup::BackupError> for Problem {
    fn from(error: crate::backup::BackupError) -> Problem {
        Problem::Wrong(format!("unexpected: {error}"))
    }
}

async fn rows(snapshot: SharedSnapshot) -> Checked<(Vec<Row>, Tally)> {
    let names: HashMap<_, _> =
        snapshot.moment().collections.iter().map(|(id, of)| (*id, of.name.to_string())).collect();
    let (mut all, mut tally) = (Vec::new(), Tally::default());
    let mut walk = Walk::all(snapshot, None)?;
    loop {
        let rows = walk.next().await?;
        if rows.is_empty() {
            tally.end().map_err(Problem::Wrong)?;
            return Ok((all, tally));
        }
        tally.count(&rows, &names).map_err(Problem::Wrong)?;
        all.extend(rows);
    }
}

fn account(number: u32) -> String {
    format!("{number:05}")
}

/// Moves amounts from the first accounts to the last, which a walk finds on other pages, until it is told to end; how many it moved.
async fn transfers(
    engine: Arc<dyn Engine>,
    collection: CollectionId,
    ended: Arc<AtomicBool>,
    done: Arc<AtomicU32>,
) -> Checked<u32> {
    let mut place = 0;
    while !ended.load(Ordering::Relaxed) {
        let (payer, payee) = (place % 500, ACCOUNTS - 1 - place % 500);
        let amount = i64::from(place) + 1;
        let changes = vec![change("bank", vec![add(account(payer), -amount), add(account(payee), amount)])];
        engine.commit(vec![Commit::of(collection, None, changes)]).await?;
        place += 1;
        done.store(place, Ordering::Relaxed);
        tokio::task::yield_now().await;
    }
    Ok(place)
}

async fn a_snapshot_under_writes_is_of_one_moment(site: &mut Site) -> Checked {
    site.needs(Guarantee::ConsistentBackup)?;
    for first in (0..ACCOUNTS).step_by(500) {
        let writes = (first..first + 500).map(|number| put(account(number), 0i64.to_be_bytes())).collect();
        site.done(vec![change("bank", writes)]).await?;
    }
    let (ended, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let writer = tokio::spawn(transfers(site.engine.clone(), site.collection, ended.clone(), done.clone()));
    let mut moments = Vec::new();
    let mut seen: Checked = Ok(());
    for _ in 0..SNAPSHOTS {
        let one = async {
            let snapshot = site.engine.snapshot().await?;
            let (first, tally) = rows(snapshot.clone()).await?;
            let version = snapshot.moment().version;
            let sum = first
                .iter()
                .map(|row| if let Row::Item(_, item) = row { number(item).unwrap_or(1) } else { 0 });
            same("the sum of all items", &sum.sum::<i64>(), &0)?;
            same("items", &tally.items, &u64::from(ACCOUNTS))?;
            let greatest =
                first.iter().map(|row| if let Row::Item(_, item) = row { item.version } else { Version(0) });
            holds("an item is newer than the snapshot says", greatest.max() <= Some(version))?;
            let (again, _) = rows(snapshot).await?;
            holds("a snapshot shows the same when it is read again", first == again)?;
            Ok::<_, Problem>((version, first))
        };
        match one.await {
            Ok(moment) => {
                moments.push(moment);
                // However the machine divides its time, one write begins and ends between two snapshots; the first may have begun before.
                let before = done.load(Ordering::Relaxed);
                while done.load(Ordering::Relaxed) < before + 2 && !writer.is_finished() {
                    tokio::task::yield_now().await;
                }
            }
            Err(problem) => {
                seen = Err(problem);
                break;
            }
        }
    }
    ended.store(true, Ordering::Relaxed);
    let written = writer.await.map_err(|error| Problem::Wrong(format!("the writer ended: {error}")))??;
    seen?;
    // Amounts go one way, so no state comes back.
    let moved = moments.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 != pair[1].1);
    let versions: Vec<Version> = moments.iter().map(|(version, _)| *version).collect();
    holds(format!("snapshots go on with {written} writes: {versions:?}"), moved)
}

async fn what_is_loaded_is_what_was_there(site: &mut Site) -> Checked {
    site.needs(Guarantee::ConsistentBackup)?;
    let token = site.token().await?;
    let size = MAX_VALUE as u64 + 1;
    site.engine.stage(9, 0, Bytes::from(vec![1; MAX_VALUE])).await?;
    site.engine.stage(9, 1, bytes([2])).await?;
    site.done(vec![change("long", vec![write("", Action::Put(Value::Chunked { blob: 9, size }))])]).await?;
    site.done(vec![change("mortal", vec![put_for("", "m", site.units(50))])]).await?;
    let marked = Commit {
        collection: site.collection,
        token: Some(token),
        fence: None,
        typed: None,
        changes: vec![change([0, 255, 0], vec![put([0], "zeros")])],
    };
    let first = site.one(marked.clone()).await?;
    let snapshot = site.engine.snapshot().await?;
    let moment = snapshot.moment().clone();
    let (all, before) = rows(snapshot).await?;
    let place = site.bench.place().await?;
    let other = place.open().await?;
    let begin = LoadBegin {
        backup: 1,
        replace: false,
        collections: moment.collections.clone(),
        version: Version(moment.version.0 + 1_000_000),
        logged: Cursor(moment.logged.0 + (1 << 30)),
    };
    let ids = match other.load(Load::Begin(begin.clone())).await? {
        Loaded::Parts { next: 0, ids } => ids.into_iter().collect::<HashMap<_, _>>(),
        found => return Err(Problem::Wrong(format!("an empty engine says {found:?}"))),
    };
    let rows_here: Vec<Row> = all
        .into_iter()
        .map(|row| match row {
            Row::Item(mut key, item) => {
                key.record.collection =
                    ids.get(&key.record.collection).copied().unwrap_or(key.record.collection);
                Row::Item(key, item)
            }
            other => other,
        })
        .collect();
    for (part, rows) in (0..).zip(rows_here.chunks(2)) {
        // A second time it is passed over.
        for _ in 0..2 {
            other.load(Load::Rows { backup: 1, part, rows: rows.to_vec() }).await?;
        }
    }
    same("the restore that did not end", &other.unfinished_load().await?, &Some(1))?;
    other.load(Load::End { backup: 1 }).await?;
    same("the restore that ended", &other.unfinished_load().await?, &None)?;
    let (_, after) = rows(other.snapshot().await?).await?;
    same("what does not differ", &crate::backup::compare(&before, &after), &None)?;
    same("chunks", &after.chunks, &2)?;
    check_goes_on(&*other, &begin, &ids, marked, &first).await
}

/// Replays, versions and what is there already.
async fn check_goes_on(
    other: &dyn Engine,
    begin: &LoadBegin,
    ids: &HashMap<CollectionId, CollectionId>,
    mut marked: Commit,
    first: &Outcome,
) -> Checked {
    marked.collection = ids.get(&marked.collection).copied().unwrap_or(marked.collection);
    let Outcome::Done { version, .. } = first else {
        return Err(Problem::Wrong(format!("the first commit was answered with {first:?}")));
    };
    let again = other.commit(vec![marked.clone()]).await?;
    same("the token of the backup", &again, &vec![Outcome::Done { version: *version, replayed: true }])?;
    let fresh = other.commit(vec![Commit { token: None, ..marked }]).await?;
    let later = matches!(&fresh[..], [Outcome::Done { version, .. }] if *version > begin.version);
    holds(format!("a version after the restore: {fresh:?}"), later)?;
    let refused = other.load(Load::Begin(LoadBegin { backup: 2, ..begin.clone() })).await?;
    holds(format!("over data: {refused:?}"), matches!(refused, Loaded::Taken { unfinished: None, .. }))?;
    other.load(Load::Begin(LoadBegin { backup: 2, replace: true, ..begin.clone() })).await?;
    other.load(Load::End { backup: 2 }).await?;
    let (nothing, _) = rows(other.snapshot().await?).await?;
    same("what is replaced by nothing", &nothing.len(), &0)
}
