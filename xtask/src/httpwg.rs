//! httpwg-cli: RFC 9113 cases from outside, against the gateway's public door or any other address.

mod behind;

use crate::shell::{Outcome, command, watch};
use crate::tally::Tally;
use crate::tools;
use behind::Gateway;
use std::time::Duration;

/// Longest a run may take; it takes seconds.
const LIMIT: Duration = Duration::from_secs(600);
/// How long a case waits for a frame. Only a miss waits so long, so a busy machine need not decide the verdict.
const FRAME_TIMEOUT_MS: &str = "3000";

/// Misses that are not ours: the case, and the place in h2 0.4.20 that decides it (traced in docs/exceptions.md). A miss that is
/// not here is a failure, and so is a case that is here and holds.
const KNOWN: &[(&str, &str)] = &[
    ("invalid header block fragment", "src/codec/framed_read.rs:210, not COMPRESSION_ERROR"),
    ("sends headers frame with pseudo header in trailer", "src/proto/streams/recv.rs:430 drops them unseen"),
];

/// Cases whose outcome h2 leaves to chance: they may hold or miss. A client's GOAWAY has h2 close a connection without streams, as
/// it may (RFC 9113 §6.8), and the PING that the case sends after it comes in time or does not.
const CHANCE: &[(&str, &str)] =
    &[("sends goaway frame with unknown error code", "src/proto/connection.rs:327 closes when idle")];

/// Where to run the cases.
#[derive(clap::Args)]
pub struct Arguments {
    /// `HOST:PORT` of a running server that speaks h2c by prior knowledge and answers `POST /` with 200 and some bytes once it
    /// has read the body; without it, a gateway is started before such a service.
    address: Option<String>,
}

/// Runs the cases and prints each miss.
pub fn run(arguments: &Arguments) -> Outcome {
    let cases = match &arguments.address {
        Some(address) => attempt(address)?,
        None => attempt(&Gateway::start()?.public.to_string())?,
    };
    let mut wrong = 0;
    for case in &cases {
        match case.verdict() {
            Verdict::Held => {}
            Verdict::Known(place) => println!("known    {}: {place}", case.name),
            Verdict::Wrong(why) => {
                wrong += 1;
                println!("wrong    {}\n         {why}", case.name);
            }
        }
    }
    let held = cases.iter().filter(|case| case.held).count();
    println!("{held} of {} cases hold", cases.len());
    if wrong > 0 { Err(format!("{wrong} cases are not as they should be")) } else { Ok(()) }
}

/// All cases as tests; known misses count as skipped.
pub fn judge() -> Tally {
    if let Err(lacking) = tools::cargo_binary(tools::HTTPWG) {
        return Tally::skipped(1, &format!("httpwg: {lacking}"));
    }
    let cases = Gateway::start().and_then(|gateway| attempt(&gateway.public.to_string()));
    let cases = match cases {
        Ok(cases) => cases,
        Err(why) => return Tally::failed(&format!("httpwg: {why}")),
    };
    let mut tally = Tally::default();
    for case in cases {
        tally.add(match case.verdict() {
            Verdict::Held => Tally::passed(),
            Verdict::Known(place) => Tally::skipped(1, &format!("httpwg {}: {place}", case.name)),
            Verdict::Wrong(why) => Tally::failed(&format!("httpwg {}: {why}", case.name)),
        });
    }
    tally
}

fn place(list: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    // "RFC 9113 :: section :: case"
    let case = name.rsplit(" :: ").next().unwrap_or(name);
    list.iter().find(|(listed, _)| *listed == case).map(|(_, place)| *place)
}

/// What a case's outcome means.
enum Verdict<'a> {
    Held,
    /// A miss of h2, and where.
    Known(&'static str),
    /// A miss of ours, or a known one that is none any more.
    Wrong(&'a str),
}

/// One case's outcome.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Case {
    name: String,
    held: bool,
    /// What httpwg says about a miss.
    why: String,
}

