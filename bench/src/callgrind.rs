//! The gateway under callgrind: what K and 2K requests cost, so that their difference is what K requests cost.
//!
//! Instructions and calls hardly depend on what else the machine does, so two commits can be compared.

use crate::backend::{self, Backends};
use crate::contract::Case;
use crate::load::{Closed, Shape, Target};
use crate::peers::{Kind, Options, Peer};
use crate::refusal::Occupied;
use crate::{Outcome, machine};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Longest one run may take.
const LIMIT: Duration = Duration::from_secs(600);

/// How much.
#[derive(clap::Args)]
pub struct Arguments {
    /// K: the second run has twice as many.
    #[arg(long, default_value_t = 2000)]
    pub requests: u64,
    /// Write the table into bench/README.md.
    #[arg(long)]
    pub write: bool,
}

/// What callgrind counted in one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// Instructions in all.
    pub instructions: u64,
    /// Calls by `(caller, callee)` function names.
    pub calls: BTreeMap<(String, String), u64>,
}

/// Runs each case with K and with 2K requests; hands both counts to `see`.
pub fn each_case(arguments: &Arguments, mut see: impl FnMut(Case, &Counts, &Counts)) -> Outcome {
    machine::pin(&[machine::LOAD_CORE])?;
    let backends = backend::start()?;
    for case in Case::ALL {
        let (one, two) = pair(case, backends, arguments.requests)?;
        see(case, &one, &two);
    }
    Ok(())
}

/// What K and 2K requests of `case` cost.
pub fn pair(case: Case, backends: Backends, requests: u64) -> Outcome<(Counts, Counts)> {
    Ok((count(case, backends, requests)?, count(case, backends, requests * 2)?))
}

/// Instructions for each of K requests, from what K and 2K cost.
pub fn instructions(one: &Counts, two: &Counts, requests: u64) -> f64 {
    two.instructions.saturating_sub(one.instructions) as f64 / requests as f64
}

fn count(case: Case, backends: Backends, requests: u64) -> Outcome<Counts> {
    println!("{}: {requests} requests under callgrind", case.title());
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let out = folder.path().join("callgrind.out");
    let wrapper = vec![
        "valgrind".into(),
        "--tool=callgrind".into(),
        "--compress-strings=no".into(),
        format!("--callgrind-out-file={}", out.display()),
    ];
    let mut peer = Peer::start(Kind::Tenet, case, backends, &Options { wrapper, ..Options::default() })?;
    // Held for the whole run: what makes the gateway refuse.
    let _occupied = if case == Case::Refused { Some(Occupied::start(peer.address)?) } else { None };
    let target = Target { address: peer.address, case };
    // One connection: how requests of several connections fall into one turn of the loop would differ from run to run.
    let closed = Closed::start(target, Shape::Http1 { connections: 1 }, Some(requests))?;
    closed.finish(LIMIT)?;
    peer.stop()?;
    read(&out)
}

fn read(path: &Path) -> Outcome<Counts> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("callgrind wrote nothing to {}: {error}", path.display()))?;
    let counts = parse(&text);
    if counts.instructions == 0 { Err("callgrind's file holds no totals".into()) } else { Ok(counts) }
}

/// The parts of callgrind's format that are needed (valgrind manual, "Callgrind Format Specification"): `fn=` names the
/// function whose lines follow, `cfn=` the callee of the next `calls=`, `totals:` or `summary:` the sum.
fn parse(text: &str) -> Counts {
    let mut counts = Counts::default();
    let (mut function, mut callee) = ("", "");
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("fn=") {
            function = name;
        } else if let Some(name) = line.strip_prefix("cfn=") {
            callee = name;
        } else if let Some(rest) = line.strip_prefix("calls=") {
            let number = rest.split(' ').next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0);
            *counts.calls.entry((function.to_owned(), callee.to_owned())).or_default() += number;
        } else if let Some(rest) = line.strip_prefix("totals:").or_else(|| line.strip_prefix("summary:")) {
            // With one file for several threads each has its own summary; the totals come last and are the largest.
            counts.instructions = counts
                .instructions
                .max(rest.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0));
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn callgrind_files_are_read() {
        let text = "events: Ir\n\nfl=a.rs\nfn=main\n5 10\ncfn=work\ncalls=3 9\n5 300\ncfn=mi_malloc\ncalls=2 1\n6 20\nfn=work\n9 300\ncfn=mi_malloc\ncalls=4 1\n9 40\ntotals: 370\n";
        let counts = parse(text);
        assert_eq!(counts.instructions, 370);
        let calls = |from: &str, to: &str| counts.calls[&(from.to_owned(), to.to_owned())];
        assert_eq!(
            (calls("main", "work"), calls("main", "mi_malloc"), calls("work", "mi_malloc")),
            (3, 2, 4)
        );
    }
}
