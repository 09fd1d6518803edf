//! One case through one proxy, on a fresh fleet.

use super::call::Phases;
use super::case::{Case, capacity};
use super::fleet::{EACH, Fleet, ZONES};
use super::load::Load;
use super::proxy::Proxy;
use super::{Arguments, call};
use crate::load::schedule::{LEAD, Step};
use crate::peers::Kind;
use crate::{Outcome, machine};
use std::time::{Duration, Instant};

/// Calls before anything counts: connections are opened, latencies and limits are learned.
const WARM: Duration = Duration::from_secs(5);

/// What was found in one run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Of the callers.
    pub phases: Phases,
    /// Attempts that came to instances for each call, from the failure on.
    pub attempts_per_call: f64,
    /// Calls answered a second while there was too much to do, as a share of what the fleet can do.
    pub goodput: f64,
    /// How busy the load core, the proxy core and both were, 0 to 1.
    pub busy: [f64; 3],
    /// What a gateway of ours counted.
    pub counters: Vec<String>,
}

/// Runs it.
pub fn run(case: Case, kind: Kind, arguments: &Arguments) -> Outcome<Run> {
    let mut fleet = Fleet::start()?;
    let proxy = Proxy::start(kind, case, &fleet, &arguments.zone)?;
    let full = capacity(ZONES.len() * EACH);
    let calm = full * arguments.load_percent / 100;
    let seconds = Duration::from_secs_f64;
    let (before, after) = (seconds(arguments.before), seconds(arguments.after));
    let during = seconds(if case == Case::Overload { arguments.overload } else { arguments.during });
    let most = if case == Case::Overload { full * arguments.overload_percent / 100 } else { calm };
    let steps = [
        Step { rate: calm, time: WARM + before },
        Step { rate: most, time: during },
        Step { rate: calm, time: after },
    ];
    let load = Load::start(proxy.peer.address, &steps)?;
    let begin = Instant::now() + LEAD;
    let warm = begin + WARM;
    sleep_until(warm);
    let ticks = [machine::LOAD_CORE, machine::PROXY_CORE].map(machine::ticks);
    sleep_until(begin + steps[0].time);
    let attempts = fleet.calls()?;
    let fault = Instant::now();
    case.begin(&mut fleet)?;
    sleep_until(fault + during);
    case.end(&mut fleet)?;
    let undone = Instant::now();
    let end = begin + steps.iter().map(|step| step.time).sum::<Duration>();
    sleep_until(end);
    let now = [machine::LOAD_CORE, machine::PROXY_CORE].map(machine::ticks);
    let calls = load.finish()?;
    // An instance that hung reads now what was sent to it then; that came to it, too.
    let attempts = fleet.calls()?.saturating_sub(attempts);
    let counters = if arguments.counters { proxy.counters()? } else { Vec::new() };
    if arguments.windows {
        call::print_windows(&calls, fault);
    }
    let phases = Phases::of(&calls, warm, fault, undone, end);
    let each = [0, 1].map(|core| machine::busy(ticks[core], now[core]));
    let from_fault = phases.during.calls + phases.after.calls;
    Ok(Run {
        attempts_per_call: attempts as f64 / from_fault.max(1) as f64,
        goodput: phases.during.answered() as f64 / (during.as_secs_f64() * f64::from(full)),
        busy: [each[0], each[1], f64::midpoint(each[0], each[1])],
        phases,
        counters,
    })
}

fn sleep_until(at: Instant) {
    std::thread::sleep(at.saturating_duration_since(Instant::now()));
}
