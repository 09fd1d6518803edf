//! What was answered is there after the engine was closed, or killed, and opened again.

use super::bench::Injury;
use super::check::checks;
use super::make::{add, bytes, change, number, put, put_for, remove, text, write};
use super::problem::{Checked, Problem, holds, same, short};
use super::site::{Site, version_of};
use crate::commit::{Action, Commit, Outcome};
use crate::engine::{Engine, EngineError, Stamp};
use crate::item::{Value, Version};
use crate::name::CollectionId;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

checks! { "durability";
    records_are_there_after_reopening => Durable,
    collections_and_the_stamp_are_there_after_reopening => Durable,
    tokens_are_known_after_reopening => Durable,
    the_feed_goes_on_after_reopening => Durable,
    what_was_acknowledged_survives_a_kill => Durable,
}

async fn records_are_there_after_reopening(site: &mut Site) -> Checked {
    site.done(vec![change("r", vec![put("", "0"), put("a", "1"), put_for("b", "2", site.units(50))])])
        .await?;
    site.done(vec![change("r", vec![put("gone", "3"), put("a", "4")])]).await?;
    site.done(vec![change("r", vec![remove("gone")])]).await?;
    site.engine.stage(5, 0, bytes("chunk")).await?;
    let long = write("long", Action::Put(Value::Chunked { blob: 5, size: 5 }));
    let last = site.done(vec![change("s", vec![long, add("n", 7)])]).await?;
    let before = [site.scan_record("r").await?, site.scan_record("s").await?];
    for round in 0..3 {
        site.reopen().await?;
        let after = [site.scan_record("r").await?, site.scan_record("s").await?];
        same(format!("records after reopening {round}"), &after, &before)?;
        same("a chunk", &site.engine.chunk(5, 0).await?, &Some(bytes("chunk")))?;
        let version = site.engine.last_version().await?;
        holds(format!("the last version {version:?} is before {last:?}"), version >= last)?;
    }
    let next = site.done(vec![change("r", vec![put("gone", "again")])]).await?;
    holds(format!("versions grow over a reopening: {last:?}, {next:?}"), next > last)?;
    same("what was written since", &site.text("r", "gone").await?, &Some("again".to_owned()))
}

async fn collections_and_the_stamp_are_there_after_reopening(site: &mut Site) -> Checked {
    let stamp = Stamp { owner: "first".into(), id: u128::MAX };
    site.engine.claim(stamp.clone()).await?;
    let first = site.declare("first", Duration::from_millis(1500)).await?;
    let sorted = async |site: &Site| -> Checked<_> {
        let mut all = site.engine.collections().await?;
        all.sort_by_key(|(id, _)| *id);
        Ok(all)
    };
    let before = sorted(site).await?;
    site.reopen().await?;
    let other = Stamp { owner: "second".into(), id: 2 };
    same("the stamp", &site.engine.claim(other).await?, &stamp)?;
    same("collections", &sorted(site).await?, &before)?;
    let second = site.declare("second", Duration::ZERO).await?;
    holds("a number was given twice", second != first && second != site.collection)?;
    same("declared again", &site.declare("first", Duration::from_millis(1500)).await?, &first)
}

async fn tokens_are_known_after_reopening(site: &mut Site) -> Checked {
    let asked = |site: &Site, token, writes| {
        let changes = vec![change("r", writes)];
        Commit::of(site.collection, Some(token), changes)
    };
    let once = asked(site, site.token().await?, vec![add("n", 1)]);
    let nothing = asked(site, site.token().await?, vec![remove("x")]);
    let version = version_of(&site.one(once.clone()).await?)?;
    version_of(&site.one(nothing.clone()).await?)?;
    site.reopen().await?;
    let outcomes = site.engine.commit(vec![once.clone(), nothing, once]).await?;
    let replayed = |version| Outcome::Done { version, replayed: true };
    same("sent again", &outcomes, &[replayed(version), replayed(Version(0)), replayed(version)])?;
    same("the sum", &site.read("r", "n").await?.as_ref().and_then(number), &Some(1))
}

async fn the_feed_goes_on_after_reopening(site: &mut Site) -> Checked {
    site.needs(super::Guarantee::ChangeFeed)?;
    let from = site.end_of_changes().await?;
    site.done(vec![change("r", vec![put("a", "1")])]).await?;
    let (_, middle) = site.follow(from, 1, 10).await?;
    site.done(vec![change("r", vec![put("a", "2")])]).await?;
    site.reopen().await?;
    site.done(vec![change("r", vec![put("a", "3")])]).await?;
    for (what, from, expected) in [("all", from, vec!["1", "2", "3"]), ("the rest", middle, vec!["2", "3"])] {
        let (changes, _) = site.follow(from, expected.len(), 2).await?;
        let values: Vec<_> = changes.iter().filter_map(|change| change.now.as_ref().map(text)).collect();
        same(what, &values, &expected)?;
    }
    Ok(())
}

