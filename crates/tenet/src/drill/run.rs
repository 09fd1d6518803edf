//! One drill from its order to its report: the load beside the course, and what both say in the end.

use super::args::RunArgs;
use super::counters::{Counters, Sums};
use super::course::{Course, Drill, Heard, Rates, Readings};
use super::fault::{Fault, Rehearsal};
use super::fleet::{Fleet, Notice};
use super::limits::{Found, Limits};
use super::report::{FleetRow, Phases, Report, Row};
use super::session::{Session, Targets};
use super::tally::{self, Call, Figures, Marks};
use crate::cli::Failed;
use crate::project;
use crate::traffic::{Ended, Load, Patience};
use crate::up::state::{self, State};
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tenet_release::ReleaseDir;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{sleep, timeout};

/// How often it is looked whether the last calls have ended.
const LOOK: Duration = Duration::from_millis(10);

/// What the fleet and `up` have to say of it.
struct Measured {
    course: Course,
    counters: Counters,
    notice: Option<Notice>,
    remarks: Vec<String>,
    names: Vec<String>,
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

    let names = load.names();
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
                request: ended.request,
                outcome: ended.outcome,
                repeated: ended.repeated,
            });
        };
        tokio::task::spawn_local(async move { match load.send(Rc::new(record)).await {} })
    };
    let during_rps = (f64::from(args.rps) * rehearsal.fault.load_times()) as u32;
    let rates = Rates { load: &load, usual: args.rps, during: during_rps };
    let mut drill = Drill::new(&args, &mut session, &fleet, &heard, rates, start, say);
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
        warm_us: micros(args.warm_up.duration()),
        began_us: since_start(course.began_unix_ms),
        undone_us: since_start(course.undone_unix_ms),
        ended_us,
    };
    let calls = std::mem::take(&mut heard.borrow_mut().calls);
    let measured = Measured { course, counters, notice, remarks, names };
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
    let settled_after_ms = tally::settle_ms(calls, marks, p99_before_ms);
    let mut causes = during.causes.clone();
    for (cause, count) in &after.causes {
        *causes.entry(cause.clone()).or_default() += count;
    }
    let harmed = during.failed() + after.failed();
    let success_percent = during.success_percent();
    let found = Found {
        harmed,
        success_percent,
        p99_ratio,
        recovery_ms: recovered_after_ms,
        settle_ms: settled_after_ms,
    };
    let limits = Limits::of(fault, args).judge(&found);
    let Measured { course, counters, notice, remarks, names } = measured;
    let Readings { begin, began, undone, end } = &course.readings;
    let row = |figures: &Figures, [from_us, to_us]: [u64; 2], [from, to]: [&Sums; 2]| {
        let fleet = FleetRow::between(&counters, from, to);
        Row::new(figures, to_us.saturating_sub(from_us), &names, fleet)
    };
    Report {
        drill: fault.to_string(),
        instances: targets.instances,
        gateways: targets.gateways,
        rps: args.rps,
        calls: before.calls + during.calls + after.calls,
        harmed,
        causes,
        detected_after_ms: notice.as_ref().map(|one| one.at_unix_ms.saturating_sub(course.began_unix_ms)),
        detected_by: notice.map(|one| one.text),
        recovered_after_ms,
        settled_after_ms,
        phases: Phases {
            before: row(&before, [marks.warm_us, marks.began_us], [begin, began]),
            during: row(&during, [marks.began_us, marks.undone_us], [began, undone]),
            after: row(&after, [marks.undone_us, marks.ended_us], [undone, end]),
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

/// Now, in microseconds since 1970-01-01T00:00:00Z.
fn unix_us() -> u64 {
    micros(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}
