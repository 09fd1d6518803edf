//! One data-plane thread: its connections, its pool, its recorders.

use crate::admission::Admission;
use crate::exchange::Peer;
use crate::process::{Drain, Process};
use crate::program::{Door, Program};
use crate::watch::{Reaper, Watch};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;
use tenet_error::{Code, Failure};
use tenet_telemetry::{CounterId, GaugeId, Key, Recorder, Sample};
use tenet_upstream::{Part, Pool};

/// A program as a thread holds it: counted without atomics, so that requests can keep it cheaply.
pub type Held = Rc<Arc<Program>>;

/// One data-plane thread.
pub struct Worker {
    /// What all threads of the process share.
    pub process: Arc<Process>,
    /// This thread's upstream connections.
    pub pool: Pool,
    /// Who waits for services that have too much to do.
    pub admission: Admission,
    index: usize,
    reaper: Rc<Reaper>,
    /// The program in force, and the generation it was read at.
    program: RefCell<(u64, Held)>,
    /// One recorder for each program that still has requests; the last is that of the program in force.
    recordings: RefCell<Vec<(Held, Recorder)>>,
    drain: Cell<Drain>,
    date: RefCell<(u64, [u8; 29])>,
    random: RefCell<SmallRng>,
}

impl Worker {
    /// The worker of thread `index`.
    pub fn new(process: Arc<Process>, index: usize) -> Rc<Worker> {
        let (generation, program) = process.program();
        let held: Held = Rc::new(program);
        Rc::new(Worker {
            pool: Pool::new(Part { thread: index, threads: process.open.len() }, process.upstream.clone()),
            admission: Admission::default(),
            recordings: RefCell::new(vec![(held.clone(), Recorder::new(index))]),
            program: RefCell::new((generation, held)),
            index,
            reaper: Reaper::new(),
            drain: Cell::new(Drain::Not),
            date: RefCell::new((0, [b' '; 29])),
            random: RefCell::new(SmallRng::from_os_rng()),
            process,
        })
    }

    /// The thread's number.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The program in force. A request takes it once and keeps it.
    pub fn program(&self) -> Held {
        let current = self.program.borrow();
        if current.0 == self.process.generation() {
            return current.1.clone();
        }
        drop(current);
        let (generation, program) = self.process.program();
        let held: Held = Rc::new(program);
        self.recordings.borrow_mut().push((held.clone(), Recorder::new(self.index)));
        *self.program.borrow_mut() = (generation, held.clone());
        held
    }

    /// An unarmed moment of this thread.
    pub fn watch(&self) -> Watch {
        self.reaper.watch()
    }

    /// The thread's timer; see [`Reaper::run`].
    pub fn reaper(&self) -> Rc<Reaper> {
        self.reaper.clone()
    }

    /// Records one ended request under the program it ran with.
    pub fn record(&self, program: &Held, sample: &Sample) {
        let mut recordings = self.recordings.borrow_mut();
        // The program in force is the last, and nearly always the one.
        if let Some((_, recorder)) = recordings.iter_mut().rev().find(|(held, _)| Rc::ptr_eq(held, program)) {
            recorder.record(sample);
        }
    }

    /// Records what never became a request.
    pub fn refuse(&self, peer: &Peer, code: Code) {
        let latency_ns = peer.waiting_since.get().elapsed().as_nanos() as u64;
        if code == Code::Flood {
            self.count(CounterId::Http2Floods, 1);
        }
        let sample = Sample {
            key: Key::unrouted(code),
            latency_ns,
            request_bytes: 0,
            response_bytes: 0,
            attempts: 0,
            hedged: false,
            hedge_won: false,
        };
        if let Some((_, recorder)) = self.recordings.borrow_mut().last_mut() {
            recorder.record(&sample);
        }
    }

    /// Adds to a counter.
    pub fn count(&self, id: CounterId, n: u64) {
        if let Some((_, recorder)) = self.recordings.borrow_mut().last_mut() {
            recorder.count(id, n);
        }
    }

    /// Changes a gauge.
    pub fn gauge(&self, id: GaugeId, change: i64) {
        if let Some((_, recorder)) = self.recordings.borrow_mut().last_mut() {
            recorder.gauge(id, change);
        }
    }

    /// Counts a request in or out, process-wide for the bound and in the gauge.
    pub fn in_flight(&self, change: i64) {
        if change > 0 {
            self.process.in_flight.fetch_add(1, Ordering::Relaxed);
        } else {
            self.process.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
        self.gauge(GaugeId::InFlight, change);
    }

    /// Hands what was recorded to the process's collector. Called once a second.
    pub fn flush(&self) {
        self.admission.flush();
        // A thread without requests learns of a new program here.
        let current = self.program();
        let mut recordings = self.recordings.borrow_mut();
        for (held, recorder) in recordings.iter_mut() {
            let delta = recorder.take();
            if !delta.is_empty() {
                self.process.collector.submit(&held.names, delta);
            }
        }
        // Held here only: the last request of that program has ended.
        recordings.retain(|(held, _)| Rc::ptr_eq(held, &current) || Rc::strong_count(held) > 1);
    }

    /// From now on the connections that `stage` reaches close as soon as nobody loses a request.
    pub fn drain(&self, stage: Drain) {
        self.drain.set(stage);
        self.reaper.wake_all();
    }

    /// Whether connections of this door end.
    pub fn draining(&self, door: Door) -> bool {
        self.drain.get().reaches(door)
    }

    /// The `Date` header's value now (RFC 9110 §5.6.7), formatted once a second.
    pub fn date(&self) -> [u8; 29] {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let mut date = self.date.borrow_mut();
        if date.0 != now {
            *date = (now, crate::date::http_date(now));
        }
        date.1
    }

    /// 128 random bits, for ids: not secret, only unlikely to repeat.
    pub fn random(&self) -> u128 {
        self.random.borrow_mut().random()
    }

    /// A caught panic as a failure: the caller learns nothing of it but that it happened.
    pub fn panicked(&self, panic: &(dyn Any + Send)) -> Failure {
        self.count(CounterId::Panics, 1);
        let said = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without a message".into());
        Failure::from(Code::Panic).with_cause(said)
    }
}
