//! All that is known of one source: the answers held, the instances they make, and when to ask again. Pure: `now` and
//! randomness come from the caller.

use super::ask::{Family, Reply, Service};
use super::event::{self, DnsEvent, DnsEventKind};
use super::held::{Held, Turn, Wish};
use super::source::{Discovered, DnsQuestion, DnsSource, InvalidSource, Name};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tenet_resilience::backoff::Backoff;
use tokio::time::Instant;

/// Most instances of one source. Beyond that a gateway's connections are the limit, not its name service.
const INSTANCES_MAX: usize = 1000;

/// Most targets of SRV records that are asked for: two questions each in every round.
const TARGETS_MAX: usize = 100;

/// Longest pause between two questions to a source that is away.
const AWAY_MAX: Duration = Duration::from_secs(30);

/// No two rounds follow closer than this, whatever is configured.
const MIN_PAUSE: Duration = Duration::from_millis(10);

/// A pause is lengthened by up to this part, so that gateways do not ask together. Never shortened: a cache that is asked
/// before its record is over gives the same record again.
const JITTER: f64 = 0.1;

/// The state of one source.
#[derive(Debug)]
pub(super) struct Known {
    source: DnsSource,
    /// The name asked for: a host's, or that of SRV records.
    name: Name,
    services: Held<Service>,
    hosts: BTreeMap<Name, Host>,
    instances: Vec<Discovered>,
    /// Rounds in a row that left a question open or found nothing.
    failures: u32,
    unanswered: bool,
    told_empty: bool,
}

/// The addresses of one host.
#[derive(Debug, Default)]
struct Host {
    v4: Held<IpAddr>,
    v6: Held<IpAddr>,
}

impl Host {
    fn family(&mut self, family: Family) -> &mut Held<IpAddr> {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }

    fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.v4.records().iter().chain(self.v6.records()).copied()
    }
}

impl Known {
    pub(super) fn new(source: DnsSource) -> Result<Known, InvalidSource> {
        source.check()?;
        let (DnsQuestion::Name { host: name, .. } | DnsQuestion::Srv { name }) = &source.question;
        let name = Name::from_str(name).unwrap_or_else(|_| Name::root_vec());
        let mut known = Known {
            source,
            name,
            services: Held::default(),
            hosts: BTreeMap::new(),
            instances: Vec::new(),
            failures: 0,
            unanswered: false,
            told_empty: false,
        };
        known.follow_targets();
        Ok(known)
    }

    /// The name whose SRV records are to be asked for before [`hosts`](Self::hosts).
    pub(super) fn srv(&self) -> Option<&Name> {
        matches!(self.source.question, DnsQuestion::Srv { .. }).then_some(&self.name)
    }

    /// The hosts whose addresses are to be asked for.
    pub(super) fn hosts(&self) -> Vec<Name> {
        self.hosts.keys().cloned().collect()
    }

    /// The instances now, ordered by address.
    pub(super) fn instances(&self) -> &[Discovered] {
        &self.instances
    }

    pub(super) fn take_services(&mut self, now: Instant, reply: Reply<Service>) -> Vec<DnsEvent> {
        let turn = self.services.take(now, reply);
        self.follow_targets();
        let what = format!("SRV of {}", self.name);
        self.after(turn, &what, self.services.records().len())
    }

    pub(super) fn take_addresses(
        &mut self,
        now: Instant,
        host: &Name,
        family: Family,
        reply: Reply<IpAddr>,
    ) -> Vec<DnsEvent> {
        // A target may have gone while its addresses were asked for.
        let Some(known) = self.hosts.get_mut(host) else { return Vec::new() };
        let held = known.family(family);
        let turn = held.take(now, reply);
        let kept = held.records().len();
        self.after(turn, &format!("{} of {host}", family.word()), kept)
    }

    /// A question was asked and nothing came of it, not even that the source is away.
    pub(super) fn unanswered(&mut self) {
        self.unanswered = true;
    }

    /// Ends a round of questions.
    pub(super) fn end_round(&mut self) -> Option<DnsEvent> {
        let away = std::mem::take(&mut self.unanswered)
            || self.services.is_away()
            || self.hosts.values().any(|host| host.v4.is_away() || host.v6.is_away());
        let empty = self.instances.is_empty();
        self.failures = if away || empty { self.failures.saturating_add(1) } else { 0 };
        let news = empty && !away && !self.told_empty;
        self.told_empty |= news;
        news.then(|| self.event(DnsEventKind::Empty, format!("{} names no instance", self.name)))
    }

