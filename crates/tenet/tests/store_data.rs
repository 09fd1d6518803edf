//! What is kept, from the command line: looked at, exported and imported, backed up and restored, while it is served and while it is not.

// A panic is the report of a test, also in what only tests call.
#![allow(clippy::unwrap_used)]

#[path = "support/kept.rs"]
#[allow(dead_code)] // what other tests ask for
mod kept;
#[path = "../../store/tests/support/postgres.rs"]
#[allow(dead_code)] // what other tests do to servers
mod postgres;
// A file beside this one would be a test of its own.
#[path = "support/support.rs"]
mod support;

use kept::Kept;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};
use support::{Project, Up, command, eventually, get, service, tenet};

/// Not a test: what the services of these tests run.
#[test]
#[ignore = "runs only as a child of the other tests"]
fn serve_as_a_service() {
    service::run();
}

/// Runs `tenet store …` for a project; its status and all that it printed must be so.
#[track_caller]
fn data(project: &Project, arguments: &[&str], status: i32, says: &[&str]) -> String {
    let all = [&["store", arguments[0], "--project", project.path()], &arguments[1..]].concat();
    let (found, text) = tenet(&all);
    assert_eq!(found, Some(status), "{arguments:?}: {text}");
    for says in says {
        assert!(text.contains(says), "{arguments:?} does not say {says:?}: {text}");
    }
    text
}

fn lines(count: usize, word: &str) -> String {
    let line = |n| {
        format!(
            "{{\"namespace\":\"web\",\"collection\":\"note\",\"value\":{{\"id\":\"n{n:04}\",\"text\":\"{word} {n}\"}}}}\n"
        )
    };
    (0..count).map(line).collect()
}

