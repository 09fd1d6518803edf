//! `[services.NAME.dns]`: one way to look instances up, whole.

use super::Check;
use super::services::valid_name;
use crate::config::{Dns, Millis};

/// Longest name of a host in text (RFC 1035 §2.3.4, without the root's dot).
const MAX_HOST: usize = 253;
/// A day: who changes instances more rarely lists them.
const MAX_TTL: Millis = Millis(86_400_000);
/// Asking more often than this is a flood.
const MIN_TTL: Millis = Millis(100);

pub(super) fn check(check: &mut Check<'_>, name: &str, dns: &Dns) {
    let at = |key: &'static str| ["services", name, "dns", key];
    match (&dns.name, &dns.srv) {
        (Some(_), Some(_)) => check.wrong(&at("srv"), "found both `name` and `srv`, expected one of them"),
        (None, None) => {
            check.wrong(&["services", name, "dns"], "found neither `name` nor `srv`, expected one of them");
        }
        (Some(_), None) if dns.port.is_none_or(|port| port == 0) => {
            check.wrong(&at("port"), "expected a port from 1 on: A and AAAA records have none");
        }
        (None, Some(_)) if dns.port.is_some() => {
            check.wrong(&at("port"), "SRV records bring their own; it goes with `name`");
        }
        _ => {}
    }
    for (key, host) in [("name", &dns.name), ("srv", &dns.srv)] {
        if let Some(host) = host
            && !is_host(host)
        {
            let message = format!("found {host:?}, expected a name such as \"accounts.example\"");
            check.wrong(&at(key), &message);
        }
    }
    if !dns.zone.is_empty()
        && let Err(expected) = valid_name(&dns.zone)
    {
        check.wrong(&at("zone"), &format!("found {:?}, expected {expected}", dns.zone));
    }
    if let Some(resolver) = dns.resolver
        && (resolver.port() == 0 || resolver.ip().is_unspecified())
    {
        check.wrong(&at("resolver"), &format!("found {resolver}, expected an address that can be asked"));
    }
    for (key, ttl) in [("min_ttl", dns.min_ttl), ("max_ttl", dns.max_ttl)] {
        if !(MIN_TTL..=MAX_TTL).contains(&ttl) {
            check.wrong(&at(key), &format!("found {ttl}, expected {MIN_TTL} to {MAX_TTL}"));
        }
    }
    if dns.min_ttl > dns.max_ttl {
        let message = format!("found {}, expected at most max_ttl = {}", dns.min_ttl, dns.max_ttl);
        check.wrong(&at("min_ttl"), &message);
    }
}

/// Labels of 1 to 63 letters, digits, `-` and, for service names, `_` (RFC 1035 §2.3.1, RFC 2782); one closing dot is allowed.
fn is_host(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    host.len() <= MAX_HOST
        && host.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        })
}
