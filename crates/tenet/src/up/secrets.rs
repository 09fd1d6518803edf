//! What services prove themselves to the store with: random, made anew at each `up`, handed over by an inherited pipe.
//!
//! The secret is in the memory of the supervisor and of the service's instances, and nowhere else: not in an environment, which others of the
//! same user can read and which children inherit, and not on disk. The store knows it by its hash.

use crate::cli::Failed;
use crate::roles::STORE_ACCESS;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tenet_release::replace_private;
use tenet_store::access::Access;
use tenet_store::catalogue::SecretHash;

/// Random bytes of a secret: as many as its hash has.
const BYTES: usize = 32;

/// A service's secret, as it is sent: 64 hexadecimal digits.
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    fn make() -> Secret {
        let mut text = String::with_capacity(2 * BYTES);
        for byte in rand::random::<[u8; BYTES]>() {
            // Writing into a string does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        Secret(text.into())
    }

    /// A pipe that holds it and nothing more: read to its end once, it is gone.
    pub fn pipe(&self) -> io::Result<OwnedFd> {
        let (reader, mut writer) = io::pipe()?;
        // It fits into any pipe's buffer, so nobody waits for a reader.
        writer.write_all(self.0.as_bytes())?;
        Ok(reader.into())
    }
}

impl fmt::Debug for Secret {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The secrets of all services that keep something.
pub struct Secrets {
    path: PathBuf,
    of: BTreeMap<String, Secret>,
}

impl Secrets {
    /// None yet; the hashes will be in the folder `run`.
    pub fn new(run: &Path) -> Secrets {
        Secrets { path: run.join(STORE_ACCESS), of: BTreeMap::new() }
    }

    /// A service's secret, if it has one.
    pub fn get(&self, service: &str) -> Option<&Secret> {
        self.of.get(service)
    }

    /// Makes secrets for those of `services` that have none, and tells the store of all there are.
    pub fn make<'a>(&mut self, services: impl Iterator<Item = &'a str>) -> Result<(), Failed> {
        for service in services {
            self.of.entry(service.to_owned()).or_insert_with(Secret::make);
        }
        let hash = |secret: &Secret| vec![SecretHash::of(secret.0.as_bytes())];
        let access =
            Access(self.of.iter().map(|(service, secret)| (service.clone(), hash(secret))).collect());
        replace_private(&self.path, access.to_json().as_bytes())
            .map_err(|error| Failed::while_doing("the store cannot be told who may call it", &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Read as _;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_secret_stays_the_same_and_the_store_knows_only_its_hash() {
        let folder = tempfile::tempdir().unwrap();
        let mut secrets = Secrets::new(folder.path());
        secrets.make(["accounts"].into_iter()).unwrap();
        let read = |secrets: &Secrets, service: &str| {
            let mut text = String::new();
            File::from(secrets.get(service).unwrap().pipe().unwrap()).read_to_string(&mut text).unwrap();
            text
        };
        let first = read(&secrets, "accounts");
        assert!(first.len() == 64 && first.bytes().all(|byte| byte.is_ascii_hexdigit()), "{first}");
        secrets.make(["accounts", "payments"].into_iter()).unwrap();
        assert_eq!(read(&secrets, "accounts"), first);
        assert_ne!(read(&secrets, "payments"), first);
        assert!(secrets.get("timeline").is_none());
        assert_eq!(format!("{:?}", secrets.get("accounts")), "Some(Secret)");
        let path = folder.path().join(STORE_ACCESS);
        let known = Access::read(&path).unwrap();
        assert_eq!(known.0["accounts"], [SecretHash::of(first.as_bytes())]);
        assert!(!std::fs::read_to_string(&path).unwrap().contains(&first));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
