//! The N−1 gauge over simulated instances, whose capacity is known.

use std::sync::Arc;
use std::time::Duration;

use tenet_resilience::Moment;
use tenet_resilience::capacity::{Basis, Capacity, Gauge, InstanceSecond, Lost};

use crate::service::{ALL_NORMAL, Simulation, Work, millis, phase};

/// The zones of the instances: the first holds half of the six.
const ZONES: [u16; 6] = [1, 1, 1, 2, 2, 3];

/// How far the gauge may be from the truth once an instance's load passed 70 %.
const ERROR_MOST: f64 = 0.15;

/// The gauge after these loads, each for so many seconds; and the largest load.
fn gauge(slots: usize, work: Work, loads: &[(f64, u64)], reports: bool, seed: u64) -> Option<Gauge> {
    let mut instances: Vec<Simulation> =
        (0..ZONES.len()).map(|i| Simulation::new(slots, work, None, seed + i as u64)).collect();
    let ids: Vec<Arc<str>> = (0..ZONES.len()).map(|i| Arc::from(format!("i{i}"))).collect();
    let (mut capacity, mut now, mut gauge) = (Capacity::new(), Moment::START, None);
    for &(load, seconds) in loads {
        for _ in 0..seconds {
            now = now.plus(Duration::from_secs(1));
            let outcomes: Vec<_> =
                instances.iter_mut().map(|one| one.phase(phase(load, 1.0), ALL_NORMAL)).collect();
            let did = outcomes.iter().zip(ids.iter().zip(ZONES)).map(|(out, (id, zone))| InstanceSecond {
                id: id.clone(),
                zone,
                requests: out.answered,
                latency: (out.answered > 0).then(|| millis(out.mean())),
                utilisation: reports.then_some(out.busy_ms / (1000.0 * slots as f64)),
                usable: true,
            });
            let did: Vec<InstanceSecond> = did.collect();
            gauge = capacity.second(now, outcomes.iter().map(|out| out.offered).sum(), &did);
        }
    }
    gauge
}

#[test]
fn the_gauge_is_near_the_truth() {
    // Loads of each instance with their seconds, whether it reports its utilisation, and what the answer rests on then.
    type Row = (&'static [(f64, u64)], bool, Basis);
    let rows: [Row; 4] = [
        (&[(0.4, 30), (0.7, 30)], true, Basis::Estimated),
        (&[(0.4, 30), (0.85, 30)], true, Basis::Estimated),
        (&[(0.4, 30), (1.3, 30)], false, Basis::Measured),
        (&[(0.4, 30), (1.3, 30), (0.5, 30)], true, Basis::Measured),
    ];
    println!("{:>5} {:>18} {:>28} {:>10} {:>6} {:>6}", "slots", "work", "loads", "basis", "share", "true");
    for slots in [4, 16, 64] {
        // Slots make up for uneven work: with many of them both kinds look alike.
        let works = [Work::Exponential(10.0), Work::Fixed(10.0)];
        for work in works.into_iter().take(if slots < 64 { 2 } else { 1 }) {
            for (loads, reports, basis) in rows {
                let most = loads.iter().map(|(load, _)| *load).fold(0.0, f64::max);
                // Half of the instances are left for what all of them were offered.
                let truth = 0.5 / most;
                let found = gauge(slots, work, loads, reports, 23).expect("enough is known");
                println!(
                    "{slots:>5} {:>18} {:>28} {:>10} {:>6.3} {truth:>6.3}",
                    format!("{work:?}"),
                    format!("{loads:?}"),
                    found.basis.word(),
                    found.share
                );
                let title = format!("{slots} slots, {work:?}, {loads:?}: {found:?}");
                assert!((found.share / truth - 1.0).abs() <= ERROR_MOST, "{title}, not {truth}");
                assert_eq!(found.lost, Lost::Zone { zone: 1, only: false }, "{title}");
                assert_eq!(found.basis, basis, "{title}");
                assert!(found.alarm, "{title}: half of it cannot carry that");
            }
        }
    }
}

#[test]
fn what_is_only_proven_is_a_lower_bound_and_rings_no_alarm() {
    for slots in [16, 64] {
        let found = gauge(slots, Work::Fixed(10.0), &[(0.4, 60)], false, 29).expect("enough is known");
        let truth = 0.5 / 0.4;
        assert!(found.basis == Basis::Proven && !found.alarm, "{found:?}");
        assert!(found.share <= truth * 1.05, "{found:?}, not above {truth}");
    }
}
