//! What can be said to `tenet drill`.

use super::fault::{Fault, LONGEST};
use crate::cli::Failed;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::time::Duration;
use tenet_error::GrpcCode;
use tenet_release::config::Millis;

/// Most calls of one drill. Each is remembered until the report, in some 40 bytes.
const CALLS_MAX: u64 = 3_000_000;
/// Shortest time before the failure: less is no normal to compare with.
const BEFORE_MIN: Duration = Duration::from_millis(500);

/// Most times the usual load; one load generator sends no more.
const TIMES_MAX: f64 = 100.0;
/// Longest delay that fault points take.
const DELAY_MAX: Millis = Millis(60_000);

/// Flags of `tenet drill`.
#[derive(Clone, Debug, Args)]
pub struct DrillArgs {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Clone, Debug, Subcommand)]
enum Kind {
    /// Kill every instance of a zone and its gateway, and keep them down.
    LoseZone {
        /// The zone.
        zone: String,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Kill one instance, or one gateway, and keep it down.
    LoseInstance {
        /// Its name, as in the lines of `tenet up`.
        instance: String,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Stop every process of a zone where it is: connections stay open and nothing answers.
    HangZone {
        /// The zone.
        zone: String,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Stop one instance, or one gateway, where it is.
    HangInstance {
        /// Its name, as in the lines of `tenet up`.
        instance: String,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Let one instance take longer for each call (needs `up --fault-points`).
    SlowInstance {
        /// Its name, as in the lines of `tenet up`.
        instance: String,
        /// How much longer.
        #[arg(long, default_value = "100ms", value_parser = delay)]
        delay: Millis,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Let one instance answer with an error at once (needs `up --fault-points`).
    ErrorInstance {
        /// Its name, as in the lines of `tenet up`.
        instance: String,
        /// The gRPC code.
        #[arg(long, default_value = "INTERNAL", value_parser = grpc_code)]
        code: String,
        /// Share of its calls that fail, in percent.
        #[arg(long, default_value_t = 100.0, value_parser = share)]
        share: f64,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Let one instance take calls and never answer (needs `up --fault-points`).
    BlackHole {
        /// Its name, as in the lines of `tenet up`.
        instance: String,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Let the way from every gateway to the instances of a zone take longer (needs `up --fault-points`).
    SlowNetwork {
        /// The zone.
        zone: String,
        /// How much longer.
        #[arg(long, default_value = "100ms", value_parser = delay)]
        delay: Millis,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Let callers call several times as often as `--rps`.
    Overload {
        /// How many times.
        #[arg(long, default_value_t = 3.0, value_parser = times)]
        times: f64,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Replace every gateway and every instance, one after the other; nobody should notice.
    RollingRestart {
        #[command(flatten)]
        run: RunArgs,
    },
}

/// What all drills have in common.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// The project folder.
    #[arg(default_value = ".")]
    pub project: PathBuf,
    /// Requests a second that the drill sends itself.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub rps: u32,
    /// How long callers call before anything is measured, so that a fleet that had nothing to do is no measure of what is usual.
    #[arg(long, default_value = "2s")]
    pub warm_up: Millis,
    /// How long to measure before the failure.
    #[arg(long, default_value = "5s")]
    pub before: Millis,
    /// How long the failure lasts; at most 10min.
    #[arg(long, default_value = "10s")]
    pub during: Millis,
    /// How long to measure once it is undone.
    #[arg(long, default_value = "10s")]
    pub after: Millis,
    /// Send what changes something as well, not only GET and HEAD.
    #[arg(long)]
    pub writes: bool,
    /// Longest wait of a caller for its answer.
    #[arg(long, default_value = "5s")]
    pub timeout: Millis,
    /// Let callers repeat a safe request once, on a fresh connection, after this silence. Default: they wait.
    #[arg(long, value_name = "TIME")]
    pub repeat_after: Option<Millis>,
    /// Print the report as one JSON object; progress goes to standard error.
    #[arg(long)]
    pub json: bool,
    /// Judge only the limits stated here, not the ones that suit the kind of failure.
    #[arg(long)]
    pub only_stated_limits: bool,
    /// Limit: most calls that may fail from the failure on.
    #[arg(long, value_name = "N")]
    pub max_harmed: Option<u64>,
    /// Limit: least share of calls that succeed during the failure.
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub min_success: Option<f64>,
    /// Limit: most times that p99 during the failure may be p99 before it.
    #[arg(long, value_name = "RATIO", value_parser = ratio)]
    pub max_p99_ratio: Option<f64>,
    /// Limit: longest time from the failure until callers are served as before.
    #[arg(long, value_name = "TIME")]
    pub max_recovery: Option<Millis>,
    /// Limit: longest time from the failure's end until callers are served as before it.
    #[arg(long, value_name = "TIME")]
    pub max_settle: Option<Millis>,
}

impl DrillArgs {
    /// What fails, and how it is measured.
    pub fn split(self) -> Result<(Fault, RunArgs), Failed> {
        let (fault, run) = match self.kind {
            Kind::LoseZone { zone, run } => (Fault::LoseZone { zone }, run),
            Kind::LoseInstance { instance, run } => (Fault::LoseInstance { instance }, run),
            Kind::HangZone { zone, run } => (Fault::HangZone { zone }, run),
            Kind::HangInstance { instance, run } => (Fault::HangInstance { instance }, run),
            Kind::SlowInstance { instance, delay, run } => {
                (Fault::SlowInstance { instance, delay_ms: delay.0 }, run)
            }
            Kind::ErrorInstance { instance, code, share, run } => {
                (Fault::ErrorInstance { instance, code, share: share / 100.0 }, run)
            }
            Kind::BlackHole { instance, run } => (Fault::BlackHole { instance }, run),
            Kind::SlowNetwork { zone, delay, run } => (Fault::SlowNetwork { zone, delay_ms: delay.0 }, run),
            Kind::Overload { times, run } => (Fault::Overload { times }, run),
            Kind::RollingRestart { run } => (Fault::RollingRestart, run),
        };
        run.check(fault.load_times())?;
        Ok((fault, run))
    }
}

impl RunArgs {
    fn check(&self, load_times: f64) -> Result<(), Failed> {
        if self.before.duration() < BEFORE_MIN {
            return Err(Failed(format!(
                "error: --before is {}, expected at least {BEFORE_MIN:?}",
                self.before
            )));
        }
        if self.during.0 == 0
            || self.during.duration() > LONGEST
            || self.after.duration() > LONGEST
            || self.before.duration() > LONGEST
            || self.warm_up.duration() > LONGEST
        {
            return Err(Failed(format!(
                "error: --warm-up, --before, --during and --after are at most {LONGEST:?} each, and --during is more than 0"
            )));
        }
        if self.timeout.0 == 0 || self.timeout.duration() > LONGEST {
            return Err(Failed(format!("error: --timeout is {}, expected 1ms to {LONGEST:?}", self.timeout)));
        }
        let usual_ms = self.warm_up.0 + self.before.0 + self.after.0;
        let calls = u64::from(self.rps) * (usual_ms + (self.during.0 as f64 * load_times) as u64) / 1000;
        if calls > CALLS_MAX {
            return Err(Failed(format!(
                "error: {calls} calls at {} a second, expected at most {CALLS_MAX}\n  hint: a lower --rps, or shorter times",
                self.rps
            )));
        }
        Ok(())
    }
}

fn percent(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').parse() {
        Ok(value) if (0.0..=100.0).contains(&value) => Ok(value),
        _ => Err(format!("found {text:?}, expected a number from 0 to 100")),
    }
}

fn share(text: &str) -> Result<f64, String> {
    percent(text).and_then(|share| if share > 0.0 { Ok(share) } else { Err("no call would fail".to_owned()) })
}

fn delay(text: &str) -> Result<Millis, String> {
    let delay: Millis = text.parse()?;
    if delay.0 > 0 && delay <= DELAY_MAX {
        return Ok(delay);
    }
    Err(format!("found {delay}, expected 1ms to {DELAY_MAX}; beyond that it is a black hole"))
}

fn times(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if (1.0..=TIMES_MAX).contains(&value) => Ok(value),
        _ => Err(format!("found {text:?}, expected a number from 1 to {TIMES_MAX}")),
    }
}

fn ratio(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if value > 0.0 && f64::is_finite(value) => Ok(value),
        _ => Err(format!("found {text:?}, expected a number above 0")),
    }
}

fn grpc_code(text: &str) -> Result<String, String> {
    let names = || GrpcCode::ALL.iter().filter(|code| **code != GrpcCode::Ok).map(|code| code.name());
    let near = names().find(|name| name.eq_ignore_ascii_case(text));
    near.map(str::to_owned)
        .ok_or_else(|| format!("found {text:?}, expected one of {}", names().collect::<Vec<_>>().join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        drill: DrillArgs,
    }

    fn parse(line: &str) -> Result<(Fault, RunArgs), String> {
        let words = std::iter::once("drill").chain(line.split(' '));
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        line.drill.split().map_err(|Failed(text)| text)
    }

    #[test]
    fn every_kind_is_understood() {
        for (line, shown) in [
            ("lose-zone b", "lose-zone b"),
            ("lose-instance web-a-1 /project", "lose-instance web-a-1"),
            ("hang-zone b --rps 50", "hang-zone b"),
            ("hang-instance gateway-1", "hang-instance gateway-1"),
            ("slow-instance web-a-1 --delay 2s", "slow-instance web-a-1 (2000 ms)"),
            (
                "error-instance web-a-1 --code unavailable --share 12.5",
                "error-instance web-a-1 (UNAVAILABLE, 12.5 % of its calls)",
            ),
            ("black-hole web-a-1", "black-hole web-a-1"),
            ("slow-network b --delay 5ms --max-recovery 3s", "slow-network b (5 ms)"),
            ("overload --times 2.5 /project", "overload (2.5 times the calls)"),
            ("rolling-restart", "rolling-restart"),
        ] {
            assert_eq!(parse(line).unwrap().0.to_string(), shown);
        }
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        for (line, expected) in [
            ("lose-zone b --before 1ms", "--before"),
            ("lose-zone b --during 11min", "at most 600s"),
            ("lose-zone b --timeout 0s", "--timeout"),
            ("lose-zone b --rps 100000 --during 10min", "at most 3000000"),
            ("lose-zone b --min-success 101", "from 0 to 100"),
            ("lose-zone b --max-p99-ratio 0", "above 0"),
            ("slow-instance web-a-1 --delay 2min", "expected 1ms to 1min"),
            ("error-instance web-a-1 --share 0", "no call would fail"),
            ("overload --times 0.5", "from 1 to 100"),
            ("overload --rps 10000 --times 100 --during 10s", "at most 3000000"),
            ("error-instance web-a-1 --code BROKEN", "expected one of CANCELLED"),
            ("lose-planet b", "lose-planet"),
        ] {
            let found = parse(line).unwrap_err();
            assert!(found.contains(expected), "{line}: {found}");
        }
    }
}
