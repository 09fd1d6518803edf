//! How often an instance that is as good as its fellows is ejected: chance alone, with fixed seeds.

use super::*;
use std::time::Duration;

struct Dice(u64);

impl Dice {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (((self.0 ^ (self.0 >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd) >> 11) as f64 + 0.5)
            / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// Verdicts against `instances` equal ones over `hours`, each with about `rate` requests a second, of which the share `failing` fails and
/// which take 20 ms with a logarithm of deviation `sigma`.
fn verdicts(instances: u64, hours: f64, rate: f64, failing: f64, sigma: f64, seed: u64) -> usize {
    let (mut dice, mut judge, rules) = (Dice(seed), Judge::new(), EjectionRules::default());
    let mut found = 0;
    for _ in 0..(hours * 3600.0) as usize {
        let tallies: Vec<Tally> = (0..instances)
            .map(|instance| {
                let mut interval = Interval::default();
                let requests = rate * (0.5 + dice.unit());
                for _ in 0..requests as usize {
                    let latency = Duration::from_secs_f64(0.02 * (sigma * dice.normal()).exp());
                    interval.record(latency, dice.unit() < failing);
                }
                Tally { instance, interval, exempt: Exempt::Nothing }
            })
            .collect();
        found += judge.judge(&tallies, &rules).len();
    }
    found
}

/// How long each row runs. Over 100 hours of each, 4,300 hours of an instance, three verdicts were seen (two in the row where 45 %
/// fail, one in the last). By mean − 1.9 σ alone the rows with five instances and more get 53 to 94 an hour and instance.
const HOURS: f64 = 1.0;

/// Instances, requests a second to each, share of failures, deviation of the logarithm of the latency.
const ROWS: [(u64, f64, f64, f64); 8] = [
    (2, 30.0, 0.05, 1.0),
    (3, 10.0, 0.01, 1.0),
    (3, 30.0, 0.01, 1.5),
    (3, 30.0, 0.45, 0.5),
    (6, 150.0, 0.01, 1.0),
    (6, 150.0, 0.1, 1.0),
    (10, 30.0, 0.05, 1.5),
    (10, 30.0, 0.3, 2.0),
];

#[test]
fn chance_ejects_nobody() {
    for (seed, (instances, rate, failing, sigma)) in (0..).zip(ROWS) {
        let found = verdicts(instances, HOURS, rate, failing, sigma, seed);
        assert_eq!(found, 0, "{instances} instances, {rate}/s, {failing} failing, σ {sigma}");
    }
}
