//! Starting, ticking, draining.

use super::adopt::RosterFile;
use super::discovery::Sources;
use super::upstream::{self, Reporter};
use super::{Drain, Process};
use crate::admin;
use crate::listen::accept::{self, Accepted, Threads};
use crate::listen::tls::{CertificateError, Certificates};
use crate::listen::{self, Listening};
use crate::program::{self, BuildError, Door};
use crate::worker::Worker;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};
use tenet_release::{NodeFacts, Release, Roster};
use tenet_telemetry::{
    Collector, CounterId, Event, EventKind, GaugeId, ProcessInfo, second_close, second_edge,
};
use tenet_upstream::Shared;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// What a gateway starts with.
pub struct Options {
    /// The facts of this process.
    pub facts: NodeFacts,
    /// The release it begins with.
    pub release: Release,
    /// The release's epoch.
    pub epoch: u64,
    /// Public sockets, bound and listening.
    pub public: Vec<TcpListener>,
    /// Private sockets.
    pub private: Vec<TcpListener>,
    /// The admin socket.
    pub admin: TcpListener,
}

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The release cannot be compiled.
    #[error("the release cannot be served: {0}")]
    Build(#[from] BuildError),
    /// A certificate cannot be used.
    #[error("TLS: {0}")]
    Certificate(#[from] CertificateError),
    /// A socket, a thread or a signal handler could not be had.
    #[error("the process could not be set up: {0}")]
    Io(#[from] io::Error),
}

/// Threads of the runtime beside the data plane: watches, exports, admin.
const CONTROL_THREADS: usize = 1;
/// How often a draining process looks whether it is done.
const DRAIN_POLL: Duration = Duration::from_millis(20);
/// How long threads may take to stop once told to.
const STOP_WAIT: Duration = Duration::from_secs(2);

/// Serves until SIGTERM or SIGINT, then drains. SIGHUP takes over the release that `current.json` names.
///
/// # Errors
/// What kept it from starting; once it serves, it ends well.
pub fn run(options: Options) -> Result<(), RunError> {
    let control = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CONTROL_THREADS)
        .thread_name("tenet-control")
        .enable_all()
        .build()?;
    let gateway = Gateway::new(&options)?;
    let result = control.block_on(gateway.serve(options));
    control.shutdown_timeout(STOP_WAIT);
    result
}

struct Gateway {
    process: Arc<Process>,
    certificates: Option<Arc<Certificates>>,
}

impl Gateway {
    fn new(options: &Options) -> Result<Gateway, RunError> {
        let facts = &options.facts;
        let release = Arc::new(options.release.clone());
        let upstream = Arc::new(Shared::new());
        let roster = Roster::read(&facts.roster).unwrap_or_else(|_| Roster::from_config(&release.config));
        let program = program::build(&release, options.epoch, &roster, &[], &upstream)?;
        let collector = Arc::new(Collector::new(ProcessInfo {
            name: facts.name.clone(),
            role: "gateway".into(),
            zone: facts.zone.clone(),
            release: release.hash.short(),
            epoch: options.epoch,
            version: env!("CARGO_PKG_VERSION").into(),
            started: SystemTime::now(),
        }));
        let process = Process::new(facts, program, roster, upstream, collector);
        process.find_zone(&process.current().names.zones);
        let certificates = facts.tls.clone().map(Certificates::load).transpose()?.map(Arc::new);
        Ok(Gateway { process, certificates })
    }

    async fn serve(&self, options: Options) -> Result<(), RunError> {
        let process = &self.process;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (threads, handles) = start_threads(process)?;
        let public = Listening {
            door: Door::Public,
            tls: self.certificates.clone(),
            proxy_protocol: options.facts.proxy_protocol,
        };
        let private = Listening { door: Door::Private, tls: None, proxy_protocol: false };
        let public = options.public.into_iter().map(|socket| (socket, public.clone()));
        let private = options.private.into_iter().map(|socket| (socket, private.clone()));
        for (socket, listening) in public.chain(private) {
            socket.set_nonblocking(true)?;
            let socket = tokio::net::TcpListener::from_std(socket)?;
            tokio::spawn(accept::run(process.clone(), socket, listening, threads.clone()));
        }
        options.admin.set_nonblocking(true)?;
        let admin = tokio::net::TcpListener::from_std(options.admin)?;
        tokio::spawn(admin::serve(process.clone(), admin));
        tokio::spawn(every_second(
            process.clone(),
            self.certificates.clone(),
            RosterFile::new(options.facts.roster.clone()),
        ));
        tokio::spawn(upstream::judge(process.clone()));
        let _checker = upstream::check_health(process);
        tokio::spawn(reload_on_hangup(process.clone(), signal(SignalKind::hangup())?));
        process.announce();
        tracing::info!(release = %process.current().hash.short(), epoch = process.current().epoch, "serving");

        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        self.drain().await;
        // Without senders the threads end; what is still open by now has had its time.
        drop(threads);
        let _ = tokio::task::spawn_blocking(move || join(handles)).await;
        Ok(())
    }

    /// Stops accepting and waits, within the configured bound, until every connection has ended.
    async fn drain(&self) {
        let process = &self.process;
        let bound = process.current().config().drain.duration();
        process.collector.set_gauge(GaugeId::Draining, 1);
        process.collector.event(Event {
            kind: EventKind::Drain,
            at: SystemTime::now(),
            subject: "gateway".into(),
            text: format!("draining, for at most {bound:?}"),
        });
        let until = tokio::time::Instant::now() + bound;
        process.drain(Drain::Public);
        ended(process.open_at(Door::Public), until).await;
        process.drain(Drain::Both);
        for open in &process.open {
            ended(open, until).await;
        }
        let left = process.in_flight.load(Ordering::Relaxed);
        if left > 0 {
            tracing::warn!(requests = left, "the drain time is over; what is in flight is cut");
        }
        tracing::info!("drained");
    }
}

/// Waits until nothing is open any more, at most until `until`.
async fn ended(open: &AtomicUsize, until: tokio::time::Instant) {
    while open.load(Ordering::Relaxed) > 0 && tokio::time::Instant::now() < until {
        tokio::time::sleep(DRAIN_POLL).await;
    }
}

fn start_threads(process: &Arc<Process>) -> io::Result<(Threads, Vec<JoinHandle<()>>)> {
    let mut senders = Vec::new();
    let mut handles = Vec::new();
    for index in 0..process.open.len() {
        let (sender, receiver) = unbounded_channel();
        let process = process.clone();
        senders.push(sender);
        handles.push(
            std::thread::Builder::new()
                .name(format!("tenet-data-{index}"))
                .spawn(move || data_thread(process, index, receiver))?,
        );
    }
    Ok((senders.into(), handles))
}

fn join(handles: Vec<JoinHandle<()>>) {
    for handle in handles {
        if handle.join().is_err() {
            tracing::error!("a data-plane thread panicked");
        }
    }
}

/// One data-plane thread, until its sender is dropped.
#[allow(clippy::needless_pass_by_value)] // a thread owns what it lives by
fn data_thread(process: Arc<Process>, index: usize, mut accepted: UnboundedReceiver<Accepted>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!("data-plane thread {index} has no runtime: {error}"),
    };
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async move {
        let worker = Worker::new(process.clone(), index);
        tokio::task::spawn_local(worker.reaper().run());
        let flushed = worker.clone();
        tokio::task::spawn_local(async move {
            loop {
                second_edge().await;
                flushed.flush();
            }
        });
        let draining = worker.clone();
        let mut drain = process.drain_signal();
        tokio::task::spawn_local(async move {
            while drain.changed().await.is_ok() {
                draining.drain(*drain.borrow_and_update());
            }
        });
        while let Some(Accepted { stream, address, listening }) = accepted.recv().await {
            tokio::task::spawn_local(listen::serve(worker.clone(), listening, stream, address));
        }
        worker.flush();
    });
}

