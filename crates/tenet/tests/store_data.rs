//! What is kept, from the command line: looked at, exported and imported, backed up and restored, while it is served and while it is not.

// A panic is the report of a test, also in what only tests call.
#![allow(clippy::unwrap_used)]

// A file beside this one would be a test of its own.
#[path = "support/support.rs"]
mod support;

use std::fs;
use std::path::Path;
use support::{Project, Up, service, tenet};

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
