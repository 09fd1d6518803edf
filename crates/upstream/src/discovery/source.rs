//! What is asked of DNS, by whom it is answered, and how often: `[services.NAME.dns]` of `tenet.toml`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// Where the instances of one service are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsSource {
    /// The service's name; ids of instances begin with it.
    pub service: Arc<str>,
    /// What is asked.
    pub question: DnsQuestion,
    /// Who is asked; `None` are the name servers of `/etc/resolv.conf`, read anew for each question, so that a change of the
    /// host's network is followed. `/etc/hosts` is not read.
    pub resolver: Option<SocketAddr>,
    /// The shortest time between two questions, whatever the records say. Default: 1 s, which bounds what a TTL of 0 costs.
    pub min_ttl: Duration,
    /// The longest time between two questions. Default: 60 s: DNS cannot say that a record with a TTL of a day was changed.
    pub max_ttl: Duration,
    /// The zone all instances found are in; empty for none.
    pub zone: Arc<str>,
}

/// The records that are asked for. Names are taken as complete: no search list is applied, since with one each name that is
/// missing would be asked for several times over, and be found somewhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnsQuestion {
    /// A and AAAA records; every instance listens on the same port.
    Name {
        /// The host's name.
        host: String,
        /// Where instances listen.
        port: u16,
    },
    /// SRV records (RFC 2782), whose targets are asked for as hosts. Only the targets of the lowest priority number count.
    Srv {
        /// The whole name, such as `_grpc._tcp.accounts.example`.
        name: String,
    },
}

/// An instance that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovered {
    /// `SERVICE-IP-PORT`: the same for as long as the address is.
    pub id: Arc<str>,
    /// Where it listens.
    pub address: SocketAddr,
    /// The source's zone.
    pub zone: Arc<str>,
    /// Its share of calls in percent of the largest share that one has, 1 to 100; without weights in SRV records, 100 for all.
    pub weight_percent: u32,
}

/// A source that cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSource(String);

impl fmt::Display for InvalidSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidSource {}

/// A name in DNS, in wire format.
pub(super) type Name = domain::base::Name<Vec<u8>>;

impl DnsSource {
    /// A source with the defaults.
    pub fn new(service: &str, question: DnsQuestion) -> DnsSource {
        DnsSource {
            service: service.into(),
            question,
            resolver: None,
            min_ttl: Duration::from_secs(1),
            max_ttl: Duration::from_secs(60),
            zone: "".into(),
        }
    }

    /// Whether it can be asked at all.
    ///
    /// # Errors
    /// What is wrong with it, what was expected and what is nearest.
    pub fn check(&self) -> Result<(), InvalidSource> {
        let name = match &self.question {
            DnsQuestion::Name { host, port: 0 } => {
                return Err(InvalidSource(format!("port 0 of {host:?}: expected 1 to 65535")));
            }
            DnsQuestion::Name { host: name, .. } | DnsQuestion::Srv { name } => name,
        };
        if name.parse::<IpAddr>().is_ok() || name.parse::<SocketAddr>().is_ok() {
            return Err(InvalidSource(format!(
                "{name:?} is an address, expected a name; list addresses under `instances`"
            )));
        }
        Name::from_str(name)
            .map_err(|error| InvalidSource(format!("{name:?} is no name in DNS: {error}")))?;
        if self.min_ttl > self.max_ttl {
            return Err(InvalidSource(format!(
                "min_ttl {:?} is above max_ttl {:?}",
                self.min_ttl, self.max_ttl
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_can_be_asked_for() {
        let check = |question: DnsQuestion, expected: &str| {
            let found = DnsSource::new("feed", question.clone()).check();
            let found = found.map_or_else(|error| error.to_string(), |()| "fine".into());
            assert!(found.contains(expected), "{question:?}: {found}");
        };
        let name = |host: &str| DnsQuestion::Name { host: host.into(), port: 80 };
        check(name("feed.test"), "fine");
        check(name("feed.test."), "fine");
        check(name("feed"), "fine");
        check(name("_under.score"), "fine");
        check(DnsQuestion::Srv { name: "_grpc._tcp.feed.test".into() }, "fine");
        check(name(""), "is no name in DNS");
        check(name("a..b"), "is no name in DNS");
        check(name(&"x".repeat(64)), "is no name in DNS");
        check(name(&"x.".repeat(200)), "is no name in DNS");
        check(name("10.0.0.1"), "is an address");
        check(name("::1"), "is an address");
        check(name("10.0.0.1:80"), "is an address");
        check(DnsQuestion::Name { host: "feed".into(), port: 0 }, "port 0");
        let mut source = DnsSource::new("feed", name("feed"));
        source.min_ttl = Duration::from_secs(90);
        assert_eq!(source.check().unwrap_err().to_string(), "min_ttl 90s is above max_ttl 60s");
    }
}
