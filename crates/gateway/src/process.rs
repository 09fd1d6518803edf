//! The gateway process: its threads, what they share, and its life from start to drain.

mod adopt;
mod discovery;
mod faults;
mod run;
mod upstream;

pub use adopt::Prepared;
pub use faults::{Fault, Faults};
pub use run::{Options, RunError, run};

use crate::admission::Counts;
use crate::program::{Door, Program};
use arc_swap::ArcSwap;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tenet_release::roster::RosterInstance;
use tenet_release::{NodeFacts, ReleaseDir, Roster};
use tenet_telemetry::Collector;
use tenet_upstream::{Lookups, LookupsView, Shared};
use tokio::sync::watch;

/// How far a drain has come. Public callers go first: what they wait for may need calls between services, which come in
/// through the private door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Drain {
    /// Serving.
    Not,
    /// The public door takes nothing new.
    Public,
    /// Neither door does.
    Both,
}

impl Drain {
    /// Whether connections of this door end.
    pub fn reaches(self, door: Door) -> bool {
        match door {
            Door::Public => self >= Drain::Public,
            Door::Private => self == Drain::Both,
        }
    }
}

/// What all threads of a gateway share.
pub struct Process {
    /// The instance sets and their standing.
    pub upstream: Arc<Shared>,
    /// Where what the threads record is added up.
    pub collector: Arc<Collector>,
    /// Requests being served, over all threads.
    pub in_flight: AtomicUsize,
    /// Connections open on each thread.
    pub open: Box<[AtomicUsize]>,
    /// Connections open through each door, over all threads; see [`Process::open_at`].
    open_by_door: [AtomicUsize; 2],
    /// Whether requests may ask for failures.
    pub fault_points: bool,
    program: ArcSwap<Program>,
    generation: AtomicU64,
    drain: watch::Sender<Drain>,
    /// A release that was prepared and waits for its epoch.
    prepared: Mutex<Option<Prepared>>,
    /// Who is there now; kept because a release must be compiled against it.
    roster: Mutex<Roster>,
    /// What DNS says of the services that are found by it.
    discovered: Mutex<BTreeMap<String, Vec<RosterInstance>>>,
    /// How the questions to DNS end, of the services that are found by it; asked once a second.
    lookups: Mutex<BTreeMap<String, Arc<Lookups>>>,
    /// The failure domain this process lives in; empty for none.
    zone: String,
    /// Delays injected into attempts, each with the moment it ends by itself.
    pub faults: Faults,
    /// Held while a new program is made from the one in force, so that no two are made from the same.
    adopting: Mutex<()>,
    /// By the number of the service; asked when a thread first calls one, and once a second.
    admission: Mutex<HashMap<usize, Arc<Counts>>>,
    state: ReleaseDir,
}

impl Process {
    /// A process with these facts that serves `program`, which was compiled against `roster`.
    pub fn new(
        facts: &NodeFacts,
        program: Program,
        roster: Roster,
        upstream: Arc<Shared>,
        collector: Arc<Collector>,
    ) -> Arc<Process> {
        Arc::new(Process {
            upstream,
            collector,
            in_flight: AtomicUsize::new(0),
            open: (0..facts.threads.max(1)).map(|_| AtomicUsize::new(0)).collect(),
            program: ArcSwap::from_pointee(program),
            generation: AtomicU64::new(1),
            open_by_door: [const { AtomicUsize::new(0) }; 2],
            drain: watch::Sender::new(Drain::Not),
            prepared: Mutex::new(None),
            roster: Mutex::new(roster),
            discovered: Mutex::default(),
            lookups: Mutex::default(),
            zone: facts.zone.clone(),
            faults: Faults::default(),
            adopting: Mutex::new(()),
            admission: Mutex::default(),
            state: ReleaseDir::new(&facts.state_dir),
            fault_points: facts.fault_points,
        })
    }

    /// The program in force and its generation. The generation is read first: one that is too old is only read again.
    pub fn program(&self) -> (u64, Arc<Program>) {
        let generation = self.generation.load(Ordering::Acquire);
        (generation, self.program.load_full())
    }

    /// The program in force.
    pub fn current(&self) -> Arc<Program> {
        self.program.load_full()
    }

    /// Changes with every switch of the program.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn switch(&self, program: Program) {
        self.program.store(Arc::new(program));
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// What is counted of admission to the service of that number.
    pub fn admission(&self, number: usize) -> Arc<Counts> {
        let mut admission = self.admission.lock().unwrap_or_else(PoisonError::into_inner);
        admission.entry(number).or_default().clone()
    }

    /// How DNS is asked for the instances of a service; `None` where it is not.
    pub fn lookups(&self, service: &str) -> Option<LookupsView> {
        let all = self.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(service).map(|lookups| lookups.view())
    }

    fn set_lookups(&self, service: &str, lookups: Option<Arc<Lookups>>) {
        let mut all = self.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        match lookups {
            Some(lookups) => _ = all.insert(service.to_owned(), lookups),
            None => _ = all.remove(service),
        }
    }

    /// Connections open over all threads.
    pub fn open_connections(&self) -> usize {
        self.open.iter().map(|open| open.load(Ordering::Relaxed)).sum()
    }

    /// Connections open through a door, over all threads. Bounded for each by itself: strangers must not use up what the fleet needs.
    pub fn open_at(&self, door: Door) -> &AtomicUsize {
        match door {
            Door::Public => &self.open_by_door[0],
            Door::Private => &self.open_by_door[1],
        }
    }

    /// A connection was given to a thread.
    pub fn opened(&self, thread: usize, door: Door) {
        self.open[thread].fetch_add(1, Ordering::Relaxed);
        self.open_at(door).fetch_add(1, Ordering::Relaxed);
    }

    /// A connection of a thread has ended.
    pub fn closed(&self, thread: usize, door: Door) {
        self.open[thread].fetch_sub(1, Ordering::Relaxed);
        self.open_at(door).fetch_sub(1, Ordering::Relaxed);
    }

    /// Follows how far the process has drained.
    pub fn drain_signal(&self) -> watch::Receiver<Drain> {
        self.drain.subscribe()
    }

    /// Whether the process drains.
    pub fn draining(&self) -> bool {
        *self.drain.borrow() != Drain::Not
    }

    /// Stops accepting through the doors that `stage` reaches, and lets what is in flight there finish.
    pub fn drain(&self, stage: Drain) {
        self.drain.send_replace(stage);
    }
}
