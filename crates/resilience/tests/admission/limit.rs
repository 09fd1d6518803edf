//! The limiter alone: no queue before it, whoever is over the limit is refused.

use tenet_resilience::limit::LimitRules;

use crate::service::{ALL_NORMAL, Outcomes, Phase, Work, phase, run};

const WORKS: [Work; 3] = [Work::Fixed(10.0), Work::Exponential(10.0), Work::Bimodal];

fn print(title: &str, phases: &[Phase], outcomes: &[Outcomes]) {
    println!("{title}");
    for (phase, out) in phases.iter().zip(outcomes) {
        println!(
            "  {:4.2}x{} {:3.0} s: goodput {:5.3}  refused {:6.3} % (late {:4}, last at {:4.1} s)  mean {:6.1}  p50 {:6.1}  p99 {:6.1} ms  \
             limit {:4} (least {:4})  baseline {:5.1} ms",
            phase.load,
            if phase.slower > 1.0 { " slow" } else { "     " },
            phase.seconds,
            out.goodput,
            100.0 * out.refused as f64 / out.offered as f64,
            out.refused_late,
            out.last_refusal,
            out.mean(),
            out.percentile(0.5),
            out.percentile(0.99),
            out.limit_last,
            out.limit_least,
            out.baseline_ms,
        );
    }
}

#[test]
fn steps_between_loads() {
    for slots in [4, 16, 64] {
        for work in WORKS {
            let phases: Vec<Phase> =
                [0.3, 0.7, 3.0, 0.7, 0.95, 1.5, 0.3, 3.0, 0.95].map(|load| phase(load, 10.0)).to_vec();
            let outcomes = run(slots, work, ALL_NORMAL, &phases, LimitRules::default(), 7);
            print(&format!("{slots} slots, {work:?}"), &phases, &outcomes);
        }
    }
}

#[test]
fn a_long_overload() {
    for slots in [4, 16, 64] {
        for work in WORKS {
            let phases = [phase(3.0, 5.0), phase(3.0, 120.0), phase(0.7, 10.0)];
            let outcomes = run(slots, work, ALL_NORMAL, &phases, LimitRules::default(), 11);
            print(&format!("{slots} slots, {work:?}, overloaded from the start"), &phases, &outcomes);
        }
    }
}

#[test]
fn a_slow_release() {
    for slots in [4, 16, 64, 256] {
        for work in WORKS {
            for slower in [2.0, 4.0] {
                let slow = |load, seconds| Phase { load, seconds, slower };
                let phases = [
                    phase(0.3, 10.0),
                    slow(0.7 / slower, 5.0),
                    slow(0.7 / slower, 15.0),
                    slow(3.0, 20.0),
                    slow(0.7 / slower, 10.0),
                ];
                let outcomes = run(slots, work, ALL_NORMAL, &phases, LimitRules::default(), 13);
                print(&format!("{slots} slots, {work:?}, {slower} x slower"), &phases, &outcomes);
            }
        }
    }
}
