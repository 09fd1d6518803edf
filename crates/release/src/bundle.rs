//! The bytes of a release. The same inputs give the same bytes, and so the same hash, on any machine.
//!
//! ```text
//!   "tenet release\0" · format u16 · length u32 · config as canonical JSON · length u32 · descriptor set │ sha256 of all before
//! ```
//!
//! The configuration is written with its defaults filled in: a release says what it does, whatever a later
//! version's defaults are. Integers are big-endian.

use crate::config::Service;
use crate::{Config, Release, ReleaseHash};
use std::collections::BTreeSet;
use tenet_contract::{Contract, LoadOptions, STORE_PROTO};

const MAGIC: &[u8; 14] = b"tenet release\0";

/// Raised when a reader of the last format could misread the next one.
const FORMAT: u16 = 1;

/// What a fleet is called whose `tenet.toml` does not say: the project folder's name is no part of the bundle.
const UNNAMED: &str = "tenet";

/// Length of the closing SHA-256.
const HASH: usize = 32;

/// Why bytes are not a release.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// They do not begin like one.
    #[error("not a release bundle: expected it to begin with \"tenet release\"")]
    NotABundle,
    /// Made for another reader.
    #[error("release bundle of format {found}, expected {FORMAT}: it was made by another version of Tenet")]
    Format {
        /// The format in the bundle.
        found: u16,
    },
    /// Cut off or altered.
    #[error("damaged release bundle: {0}")]
    Damaged(String),
    /// The configuration inside is not one that this version knows whole.
    #[error("configuration in the release bundle: {0} (it may come from another version of Tenet)")]
    Config(serde_json::Error),
    /// The contracts inside do not load.
    #[error("contracts in the release bundle:\n{0}")]
    Contract(String),
}

/// Writes the bytes of a release.
pub(crate) fn write(config: &Config, contract: &Contract) -> Vec<u8> {
    // Structs print in the order of their fields and maps are sorted: serde_json is canonical here. A struct of
    // strings and numbers cannot fail to print.
    let config = serde_json::to_vec(config).unwrap_or_default();
    let contract = contract.descriptor_set();
    let mut out = Vec::with_capacity(MAGIC.len() + 10 + config.len() + contract.len() + HASH);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&FORMAT.to_be_bytes());
    for section in [&config, &contract] {
        // A section of 4 GiB cannot come out of files that were compiled in memory.
        out.extend_from_slice(&u32::try_from(section.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(section);
    }
    let hash = ReleaseHash::of(&out);
    out.extend_from_slice(hash.as_bytes());
    out
}

/// What the contract compiler must know of the configuration.
pub(crate) fn load_options(config: &Config) -> LoadOptions {
    let of = |wanted: fn(&Service) -> bool| -> BTreeSet<String> {
        let services = config.services.values().filter(|service| wanted(service));
        services.flat_map(|service| service.serves.iter().cloned()).collect()
    };
    // Contracts without a word about services are looked at as a whole, as `tenet check` does with a folder of them.
    let served = (!config.services.is_empty()).then(|| of(|_| true));
    let platform = config.keeps_anything().then(|| STORE_PROTO.to_owned());
    LoadOptions {
        auto_bindings: of(|service| service.auto_bindings),
        served,
        platform: platform.into_iter().collect(),
    }
}

fn section<'a>(rest: &mut &'a [u8], name: &str) -> Result<&'a [u8], BundleError> {
    let damaged = || BundleError::Damaged(format!("it ends inside the {name}"));
    let (length, after) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    let section = after.get(..length).ok_or_else(damaged)?;
    *rest = &after[length..];
    Ok(section)
}

impl Release {
    /// The bundle: what is stored, sent to gateways and hashed.
    pub fn to_bytes(&self) -> Vec<u8> {
        write(&self.config, &self.contract)
    }

    /// Reads a bundle. The checks that ran when it was made are not repeated; its hash is.
    pub fn from_bytes(bytes: &[u8]) -> Result<Release, BundleError> {
        let after_magic = bytes.strip_prefix(MAGIC).ok_or(BundleError::NotABundle)?;
        let (format, _) = after_magic
            .split_first_chunk::<2>()
            .ok_or_else(|| BundleError::Damaged("it ends inside the head".into()))?;
        match u16::from_be_bytes(*format) {
            FORMAT => {}
            found => return Err(BundleError::Format { found }),
        }
        let (content, closing) = bytes
            .split_last_chunk::<HASH>()
            .ok_or_else(|| BundleError::Damaged("it ends before its hash".into()))?;
        let hash = ReleaseHash::of(content);
        if hash.as_bytes() != closing {
            return Err(BundleError::Damaged("its content does not match its hash".into()));
        }
        let mut rest = content.get(MAGIC.len() + 2..).unwrap_or_default();
        let config = section(&mut rest, "configuration")?;
        let contract = section(&mut rest, "contracts")?;
        if !rest.is_empty() {
            return Err(BundleError::Damaged(format!("{} bytes after the contracts", rest.len())));
        }
        let config: Config = serde_json::from_slice(config).map_err(BundleError::Config)?;
        let contract = Contract::from_descriptor_set(contract, &load_options(&config))
            .map_err(|diagnostics| BundleError::Contract(diagnostics.to_string()))?;
        let name = if config.name.is_empty() { UNNAMED.to_owned() } else { config.name.clone() };
        Ok(Release { hash, name, config, contract })
    }
}
