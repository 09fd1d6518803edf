//! The control plane. For now: the console and its API.
//!
//! ```text
//!   gateway-1 ─Telemetry/Watch─┐
//!   gateway-2 ─Telemetry/Watch─┼▶ follow ──▶ fleet (15 minutes of seconds, totals, events) ──▶ /api/live  (SSE)
//!                                                                                          ├──▶ /api/history
//!                                                                                          ├──▶ /metrics
//!   store-1 ───Telemetry/Watch─┘                                  console/ (embedded) ─────┴──▶ /
//! ```
//!
//! Gateways are given; the processes of the store are those that the gateways know as instances, and come and go with them.
//!
//! Nothing here is needed for a request to be served: a gateway that finds nobody following it just goes on.

mod assets;
mod fleet;
mod follow;
mod listen;
mod live;
mod web;

use fleet::Fleet;
use live::Live;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tenet_telemetry::{Collector, ProcessInfo};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the console needs to run.
#[derive(Debug)]
pub struct Options {
    /// Where people connect; already bound and listening.
    pub listener: std::net::TcpListener,
    /// Admin listeners of the gateways, `host:port`.
    pub gateways: Vec<String>,
    /// Name of the project, shown as the title.
    pub project: String,
}

/// What this process tells of itself, beside what it follows.
pub struct Own {
    /// Its events, alarms and seconds.
    pub collector: Arc<Collector>,
    /// Appends families to `/metrics`, as OpenMetrics 1.0 without the `# EOF`.
    pub metrics: Box<dyn Fn(&mut String) + Send + Sync>,
}

impl Default for Own {
    /// Nothing but its seconds.
    fn default() -> Own {
        let collector = Arc::new(Collector::new(ProcessInfo {
            name: "control".into(),
            role: "control".into(),
            zone: String::new(),
            release: String::new(),
            epoch: 0,
            version: env!("CARGO_PKG_VERSION").into(),
            started: SystemTime::now(),
        }));
        Own { collector, metrics: Box::new(|_| ()) }
    }
}

/// How long open requests may take to end after the shutdown began; the live streams end at once.
const DRAIN: Duration = Duration::from_secs(3);

/// Serves the console until `shutdown` completes, then lets open requests end within three seconds.
///
/// Returns an error only if the listener cannot be used. A gateway that is away is shown as away.
pub async fn run(options: Options, shutdown: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    run_with(options, Own::default(), shutdown).await
}

/// The same, telling of itself what `own` holds, too.
///
/// # Errors
/// As of [`run`].
pub async fn run_with(
    options: Options,
    own: Own,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let Options { listener, gateways, project } = options;
    listener.set_nonblocking(true)?;
    let listener = listen::Bounded::new(tokio::net::TcpListener::from_std(listener)?);

    let collector = Arc::clone(&own.collector);
    let fleet = Arc::new(Fleet::new(project, &gateways));
    let live = Arc::new(Live::new());
    let (stop, stopped) = watch::channel(false);

    // Dropped at the end of this function, which ends all of them.
    let mut tasks = JoinSet::new();
    tasks.spawn(tenet_telemetry::keep_time(Arc::clone(&collector)));
    tasks.spawn(follow::own(Arc::clone(&fleet), Arc::clone(&collector)));
    for gateway in gateways {
        tasks.spawn(follow::process(Arc::clone(&fleet), Arc::clone(&collector), gateway));
    }
    tasks.spawn(follow::stores(Arc::clone(&fleet), Arc::clone(&collector)));
    tasks.spawn(live::publish(Arc::clone(&fleet), Arc::clone(&live)));

    let router = web::router(web::Shared { fleet, live, own: Arc::new(own), stopped: stopped.clone() });
    let mut begun = stopped.clone();
    let server = axum::serve(listener, router).with_graceful_shutdown(until_true(stopped));
    let deadline = async {
        until_true_ref(&mut begun).await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::spawn(async move {
        shutdown.await;
        stop.send_replace(true);
    });
    tokio::select! {
        result = server => result,
        () = deadline => Ok(()),
    }
}

async fn until_true(mut flag: watch::Receiver<bool>) {
    until_true_ref(&mut flag).await;
}

/// Also ends when the sender is gone: whoever could have said stop no longer exists.
async fn until_true_ref(flag: &mut watch::Receiver<bool>) {
    let _ = flag.wait_for(|stop| *stop).await;
}
