//! What can go wrong, where, from when to when.

use crate::dice::Dice;
use crate::plan::{BACK, FRONT, MS, Plan, SECOND};
use std::fmt;

/// One instance: its service and its number in it.
pub type Victim = (usize, usize);

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// The process dies (its host says so) and is back at the end.
    Crash(Victim),
    /// Every instance of both services is restarted, one after the other.
    Rolling,
    /// Work takes so many times as long.
    Slow(Victim, f64),
    /// Packets between two zones are lost.
    Zones(u16, u16),
    /// Packets between a gateway and an instance are lost.
    Link(usize, Victim),
    /// This share of all packets is lost, which delays what they carry and sometimes breaks a connection.
    Loss(f64),
    /// Requests are taken and never answered; whether PINGs and health checks still are.
    BlackHole(Victim, bool),
    /// Down and up again, again and again.
    Flapping(Victim),
    /// The process stops for a while, again and again.
    Pauses(Victim),
    /// A zone is gone with its gateways; whether hosts vanish without a word, or processes die.
    ZoneLoss(u16, bool),
    /// Some instances come back from a restart with a release that fails at once; this share of calls.
    BadDeploy(Vec<Victim>, f64),
    /// All clients reconnect and call at once, each so many times.
    Herd(usize),
    /// This share of the calls to every instance fails.
    ErrorBurst(f64),
    /// So many times the usual load.
    Overload(f64),
}

/// A fault and its time, in nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What.
    pub kind: Kind,
    /// When it begins.
    pub from: u64,
    /// When it is over.
    pub to: u64,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from as f64 / 1e9, self.to as f64 / 1e9);
        write!(f, "{:?} from {from:.3} s to {to:.3} s", self.kind)
    }
}

impl Kind {
    /// The instances that it makes worse than the others.
    pub fn victims(&self, plan: &Plan) -> Vec<Victim> {
        match self {
            Kind::Crash(victim)
            | Kind::Slow(victim, _)
            | Kind::Link(_, victim)
            | Kind::BlackHole(victim, _)
            | Kind::Flapping(victim)
            | Kind::Pauses(victim) => vec![*victim],
            Kind::ZoneLoss(zone, _) => in_zone(plan, *zone),
            Kind::BadDeploy(victims, _) => victims.clone(),
            _ => Vec::new(),
        }
    }
}

/// The instances of a zone.
pub fn in_zone(plan: &Plan, zone: u16) -> Vec<Victim> {
    all(plan).filter(|(service, instance)| plan.services[*service].instances[*instance] == zone).collect()
}

/// All instances.
pub fn all(plan: &Plan) -> impl Iterator<Item = Victim> + '_ {
    [FRONT, BACK]
        .into_iter()
        .flat_map(|service| (0..plan.services[service].instances.len()).map(move |i| (service, i)))
}

/// Whom a fault meets: an instance of the front two times in three.
pub fn victim(dice: &mut Dice, plan: &Plan) -> Victim {
    let service = if dice.chance(0.66) { FRONT } else { BACK };
    (service, dice.below(plan.services[service].instances.len()))
}

/// A zone that has instances, where there is more than one.
pub fn zone(dice: &mut Dice, plan: &Plan) -> u16 {
    dice.below(plan.zones.into()) as u16 + 1
}

/// A time of 2 to 15 s that begins within 3 s of `after`.
pub fn time(dice: &mut Dice, after: u64) -> (u64, u64) {
    let from = after + dice.between(0, 3 * SECOND);
    (from, from + dice.between(2 * SECOND, 15 * SECOND))
}

/// A pause of 50 ms to 2 s, as garbage collectors and hypervisors make them.
pub fn pause(dice: &mut Dice) -> u64 {
    dice.between(50 * MS, 2 * SECOND)
}
