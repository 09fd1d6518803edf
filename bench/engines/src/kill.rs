//! `kill -9` of a child that commits, again and again on the same folder: is every acknowledged batch there, whole?

use crate::candidate::{Kind, Upkeep};
use crate::ledger::Ledger;
use crate::report::Table;
use crate::statistics::{micros, number, percentile};
use crate::workload::{Random, load};
use crate::{Options, Outcome};
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Kills of each candidate.
const KILLS: u64 = 200;

/// One kill in this many comes while the child may still be opening, recovering from the last one.
const EARLY: u64 = 6;

/// The longest a child commits before it is killed.
const LIFE_US: u64 = 60_000;

/// A child that says nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// Items in the database of which the time to reopen is taken.
const ITEMS: u64 = 1_000_000;

/// How often that time is taken.
const REOPENINGS: u64 = 5;

/// Measures.
pub fn run(options: &Options) -> Outcome<Vec<Table>> {
    let kills = options.sized(KILLS);
    let mut table = Table::new(
        "kill -9",
        &format!(
            "A child commits batches of {} writes (puts and deletes, change log, tokens, now and then a trim of the log) and says each on a pipe once its commit has returned; it is killed at a random moment \
             of its first {} ms, one time in {EARLY} while it opens. Then everything is read and compared. {kills} kills a candidate on one folder; the memtable or checkpoint size is small, so that kills meet upkeep. Reopening after \
             a kill among {} items: of {REOPENINGS}.",
            crate::ledger::BATCH,
            LIFE_US / 1000,
            number(options.sized(ITEMS) as f64),
        ),
        &[
            "candidate",
            "kills",
            "batches acknowledged",
            "lost, half there or wrong",
            "would not open or hung",
            "the one in flight was there",
            "reopening ms, median",
            "most",
            "with many items, median",
            "most",
        ],
    );
    for kind in options.in_turn(0) {
        let folder = tempfile::tempdir_in(".").map_err(|error| error.to_string())?;
        let mut account = Account::default();
        for kill in 0..kills {
            one(kind, folder.path(), kill, &mut account);
        }
        let mut many = reopenings(kind, options)?;
        for fault in &account.faults {
            eprintln!("{}: {fault}", kind.name());
        }
        table.row(vec![
            kind.name().to_owned(),
            kills.to_string(),
            number(account.last as f64),
            account.wrong.to_string(),
            account.unopened.to_string(),
            account.in_flight.to_string(),
            number(percentile(&mut account.opening_ms, 0.5)),
            number(percentile(&mut account.opening_ms, 1.0)),
            number(percentile(&mut many, 0.5)),
            number(percentile(&mut many, 1.0)),
        ]);
    }
    Ok(vec![table])
}

#[derive(Default)]
struct Account {
    ledger: Ledger,
    last: u64,
    wrong: u64,
    unopened: u64,
    in_flight: u64,
    opening_ms: Vec<f64>,
    faults: Vec<String>,
}

/// Starts a child, kills it and looks what is there.
fn one(kind: Kind, folder: &Path, kill: u64, account: &mut Account) {
    let mut random = Random::new(kill);
    let acknowledged = match live_and_die(kind, folder, &mut random, kill % EARLY == EARLY - 1) {
        Ok(said) => said.unwrap_or(account.last),
        Err(fault) => {
            account.unopened += 1;
            account.faults.push(format!("kill {kill}: {fault}"));
            return;
        }
    };
    let began = Instant::now();
    match kind.open_with(folder, Upkeep::Often) {
        Err(fault) => {
            account.unopened += 1;
            account.faults.push(format!("after kill {kill}: {fault}"));
        }
        Ok(candidate) => {
            account.opening_ms.push(micros(began.elapsed()) / 1e3);
            match account.ledger.check(candidate.as_ref(), acknowledged) {
                Ok(last) => {
                    account.in_flight += u64::from(last > acknowledged);
                    account.last = last;
                }
                Err(fault) => {
                    account.wrong += 1;
                    account.faults.push(format!("after kill {kill}: {fault}"));
                }
            }
        }
    }
}

/// The last batch a child said before it was killed; none where it said nothing.
fn live_and_die(kind: Kind, folder: &Path, random: &mut Random, early: bool) -> Outcome<Option<u64>> {
    let mut child = Command::new(std::env::current_exe().map_err(|error| error.to_string())?)
        .args(["--child", "commit", "--only", kind.argument(), "--child-folder"])
        .arg(folder)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let said = listen(&mut child)?;
    let mut last = None;
    let mut hung = false;
    if !early {
        match said.recv_timeout(PATIENCE) {
            Ok(number) => last = Some(number),
            Err(RecvTimeoutError::Timeout) => hung = true,
            Err(RecvTimeoutError::Disconnected) => {}
        }
    }
    thread::sleep(Duration::from_micros(random.below(if early { 8_000 } else { LIFE_US })));
    child.kill().and_then(|()| child.wait()).map_err(|error| error.to_string())?;
    // What it said before it died is still in the pipe.
    while let Ok(number) = said.recv_timeout(PATIENCE) {
        last = Some(number);
    }
    match (last, early) {
        (None, false) if hung => Err("the child hung".to_owned()),
        (None, false) => Err("the child could not go on".to_owned()),
        _ => Ok(last),
    }
}

fn listen(child: &mut Child) -> Outcome<Receiver<u64>> {
    let mut out = child.stdout.take().ok_or("the child has no pipe")?;
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut number = [0; 8];
        while out.read_exact(&mut number).is_ok() && sender.send(u64::from_be_bytes(number)).is_ok() {}
    });
    Ok(receiver)
}

/// How long opening takes after a kill, in ms, where there are many items.
fn reopenings(kind: Kind, options: &Options) -> Outcome<Vec<f64>> {
    let folder = tempfile::tempdir_in(".").map_err(|error| error.to_string())?;
    load(kind.open(folder.path())?.as_ref(), options.sized(ITEMS), 100)?;
    let mut random = Random::new(7);
    (0..REOPENINGS)
        .map(|_| {
            live_and_die(kind, folder.path(), &mut random, false)?;
            let began = Instant::now();
            kind.open(folder.path())?;
            Ok(micros(began.elapsed()) / 1e3)
        })
        .collect()
}
