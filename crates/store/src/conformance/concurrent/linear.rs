//! Records under many clients: whatever they see has an order.

use super::client::Client;
use super::judge::judge;
use super::{all, engines};
use crate::commit::{Commit, Must};
use crate::conformance::check::checks;
use crate::conformance::make::{add, change, change_if, number, put};
use crate::conformance::problem::{Checked, holds, same};
use crate::conformance::site::{Site, version_of};
use std::time::Instant;

checks! { "concurrent";
    the_history_of_one_client_has_an_order => LinearizableRecords,
    the_histories_of_two_clients_have_an_order => LinearizableRecords,
    the_histories_of_many_clients_have_an_order => LinearizableRecords,
    no_sum_is_lost => LinearizableRecords,
    one_of_many_sets_what_all_compared => LinearizableRecords,
}

async fn histories(site: &Site, clients: u32) -> Checked {
    let (engines, began) = (engines(site).await?, Instant::now());
    let mut tasks = Vec::new();
    for number in 0..clients {
        let engine = engines[number as usize % engines.len()].clone();
        let client = Client::new(number, engine, site.collection, began, site.options.seed);
        tasks.push(tokio::spawn(client.run(site.options.operations)));
    }
    let history = all(tasks).await?.concat();
    let enough = (site.options.operations * clients) as usize;
    holds(format!("{} calls recorded of {enough}", history.len()), history.len() >= enough)?;
    judge(&history)
}

async fn the_history_of_one_client_has_an_order(site: &mut Site) -> Checked {
    histories(site, 1).await
}

async fn the_histories_of_two_clients_have_an_order(site: &mut Site) -> Checked {
    histories(site, 2).await
}

async fn the_histories_of_many_clients_have_an_order(site: &mut Site) -> Checked {
    histories(site, site.options.clients).await
}

async fn no_sum_is_lost(site: &mut Site) -> Checked {
    let engines = engines(site).await?;
    let (clients, adds) = (site.options.clients, site.options.operations);
    let mut tasks = Vec::new();
    for client in 0..clients {
        let (engine, collection) = (engines[client as usize % engines.len()].clone(), site.collection);
        tasks.push(tokio::spawn(async move {
            for place in 0..adds {
                let changes = vec![change("r", vec![add("n", i64::from(place % 3) - 1), add("count", 1)])];
                let commit = Commit::of(collection, None, changes);
                for outcome in engine.commit(vec![commit]).await? {
                    version_of(&outcome)?;
                }
            }
            Ok(())
        }));
    }
    all(tasks).await?;
    let of_one: i64 = (0..adds).map(|place| i64::from(place % 3) - 1).sum();
    same(
        "the sum of all",
        &site.read("r", "n").await?.as_ref().and_then(number),
        &Some(of_one * i64::from(clients)),
    )?;
    let count = i64::from(adds) * i64::from(clients);
    same("how many there were", &site.read("r", "count").await?.as_ref().and_then(number), &Some(count))
}

async fn one_of_many_sets_what_all_compared(site: &mut Site) -> Checked {
    let engines = engines(site).await?;
    for round in 0..25 {
        let version = site.done(vec![change("r", vec![put("", "free")])]).await?;
        let mut tasks = Vec::new();
        for client in 0..site.options.clients {
            let engine = engines[client as usize % engines.len()].clone();
            let set = change_if("r", &[("", Must::Be(version))], vec![put("", format!("{client}"))]);
            let commit = Commit::of(site.collection, None, vec![set]);
            tasks.push(tokio::spawn(async move {
                let outcomes = engine.commit(vec![commit]).await?;
                Ok(outcomes
                    .first()
                    .and_then(|outcome| version_of(outcome).ok())
                    .map(|version| (client, version)))
            }));
        }
        let won: Vec<_> = all(tasks).await?.into_iter().flatten().collect();
        same(format!("round {round}: winners"), &won.len(), &1)?;
        let item = site.read("r", "").await?;
        let found = item.map(|item| (crate::conformance::make::text(&item), item.version));
        same(format!("round {round}: what is there"), &found, &Some((won[0].0.to_string(), won[0].1)))?;
    }
    Ok(())
}
