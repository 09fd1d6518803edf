//! Node facts: what is true of this one process and of no other. They come from the environment, where `tenet up` or
//! an orchestrator puts them; everything else about a service is in its contract and in `tenet.toml`.

use crate::{Error, SlotRule};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Where a service listens when nobody says: the port gRPC examples have used since the first of them.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 50051);

/// How long a draining process waits for calls in flight. The gateway's default is the same.
const DEFAULT_DRAIN: Duration = Duration::from_secs(10);

/// The longest drain that may be asked for: an orchestrator that waits longer does not exist.
const MAX_DRAIN: Duration = Duration::from_secs(3600);

/// What is true of this one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Address and port to listen on; port 0 lets the system choose. `TENET_LISTEN`, default `127.0.0.1:50051`.
    pub listen: SocketAddr,
    /// Name of the service in `tenet.toml`. `TENET_SERVICE`, default: the name given to `Service::new`.
    pub service: String,
    /// Name of this instance, unique in the fleet. `TENET_INSTANCE`, default: service and process id.
    pub instance: String,
    /// The failure domain it lives in. `TENET_ZONE`, default: empty.
    pub zone: String,
    /// Version of what runs. `TENET_VERSION`, default: empty.
    pub version: String,
    /// How long a drain waits for calls in flight. `TENET_DRAIN_MS` in milliseconds, default 10000.
    pub drain: Duration,
    /// Whether the process can be told to misbehave, at `/-/faults`. `TENET_FAULT_POINTS`, `true` or `false`, default
    /// false: whoever reaches the port could otherwise take the instance down.
    pub fault_points: bool,
    /// The capacity that is stated for this process instead of the machine's own. `TENET_FAULT_SLOTS`, as `16x10ms`: 16
    /// calls at a time take 10 ms each. Needs fault points.
    pub fault_slots: Option<SlotRule>,
}

impl Facts {
    /// Reads the facts from the environment of this process.
    ///
    /// # Errors
    /// A variable that is set but cannot be read; a variable that is not set takes its default.
    pub fn from_env(service: &str) -> Result<Facts, Error> {
        Facts::from_lookup(service, |name| std::env::var(name).ok())
    }

    /// Reads the facts through `lookup`, which returns a variable's value. An empty value counts as not set.
    ///
    /// # Errors
    /// As [`Facts::from_env`].
    pub fn from_lookup(service: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<Facts, Error> {
        let get = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let listen = match get("TENET_LISTEN") {
            None => DEFAULT_LISTEN,
            Some(text) => text.parse().map_err(|_| Error::Fact {
                name: "TENET_LISTEN".into(),
                found: text,
                expected: "an IP address and a port, as 127.0.0.1:50051 or [::1]:50051",
            })?,
        };
        let drain = match get("TENET_DRAIN_MS") {
            None => DEFAULT_DRAIN,
            Some(text) => {
                text.parse().ok().map(Duration::from_millis).filter(|drain| *drain <= MAX_DRAIN).ok_or_else(
                    || Error::Fact {
                        name: "TENET_DRAIN_MS".into(),
                        found: text,
                        expected: "milliseconds from 0 to 3600000, as 10000",
                    },
                )?
            }
        };
        let fault_points = match get("TENET_FAULT_POINTS").as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(text) => {
                return Err(Error::Fact {
                    name: "TENET_FAULT_POINTS".into(),
                    found: text.to_owned(),
                    expected: "true or false",
                });
            }
        };
        let fault_slots = fault_slots(get("TENET_FAULT_SLOTS"), fault_points)?;
        let service = label("TENET_SERVICE", get("TENET_SERVICE"))?.unwrap_or_else(|| service.to_owned());
        let instance = label("TENET_INSTANCE", get("TENET_INSTANCE"))?
            .unwrap_or_else(|| format!("{service}-{}", std::process::id()));
        let zone = label("TENET_ZONE", get("TENET_ZONE"))?.unwrap_or_default();
        let version = label("TENET_VERSION", get("TENET_VERSION"))?.unwrap_or_default();
        Ok(Facts { listen, service, instance, zone, version, drain, fault_points, fault_slots })
    }
}

