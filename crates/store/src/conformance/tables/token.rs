//! Tokens: a write that is sent again gets the first answer and changes nothing.

use crate::commit::{Commit, Fence, Must, Outcome, RecordChange, Token, Write};
use crate::conformance::check::checks;
use crate::conformance::make::{add, change, change_if, number, put, record_key, remove};
use crate::conformance::problem::{Checked, same};
use crate::conformance::site::{Site, version_of};
use crate::item::{UnixMs, Version};

checks! { "token";
    it_is_known_again_in_the_same_batch_and_later,
    a_refusal_is_not_remembered,
    the_first_answer_comes_whatever_is_asked_the_second_time,
    time_and_nonce_together_make_it,
    of_many_at_once_one_has_effect,
    upkeep_forgets_the_old_and_no_other,
}

fn commit(site: &Site, token: Option<Token>, writes: Vec<Write>) -> Commit {
    Commit::of(site.collection, token, vec![change("r", writes)])
}

fn replayed(version: Version) -> Outcome {
    Outcome::Done { version, replayed: true }
}

async fn sum(site: &Site) -> Checked<Option<i64>> {
    Ok(site.read("r", "n").await?.as_ref().and_then(number))
}

async fn it_is_known_again_in_the_same_batch_and_later(site: &mut Site) -> Checked {
    let once = commit(site, Some(site.token().await?), vec![add("n", 5)]);
    let other = commit(site, Some(site.token().await?), vec![add("n", 100)]);
    let outcomes = site.engine.commit(vec![once.clone(), other.clone(), once.clone()]).await?;
    same("outcomes", &outcomes.len(), &3)?;
    let (first, second) = (version_of(&outcomes[0])?, version_of(&outcomes[1])?);
    same("again in the batch", &outcomes[2], &replayed(first))?;
    same("the sum", &sum(site).await?, &Some(105))?;
    let outcomes = site.engine.commit(vec![other.clone(), once.clone(), other]).await?;
    same("again later", &outcomes, &[replayed(second), replayed(first), replayed(second)])?;
    same("the sum later", &sum(site).await?, &Some(105))?;
    // A write that wrote nothing is remembered as one.
    let nothing = commit(site, Some(site.token().await?), vec![remove("x")]);
    same("nothing removed", &version_of(&site.one(nothing.clone()).await?)?, &Version(0))?;
    site.done(vec![change("r", vec![put("x", "1")])]).await?;
    same("nothing removed, again", &site.one(nothing).await?, &replayed(Version(0)))?;
    same("what it would remove now", &site.text("r", "x").await?, &Some("1".to_owned()))?;
    // Without a token nothing is ever the same.
    let bare = commit(site, None, vec![add("n", 1)]);
    for outcome in site.engine.commit(vec![bare.clone(), bare]).await? {
        version_of(&outcome)?;
    }
    same("the sum of what has no token", &sum(site).await?, &Some(107))
}

async fn a_refusal_is_not_remembered(site: &mut Site) -> Checked {
    let token = Some(site.token().await?);
    let changes: Vec<RecordChange> = vec![change_if("r", &[("a", Must::BePresent)], vec![put("b", "1")])];
    let asked = Commit::of(site.collection, token, changes);
    let refused = site.one(asked.clone()).await?;
    same("while it does not hold", &matches!(refused, Outcome::Refused(_)), &true)?;
    site.done(vec![change("r", vec![put("a", "1")])]).await?;
    let version = version_of(&site.one(asked.clone()).await?)?;
    same("once it has held", &site.one(asked).await?, &replayed(version))
}

async fn the_first_answer_comes_whatever_is_asked_the_second_time(site: &mut Site) -> Checked {
    let token = Some(site.token().await?);
    let first = version_of(&site.one(commit(site, token, vec![put("a", "1")])).await?)?;
    site.done(vec![change("r", vec![put("a", "2")])]).await?;
    let conditioned = change_if("r", &[("a", Must::Be(first))], vec![put("a", "3")]);
    let fence = Fence { lease: record_key(site.collection, "lease"), token: Version(7) };
    for (what, asked) in [
        ("the same", commit(site, token, vec![put("a", "1")])),
        ("other writes", commit(site, token, vec![put("b", "9")])),
        ("a condition that fails", Commit { changes: vec![conditioned], ..commit(site, token, vec![]) }),
        ("a fence that fails", Commit { fence: Some(fence), ..commit(site, token, vec![]) }),
    ] {
        same(what, &site.one(asked).await?, &replayed(first))?;
    }
    same("what is there", &site.text("r", "a").await?, &Some("2".to_owned()))?;
    same("what is not", &site.read("r", "b").await?, &None)
}

async fn time_and_nonce_together_make_it(site: &mut Site) -> Checked {
    let now = site.engine.clock().await?;
    let mut expected = 0;
    for time in [UnixMs(0), now, UnixMs(now.0 + 1), UnixMs(i64::MAX), UnixMs(-1)] {
        for nonce in [0, 1, 1 << 64, u128::MAX] {
            let asked = commit(site, Some(Token { time, nonce }), vec![add("n", 1)]);
            let version = version_of(&site.one(asked.clone()).await?)?;
            same(format!("{time:?} and {nonce} again"), &site.one(asked).await?, &replayed(version))?;
            expected += 1;
        }
    }
    same("the sum", &sum(site).await?, &Some(expected))
}

async fn of_many_at_once_one_has_effect(site: &mut Site) -> Checked {
    for round in 1..=10 {
        let asked = commit(site, Some(site.token().await?), vec![add("n", 1)]);
        let sent: Vec<_> = (0..16)
            .map(|_| {
                let (engine, asked) = (site.engine.clone(), asked.clone());
                tokio::spawn(async move { engine.commit(vec![asked]).await })
            })
            .collect();
        let mut outcomes = Vec::new();
        for answer in sent {
            outcomes.extend(answer.await.map_err(|error| super::wrong(&error))??);
        }
        let first: Vec<_> = outcomes.iter().filter_map(|outcome| version_of(outcome).ok()).collect();
        same("how many had effect", &first.len(), &1)?;
        let others = outcomes.iter().filter(|outcome| **outcome == replayed(first[0])).count();
        same("how many were told its answer", &others, &15)?;
        same("the sum", &sum(site).await?, &Some(round))?;
    }
    Ok(())
}

async fn upkeep_forgets_the_old_and_no_other(site: &mut Site) -> Checked {
    let old = commit(site, Some(site.token().await?), vec![add("n", 1)]);
    let first = version_of(&site.one(old.clone()).await?)?;
    site.engine.upkeep(site.units(2), 1000).await?;
    same("before its time", &site.one(old.clone()).await?, &replayed(first))?;
    site.pass(2).await?;
    let young = commit(site, Some(site.token().await?), vec![add("n", 10)]);
    let second = version_of(&site.one(young.clone()).await?)?;
    let done = site.engine.upkeep(site.units(2), 1000).await?;
    same("how many were forgotten", &done.tokens, &1)?;
    let made = site.read("r", "n").await?.map(|item| item.updated.after(site.units(2)));
    let outcome = site.one(young).await?;
    site.still_before(made).await?;
    same("the younger", &outcome, &replayed(second))?;
    // Nobody remembers the old one: it happens once more. The owner refuses such tokens by their time.
    version_of(&site.one(old).await?)?;
    same("the sum", &sum(site).await?, &Some(12))
}
