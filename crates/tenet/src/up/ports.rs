//! Free ports for children that bind their own sockets.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// Below Linux's ephemeral range (32768 and up), so that no outgoing connection takes a port between our look and the child's bind.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// Hands out ports on 127.0.0.1, none twice.
#[derive(Debug)]
pub struct Ports {
    next: u16,
    given: BTreeSet<u16>,
}

impl Ports {
    /// Begins somewhere in the range: `random` keeps two projects on one machine apart.
    pub fn new(random: u16) -> Ports {
        Ports { next: RANGE.start + random % (RANGE.end - RANGE.start), given: BTreeSet::new() }
    }

    /// A port that nobody listens on now.
    pub fn free(&mut self) -> io::Result<u16> {
        for _ in RANGE {
            let port = self.next;
            self.next = if port + 1 == RANGE.end { RANGE.start } else { port + 1 };
            if !self.given.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                self.given.insert(port);
                return Ok(port);
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, format!("no free port in {RANGE:?}")))
    }

    /// The child that had it has ended.
    pub fn give_back(&mut self, port: u16) {
        self.given.remove(&port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice_nor_one_in_use() {
        // The last of the range, so that the next one comes from its beginning.
        let mut ports = Ports::new(RANGE.end - RANGE.start - 1);
        let first = ports.free().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
        ports.give_back(first);
        let others: BTreeSet<u16> = (0..20).map(|_| ports.free().unwrap()).collect();
        assert_eq!(others.len(), 20);
        assert!(!others.contains(&first));
        drop(listener);
    }
}
