//! The roster: who is there now. A file that the supervisor (or an operator) rewrites whole and gateways watch.
//!
//! Unlike configuration it is read from a peer that may run another version of Tenet, so unknown fields are ignored.

use crate::config::Config;
use crate::file::replace_file;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Largest roster read, so that a wrong path cannot fill memory: 100,000 instances are about 12 MB.
const MAX_BYTES: u64 = 64 << 20;

/// Instances by service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    /// Instances of each service, by the service's name in `tenet.toml`.
    #[serde(default)]
    pub services: BTreeMap<String, Vec<RosterInstance>>,
}

/// One running copy of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterInstance {
    /// Unique in the fleet (`accounts-a-1`).
    pub id: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// The failure domain it lives in; empty is a zone of its own.
    #[serde(default)]
    pub zone: String,
    /// Its share of the load relative to the others, in percent of an ordinary instance's; 100 where nobody says.
    #[serde(default = "crate::config::full_weight")]
    pub weight: u32,
    /// What it runs; empty when not known.
    #[serde(default)]
    pub version: String,
}

/// Why a roster could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RosterError {
    /// The file system refused.
    #[error("cannot {action} the roster {}", path.display())]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Not a roster.
    #[error("{}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected, with line and column where known.
        message: String,
    },
}

impl Roster {
    /// The instances that `tenet.toml` fixes (`instances = [...]`); services with a `command` have none yet.
    pub fn from_config(config: &Config) -> Roster {
        let services = config.services.iter().map(|(name, service)| {
            let instances = service.instances.iter().enumerate().map(|(index, instance)| RosterInstance {
                id: if instance.zone.is_empty() {
                    format!("{name}-{}", index + 1)
                } else {
                    format!("{name}-{}-{}", instance.zone, index + 1)
                },
                address: instance.address,
                zone: instance.zone.clone(),
                weight: instance.weight,
                version: String::new(),
            });
            (name.clone(), instances.collect())
        });
        Roster { services: services.collect() }
    }

    /// Reads the file at `path`: JSON with unique instance ids. Unknown fields are ignored.
    pub fn read(path: &Path) -> Result<Roster, RosterError> {
        let io_error = |source| RosterError::Io { action: "read", path: path.to_owned(), source };
        let length = std::fs::metadata(path).map_err(io_error)?.len();
        if length > MAX_BYTES {
            return Err(RosterError::Invalid {
                path: path.to_owned(),
                message: format!("found {length} bytes, expected at most {MAX_BYTES}"),
            });
        }
        let bytes = std::fs::read(path).map_err(io_error)?;
        Roster::from_json(&bytes).map_err(|message| RosterError::Invalid { path: path.to_owned(), message })
    }

    /// Reads JSON bytes; the error is one sentence.
    pub fn from_json(bytes: &[u8]) -> Result<Roster, String> {
        let roster: Roster = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let mut ids = BTreeMap::new();
        for (service, instances) in &roster.services {
            for instance in instances {
                if instance.id.is_empty() {
                    return Err(format!("services.{service}: an instance at {} has no id", instance.address));
                }
                if let Some(other) = ids.insert(instance.id.as_str(), service) {
                    return Err(format!("instance id {:?} is both in {other} and in {service}", instance.id));
                }
            }
        }
        Ok(roster)
    }

    /// Replaces the file at `path` in one step (write beside it, then rename), so that a reader sees the old one or the new.
    pub fn write(&self, path: &Path) -> Result<(), RosterError> {
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(|error| RosterError::Invalid { path: path.to_owned(), message: error.to_string() })?;
        text.push(b'\n');
        replace_file(path, &text).map_err(|source| RosterError::Io {
            action: "write",
            path: path.to_owned(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(id: &str, port: u16) -> RosterInstance {
        RosterInstance {
            id: id.into(),
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            zone: "a".into(),
            weight: 100,
            version: "v".into(),
        }
    }

    #[test]
    fn a_roster_survives_its_file_and_leaves_no_draft() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/roster.json");
        let mut roster = Roster::default();
        roster
            .services
            .insert("accounts".into(), vec![instance("accounts-a-1", 1), instance("accounts-a-2", 2)]);
        roster.write(&path).unwrap();
        roster.services.insert("timeline".into(), vec![]);
        roster.write(&path).unwrap();
        assert_eq!(Roster::read(&path).unwrap(), roster);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn what_another_version_wrote_is_read_and_what_is_wrong_is_named() {
        let ok = br#"{"services":{"a":[{"id":"a-1","address":"127.0.0.1:1","rack":3}]},"epoch":4}"#;
        let read = Roster::from_json(ok).unwrap();
        assert_eq!((read.services["a"][0].id.as_str(), read.services["a"][0].weight), ("a-1", 100));
        for (text, expected) in [
            (r#"{"services":{"a":[{"id":"x","address":"127.0.0.1"}]}}"#, "invalid socket address"),
            (r#"{"services":{"a":[{"address":"127.0.0.1:1"}]}}"#, "missing field `id`"),
            (r#"{"services":{"a":[{"id":"","address":"127.0.0.1:1"}]}}"#, "has no id"),
            (
                r#"{"services":{"a":[{"id":"x","address":"[::1]:1"}],"b":[{"id":"x","address":"[::1]:2"}]}}"#,
                "both in a and in b",
            ),
            ("", "EOF"),
        ] {
            let error = Roster::from_json(text.as_bytes()).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
