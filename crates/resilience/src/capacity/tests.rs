//! The gauge by hand, and beside the truth.

use super::*;

fn at(seconds: u64) -> Moment {
    Moment::from_start(Duration::from_secs(seconds))
}

fn second(id: &str, zone: u16, requests: u64, latency_ms: f64, utilisation: Option<f64>) -> InstanceSecond {
    InstanceSecond {
        id: id.into(),
        zone,
        requests,
        latency: Some(Duration::from_secs_f64(latency_ms / 1e3)),
        utilisation,
        usable: true,
    }
}

/// A minute of the same second; the gauge at its end.
fn minute(capacity: &mut Capacity, from: u64, offered: u64, instances: &[InstanceSecond]) -> Option<Gauge> {
    (from..from + 60).map(|now| capacity.second(at(now), offered, instances)).last()?
}

#[test]
fn what_was_carried_is_a_lower_bound_and_raises_no_alarm() {
    let three = [("x", 1), ("y", 2), ("z", 3)].map(|(id, zone)| second(id, zone, 100, 10.0, None));
    let gauge = minute(&mut Capacity::default(), 0, 300, &three).unwrap();
    assert_eq!((gauge.basis, gauge.alarm), (Basis::Proven, false));
    assert!((gauge.share - 2.0 / 3.0).abs() < 0.01, "{gauge:?}");
}

#[test]
fn a_reported_utilisation_tells_what_is_left() {
    // Each carries 100 at a third of what it can: without one of three there is 600 for 300.
    let three = [("x", 1), ("y", 2), ("z", 3)].map(|(id, zone)| second(id, zone, 100, 10.0, Some(1.0 / 3.0)));
    let gauge = minute(&mut Capacity::default(), 0, 300, &three).unwrap();
    assert_eq!((gauge.basis, gauge.alarm), (Basis::Estimated, false));
    assert!((gauge.share - 2.0).abs() < 0.05, "{gauge:?}");
}

#[test]
fn the_largest_zone_is_the_one_that_counts() {
    let four =
        [("x", 1), ("y", 1), ("z", 2), ("w", 3)].map(|(id, zone)| second(id, zone, 100, 10.0, Some(0.8)));
    let gauge = minute(&mut Capacity::default(), 0, 400, &four).unwrap();
    assert_eq!(gauge.lost, Lost::Zone(1));
    // 250 of 500 are left for 400.
    assert!((gauge.share - 0.625).abs() < 0.02, "{gauge:?}");
    assert!(gauge.alarm);
    assert_eq!(gauge.lost.describe(|_| "a"), "zone a");
}

#[test]
fn without_zones_a_third_of_the_instances_is_lost() {
    let seconds: Vec<_> = (0..7).map(|i| second(&i.to_string(), 0, 100, 10.0, Some(0.5))).collect();
    let gauge = minute(&mut Capacity::default(), 0, 700, &seconds).unwrap();
    assert_eq!(gauge.lost, Lost::Instances(3));
    assert!((gauge.share - 4.0 * 200.0 / 700.0).abs() < 0.05, "{gauge:?}");
    let one = [second("x", 0, 100, 10.0, Some(0.5))];
    let gauge = minute(&mut Capacity::default(), 0, 100, &one).unwrap();
    assert_eq!((gauge.share, gauge.lost), (0.0, Lost::Instances(1)), "a single instance leaves nothing");
}

#[test]
fn a_knee_is_measured_where_latency_leaves_tolerance() {
    let mut capacity = Capacity::default();
    let three =
        |requests, ms| [("x", 1), ("y", 2), ("z", 3)].map(|(id, zone)| second(id, zone, requests, ms, None));
    minute(&mut capacity, 0, 300, &three(100, 10.0));
    let gauge = minute(&mut capacity, 60, 900, &three(160, 40.0)).unwrap();
    assert_eq!(gauge.basis, Basis::Measured);
    // Each can do 160: without one there is 320 for the 900 that were asked for.
    assert!((gauge.share - 320.0 / 900.0).abs() < 0.02, "{gauge:?}");
    assert!(gauge.alarm);
}

#[test]
fn alarms_come_late_and_go_later() {
    let mut capacity = Capacity::default();
    let three =
        |used| [("x", 1), ("y", 2), ("z", 3)].map(|(id, zone)| second(id, zone, 100, 10.0, Some(used)));
    minute(&mut capacity, 0, 300, &three(0.3));
    let mut raised = None;
    for now in 60..120 {
        let gauge = capacity.second(at(now), 300, &three(1.0)).unwrap();
        if gauge.alarm && raised.is_none() {
            raised = Some(now);
        }
        assert!(gauge.alarm || raised.is_none(), "it does not flap");
    }
    assert!(raised.is_some_and(|at| (66..90).contains(&at)), "{raised:?}");
    let cleared = (120..240).find(|now| !capacity.second(at(*now), 300, &three(0.3)).unwrap().alarm);
    assert!(cleared.is_some_and(|at| at >= 150), "{cleared:?}");
}

#[test]
fn yesterdays_peak_is_forgotten() {
    let mut capacity = Capacity::default();
    let three = [("x", 1), ("y", 2), ("z", 3)].map(|(id, zone)| second(id, zone, 100, 10.0, Some(0.5)));
    minute(&mut capacity, 0, 3000, &three);
    let busy = minute(&mut capacity, 60, 300, &three).unwrap();
    assert!(busy.peak > 2900.0, "{busy:?}");
    let next_day = minute(&mut capacity, 25 * 3600, 300, &three).unwrap();
    assert!((next_day.peak - 300.0).abs() < 20.0, "{next_day:?}");
}
