//! What becomes of entries, case by case.

use super::message::Thing;
use super::{BY_COLOUR, BY_TAG, Things, change, junk, message, place};
use crate::commit::{Action, Commit, Outcome, Refusal, Write};
use crate::conformance::check::checks;
use crate::conformance::guarantee::Guarantee;
use crate::conformance::problem::{Checked, Problem, same, short};
use crate::conformance::site::{Site, version_of};
use crate::engine::{Bound, Collection, Scan};
use crate::item::Value;
use crate::typed::{Address, Typed};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tenet_collection::{KeyBuilder, prefix_end};

checks! { "index";
    entries_follow_their_items,
    a_range_of_values_is_read_both_ways,
    what_ends_ends_in_its_indexes_too,
    a_unique_index_has_each_value_once,
    values_are_given_up_and_taken_in_one_step,
    of_many_at_once_one_gets_a_value,
    a_replay_changes_no_entry,
    what_is_no_message_has_no_entry,
    items_of_before_are_entered,
    a_value_that_another_took_meanwhile_stays_its,
    a_commit_of_another_layout_is_refused,
}

async fn things(site: &Site) -> Checked<Things> {
    site.needs(Guarantee::AtomicAcrossRecords)?;
    site.needs(Guarantee::OrderedRecords)?;
    Things::declare(site, "things").await
}

fn taken(outcome: &Outcome) -> Checked<(String, Address)> {
    match outcome {
        Outcome::Refused(Refusal::NotUnique(taken)) => Ok((taken.index.clone(), taken.holder.clone())),
        other => Err(Problem::Wrong(format!("expected that the value is taken, found {}", short(other)))),
    }
}

fn address(id: &str, part: &str) -> Address {
    Address { record: message::key(id), item: message::key(part) }
}

async fn entries_follow_their_items(site: &mut Site) -> Checked {
    let things = things(site).await?;
    let thing = Thing::new;
    version_of(&things.put(site, &[thing("a", "1", "red", 1), thing("b", "1", "blue", 2)]).await?)?;
    version_of(&things.put(site, &[thing("a", "2", "red", 3)]).await?)?;
    same("by colour", &things.names(site, BY_COLOUR).await?, &["b/1", "a/1", "a/2"])?;
    same("by tag", &things.names(site, BY_TAG).await?, &["a/1", "b/1", "a/2"])?;
    version_of(&things.put(site, &[thing("a", "1", "blue", 9)]).await?)?;
    same("by colour, changed", &things.names(site, BY_COLOUR).await?, &["a/1", "b/1", "a/2"])?;
    same("by tag, changed", &things.names(site, BY_TAG).await?, &["b/1", "a/2", "a/1"])?;
    version_of(&things.remove(site, "b", "1").await?)?;
    same("by colour, removed", &things.names(site, BY_COLOUR).await?, &["a/1", "a/2"])?;
    same("by tag, removed", &things.names(site, BY_TAG).await?, &["a/2", "a/1"])?;
    same("rows of the indexes", &things.entries(site, BY_COLOUR).await?.len(), &2)?;
    same("rows of the unique index", &things.entries(site, BY_TAG).await?.len(), &2)?;
    // What one page has is what there is by key.
    for (key, item) in things.found(site, BY_TAG, true).await? {
        let read = site.engine.read(vec![key]).await?.into_iter().next().flatten();
        same("the item of an entry", &Some(item), &read)?;
    }
    Ok(())
}