/// What is done once a second, beside the data plane.
async fn every_second(
    process: Arc<Process>,
    certificates: Option<Arc<Certificates>>,
    mut roster: RosterFile,
) {
    let mut upstream = Reporter::default();
    let mut sources = Sources::default();
    loop {
        second_close().await;
        match roster.changed() {
            Ok(None) => {}
            Ok(Some(roster)) => {
                // A new zone means a new program: work that must not hold up the clock, nor who accepts.
                let process = process.clone();
                tokio::task::spawn_blocking(move || match process.adopt_roster(&roster) {
                    Ok(true) => tracing::info!("a new roster is in force"),
                    Ok(false) => {}
                    Err(error) => tracing::error!("the roster was not taken over: {error}"),
                });
            }
            Err(error) => tracing::error!("{}", super::adopt::with_sources(&error)),
        }
        sources.follow(&process);
        process.faults.end_those_due(&process.upstream);
        if let Some(certificates) = &certificates {
            match certificates.refresh() {
                Ok(true) => {
                    process.collector.count(CounterId::CertificateReloads, 1);
                    tracing::info!("certificates were read again");
                }
                Ok(false) => {}
                Err(error) => tracing::error!("the certificate in use stays: {error}"),
            }
        }
        upstream.report(&process);
        process.collector.tick(SystemTime::now());
    }
}

async fn reload_on_hangup(process: Arc<Process>, mut hangup: tokio::signal::unix::Signal) {
    while hangup.recv().await.is_some() {
        // Reading and compiling is work; it must not hold up accepting.
        let reloading = process.clone();
        let Ok(reloaded) = tokio::task::spawn_blocking(move || reloading.reload_from_disk()).await else {
            tracing::error!("taking over the release on disk failed by a panic; the one in force goes on");
            continue;
        };
        match reloaded {
            Ok(true) => tracing::info!(epoch = process.current().epoch, "a new release serves"),
            Ok(false) => tracing::info!("the release on disk serves already"),
            Err(error) => tracing::error!("the release on disk was refused: {error}"),
        }
    }
}
