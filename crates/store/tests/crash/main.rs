//! Short runs of what `cargo xtask crash` does for long: kills, and a disk that fails.

#![allow(clippy::unwrap_used)] // a panic in a test is its report

mod account;
mod cli;
mod dice;
mod disk;
mod door;
mod faults;
mod folder;
mod judge;
mod kill;
mod kills;
mod life;
mod look;
mod operation;
#[path = "../support/postgres.rs"]
#[allow(dead_code)] // other tests copy and promote servers
mod server;
mod site;
mod value;
mod wire;
mod work;

use cli::{Options, What, run};
use kill::Program;
use site::Injury;

/// A life is this test alone, in a process of its own.
const LIFE: &str = "a_life_of_the_other_tests";

fn program() -> Program {
    let arguments = [LIFE, "--exact", "--nocapture", "--test-threads=1"];
    let path = std::env::current_exe().unwrap();
    Program { path, arguments: arguments.map(str::to_owned).to_vec() }
}

fn options(what: What, seeds: u64, kills: u64) -> Options {
    let keep = std::env::temp_dir().join("tenet-crash-test");
    Options { what, from: 1_000_000, seeds, kills, keep }
}

#[test]
fn a_life_of_the_other_tests() {
    if let Some(lived) = life::live() {
        lived.unwrap();
    }
}

#[test]
fn nothing_is_lost_by_killing_the_process() {
    run(&options(What::Embedded, 3, 16), &program()).unwrap();
}

#[test]
fn nothing_is_lost_by_what_is_done_to_the_server() {
    for (_, injury) in Injury::WORDS {
        run(&options(What::Postgres(injury), 1, 3), &program()).unwrap();
    }
}

#[test]
fn nothing_is_lost_or_made_up_by_a_disk_that_fails() {
    run(&options(What::Faults, 240, 0), &program()).unwrap();
}

/// What is said of a store on a disk that does not fail.
async fn honest() -> account::Account {
    let (mut dice, mut account) = (dice::Dice::new(5, 7), account::Account::default());
    let stage = {
        let disk = disk::Disk::of(Vec::new());
        faults::Stage::open(disk, faults::Notes::default(), (5, 0), false).await.unwrap()
    };
    let mut clients = stage.clients();
    for _ in 0..12 {
        stage.batch(&mut clients, &mut dice).await.unwrap();
    }
    account.take_all(0, &stage.lines, true).unwrap();
    stage.look(&mut account).await.unwrap();
    account
}

/// A change of an account that a store which loses something would have led to, and words of what is found.
type Lie = (&'static str, fn(&mut account::Account));

#[tokio::test]
async fn what_does_not_agree_is_found() {
    let (_, problems) = judge::judge(&honest().await);
    assert!(problems.is_empty(), "{problems:?}");
    let lies: [Lie; 6] = [
        ("not what the log leads to", |account| {
            let (items, _) = account.seen.as_mut().unwrap();
            items.values_mut().next().unwrap().pop_first();
        }),
        ("have no order", |account| {
            let written = |entry: &&mut Option<_>| {
                let answer = entry.as_ref().and_then(tenet_history::Entry::answer);
                matches!(answer, Some(tenet_history::RecordAnswer::Written { .. }))
            };
            *account.records.iter_mut().rev().find(written).unwrap() = None;
        }),
        ("the log of changes", |account| {
            for (_, _, told) in &mut account.feeds {
                told.retain(|told| told.record != "r0" || told.version % 2 == 0);
            }
        }),
        ("holds", |account| {
            let (_, counters) = account.seen.as_mut().unwrap();
            *counters.values_mut().next().unwrap() += 1;
        }),
        ("was added to", |account| account.adds.values_mut().next().unwrap().versions.push(u64::MAX)),
        ("after a later holder", |account| {
            account.fenced = vec![("l0".into(), 8, 3), ("l0".into(), 9, 2)];
        }),
    ];
    for (words, lie) in lies {
        let mut account = honest().await;
        lie(&mut account);
        let (_, problems) = judge::judge(&account);
        assert!(problems.iter().any(|problem| problem.contains(words)), "{words}: {problems:?}");
    }
}

#[test]
fn what_is_asked_for_is_read() {
    let read = |line: &str| Options::read(line.split_whitespace().map(str::to_owned));
    let options = read("--engine postgres --from 7 --seeds 2 --kills 5").unwrap();
    assert_eq!((options.what, options.from), (What::Postgres(Injury::Killed), 7));
    assert_eq!((options.seeds, options.kills), (2, 5));
    assert_eq!(read("--engine postgres --injury crowd").unwrap().what, What::Postgres(Injury::Crowded));
    assert_eq!(read("--faults").unwrap().what, What::Faults);
    for (line, words) in [
        ("--engine mysql", "expected embedded or postgres"),
        ("--engine postgres --injury flood", "expected one of kill, promote, partition, slow, crowd"),
        ("--injury slow", "expected --engine postgres before it"),
        ("--seeds many", "expected a number, found \"many\""),
        ("--from", "expected a value"),
        ("--fast 1", "unknown option --fast"),
    ] {
        assert!(read(line).unwrap_err().contains(words), "{line}");
    }
}
