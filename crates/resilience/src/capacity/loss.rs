//! What is left when the worst that is to be survived has happened.

use super::Basis;

/// One in this many instances may vanish.
const PART: usize = 3;

/// One instance that is used: its zone (0: none) and the calls a second that it can carry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Carrier {
    pub(super) zone: u16,
    pub(super) calls: f64,
    pub(super) basis: Basis,
}

/// What is imagined lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// A zone with all its instances.
    Zone {
        /// Its index in the roster.
        zone: u16,
        /// Whether nothing is left outside of it.
        only: bool,
    },
    /// Those instances that carry most.
    Instances {
        /// How many are lost.
        lost: usize,
        /// How many are used now.
        of: usize,
    },
}

impl Lost {
    /// For people: `zone b`, `zone a, the only one`, `2 of 6 instances`. `zone_name` tells the name of an index.
    pub fn describe<'a>(&self, zone_name: impl Fn(u16) -> &'a str) -> String {
        match *self {
            Lost::Zone { zone, only: false } => format!("zone {}", zone_name(zone)),
            Lost::Zone { zone, only: true } => format!("zone {}, the only one", zone_name(zone)),
            Lost::Instances { lost: 1, of: 1 } => "its only instance".to_owned(),
            Lost::Instances { lost, of } => format!("{lost} of {of} instances"),
        }
    }
}

/// What is left after the worse of two losses: the zone that carries most, or the third of the instances (rounded up) that does.
/// `None` where there is no instance.
pub(super) fn worst(carriers: &mut [Carrier]) -> Option<(Lost, f64, Basis)> {
    if carriers.is_empty() {
        return None;
    }
    let of = carriers.len();
    let lost = of.div_ceil(PART);
    carriers.sort_by(|a, b| b.calls.total_cmp(&a.calls));
    let by_instances = (Lost::Instances { lost, of }, left(carriers.iter().skip(lost)));
    let zones = carriers.iter().map(|carrier| carrier.zone).filter(|zone| *zone != 0);
    let by_zone = zones.map(|zone| {
        let others = || carriers.iter().filter(move |carrier| carrier.zone != zone);
        (Lost::Zone { zone, only: others().next().is_none() }, left(others()))
    });
    // A zone is what people can act on, so it is named where both are equal.
    let worst = by_zone.chain([by_instances]).min_by(|(_, a), (_, b)| a.total_cmp(b));
    let (lost, calls) = worst?;
    // The sum is known no better than its least known part.
    let basis = carriers.iter().map(|carrier| carrier.basis).min()?;
    Some((lost, calls, basis))
}

fn left<'a>(carriers: impl Iterator<Item = &'a Carrier>) -> f64 {
    // From a positive zero: an empty sum of floats is -0.0, which people would be shown.
    carriers.fold(0.0, |sum, carrier| sum + carrier.calls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worse_of_two_losses() {
        let third = |lost, of| Lost::Instances { lost, of };
        let zone = |zone| Lost::Zone { zone, only: false };
        // Zone and capacity of each, what is lost, what is left.
        type Row<'a> = (&'a [(u16, f64)], Lost, f64);
        let rows: [Row; 9] = [
            (&[(1, 100.0), (2, 100.0), (3, 100.0)], zone(1), 200.0),
            (&[(1, 100.0), (1, 100.0), (2, 100.0), (2, 100.0), (3, 100.0), (3, 100.0)], zone(1), 400.0),
            // The largest zone holds three of five: worse than two of five.
            (&[(1, 100.0), (2, 100.0), (2, 100.0), (2, 100.0), (3, 100.0)], zone(2), 200.0),
            // Ten zones: four of ten instances are worse than any zone.
            (
                &[
                    (1, 9.0),
                    (2, 9.0),
                    (3, 9.0),
                    (4, 9.0),
                    (5, 9.0),
                    (6, 9.0),
                    (7, 9.0),
                    (8, 9.0),
                    (9, 9.0),
                    (10, 9.0),
                ],
                third(4, 10),
                54.0,
            ),
            // The strong ones vanish.
            (&[(0, 10.0), (0, 50.0), (0, 20.0), (0, 20.0)], third(2, 4), 30.0),
            (&[(0, 100.0)], third(1, 1), 0.0),
            (&[(0, 100.0), (0, 100.0)], third(1, 2), 100.0),
            (&[(4, 100.0), (4, 100.0), (4, 50.0)], Lost::Zone { zone: 4, only: true }, 0.0),
            (&[(1, 100.0), (2, 300.0)], zone(2), 100.0),
        ];
        for (instances, lost, left) in rows {
            let mut carriers: Vec<Carrier> = instances
                .iter()
                .map(|&(zone, calls)| Carrier { zone, calls, basis: Basis::Measured })
                .collect();
            assert_eq!(worst(&mut carriers), Some((lost, left, Basis::Measured)), "{instances:?}");
        }
        assert_eq!(worst(&mut []), None);
    }

    #[test]
    fn a_loss_is_described_for_people() {
        let rows = [
            (Lost::Zone { zone: 2, only: false }, "zone b"),
            (Lost::Zone { zone: 1, only: true }, "zone a, the only one"),
            (Lost::Instances { lost: 2, of: 6 }, "2 of 6 instances"),
            (Lost::Instances { lost: 1, of: 1 }, "its only instance"),
        ];
        for (lost, text) in rows {
            assert_eq!(lost.describe(|zone| if zone == 1 { "a" } else { "b" }), text);
        }
    }
}
