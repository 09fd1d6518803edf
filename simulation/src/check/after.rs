//! What must hold when a run is over: one outcome for each request, and a fleet that is what it was before its faults.

use crate::figures::{Figures, Phase, millis};
use crate::plan::SECOND;
use crate::scenario::Scenario;
use crate::world::World;

/// Success after the faults.
const SUCCESS_LEAST: f64 = 0.999;
/// A success rate of some thousand calls is uncertain by about this.
const SUCCESS_NOISE: f64 = 0.001;
/// So few failures of some thousand calls say nothing.
const FAILED_FEW: u64 = 3;
/// The 99th percentile after the faults, in those before.
const P99_MOST: f64 = 1.5;
/// The one before the faults is uncertain by about this, nanoseconds.
const P99_NOISE: f64 = 10e6;
/// Retries by calls after the faults; second attempts of methods that ask for them are no sign of trouble, and not counted.
const RETRIES_MOST: f64 = 0.02;
/// Attempts at an instance by the mean of its zone.
const LOAD_MOST: f64 = 1.35;
/// Standard deviations of a count that chance is given beyond that.
const LOAD_SIGMAS: f64 = 4.0;
/// What the fullest zone may have to carry for nobody to be refused, as a share of its capacity.
const ZONE_LOAD_MOST: f64 = 0.7;
/// The share of calls that may be refused where a zone has more callers than that. Not what the rule should come to: what it does.
const OVERRUN_REFUSED_MOST: f64 = 0.03;
/// The same of ejections: an instance that refuses, or is far slower than others because it is overrun, is ejected now and then.
const OVERRUN_EJECTIONS_MOST: u32 = 3;
/// Up to this share of the capacity nobody is refused.
const CALM_LOAD_MOST: f64 = 0.7;
/// Ejections in a calm run: the judges' own bound is one in a thousand hours of an instance, so one is a finding.
const CALM_EJECTIONS_MOST: u32 = 0;

/// Checks a run that is over.
pub(crate) fn check(world: &mut World, scenario: Scenario, figures: &Figures) {
    let lost = world.requests.iter().filter(|request| request.ended.is_none()).count();
    if lost > 0 {
        let first = world.requests.iter().position(|request| request.ended.is_none()).unwrap_or_default();
        add(world, "one outcome", &format!("{lost} requests have none, the first is {first}"));
    }
    baseline(world, figures);
    spread(world, figures);
    calm(world, scenario, figures);
}

fn add(world: &mut World, what: &str, text: &str) {
    let at = world.settled.unwrap_or(world.now);
    world.findings.add(what, text, at);
}

/// After the faults the fleet is what it was before.
fn baseline(world: &mut World, figures: &Figures) {
    let Figures { before, after, .. } = figures;
    let failed = after.requests - after.answered;
    // A fleet that refuses some calls without any fault does so after one, too: that is `calm`'s to find.
    let overrun = world.plan.fullest_zone() > ZONE_LOAD_MOST;
    let promised = if overrun { 1.0 - OVERRUN_REFUSED_MOST } else { SUCCESS_LEAST };
    let least = promised.min(before.success() - SUCCESS_NOISE);
    if after.success() < least && failed > FAILED_FEW {
        let text = format!("{failed} of {} requests failed, {} shed", after.requests, after.shed);
        add(world, "baseline success", &text);
    }
    let most = before.p99 as f64 * P99_MOST + P99_NOISE;
    if after.p99_least as f64 > most {
        let text = format!("{:.1} ms, before {:.1} ms", millis(after.p99_least), millis(before.p99));
        add(world, "baseline p99", &text);
    }
    let retries = |phase: &Phase| phase.retries as f64 / phase.requests.max(1) as f64;
    if retries(after) > RETRIES_MOST {
        let text = format!("{} retries for {} requests", after.retries, after.requests);
        add(world, "baseline attempts", &text);
    }
}

/// Equal instances of a zone get equal shares, within what chance explains.
fn spread(world: &mut World, figures: &Figures) {
    for (service, loads) in figures.loads.iter().enumerate() {
        for zone in 1..=world.plan.zones {
            let of_zone = |(load, at): (&u64, &u16)| (*at == zone).then_some(*load);
            let loads: Vec<u64> =
                loads.iter().zip(&world.plan.services[service].instances).filter_map(of_zone).collect();
            let mean = loads.iter().sum::<u64>() as f64 / loads.len().max(1) as f64;
            let most = loads.iter().max().copied().unwrap_or(0) as f64;
            if most > mean * LOAD_MOST + LOAD_SIGMAS * mean.sqrt() {
                let text = format!("zone {zone} of service {service}: {loads:?}, the mean is {mean:.0}");
                add(world, "load spread", &text);
            }
        }
    }
}

/// Nothing happens to a fleet that nothing happens to: in calm runs, and in the others until their first fault.
fn calm(world: &mut World, scenario: Scenario, figures: &Figures) {
    let (load, fullest) = (world.plan.load, world.plan.fullest_zone());
    let calm_after = Some(figures.after).filter(|_| scenario == Scenario::Calm);
    // Where a zone has more callers than it carries, the zone rule runs it nearly full and admission refuses a few.
    let share = if fullest <= ZONE_LOAD_MOST { 0.0 } else { OVERRUN_REFUSED_MOST };
    for phase in calm_after.into_iter().chain([figures.before]).filter(|_| load <= CALM_LOAD_MOST) {
        let most = (phase.requests as f64 * share) as u64;
        let text = |count: u64| {
            format!("{count} of {} at load {load:.2}, fullest zone {fullest:.2}", phase.requests)
        };
        if phase.shed > most {
            add(world, "calm shed", &text(phase.shed));
        }
        let failed = phase.requests - phase.answered - phase.shed;
        if failed > most {
            add(world, "calm failures", &text(failed));
        }
    }
    let most = if fullest > ZONE_LOAD_MOST { OVERRUN_EJECTIONS_MOST } else { CALM_EJECTIONS_MOST };
    if scenario == Scenario::Calm && figures.ejections > most {
        let hours = world.now as f64 / SECOND as f64 / 3600.0;
        add(
            world,
            "calm ejections",
            &format!("{} in {hours:.3} h, fullest zone {fullest:.2}", figures.ejections),
        );
    }
}
