//! CPU per request and latency at fixed rates, beside the peers.

use crate::backend::{self, Backends};
use crate::contract::Case;
use crate::load::{self, Closed, Shape, Target};
use crate::peers::{Kind, Options, Peer};
use crate::report::{Report, spread, verdict};
use crate::statistics::{median, median_interval, percentile, range};
use crate::{Outcome, cpu, machine};
use std::time::Duration;

/// Busier than this, the load core itself would wait and show up as the proxy's latency.
const LOAD_CORE_LIMIT: f64 = 0.85;
/// What is expected of Tenet's CPU: at most this part of the peer's, by case.
const EXPECTED: [(Case, Kind, f64); 3] = [
    (Case::Plain, Kind::Nginx, 1.1),
    (Case::RestGet, Kind::Envoy, 0.25),
    (Case::RestPost, Kind::Envoy, 0.25),
];

/// How long and how hard.
#[derive(clap::Args)]
pub struct Arguments {
    /// Rounds of CPU measurement.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Kept-alive connections.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Requests a second of the latency runs through plain proxies.
    #[arg(long, default_value_t = 5000)]
    plain_rate: u32,
    /// Requests a second of the latency runs through transcoders.
    #[arg(long, default_value_t = 2500)]
    rest_rate: u32,
    /// Rounds of latency measurement; 0 leaves it out.
    #[arg(long, default_value_t = 3)]
    latency_rounds: usize,
    /// Seconds of each latency run.
    #[arg(long, default_value_t = 4.0)]
    latency_seconds: f64,
    /// Only Tenet, its baseline (`TENET_BASELINE_BIN`) and nginx for the speed of the machine, without latency, as a table of its own:
    /// for many short rounds, as `--rounds 41 --seconds 0.7`.
    #[arg(long)]
    baseline: bool,
    /// Write the tables into bench/README.md.
    #[arg(long)]
    write: bool,
}

impl Arguments {
    fn latency_rounds(&self) -> usize {
        if self.baseline { 0 } else { self.latency_rounds }
    }
}

/// What was measured of one proxy in one case.
struct Row {
    case: Case,
    kind: Kind,
    /// CPU per request of each round, µs.
    cpu_us: Vec<f64>,
    latency: Vec<Latency>,
}

struct Latency {
    p50_us: f64,
    p99_us: f64,
    load_core: f64,
    failed: u64,
}

/// Measures everything and prints the tables.
pub fn run(arguments: &Arguments) -> Outcome {
    machine::pin(&[machine::LOAD_CORE])?;
    let backends = backend::start()?;
    let mut rows = Vec::new();
    let mut missing = Vec::new();
    for case in Case::ALL {
        let (peers, lacking) = start(case, backends, arguments.baseline);
        missing.extend(lacking);
        rows.extend(measure(case, &peers, arguments)?);
    }
    missing.sort();
    missing.dedup();
    report(&rows, &missing, arguments)
}

/// Starts everyone who can do `case`, few of them where only the `baseline` is asked for; the second list says who is not measured and why.
fn start(case: Case, backends: Backends, baseline: bool) -> (Vec<Peer>, Vec<String>) {
    let (mut peers, mut missing) = (Vec::new(), Vec::new());
    let asked = |kind: &Kind| !baseline || matches!(kind, Kind::Tenet | Kind::Baseline | Kind::Nginx);
    for kind in Kind::of(case).into_iter().filter(asked) {
        match Peer::start(kind, case, backends, &Options::default()) {
            Ok(peer) => peers.push(peer),
            Err(why) => {
                eprintln!("{} is not measured: {why}", kind.title());
                missing.push(format!(
                    "{} is not measured: {}",
                    kind.title(),
                    why.lines().next().unwrap_or_default()
                ));
            }
        }
    }
    (peers, missing)
}

fn measure(case: Case, peers: &[Peer], arguments: &Arguments) -> Outcome<Vec<Row>> {
    let empty = |peer: &Peer| Row { case, kind: peer.kind, cpu_us: Vec::new(), latency: Vec::new() };
    let mut rows: Vec<Row> = peers.iter().map(empty).collect();
    for round in 0..arguments.rounds {
        println!("{}: CPU, round {} of {}", case.title(), round + 1, arguments.rounds);
        for index in order(round, peers.len()) {
            let (connections, seconds) = (arguments.connections, arguments.seconds);
            rows[index].cpu_us.push(cpu_per_request(case, &peers[index], connections, seconds)?);
        }
    }
    for round in 0..arguments.latency_rounds() {
        println!("{}: latency, round {} of {}", case.title(), round + 1, arguments.latency_rounds);
        for index in order(round, peers.len()) {
            rows[index].latency.push(latency(case, &peers[index], arguments)?);
        }
    }
    Ok(rows)
}

