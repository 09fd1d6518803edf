//! Time to live: there until then, gone for everybody from then on, removed by upkeep, told to those who watch.

use crate::commit::{Must, Outcome, Refusal};
use crate::conformance::check::checks;
use crate::conformance::guarantee::Guarantee;
use crate::conformance::make::{add, change, change_if, number, put, put_for, remove, text};
use crate::conformance::problem::{Checked, Problem, holds, same};
use crate::conformance::site::Site;
use crate::item::Version;
use std::time::Duration;

checks! { "expiry";
    an_item_lives_for_its_time,
    what_is_over_is_gone_for_reads_and_scans,
    what_is_over_is_gone_for_conditions_sums_and_deletes,
    upkeep_removes_what_is_over_and_nothing_else,
    upkeep_keeps_to_its_bound_and_says_that_there_is_more,
    upkeep_tells_the_feed => ChangeFeed,
    a_time_may_be_nothing_or_longer_than_all,
}

async fn an_item_lives_for_its_time(site: &mut Site) -> Checked {
    let time = site.units(1);
    site.done(vec![change("r", vec![put_for("a", "1", time), put("b", "2")])]).await?;
    let item = site.read("r", "a").await?;
    let scanned = site.scan_record("r").await?.items.len();
    let held = site.commit(vec![change_if("r", &[("a", Must::BePresent)], vec![])]).await?;
    let until = item.as_ref().and_then(|item| item.expires);
    site.still_before(until).await?;
    let item = item.ok_or_else(|| Problem::Wrong("it is not there before its time".into()))?;
    same("its end", &item.expires, &Some(item.updated.after(time)))?;
    same("items by scan", &scanned, &2)?;
    same("its presence as a condition", &held, &Outcome::Done { version: Version(0), replayed: false })?;
    // Put again without a time, it stays for good.
    site.done(vec![change("r", vec![put("a", "3")])]).await?;
    site.pass(1).await?;
    same("put again for good", &site.text("r", "a").await?, &Some("3".to_owned()))
}

async fn what_is_over_is_gone_for_reads_and_scans(site: &mut Site) -> Checked {
    let time = site.units(1);
    site.done(vec![change("r", vec![put_for("a", "1", time), put("b", "2"), put_for("c", "3", time)])])
        .await?;
    site.done(vec![change("s", vec![put_for("", "4", time)])]).await?;
    site.pass(1).await?;
    for (record, key) in [("r", "a"), ("r", "c"), ("s", "")] {
        same(format!("{record}/{key}"), &site.read(record, key).await?, &None)?;
    }
    let page = site.scan_record("r").await?;
    let keys: Vec<_> = page.items.iter().map(|(key, _)| key.key.clone()).collect();
    same("keys by scan", &keys, &["b"])?;
    same("more, where only what is over follows", &page.more, &false)?;
    same("a record of which all is over", &site.scan_record("s").await?.items.len(), &0)
}

async fn what_is_over_is_gone_for_conditions_sums_and_deletes(site: &mut Site) -> Checked {
    let time = site.units(1);
    let numbers = ["a", "b", "c", "d"].map(|key| put_for(key, 7i64.to_be_bytes(), time));
    let old = site.done(vec![change("r", numbers.to_vec())]).await?;
    site.pass(1).await?;
    for must in [Must::BePresent, Must::Be(old)] {
        let refusal = site.refused(vec![change_if("r", &[("a", must)], vec![])]).await?;
        let expected = Refusal::Condition { change: 0, condition: 0, found: None };
        same(format!("{must:?}"), &refusal, &expected)?;
    }
    let created = site.done(vec![change_if("r", &[("a", Must::BeAbsent)], vec![put("a", "new")])]).await?;
    holds(format!("versions grow over what was gone: {old:?}, {created:?}"), created > old)?;
    site.done(vec![change("r", vec![add("b", 1)])]).await?;
    same("the sum", &site.read("r", "b").await?.as_ref().and_then(number), &Some(1))?;
    same("removed once more", &site.done(vec![change("r", vec![remove("c")])]).await?, &Version(0))?;
    same("what nobody touched", &site.read("r", "d").await?, &None)
}

