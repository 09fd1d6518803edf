//! The course of a drill: load, phases, marks.

use super::args::RunArgs;
use super::counters::{Counters, Sums};
use super::fault::{Fault, Rehearsal};
use super::fleet::{Fleet, Notice};
use super::limits::{Found, Limits};
use super::progress::Second;
use super::report::{FleetRow, Phases, Report, Row};
use super::session::{Session, Targets};
use super::tally::{self, Call, Marks};
use crate::cli::Failed;
use crate::project;
use crate::traffic::{Ended, Load, Patience};
use crate::up::control::{Message, Stage};
use crate::up::state::{self, State};
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tenet_release::ReleaseDir;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Interval, MissedTickBehavior, interval_at, sleep, sleep_until, timeout};

/// Longest wait for the failure to be there, and to be undone: fault points of a large zone are asked one by one.
const ORDER_TIME: Duration = Duration::from_secs(60);
/// How often it is looked whether the last calls have ended.
const LOOK: Duration = Duration::from_millis(10);

/// What has been heard of the calls.
#[derive(Default)]
struct Heard {
    calls: Vec<Call>,
    second: Second,
}

/// Readings of the fleet's counters between the phases.
struct Readings {
    begin: Sums,
    began: Sums,
    undone: Sums,
    end: Sums,
}

/// The moments that divide the drill; times are milliseconds since 1970-01-01T00:00:00Z.
struct Course {
    began_unix_ms: u64,
    undone_unix_ms: u64,
    readings: Readings,
}

/// What the fleet and `up` have to say of it.
struct Measured {
    course: Course,
    counters: Counters,
    notice: Option<Notice>,
    remarks: Vec<String>,
}

/// Runs the drill and judges it.
pub async fn measure(fault: Fault, args: RunArgs) -> Result<Report, Failed> {
    let mut signals =
        Signals::new().map_err(|error| Failed::while_doing("cannot listen to signals", &error))?;
    let folder = project::folder(&args.project);
    let rehearsal = Rehearsal { fault, for_ms: args.during.0 };
    let say = |line: &str| if args.json { eprintln!("{line}") } else { println!("{line}") };
    let (mut session, targets) = Session::open(folder, &rehearsal, say).await?;
    let (state, load) = prepare(folder, &args)?;
    let fleet = Fleet::follow(state.gateways, &targets.instances);

    let heard = Rc::new(RefCell::new(Heard::default()));
    let start = Instant::now();
    let start_unix_us = unix_us();
    let load = Rc::new(load);
    let sending = {
        let (load, heard) = (load.clone(), heard.clone());
        let record = move |ended: Ended| {
            let mut heard = heard.borrow_mut();
            heard.second.record(&ended);
            heard.calls.push(Call {
                intended_us: micros(ended.intended.duration_since(start)),
                latency_us: micros(ended.latency),
                outcome: ended.outcome,
                repeated: ended.repeated,
            });
        };
        tokio::task::spawn_local(async move { match load.send(Rc::new(record)).await {} })
    };
    let mut drill = Drill {
        args: &args,
        session: &mut session,
        fleet: &fleet,
        heard: &heard,
        start,
        say,
        seconds: seconds(start),
        stages: Vec::new(),
        last_words: String::new(),
    };
    let course = tokio::select! {
        course = drill.course() => course,
        () = signals.terminate() => Err(Failed("interrupted".into())),
    };
    sending.abort();
    let ended_us = micros(start.elapsed());
    let mut course = match course {
        Ok(course) => course,
        Err(Failed(reason)) => return Err(undone(session, reason, &mut signals).await),
    };
    // Calls under way have the rest of their callers' patience.
    let _ = timeout(args.timeout.duration() + LOOK, async {
        while load.in_flight() > 0 {
            sleep(LOOK).await;
        }
    })
    .await;
    course.readings.end = fleet.sums().await;
    let remarks = session.close().await?;
    let (notice, counters) = fleet.end(course.began_unix_ms, course.undone_unix_ms);
    let since_start = |unix_ms: u64| (unix_ms * 1000).saturating_sub(start_unix_us);
    let marks = Marks {
        began_us: since_start(course.began_unix_ms),
        undone_us: since_start(course.undone_unix_ms),
        ended_us,
    };
    let calls = std::mem::take(&mut heard.borrow_mut().calls);
    let measured = Measured { course, counters, notice, remarks };
    Ok(report(&rehearsal.fault, &args, targets, &calls, &marks, measured))
}

