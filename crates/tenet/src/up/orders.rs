//! How orders are taken: from the socket and by signal, one at a time.

use super::control::{Answers, Asked, Control, Order, Stage, Words};
use super::output::Output;
use super::supervisor::Supervisor;
use crate::cli::Failed;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Where an operation says what it does: the terminal of `up`, and the command that asked.
pub struct Tell<'a> {
    output: &'a Output,
    answers: Option<&'a Answers>,
}

impl Tell<'_> {
    /// One line.
    pub fn say(&self, line: &str) {
        self.output.say(line);
        if let Some(answers) = self.answers {
            answers.say(line);
        }
    }

    /// How far a drill has come; only who asked wants to know.
    pub fn stage(&self, stage: Stage) {
        if let Some(answers) = self.answers {
            answers.stage(stage);
        }
    }
}

/// What the supervisor listens to.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    user: Signal,
}

impl Signals {
    /// From now on none of them ends the process.
    pub fn new() -> std::io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined2())?,
        })
    }

    /// Waits until somebody wants us to end: SIGINT or SIGTERM.
    pub async fn terminate(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Waits for an order by signal: SIGHUP reloads, SIGUSR2 restarts the gateways.
    async fn order(hangup: &mut Signal, user: &mut Signal) -> Order {
        tokio::select! {
            _ = hangup.recv() => Order::Reload,
            _ = user.recv() => Order::Restart { services: false },
        }
    }
}

impl Supervisor {
    /// Serves until somebody wants us to end. Orders run one at a time; the wish to end interrupts them. During a drill others are
    /// refused rather than kept waiting: a drill is measured, and a restart in its midst would be measured with it.
    pub async fn serve(&mut self, signals: &mut Signals, control: &Control) {
        loop {
            let Signals { interrupt, terminate, hangup, user } = &mut *signals;
            let (order, caller) = tokio::select! {
                _ = interrupt.recv() => return,
                _ = terminate.recv() => return,
                order = Signals::order(hangup, user) => (order, None),
                Asked { order, answers, words } = control.next() => (order, Some((answers, words))),
            };
            let (answers, mut words) = caller.unzip();
            let refusing = async {
                match &order {
                    Order::Drill(rehearsal) => refuse_all(control, &rehearsal.fault.to_string()).await,
                    _ => std::future::pending().await,
                }
            };
            let output = self.output.clone();
            let done = tokio::select! {
                done = self.obey(&order, answers.as_ref(), words.as_mut()) => done,
                () = refusing => false,
                () = refuse_signals(hangup, user, &output), if matches!(order, Order::Drill(_)) => false,
                _ = interrupt.recv() => return,
                _ = terminate.recv() => return,
            };
            if let Some(answers) = answers {
                answers.done(done).await;
            }
        }
    }

    async fn obey(&mut self, order: &Order, answers: Option<&Answers>, words: Option<&mut Words>) -> bool {
        let output = self.output.clone();
        let tell = Tell { output: &output, answers };
        let result = match (order, words) {
            (Order::Reload, _) => self.reload(&tell).await,
            (Order::Restart { services }, _) => self.restart(*services, &tell).await,
            (Order::Drill(rehearsal), Some(words)) => self.drill(rehearsal, words, &tell).await,
            // A drill needs somebody at the other end; no signal asks for one.
            (Order::Drill(_), None) => Ok(()),
        };
        if let Err(Failed(text)) = &result {
            tell.say(text);
            if *order == Order::Reload {
                output.say(&format!("release {} goes on", self.release.hash.short()));
            }
        }
        result.is_ok()
    }
}

/// Answers everybody who asks for anything that a drill is going on. Never ends.
async fn refuse_all(control: &Control, drill: &str) {
    loop {
        let Asked { answers, .. } = control.next().await;
        answers.say(&format!(
            "error: the drill {drill} is going on\n  hint: try again when it has ended, or end it with Ctrl-C"
        ));
        answers.done(false).await;
    }
}

/// The same for orders by signal.
async fn refuse_signals(hangup: &mut Signal, user: &mut Signal, output: &Output) {
    loop {
        Signals::order(hangup, user).await;
        output.say("a drill is going on: the signal was not obeyed");
    }
}