fn at(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn what_is_kept_is_looked_at_copied_and_brought_back() {
    let project = Project::keeping(&["a"], &["Note"]);
    let folder = tempfile::tempdir().unwrap();
    let (file, bad) = (folder.path().join("in.jsonl"), folder.path().join("bad.jsonl"));
    fs::write(&file, lines(1200, "first")).unwrap();
    fs::write(
        &bad,
        lines(700, "first") + "{\"namespace\":\"web\",\"collection\":\"note\",\"value\":{\"id\":7}}\n",
    )
    .unwrap();
    let mut up = Up::start(&project, &[]);

    // Lines come in, each looked at; twice changes nothing.
    data(&project, &["import", at(&bad), "--check"], 1, &["line 701: its value is no notes.v1.Note"]);
    data(&project, &["describe"], 0, &["web/note: 0 records", "notes.v1.Note by (id)"]);
    data(&project, &["import", at(&bad)], 1, &["line 701", "--resume"]);
    data(&project, &["import", at(&bad), "--resume"], 1, &["going on after line 700", "line 701"]);
    data(&project, &["import", at(&file)], 0, &["500 items written, 700 were there already"]);
    data(&project, &["import", at(&file)], 0, &["0 items written, 1200 were there already"]);
    data(&project, &["describe"], 0, &["engine embedded", "web/note: 1200 records, 1200 items"]);

    // Looking is noted.
    let shown = data(&project, &["get", "web/note", "n0007", "(\"n0008\")"], 0, &["\"text\":\"first 8\""]);
    assert!(shown.contains("\"record\":\"(\\\"n0007\\\")\"") && shown.contains("\"version\":"), "{shown}");
    data(&project, &["get", "web/note", "nobody"], 1, &["not there: nobody"]);
    data(&project, &["get", "web/nota", "n0007"], 1, &["there is no collection web/nota", "web/note"]);
    let some = data(
        &project,
        &["scan", "web/note", "--from", "n0010", "--to", "n0013"],
        0,
        &["first 10", "first 12"],
    );
    assert_eq!(some.lines().count(), 3, "{some}");
    data(&project, &["scan", "web/note", "--limit", "2"], 0, &["there may be more than these 2"]);
    let output = up.output();
    for says in ["an operator uses the store", "purpose=\"get\"", "web/note n0007", "purpose=\"scan\""] {
        assert!(output.contains(says), "{says}: {output}");
    }

    // A backup while it serves; what runs is not restored over.
    let backup = folder.path().join("one.tenet-backup");
    data(&project, &["backup", "--to", at(&backup)], 0, &["backed up 1200 items", "sha256"]);
    data(&project, &["backup", "--to", at(&backup)], 1, &["is there already"]);
    data(
        &project,
        &["verify", at(&backup)],
        0,
        &["backup", "\"test-project\" (embedded)", "whole: 1200 items"],
    );
    data(&project, &["verify"], 0, &["whole: 1200 items"]);
    data(&project, &["restore", "--from", at(&backup), "--replace"], 1, &["the store runs"]);
    let exported = folder.path().join("out.jsonl");
    data(&project, &["export", "web", "--output", at(&exported)], 0, &["exported 1200 items"]);
    fs::write(&file, lines(1300, "second")).unwrap();
    data(&project, &["import", at(&file)], 0, &["1300 items written"]);
    assert_eq!(up.stop(), Some(0));

    // Nobody serves: the same, and uses are noted all the same.
    data(&project, &["get", "web/note", "n0007"], 0, &["second 7"]);
    let noted = fs::read_to_string(project.state_dir().join("run/store-operators.log")).unwrap();
    assert!(noted.contains("web/note n0007"), "{noted}");
    data(&project, &["verify", at(&project.state_dir().join("store"))], 0, &["whole: 1300 items"]);

    // An interrupted backup goes on at the same moment, a damaged one is named.
    let whole = fs::read(&backup).unwrap();
    let other = folder.path().join("other.tenet-backup");
    data(&project, &["backup", "--to", at(&other)], 0, &["backed up 1300 items"]);
    let cut = fs::read(&other).unwrap();
    fs::write(folder.path().join("two.tenet-backup.partial"), &cut[..cut.len() - 90]).unwrap();
    data(
        &project,
        &["backup", "--to", at(&folder.path().join("two.tenet-backup"))],
        0,
        &["going on after", "1300 items"],
    );
    fs::write(folder.path().join("three.tenet-backup.partial"), &whole[..whole.len() - 90]).unwrap();
    data(
        &project,
        &["backup", "--to", at(&folder.path().join("three.tenet-backup"))],
        0,
        &["beginning anew: the moment is no longer held"],
    );
    let mut damaged = whole.clone();
    damaged[2000] ^= 1;
    fs::write(&other, damaged).unwrap();
    data(
        &project,
        &["verify", at(&other)],
        1,
        &["the backup is damaged: frame 1 at byte", "does not match its checksum"],
    );
    data(&project, &["restore", "--from", at(&other), "--replace"], 1, &["the backup is damaged"]);

    // Back to what it was.
    data(&project, &["restore", "--from", at(&backup)], 1, &["holds data already", "--replace"]);
    data(
        &project,
        &["restore", "--from", at(&backup), "--replace"],
        0,
        &["verified: 1200 items", "is kept in"],
    );
    let mut up = Up::start(&project, &[]);
    data(&project, &["get", "web/note", "n0007"], 0, &["first 7"]);
    let again = folder.path().join("again.jsonl");
    data(&project, &["export", "web/note", "--output", at(&again)], 0, &["exported 1200 items"]);
    assert_eq!(fs::read(&again).unwrap(), fs::read(&exported).unwrap(), "versions and times came back, too");
    assert_eq!(up.stop(), Some(0));

    // Into a folder, which needs no release.
    let into = folder.path().join("elsewhere");
    data(&project, &["restore", "--from", at(&backup), "--into", at(&into)], 0, &["verified: 1200 items"]);
    data(&project, &["verify", at(&into)], 0, &["whole: 1200 items"]);
    assert!(!folder.path().join("elsewhere.restoring").exists());
}

/// Starts `tenet store …` and kills it (SIGKILL) once `begun` says that it is in the middle; what it did until then stays.
fn kill_in_the_middle(project: &Project, arguments: &[&str], begun: impl Fn() -> bool) {
    let mut child: Child = command(&["store", arguments[0], "--project", project.path()])
        .args(&arguments[1..])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("its middle", || {
        assert_eq!(child.try_wait().unwrap(), None, "{arguments:?} was over before it was killed");
        begun().then_some(())
    });
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Lines with values of half a megabyte: enough that a copy has a middle.
fn large_lines(count: usize) -> String {
    let text = "x".repeat(500_000);
    let line = |n| {
        format!(
            "{{\"namespace\":\"web\",\"collection\":\"note\",\"value\":{{\"id\":\"l{n:04}\",\"text\":\"{text}\"}}}}\n"
        )
    };
    (0..count).map(line).collect()
}

#[test]
fn what_is_killed_in_the_middle_goes_on_while_a_service_writes() {
    let project = Project::keeping(&["a"], &["Note"]);
    let folder = tempfile::tempdir().unwrap();
    let lines = folder.path().join("large.jsonl");
    fs::write(&lines, large_lines(120)).unwrap();
    let mut up = Up::start(&project, &[]);
    data(&project, &["import", at(&lines)], 0, &["120 items written"]);

    let backup = folder.path().join("killed.tenet-backup");
    let partial = folder.path().join("killed.tenet-backup.partial");
    let size = |path: &Path| fs::metadata(path).map_or(0, |meta| meta.len());
    let (ended, web) = (AtomicBool::new(false), Kept::of(&up));
    let written = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut written = 0;
            while !ended.load(Ordering::Relaxed) {
                web.put("note", &format!("w{written:05}"), "beside").unwrap();
                written += 1;
            }
            written
        });
        for more in [1 << 20, 8 << 20] {
            let before = size(&partial);
            let begun = || size(&partial) > before + more;
            kill_in_the_middle(&project, &["backup", "--to", at(&backup)], begun);
        }
        data(&project, &["backup", "--to", at(&backup)], 0, &["going on after", "at the same moment"]);
        ended.store(true, Ordering::Relaxed);
        writer.join().unwrap()
    });
    assert!(written > 0 && !partial.exists());
    // Of one moment: the notes that were written beside it are there up to one, and none after it.
    let into = folder.path().join("elsewhere");
    let restoring = folder.path().join("elsewhere.restoring/store.redb");
    let changed =
        || fs::metadata(&restoring).and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let restore = ["restore", "--from", at(&backup), "--into", at(&into)];
    for _ in 0..2 {
        let (before, begun) = (changed(), SystemTime::now());
        kill_in_the_middle(&project, &restore, || {
            changed() > before && changed() > begun + Duration::from_millis(100)
        });
        assert!(!into.exists());
    }
    data(&project, &restore, 0, &["verified: "]);
    data(&project, &["verify", at(&into)], 0, &["whole: "]);
    assert_eq!(up.stop(), Some(0));

    // What is there is what the project had then: put in its place, it is served.
    data(&project, &["restore", "--from", at(&backup), "--replace"], 0, &["verified: "]);
    let found = data(&project, &["scan", "web/note", "--from", "w", "--limit", "100000"], 0, &[]);
    let ids: Vec<String> = (0..found.lines().count()).map(|n| format!("w{n:05}")).collect();
    for (line, id) in found.lines().zip(&ids) {
        assert!(line.contains(id.as_str()), "{id}: {line}");
    }
    assert!(ids.len() <= written, "{} of {written}", ids.len());
    data(&project, &["get", "web/note", "l0000", "l0119"], 0, &["l0119"]);
}

