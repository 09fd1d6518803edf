//! `tenet traffic`: an open-loop load. Requests begin when the schedule says, not when the last answer came, and each latency counts
//! from the intended start, so that a stall shows with everything it delayed (no coordinated omission).
//!
//! ```text
//!   schedule (Poisson) ──▶ user (Zipf, one whale) ──▶ request ──▶ a free connection ──▶ latency, status ──▶ a line every 10 s
//! ```

mod connection;
mod counted;
mod load;
mod report;
mod requests;
mod schedule;
mod users;

pub use connection::{Outcome, Patience, Repeated};
pub use load::{Ended, Load};

use crate::cli::Failed;
use clap::Args;
use report::Report;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tenet_release::ReleaseDir;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;

/// Between two lines.
const REPORT: Duration = Duration::from_secs(10);
/// Longest wait for one answer; a caller would have given up.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// Flags of `tenet traffic`.
#[derive(Clone, Debug, Args)]
pub struct TrafficArgs {
    /// The gateway.
    #[arg(long)]
    target: SocketAddr,
    /// Requests a second.
    #[arg(long)]
    rps: u32,
    /// The state folder that holds the release with its `[traffic]`.
    #[arg(long)]
    state_dir: PathBuf,
}

/// Sends until it is told to stop.
pub fn run(args: &TrafficArgs) -> Result<(), Failed> {
    let release = ReleaseDir::new(&args.state_dir)
        .load_current()
        .map_err(|error| Failed::while_doing("cannot use the state folder", &error))?;
    let Some((release, _)) = release else {
        return Err(Failed(format!("error: {} holds no release", args.state_dir.display())));
    };
    let patience = Patience { answer: ANSWER_TIME, repeat_lost: false, repeat_silent: None };
    let load = Load::of(&release, args.target, args.rps, true, patience)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failed::while_doing("cannot start the load", &error))?;
    runtime.block_on(LocalSet::new().run_until(send(&load)))
}

async fn send(load: &Load) -> Result<(), Failed> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Failed::new)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failed::new)?;
    let report = Rc::new(RefCell::new(Report::default()));
    let recorded = report.clone();
    let sending = load.send(Rc::new(move |ended: Ended| recorded.borrow_mut().record(&ended)));
    let mut sending = std::pin::pin!(sending);
    let mut lines = tokio::time::interval_at((Instant::now() + REPORT).into(), REPORT);
    loop {
        tokio::select! {
            never = &mut sending => match never {},
            _ = lines.tick() => println!("{}", report.take().line(REPORT, load.in_flight())),
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        }
    }
}
