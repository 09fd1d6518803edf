//! One child that is kept running: started, watched, started again with back-off when it dies, stopped when asked.
//!
//! A drill bends this without being a death: a child may be *held down* (killed, and nothing started in its place) or *paused*
//! (SIGSTOP), until it is released. Neither counts for the back-off, and neither is noise on the terminal.

mod keeper;

use super::output::Output;
use super::ready::Ready;
use super::spawn::Program;
use super::time_line::TimeLine;
use keeper::Keeper;
use std::time::Duration;
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
        let keeper = Keeper::new(spec.clone(), output.clone(), time_line.clone(), orders, tell);
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