/// What runs, and the load that fits it.
fn prepare(folder: &Path, args: &RunArgs) -> Result<(State, Load), Failed> {
    let dir = ReleaseDir::of_project(folder);
    let path = state::path(&dir.root().join("run"));
    let reading = || format!("cannot read {}", path.display());
    let text = std::fs::read(&path).map_err(|error| Failed::while_doing(&reading(), &error))?;
    let state: State =
        serde_json::from_slice(&text).map_err(|error| Failed::while_doing(&reading(), &error))?;
    let release = dir
        .load_current()
        .map_err(|error| Failed::while_doing("cannot use the state folder", &error))?
        .ok_or_else(|| Failed(format!("error: {} holds no release", dir.root().display())))?;
    let patience = Patience {
        answer: args.timeout.duration(),
        repeat_lost: true,
        repeat_silent: args.repeat_after.map(|silence| silence.duration()),
    };
    let load = Load::of(&release.0, state.public, args.rps, args.writes, patience)?;
    Ok((state, load))
}

struct Drill<'a, S: Fn(&str)> {
    args: &'a RunArgs,
    session: &'a mut Session,
    fleet: &'a Fleet,
    heard: &'a RefCell<Heard>,
    start: Instant,
    say: S,
    /// One clock for all phases, so that each line is of one second.
    seconds: Interval,
    /// Stages that `up` spoke of before they were waited for: it ends a failure by itself when its time is over.
    stages: Vec<Stage>,
    /// What `up` said last: its reason, if it ends the drill.
    last_words: String,
}

impl<S: Fn(&str)> Drill<'_, S> {
    async fn course(&mut self) -> Result<Course, Failed> {
        let begin = self.fleet.sums().await;
        self.pass(self.start + self.args.before.duration(), "before").await?;
        let began = self.fleet.sums().await;
        self.session.say("begin").await?;
        let began_unix_ms =
            self.until(|stage| if let Stage::Began(at) = stage { Some(*at) } else { None }).await?;
        self.pass(Instant::now() + self.args.during.duration(), "during").await?;
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

/// After what kept the drill from its end: waits until everything is undone, and says so.
async fn undone(session: Session, reason: String, signals: &mut Signals) -> Failed {
    let closed = tokio::select! {
        closed = session.close() => closed,
        // `up` has noticed the first already; nobody needs to wait for it.
        () = signals.terminate() => return Failed(format!("error: {reason}; `tenet up` undoes the drill")),
    };
    match closed {
        Ok(_) => Failed(format!("error: {reason}; everything is undone")),
        Err(Failed(lost)) => Failed(format!("error: {reason}\n{lost}")),
    }
}

fn report(
    fault: &Fault,
    args: &RunArgs,
    targets: Targets,
    calls: &[Call],
    marks: &Marks,
    measured: Measured,
) -> Report {
    let [before, during, after] = tally::by_phase(calls, marks);
    let p99_before_ms = before.latency_ms(0.99);
    let p99_ratio = match (p99_before_ms, during.latency_ms(0.99)) {
        (Some(before), Some(during)) if before > 0.0 => Some(during / before),
        _ => None,
    };
    let recovered_after_ms = tally::recovery_ms(calls, marks, p99_before_ms);
    let mut causes = during.causes.clone();
    for (cause, count) in &after.causes {
        *causes.entry(cause.clone()).or_default() += count;
    }
    let harmed = during.failed() + after.failed();
    let success_percent = during.success_percent();
    let found = Found { harmed, success_percent, p99_ratio, recovery_ms: recovered_after_ms };
    let limits = Limits::of(fault, args).judge(&found);
    let Measured { course, counters, notice, remarks } = measured;
    let Readings { begin, began, undone, end } = &course.readings;
    let fleet = |from, to| FleetRow::between(&counters, from, to);
    Report {
        drill: fault.to_string(),
        instances: targets.instances,
        gateways: targets.gateways,
        rps: args.rps,
        calls: calls.len() as u64,
        harmed,
        causes,
        detected_after_ms: notice.as_ref().map(|one| one.at_unix_ms.saturating_sub(course.began_unix_ms)),
        detected_by: notice.map(|one| one.text),
        recovered_after_ms,
        phases: Phases {
            before: Row::new(&before, fleet(begin, began)),
            during: Row::new(&during, fleet(began, undone)),
            after: Row::new(&after, fleet(undone, end)),
        },
        absent: counters.absent(),
        remarks,
        held: limits.iter().all(|verdict| verdict.held),
        limits,
    }
}

/// Who wants the drill to end: Ctrl-C, or whoever started it.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn terminate(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// In microseconds; what does not fit is for ever.
fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// The end of each second after `start`. One that was missed is in the line of the next.
fn seconds(start: Instant) -> Interval {
    let second = Duration::from_secs(1);
    let mut seconds = interval_at((start + second).into(), second);
    seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
    seconds
}

/// Now, in microseconds since 1970-01-01T00:00:00Z.
fn unix_us() -> u64 {
    micros(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}