impl Case {
    fn verdict(&self) -> Verdict<'_> {
        match (self.held, place(KNOWN, &self.name)) {
            (true, None) => Verdict::Held,
            (false, Some(place)) => Verdict::Known(place),
            (false, None) if let Some(place) = place(CHANCE, &self.name) => Verdict::Known(place),
            (true, Some(_)) => Verdict::Wrong("holds, and must be taken off the known misses"),
            // The assertion of a case that panics is not told as its reason.
            (false, None) if self.why.is_empty() => Verdict::Wrong("ended without a verdict"),
            (false, None) => Verdict::Wrong(&self.why),
        }
    }
}

/// Runs every case against `address`.
fn attempt(address: &str) -> Outcome<Vec<Case>> {
    let mut run = command(tools::cargo_binary(tools::HTTPWG)?.with_file_name("httpwg"));
    run.args([
        "--address",
        address,
        "--frame-timeout",
        FRAME_TIMEOUT_MS,
        "--connect-timeout",
        "2000",
        "--verbose",
    ]);
    // One after another: hundreds of hostile connections at once test the limits, which is another test.
    run.env("SEQUENTIAL", "1").env("RUST_LOG", "error").env("NO_COLOR", "1");
    let mut cases = Vec::new();
    let status = watch(&mut run, LIMIT, |line| read(line, &mut cases))?;
    cases.sort();
    if cases.is_empty() { Err(format!("httpwg ran no case ({status})")) } else { Ok(cases) }
}

/// A line of httpwg's: a case begins, or held, or missed and why on the first line after. One that panics says none of both.
fn read(line: &str, cases: &mut Vec<Case>) {
    if let Some((_, name)) = line.split_once("Running test: ") {
        cases.push(Case { name: name.to_owned(), held: false, why: String::new() });
    } else if let Some((_, name)) = line.split_once("Test passed: ") {
        if let Some(case) = cases.iter_mut().rfind(|case| case.name == name) {
            case.held = true;
        }
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
    use super::{CHANCE, Case, KNOWN, Verdict, read};

    fn case(name: &str, held: bool, why: &str) -> Case {
        Case { name: name.into(), held, why: why.into() }
    }

    #[test]
    fn outcomes_and_reasons_are_read() {
        let mut cases = Vec::new();
        for line in [
            "🔷 Running test: a",
            "✅ Test passed: a",
            "🔷 Running test: b",
            "❌ Test failed: b",
            "",
            "   0: \u{1b}[91mmessage me\u{1b}[0m",
            "   1: \u{1b}[91mmore\u{1b}[0m",
            "Holding 3 connections",
            "🔷 Running test: c",
            "The application panicked (crashed).",
        ] {
            read(line, &mut cases);
        }
        assert_eq!(cases, [case("a", true, ""), case("b", false, "message me"), case("c", false, "")]);
    }

    #[test]
    fn only_known_misses_may_be_missed_and_must_be() {
        let known = format!("RFC 9113 :: 4 :: {}", KNOWN[0].0);
        assert!(matches!(case(&known, false, "x").verdict(), Verdict::Known(_)));
        assert!(matches!(case(&known, true, "").verdict(), Verdict::Wrong(_)));
        let chance = format!("RFC 9113 :: 7 :: {}", CHANCE[0].0);
        assert!(matches!(case(&chance, false, "").verdict(), Verdict::Known(_)));
        assert!(matches!(case(&chance, true, "").verdict(), Verdict::Held));
        assert!(matches!(case("RFC 9113 :: 4 :: other", true, "").verdict(), Verdict::Held));
        assert!(matches!(case("RFC 9113 :: 4 :: other", false, "x").verdict(), Verdict::Wrong("x")));
        assert!(matches!(case("RFC 9113 :: 4 :: other", false, "").verdict(), Verdict::Wrong(_)));
    }
}
