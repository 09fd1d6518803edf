//! What a fleet looks like before anything happens to it, by seed: zones, gateways, instances, methods, load.

use crate::dice::Dice;
use tenet_resilience::limit::Priority;

/// Nanoseconds of a millisecond.
pub const MS: u64 = 1_000_000;
/// Nanoseconds of a second.
pub const SECOND: u64 = 1_000_000_000;
/// The service that clients call.
pub const FRONT: usize = 0;
/// The service that the front calls, through the gateways' private door.
pub const BACK: usize = 1;
/// Data-plane threads of a gateway.
pub const THREADS: usize = 2;

/// How long one call is worked on.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    /// Always the same, nanoseconds.
    Fixed(f64),
    /// Exponentially distributed around this mean.
    Exponential(f64),
    /// Half of this, and each tenth call eleven halves of it.
    Bimodal(f64),
}

impl Work {
    /// Nanoseconds on average.
    pub fn mean(self) -> f64 {
        match self {
            Work::Fixed(mean) | Work::Exponential(mean) | Work::Bimodal(mean) => mean,
        }
    }

    /// Nanoseconds of one call.
    pub fn roll(self, dice: &mut Dice) -> f64 {
        match self {
            Work::Fixed(mean) => mean,
            Work::Exponential(mean) => dice.exponential(mean),
            Work::Bimodal(mean) if dice.chance(0.1) => 5.5 * mean,
            Work::Bimodal(mean) => 0.5 * mean,
        }
    }
}

/// One service.
#[derive(Clone, Debug)]
pub struct Service {
    /// The zone of each instance.
    pub instances: Vec<u16>,
    /// Calls that an instance works on at once.
    pub slots: usize,
    /// How long each takes.
    pub work: Work,
}

impl Service {
    /// Calls a second that all instances together can serve.
    pub fn capacity(&self) -> f64 {
        (self.instances.len() * self.slots) as f64 * 1e9 / self.work.mean()
    }
}

/// A method of the front service.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// Running it twice is running it once.
    pub idempotent: bool,
    /// It asks for a second attempt after the live p95.
    pub hedged: bool,
    /// What is given up first.
    pub priority: Priority,
    /// Nanoseconds from its arrival at the gateway.
    pub deadline: u64,
    /// Calls of the back service that it makes, all at once or one after the other.
    pub children: u32,
    /// All at once.
    pub parallel: bool,
}

/// A fleet.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Zones are numbered from 1 to this.
    pub zones: u16,
    /// The zone of each gateway.
    pub gateways: Vec<u16>,
    /// [`FRONT`] and [`BACK`].
    pub services: [Service; 2],
    /// What clients call, each as often.
    pub methods: Vec<Method>,
    /// Clients, each with one connection to one gateway.
    pub clients: usize,
    /// Calls a second from all clients.
    pub rate: f64,
    /// The share of the capacity that `rate` is.
    pub load: f64,
    /// Whether the front's SDK divides its share of the allowance; else it copies baggage, and the gateway's ledger divides.
    pub divides: bool,
}

impl Plan {
    /// The fleet of a seed at a load within `loads`, as a share of its capacity.
    pub fn new(dice: &mut Dice, loads: (f64, f64)) -> Plan {
        // Three zones mostly: it is what the platform is made for.
        let zones = if dice.chance(0.6) { 3 } else { dice.between(1, 4) as u16 };
        let front = service(dice, zones, 3, 12);
        let methods: Vec<Method> = (0..4).map(|_| method(dice, front.work)).collect();
        let children = methods.iter().map(|method| f64::from(method.children)).sum::<f64>() / 4.0;
        let mut back = service(dice, zones, 3, 8);
        // The back can carry what a full front asks of it.
        while back.capacity() < front.capacity() * children {
            let zone = back.instances.len() as u16 % zones + 1;
            if back.instances.len() < 12 {
                back.instances.push(zone);
            } else {
                back.slots += 1;
            }
        }
        let load = dice.range(loads.0, loads.1);
        let gateways = spread(dice, zones, 2, 6);
        Plan {
            zones,
            rate: front.capacity() * load,
            load,
            methods,
            clients: dice.between(12, 48) as usize,
            divides: dice.chance(0.5),
            gateways,
            services: [front, back],
        }
    }
}

impl Plan {
    /// The load of the fullest zone if every caller kept to its own: above 1 the zone rule has to give calls away all the time.
    pub fn fullest_zone(&self) -> f64 {
        let children = self.methods.iter().map(|method| f64::from(method.children)).sum::<f64>()
            / self.methods.len() as f64;
        let [front, back] = &self.services;
        let gateways = &self.gateways;
        // The front calls a gateway of its own zone where there is one.
        let near: Vec<u16> = front.instances.iter().copied().filter(|zone| gateways.contains(zone)).collect();
        let callers = if near.is_empty() { gateways } else { &near };
        let of = |service: &Service, callers: &[u16], rate: f64, zone: u16| {
            let count = |zones: &[u16]| zones.iter().filter(|other| **other == zone).count() as f64;
            let there = count(&service.instances);
            // Callers of a zone without instances use all others alike.
            if there == 0.0 {
                return 0.0;
            }
            let share = count(callers) / callers.len() as f64;
            rate * share / (service.capacity() * there / service.instances.len() as f64)
        };
        let zones = 1..=self.zones;
        let fullest =
            |zone| of(front, gateways, self.rate, zone).max(of(back, callers, self.rate * children, zone));
        zones.map(fullest).fold(0.0, f64::max)
    }
}

/// Zones of `least` to `most` things: evenly, or, one time in three, as it comes.
fn spread(dice: &mut Dice, zones: u16, least: u64, most: u64) -> Vec<u16> {
    let count = dice.between(least, most);
    let even = dice.chance(2.0 / 3.0);
    (0..count)
        .map(|n| if even { n as u16 % zones + 1 } else { dice.below(zones.into()) as u16 + 1 })
        .collect()
}

fn service(dice: &mut Dice, zones: u16, least: u64, most: u64) -> Service {
    let mean = dice.range(15e6, 40e6);
    let work = match dice.below(3) {
        0 => Work::Fixed(mean),
        1 => Work::Exponential(mean),
        _ => Work::Bimodal(mean),
    };
    Service { instances: spread(dice, zones, least, most), slots: dice.between(2, 5) as usize, work }
}

fn method(dice: &mut Dice, work: Work) -> Method {
    let children = if dice.chance(0.4) { dice.between(1, 3) as u32 } else { 0 };
    let priority = match dice.below(4) {
        0 => Priority::Critical,
        1 => Priority::Sheddable,
        _ => Priority::Normal,
    };
    // A deadline has room for the work many times over, also behind two pieces of the longest kind: one that has not is a mistake of
    // the contract and not a failure.
    let least = (work.mean() * 18.0 * f64::from(children + 1)) as u64;
    Method {
        idempotent: dice.chance(0.75),
        hedged: dice.chance(0.3),
        priority,
        deadline: dice.between(200 * MS, 5 * SECOND).max(least),
        children,
        parallel: dice.chance(0.5),
    }
}
