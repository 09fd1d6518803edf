//! What services keep, and the store that comes with it.

// A panic is the report of a test, also in what only tests call.
#![allow(clippy::unwrap_used)]

use tempfile::TempDir;
use tenet_release::config::{Engine, Store};
use tenet_release::{Effective, Release, STORE, STORE_SERVES};

const FEED: &str = r#"syntax = "proto3";
package feed.v1;
import "google/protobuf/timestamp.proto";
import "tenet/policy/v1/policy.proto";
service Accounts { rpc Get(Plain) returns (Plain); }
service Timeline { rpc Get(Plain) returns (Plain); }
// Who is who.
message StoredUser {
  option (tenet.policy.v1.collection) = {
    key: "user_id"
    indexes: { name: "handle" fields: "handle" unique: true }
    ttl: { seconds: 60 }
  };
  string user_id = 1;
  string handle = 2;
}
message Post {
  option (tenet.policy.v1.collection) = { name: "posts" key: "user_id" item_key: "post_id" expire_field: "gone" };
  string user_id = 1;
  int64 post_id = 2;
  google.protobuf.Timestamp gone = 3;
}
message Plain { string id = 1; }
"#;

const CONFIG: &str = r#"name = "feed"
[services.accounts]
serves = ["feed.v1.Accounts"]
command = "bin/accounts"
keeps = ["feed.v1.StoredUser"]

[services.timeline]
serves = ["feed.v1.Timeline"]
command = "bin/timeline"
keeps = ["feed.v1.Post"]
"#;

fn project(config: &str, proto: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("proto")).unwrap();
    std::fs::write(folder.path().join("proto/feed.proto"), proto).unwrap();
    std::fs::write(folder.path().join("tenet.toml"), config).unwrap();
    folder
}

