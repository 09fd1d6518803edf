//! The roster file: JSON that the supervisor rewrites whole, looked at each second.
//!
//! The form is that of `tenet_release::roster`, read from a peer that may run another version, so unknown fields are ignored. It is
//! read here again, in a few lines, because `tenet-release` brings the compiler of contracts along.

use super::{Following, Found};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::time::sleep;

/// How often the file is looked at once it was read.
const LOOK_PAUSE: Duration = Duration::from_secs(1);
/// How often before: calls may be waiting.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Largest roster read, so that a wrong path cannot fill memory; what `tenet-release` reads, too.
const BYTES_MAX: u64 = 64 << 20;

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    services: BTreeMap<String, Vec<Row>>,
}

#[derive(Deserialize)]
struct Row {
    id: String,
    address: SocketAddr,
    #[serde(default)]
    zone: String,
    #[serde(default = "full")]
    weight: u32,
}

/// The weight of an ordinary instance, in percent.
fn full() -> u32 {
    100
}

/// By what a changed file is told from the same one: the writer renames, so its number changes even within one tick of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    number: u64,
}

/// Follows the file at `path`. What cannot be read changes nothing, and is said once until it changes.
pub(super) async fn follow(path: PathBuf, following: &mut Following) {
    let service = following.teller.service.clone();
    let (mut stamp, mut problem, mut known) = (None, None, false);
    loop {
        let (at, name, before) = (path.clone(), service.clone(), stamp);
        // A file system may hang; calls must not hang with it.
        let look = tokio::task::spawn_blocking(move || look(&at, &name, before)).await;
        match look {
            Ok(Ok(None)) => problem = None,
            Ok(Ok(Some((new, found)))) => {
                (stamp, problem) = (Some(new), None);
                // A roster without the service says nothing of it.
                if let Some(found) = found {
                    tracing::info!(service, instances = found.len(), "the roster was read");
                    following.tell(found);
                    known = true;
                }
            }
            Ok(Err(new)) => {
                if problem.as_ref() != Some(&new) {
                    tracing::warn!(roster = %path.display(), problem = new, "what was known stays");
                    problem = Some(new);
                }
            }
            Err(error) => tracing::error!(%error, "reading the roster ended by a panic"),
        }
        sleep(if known { LOOK_PAUSE } else { FIRST_PAUSE }).await;
    }
}

type Look = Result<Option<(Stamp, Option<Vec<Found>>)>, String>;

/// Reads the file where it is not the one read `before`.
fn look(path: &Path, service: &str, before: Option<Stamp>) -> Look {
    let failed = |error: std::io::Error| error.to_string();
    let file = std::fs::File::open(path).map_err(failed)?;
    let stamp = stamp(&file.metadata().map_err(failed)?);
    if before == Some(stamp) {
        return Ok(None);
    }
    if stamp.length > BYTES_MAX {
        return Err(format!("found {} bytes, expected at most {BYTES_MAX}", stamp.length));
    }
    let mut text = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut text).map_err(failed)?;
    Ok(Some((stamp, read(&text, service)?)))
}

#[cfg(unix)]
fn stamp(metadata: &std::fs::Metadata) -> Stamp {
    use std::os::unix::fs::MetadataExt;
    Stamp { modified: metadata.modified().ok(), length: metadata.len(), number: metadata.ino() }
}

#[cfg(not(unix))]
fn stamp(metadata: &std::fs::Metadata) -> Stamp {
    Stamp { modified: metadata.modified().ok(), length: metadata.len(), number: 0 }
}

/// The instances of `service`; `None` where the roster does not have it.
fn read(text: &[u8], service: &str) -> Result<Option<Vec<Found>>, String> {
    let mut file: File = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let Some(rows) = file.services.remove(service) else { return Ok(None) };
    let mut ids = BTreeSet::new();
    if let Some(row) = rows.iter().find(|row| row.id.is_empty() || !ids.insert(row.id.as_str())) {
        return Err(format!("services.{service}: the id {:?} is empty or there twice", row.id));
    }
    let found = rows.into_iter().map(|row| Found {
        id: row.id.into(),
        address: row.address,
        zone: row.zone.into(),
        weight_percent: row.weight,
    });
    Ok(Some(found.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rosters_of_any_version_are_read_and_what_is_wrong_is_named() {
        let row = r#"{"id":"a-1","address":"127.0.0.1:1","zone":"z","weight":50,"rack":3}"#;
        let check = |text: &str, expected: Result<Option<usize>, &str>| {
            let found = read(text.as_bytes(), "a").map(|found| found.map(|found| found.len()));
            match (found, expected) {
                (Err(text), Err(part)) => assert!(text.contains(part), "{text}"),
                (found, expected) => assert_eq!(found.as_ref().ok(), expected.as_ref().ok(), "{text}"),
            }
        };
        check(&format!(r#"{{"services":{{"a":[{row}]}},"epoch":4}}"#), Ok(Some(1)));
        check(r#"{"services":{"a":[]}}"#, Ok(Some(0)));
        check(r#"{"services":{"b":[]}}"#, Ok(None));
        check("{}", Ok(None));
        check("", Err("EOF"));
        check(&format!(r#"{{"services":{{"a":[{row},{row}]}}}}"#), Err("there twice"));
        check(r#"{"services":{"a":[{"id":"","address":"127.0.0.1:1"}]}}"#, Err("is empty"));
        check(r#"{"services":{"a":[{"id":"x","address":"127.0.0.1"}]}}"#, Err("socket address"));
        let found = read(format!(r#"{{"services":{{"a":[{row}]}}}}"#).as_bytes(), "a").unwrap().unwrap();
        assert_eq!((&*found[0].zone, found[0].weight_percent), ("z", 50));
    }

    #[test]
    fn an_unchanged_file_is_not_read_again_and_a_replaced_one_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("roster.json");
        assert!(look(&path, "a", None).is_err());
        std::fs::write(&path, r#"{"services":{"a":[]}}"#).unwrap();
        let (stamp, found) = look(&path, "a", None).unwrap().unwrap();
        assert_eq!(found, Some(Vec::new()));
        assert_eq!(look(&path, "a", Some(stamp)).unwrap(), None);
        // The same length, moved into its place as the supervisor does.
        let draft = folder.path().join("draft");
        std::fs::write(&draft, r#"{"services":{"b":[]}}"#).unwrap();
        std::fs::rename(&draft, &path).unwrap();
        assert_eq!(look(&path, "a", Some(stamp)).unwrap().unwrap().1, None);
    }
}
