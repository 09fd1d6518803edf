//! A project folder becomes a release: the same everywhere, whole or refused with everything that is wrong.

// A panic is the report of a test, also in what only tests call.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tenet_release::{Current, Release, ReleaseDir, ReleaseHash};

const ACCOUNTS: &str = r#"syntax = "proto3";
package feed.accounts.v1;
import "google/api/annotations.proto";
import "google/protobuf/empty.proto";
import "tenet/policy/v1/policy.proto";
// Who is who.
service Accounts {
  option (tenet.policy.v1.service) = { group: "user-data" owner: "team-feed" };
  // One user.
  rpc GetUser(GetUserRequest) returns (User) {
    option idempotency_level = NO_SIDE_EFFECTS;
    option (google.api.http) = { get: "/v1/users/{user_id}" };
    option (tenet.policy.v1.method) = { deadline: { nanos: 500000000 } priority: CRITICAL errors: { code: "NOT_FOUND" description: "no such user" } };
  }
  rpc Slow(GetUserRequest) returns (google.protobuf.Empty) {
    option (tenet.policy.v1.method) = { deadline: { seconds: 60 } };
  }
  rpc Plain(GetUserRequest) returns (google.protobuf.Empty);
}
message GetUserRequest { string user_id = 1; }
message User { string user_id = 1; string name = 2; }
"#;

const CONFIG: &str = r#"
[services.accounts]
serves = ["feed.accounts.v1.Accounts"]
command = "bin/accounts"
deadline = "5s"
auto_bindings = true
json = { strict = true }

[services.old]
instances = [{ address = "127.0.0.1:9", zone = "a" }]

[[http]]
prefix = "/legacy"
service = "old"
"#;

fn project(config: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let protos = folder.path().join("proto/feed/accounts/v1");
    std::fs::create_dir_all(&protos).unwrap();
    std::fs::write(protos.join("accounts.proto"), ACCOUNTS).unwrap();
    std::fs::write(folder.path().join("tenet.toml"), config).unwrap();
    folder
}

