//! The change feed: every change, in order within each record, from any point that is still kept.

use crate::commit::{Commit, Write};
use crate::conformance::check::checks;
use crate::conformance::guarantee::Guarantee;
use crate::conformance::make::{add, change, number, put, remove, text};
use crate::conformance::problem::{Checked, Problem, holds, same, short};
use crate::conformance::site::Site;
use crate::decide::Change;
use crate::engine::{Cursor, EngineError};
use crate::item::Version;
use crate::name::CollectionId;
use std::time::Duration;

checks! { "feed";
    every_change_is_told_in_the_order_of_its_record => ChangeFeed,
    what_did_not_happen_is_not_told => ChangeFeed,
    it_goes_on_from_each_of_its_points => ChangeFeed,
    a_collection_tells_its_own_changes_alone => ChangeFeed,
    the_end_is_where_new_changes_begin => ChangeFeed,
    what_is_past_its_retention_is_forgotten_and_said_to_be => ChangeFeed,
    without_retention_nothing_is_told => ChangeFeed,
    retention_is_what_was_declared_last => ChangeFeed,
}

/// A change as rows of tables say it: record, key, value, version.
type Told = (String, String, Option<String>, Version);

fn told(change: &Change) -> Told {
    let name = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let value =
        change.now.as_ref().map(|item| number(item).map_or_else(|| text(item), |number| number.to_string()));
    (name(&change.item.record.id), name(&change.item.key), value, change.version)
}

fn of_record(changes: &[Change], record: &str) -> Vec<Told> {
    changes.iter().map(told).filter(|(of, ..)| of == record).collect()
}

/// A key, and its value then.
type Changed<'a> = (&'a str, Option<&'a str>);

/// Writes a little of everything to two records in one batch and others after it; what must be told of each, in order.
async fn write(site: &Site) -> Checked<[Vec<Told>; 2]> {
    let rows: [(&str, Vec<Write>, Vec<Changed>); 7] = [
        ("r", vec![put("a", "1"), put("b", "1")], vec![("a", Some("1")), ("b", Some("1"))]),
        ("s", vec![put("", "0")], vec![("", Some("0"))]),
        ("r", vec![put("a", "2")], vec![("a", Some("2"))]),
        ("r", vec![remove("a"), remove("never"), put("c", "3")], vec![("a", None), ("c", Some("3"))]),
        ("s", vec![add("n", 7)], vec![("n", Some("7"))]),
        ("s", vec![add("n", -9), remove("")], vec![("n", Some("-2")), ("", None)]),
        ("r", vec![put("a", "4")], vec![("a", Some("4"))]),
    ];
    let mut expected = [Vec::new(), Vec::new()];
    let mut expect = |record: &str, changed: &[Changed], version| {
        let told = changed
            .iter()
            .map(|(key, value)| (record.to_owned(), (*key).to_owned(), value.map(str::to_owned), version));
        expected[usize::from(record == "s")].extend(told);
    };
    let mut batch = Vec::new();
    for (record, writes, _) in &rows[..5] {
        let (token, changes) = (Some(site.token().await?), vec![change(record, writes.clone())]);
        batch.push(Commit::of(site.collection, token, changes));
    }
    let outcomes = site.engine.commit(batch).await?;
    same("outcomes", &outcomes.len(), &5)?;
    for ((record, _, changed), outcome) in rows.iter().zip(&outcomes) {
        expect(record, changed, crate::conformance::site::version_of(outcome)?);
    }
    for (record, writes, changed) in &rows[5..] {
        let version = site.done(vec![change(record, writes.clone())]).await?;
        expect(record, changed, version);
    }
    Ok(expected)
}

/// The changes [`write`] makes.
const WRITTEN: usize = 10;

/// Changes of one commit have one version, and come in any order.
fn in_order(mut told: Vec<Told>) -> Vec<Told> {
    let versions: Vec<Version> = told.iter().map(|(.., version)| *version).collect();
    if versions.is_sorted() {
        told.sort_by(|a, b| (a.3, &a.1).cmp(&(b.3, &b.1)));
    }
    told
}

fn compare(what: &str, changes: &[Change], expected: &[Vec<Told>; 2]) -> Checked {
    for (record, expected) in ["r", "s"].into_iter().zip(expected) {
        let found = in_order(of_record(changes, record));
        same(format!("{what}: the changes of {record}"), &found, &in_order(expected.clone()))?;
    }
    Ok(())
}

