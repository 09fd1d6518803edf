//! How load spreads over many gateways, threads and zones, simulated in virtual time with fixed seeds.
//!
//! Load is utilisation: calls · service time / slots. The bounds are what the rules promise; `--nocapture` prints the figures.

mod world;

use world::{Fault, Instance, Report, Scenario, run};

const MS: u64 = 1_000_000;
const SEEDS: std::ops::Range<u64> = 1..3;

/// What must hold of the second half of a run.
struct Bounds {
    /// The least share of calls that stay in the caller's zone.
    home: f64,
    /// The load of every instance, but for the first where `first` says otherwise.
    load: (f64, f64),
    /// The load of the first instance, where it differs from the others.
    first: Option<(f64, f64)>,
    /// The largest share of failed calls.
    failed: f64,
    /// The largest 99th percentile of any zone's callers, in milliseconds.
    p99_ms: f64,
}

/// Instances of 8 slots and 10 ms, as many in zones 1, 2, … as `sizes` says.
fn zones(sizes: &[usize]) -> Vec<Instance> {
    let instance = Instance { slots: 8, service: 10 * MS, sigma: 0.3, ..Instance::default() };
    (1..).zip(sizes).flat_map(|(zone, n)| std::iter::repeat_n(Instance { zone, ..instance }, *n)).collect()
}

fn with_first(sizes: &[usize], fault: Fault, heals_at: Option<u64>) -> Vec<Instance> {
    let mut instances = zones(sizes);
    instances[0] = Instance { fault, heals_at, ..instances[0] };
    instances
}

fn loads(scenario: &Scenario, report: &Report) -> Vec<f64> {
    let seconds = scenario.seconds as f64 / 2.0;
    let load = |i: &Instance, calls: u64| calls as f64 / seconds * i.service as f64 / 1e9 / i.slots as f64;
    scenario.instances.iter().zip(&report.calls).map(|(i, calls)| load(i, *calls)).collect()
}

/// Runs gateways in the zones `gateways`, each with `threads` threads, at `utilisation` of the capacity that 10 ms would give.
fn check(instances: Vec<Instance>, gateways: &[u16], threads: usize, utilisation: f64, bounds: &Bounds) {
    let slots: usize = instances.iter().map(|i| i.slots).sum();
    let rate = slots as f64 * 100.0 * utilisation;
    let scenario = Scenario { instances, gateways: gateways.to_vec(), threads, rate, seconds: 30 };
    for seed in SEEDS {
        let report = run(&scenario, seed);
        let loads = loads(&scenario, &report);
        let total = report.calls.iter().sum::<u64>() as f64;
        let (home, failed) = (report.at_home as f64 / total, report.failed as f64 / total);
        let p99 = |l: &Vec<u64>| l.get(l.len() * 99 / 100).map_or(0.0, |nanos| *nanos as f64 / MS as f64);
        let p99 = report.latencies.iter().map(p99).fold(0.0, f64::max);
        let seen =
            format!("seed {seed}: loads {loads:.2?}, home {home:.3}, failed {failed:.5}, p99 {p99:.1} ms");
        println!("{seen}");
        assert!(home >= bounds.home, "home, {seen}");
        assert!(failed <= bounds.failed, "failed, {seen}");
        assert!(p99 <= bounds.p99_ms, "p99, {seen}");
        for (index, load) in loads.iter().enumerate() {
            let (least, most) = bounds.first.filter(|_| index == 0).unwrap_or(bounds.load);
            assert!((least..=most).contains(load), "instance {index} not in {least}..={most}, {seen}");
        }
    }
}

const SOUND: Bounds = Bounds { home: 0.95, load: (0.42, 0.58), first: None, failed: 0.0, p99_ms: 25.0 };

#[test]
fn equal_zones_keep_to_themselves_and_spread_evenly() {
    check(zones(&[3, 3, 3]), &[1, 2, 3], 2, 0.5, &SOUND);
    check(zones(&[3, 3, 3]), &[1, 2, 3, 1, 2, 3, 1, 2, 3], 8, 0.5, &SOUND);
    check(zones(&[9]), &[1], 1, 0.5, &SOUND);
}

/// A zone with a ninth of the instances and a third or a half of the callers: its instance works at less than full, at most 2.2 times as much as the
/// others, and its callers wait for it no longer than a few service times.
#[test]
fn a_tiny_zone_gives_away_what_it_cannot_carry() {
    let bounds = Bounds { home: 0.5, load: (0.38, 0.6), first: Some((0.5, 0.95)), failed: 0.0, p99_ms: 80.0 };
    check(zones(&[1, 4, 4]), &[1, 2, 3], 2, 0.5, &bounds);
    check(zones(&[1, 4, 4]), &[1, 1, 1, 1, 1, 1, 1, 1, 2, 3, 2, 3, 2, 3, 2, 3], 4, 0.5, &bounds);
}