    /// How long to wait before the next round.
    pub(super) fn pause(&self, random: u64) -> Duration {
        let (min, max) = (self.source.min_ttl.max(MIN_PAUSE), self.source.max_ttl.max(MIN_PAUSE));
        let retry = || Backoff { base: min, max: max.min(AWAY_MAX) }.equal_jitter(self.failures, random);
        let mut wishes: Vec<Wish> =
            self.hosts.values().flat_map(|host| [host.v4.wish(), host.v6.wish()]).collect();
        if self.srv().is_some() {
            wishes.push(self.services.wish());
        }
        let pauses = wishes.into_iter().map(|wish| match wish {
            Wish::After(time) => time.clamp(min.min(max), max),
            Wish::Retry => retry(),
            Wish::Whenever => max,
        });
        let soonest = pauses.min().unwrap_or(max);
        let soonest = if self.instances.is_empty() { soonest.min(retry()) } else { soonest };
        soonest.mul_f64(1.0 + JITTER * (random as f64 / u64::MAX as f64)).max(MIN_PAUSE)
    }

    /// Brings the hosts in line with the SRV records, and keeps what is known of those that stay.
    fn follow_targets(&mut self) {
        let wanted: BTreeSet<Name> = match self.source.question {
            DnsQuestion::Name { .. } => [self.name.clone()].into(),
            DnsQuestion::Srv { .. } => {
                self.targets().map(|service| service.target.clone()).take(TARGETS_MAX).collect()
            }
        };
        self.hosts.retain(|name, _| wanted.contains(name));
        for name in wanted {
            self.hosts.entry(name).or_default();
        }
    }

    /// The SRV records that count: those of the lowest priority number (RFC 2782).
    fn targets(&self) -> impl Iterator<Item = &Service> {
        let services = self.services.records();
        let first = services.iter().map(|service| service.priority).min();
        services.iter().filter(move |service| Some(service.priority) == first)
    }

    /// Tells what an answer has changed.
    fn after(&mut self, turn: Option<Turn>, what: &str, kept: usize) -> Vec<DnsEvent> {
        let mut events = Vec::new();
        match turn {
            Some(Turn::Away(why)) => {
                let text = format!("{what}: {why}; the {kept} records known are kept");
                events.push(self.event(DnsEventKind::Away, text));
            }
            Some(Turn::Back) => {
                events.push(self.event(DnsEventKind::Back, format!("{what}: answered again")))
            }
            None => {}
        }
        let now = self.combine();
        let ids = |some: &[Discovered], others: &[Discovered]| -> Vec<Arc<str>> {
            let others: BTreeSet<_> = others.iter().map(|one| one.address).collect();
            some.iter().filter(|one| !others.contains(&one.address)).map(|one| one.id.clone()).collect()
        };
        let (found, gone) = (ids(&now, &self.instances), ids(&self.instances, &now));
        self.instances = now;
        if !found.is_empty() || !gone.is_empty() {
            // That nothing is left was told by this.
            self.told_empty = true;
            events.push(self.event(DnsEventKind::Changed, event::changed(&found, &gone)));
        }
        events
    }

    fn event(&self, kind: DnsEventKind, text: String) -> DnsEvent {
        DnsEvent { service: self.source.service.clone(), kind, text }
    }

    /// The instances that the answers held make.
    fn combine(&self) -> Vec<Discovered> {
        let mut shares: BTreeMap<SocketAddr, f64> = BTreeMap::new();
        match self.source.question {
            DnsQuestion::Name { port, .. } => {
                let addresses = self.hosts.values().flat_map(Host::addresses);
                shares.extend(addresses.map(|ip| (SocketAddr::new(ip, port), 0.0)));
            }
            DnsQuestion::Srv { .. } => {
                for service in self.targets() {
                    let Some(host) = self.hosts.get(&service.target) else { continue };
                    // A record's weight is its target's, however many addresses that has.
                    let share = f64::from(service.weight) / host.addresses().count().max(1) as f64;
                    for ip in host.addresses() {
                        *shares.entry(SocketAddr::new(ip, service.port)).or_default() += share;
                    }
                }
            }
        }
        let largest = shares.values().copied().fold(0.0, f64::max);
        let weight = |share: f64| {
            if largest > 0.0 { (100.0 * share / largest).round().clamp(1.0, 100.0) as u32 } else { 100 }
        };
        let instance = |(address, share): (SocketAddr, f64)| Discovered {
            id: format!("{}-{}-{}", self.source.service, address.ip(), address.port()).into(),
            address,
            zone: self.source.zone.clone(),
            weight_percent: weight(share),
        };
        shares.into_iter().take(INSTANCES_MAX).map(instance).collect()
    }
}

#[cfg(test)]
mod tests;
