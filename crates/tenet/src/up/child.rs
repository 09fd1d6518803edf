//! One child that is kept running: started, watched, started again with back-off when it dies, stopped when asked.
//!
//! A drill bends this without being a death: a child may be *held down* (killed, and nothing started in its place) or *paused*
//! (SIGSTOP), until it is released. Neither counts for the back-off, and neither is noise on the terminal.

use super::backoff::Backoff;
use super::output::Output;
use super::ready::Ready;
use super::spawn::Program;
use super::time_line::{Kind, TimeLine};
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
    /// It was killed, and nothing is started until it is released.
    Held,
    /// It was stopped.
    Stopped,
}

/// What its keeper is to do. From `Stop` on there is no way back; the ones before come and go with a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Run,
    Pause,
    Hold,
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
    pub fn start(spec: Spec, output: &Output, time_line: &TimeLine) -> Child {
        let (order, orders) = watch::channel(Order::Run);
        let (tell, state) = watch::channel(State::Starting);
        let keeper = Keeper {
            spec: spec.clone(),
            output: output.clone(),
            time_line: time_line.clone(),
            orders,
            tell,
            backoff: Backoff::default(),
            last_words: None,
        };
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
        let reached = state.wait_for(|state| !matches!(state, State::Starting | State::Held));
        match tokio::time::timeout(within, reached).await {
            Err(_) => Err(format!("{} does not serve after {within:?}: {}", self.spec.id, self.spec.ready)),
            Ok(Err(_)) => Err(format!("{} was stopped", self.spec.id)),
            Ok(Ok(state)) => match &*state {
                State::Ready { .. } => Ok(()),
                State::Died(words) => Err(format!("{} {words} before it served", self.spec.id)),
                State::Starting | State::Held | State::Stopped => {
                    Err(format!("{} was stopped", self.spec.id))
                }
            },
        }
    }

    /// Kills its whole process group and starts nothing in its place until [`Child::release`].
    pub fn hold_down(&self) {
        self.bend(Order::Hold);
    }

    /// Waits until a child that is to be held down has no process any more; false if that takes longer than `within`.
    pub async fn held(&self, within: Duration) -> bool {
        let mut state = self.state.clone();
        let reached = state.wait_for(|state| *state == State::Held);
        matches!(tokio::time::timeout(within, reached).await, Ok(Ok(_)))
    }

    /// Stops its process group where it is (SIGSTOP), as a machine that swaps or a long collection of garbage does, until
    /// [`Child::release`]. A process that does not serve yet is stopped once it does.
    pub fn pause(&self) {
        self.bend(Order::Pause);
    }

    /// Undoes [`Child::hold_down`] and [`Child::pause`].
    pub fn release(&self) {
        self.bend(Order::Run);
    }

    fn bend(&self, wanted: Order) {
        self.order
            .send_if_modified(|order| *order < Order::Stop && std::mem::replace(order, wanted) != wanted);
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
    time_line: TimeLine,
    orders: watch::Receiver<Order>,
    tell: watch::Sender<State>,
    backoff: Backoff,
    /// How the process before this one died, until this one serves.
    last_words: Option<String>,
}

/// How one process ended.
enum End {
    Stopped,
    Held,
    Died(String),
}

impl Keeper {
    async fn keep(mut self) {
        loop {
            let started = Instant::now();
            match self.run_once().await {
                End::Stopped => break,
                End::Held => {
                    self.tell.send_replace(State::Held);
                    let _ = self.orders.wait_for(|order| *order != Order::Hold).await;
                    self.tell.send_replace(State::Starting);
                }
                End::Died(words) => {
                    let wait = self.backoff.after(started.elapsed(), rand::random());
                    self.tell_death(words, wait);
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = ordered(&mut self.orders, Order::Hold) => {}
                    }
                }
            }
        }
        self.tell.send_replace(State::Stopped);
    }

    /// Says how it died, to the terminal and to the time line.
    fn tell_death(&mut self, words: String, wait: Duration) {
        let times = match self.backoff.deaths() {
            1 => String::new(),
            deaths => format!(" ({deaths} times in a row)"),
        };
        let text = format!("{words}{times}; starting again in {} ms", wait.as_millis());
        self.output.note(&self.spec.id, &text);
        // The console notices by itself that a role cannot be reached; of an instance nobody else knows.
        if matches!(self.spec.ready, Ready::Connects(_)) {
            self.time_line.tell(Kind::InstanceDown, &self.spec.id, &text);
        }
        self.last_words = Some(words.clone());
        self.tell.send_replace(State::Died(words));
    }

    /// It serves, for the first time or again.
    fn tell_ready(&mut self, pid: u32) {
        self.tell.send_replace(State::Ready { pid });
        if let Some(words) = self.last_words.take() {
            self.output.note(&self.spec.id, "serves again");
            self.time_line.tell(Kind::Restart, &self.spec.id, &format!("serves again after it {words}"));
        }
    }

    /// One process from start to end.
    async fn run_once(&mut self) -> End {
        match *self.orders.borrow() {
            Order::Run | Order::Pause => {}
            Order::Hold => return End::Held,
            Order::Stop | Order::Kill => return End::Stopped,
        }
        let mut process = match self.spec.program.spawn(&self.spec.id, &self.output) {
            Ok(process) => process,
            Err(error) => return End::Died(format!("cannot be started: {error}")),
        };
        let Some(pid) = process.id() else { return End::Died("ended at once".to_owned()) };
        let mut serving = std::pin::pin!(self.spec.ready.clone().wait(pid));
        let (mut serves, mut paused) = (false, false);
        loop {
            let wanted = *self.orders.borrow_and_update();
            if wanted >= Order::Hold {
                break;
            }
            let pause = wanted == Order::Pause && serves;
            if pause != paused {
                signal_group(pid, if pause { Signal::SIGSTOP } else { Signal::SIGCONT });
                paused = pause;
            }
            tokio::select! {
                status = process.wait() => {
                    // What it started itself must not outlive it, or the next one finds its port taken.
                    signal_group(pid, Signal::SIGKILL);
                    return End::Died(match status {
                        Ok(status) => format!("died ({status})"),
                        Err(error) => format!("died ({error})"),
                    });
                }
                () = &mut serving, if !serves => {
                    serves = true;
                    self.tell_ready(pid);
                }
                changed = self.orders.changed() => {
                    // A handle that is gone is an order to die.
                    if changed.is_err() {
                        break;
                    }
                }
            }
        }
        if *self.orders.borrow() == Order::Hold {
            signal_group(pid, Signal::SIGKILL);
            // Bounded by the kernel: nothing survives SIGKILL.
            let _ = process.wait().await;
            return End::Held;
        }
        self.end(pid, process, paused).await;
        End::Stopped
    }

    /// SIGTERM, and SIGKILL to what is left after the grace.
    async fn end(&mut self, pid: u32, mut process: tokio::process::Child, paused: bool) {
        signal_group(pid, Signal::SIGTERM);
        if paused {
            // A stopped process does not hear SIGTERM before it goes on.
            signal_group(pid, Signal::SIGCONT);
        }
        let by_itself = tokio::select! {
            result = tokio::time::timeout(self.spec.grace, process.wait()) => result.is_ok(),
            () = ordered(&mut self.orders, Order::Kill) => false,
        };
        signal_group(pid, Signal::SIGKILL);
        if !by_itself {
            self.output
                .note(&self.spec.id, &format!("did not end within {:?} and was killed", self.spec.grace));
            // Bounded by the kernel, as above.
            let _ = process.wait().await;
        }
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
