//! httpwg-cli: RFC 9113 cases from outside, against the gateway's public door or any other address.

use crate::shell::{Outcome, command, watch};
use crate::tally::Tally;
use crate::{serve, tools};
use std::time::Duration;

/// Longest a run may take; each of some hundred cases waits up to [`FRAME_TIMEOUT_MS`] for what should not come.
const LIMIT: Duration = Duration::from_secs(600);
/// How long a case waits for a frame: long enough that a busy machine does not decide the verdict.
const FRAME_TIMEOUT_MS: &str = "500";

/// Misses that are not ours: the case, and the place in h2 that decides it. A miss that is not here is a failure.
const KNOWN: &[(&str, &str)] = &[];

/// Where to run the cases.
#[derive(clap::Args)]
pub struct Arguments {
    /// `HOST:PORT` of a running server that speaks h2c by prior knowledge; without it the example is served.
    address: Option<String>,
}

/// Runs the cases and prints each miss.
pub fn run(arguments: &Arguments) -> Outcome {
    let cases = match &arguments.address {
        Some(address) => attempt(address)?,
        None => attempt(&serve::feed()?.public.to_string())?,
    };
    for (name, held) in &cases {
        match (held, known(name)) {
            (true, _) => {}
            (false, Some(place)) => println!("known    {name}: {place}"),
            (false, None) => println!("missed   {name}"),
        }
    }
    let held = cases.iter().filter(|(_, held)| *held).count();
    println!("{held} of {} cases hold", cases.len());
    let ours = cases.iter().filter(|(name, held)| !held && known(name).is_none()).count();
    if ours > 0 { Err(format!("{ours} misses are not known")) } else { Ok(()) }
}

/// All cases as tests; known misses count as skipped.
pub fn judge() -> Tally {
    if let Err(lacking) = tools::cargo_binary(tools::HTTPWG) {
        return Tally::skipped(1, &format!("httpwg: {lacking}"));
    }
    let cases = serve::feed().and_then(|served| attempt(&served.public.to_string()));
    let cases = match cases {
        Ok(cases) => cases,
        Err(why) => return Tally::failed(&format!("httpwg: {why}")),
    };
    let mut tally = Tally::default();
    for (name, held) in cases {
        tally.add(match (held, known(&name)) {
            (true, _) => Tally::passed(),
            (false, Some(place)) => Tally::skipped(1, &format!("httpwg {name}: {place}")),
            (false, None) => Tally::failed(&format!("httpwg {name}")),
        });
    }
    tally
}

fn known(name: &str) -> Option<&'static str> {
    KNOWN.iter().find(|(case, _)| name.contains(case)).map(|(_, place)| *place)
}

/// Every case's name, and whether it held.
fn attempt(address: &str) -> Outcome<Vec<(String, bool)>> {
    let mut run = command(tools::cargo_binary(tools::HTTPWG)?.with_file_name("httpwg"));
    run.args(["--address", address, "--frame-timeout", FRAME_TIMEOUT_MS, "--connect-timeout", "2000"]);
    // One after another: hundreds of hostile connections at once test the limits, which is another test.
    run.env("SEQUENTIAL", "1").env("RUST_LOG", "error");
    let mut cases = Vec::new();
    let status = watch(&mut run, LIMIT, |line| {
        if let Some((_, name)) = line.split_once("Test passed: ") {
            cases.push((name.to_owned(), true));
        } else if let Some((_, name)) = line.split_once("Test failed: ") {
            cases.push((name.to_owned(), false));
        }
    })?;
    cases.sort();
    if cases.is_empty() { Err(format!("httpwg ran no case ({status})")) } else { Ok(cases) }
}