async fn a_range_of_values_is_read_both_ways(site: &mut Site) -> Checked {
    let things = things(site).await?;
    let all: Vec<Thing> = (0..12)
        .map(|n| Thing::new(&format!("{n:02}"), "", ["blue", "green", "red"][n % 3], n as i64 - 6))
        .collect();
    version_of(&things.put(site, &all).await?)?;
    let tag = |n: i64| Bytes::from(KeyBuilder::new().signed(n).finish());
    let colour = |text: &str| KeyBuilder::new().text_beginning(text).finish();
    let bound = |record: Bytes| Some(Bound { record, key: Bytes::new() });
    let (green, end) = (colour("gr"), prefix_end(&colour("gr")));
    for (index, from, to, expected) in [
        (BY_TAG, bound(tag(-2)), bound(tag(2)), vec!["04", "05", "06", "07"]),
        (BY_TAG, None, bound(tag(-5)), vec!["00"]),
        (BY_COLOUR, bound(green.into()), bound(end.into()), vec!["01", "04", "07", "10"]),
        (BY_TAG, bound(tag(3)), bound(tag(3)), vec![]),
    ] {
        for (reverse, items) in [(false, 1), (true, 1), (false, 3), (true, 3), (false, 100), (true, 100)] {
            let mut expected = expected.clone();
            if reverse {
                expected.reverse();
            }
            let scan = Scan {
                of: things.by(index),
                from: from.clone(),
                to: to.clone(),
                reverse,
                items,
                bytes: 1 << 20,
            };
            let page = site.engine.scan(scan).await?;
            let ids: Vec<_> = page.items.iter().filter_map(|(_, item)| Some(Thing::of(item)?.id)).collect();
            let first: Vec<_> = expected.iter().take(items).map(|id| (*id).to_owned()).collect();
            let what = format!("index {index} from {from:?} to {to:?}, {items} items, reverse: {reverse}");
            same(&what, &ids, &first)?;
            same(format!("{what}: more"), &page.more, &(expected.len() > items))?;
        }
    }
    // A page ends where the items, and not the entries, have so many bytes.
    let scan = Scan { of: things.by(BY_TAG), from: None, to: None, reverse: false, items: 100, bytes: 1 };
    let page = site.engine.scan(scan).await?;
    same("items of a page of one byte", &(page.items.len(), page.more), &(1, true))
}

async fn what_ends_ends_in_its_indexes_too(site: &mut Site) -> Checked {
    let things = things(site).await?;
    let now = site.engine.clock().await?;
    let until = now.after(site.units(1));
    let ends = Thing::new("a", "", "red", 1).until(until);
    version_of(&things.put(site, &[ends.clone(), Thing::new("b", "", "red", 2)]).await?)?;
    let item = site.engine.read(vec![place(&things, "a", "")]).await?.into_iter().next().flatten();
    same("its end", &item.and_then(|item| item.expires), &Some(until))?;
    // Told to stay longer, it does; its entries, too.
    let later = Thing::new("c", "", "red", 3).until(until);
    version_of(&things.put(site, &[later]).await?)?;
    version_of(&things.put(site, &[Thing::new("c", "", "red", 3)]).await?)?;
    site.still_before(Some(until)).await?;
    same("before", &things.names(site, BY_COLOUR).await?, &["a/", "b/", "c/"])?;
    site.pass(1).await?;
    same("after", &things.names(site, BY_COLOUR).await?, &["b/", "c/"])?;
    same("after, by tag", &things.names(site, BY_TAG).await?, &["b/", "c/"])?;
    // What it had is free, whether or not it was swept.
    version_of(&things.put(site, &[Thing::new("d", "", "red", 1)]).await?)?;
    version_of(&things.put(site, &[Thing::new("a", "", "blue", 4)]).await?)?;
    same("taken over", &things.names(site, BY_TAG).await?, &["d/", "b/", "c/", "a/"])?;
    while site.engine.upkeep(Duration::from_secs(1 << 40), 100).await?.more {}
    same("swept", &things.names(site, BY_TAG).await?, &["d/", "b/", "c/", "a/"])?;
    same("swept, by colour", &things.names(site, BY_COLOUR).await?, &["a/", "b/", "c/", "d/"])?;
    if site.counts_sizes {
        same("rows that are left", &things.rows(site).await?, &8)?;
    }
    Ok(())
}

async fn a_unique_index_has_each_value_once(site: &mut Site) -> Checked {
    let things = things(site).await?;
    let thing = Thing::new;
    version_of(&things.put(site, &[thing("a", "1", "red", 1)]).await?)?;
    let found = taken(&things.put(site, &[thing("b", "1", "blue", 1)]).await?)?;
    same("the index and who has the value", &found, &("by-tag".to_owned(), address("a", "1")))?;
    let found = taken(&things.put(site, &[thing("a", "2", "blue", 1)]).await?)?;
    same("in the same record", &found.1, &address("a", "1"))?;
    taken(&things.put(site, &[thing("c", "1", "blue", 5), thing("d", "1", "blue", 5)]).await?)?;
    same("nothing of it happened", &things.names(site, BY_COLOUR).await?, &["a/1"])?;
    same("rows", &things.entries(site, BY_TAG).await?.len(), &1)?;
    version_of(&things.put(site, &[thing("a", "1", "green", 1)]).await?)?;
    version_of(&things.remove(site, "a", "1").await?)?;
    version_of(&things.put(site, &[thing("b", "1", "blue", 1)]).await?)?;
    same("once it is free", &things.names(site, BY_TAG).await?, &["b/1"])
}

