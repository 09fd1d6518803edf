//! The limiter with a room before it, and callers of three priorities.

use tenet_resilience::queue::QueueRules;

use crate::service::{Outcomes, RECOVERY_S, Work, phase, run};

/// Of all calls, CRITICAL and NORMAL; the rest is SHEDDABLE.
const MIX: (f64, f64) = (0.1, 0.6);

fn refused(out: &Outcomes, priority: usize) -> f64 {
    let (offered, refused) = out.by_priority[priority];
    refused as f64 / offered.max(1) as f64
}

#[test]
fn the_important_are_served_through_an_overload() {
    let rules = QueueRules::default();
    println!(
        "{:>5} {:>18} {:>5} {:>8} {:>9} {:>9} {:>9} {:>9} {:>8} {:>6}",
        "slots", "work", "load", "goodput", "critical", "normal", "sheddable", "p99 ms", "room ms", "limit"
    );
    for slots in [4, 16, 64] {
        for work in [Work::Fixed(10.0), Work::Exponential(10.0), Work::Bimodal] {
            let phases = [phase(0.7, 5.0), phase(0.95, 20.0), phase(3.0, 30.0), phase(0.7, 10.0)];
            let outcomes = run(slots, work, MIX, &phases, Some(rules), 17);
            for (phase, out) in phases.iter().zip(&outcomes) {
                println!(
                    "{slots:>5} {:>18} {:>5} {:>8.3} {:>9.5} {:>9.4} {:>9.4} {:>9.1} {:>8.1} {:>6}",
                    format!("{work:?}"),
                    phase.load,
                    out.goodput,
                    refused(out, 0),
                    refused(out, 1),
                    refused(out, 2),
                    out.percentile(0.99),
                    out.waited_most,
                    out.limit_last,
                );
            }
            let title = format!("{slots} slots, {work:?}");
            let [before, _, overload, after] = &outcomes[..] else { panic!("four phases") };
            assert_eq!(before.refused, 0, "{title}: refused before the overload");
            assert!(overload.goodput >= 0.95, "{title}: goodput {}", overload.goodput);
            assert!(refused(overload, 0) <= 0.001, "{title}: {} of CRITICAL refused", refused(overload, 0));
            assert!(refused(overload, 1) < refused(overload, 2), "{title}: SHEDDABLE goes before NORMAL");
            let late = after.refused_late as f64 / after.offered as f64;
            assert!(late <= 0.005, "{title}: {late} refused {RECOVERY_S} s after the overload");
            for out in &outcomes {
                // Until the queue is known to be a standing one, and the target thereafter.
                let most =
                    (rules.acceptable + rules.interval).max(rules.target).as_secs_f64() * 1000.0 + 0.001;
                assert!(out.waited_most <= most, "{title}: somebody waited {} ms", out.waited_most);
            }
        }
    }
}
