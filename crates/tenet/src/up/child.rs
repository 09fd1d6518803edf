//! One child that is kept running: started, watched, started again with back-off when it dies, stopped when asked.

use super::backoff::Backoff;
use super::output::Output;
use super::ready::Ready;
use super::spawn::Program;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What is kept running.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Its name: the prefix of its lines.
    pub id: String,
    /// What to run.
    pub program: Program,
    /// How to see that it serves.
    pub ready: Ready,
    /// How long it may take to end after SIGTERM before it is killed.
    pub grace: Duration,
}

/// What is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Its process runs but does not serve yet, or is not started yet.
    Starting,
    /// It serves.
    Ready {
        /// Its process.
        pid: u32,
    },
    /// Its process has died with these words; another will be started.
    Died(String),
    /// It was stopped.
    Stopped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Run,
    Stop,
    Kill,
}

/// A handle on a kept child. Dropping it kills the child.
#[derive(Debug)]
pub struct Child {
    spec: Spec,
    order: watch::Sender<Order>,
    state: watch::Receiver<State>,
    keeper: JoinHandle<()>,
}

impl Child {
    /// Starts it and keeps it running.
    pub fn start(spec: Spec, output: &Output) -> Child {
        let (order, orders) = watch::channel(Order::Run);
        let (tell, state) = watch::channel(State::Starting);
        let keeper =
            Keeper { spec: spec.clone(), output: output.clone(), orders, tell, backoff: Backoff::default() };
        Child { spec, order, state, keeper: tokio::task::spawn_local(keeper.keep()) }
    }

    /// What it was started from.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Its process, while it serves.
    pub fn pid(&self) -> Option<u32> {
        match *self.state.borrow() {
            State::Ready { pid } => Some(pid),
            _ => None,
        }
    }

    /// Waits until it serves. The error says why it does not: its first process died, or the time is over.
    pub async fn ready(&self, within: Duration) -> Result<(), String> {
        let mut state = self.state.clone();
        let reached = state.wait_for(|state| *state != State::Starting);
        match tokio::time::timeout(within, reached).await {
            Err(_) => Err(format!("{} does not serve after {within:?}: {}", self.spec.id, self.spec.ready)),
            Ok(Err(_)) => Err(format!("{} was stopped", self.spec.id)),
            Ok(Ok(state)) => match &*state {
                State::Ready { .. } => Ok(()),
                State::Died(words) => Err(format!("{} {words} before it served", self.spec.id)),
                State::Starting | State::Stopped => Err(format!("{} was stopped", self.spec.id)),
            },
        }
    }

    /// Asks it to end (SIGTERM) without waiting.
    pub fn ask_to_stop(&self) {
        self.order
            .send_if_modified(|order| std::mem::replace(order, (*order).max(Order::Stop)) < Order::Stop);
    }

    /// Kills it.
    pub fn kill(&self) {
        self.order.send_replace(Order::Kill);
    }

    /// Waits until its process has ended; bounded by the grace of its spec once it was asked to stop.
    pub async fn ended(&mut self) {
        // Asked again after an interruption, a task that has been waited for must not be polled.
        if !self.keeper.is_finished() {
            // An error is a keeper that was aborted or panicked: `kill_on_drop` has ended its process.
            let _ = (&mut self.keeper).await;
        }
    }

    /// Asks it to end and waits.
    pub async fn stop(&mut self) {
        self.ask_to_stop();
        self.ended().await;
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

struct Keeper {
    spec: Spec,
    output: Output,
    orders: watch::Receiver<Order>,
    tell: watch::Sender<State>,
    backoff: Backoff,
}

impl Keeper {
    async fn keep(mut self) {
        loop {
            let started = Instant::now();
            let words = match self.run_once().await {
                None => break,
                Some(words) => words,
            };
            let wait = self.backoff.after(started.elapsed(), rand::random());
            let times = match self.backoff.deaths() {
                1 => String::new(),
                deaths => format!(" ({deaths} times in a row)"),
            };
            self.output
                .note(&self.spec.id, &format!("{words}{times}; starting again in {} ms", wait.as_millis()));
            self.tell.send_replace(State::Died(words));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = ordered(&mut self.orders, Order::Stop) => break,
            }
        }
        self.tell.send_replace(State::Stopped);
    }

    /// One process from start to end; `None` if it was stopped, else how it died.
    async fn run_once(&mut self) -> Option<String> {
        if *self.orders.borrow() > Order::Run {
            return None;
        }
        let mut process = match self.spec.program.spawn(&self.spec.id, &self.output) {
            Ok(process) => process,
            Err(error) => return Some(format!("cannot be started: {error}")),
        };
        let Some(pid) = process.id() else { return Some("ended at once".to_owned()) };
        let again = self.backoff.deaths() > 0;
        let ready = self.spec.ready.clone();
        let mut serving = std::pin::pin!(ready.wait(pid));
        let mut serves = false;
        loop {
            tokio::select! {
                status = process.wait() => {
                    // What it started itself must not outlive it, or the next one finds its port taken.
                    signal_group(pid, Signal::SIGKILL);
                    return Some(match status {
                        Ok(status) => format!("died ({status})"),
                        Err(error) => format!("died ({error})"),
                    });
                }
                () = &mut serving, if !serves => {
                    serves = true;
                    self.tell.send_replace(State::Ready { pid });
                    if again {
                        self.output.note(&self.spec.id, "serves again");
                    }
                }
                () = ordered(&mut self.orders, Order::Stop) => break,
            }
        }
        signal_group(pid, Signal::SIGTERM);
        let by_itself = tokio::select! {
            result = tokio::time::timeout(self.spec.grace, process.wait()) => result.is_ok(),
            () = ordered(&mut self.orders, Order::Kill) => false,
        };
        signal_group(pid, Signal::SIGKILL);
        if !by_itself {
            self.output
                .note(&self.spec.id, &format!("did not end within {:?} and was killed", self.spec.grace));
            // Bounded by the kernel: nothing survives SIGKILL.
            let _ = process.wait().await;
        }
        None
    }
}

/// Waits until at least `wanted` was ordered; a handle that is gone is an order to die.
async fn ordered(orders: &mut watch::Receiver<Order>, wanted: Order) {
    let _ = orders.wait_for(|order| *order >= wanted).await;
}

/// Signals the child's group: what it started itself is in it. A group that is gone is what we want.
fn signal_group(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        let _ = killpg(Pid::from_raw(pid), signal);
    }
}