async fn values_are_given_up_and_taken_in_one_step(site: &mut Site) -> Checked {
    let things = things(site).await?;
    let thing = Thing::new;
    version_of(&things.put(site, &[thing("a", "", "x", 1), thing("b", "", "x", 2)]).await?)?;
    version_of(&things.put(site, &[thing("a", "", "x", 2), thing("b", "", "x", 1)]).await?)?;
    same("exchanged in one commit", &things.names(site, BY_TAG).await?, &["b/", "a/"])?;
    let batch =
        [thing("b", "", "x", 7), thing("c", "", "x", 1), thing("b", "", "x", 1), thing("b", "", "x", 8)];
    let batch = batch.iter().map(|thing| things.commit(None, vec![thing.put()])).collect();
    let outcomes = site.engine.commit(batch).await?;
    same("outcomes", &outcomes.len(), &4)?;
    version_of(&outcomes[0])?;
    version_of(&outcomes[1])?;
    same("who has it in the batch", &taken(&outcomes[2])?.1, &address("c", ""))?;
    version_of(&outcomes[3])?;
    same("after the batch", &things.names(site, BY_TAG).await?, &["c/", "a/", "b/"])
}

async fn of_many_at_once_one_gets_a_value(site: &mut Site) -> Checked {
    let things = things(site).await?;
    for round in 0..8i64 {
        let mut tasks = Vec::new();
        for client in 0..site.options.clients {
            let (engine, things) = (site.engine.clone(), things.clone());
            let changes = vec![Thing::new(&format!("{round}-{client}"), "", "x", round).put()];
            tasks.push(tokio::spawn(async move { engine.commit(vec![things.commit(None, changes)]).await }));
        }
        let mut winners = 0;
        for task in tasks {
            let outcomes = task.await.map_err(|error| Problem::Wrong(error.to_string()))??;
            let outcome = outcomes.first().ok_or_else(|| Problem::Wrong("no outcome".into()))?;
            match outcome {
                Outcome::Done { .. } => winners += 1,
                refused => drop(taken(refused)?),
            }
        }
        same(format!("winners of round {round}"), &winners, &1)?;
    }
    same("by tag", &things.names(site, BY_TAG).await?.len(), &8)?;
    same("by colour", &things.names(site, BY_COLOUR).await?.len(), &8)
}

async fn a_replay_changes_no_entry(site: &mut Site) -> Checked {
    let things = things(site).await?;
    let first = things.commit(Some(site.token().await?), vec![Thing::new("a", "", "red", 1).put()]);
    let version = version_of(&site.one(first.clone()).await?)?;
    version_of(&things.put(site, &[Thing::new("a", "", "blue", 2)]).await?)?;
    version_of(&things.put(site, &[Thing::new("b", "", "red", 1)]).await?)?;
    same("again", &site.one(first).await?, &Outcome::Done { version, replayed: true })?;
    same("by colour", &things.names(site, BY_COLOUR).await?, &["a/", "b/"])?;
    same("by tag", &things.names(site, BY_TAG).await?, &["b/", "a/"])
}

async fn what_is_no_message_has_no_entry(site: &mut Site) -> Checked {
    let things = things(site).await?;
    let raw = |value: Value| {
        let write = Write { key: message::key(""), action: Action::Put(value), ttl: None };
        things.commit(None, vec![change("a", vec![write])])
    };
    version_of(&site.one(raw(junk())).await?)?;
    same("of what is none", &things.names(site, BY_COLOUR).await?.len(), &0)?;
    version_of(&things.put(site, &[Thing::new("a", "", "red", 1)]).await?)?;
    same("once it is one", &things.names(site, BY_COLOUR).await?, &["a/"])?;
    version_of(&site.one(raw(junk())).await?)?;
    same("and no longer", &things.names(site, BY_COLOUR).await?.len(), &0)?;
    same("rows", &things.entries(site, BY_TAG).await?.len(), &0)
}

/// A commit that enters an item as it was read.
fn enter(things: &Things, thing: &Thing) -> Commit {
    let write = Write { key: message::key(&thing.part), action: Action::Index(thing.value()), ttl: None };
    things.commit(None, vec![change(&thing.id, vec![write])])
}

/// The same collection as it was written to before it had indexes.
fn without_indexes(things: &Things) -> Things {
    let typed = Typed { indexes: Vec::new(), ..(*things.typed).clone() };
    Things { id: things.id, typed: Arc::new(typed) }
}

