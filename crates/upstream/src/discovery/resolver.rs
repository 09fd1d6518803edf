//! Questions put to real name servers, as a stub resolver does (RFC 1034 §5.3.1): each server in turn, and all of them twice.
//!
//! The messages are `domain`'s. Its own resolver is not used: as of 0.12 it keeps a connection and tasks of a truncated answer
//! for ten seconds behind the caller's back, and waits its time out where a name server's port is closed.

mod exchange;
mod system;

use super::ask::{Ask, Family, RECORDS_MAX, Reply, Service};
use super::source::Name;
use domain::base::iana::{Rcode, Rtype};
use domain::base::rdata::ParseRecordData;
use domain::base::{Message, ParsedName, ToName, Ttl};
use domain::rdata::{A, Aaaa, Cname, Srv};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A server has no answer after this. UDP says nothing of a datagram that was lost.
const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// How often a question is put to all servers before the source counts as away.
const TRIES: usize = 2;

/// Name servers by address.
#[derive(Debug)]
pub(super) struct Resolver {
    server: Option<SocketAddr>,
    wait: Duration,
}

impl Resolver {
    /// One that asks `server`, or those of the system.
    pub(super) fn new(server: Option<SocketAddr>) -> Resolver {
        Resolver { server, wait: ANSWER_WAIT }
    }

    #[cfg(test)]
    pub(super) fn waiting(server: SocketAddr, wait: Duration) -> Resolver {
        Resolver { server: Some(server), wait }
    }

    /// The first answer that tells, or why there is none.
    async fn query(&self, name: &Name, kind: Rtype) -> Result<Message<Vec<u8>>, String> {
        let servers = match self.server {
            Some(server) => vec![server],
            None => system::servers().await,
        };
        let mut failed = String::new();
        for server in servers.iter().cycle().take(TRIES * servers.len()) {
            match exchange::ask(*server, name, kind, self.wait).await {
                Ok(answer) if tells(answer.header().rcode()) => return Ok(answer),
                Ok(answer) => failed = format!("{} from {server}", answer.header().rcode()),
                Err(why) => failed = format!("{why} from {server}"),
            }
        }
        Err(failed)
    }
}

/// Whether an answer says something of the name, and not only of the server.
fn tells(code: Rcode) -> bool {
    matches!(code, Rcode::NOERROR | Rcode::NXDOMAIN)
}

impl Ask for Resolver {
    async fn addresses(&self, host: &Name, family: Family) -> Reply<IpAddr> {
        let kind = match family {
            Family::V4 => Rtype::A,
            Family::V6 => Rtype::AAAA,
        };
        match (self.query(host, kind).await, family) {
            (Err(why), _) => Reply::Away(why),
            (Ok(message), Family::V4) => read::<A, _>(&message, |a| Some(a.addr().into())),
            (Ok(message), Family::V6) => read::<Aaaa, _>(&message, |aaaa| Some(aaaa.addr().into())),
        }
    }

    async fn services(&self, name: &Name) -> Reply<Service> {
        let message = match self.query(name, Rtype::SRV).await {
            Ok(message) => message,
            Err(why) => return Reply::Away(why),
        };
        read::<Srv<ParsedName<&[u8]>>, _>(&message, |srv| {
            let target: Name = srv.target().to_name();
            // RFC 2782: the root as the only target says that the service is not available here.
            (srv.port() != 0 && !target.is_root()).then(|| Service {
                priority: srv.priority(),
                weight: srv.weight(),
                port: srv.port(),
                target,
            })
        })
    }
}

/// What an answer says, where `of` takes what counts out of a record.
fn read<'a, D, T>(message: &'a Message<Vec<u8>>, of: impl Fn(&D) -> Option<T>) -> Reply<T>
where
    D: ParseRecordData<'a, Vec<u8>>,
{
    if message.header().rcode() == Rcode::NXDOMAIN {
        return Reply::Negative("NXDOMAIN");
    }
    match records(message, of) {
        Some((records, _)) if records.is_empty() => Reply::Negative("no such records"),
        Some((records, ttl)) => Reply::Records(records, ttl),
        None => Reply::Away("a malformed answer".into()),
    }
}

/// The records at the end of the answer's chain of aliases, and the shortest TTL of all that led there.
fn records<'a, D, T>(
    message: &'a Message<Vec<u8>>,
    of: impl Fn(&D) -> Option<T>,
) -> Option<(Vec<T>, Duration)>
where
    D: ParseRecordData<'a, Vec<u8>>,
{
    let owner = message.canonical_name()?;
    let mut ttl = Ttl::MAX;
    for alias in message.answer().ok()?.limit_to::<Cname<_>>() {
        ttl = ttl.min(alias.ok()?.ttl());
    }
    let mut found = Vec::new();
    for record in message.answer().ok()?.limit_to::<D>() {
        let record = record.ok()?;
        if found.len() < RECORDS_MAX && record.owner() == &owner {
            ttl = ttl.min(record.ttl());
            found.extend(of(record.data()));
        }
    }
    Some((found, ttl.into_duration()))
}
