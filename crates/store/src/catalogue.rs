//! Who may do what where: namespaces, their owners, and what their collections are.

use crate::engine::{Collection, Engine, EngineError};
use crate::name::{CollectionId, CollectionName, Name};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::time::Duration;

/// What a secret is known by: nobody who reads the store's memory or configuration can act as a service.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Of a secret as it is sent.
    pub fn of(secret: &[u8]) -> SecretHash {
        SecretHash(Sha256::digest(secret).into())
    }

    /// From its 64 hexadecimal digits.
    pub fn from_hex(hex: &str) -> Option<SecretHash> {
        let bytes = hex.as_bytes();
        let mut hash = [0; 32];
        if bytes.len() != 64 || !hex.is_ascii() {
            return None;
        }
        for (byte, pair) in hash.iter_mut().zip(bytes.chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(SecretHash(hash))
    }
}

/// What a collection is declared as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Its name in its namespace.
    pub name: Name,
    /// A mutate may change several of its records at once.
    pub atomic_across_records: bool,
    /// How long items stay that do not say it themselves. None: for good.
    pub ttl: Option<Duration>,
    /// How long changes can be watched afterwards. Zero: not at all.
    pub retention: Duration,
}

/// A namespace and the one service that it answers.
#[derive(Clone)]
pub struct Namespace {
    /// Its name.
    pub name: Name,
    /// The service, as `tenet.toml` names it.
    pub owner: String,
    /// By which its instances are known.
    pub secrets: Vec<SecretHash>,
    /// Its collections.
    pub collections: Vec<Declared>,
}

/// A collection as the engine knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The engine's number for it.
    pub id: CollectionId,
    /// Its whole name.
    pub name: CollectionName,
    /// What it is declared as.
    pub declared: Declared,
}

/// Why a collection is not for the one who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Nobody is known by the secret.
    Unknown,
    /// It belongs to another service.
    Other {
        /// Who asked.
        caller: String,
        /// Whose it is.
        owner: String,
    },
    /// There is no such namespace; the nearest there is.
    NoNamespace(Option<String>),
    /// There is no such collection; the nearest there is.
    NoCollection(Option<String>),
}

/// Why an engine cannot keep what is declared.
#[derive(Debug, thiserror::Error)]
pub enum DeclareError {
    /// It does not give what the collection asks for.
    #[error("{collection} asks for {what}, which the engine {engine:?} cannot give")]
    NotGiven {
        /// The collection.
        collection: CollectionName,
        /// What it asks for.
        what: &'static str,
        /// The engine.
        engine: &'static str,
    },
    /// It did not answer.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Namespaces by name and services by secret.
#[derive(Clone, Default)]
pub struct Catalogue {
    namespaces: HashMap<Name, Entry>,
    services: HashMap<SecretHash, String>,
}

#[derive(Clone)]
struct Entry {
    owner: String,
    collections: HashMap<Name, Known>,
}

impl Catalogue {
    /// Declares everything to the engine, after it was seen to give what each collection asks for.
    pub async fn declare(engine: &dyn Engine, namespaces: Vec<Namespace>) -> Result<Catalogue, DeclareError> {
        let gives = engine.guarantees();
        let mut catalogue = Catalogue::default();
        for namespace in namespaces {
            let mut collections = HashMap::new();
            for declared in namespace.collections {
                let name =
                    CollectionName { namespace: namespace.name.clone(), collection: declared.name.clone() };
                let lacks = [
                    (!gives.linearizable_records, "linearizable records"),
                    (declared.atomic_across_records && !gives.atomic_across_records, "writes across records"),
                    (!declared.retention.is_zero() && !gives.change_feed, "a change feed"),
                ];
                if let Some((_, what)) = lacks.into_iter().find(|(lacks, _)| *lacks) {
                    return Err(DeclareError::NotGiven { collection: name, what, engine: engine.name() });
                }
                let collection = Collection { name: name.clone(), retention: declared.retention };
                let id = engine.declare(collection).await?;
                collections.insert(declared.name.clone(), Known { id, name, declared });
            }
            for secret in namespace.secrets {
                catalogue.services.insert(secret, namespace.owner.clone());
            }
            let entry = Entry { owner: namespace.owner, collections };
            catalogue.namespaces.insert(namespace.name, entry);
        }
        Ok(catalogue)
    }

    /// The collection, if whoever has this secret owns it.
    pub fn collection(
        &self,
        secret: SecretHash,
        namespace: &str,
        collection: &str,
    ) -> Result<&Known, Refused> {
        let entry = self.entry(secret, namespace)?;
        let found = Name::new(collection).ok().and_then(|name| entry.collections.get(&name));
        found.ok_or_else(|| Refused::NoCollection(nearest(collection, entry.collections.keys())))
    }

    /// All collections of a namespace, if whoever has this secret owns it.
    pub fn collections(&self, secret: SecretHash, namespace: &str) -> Result<Vec<&Known>, Refused> {
        let mut all: Vec<&Known> = self.entry(secret, namespace)?.collections.values().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    fn entry(&self, secret: SecretHash, namespace: &str) -> Result<&Entry, Refused> {
        let caller = self.services.get(&secret).ok_or(Refused::Unknown)?;
        let own = || self.namespaces.iter().filter(|(_, entry)| entry.owner == *caller).map(|(name, _)| name);
        let found = Name::new(namespace).ok().and_then(|name| self.namespaces.get(&name));
        // Names of others' namespaces are no secret to whoever asks for one by its name, but are not offered.
        let entry = found.ok_or_else(|| Refused::NoNamespace(nearest(namespace, own())))?;
        if entry.owner == *caller {
            Ok(entry)
        } else {
            Err(Refused::Other { caller: caller.clone(), owner: entry.owner.clone() })
        }
    }
}

/// The known name that is most like `asked`.
fn nearest<'a>(asked: &str, known: impl Iterator<Item = &'a Name>) -> Option<String> {
    /// Less alike than this is no typing error.
    const ALIKE: f64 = 0.7;
    let rated = known.map(|name| (strsim::jaro_winkler(asked, name.as_str()), name));
    let best = rated.filter(|(alike, _)| *alike >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0));
    best.map(|(_, name)| name.to_string())
}