fn load(config: &str) -> Release {
    let folder = project(config, FEED);
    Release::load(folder.path()).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Everything that is wrong, the folder's random name taken out.
fn refused(config: &str, proto: &str) -> String {
    let folder = project(config, proto);
    let problems = Release::load(folder.path()).expect_err("it should be refused");
    problems.to_string().replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn a_release_that_keeps_something_has_the_store_as_a_service() {
    let release = load(CONFIG);
    let kept: Vec<(&str, &str, &str)> = release
        .collections()
        .into_iter()
        .map(|(service, schema)| (service, schema.name.as_str(), schema.message.as_str()))
        .collect();
    assert_eq!(
        kept,
        [("accounts", "stored-user", "feed.v1.StoredUser"), ("timeline", "posts", "feed.v1.Post")]
    );
    assert_eq!(release.service_of(STORE_SERVES), Some(STORE));
    let store = &release.config.services[STORE];
    assert!(store.command.is_none() && store.instances.is_empty() && store.dns.is_none());
    assert!(release.contract.method("tenet.store.v1.Store/Get").is_some());
    assert_eq!(release.config.store(), Some(Store::default()));
    assert!(release.effective("tenet.store.v1.Store/Put").is_some());

    let read = Release::from_bytes(&release.to_bytes()).unwrap();
    assert_eq!((read.hash, &read.config), (release.hash, &release.config));
    assert_eq!(read.collections(), release.collections());
}

#[test]
fn a_release_that_keeps_nothing_is_as_it_was() {
    let nothing = CONFIG.replace("keeps", "# keeps");
    let proto = "syntax = \"proto3\"; package feed.v1; message Plain { string id = 1; }\n\
                 service Accounts { rpc Get(Plain) returns (Plain); }\nservice Timeline { rpc Get(Plain) returns (Plain); }";
    let folder = project(&nothing, proto);
    let release = Release::load(folder.path()).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(release.config.store().is_none() && release.collections().is_empty());
    assert!(!release.config.services.contains_key(STORE));
    assert!(release.contract.service(STORE_SERVES).is_none());
    let bytes = release.to_bytes();
    for word in [&b"\"keeps\""[..], b"\"store\"", b"tenet/store"] {
        assert!(!bytes.windows(word.len()).any(|found| found == word), "{}", String::from_utf8_lossy(word));
    }
    // A store for nobody changes nothing.
    let folder = project(&format!("{nothing}[store]\n"), proto);
    assert_eq!(Release::load(folder.path()).unwrap().hash, release.hash);
    // The name is free while nothing is kept.
    let folder = project(&format!("{nothing}[services.store]\ncommand = \"bin/store\"\n"), proto);
    assert!(Release::load(folder.path()).is_ok());
}

#[test]
fn what_the_store_says_is_part_of_the_release() {
    let postgres =
        load(&format!("{CONFIG}[store]\nengine = \"postgres\"\nurl = \"env:STORE_URL\"\ninstances = 3\n"));
    let store = postgres.config.store().unwrap();
    assert_eq!((store.engine, store.instances), (Engine::Postgres, 3));
    assert_eq!(store.url_variable(), Some("STORE_URL"));
    assert_ne!(postgres.hash, load(CONFIG).hash);
    // Written defaults are no other release.
    assert_eq!(load(&format!("{CONFIG}[store]\nengine = \"embedded\"\n")).hash, load(CONFIG).hash);
}

#[test]
fn a_service_that_calls_the_store_may_say_so() {
    load(&CONFIG.replace("command = \"bin/accounts\"", "command = \"bin/accounts\"\ncalls = [\"store\"]"));
    let without = "[services.a]\nserves = [\"feed.v1.Accounts\"]\ncommand = \"a\"\ncalls = [\"store\"]\n";
    assert!(refused(without, FEED).contains("services.a.calls[0]: there is no service `store`"));
}

#[test]
fn each_wrong_thing_is_named_with_its_place_and_the_nearest_right_thing() {
    let accounts = |keeps: &str| CONFIG.replace("[\"feed.v1.StoredUser\"]", keeps);
    let with = |more: &str| format!("{CONFIG}{more}");
    let rows: &[(String, &[&str])] = &[
        (
            accounts("[\"feed.v1.StoredUsr\"]"),
            &[
                "services.accounts.keeps[0]: no contract declares a message `feed.v1.StoredUsr`",
                "--> tenet.toml:5:10",
                "hint: did you mean `feed.v1.StoredUser`?",
            ],
        ),
        (
            accounts("[\"StoredUser\"]"),
            &["no contract declares a message `StoredUser`", "did you mean `feed.v1.StoredUser`?"],
        ),
        (
            accounts("[\"feed.v1.StoredUser\", \"feed.v1.Plain\"]"),
            &[
                "services.accounts.keeps[1]: `feed.v1.Plain` has no option (tenet.policy.v1.collection)",
                "hint: write `option (tenet.policy.v1.collection) = { key: \"…\" };` into the message",
            ],
        ),
        (
            accounts("[\"feed.v1.StoredUser\", \"feed.v1.StoredUser\"]"),
            &["services.accounts.keeps[1]: `feed.v1.StoredUser` is there twice", "--> tenet.toml:5:32"],
        ),
        (
            accounts("[\"feed.v1.StoredUser\", \"feed.v1.Post\"]"),
            &[
                "services.timeline.keeps[0]: `feed.v1.Post` is already kept by `accounts`, and state has one owner",
                "hint: publish a method of `accounts` for what `timeline` needs of it",
            ],
        ),
        (
            accounts("[]"),
            &[
                "`feed.v1.StoredUser` is the schema of a collection, but no service keeps it",
                "--> proto/feed.proto:9:11",
                "option (tenet.policy.v1.collection) = {",
                "hint: write `keeps = [\"feed.v1.StoredUser\"]` for the service that owns it, or take the option away",
            ],
        ),
        (
            CONFIG.replace("accounts]", "user_data]"),
            &[
                "services.user_data.keeps: `user_data` is no name of a namespace in the store: it has an underscore",
                "hint: rename the service to `user-data`",
            ],
        ),
        (
            with("[services.store]\ncommand = \"bin/store\"\n"),
            &["services.store: the name is taken by the store that Tenet runs", "hint: rename the service"],
        ),
        (
            with("[services.other]\nserves = [\"tenet.store.v1.Store\"]\ncommand = \"bin/store\"\n"),
            &["services.other.serves[0]: `tenet.store.v1.Store` is served by the store that Tenet runs"],
        ),
        (
            with("[store]\nengine = \"postgress\"\n"),
            &["unknown value `postgress`", "did you mean `postgres`?"],
        ),
        (with("[store]\nengin = \"postgres\"\n"), &["unknown key `engin`", "did you mean `engine`?"]),
        (
            with("[store]\nengine = \"postgres\"\n"),
            &[
                "store.url: found none, expected where PostgreSQL is",
                "hint: `url = \"postgres://user@host:5432/database\"`",
            ],
        ),
        (
            with("[store]\nengine = \"postgres\"\nurl = \"env:U\"\n").replace("name = \"feed\"\n", ""),
            &[
                "store.engine: the engine `postgres` needs a `name` of the fleet",
                "--> tenet.toml:11:10",
                "hint: write `name = \"…\"` above all sections",
            ],
        ),
        (
            with("[store]\nurl = \"postgres://h/d\"\n"),
            &[
                "store.url: the engine `embedded` keeps its data in the state folder",
                "write `engine = \"postgres\"`",
            ],
        ),
        (
            with("[store]\nengine = \"postgres\"\nurl = \"mysql://u:secret@h/d\"\n"),
            &["store.url: expected it to begin with postgres:// or env:"],
        ),
        (
            with("[store]\nengine = \"postgres\"\nurl = \"STORE_URL\"\n"),
            &["store.url: expected", "hint: a variable is named by `env:NAME`"],
        ),
        (
            with("[store]\nengine = \"postgres\"\nurl = \"postgres://\"\n"),
            &["store.url: found no host in it"],
        ),
        (with("[store]\nengine = \"postgres\"\nurl = \"env:9\"\n"), &["store.url: found \"9\" after `env:`"]),
        (
            with("[store]\ninstances = 2\n"),
            &[
                "store.instances: found 2, expected 1: the engine `embedded` is a file of one process",
                "hint: the engine `postgres` takes any number",
            ],
        ),
        (with("[store]\ninstances = 0\n"), &["store.instances: found 0, expected 1 to 256"]),
        (
            with("[store]\nengine = \"postgres\"\nurl = \"env:U\"\ninstances = 257\n"),
            &["store.instances: found 257, expected 1 to 256"],
        ),
        (with("[services.accounts.quota]\nitem = 5\n"), &["unknown key `item`", "did you mean `items`?"]),
        (
            with("[services.accounts.quota]\nbytes = \"1 parsec\"\n"),
            &["found \"1 parsec\" with unit", "expected one of B, kB"],
        ),
        (
            with("[services.accounts.quota]\nrequests = 0\n"),
            &["services.accounts.quota.requests: found 0, expected more"],
        ),
        (
            with("[services.accounts.quota]\nburst = 5\n"),
            &[
                "services.accounts.quota.burst: it is how many `requests` may come at once",
                "hint: write `requests`",
            ],
        ),
        (
            with("[services.idle]\ncommand = \"bin/idle\"\n[services.idle.quota]\nitems = 5\n"),
            &["services.idle.quota: the service keeps nothing in the store", "hint: write what it keeps"],
        ),
        (
            with("[[services.accounts.databases]]\nurl = \"env:U\"\nusers = [\"a\"]\n"),
            &["missing field `name`"],
        ),
        (
            with("[[services.accounts.databases]]\nname = \"l\"\nurl = \"env:U\"\nuser = [\"a\"]\n"),
            &["unknown key `user`", "did you mean `users`?"],
        ),
        (
            with("[[services.accounts.databases]]\nname = \"Ledger\"\nurl = \"env:U\"\nusers = [\"a\"]\n"),
            &["services.accounts.databases[0].name: found \"Ledger\", expected 1 to 63 of a-z"],
        ),
        (
            with("[[services.accounts.databases]]\nname = \"l\"\nurl = \"U\"\nusers = [\"a\"]\n"),
            &["services.accounts.databases[0].url: expected", "hint: a variable is named by `env:NAME`"],
        ),
        (
            with("[[services.accounts.databases]]\nname = \"l\"\nurl = \"env:U\"\n"),
            &["services.accounts.databases[0]: found neither `users` nor `applications`", "hint: `users ="],
        ),
        (
            with(
                "[[services.accounts.databases]]\nname = \"l\"\nurl = \"env:U\"\napplications = [\"a\", \"a\"]\n",
            ),
            &["services.accounts.databases[0].applications[1]: \"a\" is there twice"],
        ),
        (
            with(
                "[[services.accounts.databases]]\nname = \"l\"\nurl = \"env:U\"\nusers = [\"a\"]\nknown_users = [\"b\", \"a\"]\n",
            ),
            &["services.accounts.databases[0].known_users[1]: \"a\" is among `users`"],
        ),
        (
            with(
                "[[services.accounts.databases]]\nname = \"l\"\nurl = \"env:U\"\nusers = [\"a\"]\n[[services.accounts.databases]]\nname = \"l\"\nurl = \"env:V\"\nusers = [\"a\"]\n",
            ),
            &["services.accounts.databases[1].name: `l` is there twice"],
        ),
        (
            with("[store]\nknown_users = [\"dba\"]\n"),
            &["store.known_users: the engine `embedded` is a file without users"],
        ),
        (
            with("[store]\nengine = \"postgres\"\nurl = \"env:U\"\nknown_users = [\"dba\", \"dba\"]\n"),
            &["store.known_users[1]: \"dba\" is there twice"],
        ),
        (
            with("[store]\nengine = \"postgres\"\nurl = \"env:U\"\nknown_users = [\"\"]\n"),
            &["store.known_users[0]: found \"\", expected a name of PostgreSQL, 1 to 63 bytes"],
        ),
        (
            with("[store]\nengine = \"postgres\"\nurl = \"postgres://me:p@h/d\"\nknown_users = [\"me\"]\n"),
            &["store.known_users[0]: \"me\" is the store's own user"],
        ),
    ];
    for (config, expected) in rows {
        let text = refused(config, FEED);
        for part in *expected {
            assert!(text.contains(part), "expected {part:?} of:\n{config}\nfound:\n{text}");
        }
        assert_eq!(text.matches("error: ").count(), 1, "{config}\n{text}");
        // What is written under `url` may have a password.
        assert!(!text.replace("url = \"mysql://u:secret@h/d\"", "").contains("secret"), "{text}");
    }
}

#[test]
fn two_messages_of_one_name_are_told_apart_by_their_option() {
    let proto = FEED.replace("name: \"posts\" key", "name: \"stored-user\" key");
    let apart = refused(
        &CONFIG
            .replace("[\"feed.v1.StoredUser\"]", "[\"feed.v1.StoredUser\", \"feed.v1.Post\"]")
            .replace("keeps = [\"feed.v1.Post\"]", ""),
        &proto,
    );
    assert!(apart.contains("services.accounts.keeps[1]: `feed.v1.Post` and `feed.v1.StoredUser` are both kept as `stored-user`"), "{apart}");
    assert!(apart.contains("hint: give one of them a `name`"), "{apart}");
    // In namespaces of their own they do not meet.
    let folder = project(CONFIG, &proto);
    assert!(Release::load(folder.path()).is_ok());
}

fn shown(values: &[Effective]) -> String {
    let line =
        |value: &Effective| format!("{} = {} <- {}\n", value.what, value.winner.value, value.winner.source);
    values.iter().map(line).collect()
}

#[test]
fn how_a_message_is_kept_is_explained() {
    let release = load(&format!("{CONFIG}[store]\nengine = \"postgres\"\nurl = \"postgres://u:p@h/d\"\n"));
    let mut text = shown(&release.effective_collection("feed.v1.StoredUser").unwrap());
    text.push('\n');
    text.push_str(&shown(&release.effective_collection("feed.v1.Post").unwrap()));
    insta::assert_snapshot!(text);
    assert!(release.effective_collection("feed.v1.Plain").is_none());
}
