//! The callers: an open loop at stated rates, each call with a time limit of its own.
//!
//! A call begins when it is due, whatever became of the ones before. It takes an idle connection or opens one; a broken
//! connection or a time-out costs it, a refusal does not. Nothing is repeated here: that is what the proxies are for.

use super::call::{Call, Cause, Ended};
use super::service::Request;
use crate::Outcome;
use crate::load::http1::Connection;
use crate::load::on_load_core;
use crate::load::schedule::{self, Step};
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a caller waits for an answer, from when its call was due.
pub const CALLER_LIMIT: Duration = Duration::from_secs(1);
/// Calls under way at a time. At 3 × capacity 3,600 a second are due and none waits longer than a second, so that only who asks for
/// more by `--overload-percent` comes to it. Limits of open files are above it, too.
const MOST_UNDER_WAY: usize = 4000;

/// Load that is running.
pub struct Load {
    found: mpsc::Receiver<Vec<Call>>,
    thread: JoinHandle<()>,
    time: Duration,
}

impl Load {
    /// Starts it.
    pub fn start(address: SocketAddr, steps: &[Step]) -> Outcome<Load> {
        let (sender, found) = mpsc::channel();
        let time = steps.iter().map(|step| step.time).sum();
        let steps = steps.to_vec();
        let thread = on_load_core(move |local, runtime| {
            let callers = Rc::new(Callers::new(address));
            let begun = callers.clone();
            local.spawn_local(async move {
                let mut due = schedule::start(steps);
                let mut number = 0_u64;
                while let Some(due) = due.recv().await {
                    tokio::task::spawn_local(begun.clone().call(due, Request::of(number)));
                    number += 1;
                }
            });
            runtime.block_on(local);
            let _ = sender.send(callers.calls.take());
        })?;
        Ok(Load { found, thread, time })
    }

    /// All calls, once the last has ended.
    pub fn finish(self) -> Outcome<Vec<Call>> {
        let found = self.found.recv_timeout(self.time + 10 * CALLER_LIMIT);
        let found = found.map_err(|_| "calls are still under way long after the last may be".to_owned())?;
        let _ = self.thread.join();
        Ok(found)
    }
}

struct Callers {
    address: SocketAddr,
    idle: RefCell<Vec<Connection>>,
    under_way: Cell<usize>,
    calls: RefCell<Vec<Call>>,
}

impl Callers {
    fn new(address: SocketAddr) -> Callers {
        let (idle, calls) = (RefCell::default(), RefCell::default());
        Callers { address, idle, under_way: Cell::new(0), calls }
    }

    async fn call(self: Rc<Self>, due: Instant, request: Request) {
        let ended = if self.under_way.get() >= MOST_UNDER_WAY {
            Ended::Failed(Cause::NotSent)
        } else {
            self.under_way.set(self.under_way.get() + 1);
            let asked = tokio::time::timeout_at((due + CALLER_LIMIT).into(), self.ask(request)).await;
            self.under_way.set(self.under_way.get() - 1);
            asked.unwrap_or(Ended::Failed(Cause::Silence))
        };
        let critical = request == Request::Critical;
        self.calls.borrow_mut().push(Call { due, end: Instant::now(), ended, critical });
    }

    async fn ask(&self, request: Request) -> Ended {
        let idle = self.idle.borrow_mut().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => match Connection::open(self.address).await {
                Ok(connection) => connection,
                Err(_) => return Ended::Failed(Cause::NoConnection),
            },
        };
        let Ok(answer) = connection.exchange(request.bytes(), false).await else {
            return Ended::Failed(Cause::BrokenConnection);
        };
        if !answer.close {
            self.idle.borrow_mut().push(connection);
        }
        if answer.status == 200 { Ended::Answered } else { Ended::Failed(Cause::Status(answer.status)) }
    }
}
