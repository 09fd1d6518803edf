//! `tenet traffic`: an open-loop load. Requests begin when the schedule says, not when the last answer came, and each latency counts
//! from the intended start, so that a stall shows with everything it delayed (no coordinated omission).
//!
//! ```text
//!   schedule (Poisson) ──▶ user (Zipf, one whale) ──▶ request ──▶ a free connection ──▶ latency, status ──▶ a line every 10 s
//! ```

mod connection;
mod report;
mod requests;
mod schedule;
mod users;

use crate::cli::Failed;
use clap::Args;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use report::Report;
use requests::Requests;
use schedule::Schedule;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tenet_release::ReleaseDir;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;
use users::Users;

/// Between two lines.
const REPORT: Duration = Duration::from_secs(10);
/// Requests that may wait for an answer at a time. Beyond it the load is not what was asked for, and the report says so.
const IN_FLIGHT: usize = 1_000;
/// How much the schedule may lag before what is due is dropped: a machine that slept must not send an hour's load at once.
const LAG: Duration = Duration::from_secs(1);

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
    let traffic = &release.config.traffic;
    let requests = Requests::new(traffic, &release.contract);
    if requests.is_empty() {
        return Err(Failed("error: nothing to send: add [[traffic.requests]] to tenet.toml".into()));
    }
    let users = Users::new(traffic.users, traffic.whale, traffic.whale_per_mille);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failed::while_doing("cannot start the load", &error))?;
    runtime.block_on(LocalSet::new().run_until(send(args.target, args.rps, requests, users)))
}

async fn send(target: SocketAddr, rps: u32, requests: Requests, users: Users) -> Result<(), Failed> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Failed::new)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failed::new)?;
    let mut random = SmallRng::from_os_rng();
    let mut schedule = Schedule::new(rps);
    let pool = connection::Pool::new(target);
    let report = Rc::new(RefCell::new(Report::default()));
    let in_flight = Rc::new(std::cell::Cell::new(0usize));
    let start = Instant::now();
    let mut lines = tokio::time::interval_at((start + REPORT).into(), REPORT);
    let mut due = schedule.next(&mut random);
    let mut number = 0u64;
    loop {
        tokio::select! {
            () = tokio::time::sleep_until((start + due).into()) => {}
            _ = lines.tick() => {
                println!("{}", report.take().line(REPORT, in_flight.get()));
                continue;
            }
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        }
        // Everything that is due now: the timer's grain is a millisecond, the schedule's is not.
        while due <= start.elapsed() {
            let intended = start + due;
            due = schedule.next(&mut random);
            if in_flight.get() >= IN_FLIGHT || intended.elapsed() > LAG {
                report.borrow_mut().dropped();
                continue;
            }
            number += 1;
            let user = users.choose(&mut random);
            let request = requests.choose(&mut random, user, number);
            let (pool, report, in_flight) = (pool.clone(), report.clone(), in_flight.clone());
            in_flight.set(in_flight.get() + 1);
            tokio::task::spawn_local(async move {
                let outcome = pool.call(request).await;
                report.borrow_mut().record(&outcome, intended.elapsed());
                in_flight.set(in_flight.get() - 1);
            });
        }
    }
}