/// A different one begins each round, so that none always runs in the wake of the same neighbour.
pub fn order(round: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |index| (index + round) % count)
}

/// µs of user and system time for one request, over `seconds` of a closed loop.
pub fn cpu_per_request(case: Case, peer: &Peer, connections: usize, seconds: f64) -> Outcome<f64> {
    let target = Target { address: peer.address, case };
    let closed = Closed::start(target, Shape::Http1 { connections }, None)?;
    // Connections are opened and caches warm before anything counts.
    std::thread::sleep(Duration::from_millis(300));
    let (answered, used) = (closed.answered(), cpu::of_tree(peer.pid()));
    std::thread::sleep(Duration::from_secs_f64(seconds));
    let (answered, used) = (closed.answered() - answered, cpu::of_tree(peer.pid()) - used);
    if closed.failed() > 0 || answered == 0 {
        return Err(format!(
            "{}, {}: {} failed, {answered} answered",
            peer.kind.title(),
            case.title(),
            closed.failed()
        ));
    }
    Ok(used as f64 / answered as f64)
}

fn latency(case: Case, peer: &Peer, arguments: &Arguments) -> Outcome<Latency> {
    let rate = if case == Case::Plain { arguments.plain_rate } else { arguments.rest_rate };
    let before = machine::ticks(machine::LOAD_CORE);
    let time = Duration::from_secs_f64(arguments.latency_seconds);
    let found = load::fixed(Target { address: peer.address, case }, arguments.connections, rate, time)?;
    let load_core = machine::busy(before, machine::ticks(machine::LOAD_CORE));
    Ok(Latency {
        p50_us: percentile(&found.latencies_us, 0.5) as f64,
        p99_us: percentile(&found.latencies_us, 0.99) as f64,
        load_core,
        failed: found.failed,
    })
}

fn report(rows: &[Row], missing: &[String], arguments: &Arguments) -> Outcome {
    let mut kinds: Vec<Kind> = rows.iter().map(|row| row.kind).collect();
    kinds.sort();
    kinds.dedup();
    let versions: Vec<String> =
        kinds.iter().map(|kind| format!("{} {}", kind.title(), kind.version())).collect();
    let name = if arguments.baseline { "baseline" } else { "gateway" };
    let mut report = Report::new(name, &versions.join(", "));
    missing.iter().for_each(|line| report.line(line));
    report.line(&format!(
        "User and system CPU of the proxy for one request, {} rounds of {} s in turns, {} kept-alive connections in a closed loop. \
         Ratios are Tenet's CPU to the peer's, round by round.",
        arguments.rounds, arguments.seconds, arguments.connections
    ));
    report.table(&cpu_table(rows));
    if !arguments.baseline {
        expectations(rows).iter().for_each(|line| report.line(line));
    }
    differences(rows).iter().for_each(|line| report.line(line));
    if arguments.latency_rounds() > 0 {
        report.line(&format!(
            "Latency from the intended start at {} requests a second (plain) and {} (REST), median of {} runs of {} s. \
             Above {:.0} % the load core itself would wait.",
            arguments.plain_rate, arguments.rest_rate, arguments.latency_rounds, arguments.latency_seconds, LOAD_CORE_LIMIT * 100.0
        ));
        report.table(&latency_table(rows));
    }
    report.finish(arguments.write)
}

fn cpu_table(rows: &[Row]) -> Vec<Vec<String>> {
    let mut table = vec![
        ["case", "proxy", "CPU µs/request, median", "least – most", "Tenet ÷ this, median", "least – most"]
            .map(String::from)
            .to_vec(),
    ];
    for row in rows {
        let ratios = ratios(rows, row.case, row.kind);
        let (ratio, ratio_spread) = if ratios.is_empty() || row.kind == Kind::Tenet {
            ("".to_owned(), String::new())
        } else {
            (format!("{:.2}", median(&ratios)), spread(&ratios, 2))
        };
        table.push(vec![
            row.case.title().into(),
            row.kind.title().into(),
            format!("{:.1}", median(&row.cpu_us)),
            spread(&row.cpu_us, 1),
            ratio,
            ratio_spread,
        ]);
    }
    table
}

