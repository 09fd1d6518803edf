//! Harm: damaged data is found and never served, and no room is an error that changes nothing.

use super::bench::Injury;
use super::check::checks;
use super::make::{change, item_key, put, text};
use super::problem::{Checked, Problem, holds, same, short};
use super::site::{Site, version_of};
use crate::commit::Commit;
use crate::engine::EngineError;

checks! { "injury";
    damage_is_found_and_never_served => Checksums,
    without_room_nothing_happens_and_reads_go_on,
}

/// Bytes that are changed, each in a place of its own.
const BYTES_CHANGED: u64 = 12;
/// Records with known values.
const RECORDS: usize = 200;

fn value(record: usize) -> String {
    format!("{record:04}").repeat(200)
}

async fn damage_is_found_and_never_served(site: &mut Site) -> Checked {
    let mut found = 0;
    for byte in 0..BYTES_CHANGED {
        let mut site = Site::open(site.bench.clone(), site.options.clone()).await?;
        let write = |record| change(format!("r{record}"), vec![put("", value(record))]);
        let (collection, token, fence) = (site.collection, None, None);
        let commits = (0..RECORDS).map(|record| Commit {
            collection,
            token,
            fence: fence.clone(),
            typed: None,
            changes: vec![write(record)],
        });
        for outcome in site.engine.commit(commits.collect()).await? {
            version_of(&outcome)?;
        }
        site.close();
        let injured = site.place.injure(Injury::Corrupt(byte));
        injured.ok_or_else(|| Problem::NotTried("the bench cannot change stored bytes".into()))?.await?;
        found += u32::from(is_found(&mut site, byte).await?);
    }
    holds(format!("of {BYTES_CHANGED} changed bytes none was found"), found > 0)
}

/// Reads everything; whether the damage was said. What is served must be what was written.
async fn is_found(site: &mut Site, byte: u64) -> Checked<bool> {
    match site.place.open().await {
        Ok(engine) => site.engine = engine,
        Err(EngineError::Corrupt { .. }) => return Ok(true),
        Err(other) => return Err(Problem::Wrong(format!("byte {byte}: opened: {other}"))),
    }
    let mut found = false;
    for record in 0..RECORDS {
        match site.engine.read(vec![item_key(site.collection, format!("r{record}"), "")]).await {
            Err(EngineError::Corrupt { .. }) => found = true,
            Err(other) => return Err(Problem::Wrong(format!("byte {byte}, record {record}: {other}"))),
            Ok(items) => {
                let served: Vec<_> = items.iter().map(|item| item.as_ref().map(text)).collect();
                same(format!("byte {byte}, record {record}"), &served, &[Some(value(record))])?;
            }
        }
    }
    Ok(found)
}

/// Writes that are tried before an engine without room has to say so: it may have had a little left.
const WRITES_UNTIL_FULL: usize = 10_000;

async fn without_room_nothing_happens_and_reads_go_on(site: &mut Site) -> Checked {
    site.done(vec![change("r", vec![put("", "before")])]).await?;
    let filled = site.place.injure(Injury::Fill);
    filled.ok_or_else(|| Problem::NotTried("the bench cannot fill the disk".into()))?.await?;
    let mut refused = None;
    for place in 0..WRITES_UNTIL_FULL {
        let changes = vec![change(format!("f{place}"), vec![put("", value(place))])];
        let commit = Commit::of(site.collection, Some(site.token().await?), changes);
        match site.engine.commit(vec![commit.clone()]).await {
            Ok(_) => {}
            Err(EngineError::Full(_)) => {
                refused = Some((place, commit));
                break;
            }
            other => return Err(Problem::Wrong(format!("without room: {}", short(&other)))),
        }
    }
    let (place, commit) = refused.ok_or_else(|| Problem::Wrong("writes went on without room".into()))?;
    same("what was there before", &site.text("r", "").await?, &Some("before".to_owned()))?;
    same("what was refused", &site.read(format!("f{place}"), "").await?, &None)?;
    if let Some(drained) = site.place.injure(Injury::Drain) {
        drained.await?;
        version_of(&site.one(commit).await?)?;
        same("with room again", &site.text(format!("f{place}"), "").await?, &Some(value(place)))?;
    }
    Ok(())
}