async fn every_change_is_told_in_the_order_of_its_record(site: &mut Site) -> Checked {
    site.needs(Guarantee::ChangeFeed)?;
    let from = site.end_of_changes().await?;
    let expected = write(site).await?;
    let (changes, end) = site.follow(from, WRITTEN, 1000).await?;
    compare("in one page", &changes, &expected)?;
    for change in changes.iter().filter(|change| change.now.is_some()) {
        let item = change.now.as_ref().map(|item| item.version);
        same("the version of the item in a change", &item, &Some(change.version))?;
    }
    let last = of_record(&changes, "r").last().map(|(_, key, ..)| key.clone()).unwrap_or_default();
    let there = site.read("r", &last).await?;
    let told = changes
        .iter()
        .rev()
        .find(|change| change.item.record.id == "r")
        .and_then(|change| change.now.clone());
    same("the last change of a record and its item", &told, &there)?;
    same("after the end", &site.follow(end, 0, 10).await?.0, &Vec::new())?;
    // The beginning of the log is a cursor that anybody knows.
    compare("from the beginning", &site.follow(Cursor::default(), WRITTEN, 1000).await?.0, &expected)
}

async fn what_did_not_happen_is_not_told(site: &mut Site) -> Checked {
    site.needs(Guarantee::ChangeFeed)?;
    let from = site.end_of_changes().await?;
    site.done(vec![change("r", vec![remove("a")])]).await?;
    site.done(vec![change("r", vec![])]).await?;
    site.done(vec![change("r", vec![put("n", "x")])]).await?;
    site.refused(vec![change("r", vec![put("b", "1"), add("n", 1)])]).await?;
    let again = |token, value| {
        let changes = vec![change("r", vec![put("t", value)])];
        Commit::of(site.collection, Some(token), changes)
    };
    let token = site.token().await?;
    site.engine.commit(vec![again(token, "1"), again(token, "2")]).await?;
    site.one(again(token, "3")).await?;
    let (changes, _) = site.follow(from, 2, 10).await?;
    let told: Vec<_> = changes.iter().map(|change| change.item.key.clone()).collect();
    same("keys of what happened", &told, &["n", "t"])
}

async fn it_goes_on_from_each_of_its_points(site: &mut Site) -> Checked {
    site.needs(Guarantee::ChangeFeed)?;
    let from = site.end_of_changes().await?;
    let expected = write(site).await?;
    // With every size of page, each change once.
    for page in 1..=WRITTEN + 1 {
        let (changes, _) = site.follow(from, WRITTEN, page).await?;
        same(format!("changes in pages of {page}"), &changes.len(), &WRITTEN)?;
        compare(&format!("in pages of {page}"), &changes, &expected)?;
    }
    // From each point that a page ended with: what came before it and what follows are all of it, again and again.
    let (mut at, mut before) = (from, Vec::new());
    loop {
        let (after, _) = site.follow(at, WRITTEN - before.len(), 3).await?;
        let joined: Vec<Change> = before.iter().chain(&after).cloned().collect();
        compare(&format!("resumed after {} changes", before.len()), &joined, &expected)?;
        let next = site.engine.changes(site.collection, at, 1).await?;
        if next.changes.is_empty() {
            return same("changes one by one", &before.len(), &WRITTEN);
        }
        holds(format!("a point after {at:?} is {:?}", next.next), next.next > at)?;
        before.extend(next.changes);
        at = next.next;
    }
}

async fn a_collection_tells_its_own_changes_alone(site: &mut Site) -> Checked {
    site.needs(Guarantee::ChangeFeed)?;
    let other = site.declare("other", site.units(100)).await?;
    let ends = [site.end_of_changes().await?, site.engine.end_of_changes(other).await?];
    for (collection, value) in [(other, "1"), (site.collection, "2"), (other, "3"), (site.collection, "4")] {
        put_into(site, collection, value).await?;
    }
    let mine = site.collection;
    for (collection, from, expected) in [(mine, ends[0], ["2", "4"]), (other, ends[1], ["1", "3"])] {
        site.collection = collection;
        for page in [1, 10] {
            let (changes, _) = site.follow(from, 2, page).await?;
            let values: Vec<_> = changes.iter().filter_map(|change| change.now.as_ref().map(text)).collect();
            same(format!("{collection:?} in pages of {page}"), &values, &expected)?;
        }
    }
    Ok(())
}

async fn put_into(site: &Site, collection: CollectionId, value: &str) -> Checked<Version> {
    let (token, changes) = (Some(site.token().await?), vec![change("r", vec![put("", value)])]);
    let outcome = site.one(Commit::of(collection, token, changes)).await?;
    crate::conformance::site::version_of(&outcome)
}

async fn the_end_is_where_new_changes_begin(site: &mut Site) -> Checked {
    site.needs(Guarantee::ChangeFeed)?;
    for round in 0..20 {
        let from = site.end_of_changes().await?;
        let version = site.done(vec![change("r", vec![put("", format!("{round}"))])]).await?;
        let (changes, next) = site.follow(from, 1, 10).await?;
        let versions: Vec<_> = changes.iter().map(|change| change.version).collect();
        same(format!("round {round}: what came after the end"), &versions, &[version])?;
        let end = site.end_of_changes().await?;
        same(
            format!("round {round}: after the end that is"),
            &site.follow(end, 0, 10).await?.0,
            &Vec::new(),
        )?;
        holds(format!("the end {end:?} is before {from:?}"), end >= from && next >= from)?;
    }
    Ok(())
}