/// Tenet's CPU to that of `kind`, round by round.
fn ratios(rows: &[Row], case: Case, kind: Kind) -> Vec<f64> {
    let of = |kind: Kind| {
        rows.iter()
            .find(|row| row.case == case && row.kind == kind)
            .map(|row| &row.cpu_us[..])
            .unwrap_or_default()
    };
    of(Kind::Tenet).iter().zip(of(kind)).map(|(ours, theirs)| ours / theirs).collect()
}

fn expectations(rows: &[Row]) -> Vec<String> {
    let judged = EXPECTED.iter().filter_map(|(case, kind, most)| {
        let ratios = ratios(rows, *case, *kind);
        if ratios.is_empty() {
            return None;
        }
        let ratio = median(&ratios);
        let verdict = verdict(ratio <= *most);
        Some(format!(
            "{}: expected at most {most} × {}, measured {ratio:.2}: {verdict}.",
            case.title(),
            kind.title()
        ))
    });
    judged.collect()
}

/// What a request costs more than in the baseline, round by round.
fn differences(rows: &[Row]) -> Vec<String> {
    let tell = |row: &Row| {
        let ours = rows.iter().find(|other| other.case == row.case && other.kind == Kind::Tenet)?;
        let mut more: Vec<f64> =
            ours.cpu_us.iter().zip(&row.cpu_us).map(|(now, before)| now - before).collect();
        more.sort_by(f64::total_cmp);
        let (low, high) = median_interval(&more)?;
        Some(format!(
            "{}: {:.1} µs more than the baseline, 95 times of 100 between {low:.1} and {high:.1} (sign test over {} rounds).",
            row.case.title(),
            median(&more),
            more.len()
        ))
    };
    rows.iter().filter(|row| row.kind == Kind::Baseline).filter_map(tell).collect()
}

fn latency_table(rows: &[Row]) -> Vec<Vec<String>> {
    let mut table =
        vec![["case", "proxy", "p50 µs", "p99 µs", "load core busy", "failed"].map(String::from).to_vec()];
    for row in rows {
        let all = |pick: fn(&Latency) -> f64| row.latency.iter().map(pick).collect::<Vec<_>>();
        let busy = range(&all(|latency| latency.load_core)).1;
        let warning = if busy > LOAD_CORE_LIMIT { " (too busy: not a measurement)" } else { "" };
        table.push(vec![
            row.case.title().into(),
            row.kind.title().into(),
            format!("{:.0}", median(&all(|latency| latency.p50_us))),
            format!("{:.0}", median(&all(|latency| latency.p99_us))),
            format!("{:.0} %{warning}", busy * 100.0),
            row.latency.iter().map(|latency| latency.failed).sum::<u64>().to_string(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::{Case, Kind, Row, cpu_table, differences, expectations, order};

    fn row(case: Case, kind: Kind, cpu_us: &[f64]) -> Row {
        Row { case, kind, cpu_us: cpu_us.to_vec(), latency: Vec::new() }
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let rows = [
            row(Case::RestGet, Kind::Envoy, &[100.0, 200.0, 100.0]),
            row(Case::RestGet, Kind::Tenet, &[20.0, 40.0, 30.0]),
        ];
        let table = cpu_table(&rows);
        assert_eq!(table[1][2..], ["100.0", "100.0 – 200.0", "0.20", "0.20 – 0.30"]);
        assert_eq!(expectations(&rows).len(), 1);
        assert!(expectations(&rows)[0].ends_with("held."));
    }

    #[test]
    fn what_a_request_costs_more_is_told_round_by_round() {
        let rows = [
            row(Case::Plain, Kind::Baseline, &[10.0, 20.0, 10.0, 10.0, 10.0, 10.0]),
            row(Case::Plain, Kind::Tenet, &[12.0, 21.0, 19.0, 12.0, 12.0, 12.0]),
        ];
        let told = differences(&rows);
        assert_eq!(told.len(), 1);
        assert!(
            told[0].contains("2.0 µs more than the baseline, 95 times of 100 between 1.0 and 9.0"),
            "{}",
            told[0]
        );
        assert!(differences(&rows[1..]).is_empty());
    }

    #[test]
    fn everyone_is_measured_once_a_round() {
        assert_eq!(order(0, 3).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(order(4, 3).collect::<Vec<_>>(), [1, 2, 0]);
    }
}
