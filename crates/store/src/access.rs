//! Who may call: a file of hashes that the runner writes, and a store process reads.
//!
//! ```text
//!   runner ── secret ──▶ inherited pipe ──▶ instance of "accounts" ── metadata ──▶ store
//!     └─ sha256 of it ─▶ {"accounts": ["9f86…"]} ───────────────────────────────────▲
//! ```
//!
//! The file holds no secret, only what one is known by. A service may have several: that of before and that of now.

use crate::catalogue::SecretHash;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Largest file read: a thousand services with a few secrets each are 300 KiB.
const MAX_BYTES: u64 = 4 << 20;
/// Least time between two looks that nobody but a stranger's secret asks for.
const PAUSE: Duration = Duration::from_secs(1);

/// Which secrets each service has, by its name in `tenet.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access(pub BTreeMap<String, Vec<SecretHash>>);

/// Why the file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The file system refused.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Not what it should be.
    #[error("{}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        message: String,
    },
}

impl Access {
    /// Secrets and whose they are.
    pub fn secrets(&self) -> impl Iterator<Item = (SecretHash, String)> {
        let of = |(service, hashes): (&String, &Vec<SecretHash>)| {
            let service = service.clone();
            hashes.clone().into_iter().map(move |hash| (hash, service.clone()))
        };
        self.0.iter().flat_map(of)
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// It cannot be read, is no JSON object of lists, or holds something that is no SHA-256.
    pub fn read(path: &Path) -> Result<Access, AccessError> {
        let invalid = |message: String| AccessError::Invalid { path: path.to_owned(), message };
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
            .map_err(|source| AccessError::Io { path: path.to_owned(), source })?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(invalid(format!("it has more than {MAX_BYTES} bytes")));
        }
        let listed: BTreeMap<String, Vec<String>> =
            serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))?;
        let read = |(service, hashes): (String, Vec<String>)| {
            let hash = |(place, hex): (usize, &String)| {
                SecretHash::from_hex(hex).ok_or_else(|| {
                    invalid(format!("{service}[{place}] is no SHA-256: expected 64 hex digits"))
                })
            };
            let hashes = hashes.iter().enumerate().map(hash).collect::<Result<_, _>>()?;
            Ok((service, hashes))
        };
        listed.into_iter().map(read).collect::<Result<_, _>>().map(Access)
    }

    /// The text of the file, which its owner alone is to read.
    pub fn to_json(&self) -> String {
        let text = |hashes: &Vec<SecretHash>| hashes.iter().map(SecretHash::to_string).collect::<Vec<_>>();
        let listed: serde_json::Map<String, serde_json::Value> =
            self.0.iter().map(|(service, hashes)| (service.clone(), text(hashes).into())).collect();
        serde_json::Value::Object(listed).to_string()
    }
}

/// The file that a store process looks at.
#[derive(Debug)]
pub struct AccessFile {
    path: PathBuf,
    looked: Mutex<Option<Instant>>,
}

impl AccessFile {
    /// The file at `path`. It is not read yet.
    pub fn new(path: impl Into<PathBuf>) -> AccessFile {
        AccessFile { path: path.into(), looked: Mutex::new(None) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads it now.
    ///
    /// # Errors
    /// As of [`Access::read`].
    pub async fn read(&self) -> Result<Access, AccessError> {
        let mut looked = self.looked.lock().await;
        *looked = Some(Instant::now());
        self.read_file().await
    }

    /// Reads it for somebody who is not known: whoever sends wrong secrets must not keep the disk busy, so it is looked at once a second.
    /// `None` where it was looked at just now, or cannot be read, which is logged.
    pub async fn read_for_a_stranger(&self) -> Option<Access> {
        let mut looked = self.looked.lock().await;
        if looked.is_some_and(|at| at.elapsed() < PAUSE) {
            return None;
        }
        *looked = Some(Instant::now());
        let found = self.read_file().await;
        found.inspect_err(|error| tracing::warn!("those who are known stay the same: {error}")).ok()
    }

    async fn read_file(&self) -> Result<Access, AccessError> {
        let path = self.path.clone();
        let read = tokio::task::spawn_blocking(move || Access::read(&path)).await;
        read.unwrap_or_else(|error| {
            let source = io::Error::other(error);
            Err(AccessError::Io { path: self.path.clone(), source })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(services: &[(&str, &[&str])]) -> Access {
        let of = |secrets: &[&str]| secrets.iter().map(|secret| SecretHash::of(secret.as_bytes())).collect();
        Access(services.iter().map(|(name, secrets)| ((*name).to_owned(), of(secrets))).collect())
    }

    fn write(path: &Path, access: &Access) {
        std::fs::write(path, access.to_json()).unwrap();
    }

    #[test]
    fn what_is_written_is_read_and_holds_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store-access.json");
        for listed in [access(&[("accounts", &["old", "new"]), ("payments", &["p"])]), access(&[])] {
            write(&path, &listed);
            assert_eq!(Access::read(&path).unwrap(), listed);
        }
        let text = access(&[("accounts", &["old"])]).to_json();
        assert!(!text.contains("old") && text.contains(&SecretHash::of(b"old").to_string()), "{text}");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.json");
        for (text, expected) in [
            ("", "EOF"),
            ("[]", "invalid type"),
            (r#"{"a": "x"}"#, "invalid type"),
            (r#"{"a": ["12"]}"#, "a[0] is no SHA-256"),
            (&format!(r#"{{"a": ["{}"]}}"#, "g".repeat(64)), "64 hex digits"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Access::read(&path).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("access.json"), "{text}: {error}");
        }
        let none = Access::read(&folder.path().join("none")).unwrap_err().to_string();
        assert!(none.contains("cannot read"), "{none}");
    }

    #[tokio::test(start_paused = true)]
    async fn strangers_have_it_read_once_a_second() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.json");
        write(&path, &access(&[("a", &["1"])]));
        let file = AccessFile::new(&path);
        assert_eq!(file.read_for_a_stranger().await, Some(access(&[("a", &["1"])])));
        write(&path, &access(&[("a", &["2"])]));
        assert_eq!(file.read_for_a_stranger().await, None);
        assert_eq!(file.read().await.unwrap(), access(&[("a", &["2"])]), "who was told to reads it at once");
        tokio::time::advance(PAUSE).await;
        assert_eq!(file.read_for_a_stranger().await, Some(access(&[("a", &["2"])])));
        std::fs::remove_file(&path).unwrap();
        tokio::time::advance(PAUSE).await;
        assert_eq!(file.read_for_a_stranger().await, None);
    }
}
