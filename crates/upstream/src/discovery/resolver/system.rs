//! The system's name servers: `nameserver` lines of resolv.conf(5). Search lists and options are not used.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const PATH: &str = "/etc/resolv.conf";

/// Most servers that are asked, as resolv.conf(5) has it.
const SERVERS_MAX: usize = 3;

const PORT: u16 = 53;

/// The servers, as the file has them now; without any it is the one on this host, as resolv.conf(5) says.
pub(super) async fn servers() -> Vec<SocketAddr> {
    // Not tokio::fs: the file is small and in memory, and this is not a thread that serves calls.
    read(&std::fs::read(PATH).unwrap_or_default())
}

fn read(file: &[u8]) -> Vec<SocketAddr> {
    let text = String::from_utf8_lossy(file);
    let mut servers: Vec<SocketAddr> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let address = words.next().filter(|word| *word == "nameserver").and_then(|_| words.next())?;
            Some(SocketAddr::new(address.parse::<IpAddr>().ok()?, PORT))
        })
        .take(SERVERS_MAX)
        .collect();
    if servers.is_empty() {
        servers.push(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)));
    }
    servers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_as_the_manual_says() {
        let check = |file: &str, expected: &[&str]| {
            let found = read(file.as_bytes()).into_iter().map(|one| one.to_string()).collect::<Vec<_>>();
            assert_eq!(found, expected, "{file:?}");
        };
        check("", &["127.0.0.1:53"]);
        check("nameserver 10.0.0.1\n", &["10.0.0.1:53"]);
        check(
            "# nameserver 1.1.1.1\n;x\nsearch a b\n\tnameserver\t10.0.0.1 # one\r\nnameserver ::1\noptions ndots:5",
            &["10.0.0.1:53", "[::1]:53"],
        );
        check("nameserver x\nnameserver\nnameservers 10.0.0.1", &["127.0.0.1:53"]);
        check(&"nameserver 10.0.0.1\n".repeat(9), &["10.0.0.1:53"; 3]);
        assert_eq!(read(&[0xff, 0xfe, b'\n']).len(), 1);
    }
}
