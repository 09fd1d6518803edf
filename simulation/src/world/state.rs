//! What everybody in the world knows: clients, gateways with their threads, instances, and what is under way between them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;
use tenet_error::Code;
use tenet_resilience::Moment;
use tenet_resilience::allowance::{Allowance, Entry, EntryId, Grant, Ledger};
use tenet_resilience::balance::Balancer;
use tenet_resilience::budget::RetryBudget;
use tenet_resilience::call;
use tenet_resilience::delay::DelayEstimate;
use tenet_resilience::eject::{Ejection, Interval, Judge, Vote};
use tenet_resilience::ewma::Load;
use tenet_resilience::health::Standing;
use tenet_resilience::limit::{Limiter, Priority};
use tenet_resilience::queue::{Key, WaitQueue};

use crate::event::LaneId;

/// One request of a client, however often the client had to send it.
pub struct Request {
    pub client: usize,
    pub method: usize,
    pub sent: u64,
    /// When the client gives it up, by the deadline of its method.
    pub deadline: u64,
    pub gateway: usize,
    pub life: u32,
    /// Sent once more because its gateway died.
    pub again: bool,
    pub call: Option<usize>,
    pub ended: Option<(u64, Code)>,
    /// Repetitions and hedges anywhere in its tree that reached an instance, since it was last sent.
    pub extra: u32,
    /// Retries and second attempts that its own tree decided.
    pub retries: u32,
    pub hedges: u32,
}

/// Whom a call is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    Client,
    /// The number of a [`Child`].
    Child(usize),
}

/// One call at one gateway.
pub struct Call {
    pub lane: LaneId,
    pub caller: Caller,
    /// The request at the root of its tree.
    pub request: usize,
    pub method: usize,
    pub idempotent: bool,
    pub hedged: bool,
    pub priority: Priority,
    pub began: u64,
    pub deadline: u64,
    pub allowance: Allowance,
    /// Where its allowance was taken from, and how much.
    pub shared: Option<(EntryId, u32)>,
    pub waits: Option<Wait>,
    pub permit: bool,
    pub machine: Option<call::Call>,
    /// Places of the line-up that were tried.
    pub tried: Vec<usize>,
    pub running: Vec<usize>,
    pub paid: bool,
    /// A repetition that was paid for waits in its back-off.
    pub owed: bool,
    /// When the attempt began that answered.
    pub answered: Option<u64>,
    /// Whether the failure in `last` was a refusal for want of room.
    pub refused: bool,
    pub last: Option<Code>,
    /// Attempts that reached an instance.
    pub reached: u32,
    pub over: bool,
}

/// A place in a waiting room.
#[derive(Clone, Copy)]
pub struct Wait {
    pub key: Key,
    pub since: u64,
}

/// One attempt of a call, and what the instance makes of it.
pub struct Attempt {
    pub call: usize,
    pub lane: LaneId,
    pub place: usize,
    pub instance: usize,
    pub began: u64,
    /// The connection it was sent on; 0 while it waits for one.
    pub connection: u64,
    /// Which life of the instance that connection leads to.
    pub epoch: u32,
    pub grant: Option<Grant>,
    pub entry: Option<Entry>,
    /// At the gateway.
    pub over: bool,
    pub job: Job,
}

/// An attempt at its instance.
#[derive(Default)]
pub struct Job {
    pub stage: Stage,
    pub admitted: u64,
    /// When its slot is done with it.
    pub ends: u64,
    /// Calls below that are still to be made, and those that run.
    pub to_make: u32,
    pub children: Vec<usize>,
    pub failed: bool,
    /// What the SDK divides among its calls.
    pub allowance: Option<Allowance>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    #[default]
    OnTheWay,
    Swallowed,
    Queued,
    Working,
    Calling,
    Over,
}

/// A call of the front to the back, through a gateway's private door.
pub struct Child {
    /// The attempt in which the front makes it.
    pub parent: usize,
    pub gateway: usize,
    pub life: u32,
    pub grant: Option<Grant>,
    /// What its baggage carries where the SDK copies it: the ledger's owner and the entry.
    pub shown: Option<(usize, u32, EntryId)>,
    pub call: Option<usize>,
    pub over: bool,
}

/// One instance.
pub struct Server {
    pub zone: u16,
    pub slots: usize,
    /// Its process runs.
    pub up: bool,
    /// Its host answers nobody.
    pub silent: bool,
    /// Raised by each start of its process.
    pub epoch: u32,
    /// Until when it is stopped, and since when.
    pub frozen: (u64, u64),
    pub slow: f64,
    /// The share of calls that fail at once.
    pub errors: f64,
    /// Takes requests and never answers; whether it still answers PINGs and checks.
    pub black_hole: Option<bool>,
    pub busy: usize,
    pub queue: VecDeque<usize>,
    pub jobs: Vec<usize>,
    pub limiter: Limiter,
    /// Attempts that reached it in each second.
    pub reached: Vec<u32>,
}

/// One gateway process.
pub struct Gateway {
    pub zone: u16,
    pub up: bool,
    pub life: u32,
    pub services: Vec<ServiceState>,
    pub threads: Vec<Thread>,
    pub ledger: Arc<Ledger>,
    /// Calls that are under way.
    pub calls: Vec<usize>,
}

/// A service as one process knows it.
pub struct ServiceState {
    pub budget: Arc<RetryBudget>,
    pub limiter: Arc<Limiter>,
    pub ejection: Ejection,
    pub instances: Vec<InstanceState>,
    pub judge: Judge,
    pub judged: Moment,
    pub before: Vec<Interval>,
    pub panic: bool,
    /// Since when `panic` differs from its rule.
    pub panic_wrong_since: Option<u64>,
    /// Deposits, withdrawals and refunds of each second, for the check of the bound.
    pub deposits: Vec<u32>,
    pub withdrawals: Vec<i64>,
}

/// An instance as one process knows it.
pub struct InstanceState {
    /// Connects that failed in a row.
    pub failures: u32,
    pub retry_at: u64,
    pub probing: bool,
    pub unhealthy: bool,
    pub standing: Standing,
    pub vote: Vote,
    pub total: Interval,
    pub ejections: u32,
}

/// One thread of a gateway.
pub struct Thread {
    pub lanes: Vec<Lane>,
}

/// One service on one thread.
pub struct Lane {
    /// Instances, those of the own zone first.
    pub order: Vec<usize>,
    pub zones: Vec<u16>,
    pub local: usize,
    pub slots: Vec<Slot>,
    pub balancer: Balancer,
    /// By method.
    pub delays: Vec<Option<DelayEstimate>>,
    pub room: WaitQueue<usize>,
    pub ticks: bool,
}

/// One instance on one thread.
pub struct Slot {
    pub load: RefCell<Load>,
    pub was_out: Cell<bool>,
    pub connection: Connection,
    /// Attempts that wait for a connection.
    pub waiting: Vec<usize>,
}

/// The connection of a slot; h2 carries all streams on one.
pub enum Connection {
    None,
    Connecting { token: u64 },
    Open { token: u64, epoch: u32, heard: u64, streams: Vec<usize> },
}

impl Connection {
    /// Its number where it is open.
    pub fn token(&self) -> Option<u64> {
        match self {
            Connection::Open { token, .. } => Some(*token),
            _ => None,
        }
    }
}