async fn upkeep_removes_what_is_over_and_nothing_else(site: &mut Site) -> Checked {
    let keep = site.units(1000);
    let before = site.done(vec![change("r", vec![put_for("a", "1", site.units(1)), put("b", "2")])]).await?;
    site.done(vec![change("r", vec![put_for("c", "3", site.units(1)), put_for("d", "4", site.units(50))])])
        .await?;
    // Overwritten before its time was over: the old time no longer counts.
    site.done(vec![change("r", vec![put_for("e", "5", site.units(1))])]).await?;
    site.done(vec![change("r", vec![put("e", "6")])]).await?;
    site.pass(1).await?;
    let done = site.engine.upkeep(keep, 1000).await?;
    same("items removed", &done.expired, &2)?;
    same("more to do", &done.more, &false)?;
    same("a second round", &site.engine.upkeep(keep, 1000).await?.expired, &0)?;
    for (key, value) in [("a", None), ("b", Some("2")), ("c", None), ("d", Some("4")), ("e", Some("6"))] {
        same(key, &site.text("r", key).await?, &value.map(str::to_owned))?;
    }
    let again = site.done(vec![change("r", vec![put("a", "x")])]).await?;
    holds(format!("versions grow over what was removed: {before:?}, {again:?}"), again > before)
}

async fn upkeep_keeps_to_its_bound_and_says_that_there_is_more(site: &mut Site) -> Checked {
    let writes = (0..25).map(|place| put_for(format!("{place}"), "x", site.units(1))).collect();
    site.done(vec![change("r", writes)]).await?;
    site.pass(1).await?;
    for (round, (expired, more)) in [(10, true), (10, true), (5, false), (0, false)].into_iter().enumerate() {
        let done = site.engine.upkeep(site.units(1000), 10).await?;
        same(
            format!("round {round}: removed, and more to do"),
            &(done.expired, done.more),
            &(expired, more),
        )?;
    }
    Ok(())
}

async fn upkeep_tells_the_feed(site: &mut Site) -> Checked {
    site.needs(Guarantee::ChangeFeed)?;
    let version = site.done(vec![change("r", vec![put_for("a", "1", site.units(1)), put("b", "2")])]).await?;
    let from = site.end_of_changes().await?;
    site.pass(1).await?;
    site.engine.upkeep(site.units(1000), 1000).await?;
    let (changes, _) = site.follow(from, 1, 10).await?;
    let told: Vec<_> = changes.iter().map(|change| (change.item.key.clone(), change.now.clone())).collect();
    same("what the feed tells", &told, &[(super::super::make::bytes("a"), None)])?;
    let removed = changes[0].version;
    holds(format!("the removal {removed:?} comes after the put {version:?}"), removed > version)?;
    let next = site.done(vec![change("r", vec![put("b", "3")])]).await?;
    holds(format!("the next write {next:?} comes after the removal {removed:?}"), next > removed)?;
    let last = site.engine.last_version().await?;
    holds(format!("the last version {last:?} covers the removal {removed:?}"), last >= removed)
}

async fn a_time_may_be_nothing_or_longer_than_all(site: &mut Site) -> Checked {
    let version = site.done(vec![change("r", vec![put_for("a", "1", Duration::ZERO)])]).await?;
    holds("a put for no time is a write", version > Version(0))?;
    same("a put for no time", &site.read("r", "a").await?, &None)?;
    for (key, time) in [
        ("b", Duration::MAX),
        ("c", Duration::from_secs(u64::MAX / 1000)),
        ("d", Duration::from_secs(1 << 40)),
    ] {
        site.done(vec![change("r", vec![put_for(key, "2", time)])]).await?;
        same(format!("{time:?}"), &site.read("r", key).await?.as_ref().map(text), &Some("2".to_owned()))?;
    }
    site.engine.upkeep(site.units(1000), 1000).await?;
    same("items after upkeep", &site.scan_record("r").await?.items.len(), &3)
}
