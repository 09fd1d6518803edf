//! A roster file that comes late, changes and breaks.

use crate::stage::{Instance, call, contract, eventually, say};
use std::path::Path;
use std::time::{Duration, Instant};
use tenet_client::{Client, Health};

fn write(path: &Path, instances: &[&Instance]) {
    let rows: Vec<String> = instances
        .iter()
        .map(|one| format!(r#"{{"id":"{}","address":"{}","zone":"z"}}"#, one.seen.name, one.address))
        .collect();
    let draft = path.with_extension("new");
    std::fs::write(&draft, format!(r#"{{"services":{{"probe":[{}]}}}}"#, rows.join(","))).unwrap();
    std::fs::rename(&draft, path).unwrap();
}

#[tokio::test]
async fn a_roster_may_come_late_and_its_changes_drain() {
    let (first, second) = (Instance::start("a"), Instance::start("b"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roster.json");
    let client =
        Client::builder("probe").roster_file(&path).zone("z").descriptor_set(contract()).build().unwrap();
    // Made before the file is there; it waits for that.
    let early = tokio::spawn(call(client.clone(), "Echo", say("")));
    while client.views().in_flight == 0 {
        tokio::task::yield_now().await;
    }
    write(&path, &[&first]);
    assert_eq!(early.await.unwrap().unwrap().into_inner().text, "a");

    let slow = tokio::spawn(call(client.clone(), "Wait", say("")));
    eventually("it runs", async || first.begun() == 2).await;
    write(&path, &[&second]);
    eventually("new calls go to the new one", async || {
        call(client.clone(), "Echo", say("")).await.unwrap().into_inner().text == "b"
    })
    .await;
    let draining =
        |health| client.views().instances.iter().any(|one| &*one.id == "a" && one.health == health);
    assert!(draining(Health::Draining));
    first.seen.release.add_permits(1);
    assert_eq!(slow.await.unwrap().unwrap().into_inner().text, "a", "what was under way ended there");

    // What cannot be read changes nothing.
    std::fs::write(&path, "{").unwrap();
    for _ in 0..20 {
        assert_eq!(call(client.clone(), "Echo", say("")).await.unwrap().into_inner().text, "b");
    }
    write(&path, &[&first, &second]);
    eventually("it is read again", async || client.views().instances.len() == 2).await;
}

#[tokio::test]
async fn the_own_zone_is_called_first() {
    let (near, far) = (Instance::start("near"), Instance::start("far"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roster.json");
    let row = |one: &Instance, zone| {
        format!(r#"{{"id":"{}","address":"{}","zone":"{zone}"}}"#, one.seen.name, one.address)
    };
    let text = format!(r#"{{"services":{{"probe":[{},{}]}}}}"#, row(&far, "y"), row(&near, "x"));
    std::fs::write(&path, text).unwrap();
    let client =
        Client::builder("probe").roster_file(&path).zone("x").descriptor_set(contract()).build().unwrap();
    let some = async || {
        let mut near_calls = 0;
        for _ in 0..200 {
            near_calls +=
                u32::from(call(client.clone(), "Echo", say("")).await.unwrap().into_inner().text == "near");
        }
        near_calls
    };
    // A process that starts gives half away, and takes it back within seconds of calls.
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(8) {
        some().await;
    }
    // Without zones it would be about half; the balance lets some go over where the near one seems slow.
    let near_calls = some().await;
    assert!(near_calls >= 150, "{near_calls} of 200");
}
