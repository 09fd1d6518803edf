//! How load spreads over many gateways, threads and zones, simulated in virtual time.

mod world;

use super::BalanceRules;
use world::{Instance, Report, Scenario, run};

const MS: u64 = 1_000_000;

fn zones(sizes: &[usize]) -> Vec<Instance> {
    let instance = Instance { slots: 8, service: 10 * MS, sigma: 0.3, ..Instance::default() };
    (1..)
        .zip(sizes)
        .flat_map(|(zone, n)| std::iter::repeat_n(Instance { zone, ..instance }, *n))
        .collect()
}

/// `utilisation` of the capacity of all instances.
fn scenario(instances: Vec<Instance>, gateways: &[u16], threads: usize, utilisation: f64) -> Scenario {
    let capacity: f64 = instances.iter().map(|i| i.slots as f64 * 1e9 / i.service as f64).sum();
    Scenario {
        instances,
        gateways: gateways.to_vec(),
        threads,
        rate: capacity * utilisation,
        seconds: 30,
        rules: BalanceRules::default(),
    }
}

fn show(name: &str, scenario: &Scenario, report: &Report) {
    let half = scenario.seconds as f64 / 2.0;
    let loads: Vec<String> = scenario
        .instances
        .iter()
        .zip(&report.calls)
        .map(|(i, calls)| format!("{:.2}", *calls as f64 / half * i.service as f64 / 1e9 / i.slots as f64))
        .collect();
    let total: u64 = report.calls.iter().sum();
    println!("{name}: load {loads:?} home {:.3} failed {:.4}", report.at_home as f64 / total as f64, report.failed as f64 / total as f64);
    for (zone, l) in report.latencies.iter().enumerate().filter(|(_, l)| !l.is_empty()) {
        let p = |q: f64| l[((l.len() - 1) as f64 * q) as usize] as f64 / 1e6;
        println!("   zone {zone}: p50 {:.1} p90 {:.1} p99 {:.1} max {:.1} ms", p(0.5), p(0.9), p(0.99), p(1.0));
    }
    let n = report.series[0].len() - 1;
    let s = &report.series[0];
    println!("   first instance /100ms: {:?}", &s[n - 40..n]);
}

#[test]
fn explore() {
    let s = scenario(zones(&[3, 3, 3]), &[1, 2, 3], 2, 0.5);
    show("equal", &s, &run(&s, 1));
    let s = scenario(zones(&[1, 4, 4]), &[1, 2, 3], 2, 0.5);
    show("tiny", &s, &run(&s, 1));
    let s = scenario(zones(&[1, 4, 4]), &[1, 1, 1, 1, 1, 1, 1, 1, 2, 3, 2, 3, 2, 3, 2, 3], 4, 0.5);
    show("tiny many", &s, &run(&s, 1));
    let s = scenario(zones(&[3, 3, 3]), &[1, 1], 4, 0.7);
    show("all callers in one zone", &s, &run(&s, 1));
    let mut i = zones(&[3, 3, 3]);
    i[0].service *= 10;
    let mut s = scenario(i, &[1, 2, 3], 4, 0.5);
    s.rate = 2700.0;
    show("slow", &s, &run(&s, 1));
    let mut i = zones(&[3, 3, 3]);
    i[0].fails = true;
    let s = scenario(i.clone(), &[1, 2, 3], 4, 0.5);
    show("failing", &s, &run(&s, 1));
    i[0].fails = false;
    i[0].hangs = true;
    let s = scenario(i, &[1, 2, 3], 4, 0.5);
    show("hanging", &s, &run(&s, 1));
}
