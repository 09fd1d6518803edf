//! The task behind a child: one process after another, as the orders say.

use super::{Order, Spec, State};
use crate::up::backoff::Backoff;
use crate::up::output::Output;
use crate::up::ready::Ready;
use crate::up::time_line::{Kind, TimeLine};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Keeps one child running.
pub struct Keeper {
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
    /// A keeper that has started nothing yet.
    pub fn new(
        spec: Spec,
        output: Output,
        time_line: TimeLine,
        orders: watch::Receiver<Order>,
        tell: watch::Sender<State>,
    ) -> Keeper {
        Keeper { spec, output, time_line, orders, tell, backoff: Backoff::default(), last_words: None }
    }

    /// Until it is told to stop.
    pub async fn keep(mut self) {
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
        // The console notices by itself that a role cannot be reached; of an instance, or the store, nobody else knows.
        if matches!(self.spec.ready, Ready::Connects(_) | Ready::Store(_)) {
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