async fn items_of_before_are_entered(site: &mut Site) -> Checked {
    let things = things(site).await?;
    let before = without_indexes(&things);
    let (a, b) = (Thing::new("a", "", "red", 1), Thing::new("b", "", "red", 2));
    version_of(&before.put(site, &[a.clone(), b.clone()]).await?)?;
    same("before", &things.names(site, BY_COLOUR).await?.len(), &0)?;
    let from = if site.gives(Guarantee::ChangeFeed) {
        Some(site.engine.end_of_changes(things.id).await?)
    } else {
        None
    };
    let read = site.engine.read(vec![place(&things, "a", "")]).await?;
    for thing in [&a, &a, &b] {
        site.one(enter(&things, thing)).await?;
    }
    same("entered", &things.names(site, BY_COLOUR).await?, &["a/", "b/"])?;
    same("the item itself", &site.engine.read(vec![place(&things, "a", "")]).await?, &read)?;
    if let Some(from) = from {
        same("what is told of it", &site.engine.changes(things.id, from, 10).await?.changes.len(), &0)?;
    }
    // One that changed meanwhile was entered by who changed it.
    version_of(&things.put(site, &[Thing::new("a", "", "blue", 3)]).await?)?;
    site.one(enter(&things, &a)).await?;
    same("as it is by now", &things.names(site, BY_TAG).await?, &["b/", "a/"])?;
    version_of(&things.remove(site, "b", "").await?)?;
    site.one(enter(&things, &b)).await?;
    same("what is gone", &things.names(site, BY_TAG).await?, &["a/"])
}

async fn a_value_that_another_took_meanwhile_stays_its(site: &mut Site) -> Checked {
    let things = things(site).await?;
    let before = without_indexes(&things);
    let old = Thing::new("a", "", "red", 1);
    version_of(&before.put(site, std::slice::from_ref(&old)).await?)?;
    // As long as the old one is not entered, nobody knows that it has the value.
    version_of(&things.put(site, &[Thing::new("b", "", "red", 1)]).await?)?;
    same("who has it", &taken(&site.one(enter(&things, &old)).await?)?.1, &address("b", ""))?;
    version_of(&things.put(site, &[Thing::new("a", "", "red", 2)]).await?)?;
    same("what the other has", &things.names(site, BY_TAG).await?, &["b/", "a/"])?;
    // The same in one batch with the other.
    let batch = [Thing::new("a", "", "red", 3), Thing::new("c", "", "red", 2), Thing::new("a", "", "red", 4)];
    let batch = batch.iter().map(|thing| things.commit(None, vec![thing.put()])).collect();
    for outcome in site.engine.commit(batch).await? {
        version_of(&outcome)?;
    }
    same("in a batch", &things.names(site, BY_TAG).await?, &["b/", "c/", "a/"])
}

async fn a_commit_of_another_layout_is_refused(site: &mut Site) -> Checked {
    let things = things(site).await?;
    let with_layout = |layout| {
        let typed = Arc::new(Typed { layout, ..(*things.typed).clone() });
        Things { id: things.id, typed }
    };
    let thing = Thing::new("a", "", "red", 1);
    let refused = Outcome::Refused(Refusal::Outdated);
    same("another layout", &with_layout(7).put(site, std::slice::from_ref(&thing)).await?, &refused)?;
    let plain = Commit { typed: None, ..things.commit(None, vec![thing.put()]) };
    same("none", &site.one(plain.clone()).await?, &refused)?;
    let token = Some(site.token().await?);
    let first = things.commit(token, vec![thing.put()]);
    let version = version_of(&site.one(first.clone()).await?)?;
    let name = crate::conformance::site::collection_name("things")?;
    let collection = Collection { name, retention: site.units(100), layout: 7 };
    same("the same collection", &site.engine.declare(collection.clone()).await?, &things.id)?;
    same("the layout of before", &things.put(site, std::slice::from_ref(&thing)).await?, &refused)?;
    same("what was done before", &site.one(first).await?, &Outcome::Done { version, replayed: true })?;
    version_of(&with_layout(7).put(site, &[thing]).await?)?;
    let known = site.engine.collections().await?;
    let known = known.into_iter().find(|(id, _)| *id == things.id).map(|(_, known)| known);
    same("as it is known", &known, &Some(collection.clone()))?;
    site.engine.declare(Collection { layout: 0, ..collection }).await?;
    version_of(&site.one(plain).await?).map(drop)
}