/// Clients that write while the engine is killed.
const WRITERS: u64 = 16;
/// How often it is killed in one check. Runs of thousands are the engine's own tests.
const KILLS: u64 = 5;
/// Acknowledged writes, of all clients together, after which it is killed.
const WRITES_BEFORE_KILL: u64 = 400;
/// Tokens of one client between two kills: more than it can use before the kill has come to it.
const TOKENS: u64 = WRITES_BEFORE_KILL * 20;
/// How often it is looked whether so many writes were acknowledged.
const LOOK: Duration = Duration::from_millis(1);
/// Longest wait for an answer that may never come, because who owed it was killed.
const ANSWER_DEADLINE: Duration = Duration::from_secs(15);

/// What one client knows when its engine was killed.
struct Known {
    /// The last write that was acknowledged, by its number.
    acknowledged: u64,
    /// The one after it, of which nobody knows.
    unknown: Commit,
    /// Whether its answer said that it surely did not happen.
    nothing: bool,
}

async fn what_was_acknowledged_survives_a_kill(site: &mut Site) -> Checked {
    let mut starts = vec![0; WRITERS as usize];
    for kill in 0..KILLS {
        let acknowledged = Arc::new(AtomicU64::new(0));
        let mut writers = Vec::new();
        for (writer, start) in starts.iter().enumerate() {
            let tokens: Vec<_> = (0..TOKENS).map(|_| site.token_of(crate::item::UnixMs(0))).collect();
            let run = write_until_it_fails(
                site.engine.clone(),
                site.collection,
                writer,
                *start,
                tokens,
                acknowledged.clone(),
            );
            writers.push(tokio::spawn(run));
        }
        while acknowledged.load(Ordering::Relaxed) < WRITES_BEFORE_KILL
            && !writers.iter().all(|writer| writer.is_finished())
        {
            tokio::time::sleep(LOOK).await;
        }
        let Some(injured) = site.place.injure(Injury::Kill) else {
            writers.iter().for_each(|writer| writer.abort());
            return Err(Problem::NotTried("the bench cannot kill the engine".into()));
        };
        injured.await?;
        let mut known = Vec::new();
        for writer in writers {
            known.push(writer.await.map_err(|error| Problem::Wrong(error.to_string()))??);
        }
        site.reopen().await?;
        for (writer, known) in known.iter().enumerate() {
            starts[writer] = after_the_kill(site, kill, writer, known).await?;
        }
    }
    Ok(())
}

/// Writes number after number, each into two items of its record, until there is no answer.
async fn write_until_it_fails(
    engine: Arc<dyn Engine>,
    collection: CollectionId,
    writer: usize,
    start: u64,
    tokens: Vec<crate::commit::Token>,
    acknowledged: Arc<AtomicU64>,
) -> Checked<Known> {
    let mut last = start;
    for token in tokens {
        let value = (last + 1).to_be_bytes();
        let changes = vec![change(format!("w{writer}"), vec![put("a", value), put("b", value)])];
        let commit = Commit::of(collection, Some(token), changes);
        let answer = tokio::time::timeout(ANSWER_DEADLINE, engine.commit(vec![commit.clone()])).await;
        match answer {
            Ok(Ok(outcomes)) => {
                outcomes.iter().try_for_each(|outcome| version_of(outcome).map(drop))?;
                acknowledged.fetch_add(1, Ordering::Relaxed);
                last += 1;
            }
            Ok(Err(EngineError::Unknown(_))) | Err(_) => {
                return Ok(Known { acknowledged: last, unknown: commit, nothing: false });
            }
            Ok(Err(_)) => return Ok(Known { acknowledged: last, unknown: commit, nothing: true }),
        }
    }
    Err(Problem::Wrong("the engine went on after it was killed".into()))
}

/// What must be so of one writer's record; and the number it goes on from.
async fn after_the_kill(site: &Site, kill: u64, writer: usize, known: &Known) -> Checked<u64> {
    let (record, what) = (format!("w{writer}"), format!("kill {kill}, writer {writer}"));
    let read = async |key: &str| -> Checked<u64> {
        let item = site.read(&record, key).await?;
        Ok(item.as_ref().and_then(number).map_or(0, i64::cast_unsigned))
    };
    let (a, b) = (read("a").await?, read("b").await?);
    same(format!("{what}: the two items of one write"), &a, &b)?;
    let happened = a == known.acknowledged + 1;
    let lost = format!("{what}: {} was acknowledged, {a} is there", known.acknowledged);
    holds(lost, a == known.acknowledged || happened)?;
    holds(format!("{what}: happened, though the answer was that it did not"), !(happened && known.nothing))?;
    // Sent again with its token, it has happened once.
    match site.one(known.unknown.clone()).await? {
        Outcome::Done { replayed, .. } => same(format!("{what}: known by its token"), &replayed, &happened)?,
        other => holds(format!("{what}: sent again: {}", short(&other)), false)?,
    }
    let now = read("a").await?;
    same(format!("{what}: after it was sent again"), &now, &(known.acknowledged + 1))?;
    Ok(now)
}
