//! The clients: a closed loop of each on one thread of the load core, their latencies, and what the servers used meanwhile.

use super::call::{Channel, Client as Caller};
use super::candidate::{Candidates, Kind, MAX_AGE};
use super::direct::Client as Direct;
use super::workload::{Work, Zipf};
use crate::load::on_load_core;
use crate::statistics::percentile;
use crate::{Outcome, cpu, machine};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Clients of one service process share a connection to the store; so many processes there are, or one for each client where they are fewer.
pub const CHANNELS: usize = 8;

/// Longest until all clients are connected: PostgreSQL starts a process for each.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// How many clients do what, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    /// Clients at once.
    pub clients: usize,
    /// Of a hundred steps.
    pub writes_percent: u64,
    /// Before anything counts.
    pub warm: Duration,
    /// That counts.
    pub time: Duration,
    /// Of all random choices.
    pub seed: u64,
}

/// What was seen of one candidate in one cell.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Steps a second.
    pub rate: f64,
    /// µs.
    pub p50: f64,
    /// µs.
    pub p99: f64,
    /// User and system CPU of PostgreSQL for one step, µs.
    pub server_us: f64,
    /// The same of the store's processes.
    pub store_us: f64,
    /// Part of the time that the measured core and the load core were busy, 0 to 1.
    pub busy: [f64; 2],
}

/// Shared by the thread of the clients and the one that looks at the clock.
#[derive(Default)]
struct Phase {
    connected: AtomicBool,
    counts: AtomicBool,
    stop: AtomicBool,
}

enum Client {
    Direct(Direct),
    Caller(Caller),
}

impl Client {
    async fn run(&self, work: &mut Work) -> Outcome {
        let step = work.next();
        match self {
            Client::Direct(client) => client.run(step).await,
            Client::Caller(client) => client.run(step, work.nonce()).await,
        }
    }
}

/// Lets the clients of a cell work through a candidate.
pub fn measure(candidates: &Candidates, kind: Kind, cell: Cell) -> Outcome<Seen> {
    let phase = Arc::new(Phase::default());
    let (sender, receiver) = std::sync::mpsc::channel();
    let (inside, url, addresses) = (phase.clone(), candidates.server.url(), candidates.addresses(kind));
    let thread = on_load_core(move |local, runtime| {
        let worked = local.block_on(&runtime, work(kind, cell, inside, &url, &addresses));
        let _ = sender.send(worked);
    })?;
    let until = Instant::now() + CONNECT_LIMIT;
    while !phase.connected.load(Ordering::Acquire) && !thread.is_finished() {
        if Instant::now() > until {
            return Err(format!("{}: the clients are not connected", kind.title()));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(cell.warm);
    let cpu = || {
        let stores = candidates.stores(kind).into_iter().map(cpu::of_tree).sum::<u64>();
        (cpu::of_tree(candidates.server.pid()), stores)
    };
    let cores = || [machine::ticks(machine::PROXY_CORE), machine::ticks(machine::LOAD_CORE)];
    let (ticks, used) = (cores(), cpu());
    let began = Instant::now();
    phase.counts.store(true, Ordering::Release);
    std::thread::sleep(cell.time);
    phase.counts.store(false, Ordering::Release);
    let took = began.elapsed();
    let (used_after, ticks_after) = (cpu(), cores());
    phase.stop.store(true, Ordering::Release);
    let latencies = receiver.recv().map_err(|_| "the clients ended".to_owned())??;
    let _ = thread.join();
    let steps = latencies.len() as f64;
    Ok(Seen {
        rate: steps / took.as_secs_f64(),
        p50: percentile(&latencies, 0.5) as f64,
        p99: percentile(&latencies, 0.99) as f64,
        server_us: (used_after.0 - used.0) as f64 / steps,
        store_us: (used_after.1 - used.1) as f64 / steps,
        busy: [0, 1].map(|core| machine::busy(ticks[core], ticks_after[core])),
    })
}

/// All clients; their latencies, sorted, in µs.
async fn work(
    kind: Kind,
    cell: Cell,
    phase: Arc<Phase>,
    url: &str,
    addresses: &[std::net::SocketAddr],
) -> Outcome<Vec<u64>> {
    let max_age = (kind == Kind::Cached).then_some(MAX_AGE);
    let mut channels = Vec::new();
    if !addresses.is_empty() {
        for place in 0..CHANNELS.min(cell.clients) {
            channels.push(Channel::connect(addresses[place % addresses.len()]).await?);
        }
    }
    // All are connected before the first begins: a server that is busy with some takes long to let in others.
    let mut clients = Vec::new();
    for number in 0..cell.clients {
        clients.push(match channels.get(number % channels.len().max(1)) {
            Some(channel) => Client::Caller(Caller::new(channel.clone(), max_age)),
            None => Client::Direct(Direct::connect(url).await?),
        });
    }
    phase.connected.store(true, Ordering::Release);
    let zipf = Arc::new(Zipf::new());
    let latencies = Rc::new(RefCell::new(Vec::new()));
    let mut tasks = Vec::new();
    for (number, client) in clients.into_iter().enumerate() {
        let work = Work::new(zipf.clone(), cell.seed << 16 | number as u64, cell.writes_percent);
        tasks.push(tokio::task::spawn_local(closed(client, work, phase.clone(), latencies.clone())));
    }
    for task in tasks {
        task.await.map_err(|error| error.to_string())??;
    }
    let mut latencies = latencies.take();
    latencies.sort_unstable();
    Ok(latencies)
}

/// One client: it asks again as soon as it is answered. The first failure ends the run.
async fn closed(
    client: Client,
    mut work: Work,
    phase: Arc<Phase>,
    latencies: Rc<RefCell<Vec<u64>>>,
) -> Outcome {
    while !phase.stop.load(Ordering::Acquire) {
        let began = Instant::now();
        client.run(&mut work).await?;
        if phase.counts.load(Ordering::Acquire) {
            latencies.borrow_mut().push(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
        }
    }
    Ok(())
}
