//! A second process on the same data: as one with the first, or refused.

use super::check::checks;
use super::make::{add, change, change_if, item_key, number, put, text};
use super::problem::{Checked, Problem, holds, same};
use super::site::{Site, collection_name, version_of};
use crate::commit::{Commit, Must, Outcome};
use crate::engine::{Collection, Engine, Sharing, Stamp};
use std::sync::Arc;
use std::time::Duration;

checks! { "sharing";
    a_second_process_is_let_in_or_refused_as_claimed => Sharing,
    each_process_sees_at_once_what_the_other_wrote => Sharing,
    declarations_and_claims_are_the_same_for_both => Sharing,
    of_two_that_race_one_wins => Sharing,
}

/// The second one, of an engine that says it may be shared.
async fn second(site: &Site) -> Checked<Arc<dyn Engine>> {
    if site.engine.guarantees().sharing == Sharing::Exclusive {
        return Err(Problem::NotTried("the engine is for one process".into()));
    }
    let beside = site.place.beside();
    Ok(beside.ok_or_else(|| Problem::NotTried("the bench cannot open a second process".into()))?.await?)
}

async fn a_second_process_is_let_in_or_refused_as_claimed(site: &mut Site) -> Checked {
    site.done(vec![change("r", vec![put("", "1")])]).await?;
    let sharing = site.engine.guarantees().sharing;
    let beside = site.place.beside();
    let beside =
        beside.ok_or_else(|| Problem::NotTried("the bench cannot open a second process".into()))?.await;
    match (sharing, beside) {
        (Sharing::Exclusive, Ok(_)) => holds("a second process was let in", false)?,
        (Sharing::Exclusive, Err(_)) | (Sharing::Shared, Ok(_)) => {}
        (Sharing::Shared, Err(error)) => holds(format!("a second process was refused: {error}"), false)?,
    }
    // The first one is not disturbed.
    site.done(vec![change("r", vec![put("", "2")])]).await?;
    same("what the first one wrote", &site.text("r", "").await?, &Some("2".to_owned()))
}

async fn each_process_sees_at_once_what_the_other_wrote(site: &mut Site) -> Checked {
    let engines = [site.engine.clone(), second(site).await?];
    let mut last = crate::item::Version(0);
    for round in 0..50 {
        let (writer, reader) = (&engines[round % 2], &engines[(round + 1) % 2]);
        let (token, changes) =
            (Some(site.token().await?), vec![change("r", vec![put("", format!("{round}"))])]);
        let commit = Commit::of(site.collection, token, changes);
        let outcomes = writer.commit(vec![commit.clone()]).await?;
        let version = outcomes.first().map_or(Err(Problem::Wrong("no outcome".into())), version_of)?;
        holds(format!("versions grow from one to the other: {last:?}, {version:?}"), version > last)?;
        last = version;
        let found = reader.read(vec![item_key(site.collection, "r", "")]).await?;
        let found: Vec<_> = found.iter().flatten().map(|item| (text(item), item.version)).collect();
        same(format!("round {round}: by the other"), &found, &[(format!("{round}"), version)])?;
        let replayed = Outcome::Done { version, replayed: true };
        same("sent again to the other", &reader.commit(vec![commit]).await?, &[replayed])?;
    }
    Ok(())
}

async fn declarations_and_claims_are_the_same_for_both(site: &mut Site) -> Checked {
    let other = second(site).await?;
    let stamp = Stamp { owner: "first".into(), id: 1 };
    site.engine.claim(stamp.clone()).await?;
    same("the stamp", &other.claim(Stamp { owner: "second".into(), id: 2 }).await?, &stamp)?;
    let collection = Collection { name: collection_name("both")?, retention: site.units(100), layout: 0 };
    let mine = site.engine.declare(collection.clone()).await?;
    same("the same collection", &other.declare(collection).await?, &mine)?;
    let theirs = other
        .declare(Collection { name: collection_name("theirs")?, retention: Duration::ZERO, layout: 0 })
        .await?;
    holds("a number was given twice", theirs != mine && theirs != site.collection)?;
    // Written to by the first, which has not heard of it, and followed by the other.
    let changes = || vec![change("r", vec![put("", "x")])];
    let commit = |collection| Commit::of(collection, None, changes());
    version_of(&site.one(commit(theirs)).await?)?;
    if site.gives(super::Guarantee::ChangeFeed) {
        let from = other.end_of_changes(mine).await?;
        version_of(&site.one(commit(mine)).await?)?;
        site.engine = other;
        site.collection = mine;
        same("changes by the other", &site.follow(from, 1, 10).await?.0.len(), &1)?;
    }
    Ok(())
}

async fn of_two_that_race_one_wins(site: &mut Site) -> Checked {
    let engines = [site.engine.clone(), second(site).await?];
    for round in 0..50 {
        let before = site.read("r", "").await?;
        let must = before.as_ref().map_or(Must::BeAbsent, |item| Must::Be(item.version));
        let changes = vec![change_if("r", &[("", must)], vec![put("", format!("{round}")), add("n", 1)])];
        let commit = Commit::of(site.collection, None, changes);
        let sent: Vec<_> = (0..8)
            .map(|place| {
                let (engine, commit) = (engines[place % 2].clone(), commit.clone());
                tokio::spawn(async move { engine.commit(vec![commit]).await })
            })
            .collect();
        let mut won = 0;
        for answer in sent {
            let outcomes = answer.await.map_err(|error| Problem::Wrong(error.to_string()))??;
            won += outcomes.iter().filter(|outcome| version_of(outcome).is_ok()).count();
        }
        same(format!("round {round}: winners of eight"), &won, &1)?;
        same("the sum", &site.read("r", "n").await?.as_ref().and_then(number), &Some(round + 1))?;
    }
    Ok(())
}
