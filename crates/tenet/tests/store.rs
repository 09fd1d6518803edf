//! The store under `tenet up`: what is kept stays, whoever dies; who may call; collections that come with a release.

// A panic is the report of a test, also in what only tests call.
#![allow(clippy::unwrap_used)]

#[path = "support/kept.rs"]
mod kept;
// The engine's own tests have servers that end with the test.
#[allow(dead_code)]
#[path = "../../store/tests/support/postgres.rs"]
mod postgres;
// A file beside this one would be a test of its own.
#[path = "support/support.rs"]
mod support;

use kept::{Kept, secret, store};
use nix::fcntl::{Flock, FlockArg};
use serde_json::Value;
use std::fs::File;
use support::{Project, Up, alive, eventually, get, service, tenet};
use tonic::Code;

/// Not a test: what the services of these tests run.
#[test]
#[ignore = "runs only as a child of the other tests"]
fn serve_as_a_service() {
    service::run();
}

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, tonic::Status>, code: Code, says: &str) {
    let status = answer.unwrap_err();
    assert!(status.code() == code && status.message().contains(says), "{code:?} {says:?}: {status:?}");
}

/// Waits until the console shows something of the store.
fn shown(up: &Up, what: &str, holds: impl Fn(&Value, &[Value]) -> bool) {
    let console = up.state()["console"].as_str().unwrap().parse().unwrap();
    eventually(what, || {
        let live = support::live(console)?;
        let processes = live["processes"].as_array()?;
        let up: Vec<Value> = processes.iter().filter(|process| process["up"] == true).cloned().collect();
        holds(&live["store"], &up).then_some(())
    });
}

fn of_role(processes: &[Value], role: &str) -> usize {
    processes.iter().filter(|process| process["role"] == role).count()
}

fn reload(project: &Project, status: i32, says: &str) {
    let (found, text) = tenet(&["reload", project.path()]);
    assert!(found == Some(status) && text.contains(says), "{says:?}: {text}");
}

#[test]
fn what_is_kept_survives_a_killed_store_a_restart_and_the_end() {
    let project = Project::keeping(&["a"], &["Note"]);
    let mut up = Up::start(&project, &[]);
    let web = Kept::of(&up);
    let version = web.put("note", "n1", "first").unwrap();
    assert!(version > 0);
    // The store is a service as others are: who has no client of ours comes by the gateways' private door.
    let private = up.state()["private"].as_str().unwrap().parse().unwrap();
    let by_gateway = Kept::at(private, &secret(&up));
    assert_eq!(by_gateway.get("note", "n1").unwrap().as_deref(), Some("first"));
    refused(Kept::at(up.public(), &secret(&up)).get("note", "n1"), Code::Unimplemented, "");

    support::kill(up.member("store-1")["pid"].as_u64().unwrap());
    assert_eq!(web.get_soon("note", "n1").as_deref(), Some("first"));
    eventually("the keeper to say so", || up.output().contains("serves again").then_some(()));
    web.put("note", "n2", "second").unwrap();

    let (status, text) = tenet(&["restart", project.path()]);
    assert!(status == Some(0) && text.contains("store-1 was replaced"), "{text}");
    assert_eq!(web.get_soon("note", "n2").as_deref(), Some("second"));

    let before = secret(&up);
    let children = up.children();
    assert_eq!(children.len(), 4, "2 gateways, the store and the instance: {children:?}");
    assert_eq!(up.stop(), Some(0));
    children.iter().for_each(|pid| assert!(!alive(*pid), "{pid} is left"));

    let mut again = Up::start(&project, &[]);
    let web = Kept::of(&again);
    assert_eq!(web.get("note", "n1").unwrap().as_deref(), Some("first"));
    assert_eq!(web.get("note", "n2").unwrap().as_deref(), Some("second"));
    assert!(web.put("note", "n3", "third").unwrap() > version);
    refused(
        Kept::at(store(&again, 1), &before).get("note", "n1"),
        Code::Unauthenticated,
        "No service is known",
    );
    assert_eq!(again.stop(), Some(0));
}

