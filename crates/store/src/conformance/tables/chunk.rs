//! Values in chunks: staged, referred to, replaced, swept.

use crate::commit::{Action, Commit, Must, Write};
use crate::conformance::check::checks;
use crate::conformance::make::{bytes, change, change_if, put, remove, text, write};
use crate::conformance::problem::{Checked, same};
use crate::conformance::site::Site;
use crate::item::{MAX_VALUE, Value};
use bytes::Bytes;

checks! { "chunk";
    chunks_are_kept_by_blob_and_number,
    a_long_value_is_there_with_its_chunks,
    chunks_go_with_the_value_that_referred_to_them,
    an_item_put_again_with_its_own_blob_keeps_it,
    staged_chunks_that_nothing_refers_to_are_swept_when_they_are_old,
}

/// An item whose value lies in `blob`.
fn refer(key: &str, blob: u64, size: u64) -> Write {
    write(key, Action::Put(Value::Chunked { blob, size }))
}

async fn stage(site: &Site, blob: u64) -> Checked {
    for number in 0..3 {
        site.engine.stage(blob, number, bytes(format!("{blob}/{number}"))).await?;
    }
    Ok(())
}

/// How many of the chunks that [`stage`] makes are there.
async fn chunks(site: &Site, blob: u64) -> Checked<usize> {
    let mut there = 0;
    for number in 0..3 {
        if let Some(chunk) = site.engine.chunk(blob, number).await? {
            same(format!("chunk {number} of {blob}"), &chunk, &bytes(format!("{blob}/{number}")))?;
            there += 1;
        }
    }
    Ok(there)
}

/// Upkeep until there is nothing more to do, with staged chunks and tokens kept for one unit.
async fn upkeep(site: &Site) -> Checked {
    while site.engine.upkeep(site.units(1), 1000).await?.more {}
    Ok(())
}

async fn chunks_are_kept_by_blob_and_number(site: &mut Site) -> Checked {
    let large = Bytes::from(vec![7; MAX_VALUE]);
    let rows = [
        (0, 0, bytes("0/0")),
        (0, u32::MAX, bytes("0/max")),
        (1, 0, bytes("")),
        (1, 1, large),
        (u64::MAX, 0, bytes("max/0")),
        (u64::MAX, u32::MAX, bytes([0, 255, 0])),
        (1 << 63, 1 << 31, bytes("high")),
    ];
    for (blob, number, chunk) in &rows {
        site.engine.stage(*blob, *number, chunk.clone()).await?;
    }
    for (blob, number, chunk) in &rows {
        let found = site.engine.chunk(*blob, *number).await?;
        same(format!("chunk {number} of {blob}"), &found, &Some(chunk.clone()))?;
    }
    for (blob, number) in [(2, 0), (1, 2), (0, 1), (u64::MAX, 1)] {
        same(format!("chunk {number} of {blob}"), &site.engine.chunk(blob, number).await?, &None)?;
    }
    // Sent again because its answer was lost, or anew: the last one counts.
    site.engine.stage(0, 0, bytes("again")).await?;
    same("a chunk that was staged twice", &site.engine.chunk(0, 0).await?, &Some(bytes("again")))
}

async fn a_long_value_is_there_with_its_chunks(site: &mut Site) -> Checked {
    let blob = u64::MAX - 1;
    stage(site, blob).await?;
    same("before it is referred to", &site.read("r", "").await?, &None)?;
    site.done(vec![change("r", vec![refer("", blob, u64::from(u32::MAX) * 9)])]).await?;
    let found = site.read("r", "").await?.map(|item| item.value);
    same("by read", &found, &Some(Value::Chunked { blob, size: u64::from(u32::MAX) * 9 }))?;
    let scanned: Vec<_> =
        site.scan_record("r").await?.items.into_iter().map(|(_, item)| item.value).collect();
    same("by scan", &scanned, &[Value::Chunked { blob, size: u64::from(u32::MAX) * 9 }])?;
    // However old: what is referred to stays.
    site.pass(2).await?;
    upkeep(site).await?;
    same("its chunks", &chunks(site, blob).await?, &3)
}

async fn chunks_go_with_the_value_that_referred_to_them(site: &mut Site) -> Checked {
    let expiring = Write { ttl: Some(site.units(1)), ..refer("expired", 4, 9) };
    for blob in 1..=6 {
        stage(site, blob).await?;
    }
    site.done(vec![change(
        "r",
        vec![refer("replaced", 1, 9), refer("by-blob", 2, 9), refer("deleted", 3, 9)],
    )])
    .await?;
    site.done(vec![change("r", vec![expiring, refer("kept", 5, 9)])]).await?;
    site.done(vec![change("r", vec![put("replaced", "short"), refer("by-blob", 6, 9), remove("deleted")])])
        .await?;
    // A refused one replaces nothing.
    site.refused(vec![change_if("r", &[("kept", Must::BeAbsent)], vec![put("kept", "x")])]).await?;
    site.pass(2).await?;
    upkeep(site).await?;
    for (blob, there) in [(1, 0), (2, 0), (3, 0), (4, 0), (5, 3), (6, 3)] {
        same(format!("chunks of {blob} after upkeep"), &chunks(site, blob).await?, &there)?;
    }
    same("what replaced one", &site.text("r", "replaced").await?, &Some("short".to_owned()))
}

async fn an_item_put_again_with_its_own_blob_keeps_it(site: &mut Site) -> Checked {
    stage(site, 8).await?;
    site.done(vec![change("r", vec![refer("", 8, 9)])]).await?;
    // To live longer, for example, without being sent once more.
    site.done(vec![change("r", vec![Write { ttl: Some(site.units(50)), ..refer("", 8, 9) }])]).await?;
    same("at once", &chunks(site, 8).await?, &3)?;
    site.pass(2).await?;
    upkeep(site).await?;
    same("after upkeep", &chunks(site, 8).await?, &3)?;
    same("the item", &site.read("r", "").await?.as_ref().map(text), &Some("blob 8 of 9".to_owned()))
}

async fn staged_chunks_that_nothing_refers_to_are_swept_when_they_are_old(site: &mut Site) -> Checked {
    stage(site, 1).await?;
    // Put and replaced within one batch: no item that was ever there refers to it.
    stage(site, 2).await?;
    let passing = vec![change("r", vec![refer("", 2, 9)])];
    let over = vec![change("r", vec![put("", "x")])];
    let commit = |changes, token| Commit::of(site.collection, token, changes);
    let batch = vec![commit(passing, Some(site.token().await?)), commit(over, Some(site.token().await?))];
    site.engine.commit(batch).await?;
    site.engine.upkeep(site.units(1000), 1000).await?;
    same("a value that is still coming in", &chunks(site, 1).await?, &3)?;
    site.pass(1).await?;
    stage(site, 3).await?;
    let staged = site.engine.clock().await?;
    upkeep(site).await?;
    let young = chunks(site, 3).await?;
    site.still_before(Some(staged.after(site.units(1) / 2))).await?;
    same("a younger one", &young, &3)?;
    for blob in [1, 2] {
        same(format!("chunks of {blob}, older than tokens are kept"), &chunks(site, blob).await?, &0)?;
    }
    Ok(())
}
