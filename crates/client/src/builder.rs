//! How a client is made: whose, where its instances are, and within which bounds.

use crate::client::Inner;
use crate::instances::{Following, Source, Teller, given};
use crate::job::Defaults;
use crate::methods::Methods;
use crate::place::Places;
use crate::thread::{self, Setup};
use crate::{Client, Error};
use http::uri::Authority;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;
use tenet_resilience::allowance;
use tenet_upstream::{DnsSource, ServiceRules, Shared};
use tokio::sync::watch;

/// Threads a client may have: more than any machine has use for.
const THREADS_MAX: usize = 64;

/// A client that is being put together.
#[derive(Clone, Debug)]
#[must_use = "nothing runs before `build`"]
pub struct Builder {
    service: String,
    source: Option<Source>,
    zone: Option<String>,
    rules: ServiceRules,
    sets: Vec<Vec<u8>>,
    threads: usize,
    calls_max: usize,
    queue: usize,
    answer_max: usize,
    deadline: Duration,
    allowance: u32,
    drain: Duration,
}

impl Builder {
    pub(crate) fn new(service: &str) -> Builder {
        Builder {
            service: service.to_owned(),
            source: None,
            zone: None,
            rules: ServiceRules::default(),
            sets: Vec::new(),
            threads: 1,
            calls_max: 10_000,
            queue: 1024,
            answer_max: (4 << 20) + 5,
            deadline: Duration::from_secs(15),
            allowance: allowance::DEFAULT,
            drain: Duration::from_secs(10),
        }
    }

    /// The instances are those in the roster file at `path`, which is looked at each second and need not be there yet. Default: the
    /// file that `TENET_ROSTER` names.
    pub fn roster_file(mut self, path: impl Into<PathBuf>) -> Builder {
        self.source = Some(Source::RosterFile(path.into()));
        self
    }

    /// The instances are these, for good.
    pub fn addresses(mut self, addresses: impl IntoIterator<Item = SocketAddr>) -> Builder {
        self.source = Some(Source::Addresses(addresses.into_iter().collect()));
        self
    }

    /// The instances are those that DNS names.
    pub fn dns(mut self, source: DnsSource) -> Builder {
        self.source = Some(Source::Dns(source));
        self
    }

    /// The zone this process lives in, whose instances are called first; empty for none. Default: `TENET_ZONE`.
    pub fn zone(mut self, zone: impl Into<String>) -> Builder {
        self.zone = Some(zone.into());
        self
    }

    /// How calls are treated: pools, attempts, budget, hedging, balancing, ejection and health. `limit` and `queue` are not used: how
    /// much a service takes is for its own admission to say, and how much this process asks is [`calls_max`](Builder::calls_max).
    pub fn rules(mut self, rules: ServiceRules) -> Builder {
        self.rules = rules;
        self
    }

    /// Adds a compiled contract (an encoded `google.protobuf.FileDescriptorSet`), from which it is read which methods may be repeated,
    /// which stream, which ask for hedging and how long each may take. Without it nothing is repeated that may have run.
    pub fn descriptor_set(mut self, set: &[u8]) -> Builder {
        self.sets.push(set.to_vec());
        self
    }

    /// Threads, each with connections of its own; calls take turns. Default: 1; at most 64, and at least 1.
    pub fn threads(mut self, threads: usize) -> Builder {
        self.threads = threads.clamp(1, THREADS_MAX);
        self
    }

    /// Calls under way at a time, over all threads, streams until they are read included; more are refused at once. Default: 10 000.
    pub fn calls_max(mut self, calls: usize) -> Builder {
        self.calls_max = calls;
        self
    }

    /// Calls that may wait for each thread to take them; more are refused at once. Default: 1024, what a thread sends in some 20 ms.
    pub fn queue(mut self, calls: usize) -> Builder {
        self.queue = calls.max(1);
        self
    }

    /// Longest answer of a unary call in bytes, its five bytes of framing included; longer ones fail. Default: 4 MiB, which is
    /// what tonic decodes: raise `max_decoding_message_size` with it.
    pub fn answer_max(mut self, bytes: usize) -> Builder {
        self.answer_max = bytes;
        self
    }