#[test]
fn a_service_is_known_by_its_secret_and_reaches_its_own_state_alone() {
    let project = Project::keeping(&["a"], &["Note"]);
    let mut up = Up::start(&project, &[]);
    let (address, secret) = (store(&up, 1), secret(&up));
    let web = Kept::at(address, &secret);
    web.put("note", "n1", "mine").unwrap();
    refused(Kept::at(address, "a guess").get("note", "n1"), Code::Unauthenticated, "No service is known");
    refused(Kept::at(address, &secret).asking_for("other").get("note", "n1"), Code::NotFound, "no namespace");
    refused(web.get("nota", "n1"), Code::NotFound, "Did you mean \"note\"?");
    // Neither the environment of a service nor a file says the secret.
    assert!(!get(up.public(), "/web/who").unwrap().contains(&secret));
    for file in
        ["run/store-access.json", "run/up.json", "run/roster.json", "run/prepared.json", "current.json"]
    {
        let text = std::fs::read_to_string(project.state_dir().join(file)).unwrap();
        assert!(!text.contains(&secret), "{file}");
    }
    let metrics = get(address, "/metrics").unwrap();
    for line in [
        "tenet_store_engine_info{engine=\"embedded\"} 1",
        "tenet_store_commits_total{namespace=\"web\",collection=\"note\",outcome=\"done\"} 1",
        "tenet_store_batch_count{engine=\"embedded\",operation=\"commit\"} 1",
        "tenet_service_process_info{service=\"store\",instance=\"store-1\",zone=\"a\"",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn a_release_brings_its_collections_and_takes_them_along_without_what_is_in_them() {
    let project = Project::keeping(&["a"], &[]);
    let mut up = Up::start(&project, &[]);
    assert_eq!(up.children().len(), 3, "nothing is kept: there is no store");
    shown(&up, "no store on the console", |store, up| store.is_null() && of_role(up, "gateway") == 2);

    project.keep(&["Note"]);
    reload(&project, 0, "starting the store (embedded)");
    let pid = up.member("store-1")["pid"].clone();
    let web = Kept::of(&up);
    web.put("note", "n1", "kept").unwrap();
    shown(&up, "the store and what was written on the console", |store, up| {
        let notes = &store["collections"][0];
        let written =
            notes["calls"].as_array().is_some_and(|calls| calls.iter().any(|of| of["kind"] == "put"));
        store["engine"] == "embedded" && notes["namespace"] == "web" && written && of_role(up, "store") == 1
    });
    refused(web.put("tag", "t1", "too early"), Code::NotFound, "There is no collection");

    project.keep(&["Note", "Tag"]);
    reload(&project, 0, "serves everywhere, epoch 3");
    web.put("tag", "t1", "in time").unwrap();
    assert_eq!(web.get("note", "n1").unwrap().as_deref(), Some("kept"));
    assert_eq!(up.member("store-1")["pid"], pid, "it was not started anew");

    project.write(&(project.config() + "[store]\nengine = \"postgres\"\nurl = \"postgres://nowhere/x\"\n"));
    reload(&project, 1, "engine and url cannot change while the store runs");
    assert_eq!(web.get("note", "n1").unwrap().as_deref(), Some("kept"));
    project.write(&project.config().replace("engine = \"postgres\"\nurl = \"postgres://nowhere/x\"\n", ""));

    project.keep(&["Tag"]);
    reload(&project, 0, "serves everywhere, epoch 4");
    refused(web.get("note", "n1"), Code::NotFound, "There is no collection");

    project.keep(&[]);
    reload(&project, 0, "serves everywhere, epoch 5");
    shown(&up, "the store to leave the console", |_, up| of_role(up, "store") == 0);
    assert!(!alive(pid.as_u64().unwrap()) && up.children().len() == 3, "the store has nothing to do");

    project.keep(&["Note", "Tag"]);
    reload(&project, 0, "serves everywhere, epoch 6");
    let web = Kept::of(&up);
    assert_eq!(
        web.get("note", "n1").unwrap().as_deref(),
        Some("kept"),
        "what left the release was not removed"
    );
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn a_folder_has_one_owner_who_is_named() {
    let project = Project::keeping(&["a"], &["Note"]);
    let mut up = Up::start(&project, &[]);
    let pid = up.member("store-1")["pid"].as_u64().unwrap();
    let folder = project.state_dir();
    let arguments = ["store", "serve", "--listen", "127.0.0.1:0", "--state-dir", folder.to_str().unwrap()];
    let (status, text) = tenet(&arguments);
    assert!(status == Some(1) && text.contains(&format!("is open in another process ({pid})")), "{text}");
    assert_eq!(up.stop(), Some(0));

    let lock = File::options().write(true).open(folder.join("store/store.lock")).unwrap();
    let held = Flock::lock(lock, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| error).unwrap();
    let arguments = ["up", project.path(), "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0"];
    let (status, text) = tenet(&arguments);
    assert_eq!(status, Some(1), "{text}");
    for says in ["[store-1]", "is open in another process", "store-1 died", "one owner at a time"] {
        assert!(text.contains(says), "{says}: {text}");
    }
    drop(held);
    assert_eq!(Up::start(&project, &[]).stop(), Some(0));
}

#[test]
fn a_drill_takes_the_only_store_by_its_name_and_not_with_its_zone() {
    let project = Project::keeping(&["a", "b"], &["Note"]);
    let mut up = Up::start(&project, &[]);
    let web = Kept::of(&up);
    web.put("note", "n1", "kept").unwrap();
    let pid = up.member("store-1")["pid"].clone();
    let drill = |what: &[&str]| {
        let quick =
            ["--rps", "50", "--before", "1s", "--during", "1s", "--after", "1s", "--only-stated-limits"];
        tenet(&[&["drill"], what, &[project.path()], &quick].concat())
    };
    let (_, text) = drill(&["lose-zone", "a"]);
    assert!(text.contains("store-1 is not meant"), "{text}");
    assert_eq!(up.member("store-1")["pid"], pid, "{text}");
    let (_, text) = drill(&["lose-instance", "store-1"]);
    eventually("another process", || (up.member("store-1")["pid"] != pid).then_some(()));
    assert_eq!(web.get_soon("note", "n1").as_deref(), Some("kept"), "{text}");
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn a_service_that_is_not_run_here_has_its_secret_in_a_file_that_stays() {
    let project = Project::keeping(&["a"], &["Note"]);
    let keeps = "keeps = [\"notes.v1.Note\"]\n";
    let elsewhere = "[services.other-one]\n";
    let config = project.config().replace(keeps, "").replace(elsewhere, &format!("{elsewhere}{keeps}"));
    project.write(&config);
    let path = project.state_dir().join("run/store-secrets/other-one");
    let mut secrets = Vec::new();
    for turn in ["first", "second"] {
        let mut up = Up::start(&project, &[]);
        let said = format!(
            "other-one keeps something and is not run here: it needs TENET_STORE_SECRET_FILE={}",
            path.canonicalize().unwrap().display()
        );
        assert!(up.output().contains(&said), "{said}: {}", up.output());
        let secret = std::fs::read_to_string(&path).unwrap();
        let other = Kept::at(store(&up, 1), &secret).asking_for("other-one");
        other.put("note", turn, "kept").unwrap();
        assert_eq!(other.get("note", "first").unwrap().as_deref(), Some("kept"));
        secrets.push(secret);
        assert_eq!(up.stop(), Some(0));
    }
    assert_eq!(secrets[0], secrets[1]);
}

#[test]
fn on_postgresql_several_processes_are_one_store_of_one_fleet() {
    // What is set to lose data is refused.
    let Some(mut server) = postgres::Server::start("several processes are one store", &["fsync=on"]) else {
        return;
    };
    let url = server.url();
    let database = [("DATABASE_URL", &url[..])];
    let table = "[store]\nengine = \"postgres\"\nurl = \"env:DATABASE_URL\"\ninstances = 2\n";
    let project = Project::keeping(&["a"], &["Note"]);
    project.write(&(project.config() + table));
    let mut up = Up::start_with(&project, &[], &database);
    let secret = secret(&up);
    let (first, second) = (Kept::at(store(&up, 1), &secret), Kept::at(store(&up, 2), &secret));
    first.put("note", "n1", "by the first").unwrap();
    assert_eq!(second.get("note", "n1").unwrap().as_deref(), Some("by the first"));
    second.put("note", "n1", "by the second").unwrap();
    assert_eq!(first.get("note", "n1").unwrap().as_deref(), Some("by the second"));
    assert!(!get(up.public(), "/web/who").unwrap().contains("DATABASE_URL"), "it is the store's alone");
    support::kill(up.member("store-1")["pid"].as_u64().unwrap());
    assert_eq!(second.get("note", "n1").unwrap().as_deref(), Some("by the second"));
    assert_eq!(first.get_soon("note", "n1").as_deref(), Some("by the second"));

    let other = Project::keeping(&["a"], &["Note"]);
    other.write(&(other.config().replace("\"test-project\"", "\"another\"") + table));
    let arguments = ["up", other.path(), "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0"];
    let output = support::command(&arguments).envs(database).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("belongs to \"test-project\""), "{text}");

    let (status, text) = tenet(&["restart", project.path()]);
    assert!(status == Some(0) && text.contains("store-2 was replaced"), "{text}");
    assert_eq!(first.get_soon("note", "n1").as_deref(), Some("by the second"));

    // Nobody has to ask for something: upkeep finds out.
    let away = |store: &Value| store["problems"].as_array().map_or(0, Vec::len);
    shown(&up, "both processes with their engine", |store, up| {
        store["engine"] == "postgres" && of_role(up, "store") == 2 && away(store) == 0
    });
    server.stop();
    shown(&up, "that both cannot reach it", |store, up| of_role(up, "store") == 2 && away(store) == 2);
    server.restart();
    shown(&up, "that both reach it again", |store, _| away(store) == 0);

    // Who else is on the database is noticed by each of them, until the release says that it is no stranger.
    let mut stranger = server.session("application_name=curious", "SELECT 'what they ran'");
    for number in [1, 2] {
        eventually("the stranger to be counted", || {
            let page = get(store(&up, number), "/metrics").ok()?;
            page.contains("tenet_foreign_sessions{database=\"store\"} 1\n").then_some(())
        });
    }
    eventually("the stranger to be named", || {
        let said = up.output();
        let who = "user postgres from 127.0.0.1, application \"curious\"";
        (said.contains(who) && said.contains("It ran: SELECT 'what they ran'")).then_some(())
    });
    project.write(&(project.config() + "known_users = [\"postgres\"]\n"));
    reload(&project, 0, "serves everywhere");
    eventually("the stranger to be known", || {
        let page = get(store(&up, 1), "/metrics").ok()?;
        page.contains("tenet_foreign_sessions{database=\"store\"} 0\n").then_some(())
    });
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn a_database_that_a_service_calls_its_own_is_watched_without_a_store() {
    let Some(server) = postgres::Server::start("a database of a service's own", &[]) else { return };
    let url = server.url();
    let table = |more: &str| {
        format!(
            "[[services.web.databases]]\nname = \"ledger\"\nurl = \"env:LEDGER_URL\"\nusers = [\"app\"]\n{more}"
        )
    };
    let project = Project::keeping(&["a"], &[]);
    let config = project.config();
    project.write(&(config.clone() + &table("")));
    let mut up = Up::start_with(&project, &[], &[("LEDGER_URL", &url)]);
    assert_eq!(up.children().len(), 3, "nothing is kept: there is no store");
    let console = up.state()["console"].as_str().unwrap().parse().unwrap();
    let sessions = |expected: Option<u32>| {
        eventually("the console to count them", || {
            let page = get(console, "/metrics").ok()?;
            assert!(page.ends_with("# EOF\n") && page.matches("# EOF").count() == 1, "{page}");
            let line =
                expected.map(|count| format!("tenet_foreign_sessions{{database=\"web/ledger\"}} {count}\n"));
            let found = match line {
                Some(line) => page.contains(&line) && page.contains("tenet_guard_age_seconds{"),
                None => !page.contains("web/ledger"),
            };
            found.then_some(())
        });
    };
    sessions(Some(0));
    let mut stranger = server.session("application_name=curious", "SELECT 'what they ran'");
    sessions(Some(1));
    eventually("the stranger to be named", || {
        let said = up.output();
        (said.contains("application \"curious\"") && said.contains("It ran: SELECT 'what they ran'"))
            .then_some(())
    });
    project.write(&(config.clone() + &table("known_users = [\"postgres\"]\n")));
    reload(&project, 0, "serves everywhere");
    sessions(Some(0));
    project.write(&config);
    reload(&project, 0, "serves everywhere");
    sessions(None);
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    assert_eq!(up.stop(), Some(0));
}
