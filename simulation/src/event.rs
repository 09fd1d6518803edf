//! What will happen, in the order of its time.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// One thread's view of one service at one gateway, as long as that process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneId {
    /// The gateway.
    pub gateway: usize,
    /// Which of its lives: a restarted process knows nothing of those before.
    pub life: u32,
    /// The thread.
    pub thread: usize,
    /// The service.
    pub service: usize,
}

/// How an attempt or a child call was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Well.
    Ok,
    /// UNAVAILABLE: the instance fails.
    Unavailable,
    /// Refused by the instance's admission: nothing was done.
    NotRun,
    /// The connection was reset.
    Reset,
}

/// What happens.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// The next call of the open loop is due.
    Arrival,
    /// A client's request reaches its gateway.
    Request { request: usize },
    /// A client moves to another gateway, as load balancers make them do now and then.
    Move { client: usize },
    /// A client learns how its request ended.
    Outcome { request: usize, code: tenet_error::Code },
    /// A call's time is over.
    Late { call: usize },
    /// A second attempt beside the first is due.
    Second { call: usize, at: u64 },
    /// A repetition's back-off is over.
    Retry { call: usize },
    /// An attempt's bytes reach the instance.
    Reach { attempt: usize },
    /// The instance learns that an attempt was given up.
    Cancel { attempt: usize },
    /// A slot has worked on an attempt.
    Worked { attempt: usize, ends: u64 },
    /// The time of a job with calls below is over.
    Expired { attempt: usize },
    /// A call of the front reaches a gateway's private door.
    Child { child: usize },
    /// How it ended, back at the front.
    ChildAnswer { child: usize, ok: bool, spent: Option<u32> },
    /// A gateway learns that the caller of a child call is gone.
    ChildCancel { call: usize },
    /// An answer reaches the gateway.
    Reply { attempt: usize, answer: Answer, spent: u32 },
    /// A connect ended.
    Connected { lane: LaneId, place: usize, token: u64, opened: bool, epoch: u32 },
    /// A connection was reset by the other side.
    Lost { lane: LaneId, place: usize, token: u64 },
    /// A failing instance is tried again.
    Probe { lane: LaneId, place: usize },
    /// Connections are looked after.
    Upkeep { gateway: usize, life: u32 },
    /// A waiting room looks for free permits.
    Tick { lane: LaneId },
    /// A gateway judges its instances.
    Judge { gateway: usize, life: u32 },
    /// A health check begins.
    Check { gateway: usize, life: u32, service: usize, instance: usize },
    /// It ends.
    Checked { gateway: usize, life: u32, service: usize, instance: usize, passed: bool },
    /// A fault begins or ends, or takes its next step.
    Fault { index: usize, step: u32 },
    /// All instances and gateways are looked at.
    Look,
}

struct Due {
    at: u64,
    number: u64,
    event: Event,
}

impl PartialEq for Due {
    fn eq(&self, other: &Due) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Due) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Due) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// What is due; things due at the same time happen in the order in which they were entered.
#[derive(Default)]
pub struct Agenda {
    due: BinaryHeap<Reverse<Due>>,
    number: u64,
}

impl Agenda {
    /// Enters something.
    pub fn enter(&mut self, at: u64, event: Event) {
        self.number += 1;
        self.due.push(Reverse(Due { at, number: self.number, event }));
    }

    /// The next thing and its time.
    pub fn next(&mut self) -> Option<(u64, Event)> {
        self.due.pop().map(|Reverse(due)| (due.at, due.event))
    }
}
