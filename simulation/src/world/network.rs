//! What lies between gateways and instances: delay, loss, and links that are cut.

use super::World;
use crate::fault::Kind;
use crate::plan::MS;

/// One way within a zone.
const LOCAL: u64 = MS / 5;
/// One way between zones.
const ACROSS: u64 = 4 * MS / 5;
/// One way between a client and a gateway, wherever both are.
pub const CLIENT: u64 = MS / 2;
/// A lost packet is sent again after this (RFC 6298 has 1 s; Linux's least is 200 ms), doubled each time.
const RETRANSMIT: u64 = 200 * MS;
/// Of so many lost packets one was the last: its connection is reset.
const RESETS: f64 = 0.1;
/// A packet that was lost so often is as good as cut off.
const LOST_MOST: u32 = 6;

impl World {
    /// Whether packets pass between a gateway and an instance.
    fn is_cut(&self, gateway: usize, service: usize, instance: usize) -> bool {
        let (here, there) = (self.gateways[gateway].zone, self.servers[service][instance].zone);
        self.active.iter().any(|index| match &self.faults[*index].kind {
            Kind::Zones(a, b) => (here, there) == (*a, *b) || (here, there) == (*b, *a),
            Kind::Link(cut, victim) => *cut == gateway && *victim == (service, instance),
            _ => false,
        })
    }

    /// How long one packet takes between a gateway and an instance; `None` where it never arrives.
    pub(super) fn hop(&mut self, gateway: usize, service: usize, instance: usize) -> Option<u64> {
        if self.is_cut(gateway, service, instance) {
            return None;
        }
        let local = self.gateways[gateway].zone == self.servers[service][instance].zone;
        let base = if local { LOCAL } else { ACROSS };
        let mut delay = base + (base as f64 * 0.1 * self.dice.unit()) as u64;
        let loss = self.loss();
        let mut lost = 0;
        while self.dice.chance(loss) {
            delay += RETRANSMIT << lost;
            lost += 1;
            if lost == LOST_MOST {
                return None;
            }
        }
        Some(delay)
    }

    /// Whether loss breaks the connection that a packet travels on.
    pub(super) fn breaks(&mut self) -> bool {
        let loss = self.loss();
        self.dice.chance(loss * RESETS)
    }

    fn loss(&self) -> f64 {
        let of = |index: &usize| match self.faults[*index].kind {
            Kind::Loss(share) => share,
            _ => 0.0,
        };
        self.active.iter().map(of).fold(0.0, f64::max)
    }
}
