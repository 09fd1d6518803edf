//! Which seeds are run, what is printed of them, and what is counted.

use super::disk::Disk;
use super::faults::{self, Came, Kind};
use super::folder::{self, Folder, Ran};
use super::kill::Program;
use super::kills;
use super::site::{Injury, Site};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

/// Writes that must be in flight for a kill to count as one under load.
pub const IN_FLIGHT: u64 = 64;
/// Clients: some of them read, so that there are more than writes that are wanted.
const CLIENTS: u32 = 96;

/// Power cuts on a disk that lies of which one at least must be found.
const LYING: u64 = 20;

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Processes on the embedded engine are killed.
    Embedded,
    /// Something is done to a PostgreSQL server.
    Postgres(Injury),
    /// The disk below the embedded engine fails.
    Faults,
}

/// Which seeds.
#[derive(Clone, Debug)]
pub struct Options {
    pub what: What,
    pub from: u64,
    pub seeds: u64,
    /// Kills on each folder, or on each schema.
    pub kills: u64,
    /// Where folders of seeds that found something are kept.
    pub keep: PathBuf,
}

impl Options {
    /// Reads `--engine postgres`, `--injury WORD`, `--faults`, `--from N`, `--seeds N`, `--kills N`, `--keep FOLDER`.
    pub fn read(arguments: impl IntoIterator<Item = String>) -> Result<Options, String> {
        let keep = std::env::temp_dir().join("tenet-crash");
        let mut options = Options { what: What::Embedded, from: 0, seeds: 10, kills: 20, keep };
        let mut arguments = arguments.into_iter();
        while let Some(name) = arguments.next() {
            if name == "--faults" {
                options.what = What::Faults;
                continue;
            }
            let value = arguments.next().ok_or_else(|| format!("{name}: expected a value behind it"))?;
            let number = || value.parse().map_err(|_| format!("{name}: expected a number, found {value:?}"));
            match &name[..] {
                "--engine" if value == "embedded" => options.what = What::Embedded,
                "--engine" if value == "postgres" => options.what = What::Postgres(Injury::Killed),
                "--injury" if matches!(options.what, What::Postgres(_)) => {
                    options.what = What::Postgres(Injury::read(&value)?);
                }
                "--injury" => return Err("--injury: expected --engine postgres before it".to_owned()),
                "--engine" => {
                    return Err(format!("--engine: expected embedded or postgres, found {value:?}"));
                }
                "--from" => options.from = number()?,
                "--seeds" => options.seeds = number()?,
                "--kills" => options.kills = number()?,
                "--keep" => options.keep = value.into(),
                _ => return Err(format!("unknown option {name}")),
            }
        }
        Ok(options)
    }
}

/// Runs all seeds, and prints each and the sum; the seeds that found something.
pub fn run(options: &Options, program: &Program) -> Result<(), String> {
    let found = match options.what {
        What::Embedded => embedded(options, program)?,
        What::Postgres(injury) => postgres(options, injury)?,
        What::Faults => faulty(options)?,
    };
    if found.is_empty() { Ok(()) } else { Err(format!("seeds that found something: {found:?}")) }
}

fn embedded(options: &Options, program: &Program) -> Result<Vec<u64>, String> {
    let mut sum = Sum::begin();
    for seed in options.from..options.from + options.seeds {
        let place = Place::new(options, seed)?;
        let folder = Folder { seed, lives: options.kills, clients: CLIENTS };
        let ran = folder::run(folder, program, &place.folder);
        place.end(&ran);
        sum.add(seed, ran);
    }
    sum.print();
    Ok(sum.found)
}

fn postgres(options: &Options, injury: Injury) -> Result<Vec<u64>, String> {
    let mut sum = Sum::begin();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let site = runtime.block_on(Site::start("nothing_is_lost_by_what_is_done_to_the_server", injury))?;
    let Some(mut site) = site else {
        println!("no PostgreSQL here: nothing was run");
        return Ok(Vec::new());
    };
    for seed in options.from..options.from + options.seeds {
        let place = Place::new(options, seed)?;
        let ran = runtime.block_on(kills::run(&mut site, seed, options.kills, CLIENTS, &place.folder));
        place.end(&ran);
        sum.add(seed, ran);
    }
    sum.print();
    Ok(sum.found)
}

