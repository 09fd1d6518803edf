//! Collections: made known once, by a number that never means another.

use crate::commit::Commit;
use crate::conformance::check::checks;
use crate::conformance::make::{change, item_key, put, text};
use crate::conformance::problem::{Checked, holds, same, short};
use crate::conformance::site::{Site, collection_name, version_of};
use crate::engine::{Collection, Cursor, EngineError};
use crate::name::{CollectionId, MAX_NAME};
use std::collections::BTreeSet;
use std::time::Duration;

checks! { "declare";
    the_same_name_is_the_same_collection,
    many_at_once_agree,
    all_are_listed_as_they_are_now,
    collections_do_not_see_each_other,
    nothing_is_written_to_one_that_was_never_declared,
}

async fn the_same_name_is_the_same_collection(site: &mut Site) -> Checked {
    let (hour, none) = (Duration::from_secs(3600), Duration::ZERO);
    let first = site.declare("first", none).await?;
    let second = site.declare("second", hour).await?;
    holds("two names are two numbers", first != second && first != site.collection)?;
    same("declared again", &site.declare("first", none).await?, &first)?;
    same("declared again with another retention", &site.declare("first", hour).await?, &first)?;
    let longest = site.declare(&"n".repeat(MAX_NAME), none).await?;
    let longer_by_one = site.declare(&"n".repeat(MAX_NAME - 1), none).await?;
    holds("the longest name and one shorter are two", longest != longer_by_one)
}

async fn many_at_once_agree(site: &mut Site) -> Checked {
    let mut asked = Vec::new();
    for turn in 0..24 {
        let (engine, name) = (site.engine.clone(), collection_name(&format!("c{}", turn % 6))?);
        asked.push(tokio::spawn(async move {
            let id =
                engine.declare(Collection { name: name.clone(), retention: Duration::ZERO, layout: 0 }).await;
            id.map(|id| (name, id))
        }));
    }
    let mut pairs = BTreeSet::new();
    for answer in asked {
        pairs.insert(answer.await.map_err(|error| super::wrong(&error))??);
    }
    same("names and numbers of six collections declared by 24", &pairs.len(), &6)?;
    let ids: BTreeSet<CollectionId> = pairs.iter().map(|(_, id)| *id).collect();
    same("different numbers among them", &ids.len(), &6)
}

async fn all_are_listed_as_they_are_now(site: &mut Site) -> Checked {
    let listed = async |site: &Site| -> Checked<_> {
        let mut all = site.engine.collections().await?;
        all.retain(|(id, _)| *id != site.collection);
        all.sort_by_key(|(id, _)| *id);
        Ok(all)
    };
    same("before any", &listed(site).await?.len(), &0)?;
    let mut expected = Vec::new();
    for (name, seconds) in [("a", 0), ("b", 60), ("a", 7)] {
        let retention = Duration::from_secs(seconds);
        let id = site.declare(name, retention).await?;
        expected.retain(|(known, _)| *known != id);
        expected.push((id, Collection { name: collection_name(name)?, retention, layout: 0 }));
        expected.sort_by_key(|(id, _)| *id);
        same(format!("after {name} for {seconds} s"), &listed(site).await?, &expected)?;
    }
    Ok(())
}

async fn collections_do_not_see_each_other(site: &mut Site) -> Checked {
    let other = site.declare("other", site.units(100)).await?;
    let commit = |collection, value: &str, token| Commit {
        collection,
        token: Some(token),
        fence: None,
        typed: None,
        changes: vec![change("r", vec![put("k", value)])],
    };
    let tokens = [site.token().await?, site.token().await?];
    let batch = vec![commit(site.collection, "mine", tokens[0]), commit(other, "other's", tokens[1])];
    for outcome in site.engine.commit(batch).await? {
        version_of(&outcome)?;
    }
    let keys = vec![item_key(other, "r", "k"), item_key(site.collection, "r", "k")];
    let found = site.engine.read(keys).await?;
    let texts: Vec<_> = found.iter().map(|item| item.as_ref().map(text)).collect();
    same("the same key in two collections", &texts, &[Some("other's".to_owned()), Some("mine".to_owned())])?;
    same("items in one", &site.scan_record("r").await?.items.len(), &1)
}

async fn nothing_is_written_to_one_that_was_never_declared(site: &mut Site) -> Checked {
    let unknown = CollectionId(site.collection.0 + 1000);
    let refused = |what: &str, error: Option<EngineError>| match error {
        Some(EngineError::NoCollection(id)) => same(what, &id, &unknown),
        other => holds(
            format!("{what}: expected that there is no such collection, found {}", short(&other)),
            false,
        ),
    };
    let commit = |collection, token| Commit {
        collection,
        token: Some(token),
        fence: None,
        typed: None,
        changes: vec![change("r", vec![put("k", "x")])],
    };
    // The batch as a whole is wrong: nothing of it happens.
    let good = commit(site.collection, site.token().await?);
    let batch = vec![good.clone(), commit(unknown, site.token().await?)];
    refused("commit", site.engine.commit(batch).await.err())?;
    same("the good commit of the refused batch", &site.read("r", "k").await?, &None)?;
    version_of(&site.one(good).await?)?;
    refused("end_of_changes", site.engine.end_of_changes(unknown).await.err())?;
    refused("changes", site.engine.changes(unknown, Cursor::default(), 1).await.err())?;
    // Reading there may be answered with the error or with nothing, whatever is cheaper.
    match site.engine.read(vec![item_key(unknown, "r", "k")]).await {
        Ok(found) => same("read", &found, &[None]),
        Err(error) => refused("read", Some(error)),
    }
}
