//! A seed's run on the embedded engine: a folder, life after life on it, and what all of them were told, judged.

use super::account::Account;
use super::dice::Dice;
use super::judge::{Judged, judge};
use super::kill::{self, Program};
use super::life::Life;
use super::operation::Operation;
use std::path::Path;

/// Of writes that nobody answered, one in so many is not repeated by the next life.
const LEFT: u64 = 3;

/// How a folder is treated.
#[derive(Clone, Copy)]
pub struct Folder {
    pub seed: u64,
    /// Lives that are killed; one more looks at the end.
    pub lives: u64,
    /// Calls open at a time.
    pub clients: u32,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Ran {
    pub kills: u64,
    /// Kills while at least [`super::cli::IN_FLIGHT`] writes were in flight.
    pub busy_kills: u64,
    /// Kills before it worked: while it opened, repaired, looked or repeated.
    pub early_kills: u64,
    pub answered: u64,
    pub repeated: u64,
    pub opening_us: Vec<u64>,
    pub in_flight: Vec<u64>,
    pub judged: Judged,
    pub problems: Vec<String>,
}

/// Runs; `place` is a folder of its own.
pub fn run(folder: Folder, program: &Program, place: &Path) -> Ran {
    let mut account = Account::default();
    let mut ran = Ran::default();
    let mut dice = Dice::new(folder.seed, 0);
    for number in 0..=folder.lives {
        let last = number == folder.lives;
        let repeat: Vec<&Operation> = account.open().filter(|_| last || dice.below(LEFT) > 0).collect();
        let lines: Vec<String> = repeat.iter().flat_map(serde_json::to_string).collect();
        let file = place.join("repeat");
        if let Err(error) = std::fs::write(&file, lines.join("\n")) {
            ran.problems.push(error.to_string());
            break;
        }
        let life = Life {
            folder: place.to_owned(),
            seed: folder.seed,
            life: number,
            clients: folder.clients,
            cursor: account.cursor,
            repeat: file,
            last,
        };
        match kill::live(program, &life, &mut account) {
            Ok(got) => {
                ran.repeated += got.repeated;
                ran.opening_us.extend(got.opened_us);
                if !last {
                    ran.kills += 1;
                    ran.early_kills += u64::from(!got.working);
                    if got.working {
                        let in_flight = u64::try_from(got.in_flight).unwrap_or(0);
                        ran.in_flight.push(in_flight);
                        ran.busy_kills += u64::from(in_flight >= super::cli::IN_FLIGHT);
                    }
                }
            }
            Err(what) => {
                ran.problems.push(format!("life {number}: {what}"));
                break;
            }
        }
        if !account.problems.is_empty() {
            break;
        }
    }
    finish(&account, &mut ran, place);
    ran
}

/// Judges, and keeps the histories beside the folder where something is wrong.
pub fn finish(account: &Account, ran: &mut Ran, place: &Path) {
    ran.answered = account.answered;
    if ran.problems.is_empty() && account.problems.is_empty() {
        let (judged, problems) = judge(account);
        ran.judged = judged;
        ran.problems.extend(problems);
    } else {
        ran.problems.extend(account.problems.clone());
    }
    if !ran.problems.is_empty() {
        let history: tenet_history::History<_, _> = account.records.iter().flatten().cloned().collect();
        let _ = history.to_lines().map(|lines| std::fs::write(place.join("history.jsonl"), lines));
    }
}
