//! A process that is told by its environment, as the runner tells it: where the store is, and by an inherited descriptor which
//! service it is.

use super::contract::{Note, SET, note};
use super::stage::{MADE, Stage};
use command_fds::{CommandFdExt, FdMapping};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};
use tenet_client::store::Store;
use tenet_service::PropagateLayer;

/// Set for a child of this test: what it writes.
const CHILD: &str = "NOTES_CHILD";
/// The descriptor of its secret, as it sees it.
const DESCRIPTOR: i32 = 3;

/// What a child does; in the tests' own process, nothing.
#[tokio::test]
async fn child() {
    let Ok(text) = std::env::var(CHILD) else { return };
    let store = Store::from_env(PropagateLayer).unwrap();
    // The secret was read, and is not read again.
    let store = Store::from_env(tower_layer::Identity::new()).map(|_| store).unwrap();
    store.collection::<Note>(&SET).unwrap().put(&note("child", 1, &text)).await.unwrap();
    let direct = std::env::var_os("TENET_ROSTER").is_some();
    assert_eq!(store.client().is_some(), direct, "there is a client to be shown where instances are called");
}

fn run(facts: &[(&str, &str)], secret: &str) -> Output {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(secret.as_bytes()).unwrap();
    drop(writer);
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "store::environment::child", "--nocapture"]);
    for name in ["TENET_ROSTER", "TENET_PRIVATE_URL", "TENET_STORE_URL", "TENET_ZONE"] {
        command.env_remove(name);
    }
    command.env("TENET_SERVICE", "notes").env("TENET_STORE_SECRET_FD", DESCRIPTOR.to_string());
    command.envs(facts.iter().copied());
    command.fd_mappings(vec![FdMapping { parent_fd: reader.into(), child_fd: DESCRIPTOR }]).unwrap();
    command.output().unwrap()
}

fn roster(folder: &Path, stage: &Stage) -> String {
    let path = folder.join("roster.json");
    let row = format!(r#"{{"id":"store-1","address":"{}","zone":"a"}}"#, stage.addresses[0]);
    std::fs::write(&path, format!(r#"{{"services":{{"store":[{row}]}}}}"#)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_environment_says_all_that_a_service_needs() {
    let stage = Stage::one().await;
    let folder = tempfile::tempdir().unwrap();
    let (roster, url) = (roster(folder.path(), &stage), format!("http://{}", stage.addresses[0]));
    for (facts, secret, expected) in [
        (&[("TENET_ROSTER", roster.as_str())][..], MADE, Ok("by roster")),
        (&[("TENET_PRIVATE_URL", url.as_str())], MADE, Ok("by url")),
        (&[], MADE, Err("TENET_ROSTER is not set")),
        (&[("TENET_ROSTER", roster.as_str())], &"0".repeat(64), Err("the store refuses this service")),
        (&[("TENET_ROSTER", roster.as_str())], "hush", Err("descriptor 3: found 4 bytes")),
        (&[("TENET_ROSTER", roster.as_str()), ("TENET_SERVICE", "")], MADE, Err("TENET_SERVICE is not set")),
    ] {
        let text = expected.unwrap_or("none");
        let facts: Vec<_> = facts.iter().copied().chain([(CHILD, text)]).collect();
        let secret = secret.to_owned();
        let (names, written) = (format!("{facts:?}"), secret.clone());
        let facts: Vec<(String, String)> =
            facts.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let output = tokio::task::spawn_blocking(move || {
            let facts: Vec<_> = facts.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            run(&facts, &secret)
        });
        let output = output.await.unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(!said.contains(&written), "the secret is shown: {names}");
        match expected {
            Ok(text) => {
                assert!(output.status.success(), "{names}: {said}");
                assert_eq!(stage.of::<Note>().get(("child", 1)).await.unwrap().unwrap().text, text);
            }
            Err(part) => assert!(!output.status.success() && said.contains(part), "{names}: {said}"),
        }
    }
}

#[tokio::test]
async fn any_channel_carries_calls() {
    let stage = Stage::one().await;
    let uri = format!("http://{}", stage.addresses[0]).parse().unwrap();
    let store = Store::over(tenet_service::channel_to(uri), "notes", MADE).unwrap();
    let notes = store.collection::<Note>(&SET).unwrap();
    notes.put(&note("ann", 1, "one")).await.unwrap();
    assert_eq!(notes.scan(..).collect().await.unwrap().len(), 1);
    assert!(store.client().is_none());
}
