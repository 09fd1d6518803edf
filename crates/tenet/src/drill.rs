//! `tenet drill`: a rehearsed failure whose outcome is measured.
//!
//! ```text
//!   load ──▶ before ──▶ "begin" ──▶ during ──▶ "end" ──▶ after ──▶ report, judged by limits
//!                          │                     │
//!                          ▼ tenet up ▼          ▼           (up/drill.rs: makes it fail, and undoes it whatever happens here)
//! ```
//!
//! The load is the drill's own and open-loop, so that a stall shows with all it delays. What the callers noticed comes from
//! it (`tally`), what the fleet noticed and did from its gateways (`fleet`, `counters`).

mod args;
mod counters;
mod course;
mod fault;
mod fleet;
mod limits;
mod progress;
mod report;
mod run;
mod session;
mod tally;

pub use args::DrillArgs;
pub use fault::{Fault, LONGEST, Means, Reach, Rehearsal};

use crate::cli::Failed;
use tokio::task::LocalSet;

/// Runs one drill and prints its report. The error is what kept it from being measured, or a limit that did not hold.
pub fn run(args: DrillArgs) -> Result<(), Failed> {
    let (fault, args) = args.split()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failed::while_doing("cannot start the drill", &error))?;
    let json = args.json;
    let report = runtime.block_on(LocalSet::new().run_until(run::measure(fault, args)))?;
    if json {
        println!("{}", serde_json::to_string(&report).map_err(Failed::new)?);
    } else {
        print!("{report}");
    }
    if report.held { Ok(()) } else { Err(Failed("error: a limit does not hold".into())) }
}