fn faulty(options: &Options) -> Result<Vec<u64>, String> {
    let began = Instant::now();
    let mut found = Vec::new();
    let mut table: BTreeMap<Kind, BTreeMap<Came, u64>> = BTreeMap::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(lies_are_found())?;
    for seed in options.from..options.from + options.seeds {
        match runtime.block_on(faults::run(seed)) {
            Ok((kind, came)) => *table.entry(kind).or_default().entry(came).or_default() += 1,
            Err(what) => {
                println!("seed {seed}: {what}\n  again: cargo xtask crash --faults --from {seed} --seeds 1");
                found.push(seed);
            }
        }
        if (seed + 1 - options.from).is_multiple_of(100) {
            println!("{} seeds, {:?}", seed + 1 - options.from, began.elapsed());
        }
    }
    for (kind, came) in &table {
        println!("{kind:?}: {came:?}");
    }
    println!("{} seeds in {:?}, {} found something", options.seeds, began.elapsed(), found.len());
    Ok(found)
}

/// A run that can find nothing proves nothing: where a disk only says that it synced, power cuts must lose something, and be found.
async fn lies_are_found() -> Result<(), String> {
    for seed in (0..LYING).map(|number| number * faults::KINDS.len() as u64) {
        let disk = Disk::of(Vec::new());
        disk.lie();
        if faults::run_on(disk, seed).await.is_err() {
            return Ok(());
        }
    }
    Err(format!("{LYING} power cuts on a disk that only said that it synced, and nothing was found"))
}

/// A seed's folder. It goes when nothing was found.
struct Place {
    folder: PathBuf,
}

impl Place {
    fn new(options: &Options, seed: u64) -> Result<Place, String> {
        let engine = match options.what {
            What::Embedded => "embedded",
            What::Postgres(_) => "postgres",
            What::Faults => "faults",
        };
        let name = format!("{engine}-{seed}-{}", std::process::id());
        let folder = options.keep.join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Place { folder })
    }

    fn end(&self, ran: &Ran) {
        if ran.problems.is_empty() {
            let _ = std::fs::remove_dir_all(&self.folder);
        } else {
            println!("kept: {}", self.folder.display());
        }
    }
}

/// What all seeds came to.
struct Sum {
    began: Instant,
    all: Ran,
    seeds: u64,
    found: Vec<u64>,
}

impl Sum {
    fn begin() -> Sum {
        Sum { began: Instant::now(), all: Ran::default(), seeds: 0, found: Vec::new() }
    }

    fn add(&mut self, seed: u64, ran: Ran) {
        for problem in &ran.problems {
            println!("seed {seed}: {problem}");
        }
        if !ran.problems.is_empty() {
            println!("  again: cargo xtask crash --from {seed} --seeds 1, with the same engine and kills");
            self.found.push(seed);
        }
        self.seeds += 1;
        let all = &mut self.all;
        all.kills += ran.kills;
        all.busy_kills += ran.busy_kills;
        all.early_kills += ran.early_kills;
        all.answered += ran.answered;
        all.repeated += ran.repeated;
        all.opening_us.extend(ran.opening_us);
        all.in_flight.extend(ran.in_flight);
        all.judged.operations += ran.judged.operations;
        all.judged.unknown += ran.judged.unknown;
        all.judged.events += ran.judged.events;
        all.judged.steps += ran.judged.steps;
        all.judged.undecided += ran.judged.undecided;
        println!(
            "seed {seed}: {} kills in all, {} writes acknowledged, {:.0} s",
            all.kills,
            all.answered,
            self.began.elapsed().as_secs_f64()
        );
    }

    fn print(&mut self) {
        let all = &mut self.all;
        let judged = all.judged;
        println!(
            "{} seeds, {} kills: {} with {IN_FLIGHT} writes and more in flight (median {}), {} while opening or looking",
            self.seeds,
            all.kills,
            all.busy_kills,
            median(&mut all.in_flight),
            all.early_kills,
        );
        println!(
            "{} writes acknowledged, {} repeated by token; {} operations checked in {} steps, {} of unknown outcome; {} events of the log; {} lease histories not decided",
            all.answered,
            all.repeated,
            judged.operations,
            judged.steps,
            judged.unknown,
            judged.events,
            judged.undecided,
        );
        println!(
            "opening again: median {:.1} ms, most {:.1} ms; {:.1} s in all; {} seeds found something",
            median(&mut all.opening_us) as f64 / 1e3,
            all.opening_us.last().copied().unwrap_or(0) as f64 / 1e3,
            self.began.elapsed().as_secs_f64(),
            self.found.len(),
        );
    }
}

fn median(numbers: &mut [u64]) -> u64 {
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied().unwrap_or(0)
}