/// Slots without fault points are refused rather than ignored: a bench would measure the machine and believe it measured
/// the slots.
fn fault_slots(value: Option<String>, fault_points: bool) -> Result<Option<SlotRule>, Error> {
    let Some(text) = value else { return Ok(None) };
    let expected = match SlotRule::parse(&text) {
        Some(rule) if fault_points => return Ok(Some(rule)),
        Some(_) => "TENET_FAULT_POINTS=true beside it",
        None => "slots and the milliseconds each takes, as 16x10ms, at most 10000x60000ms",
    };
    Err(Error::Fact { name: "TENET_FAULT_SLOTS".into(), found: text, expected })
}

/// Names end up in response metadata and metric labels, so they must be visible ASCII.
fn label(name: &str, value: Option<String>) -> Result<Option<String>, Error> {
    match value {
        Some(text) if !text.bytes().all(|byte| byte.is_ascii_graphic()) => Err(Error::Fact {
            name: name.to_owned(),
            found: text,
            expected: "visible ASCII characters without spaces, as accounts-a-1",
        }),
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(pairs: &[(&str, &str)]) -> Result<Facts, Error> {
        Facts::from_lookup("accounts", |name| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn nothing_set_takes_the_defaults() {
        let facts = facts(&[("TENET_ZONE", "")]).unwrap();
        assert_eq!(facts.listen.to_string(), "127.0.0.1:50051");
        assert_eq!(facts.instance, format!("accounts-{}", std::process::id()));
        assert_eq!((facts.service.as_str(), facts.zone.as_str()), ("accounts", ""));
        assert_eq!(facts.drain, Duration::from_secs(10));
    }

    #[test]
    fn every_variable_is_read() {
        let facts = facts(&[
            ("TENET_LISTEN", "[::1]:7"),
            ("TENET_SERVICE", "people"),
            ("TENET_INSTANCE", "people-a-1"),
            ("TENET_ZONE", "a"),
            ("TENET_VERSION", "9f2c"),
            ("TENET_DRAIN_MS", "250"),
            ("TENET_FAULT_POINTS", "true"),
            ("TENET_FAULT_SLOTS", "16x10ms"),
        ])
        .unwrap();
        assert_eq!(
            facts,
            Facts {
                listen: "[::1]:7".parse().unwrap(),
                service: "people".into(),
                instance: "people-a-1".into(),
                zone: "a".into(),
                version: "9f2c".into(),
                drain: Duration::from_millis(250),
                fault_points: true,
                fault_slots: Some(SlotRule { count: 16, time_ms: 10 }),
            }
        );
    }

    #[test]
    fn what_cannot_be_read_names_variable_value_and_expectation() {
        for (name, value, expected) in [
            ("TENET_LISTEN", "localhost:80", "127.0.0.1:50051"),
            ("TENET_LISTEN", "8080", "127.0.0.1:50051"),
            ("TENET_DRAIN_MS", "10s", "milliseconds"),
            ("TENET_DRAIN_MS", "-1", "milliseconds"),
            ("TENET_DRAIN_MS", "3600001", "milliseconds"),
            ("TENET_FAULT_POINTS", "1", "true or false"),
            ("TENET_FAULT_SLOTS", "16", "16x10ms"),
            ("TENET_FAULT_SLOTS", "16x10ms", "TENET_FAULT_POINTS=true"),
            ("TENET_ZONE", "a b", "without spaces"),
            ("TENET_INSTANCE", "é", "visible ASCII"),
        ] {
            let text = facts(&[(name, value)]).unwrap_err().to_string();
            assert!(text.starts_with(&format!("{name}={value:?}")) && text.contains(expected), "{text}");
        }
    }
}