async fn too_old(site: &Site, what: &str, from: Cursor) -> Checked<Cursor> {
    match site.engine.changes(site.collection, from, 10).await {
        Err(EngineError::TooOld { asked, oldest }) => {
            same(format!("{what}: the point that was asked for"), &asked, &from.0)?;
            Ok(Cursor(oldest))
        }
        other => Err(Problem::Wrong(format!("{what}: expected that it is too old, found {}", short(&other)))),
    }
}

async fn what_is_past_its_retention_is_forgotten_and_said_to_be(site: &mut Site) -> Checked {
    site.needs(Guarantee::ChangeFeed)?;
    site.declare("main", site.units(2)).await?;
    let first = site.end_of_changes().await?;
    site.done(vec![change("r", vec![put("a", "1")])]).await?;
    site.done(vec![change("r", vec![put("a", "2")])]).await?;
    let (_, second) = site.follow(first, 2, 10).await?;
    // Nothing is forgotten before its time.
    let made = site.read("r", "a").await?.map(|item| item.updated.after(site.units(2)));
    let forgotten = site.engine.upkeep(site.units(1000), 1000).await?.changes;
    site.still_before(made).await?;
    same("changes forgotten before their time", &forgotten, &0)?;
    site.pass(2).await?;
    site.done(vec![change("r", vec![put("a", "3")])]).await?;
    // The bound is kept also here; the younger change stays.
    let done = site.engine.upkeep(site.units(1000), 1).await?;
    same("forgotten within the bound, and more", &(done.changes, done.more), &(1, true))?;
    too_old(site, "with one forgotten", first).await?;
    same("forgotten then", &site.engine.upkeep(site.units(1000), 1000).await?.changes, &1)?;
    let oldest = too_old(site, "with two forgotten", first).await?;
    for (what, from) in [("the oldest that would do", oldest), ("a point after what was forgotten", second)] {
        let (changes, _) = site.follow(from, 1, 10).await?;
        let values: Vec<_> = changes.iter().filter_map(|change| change.now.as_ref().map(text)).collect();
        same(what, &values, &["3"])?;
    }
    // With all of it forgotten, the end is still a point to go on from.
    site.pass(2).await?;
    let end = site.end_of_changes().await?;
    same("forgotten at last", &site.engine.upkeep(site.units(1000), 1000).await?.changes, &1)?;
    too_old(site, "with all forgotten", first).await?;
    same("from the end", &site.follow(end, 0, 10).await?.0, &Vec::new())?;
    site.done(vec![change("r", vec![put("a", "4")])]).await?;
    let (changes, _) = site.follow(end, 1, 10).await?;
    same("what came since", &changes.len(), &1)
}

async fn without_retention_nothing_is_told(site: &mut Site) -> Checked {
    site.needs(Guarantee::ChangeFeed)?;
    site.collection = site.declare("unwatched", Duration::ZERO).await?;
    let from = site.end_of_changes().await?;
    site.done(vec![change("r", vec![put("a", "1")])]).await?;
    let forgotten = site.engine.upkeep(site.units(1000), 1000).await?.changes;
    same("changes forgotten, where none is kept", &forgotten, &0)?;
    same("changes told", &site.follow(from, 0, 10).await?.0, &Vec::new())?;
    same("what is there", &site.text("r", "a").await?, &Some("1".to_owned()))
}

async fn retention_is_what_was_declared_last(site: &mut Site) -> Checked {
    site.needs(Guarantee::ChangeFeed)?;
    site.collection = site.declare("late", Duration::ZERO).await?;
    site.done(vec![change("r", vec![put("a", "1")])]).await?;
    same("the same collection", &site.declare("late", site.units(100)).await?, &site.collection)?;
    let from = site.end_of_changes().await?;
    site.done(vec![change("r", vec![put("a", "2")])]).await?;
    let (changes, _) = site.follow(from, 1, 10).await?;
    let values: Vec<_> = changes.iter().filter_map(|change| change.now.as_ref().map(text)).collect();
    same("changes since it is watched", &values, &["2"])?;
    // Kept shorter from now on, what is older goes with the next upkeep.
    site.pass(1).await?;
    site.declare("late", site.units(1)).await?;
    same("forgotten", &site.engine.upkeep(site.units(1000), 1000).await?.changes, &1)?;
    too_old(site, "with retention shortened", from).await?;
    Ok(())
}
