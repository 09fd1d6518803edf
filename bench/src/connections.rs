//! HTTP/2 load over 1, 4 and 64 connections on a gateway of two threads: how evenly the threads work.

use crate::contract::Case;
use crate::load::{Closed, Shape, Target};
use crate::peers::{Kind, Options, Peer};
use crate::report::Report;
use crate::{Outcome, backend, cpu, machine};
use std::time::Duration;

/// Requests at a time, however many connections carry them.
const IN_FLIGHT: usize = 64;
/// Threads that used less than this part of all CPU are not part of the data plane.
const NOTICEABLE: f64 = 0.02;

/// How long.
#[derive(clap::Args)]
pub struct Arguments {
    /// Seconds for each number of connections.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Write the table into bench/README.md.
    #[arg(long)]
    write: bool,
}

/// Measures and prints the table.
pub fn run(arguments: &Arguments) -> Outcome {
    machine::pin(&[machine::LOAD_CORE])?;
    let backends = backend::start()?;
    let options =
        Options { threads: 2, cores: vec![machine::PROXY_CORE, machine::LOAD_CORE], ..Options::default() };
    let mut rows = vec![
        [
            "connections",
            "streams on each",
            "requests/s",
            "CPU of each thread, % of all",
            "least ÷ most of the two busiest",
        ]
        .map(String::from)
        .to_vec(),
    ];
    for connections in [1, 4, 64] {
        // A fresh gateway each time: its threads begin with no connection of an earlier run.
        let peer = Peer::start(Kind::Tenet, Case::RestGet, backends, &options)?;
        let streams = IN_FLIGHT / connections;
        let target = Target { address: peer.address, case: Case::RestGet };
        let closed = Closed::start(target, Shape::Http2 { connections, streams }, None)?;
        std::thread::sleep(Duration::from_millis(500));
        let (answered, before) = (closed.answered(), cpu::of_threads(peer.pid()));
        std::thread::sleep(Duration::from_secs_f64(arguments.seconds));
        let (answered, after) = (closed.answered() - answered, cpu::of_threads(peer.pid()));
        if closed.failed() > 0 || answered == 0 {
            return Err(format!(
                "{connections} connections: {} failed, {answered} answered",
                closed.failed()
            ));
        }
        let used = after
            .iter()
            .map(|(id, (name, us))| (name.as_str(), us - before.get(id).map_or(0, |(_, us)| *us)));
        let (shares, evenness) = shares(used.collect());
        rows.push(vec![
            connections.to_string(),
            streams.to_string(),
            format!("{:.0}", answered as f64 / arguments.seconds),
            shares,
            format!("{evenness:.2}"),
        ]);
    }
    let mut report = Report::new("connections", &format!("Tenet {}", Kind::Tenet.version()));
    report.line("REST→gRPC small GET over HTTP/2, 64 requests at a time, gateway of two threads; one connection can only ever keep one thread busy.");
    report.table(&rows);
    report.finish(arguments.write)
}

/// The noticeable threads' parts of all CPU in words, and how even the two busiest are (1 is even).
fn shares(mut used: Vec<(&str, u64)>) -> (String, f64) {
    used.sort_by_key(|(_, us)| std::cmp::Reverse(*us));
    let total = used.iter().map(|(_, us)| us).sum::<u64>().max(1) as f64;
    let noticeable = used.iter().filter(|(_, us)| *us as f64 / total >= NOTICEABLE);
    let words: Vec<String> =
        noticeable.map(|(name, us)| format!("{name} {:.0}", *us as f64 / total * 100.0)).collect();
    let of = |index: usize| used.get(index).map_or(0, |(_, us)| *us) as f64;
    (words.join(", "), of(1) / of(0).max(1.0))
}

#[cfg(test)]
mod tests {
    use super::shares;

    #[test]
    fn shares_are_of_all_cpu() {
        let (words, evenness) = shares(vec![("a", 30), ("b", 60), ("c", 1), ("d", 9)]);
        assert_eq!(words, "b 60, a 30, d 9");
        assert!((evenness - 0.5).abs() < 1e-9);
    }
}
