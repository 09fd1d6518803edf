//! A client's threads: each a runtime of its own around one pool; the first also keeps up what all of them share.

use crate::instances::Following;
use crate::job::Job;
use crate::worker::Worker;
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tenet_upstream::{Checker, HealthChange, Judgement, Part, Pool, ServiceHandle, Shared};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{LocalSet, spawn_local};

/// The threads' name in the system's lists.
const NAME: &str = "tenet-client";

/// How often instances are judged at most: the shortest interval of ejection there is.
const JUDGE_PAUSE: Duration = Duration::from_millis(100);

/// What every thread of a client gets.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) shared: Arc<Shared>,
    pub(crate) service: ServiceHandle,
    /// How many threads there are.
    pub(crate) threads: usize,
    pub(crate) known: watch::Receiver<bool>,
    pub(crate) answer_max: usize,
    pub(crate) drain: Duration,
    /// Jobs that may wait to be taken by the thread.
    pub(crate) queue: usize,
}

/// Starts a thread; it ends when the sender and all its clones are dropped and what is in flight has ended.
///
/// # Errors
/// The system has no thread or no event queue left.
pub(crate) fn start(
    index: usize,
    setup: Setup,
    following: Option<Following>,
) -> io::Result<mpsc::Sender<Box<Job>>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (sender, jobs) = mpsc::channel(setup.queue);
    std::thread::Builder::new().name(NAME.to_owned()).spawn(move || {
        let local = LocalSet::new();
        runtime.block_on(local.run_until(work(index, setup, following, jobs)));
        drop(local);
        // A file system that hangs may hold up the thread that reads the roster; nobody waits for it.
        runtime.shutdown_background();
    })?;
    Ok(sender)
}

async fn work(index: usize, setup: Setup, following: Option<Following>, jobs: mpsc::Receiver<Box<Job>>) {
    let _checker = following.map(|following| {
        spawn_local(following.run());
        spawn_local(judge(setup.shared.clone()));
        Checker::start(&setup.shared, |change: HealthChange| {
            let HealthChange { instance, healthy, cause, .. } = change;
            tracing::info!(%instance, healthy, cause, "health");
        })
    });
    let worker = Rc::new(Worker {
        pool: Pool::new(Part { thread: index, threads: setup.threads }, setup.shared),
        service: setup.service,
        answer_max: setup.answer_max,
        known: setup.known,
        seen: Cell::new(false),
        running: Cell::new(0),
        ended: Notify::new(),
    });
    worker.run(jobs, setup.drain).await;
}

/// Judges instances for as long as the client lives, and tells the log what came of it.
async fn judge(shared: Arc<Shared>) {
    let mut judgement = Judgement::new();
    loop {
        tokio::time::sleep(JUDGE_PAUSE).await;
        judgement.pass(&shared);
        for told in shared.take_told() {
            tracing::info!(service = %told.service, subject = told.subject, "{}", told.text);
        }
    }
}
