//! The table, and whether the owner pays beside SQLite.

use crate::statistics::{median, number, spread};
use crate::workload::{EXPONENT, RECORDS, VALUE_BYTES};
use crate::{Arguments, Outcome, Seen};
use std::fmt::Write as _;
use std::path::Path;

const BEGIN: &str = "<!-- store-embedded:begin -->";
const END: &str = "<!-- store-embedded:end -->";

/// All rounds of both in one cell.
pub struct Row {
    /// At once.
    pub clients: usize,
    /// Of a hundred steps.
    pub writes_percent: u64,
    /// SQLite's, and ours.
    pub seen: [Vec<Seen>; 2],
}

impl Row {
    fn of(&self, place: usize, value: impl Fn(&Seen) -> f64) -> Vec<f64> {
        self.seen[place].iter().map(value).collect()
    }

    /// Ours to SQLite's, round by round.
    fn ratios(&self) -> Vec<f64> {
        self.seen[1].iter().zip(&self.seen[0]).map(|(own, other)| own.rate / other.rate).collect()
    }
}

/// Prints it, and writes it into bench/README.md where that was asked for.
pub fn report(titles: &[&str; 2], rows: &[Row], arguments: &Arguments) -> Outcome {
    let text = text(titles, rows, arguments);
    println!("\n{text}");
    if !arguments.write {
        return Ok(());
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let document = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let missing = || format!("bench/README.md lacks {BEGIN} or {END}");
    let (before, rest) = document.split_once(BEGIN).ok_or_else(missing)?;
    let (_, after) = rest.split_once(END).ok_or_else(missing)?;
    let document = format!("{before}{BEGIN}\n{}\n{END}{after}", text.trim_end());
    std::fs::write(&file, document).map_err(|error| format!("{}: {error}", file.display()))
}

fn text(titles: &[&str; 2], rows: &[Row], arguments: &Arguments) -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let mut text = format!(
        "{cores} cores, Linux {}. SQLite {} through rusqlite.\n\nBoth in one process with its cores to themselves, one after the other: each client asks again as soon as it is answered, one record of \
         {VALUE_BYTES} bytes by its key, chosen by Zipf's law ({EXPONENT}) among {RECORDS}. SQLite: a thread and a connection for each client, prepared statements, write-ahead log, synchronous=FULL, a busy \
         handler of 5 s. The owner: a task for each client; reads are strict, writes keep their tokens. {} rounds of {} s in turns; median (least – most), ratios round by round.\n\n\
         | writes | clients | way | steps/s | ÷ directly | p50 µs | p99 µs |\n|---|---|---|---|---|---|---|\n",
        kernel.trim(),
        rusqlite::version(),
        arguments.rounds,
        arguments.seconds
    );
    for row in rows {
        for (place, title) in titles.iter().enumerate() {
            let ratio = if place == 0 { String::new() } else { spread(&row.ratios()) };
            let _ = writeln!(
                text,
                "| {} % | {} | {title} | {} | {ratio} | {} | {} |",
                row.writes_percent,
                row.clients,
                spread(&row.of(place, |seen| seen.rate)),
                number(median(&row.of(place, |seen| seen.p50))),
                spread(&row.of(place, |seen| seen.p99)),
            );
        }
    }
    for row in rows {
        let ratio = median(&row.ratios());
        let p99 = [0, 1].map(|place| median(&row.of(place, |seen| seen.p99)));
        let held = |held: bool| if held { "held" } else { "LOST" };
        let _ = writeln!(
            text,
            "\n{} clients, {} % writes: expected at least SQLite's throughput, measured {ratio:.2} ×: {}; expected a lower p99, measured {} µs against {}: {}.",
            row.clients,
            row.writes_percent,
            held(ratio >= 1.0),
            number(p99[1]),
            number(p99[0]),
            held(p99[1] < p99[0])
        );
    }
    text
}
