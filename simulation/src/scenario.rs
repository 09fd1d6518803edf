//! The scenarios by name, and the faults of each by seed.

use crate::dice::Dice;
use crate::fault::{Fault, Kind, Victim, time, victim, zone};
use crate::plan::{Plan, SECOND};

/// A kind of run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is named after the fault that `fault::Kind` describes")]
pub enum Scenario {
    Calm,
    Crash,
    Rolling,
    Slow,
    Partition,
    Loss,
    BlackHole,
    Flapping,
    Pauses,
    ZoneLoss,
    BadDeploy,
    Herd,
    RetryStorm,
    Overload,
    /// Two of the others at about the same time.
    Pair,
}

impl Scenario {
    /// All of them; a seed's own is that at its remainder.
    pub const ALL: [Scenario; 15] = [
        Scenario::Calm,
        Scenario::Crash,
        Scenario::Rolling,
        Scenario::Slow,
        Scenario::Partition,
        Scenario::Loss,
        Scenario::BlackHole,
        Scenario::Flapping,
        Scenario::Pauses,
        Scenario::ZoneLoss,
        Scenario::BadDeploy,
        Scenario::Herd,
        Scenario::RetryStorm,
        Scenario::Overload,
        Scenario::Pair,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Scenario::Calm => "calm",
            Scenario::Crash => "crash",
            Scenario::Rolling => "rolling",
            Scenario::Slow => "slow",
            Scenario::Partition => "partition",
            Scenario::Loss => "loss",
            Scenario::BlackHole => "black-hole",
            Scenario::Flapping => "flapping",
            Scenario::Pauses => "pauses",
            Scenario::ZoneLoss => "zone-loss",
            Scenario::BadDeploy => "bad-deploy",
            Scenario::Herd => "herd",
            Scenario::RetryStorm => "retry-storm",
            Scenario::Overload => "overload",
            Scenario::Pair => "pair",
        }
    }

    /// The scenario of that name.
    pub fn named(name: &str) -> Option<Scenario> {
        Scenario::ALL.into_iter().find(|scenario| scenario.name() == name)
    }

    /// The scenario that a seed belongs to where none is asked for.
    pub fn of(seed: u64) -> Scenario {
        Scenario::ALL[(seed % Scenario::ALL.len() as u64) as usize]
    }

    /// The load before anything happens, as a share of the capacity: least and most.
    pub fn loads(self) -> (f64, f64) {
        match self {
            Scenario::Calm => (0.2, 0.7),
            // Retries hurt where there is no room for them.
            Scenario::RetryStorm => (0.7, 0.8),
            Scenario::Overload => (0.4, 0.6),
            _ => (0.3, 0.65),
        }
    }

    /// What happens to the fleet of a seed, from `after` on.
    pub fn faults(self, dice: &mut Dice, plan: &Plan, after: u64) -> Vec<Fault> {
        if self == Scenario::Pair {
            let singles = Scenario::ALL.len() - 2;
            let two = [dice.below(singles), dice.below(singles)].map(|n| Scenario::ALL[n + 1]);
            return two.into_iter().flat_map(|one| one.faults(dice, plan, after)).collect();
        }
        let (from, to) = time(dice, after);
        let Some(kind) = self.kind(dice, plan) else { return Vec::new() };
        let to = match &kind {
            Kind::Rolling => {
                let all: usize = plan.services.iter().map(|service| service.instances.len()).sum();
                from + all as u64 * SECOND
            }
            Kind::Herd(_) => from + SECOND,
            _ => to,
        };
        vec![Fault { kind, from, to }]
    }

    fn kind(self, dice: &mut Dice, plan: &Plan) -> Option<Kind> {
        let one = victim(dice, plan);
        Some(match self {
            Scenario::Calm | Scenario::Pair => return None,
            Scenario::Crash => Kind::Crash(one),
            Scenario::Rolling => Kind::Rolling,
            Scenario::Slow => Kind::Slow(one, dice.range(3.0, 20.0)),
            Scenario::Partition if plan.zones > 1 && dice.chance(0.5) => {
                let other = zone(dice, plan);
                Kind::Zones(other, other % plan.zones + 1)
            }
            Scenario::Partition => Kind::Link(dice.below(plan.gateways.len()), one),
            Scenario::Loss => Kind::Loss(dice.range(0.005, 0.1)),
            Scenario::BlackHole => Kind::BlackHole(one, dice.chance(0.5)),
            Scenario::Flapping => Kind::Flapping(one),
            Scenario::Pauses => Kind::Pauses(one),
            Scenario::ZoneLoss => match losable(dice, plan) {
                Some(zone) => Kind::ZoneLoss(zone, dice.chance(0.5)),
                None => Kind::Crash(one),
            },
            Scenario::BadDeploy => bad_deploy(dice, plan, one),
            Scenario::Herd => Kind::Herd(dice.between(2, 20) as usize),
            Scenario::RetryStorm => Kind::ErrorBurst(dice.range(0.2, 0.8)),
            Scenario::Overload => Kind::Overload(3.0),
        })
    }
}

/// A tenth to a half of the instances of one service, one at least.
fn bad_deploy(dice: &mut Dice, plan: &Plan, first: Victim) -> Kind {
    let (service, at) = first;
    let all = plan.services[service].instances.len();
    let count = ((all as f64 * dice.range(0.1, 0.5)) as usize).max(1);
    let victims = (0..count).map(|n| (service, (at + n) % all)).collect();
    Kind::BadDeploy(victims, dice.range(0.5, 1.0))
}

/// A zone without which there is still a gateway and an instance of each service.
fn losable(dice: &mut Dice, plan: &Plan) -> Option<u16> {
    let first = zone(dice, plan);
    let zones = (0..plan.zones).map(|n| (first - 1 + n) % plan.zones + 1);
    let is_elsewhere = |places: &[u16], zone| places.iter().any(|place| *place != zone);
    zones.into_iter().find(|zone| {
        is_elsewhere(&plan.gateways, *zone)
            && plan.services.iter().all(|service| is_elsewhere(&service.instances, *zone))
    })
}
