//! Point reads: in the order that was asked for, of one moment within a record.

use crate::conformance::check::checks;
use crate::conformance::make::{change, item_key, put, text};
use crate::conformance::problem::{Checked, same};
use crate::conformance::site::Site;

checks! { "read";
    answers_come_in_the_order_of_the_keys,
    nothing_asked_is_nothing_answered,
    a_thousand_keys_at_once,
    what_was_acknowledged_is_seen_by_the_next_read,
}

async fn answers_come_in_the_order_of_the_keys(site: &mut Site) -> Checked {
    for (record, key) in [("r", "a"), ("r", "b"), ("s", "a"), ("s", "")] {
        site.done(vec![change(record, vec![put(key, format!("{record}/{key}"))])]).await?;
    }
    let asked = [
        ("s", "a"),
        ("r", "b"),
        ("r", "x"),
        ("r", "a"),
        ("t", ""),
        ("s", ""),
        ("r", "b"),
        ("s", "a"),
        ("r", ""),
    ];
    let keys = asked.iter().map(|(record, key)| item_key(site.collection, record, key)).collect();
    let found: Vec<_> = site.engine.read(keys).await?.iter().map(|item| item.as_ref().map(text)).collect();
    let there = |place: usize| ![2, 4, 8].contains(&place);
    let expected: Vec<_> = asked
        .iter()
        .enumerate()
        .map(|(place, (record, key))| there(place).then(|| format!("{record}/{key}")))
        .collect();
    same("in no order, twice, and what is not there", &found, &expected)
}

async fn nothing_asked_is_nothing_answered(site: &mut Site) -> Checked {
    same("no keys", &site.engine.read(Vec::new()).await?, &Vec::new())
}

async fn a_thousand_keys_at_once(site: &mut Site) -> Checked {
    // As many as one call of the API may ask for, in the reverse of their order; every third is there.
    let writes = (0..1000).step_by(3).map(|place| put(format!("{place:04}"), format!("{place}"))).collect();
    site.done(vec![change("r", writes)]).await?;
    let keys = (0..1000).rev().map(|place| item_key(site.collection, "r", format!("{place:04}"))).collect();
    let found = site.engine.read(keys).await?;
    same("answers", &found.len(), &1000)?;
    for (place, item) in (0..1000).rev().zip(found) {
        let expected = (place % 3 == 0).then(|| format!("{place}"));
        same(format!("key {place}"), &item.as_ref().map(text), &expected)?;
    }
    Ok(())
}

async fn what_was_acknowledged_is_seen_by_the_next_read(site: &mut Site) -> Checked {
    for round in 0..200 {
        let version = site.done(vec![change("r", vec![put("", format!("{round}"))])]).await?;
        let read = site.read("r", "").await?.map(|item| item.version);
        same(format!("read {round}"), &read, &Some(version))?;
        let page = site.scan_record("r").await?;
        let scanned: Vec<_> = page.items.iter().map(|(_, item)| item.version).collect();
        same(format!("scan {round}"), &scanned, &[version])?;
    }
    Ok(())
}
