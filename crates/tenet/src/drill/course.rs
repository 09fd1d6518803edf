//! The course of a drill: before, during, after, and what `up` says meanwhile.

use super::args::RunArgs;
use super::counters::Sums;
use super::fleet::Fleet;
use super::progress::Second;
use super::session::Session;
use super::tally::Call;
use crate::cli::Failed;
use crate::traffic::Load;
use crate::up::control::{Message, Stage};
use std::cell::RefCell;
use std::time::{Duration, Instant};
use tokio::time::{Interval, MissedTickBehavior, interval_at, sleep_until, timeout};

/// Longest wait for the failure to be there, and to be undone: fault points of a large zone are asked one by one.
const ORDER_TIME: Duration = Duration::from_secs(60);

/// What has been heard of the calls.
#[derive(Default)]
pub struct Heard {
    /// All of them.
    pub calls: Vec<Call>,
    /// Those that ended since the last line.
    pub second: Second,
}

/// How many requests a second are sent, before and after and during.
pub struct Rates<'a> {
    /// Whose rate it is.
    pub load: &'a Load,
    /// Before and after.
    pub usual: u32,
    /// During.
    pub during: u32,
}

/// Readings of the fleet's counters between the phases.
pub struct Readings {
    /// When the warm-up was over.
    pub begin: Sums,
    /// Just before the failure.
    pub began: Sums,
    /// Once it was undone.
    pub undone: Sums,
    /// When the last call had ended.
    pub end: Sums,
}

/// The moments that divide the drill; times are milliseconds since 1970-01-01T00:00:00Z.
pub struct Course {
    /// The failure came.
    pub began_unix_ms: u64,
    /// It was undone.
    pub undone_unix_ms: u64,
    /// The last of them is not taken yet.
    pub readings: Readings,
}

/// A drill under way.
pub struct Drill<'a, S: Fn(&str)> {
    args: &'a RunArgs,
    session: &'a mut Session,
    fleet: &'a Fleet,
    heard: &'a RefCell<Heard>,
    rates: Rates<'a>,
    start: Instant,
    say: S,
    /// One clock for all phases, so that each line is of one second.
    seconds: Interval,
    /// Stages that `up` spoke of before they were waited for: it ends a failure by itself when its time is over.
    stages: Vec<Stage>,
    /// What `up` said last: its reason, if it ends the drill.
    last_words: String,
}

impl<'a, S: Fn(&str)> Drill<'a, S> {
    /// One whose load began at `start`; `say` gets its lines.
    pub fn new(
        args: &'a RunArgs,
        session: &'a mut Session,
        fleet: &'a Fleet,
        heard: &'a RefCell<Heard>,
        rates: Rates<'a>,
        start: Instant,
        say: S,
    ) -> Drill<'a, S> {
        let seconds = seconds(start);
        Drill {
            args,
            session,
            fleet,
            heard,
            rates,
            start,
            say,
            seconds,
            stages: Vec::new(),
            last_words: String::new(),
        }
    }

    /// From beginning to end. Dropping it leaves the failure to the session, whose end undoes it.
    pub async fn course(&mut self) -> Result<Course, Failed> {
        let warm = self.start + self.args.warm_up.duration();
        self.pass(warm, "warm-up").await?;
        let begin = self.fleet.sums().await;
        self.pass(warm + self.args.before.duration(), "before").await?;
        let began = self.fleet.sums().await;
        self.session.say("begin").await?;
        let began_unix_ms =
            self.until(|stage| if let Stage::Began(at) = stage { Some(*at) } else { None }).await?;
        self.rates.load.set_rate(self.rates.during);
        self.pass(Instant::now() + self.args.during.duration(), "during").await?;
        self.rates.load.set_rate(self.rates.usual);
        self.session.say("end").await?;
        let undone_unix_ms =
            self.until(|stage| if let Stage::Undone(at) = stage { Some(*at) } else { None }).await?;
        let undone = self.fleet.sums().await;
        self.pass(Instant::now() + self.args.after.duration(), "after").await?;
        let readings = Readings { begin, began, undone, end: Sums::new() };
        Ok(Course { began_unix_ms, undone_unix_ms, readings })
    }

    /// Lets time go by until `end`, with a line each second.
    async fn pass(&mut self, end: Instant, phase: &str) -> Result<(), Failed> {
        loop {
            let message = tokio::select! {
                () = sleep_until(end.into()) => return Ok(()),
                _ = self.seconds.tick() => {
                    let ended = std::mem::take(&mut self.heard.borrow_mut().second);
                    (self.say)(&ended.line(self.start.elapsed(), phase));
                    continue;
                }
                message = self.session.next() => message?,
            };
            self.hear(message)?;
        }
    }

    /// Waits for a stage; when it was.
    async fn until(&mut self, wanted: impl Fn(&Stage) -> Option<u64>) -> Result<u64, Failed> {
        let heard = async {
            loop {
                if let Some(at) = self.stages.iter().find_map(&wanted) {
                    return Ok(at);
                }
                let message = self.session.next().await?;
                self.hear(message)?;
            }
        };
        timeout(ORDER_TIME, heard)
            .await
            .map_err(|_| Failed(format!("error: `tenet up` did not answer within {ORDER_TIME:?}")))?
    }

    fn hear(&mut self, message: Message) -> Result<(), Failed> {
        match message {
            Message::Line(line) => {
                (self.say)(&line);
                self.last_words = line;
            }
            Message::Drill(stage) => self.stages.push(stage),
            Message::Done(_) => return Err(Failed(std::mem::take(&mut self.last_words))),
        }
        Ok(())
    }
}

/// The end of each second after `start`. One that was missed is in the line of the next.
fn seconds(start: Instant) -> Interval {
    let second = Duration::from_secs(1);
    let mut seconds = interval_at((start + second).into(), second);
    seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
    seconds
}
