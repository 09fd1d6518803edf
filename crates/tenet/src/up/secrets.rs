//! What services prove themselves to the store with: random, made anew at each `up`, handed over by an inherited pipe.
//!
//! The secret is in the memory of the supervisor and of the service's instances, and nowhere else: not in an environment, which others of the
//! same user can read and which children inherit, and not on disk. The store knows it by its hash.
//!
//! A service that keeps something and is not run here (`instances`, `dns`) has nobody to hand it over: its secret is in a file that only its owner may
//! read, and stays the same from one `up` to the next, because such a service is not started with it.

use crate::cli::Failed;
use crate::roles::STORE_ACCESS;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tenet_release::replace_private;
use tenet_store::access::Access;
use tenet_store::catalogue::SecretHash;

/// Random bytes of a secret: as many as its hash has.
const BYTES: usize = 32;

/// Bytes read of a file that should hold one: what is longer is none.
const BYTES_MAX: u64 = 256;

/// The folder of those that are handed to nobody.
const FOLDER: &str = "store-secrets";

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

    /// The one in the file at `path`, which is made where there is none.
    fn of_file(path: &Path) -> Result<Secret, Failed> {
        let failed = |error: io::Error| {
            Failed::while_doing(&format!("the secret in {} cannot be used", path.display()), &error)
        };
        let mut text = String::new();
        match File::open(path) {
            Ok(file) => {
                file.take(BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let made = Secret::make();
                replace_private(path, made.0.as_bytes()).map_err(failed)?;
                return Ok(made);
            }
            Err(error) => return Err(failed(error)),
        }
        let text = text.trim();
        if text.len() == 2 * BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Secret(text.into()));
        }
        Err(Failed(format!(
            "error: {} holds no secret: found {} bytes, expected {} hexadecimal digits\n  hint: remove it, and another is made",
            path.display(),
            text.len(),
            2 * BYTES
        )))
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

/// Where a service runs, which is who hands it its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// As our child.
    Here,
    /// Where its operator started it.
    Elsewhere,
}

/// The secrets of all services that keep something.
pub struct Secrets {
    path: PathBuf,
    /// Where the secrets of services are that are not run here.
    folder: PathBuf,
    of: BTreeMap<String, Secret>,
}

impl Secrets {
    /// None yet; the hashes will be in the folder `run`.
    pub fn new(run: &Path) -> Secrets {
        Secrets { path: run.join(STORE_ACCESS), folder: run.join(FOLDER), of: BTreeMap::new() }
    }

    /// A service's secret, if it has one.
    pub fn get(&self, service: &str) -> Option<&Secret> {
        self.of.get(service)
    }

    /// The file with the secret of a service that is not run here.
    pub fn file(&self, service: &str) -> PathBuf {
        self.folder.join(service)
    }

    /// Makes secrets for those of `services` that have none, of those that are not run here in files, and tells the store of all there are.
    pub fn make<'a>(&mut self, services: impl Iterator<Item = (&'a str, Run)>) -> Result<(), Failed> {
        for (service, run) in services {
            if self.of.contains_key(service) {
                continue;
            }
            let secret = match run {
                Run::Here => Secret::make(),
                Run::Elsewhere => Secret::of_file(&self.file(service))?,
            };
            self.of.insert(service.to_owned(), secret);
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
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_secret_stays_the_same_and_the_store_knows_only_its_hash() {
        let folder = tempfile::tempdir().unwrap();
        let mut secrets = Secrets::new(folder.path());
        secrets.make([("accounts", Run::Here)].into_iter()).unwrap();
        let read = |secrets: &Secrets, service: &str| {
            let mut text = String::new();
            File::from(secrets.get(service).unwrap().pipe().unwrap()).read_to_string(&mut text).unwrap();
            text
        };
        let first = read(&secrets, "accounts");
        assert!(first.len() == 64 && first.bytes().all(|byte| byte.is_ascii_hexdigit()), "{first}");
        secrets.make([("accounts", Run::Here), ("payments", Run::Here)].into_iter()).unwrap();
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
    #[test]
    fn one_that_is_handed_to_nobody_is_in_a_file_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let make = || {
            let mut secrets = Secrets::new(folder.path());
            let made = secrets.make([("accounts", Run::Elsewhere)].into_iter());
            made.map(|()| secrets.get("accounts").unwrap().0.clone())
        };
        let first = make().unwrap();
        let path = folder.path().join(FOLDER).join("accounts");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), &*first);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(make().unwrap(), first);
        let known = Access::read(&folder.path().join(STORE_ACCESS)).unwrap();
        assert_eq!(known.0["accounts"], [SecretHash::of(first.as_bytes())]);
        std::fs::write(&path, "hush").unwrap();
        let Failed(text) = make().unwrap_err();
        assert!(
            text.contains("found 4 bytes") && text.contains("accounts") && !text.contains("hush"),
            "{text}"
        );
    }
}
