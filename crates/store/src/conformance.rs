//! The conformance suite: what every engine must do, tried on any of them.
//!
//! ```text
//!   Bench ──place──▶ Place ──open──▶ Engine ◀── tables        what each method answers, row by row
//!                      │                    ◀── properties    random batches beside a model that shares no code with it
//!                      │ beside, injure     ◀── runs          many clients at once, their histories judged
//!                      ▼                           │
//!               a second process, kill -9,         ▼
//!               a changed byte, no room         Report: the guarantee matrix from what was seen
//! ```
//!
//! The author of an engine adds this crate as a dev-dependency with the feature `conformance`, writes a [`Bench`] (thirty lines) and one test:
//!
//! ```text
//! #[tokio::test(flavor = "multi_thread")]
//! async fn it_conforms() {
//!     let report = conformance::run(Arc::new(MyBench), Options::from_environment()).await;
//!     println!("{report}");
//!     assert!(report.failures().is_empty(), "{}", report.failures().join("\n"));
//! }
//! ```
//!
//! A check that every engine must pass and does not, is a failure; so is a guarantee that is claimed and not seen. One that is seen and not claimed is
//! told. What the bench cannot do (turn the clock, open a second process, do harm) is *not tried*, and never counts as passed.
//!
//! Everything random comes from one seed, which a failure names. Tables and properties repeat exactly; where many clients run at once, the
//! seed repeats what they ask for and not how the machine interleaves it.

mod backup;
mod bench;
mod check;
mod concurrent;
mod durability;
mod guarantee;
mod index;
mod injury;
mod make;
mod model;
mod pages;
mod problem;
mod property;
mod report;
mod sequence;
mod sharing;
mod site;
mod tables;

pub use bench::{Bench, Injury, Place};
pub use guarantee::Guarantee;
pub use problem::Problem;
pub use report::{Finding, Report, Row, Seen, matrix};

use check::Check;
use problem::Checked;
use site::Site;
use std::sync::Arc;
use std::time::Duration;

/// Names the seed in the environment.
const SEED: &str = "TENET_CONFORMANCE_SEED";
/// Names the checks to run in the environment.
const ONLY: &str = "TENET_CONFORMANCE_ONLY";
/// Multiplies cases and operations in the environment.
const TIMES: &str = "TENET_CONFORMANCE_TIMES";

/// How much is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What all random choices come from. Default: 1.
    pub seed: u64,
    /// Random sequences of batches beside the model. Default: 64.
    pub cases: u32,
    /// Clients at once. Default: 8.
    pub clients: u32,
    /// Operations of each of them. Default: 150.
    pub operations: u32,
    /// Longest time of one check; a check that takes longer has failed. Default: two minutes.
    pub deadline: Duration,
    /// Longest wait for the next change to appear in the feed: an engine may tell it later than it was committed, but not never. Default: ten seconds.
    pub patience: Duration,
    /// Only checks whose title contains this. Empty: all.
    pub only: String,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            seed: 1,
            cases: 64,
            clients: 8,
            operations: 150,
            deadline: Duration::from_secs(120),
            patience: Duration::from_secs(10),
            only: String::new(),
        }
    }
}

impl Options {
    /// The defaults, with what the environment says: `TENET_CONFORMANCE_SEED`, `TENET_CONFORMANCE_ONLY` (a part of a check's title) and
    /// `TENET_CONFORMANCE_TIMES` (so many times as many cases and operations, and as long a deadline).
    pub fn from_environment() -> Options {
        let number = |name: &str| std::env::var(name).ok().and_then(|text| text.trim().parse::<u32>().ok());
        let defaults = Options::default();
        let times = number(TIMES).unwrap_or(1).max(1);
        Options {
            seed: std::env::var(SEED).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(defaults.seed),
            cases: defaults.cases.saturating_mul(times),
            operations: defaults.operations.saturating_mul(times),
            deadline: defaults.deadline.saturating_mul(times),
            only: std::env::var(ONLY).unwrap_or_default(),
            ..defaults
        }
    }
}

/// Tries everything on the engines of `bench`, one check after the other, each on a place of its own. It needs a tokio runtime with time.
pub async fn run(bench: Arc<dyn Bench>, options: Options) -> Report {
    let claims = match Site::open(bench.clone(), options.clone()).await {
        Ok(site) => Ok((site.engine.name(), site.engine.guarantees())),
        Err(problem) => Err(problem),
    };
    let (name, claims) = match claims {
        Ok(claims) => claims,
        Err(problem) => return Report::unopened(options.seed, problem),
    };
    let mut findings = Vec::new();
    for check in all().into_iter().filter(|check| check.title().contains(&options.only)) {
        let result = attempt(bench.clone(), check, options.clone()).await;
        findings.push(Finding { check: check.title(), evidence: check.evidence, result });
    }
    Report::new(name, options.seed, &claims, findings)
}

/// Every check there is.
fn all() -> Vec<Check> {
    let parts = [
        tables::checks(),
        property::checks(),
        index::checks(),
        concurrent::checks(),
        durability::checks(),
        sharing::checks(),
        injury::checks(),
        backup::checks(),
    ];
    parts.concat()
}

/// Makes one check, in a task of its own: an engine that panics or never answers fails the check and not the suite.
async fn attempt(bench: Arc<dyn Bench>, check: Check, options: Options) -> Checked {
    let deadline = options.deadline;
    let task = tokio::spawn(async move {
        let mut site = Site::open(bench, options).await?;
        (check.run)(&mut site).await
    });
    let stop = task.abort_handle();
    match tokio::time::timeout(deadline, task).await {
        Ok(Ok(result)) => result,
        Ok(Err(error)) => Err(Problem::Wrong(format!("it panicked: {error}"))),
        Err(_) => {
            stop.abort();
            Err(Problem::Wrong(format!("no end within {} s", deadline.as_secs())))
        }
    }
}
