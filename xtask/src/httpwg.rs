//! httpwg-cli: RFC 9113 cases from outside, against the gateway's public door or any other address.

use crate::shell::{Outcome, command, watch};
use crate::tally::Tally;
use crate::{serve, tools};
use std::time::Duration;

/// Longest a run may take; each of some hundred cases waits up to [`FRAME_TIMEOUT_MS`] for what should not come.
const LIMIT: Duration = Duration::from_secs(600);
/// How long a case waits for a frame: long enough that a busy machine does not decide the verdict.
const FRAME_TIMEOUT_MS: &str = "500";

/// Misses that are not ours: the case, and the place in h2 0.4.20 that decides it, found by running the same cases
/// against a bare h2 server (`tenet-bench backend`). A miss that is not here is a failure. In all but the last the connection
/// or stream is ended as it must be, only with PROTOCOL_ERROR where RFC 9113 names a narrower code.
const KNOWN: &[(&str, &str)] = &[
    ("invalid header block fragment", "src/codec/framed_read.rs:210, not COMPRESSION_ERROR"),
    ("closed sends headers frame", "src/proto/streams/recv.rs:140, not STREAM_CLOSED"),
    ("closed sends headers frame after rst stream", "src/proto/streams/recv.rs:140, not STREAM_CLOSED"),
    ("half closed remote sends headers frame", "src/proto/streams/streams.rs:590, not STREAM_CLOSED"),
    ("half closed remote sends data frame", "src/proto/streams/recv.rs:670, not STREAM_CLOSED"),
    ("sends data frame on invalid stream state", "src/proto/streams/recv.rs:670, not STREAM_CLOSED"),
    ("sends ping frame with invalid length", "src/codec/framed_read.rs:245, not FRAME_SIZE_ERROR"),
    ("sends priority frame with invalid length", "src/codec/framed_read.rs:306, not FRAME_SIZE_ERROR"),
    ("sends rst stream frame with invalid length", "src/codec/framed_read.rs:274, not FRAME_SIZE_ERROR"),
    ("sends settings frame with ack and payload", "src/codec/framed_read.rs:236, not FRAME_SIZE_ERROR"),
    ("sends settings frame with invalid length", "src/codec/framed_read.rs:236, not FRAME_SIZE_ERROR"),
    (
        "sends settings initial window size with exceeded max window size value",
        "src/codec/framed_read.rs:236, not FLOW_CONTROL_ERROR",
    ),
    (
        "sends settings initial window size with invalid value",
        "src/codec/framed_read.rs:236, not FLOW_CONTROL_ERROR",
    ),
    ("sends window update frame with invalid length", "src/codec/framed_read.rs:254, not FRAME_SIZE_ERROR"),
    ("sends headers frame with pseudo header in trailer", "src/proto/streams/recv.rs:430 drops them unseen"),
];

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
    for case in &cases {
        match (case.held, known(&case.name)) {
            (true, _) => {}
            (false, Some(place)) => println!("known    {}: {place}", case.name),
            (false, None) => println!("missed   {}\n           {}", case.name, case.why),
        }
    }
    let held = cases.iter().filter(|case| case.held).count();
    println!("{held} of {} cases hold", cases.len());
    let ours = cases.iter().filter(|case| !case.held && known(&case.name).is_none()).count();
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
    for Case { name, held, why } in cases {
        tally.add(match (held, known(&name)) {
            (true, _) => Tally::passed(),
            (false, Some(place)) => Tally::skipped(1, &format!("httpwg {name}: {place}")),
            (false, None) => Tally::failed(&format!("httpwg {name}: {why}")),
        });
    }
    tally
}

fn known(name: &str) -> Option<&'static str> {
    // "RFC 9113 :: section :: case"
    let case = name.rsplit(" :: ").next().unwrap_or(name);
    KNOWN.iter().find(|(known, _)| *known == case).map(|(_, place)| *place)
}

/// One case's verdict.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Case {
    name: String,
    held: bool,
    /// What httpwg says about a miss.
    why: String,
}

/// Runs every case against `address`.
fn attempt(address: &str) -> Outcome<Vec<Case>> {
    let mut run = command(tools::cargo_binary(tools::HTTPWG)?.with_file_name("httpwg"));
    run.args(["--address", address, "--frame-timeout", FRAME_TIMEOUT_MS, "--connect-timeout", "2000"]);
    // One after another: hundreds of hostile connections at once test the limits, which is another test.
    run.env("SEQUENTIAL", "1").env("RUST_LOG", "error").env("NO_COLOR", "1");
    let mut cases = Vec::new();
    let status = watch(&mut run, LIMIT, |line| read(line, &mut cases))?;
    cases.sort();
    if cases.is_empty() { Err(format!("httpwg ran no case ({status})")) } else { Ok(cases) }
}

/// A line of httpwg's: a verdict, or the first line of the reason that follows a miss.
fn read(line: &str, cases: &mut Vec<Case>) {
    let verdict = |held: bool, name: &str| Case { name: name.to_owned(), held, why: String::new() };
    if let Some((_, name)) = line.split_once("Test passed: ") {
        cases.push(verdict(true, name));
    } else if let Some((_, name)) = line.split_once("Test failed: ") {
        cases.push(verdict(false, name));
    } else if let Some(case) = cases.last_mut().filter(|case| !case.held && case.why.is_empty()) {
        // "   0: \u{1b}[91mwhat happened\u{1b}[0m"
        if let Some((_, reason)) = line.split_once("0: ").filter(|(number, _)| number.trim().is_empty()) {
            case.why = reason
                .split('\u{1b}')
                .map(|part| {
                    part.split_once('m')
                        .filter(|(code, _)| code.starts_with('['))
                        .map_or(part, |(_, text)| text)
                })
                .collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Case, read};

    #[test]
    fn verdicts_and_reasons_are_read() {
        let mut cases = Vec::new();
        for line in [
            "✅ Test passed: a",
            "❌ Test failed: b",
            "",
            "   0: \u{1b}[91mmessage me\u{1b}[0m",
            "   1: \u{1b}[91mmore\u{1b}[0m",
            "Holding 3 connections",
        ] {
            read(line, &mut cases);
        }
        let case = |name: &str, held, why: &str| Case { name: name.into(), held, why: why.into() };
        assert_eq!(cases, [case("a", true, ""), case("b", false, "message me")]);
    }
}