/// The lone instance of a zone with two thirds of all callers: its share of the calls must not swing, because each time that it is
/// too much all of them wait. Over 24 seeds the 99th percentile is 101 ms in the middle and 123 at most; without a look at the other side
/// where this one is slow 114 and 168.
/// Calls take 30 ms, so that loads are three times the utilisation that `check` is given.
#[test]
fn a_lone_instance_is_not_overrun_again_and_again() {
    let mut instances = zones(&[1, 2, 5]);
    instances.iter_mut().for_each(|i| (i.slots, i.service) = (3, 30 * MS));
    let bounds = Bounds { home: 0.1, load: (0.3, 0.6), first: Some((0.4, 0.85)), failed: 0.0, p99_ms: 125.0 };
    check(instances, &[1, 1, 1, 1, 2, 3], 2, 0.15, &bounds);
}

#[test]
fn callers_in_one_zone_use_the_others_when_theirs_is_full() {
    let bounds = Bounds { home: 0.38, load: (0.5, 0.97), first: None, failed: 0.0, p99_ms: 60.0 };
    check(zones(&[3, 3, 3]), &[1, 1], 4, 0.7, &bounds);
}

#[test]
fn callers_in_a_zone_without_instances_use_all_others_evenly() {
    check(zones(&[0, 3, 3]), &[1], 4, 0.5, &Bounds { home: 0.0, ..SOUND });
}

#[test]
fn a_slow_instance_gets_little() {
    // It could carry a load of 0.1, taking ten times as long.
    let bounds = Bounds { load: (0.35, 0.8), first: Some((0.0, 0.05)), p99_ms: 90.0, ..SOUND };
    check(with_first(&[3, 3, 3], Fault::Slow, None), &[1, 2, 3], 4, 0.5, &bounds);
}

#[test]
fn an_instance_that_fails_at_once_attracts_nothing() {
    for utilisation in [0.1, 0.5, 0.8] {
        let load = (0.5 * utilisation, 1.0);
        let bounds = Bounds { home: 0.8, load, first: Some((0.0, 0.02)), failed: 0.01, p99_ms: 200.0 };
        check(with_first(&[3, 3, 3], Fault::Fails, None), &[1, 2, 3], 4, utilisation, &bounds);
    }
}

/// Failing fast shortens its queue, which must not earn it more calls.
#[test]
fn an_instance_that_fails_often_gets_less() {
    for utilisation in [0.3, 0.7] {
        let first = Some((0.0, 0.5 * utilisation));
        let bounds = Bounds { home: 0.9, load: (0.8 * utilisation, 1.0), first, failed: 0.03, p99_ms: 60.0 };
        check(with_first(&[3, 3, 3], Fault::FailsOften, None), &[1, 2, 3], 4, utilisation, &bounds);
    }
}

#[test]
fn an_instance_that_hangs_loses_its_traffic_before_calls_time_out() {
    let bounds = Bounds { load: (0.4, 0.85), first: Some((0.0, 0.02)), failed: 0.005, p99_ms: 40.0, ..SOUND };
    check(with_first(&[3, 3, 3], Fault::Hangs, None), &[1, 2, 3], 4, 0.5, &bounds);
}

/// The fault ends after 5 s of 30; what is seen is from 15 s on, when the last threads are just trying it again.
#[test]
fn an_instance_that_heals_gets_its_share_again() {
    for fault in [Fault::Slow, Fault::Fails, Fault::Hangs] {
        let bounds = Bounds { load: (0.4, 0.65), first: Some((0.3, 0.6)), p99_ms: 30.0, ..SOUND };
        check(with_first(&[3, 3, 3], fault, Some(5_000 * MS)), &[1, 2, 3], 4, 0.5, &bounds);
    }
}

#[test]
fn heavy_tails_do_not_drive_calls_out_of_their_zone() {
    let mut instances = zones(&[3, 3, 3]);
    instances.iter_mut().for_each(|i| i.sigma = 1.5);
    let bounds = Bounds { home: 0.85, load: (0.1, 0.3), p99_ms: 500.0, ..SOUND };
    check(instances, &[1, 2, 3], 2, 0.2, &bounds);
}