    /// The time of a unary call for which neither the contract nor its caller gives one. Default: 15 s, as the gateway's.
    pub fn deadline(mut self, deadline: Duration) -> Builder {
        self.deadline = deadline;
        self
    }

    /// Extra attempts of a call tree that begins here, at most 64. Default: 3. Calls inside another have what that one was given.
    pub fn allowance(mut self, attempts: u32) -> Builder {
        self.allowance = attempts;
        self
    }

    /// How long what is in flight may last after the last clone of the client was dropped. Default: 10 s.
    pub fn drain(mut self, drain: Duration) -> Builder {
        self.drain = drain;
        self
    }

    /// Starts the client's threads. Needs no runtime, and connects when it is first called.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn build(self) -> Result<Client, Error> {
        self.build_from(|name| std::env::var(name).ok())
    }

    fn build_from(self, lookup: impl Fn(&str) -> Option<String>) -> Result<Client, Error> {
        let get = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let source = match self.source {
            Some(source) => source,
            None => match get("TENET_ROSTER") {
                Some(path) => Source::RosterFile(path.into()),
                None => return Err(Error::NoSource(self.service)),
            },
        };
        if let Source::Dns(source) = &source {
            let failed = |error: tenet_upstream::InvalidSource| Error::Dns {
                service: self.service.clone(),
                reason: error.to_string(),
            };
            source.check().map_err(failed)?;
        }
        let name = || Error::Name { found: self.service.clone() };
        let authority: Authority = self.service.parse().map_err(|_| name())?;
        let zone = self.zone.or_else(|| get("TENET_ZONE")).unwrap_or_default();
        let shared = Arc::new(Shared::dividing());
        let mut teller = Teller::new(&shared, &self.service, self.rules, &zone);
        let (first, is_known) = match &source {
            Source::Addresses(addresses) => (given(&self.service, addresses), true),
            Source::RosterFile(_) | Source::Dns(_) => (Vec::new(), false),
        };
        // One row in is one handle out.
        let service = teller.tell(first).ok_or_else(name)?;
        let methods = Methods::read(&self.sets, &service)?;
        let (sender, known) = watch::channel(is_known);
        let mut following = Some(Following { source, teller, known: sender });
        let setup = Setup {
            shared: shared.clone(),
            service,
            threads: self.threads,
            known,
            answer_max: self.answer_max,
            drain: self.drain,
            queue: self.queue,
        };
        let doors: Result<Vec<_>, _> =
            (0..self.threads).map(|index| thread::start(index, setup.clone(), following.take())).collect();
        Ok(Client::new(Inner {
            shared,
            authority,
            methods,
            defaults: Defaults { deadline: self.deadline, allowance: self.allowance },
            places: Places::new(self.calls_max),
            doors: doors?.into(),
            next: AtomicUsize::new(0),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenet_upstream::DnsQuestion;

    #[test]
    fn what_is_missing_or_wrong_is_said_when_the_client_is_made() {
        let address: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let dns = DnsSource::new("a", DnsQuestion::Name { host: "10.0.0.1".into(), port: 1 });
        for (builder, roster, expected) in [
            (Client::builder("a"), None, Some("TENET_ROSTER is not set")),
            (Client::builder("a"), Some("/nowhere/roster.json"), None),
            (Client::builder("a").addresses([address]), None, None),
            (Client::builder("a b").addresses([address]), None, Some("\"a b\" is no name")),
            (Client::builder("a").dns(dns), None, Some("the DNS source of a")),
            (
                Client::builder("a").addresses([address]).descriptor_set(b"\xff"),
                None,
                Some("descriptor set 0 of a"),
            ),
        ] {
            let made =
                builder.build_from(|name| roster.filter(|_| name == "TENET_ROSTER").map(str::to_owned));
            match (made.map_err(|error| error.to_string()), expected) {
                (Ok(_), None) => {}
                (Err(text), Some(part)) => assert!(text.contains(part), "{text}"),
                (made, expected) => panic!("{:?} is not {expected:?}", made.err()),
            }
        }
    }
}