#[test]
fn a_restore_that_died_before_its_folder_had_its_name_is_not_an_empty_store() {
    let project = Project::keeping(&["a"], &["Note"]);
    let folder = tempfile::tempdir().unwrap();
    let (lines_in, backup) = (folder.path().join("in.jsonl"), folder.path().join("b.tenet-backup"));
    fs::write(&lines_in, lines(3, "kept")).unwrap();
    let mut up = Up::start(&project, &[]);
    data(&project, &["import", at(&lines_in)], 0, &["3 items written"]);
    assert_eq!(up.stop(), Some(0));
    data(&project, &["backup", "--to", at(&backup)], 0, &["backed up 3 items"]);
    let store = project.state_dir().join("store");
    fs::rename(&store, project.state_dir().join("store.restoring")).unwrap();
    data(&project, &["describe"], 1, &["a restore into it did not end", "`tenet store restore --from`"]);
    let refused = tenet(&["up", project.path(), "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0"]);
    assert!(refused.0 == Some(1) && refused.1.contains("a restore into it did not end"), "{refused:?}");
    data(&project, &["restore", "--from", at(&backup)], 0, &["verified: 3 items"]);
    data(&project, &["get", "web/note", "n0002"], 0, &["kept 2"]);
}

#[test]
fn from_embedded_to_postgresql_by_backup_and_by_lines() {
    let Some(server) = postgres::Server::start("from embedded to postgresql", &["fsync=on"]) else { return };
    let project = Project::keeping(&["a"], &["Note"]);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("in.jsonl"), lines(500, "kept")).unwrap();
    let mut up = Up::start(&project, &[]);
    data(&project, &["import", at(&path("in.jsonl"))], 0, &["500 items written"]);
    data(&project, &["export", "--output", at(&path("embedded.jsonl"))], 0, &["exported 500 items"]);
    let version = Kept::of(&up).put("note", "after", "the export").unwrap();
    let backup = path("b.tenet-backup");
    data(&project, &["backup", "--to", at(&backup)], 0, &["backed up 501 items"]);
    assert_eq!(up.stop(), Some(0));

    // Two lines, and the release that has them.
    let table = format!("[store]\nengine = \"postgres\"\nurl = \"{}\"\n", server.url());
    project.write(&(project.config() + &table));
    let mut up = Up::start(&project, &[]);
    data(&project, &["restore", "--from", at(&backup)], 1, &["the store runs"]);
    // As lines, items get versions of their own.
    data(&project, &["import", at(&path("embedded.jsonl"))], 0, &["500 items written"]);
    data(&project, &["import", at(&path("embedded.jsonl"))], 0, &["0 items written, 500 were there already"]);
    assert_eq!(Kept::of(&up).get("note", "n0499").unwrap().as_deref(), Some("kept 499"));
    assert_eq!(up.stop(), Some(0));

    data(&project, &["restore", "--from", at(&backup)], 1, &["500 items or more", "--replace"]);
    data(&project, &["restore", "--from", at(&backup), "--replace"], 0, &["verified: 501 items"]);
    let mut up = Up::start(&project, &[]);
    let web = Kept::of(&up);
    assert_eq!(web.get("note", "after").unwrap().as_deref(), Some("the export"));
    assert!(web.put("note", "after", "the restore").unwrap() > version);
    data(
        &project,
        &["export", "web", "--to", "n", "--output", at(&path("x"))],
        1,
        &["of one NAMESPACE/COLLECTION"],
    );
    let postgres = path("postgres.jsonl");
    let exported = ["export", "web/note", "--from", "n", "--output", at(&postgres)];
    data(&project, &exported, 0, &["exported 500 items"]);
    let same = fs::read(path("postgres.jsonl")).unwrap() == fs::read(path("embedded.jsonl")).unwrap();
    assert!(same, "with the same versions and times");
    data(&project, &["verify"], 0, &["whole: 501 items"]);
    data(&project, &["backup", "--to", at(&path("back.tenet-backup"))], 0, &["backed up 501 items"]);
    assert_eq!(up.stop(), Some(0));
    data(
        &project,
        &["restore", "--from", at(&path("back.tenet-backup")), "--into", at(&path("embedded"))],
        0,
        &["verified: 501 items"],
    );
}
