//! Commits that change several records, many at once: whole, and never waiting for each other in a circle.

use super::{all, engines};
use crate::commit::Commit;
use crate::conformance::check::checks;
use crate::conformance::guarantee::Guarantee;
use crate::conformance::make::{add, change, number, put, text};
use crate::conformance::problem::{Checked, holds, same};
use crate::conformance::site::{Site, version_of, whole};
use crate::engine::ScanOf;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

checks! { "concurrent";
    transfers_in_all_directions_lose_nothing => AtomicAcrossRecords,
    a_page_is_of_one_moment => OrderedRecords,
}

/// Accounts that amounts are moved between.
const ACCOUNTS: u32 = 5;

async fn transfers_in_all_directions_lose_nothing(site: &mut Site) -> Checked {
    let engines = engines(site).await?;
    let from = site.end_of_changes().await.ok();
    let (clients, transfers) = (site.options.clients, site.options.operations);
    let mut tasks = Vec::new();
    for client in 0..clients {
        let (engine, collection) = (engines[client as usize % engines.len()].clone(), site.collection);
        tasks.push(tokio::spawn(async move {
            for place in 0..transfers {
                // Every pair in both directions, so that locks taken in the order of the writes would meet in a circle.
                let (payer, gap) = ((client + place) % ACCOUNTS, 1 + place % (ACCOUNTS - 1));
                let payee = (payer + gap) % ACCOUNTS;
                let amount = i64::from(place) + 1;
                let changes = vec![
                    change(format!("{payer}"), vec![add("", -amount)]),
                    change(format!("{payee}"), vec![add("", amount)]),
                ];
                let commit = Commit::of(collection, None, changes);
                for outcome in engine.commit(vec![commit]).await? {
                    version_of(&outcome)?;
                }
            }
            Ok(())
        }));
    }
    all(tasks).await?;
    let mut sum = 0;
    for account in 0..ACCOUNTS {
        sum += site.read(format!("{account}"), "").await?.as_ref().and_then(number).unwrap_or_default();
    }
    same("the sum of all accounts", &sum, &0)?;
    if let (true, Some(from)) = (site.gives(Guarantee::ChangeFeed), from) {
        let count = (clients * transfers * 2) as usize;
        let (changes, _) = site.follow(from, count, 100).await?;
        same("changes told", &changes.len(), &count)?;
        let versions: BTreeSet<_> = changes.iter().map(|change| change.version).collect();
        let records: BTreeSet<_> =
            changes.iter().map(|change| (change.version, &change.item.record.id)).collect();
        same("records of each version", &records.len(), &(versions.len() * 2))?;
    }
    Ok(())
}

async fn a_page_is_of_one_moment(site: &mut Site) -> Checked {
    site.needs(Guarantee::OrderedRecords)?;
    site.needs(Guarantee::AtomicAcrossRecords)?;
    let engines = engines(site).await?;
    let ended = Arc::new(AtomicBool::new(false));
    let round = |number: u32| {
        (0..ACCOUNTS).map(|record| change(format!("{record}"), vec![put("", format!("{number}"))])).collect()
    };
    site.done(round(0)).await?;
    let mut readers = Vec::new();
    for reader in 0..site.options.clients.min(4) {
        let (engine, ended) = (engines[reader as usize % engines.len()].clone(), ended.clone());
        let scan = whole(ScanOf::Collection(site.collection));
        readers.push(tokio::spawn(async move {
            let mut seen = 0;
            while !ended.load(Ordering::Relaxed) {
                let page = engine.scan(scan.clone()).await?;
                let rounds: BTreeSet<_> =
                    page.items.iter().map(|(_, item)| (item.version, text(item))).collect();
                same("rounds in one page", &(rounds.len(), page.items.len()), &(1, ACCOUNTS as usize))?;
                let version = rounds.first().map_or(0, |(version, _)| version.0);
                holds("a page of an earlier moment than the one before", version >= seen)?;
                seen = version;
                tokio::task::yield_now().await;
            }
            Ok(())
        }));
    }
    let mut written = Ok(());
    for number in 1..=site.options.operations {
        written = site.done(round(number)).await.map(drop);
        if written.is_err() {
            break;
        }
    }
    ended.store(true, Ordering::Relaxed);
    all(readers).await?;
    written
}
