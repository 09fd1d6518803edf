//! The gauge by hand-computed numbers.

use super::*;

/// Zone, calls a second, latency in ms, utilisation, usable.
type Row = (u16, u64, u64, Option<f64>, bool);

struct Service {
    capacity: Capacity,
    now: Moment,
}

impl Service {
    fn new() -> Service {
        Service { capacity: Capacity::new(), now: Moment::START }
    }

    /// `seconds` alike; the gauge after them.
    fn go(&mut self, seconds: u64, offered: u64, rows: &[Row]) -> Option<Gauge> {
        let mut gauge = None;
        for _ in 0..seconds {
            self.now = self.now.plus(Duration::from_secs(1));
            let instances: Vec<InstanceSecond> = rows
                .iter()
                .enumerate()
                .map(|(i, &(zone, requests, latency_ms, utilisation, usable))| InstanceSecond {
                    id: Arc::from(format!("i{i}")),
                    zone,
                    requests,
                    latency: (requests > 0).then_some(Duration::from_millis(latency_ms)),
                    utilisation,
                    usable,
                })
                .collect();
            gauge = self.capacity.second(self.now, offered, &instances);
        }
        gauge
    }
}

#[test]
fn shares_by_hand() {
    let zone = |zone| Lost::Zone { zone, only: false };
    // Three zones of one instance each, all alike: offered and each one's row; then share, what is lost, basis, alarm after a minute.
    type Case = (&'static str, u64, Row, (f64, Lost, Basis, bool));
    let cases: [Case; 4] = [
        (
            "never had more to do",
            300,
            (0, 100, 10, None, true),
            (200.0 / 300.0, zone(1), Basis::Proven, false),
        ),
        (
            "half utilised",
            300,
            (0, 100, 10, Some(0.5), true),
            (400.0 / 300.0, zone(1), Basis::Estimated, false),
        ),
        ("70 % utilised", 300, (0, 100, 10, Some(0.7), true), (0.952, zone(1), Basis::Estimated, true)),
        ("just enough", 300, (0, 100, 10, Some(0.666), true), (1.001, zone(1), Basis::Estimated, false)),
    ];
    for (name, offered, row, (share, lost, basis, alarm)) in cases {
        let rows = [1, 2, 3].map(|zone| (zone, row.1, row.2, row.3, row.4));
        let gauge = Service::new().go(60, offered, &rows).unwrap();
        assert!((gauge.share - share).abs() < 0.01, "{name}: {gauge:?}");
        assert_eq!((gauge.lost, gauge.basis, gauge.alarm), (lost, basis, alarm), "{name}: {gauge:?}");
        assert!(
            (gauge.peak - offered as f64).abs() < 0.5 && (gauge.left / gauge.peak - gauge.share).abs() < 1e-9
        );
    }
}

#[test]
fn an_overload_measures_the_knee_and_counts_what_was_refused_as_demand() {
    let mut service = Service::new();
    service.go(60, 300, &[1, 2, 3].map(|zone| (zone, 100, 10, None, true)));
    // Each can do 200; 900 are offered, of which 300 are refused.
    let gauge = service.go(60, 900, &[1, 2, 3].map(|zone| (zone, 200, 30, None, true))).unwrap();
    assert_eq!((gauge.basis, gauge.alarm), (Basis::Measured, true), "{gauge:?}");
    assert!((gauge.left - 400.0).abs() < 4.0 && (gauge.peak - 900.0).abs() < 1.0, "{gauge:?}");
}

#[test]
fn one_zone_or_one_instance_leaves_nothing() {
    let half = Some(0.5);
    let one = Service::new().go(60, 100, &[(0, 100, 10, half, true)]).unwrap();
    assert_eq!((one.share, one.lost, one.alarm), (0.0, Lost::Instances { lost: 1, of: 1 }, true));
    let zone = Service::new().go(60, 200, &[(1, 100, 10, half, true), (1, 100, 10, half, true)]).unwrap();
    assert_eq!((zone.share, zone.lost, zone.alarm), (0.0, Lost::Zone { zone: 1, only: true }, true));
}

#[test]
fn what_is_gone_already_is_not_counted_and_what_is_new_is_like_the_others() {
    let mut service = Service::new();
    let all = [1, 2, 3].map(|zone| (zone, 100, 10, Some(0.5), true));
    service.go(60, 300, &all);
    let mut less = all;
    less[0] = (1, 0, 0, None, false);
    let gauge = service.go(10, 300, &less).unwrap();
    assert!((gauge.left - 200.0).abs() < 1.0 && gauge.alarm, "one of the two that are left: {gauge:?}");
    let more = [all[0], all[1], all[2], (4, 0, 0, None, true)];
    let gauge = service.go(40, 300, &more).unwrap();
    // Of four like it, two are lost as "a third, rounded up".
    assert!((gauge.left - 400.0).abs() < 8.0, "{gauge:?}");
    assert_eq!(gauge.lost, Lost::Instances { lost: 2, of: 4 });
    service.go(60, 300, &all);
    assert_eq!(service.capacity.instances.len(), 3, "what left is forgotten");
}

#[test]
fn nothing_is_told_before_something_is_known() {
    assert_eq!(Service::new().go(9, 300, &[(1, 100, 10, None, true)]), None, "too early");
    assert_eq!(Service::new().go(60, 0, &[(1, 0, 0, None, true)]), None, "no calls");
    assert_eq!(Service::new().go(60, 100, &[]), None, "no instance");
    let mut service = Service::new();
    service.go(60, 200, &[(1, 100, 10, None, true), (2, 100, 10, None, true)]);
    let none = service.go(10, 200, &[(1, 0, 0, None, false), (2, 0, 0, None, false)]);
    assert_eq!(none, None, "there is nobody to lose");
}
