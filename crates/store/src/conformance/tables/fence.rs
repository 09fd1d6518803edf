//! Leases and fences: only who holds the lease writes.

use crate::commit::{Action, Commit, Fence, Must, Outcome, Refusal, Write};
use crate::conformance::check::checks;
use crate::conformance::make::{change, change_if, put, record_key, remove, write};
use crate::conformance::problem::{Checked, Problem, holds, same};
use crate::conformance::site::{Site, version_of};
use crate::item::Version;
use crate::lease::Lease;
use std::time::Duration;

checks! { "fence";
    only_the_token_of_the_holder_lets_a_write_through,
    a_lease_is_over_when_its_time_is,
    it_is_judged_in_the_step_that_writes,
    of_many_who_take_it_at_once_one_holds_it,
}

/// Takes or keeps the lease for `holder`.
fn hold(holder: &str, token: Option<Version>, ttl: Option<Duration>) -> Write {
    Write { ttl, ..write("", Action::Put(Lease::value(holder, token))) }
}

fn fenced(site: &Site, token: Version, value: &str) -> Commit {
    let fence = Some(Fence { lease: record_key(site.collection, "lease"), token });
    Commit {
        collection: site.collection,
        token: None,
        fence,
        typed: None,
        changes: vec![change("r", vec![put("", value)])],
    }
}

fn refused(current: Option<Version>) -> Outcome {
    Outcome::Refused(Refusal::Fenced { current })
}

async fn held(site: &Site) -> Checked<Option<Lease>> {
    Ok(site.read("lease", "").await?.as_ref().and_then(Lease::read))
}

async fn only_the_token_of_the_holder_lets_a_write_through(site: &mut Site) -> Checked {
    same("nobody holds it", &site.one(fenced(site, Version(1), "0")).await?, &refused(None))?;
    let free = [("", Must::BeAbsent)];
    let first = site.done(vec![change_if("lease", &free, vec![hold("one", None, None)])]).await?;
    let lease = held(site).await?.ok_or_else(|| Problem::Wrong("the lease is not there".into()))?;
    same("the lease", &lease, &Lease { holder: "one".into(), token: first, until: None })?;
    version_of(&site.one(fenced(site, first, "1")).await?)?;
    same("a later token", &site.one(fenced(site, Version(first.0 + 1), "2")).await?, &refused(Some(first)))?;
    same("no token", &site.one(fenced(site, Version(0), "2")).await?, &refused(Some(first)))?;
    site.refused(vec![change_if("lease", &free, vec![hold("two", None, None)])]).await?;
    // Kept: another version, the same token.
    let kept = change_if("lease", &[("", Must::Be(first))], vec![hold("one", Some(first), None)]);
    let renewed = site.done(vec![kept]).await?;
    version_of(&site.one(fenced(site, first, "3")).await?)?;
    same("the version is no token", &site.one(fenced(site, renewed, "4")).await?, &refused(Some(first)))?;
    // Given up and taken by another: a greater token.
    site.done(vec![change_if("lease", &[("", Must::Be(renewed))], vec![remove("")])]).await?;
    same("given up", &site.one(fenced(site, first, "4")).await?, &refused(None))?;
    let second = site.done(vec![change_if("lease", &free, vec![hold("two", None, None)])]).await?;
    holds(format!("tokens grow: {first:?}, {second:?}"), second > first)?;
    same("the first holder's", &site.one(fenced(site, first, "4")).await?, &refused(Some(second)))?;
    same("what is there", &site.text("r", "").await?, &Some("3".to_owned()))?;
    // What is no lease, is not held.
    site.done(vec![change("lease", vec![put("", [0xff; 5])])]).await?;
    same("something else", &site.one(fenced(site, second, "5")).await?, &refused(None))
}

async fn a_lease_is_over_when_its_time_is(site: &mut Site) -> Checked {
    let time = Some(site.units(1));
    let first = site.done(vec![change("lease", vec![hold("one", None, time)])]).await?;
    let until = held(site).await?.and_then(|lease| lease.until);
    let while_held = site.one(fenced(site, first, "1")).await?;
    site.still_before(until).await?;
    version_of(&while_held)?;
    site.pass(1).await?;
    same("afterwards", &site.one(fenced(site, first, "2")).await?, &refused(None))?;
    let free = [("", Must::BeAbsent)];
    let second = site.done(vec![change_if("lease", &free, vec![hold("two", None, None)])]).await?;
    holds(format!("tokens grow: {first:?}, {second:?}"), second > first)?;
    same("taken by another", &site.one(fenced(site, first, "2")).await?, &refused(Some(second)))?;
    same("what is there", &site.text("r", "").await?, &Some("1".to_owned()))
}

async fn it_is_judged_in_the_step_that_writes(site: &mut Site) -> Checked {
    let first = site.done(vec![change("lease", vec![hold("one", None, None)])]).await?;
    let plain = |changes| Commit::of(site.collection, None, changes);
    let release = plain(vec![change("lease", vec![remove("")])]);
    // The release before it in the batch ends it.
    let batch = vec![fenced(site, first, "1"), release, fenced(site, first, "2")];
    let outcomes = site.engine.commit(batch).await?;
    same("outcomes", &outcomes.len(), &3)?;
    version_of(&outcomes[0])?;
    version_of(&outcomes[1])?;
    same("after the release in the batch", &outcomes[2], &refused(None))?;
    // A fence is judged before conditions.
    let mut both = fenced(site, first, "3");
    both.changes = vec![change_if("r", &[("x", Must::BePresent)], vec![])];
    same("with a condition", &site.one(both).await?, &refused(None))?;
    same("what is there", &site.text("r", "").await?, &Some("1".to_owned()))
}

async fn of_many_who_take_it_at_once_one_holds_it(site: &mut Site) -> Checked {
    let mut last = Version(0);
    for round in 0..5 {
        let tries: Vec<_> = (0..16)
            .map(|holder| {
                let taken = vec![hold(&format!("{holder}"), None, None)];
                let changes = vec![change_if("lease", &[("", Must::BeAbsent)], taken)];
                let asked = Commit::of(site.collection, None, changes);
                let engine = site.engine.clone();
                tokio::spawn(async move { engine.commit(vec![asked]).await })
            })
            .collect();
        let mut holders = Vec::new();
        for (holder, answer) in tries.into_iter().enumerate() {
            let outcomes = answer.await.map_err(|error| super::wrong(&error))??;
            let taken = outcomes.iter().filter_map(|outcome| version_of(outcome).ok());
            holders.extend(taken.map(|token| (holder.to_string(), token)));
        }
        same(format!("holders in round {round}"), &holders.len(), &1)?;
        let lease = held(site).await?.map(|lease| (lease.holder, lease.token));
        same("who holds it", &lease, &Some(holders[0].clone()))?;
        holds(format!("tokens grow: {last:?}, {:?}", holders[0].1), holders[0].1 > last)?;
        last = holders[0].1;
        site.done(vec![change_if("lease", &[("", Must::Be(last))], vec![remove("")])]).await?;
    }
    Ok(())
}