fn load(config: &str) -> Release {
    let folder = project(config);
    Release::load(folder.path()).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Everything that is wrong, the folder's random name taken out.
fn refused(config: &str) -> String {
    let folder = project(config);
    let problems = Release::load(folder.path()).expect_err("it should be refused");
    problems.to_string().replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn the_same_inputs_give_the_same_release_wherever_they_lie() {
    let (one, other) = (load(CONFIG), load(CONFIG));
    assert_eq!(one.hash, other.hash);
    assert_ne!(one.name, other.name, "the folder's name is not part of it");
    // What is only spelled otherwise is the same release; what is meant otherwise is another.
    let respelled = CONFIG.replace("\"5s\"", "\"5000ms\"") + "# a comment\n[gateway]\ndrain = \"10s\"\n";
    assert_eq!(load(&respelled).hash, one.hash);
    assert_ne!(load(&CONFIG.replace("\"5s\"", "\"6s\"")).hash, one.hash);
}

#[test]
fn a_release_survives_its_bundle() {
    let release = load(CONFIG);
    let bytes = release.to_bytes();
    let read = Release::from_bytes(&bytes).unwrap();
    assert_eq!((read.hash, &read.config), (release.hash, &release.config));
    assert_eq!(read.to_bytes(), bytes);
    let names = |release: &Release| -> Vec<String> {
        release.contract.endpoints.iter().map(|endpoint| endpoint.name.clone()).collect()
    };
    assert_eq!(names(&read), names(&release));
    assert_eq!(ReleaseHash::of(&bytes[..bytes.len() - 32]), release.hash);
}

#[test]
fn a_damaged_bundle_is_refused_and_says_how() {
    let bytes = load(CONFIG).to_bytes();
    let with = |at: usize, byte: u8| {
        let mut copy = bytes.clone();
        copy[at] = byte;
        copy
    };
    for (damaged, expected) in [
        (Vec::new(), "not a release bundle"),
        (b"tenet release\0".to_vec(), "inside the head"),
        (bytes[..20].to_vec(), "before its hash"),
        (bytes[..bytes.len() - 1].to_vec(), "does not match its hash"),
        (with(0, b'T'), "not a release bundle"),
        (with(15, 9), "format 9, expected 1"),
        (with(40, b'~'), "does not match its hash"),
    ] {
        let error = Release::from_bytes(&damaged).expect_err(expected).to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn a_bundle_with_a_right_hash_around_wrong_parts_is_refused() {
    let sealed = |config: &[u8], contract: &[u8], tail: &[u8]| {
        let mut out = b"tenet release\0\x00\x01".to_vec();
        for part in [config, contract] {
            out.extend_from_slice(&u32::try_from(part.len()).unwrap().to_be_bytes());
            out.extend_from_slice(part);
        }
        out.extend_from_slice(tail);
        let hash = ReleaseHash::of(&out);
        out.extend_from_slice(hash.as_bytes());
        out
    };
    let mut endless = b"tenet release\0\x00\x01\xff\xff\xff\xff".to_vec();
    let hash = ReleaseHash::of(&endless);
    endless.extend_from_slice(hash.as_bytes());
    for (bundle, expected) in [
        (sealed(b"{", b"", b""), "configuration in the release bundle"),
        (sealed(br#"{"new_key": 1}"#, b"", b""), "another version of Tenet"),
        (sealed(b"{}", b"\xff\xff", b""), "contracts in the release bundle"),
        (sealed(b"{}", b"", b"x"), "1 bytes after the contracts"),
        (endless, "inside the configuration"),
    ] {
        let error = Release::from_bytes(&bundle).expect_err(expected).to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn the_smallest_deadline_wins_and_every_value_says_where_it_came_from() {
    let release = load(CONFIG);
    let deadline = |name: &str| {
        let (_, method) = release.contract.method(&format!("feed.accounts.v1.Accounts/{name}")).unwrap();
        release.deadline(method)
    };
    assert_eq!(deadline("GetUser"), Some(Duration::from_millis(500)));
    assert_eq!(deadline("Slow"), Some(Duration::from_secs(5)));
    assert_eq!(deadline("Plain"), Some(Duration::from_secs(5)));
    let without = load(&CONFIG.replace("deadline = \"5s\"", ""));
    let (_, slow) = without.contract.method("feed.accounts.v1.Accounts/Slow").unwrap();
    assert_eq!(without.deadline(slow), Some(Duration::from_secs(60)), "nobody wrote the 15 seconds");
    let (_, plain) = without.contract.method("feed.accounts.v1.Accounts/Plain").unwrap();
    assert_eq!(without.deadline(plain), Some(Duration::from_secs(15)));
    let toml = CONFIG.replace("deadline = \"5s\"", "deadline = \"20s\"");
    let longer = load(&toml);
    assert_eq!(longer.deadline(plain), Some(Duration::from_secs(20)));
    let written = load(&format!("{toml}[gateway]\ndeadline = \"15s\"\n"));
    assert_eq!(written.deadline(slow), Some(Duration::from_secs(15)), "now somebody did");
    let shorter =
        load(&format!("{}[gateway]\nmax_deadline = \"4s\"\n", CONFIG.replace("deadline = \"5s\"", "")));
    assert_eq!(shorter.deadline(plain), Some(Duration::from_secs(4)));

    let mut text = String::new();
    for effective in release.effective("feed.accounts.v1.Accounts/GetUser").unwrap() {
        let winner = &effective.winner;
        text.push_str(&format!("{} = {} <- {}\n", effective.what, winner.value, winner.source));
        for loser in &effective.losers {
            text.push_str(&format!("    not {} <- {}\n", loser.value, loser.source));
        }
    }
    insta::assert_snapshot!(text);
    assert!(release.effective("feed.accounts.v1.Accounts/Nothing").is_none());
}

#[test]
fn a_stream_has_no_deadline_but_what_was_said_of_it() {
    let streaming = |options: &str, toml: &str| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("proto")).unwrap();
        let proto = format!(
            "syntax = \"proto3\"; package s.v1; import \"tenet/policy/v1/policy.proto\"; message M {{}}\n\
             service S {{ rpc Watch(M) returns (stream M) {{ {options} }} }}"
        );
        std::fs::write(folder.path().join("proto/s.proto"), proto).unwrap();
        let toml = format!("[services.s]\nserves = [\"s.v1.S\"]\ncommand = \"true\"\n{toml}");
        std::fs::write(folder.path().join("tenet.toml"), toml).unwrap();
        let release = Release::load(folder.path()).unwrap_or_else(|problems| panic!("{problems}"));
        let (_, method) = release.contract.method("s.v1.S/Watch").unwrap();
        release.deadline(method)
    };
    let minute = "option (tenet.policy.v1.method) = { deadline: { seconds: 60 } };";
    let hour = "option (tenet.policy.v1.method) = { deadline: { seconds: 3600 } };";
    assert_eq!(streaming("", ""), None);
    assert_eq!(streaming(minute, ""), Some(Duration::from_secs(60)));
    assert_eq!(streaming(minute, "deadline = \"5s\""), Some(Duration::from_secs(5)));
    assert_eq!(streaming(hour, ""), Some(Duration::from_secs(300)), "the gateway's max_deadline");
}

#[test]
fn everything_that_is_wrong_with_a_project_is_said_at_once() {
    insta::assert_snapshot!(refused(
        r#"
[services.accounts]
serves = ["feed.acounts.v1.Accounts", "Accounts", "feed.accounts.v1.Accounts"]
command = "bin/accounts"
instances = [{ address = "127.0.0.1:1" }, { address = "127.0.0.1:1" }]
calls = ["timelin"]
zones = ["a", "a", "B"]

[services.timeline]
serves = ["feed.accounts.v1.Accounts"]
command = "bin/timeline 'x"
protocol = "http2"

[services.nothing]
env = { TENET_ZONE = "z" }

[[http]]
prefix = "/v1/users/legacy"
service = "nothng"

[[http]]
prefix = "/docs/"
service = "timeline"
methods = ["get"]

[gateway]
deadline = "10min"
trusted_proxies = ["10.0.0.1/8"]
authorities = ["api.example.com:443"]
limits = { target = "64KiB", stream_window = 1000 }
"#
    ));
}

#[test]
fn what_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let problems = Release::load(folder.path()).unwrap_err().to_string();
    assert!(
        problems.contains("cannot read tenet.toml") && problems.contains("hint: a project is"),
        "{problems}"
    );
    std::fs::write(folder.path().join("tenet.toml"), b"name = \"\xff\"").unwrap();
    let problems = Release::load(folder.path()).unwrap_err().to_string();
    assert!(problems.contains("byte 8 is not UTF-8"), "{problems}");
    // A wrong contract is reported together with a wrong tenet.toml.
    let folder = project(
        "[gateway]\ndeadline = \"0s\"\n[services.a]\nserves = [\"feed.accounts.v1.Accounts\"]\ncommand = \"x\"\n",
    );
    std::fs::write(
        folder.path().join("proto/broken.proto"),
        "syntax = \"proto3\";\nmessage A { strin a = 1; }\n",
    )
    .unwrap();
    let problems = Release::load(folder.path()).unwrap_err();
    let text = problems.to_string();
    assert!(
        problems.len() >= 2 && text.contains("gateway.deadline") && text.contains("broken.proto:2"),
        "{text}"
    );
}

#[test]
fn a_project_of_plain_http_needs_no_contract() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[services.old]\ninstances = [{ address = \"127.0.0.1:9\" }]\n[[http]]\nprefix = \"/\"\nservice = \"old\"\n";
    std::fs::write(folder.path().join("tenet.toml"), config).unwrap();
    let release = Release::load(folder.path()).unwrap();
    assert!(release.contract.services.is_empty());
    assert_eq!(Release::from_bytes(&release.to_bytes()).unwrap().hash, release.hash);
}

#[test]
fn the_state_folder_keeps_releases_and_counts_switches() {
    let folder = tempfile::tempdir().unwrap();
    let dir = ReleaseDir::of_project(folder.path());
    assert!(dir.load_current().unwrap().is_none());
    let release = load(CONFIG);
    assert_eq!(dir.epoch_for(release.hash).unwrap(), 1);
    dir.keep(&release).unwrap();
    dir.switch(Current { hash: release.hash, epoch: 1 }).unwrap();
    assert_eq!(dir.epoch_for(release.hash).unwrap(), 1, "it serves already");
    let other = load(&CONFIG.replace("\"5s\"", "\"6s\""));
    assert_eq!(dir.epoch_for(other.hash).unwrap(), 2);
    let (read, epoch) = dir.load_current().unwrap().unwrap();
    assert_eq!((read.hash, epoch), (release.hash, 1));
    assert_eq!(dir.prepared().unwrap(), None);
    let coming = Current { hash: other.hash, epoch: 2 };
    dir.prepare(coming).unwrap();
    assert_eq!(dir.prepared().unwrap(), Some(coming));
    assert_eq!(dir.current().unwrap().unwrap().hash, release.hash, "it does not serve yet");

    // A file that was cut off is written again rather than believed.
    let path = dir.bundle_path(release.hash);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(dir.load(release.hash).unwrap_err().to_string().contains("does not match its hash"));
    dir.keep(&release).unwrap();
    assert_eq!(dir.load(release.hash).unwrap().hash, release.hash);
    // A bundle under another's name is not that release.
    std::fs::copy(&path, dir.bundle_path(other.hash)).unwrap();
    assert!(dir.load(other.hash).unwrap_err().to_string().contains("holds release"));
    assert!(Path::new(&dir.roster_path()).ends_with(".tenet/run/roster.json"));
}
