//! The change feed under many writers: who follows it all the time misses nothing.

use super::{all, engines};
use crate::commit::Commit;
use crate::conformance::check::checks;
use crate::conformance::guarantee::Guarantee;
use crate::conformance::make::{bytes, change, put};
use crate::conformance::problem::{Checked, Problem, holds, same};
use crate::conformance::site::{Site, version_of};
use crate::item::Version;
use bytes::Bytes;
use std::collections::BTreeMap;

checks! { "concurrent";
    who_follows_the_feed_sees_every_acknowledged_version_in_order => ChangeFeed,
}

/// Records the writers share.
const RECORDS: u32 = 3;
/// Sizes of pages that the followers read in.
const PAGES: [usize; 3] = [1, 5, 1000];

async fn who_follows_the_feed_sees_every_acknowledged_version_in_order(site: &mut Site) -> Checked {
    site.needs(Guarantee::ChangeFeed)?;
    let engines = engines(site).await?;
    let (clients, writes) = (site.options.clients, site.options.operations);
    let from = site.end_of_changes().await?;
    let count = (clients * writes) as usize;
    // They follow while it is written: a change that is committed late must not fall behind a place that was read already.
    let mut followers = Vec::new();
    for (place, page) in PAGES.into_iter().enumerate() {
        let mut own = site.another();
        own.engine = engines[place % engines.len()].clone();
        followers.push(tokio::spawn(async move { Ok(own.follow(from, count, page).await?.0) }));
    }
    let mut tasks = Vec::new();
    for client in 0..clients {
        let (engine, collection) = (engines[client as usize % engines.len()].clone(), site.collection);
        tasks.push(tokio::spawn(async move {
            let mut written = Vec::new();
            for place in 0..writes {
                let record = format!("{}", (client + place) % RECORDS);
                let changes = vec![change(&record, vec![put(format!("k{client}"), format!("{place}"))])];
                let commit = Commit::of(collection, None, changes);
                for outcome in engine.commit(vec![commit]).await? {
                    written.push((bytes(&record), version_of(&outcome)?));
                }
            }
            Ok(written)
        }));
    }
    let mut expected: BTreeMap<Bytes, Vec<Version>> = BTreeMap::new();
    for (record, version) in all(tasks).await?.concat() {
        expected.entry(record).or_default().push(version);
    }
    expected.values_mut().for_each(|versions| versions.sort_unstable());
    for (page, changes) in PAGES.into_iter().zip(all(followers).await?) {
        let mut found: BTreeMap<Bytes, Vec<Version>> = BTreeMap::new();
        for change in changes {
            let versions = found.entry(change.item.record.id).or_default();
            let last = versions.last().copied().unwrap_or_default();
            let what = format!("in pages of {page}: version {:?} was told after {last:?}", change.version);
            holds(what, change.version > last)?;
            versions.push(change.version);
        }
        for (record, versions) in &expected {
            let found = found.remove(record).unwrap_or_default();
            let missed = versions.iter().find(|version| !found.contains(version));
            let missed = missed.map(|version| {
                Problem::Wrong(format!("in pages of {page}: {version:?} of {record:?} was never told"))
            });
            missed.map_or(Ok(()), Err)?;
            same(format!("in pages of {page}: versions told of {record:?}"), &found.len(), &versions.len())?;
        }
        same(format!("in pages of {page}: other records"), &found.len(), &0)?;
    }
    Ok(())
}
