//! What a refusal costs beside a 404 of the route table: who sheds load must not be brought down by shedding it.

use crate::backend::{self, Backends};
use crate::contract::Case;
use crate::gateway::{cpu_per_request, order};
use crate::load::{self, Target};
use crate::peers::{Kind, Options, Peer};
use crate::report::{Report, spread, verdict};
use crate::statistics::median;
use crate::{Outcome, callgrind, machine};
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// The limit of `bench/tenet/refusal.toml`: calls that are let in before one is refused.
const LIMIT: usize = 8;
/// Longest until they are in; under callgrind everything is fifty times slower.
const OCCUPY_LIMIT: Duration = Duration::from_secs(60);
/// A refusal may cost this many times a 404.
const EXPECTED: f64 = 1.2;
/// What is compared, the measure first.
const CASES: [Case; 2] = [Case::Unrouted, Case::Refused];

/// How long and how hard.
#[derive(clap::Args)]
pub struct Arguments {
    /// Rounds of CPU measurement.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 1.5)]
    seconds: f64,
    /// Kept-alive connections.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// K of the runs under callgrind: the second of them has twice as many.
    #[arg(long, default_value_t = 2000)]
    requests: u64,
    /// Write the table into bench/README.md.
    #[arg(long)]
    write: bool,
}

/// Calls without an answer, as many as the limit lets in: while they are held, the service is given nothing more.
pub struct Occupied(Vec<TcpStream>);

impl Occupied {
    /// Sends them, and waits until a call more is refused.
    pub fn start(gateway: SocketAddr) -> Outcome<Occupied> {
        let mut held = Occupied(Vec::with_capacity(LIMIT));
        let until = Instant::now() + OCCUPY_LIMIT;
        for _ in 0..LIMIT {
            let sent = TcpStream::connect(gateway).and_then(|mut stream| {
                stream.write_all(&Case::Refused.request())?;
                Ok(stream)
            });
            held.0.push(sent.map_err(|error| format!("{gateway}: {error}"))?);
        }
        // They are read on connections of their own, in no order that anybody promises.
        std::thread::sleep(Duration::from_millis(200));
        loop {
            match load::verify(Target { address: gateway, case: Case::Refused }) {
                Ok(()) => return Ok(held),
                Err(why) if Instant::now() > until => return Err(format!("nothing is refused: {why}")),
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    }
}

/// Measures and prints the table.
pub fn run(arguments: &Arguments) -> Outcome {
    machine::pin(&[machine::LOAD_CORE])?;
    let backends = backend::start()?;
    let cpu = cpu(backends, arguments)?;
    let mut instructions = Vec::new();
    for case in CASES {
        let (one, two) = callgrind::pair(case, backends, arguments.requests)?;
        instructions.push(callgrind::instructions(&one, &two, arguments.requests));
    }
    let ratios: Vec<f64> = cpu[1].iter().zip(&cpu[0]).map(|(refused, unrouted)| refused / unrouted).collect();
    let instructions_ratio = instructions[1] / instructions[0];

    let mut report = Report::new("refusal", &format!("Tenet {}", Kind::Tenet.version()));
    report.line(&format!(
        "One gateway answers both in turns, {} rounds of {} s, {} kept-alive connections in a closed loop; instructions by callgrind, \
         {} requests on one connection. Its limit of {LIMIT} calls is taken by calls that an instance never answers.",
        arguments.rounds, arguments.seconds, arguments.connections, arguments.requests
    ));
    let columns = [
        "answer",
        "CPU µs/request, median",
        "least – most",
        "÷ no such route, median",
        "least – most",
        "instructions",
    ];
    let mut table = vec![columns.map(String::from).to_vec()];
    for (index, case) in CASES.into_iter().enumerate() {
        let first = index == 0;
        table.push(vec![
            format!("{}, {}", case.status(), case.title()),
            format!("{:.1}", median(&cpu[index])),
            spread(&cpu[index], 1),
            if first { String::new() } else { format!("{:.2}", median(&ratios)) },
            if first { String::new() } else { spread(&ratios, 2) },
            format!("{:.0}", instructions[index]),
        ]);
    }
    report.table(&table);
    for (what, ratio) in [("CPU", median(&ratios)), ("instructions", instructions_ratio)] {
        let verdict = verdict(ratio <= EXPECTED);
        report.line(&format!(
            "A refusal in {what}: expected at most {EXPECTED} × a 404, measured {ratio:.2}: {verdict}."
        ));
    }
    report.finish(arguments.write)
}

/// µs per request of each round, in the order of [`CASES`].
fn cpu(backends: Backends, arguments: &Arguments) -> Outcome<[Vec<f64>; 2]> {
    let peer = Peer::start(Kind::Tenet, Case::Unrouted, backends, &Options::default())?;
    let _occupied = Occupied::start(peer.address)?;
    let mut found = [Vec::new(), Vec::new()];
    for round in 0..arguments.rounds {
        println!("refusal: CPU, round {} of {}", round + 1, arguments.rounds);
        for index in order(round, CASES.len()) {
            found[index].push(cpu_per_request(
                CASES[index],
                &peer,
                arguments.connections,
                arguments.seconds,
            )?);
        }
    }
    Ok(found)
}
