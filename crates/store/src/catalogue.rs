//! Who may do what where: namespaces, their owners, and what their collections are.

mod indexes;
mod secret;

pub use secret::SecretHash;

use crate::engine::{Collection, Engine, EngineError};
use crate::name::{BadName, CollectionId, CollectionName, Name};
use crate::quota::{Quota, Quotas};
use crate::typed::Typed;
use indexes::Indexes;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tenet_collection::Schema;

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
    /// What its items are. None: bytes that nobody looks into.
    pub schema: Option<Arc<Schema>>,
}

impl Declared {
    /// The collection whose items are messages of `schema`.
    ///
    /// # Errors
    /// Its name is none for the store.
    pub fn of(schema: Arc<Schema>) -> Result<Declared, BadName> {
        Ok(Declared {
            name: Name::new(&schema.name)?,
            atomic_across_records: schema.atomic_across_records,
            ttl: schema.ttl,
            retention: schema.retention,
            schema: Some(schema),
        })
    }

    fn has_indexes(&self) -> bool {
        self.schema.as_ref().is_some_and(|schema| !schema.indexes.is_empty())
    }
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
    /// What its items are, and where their index entries lie. None: bytes that nobody looks into.
    pub typed: Option<Arc<Typed>>,
    /// What its namespace may take.
    pub quota: Arc<Quota>,
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
    /// Where it is kept how far its indexes are. None: it never had one.
    states: Option<CollectionId>,
    collections: HashMap<Name, Arc<Known>>,
}

impl Catalogue {
    /// Declares everything to the engine, after it was seen to give what each collection asks for.
    pub async fn declare(engine: &dyn Engine, namespaces: Vec<Namespace>) -> Result<Catalogue, DeclareError> {
        Catalogue::check(engine, &namespaces)?;
        let mut catalogue = Catalogue::default();
        let indexes = Indexes::of(engine).await?;
        for namespace in namespaces {
            let mut collections = HashMap::new();
            let quota = Arc::new(Quota::new(namespace.name.clone()));
            let has_indexes = namespace.collections.iter().any(Declared::has_indexes);
            let states = indexes.states(&namespace.name, has_indexes).await?;
            for declared in namespace.collections {
                let name =
                    CollectionName { namespace: namespace.name.clone(), collection: declared.name.clone() };
                let typed = indexes.begin(states, &name, declared.schema.as_ref()).await?;
                let layout = typed.as_ref().map_or(0, |typed| typed.layout);
                let collection = Collection { name: name.clone(), retention: declared.retention, layout };
                let id = engine.declare(collection).await?;
                let known = Known { id, name, typed: typed.map(Arc::new), declared, quota: quota.clone() };
                indexes.end(states, &known).await?;
                collections.insert(known.declared.name.clone(), Arc::new(known));
            }
            for secret in namespace.secrets {
                catalogue.services.insert(secret, namespace.owner.clone());
            }
            let entry = Entry { owner: namespace.owner, states, collections };
            catalogue.namespaces.insert(namespace.name, entry);
        }
        Ok(catalogue)
    }

    /// Whether the engine gives what the collections ask for. It is not asked anything.
    pub fn check(engine: &dyn Engine, namespaces: &[Namespace]) -> Result<(), DeclareError> {
        let gives = engine.guarantees();
        for namespace in namespaces {
            for declared in &namespace.collections {
                let lacks = [
                    (!gives.linearizable_records, "linearizable records"),
                    (declared.atomic_across_records && !gives.atomic_across_records, "writes across records"),
                    (
                        declared.has_indexes() && !gives.atomic_across_records,
                        "indexes (writes across records)",
                    ),
                    (!declared.retention.is_zero() && !gives.change_feed, "a change feed"),
                ];
                if let Some((_, what)) = lacks.into_iter().find(|(lacks, _)| *lacks) {
                    let (namespace, collection) = (namespace.name.clone(), declared.name.clone());
                    let collection = CollectionName { namespace, collection };
                    return Err(DeclareError::NotGiven { collection, what, engine: engine.name() });
                }
            }
        }
        Ok(())
    }

    /// Of `namespaces` what is not here yet.
    pub fn missing(&self, namespaces: Vec<Namespace>) -> Vec<Namespace> {
        let left = |mut namespace: Namespace| {
            if let Some(entry) = self.namespaces.get(&namespace.name) {
                namespace.collections.retain(|declared| !entry.collections.contains_key(&declared.name));
            }
            namespace
        };
        namespaces.into_iter().map(left).collect()
    }

    /// This and what only `more` has; the secrets are this one's.
    #[must_use]
    pub fn joined(&self, more: Catalogue) -> Catalogue {
        let mut joined = self.clone();
        for (name, fresh) in more.namespaces {
            let entry = joined.namespaces.entry(name).or_insert_with(|| Entry {
                owner: fresh.owner,
                states: None,
                collections: HashMap::new(),
            });
            entry.states = entry.states.or(fresh.states);
            for (name, known) in fresh.collections {
                entry.collections.entry(name).or_insert(known);
            }
        }
        joined
    }

    /// The same collections for those who have these secrets, by the names of their services.
    #[must_use]
    pub fn with_secrets(&self, secrets: impl IntoIterator<Item = (SecretHash, String)>) -> Catalogue {
        Catalogue { namespaces: self.namespaces.clone(), services: secrets.into_iter().collect() }
    }

    /// The same collections for those who have the secrets of `other`.
    #[must_use]
    pub fn with_secrets_of(self, other: &Catalogue) -> Catalogue {
        Catalogue { namespaces: self.namespaces, services: other.services.clone() }
    }

    /// The same collections under these quotas, which other catalogues may share.
    #[must_use]
    pub(crate) fn with_quotas(mut self, quotas: &Quotas) -> Catalogue {
        for (name, entry) in &mut self.namespaces {
            let quota = quotas.of(name);
            for known in entry.collections.values_mut() {
                *known = Arc::new(Known { quota: quota.clone(), ..Known::clone(known) });
            }
        }
        self
    }

    /// The collections of a namespace.
    pub(crate) fn in_namespace(&self, name: &Name) -> Vec<CollectionId> {
        let entry = self.namespaces.get(name);
        entry.into_iter().flat_map(|entry| entry.collections.values()).map(|known| known.id).collect()
    }

    /// Collections whose indexes have other rows than is known here, by the layout that is in force: another process gave them fresh ones. Nothing is
    /// declared.
    pub(crate) async fn changed(&self, engine: &dyn Engine) -> Result<Vec<Arc<Known>>, EngineError> {
        let indexes = Indexes::of(engine).await?;
        let changed = self.all().filter_map(|known| {
            let typed = Some(Arc::new(indexes.in_force(known)?));
            Some(Arc::new(Known { typed, ..Known::clone(known) }))
        });
        Ok(changed.collect())
    }

    /// This with these collections as they are now, where they are served.
    #[must_use]
    pub(crate) fn with(&self, now: &[Arc<Known>]) -> Catalogue {
        let mut with = self.clone();
        for known in with.namespaces.values_mut().flat_map(|entry| entry.collections.values_mut()) {
            if let Some(now) = now.iter().find(|now| now.id == known.id) {
                *known = now.clone();
            }
        }
        with
    }

    /// Whether a service is known by this secret.
    pub fn knows(&self, secret: SecretHash) -> bool {
        self.services.contains_key(&secret)
    }

    /// All collections of all namespaces, in no order.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Known>> {
        self.namespaces.values().flat_map(|entry| entry.collections.values())
    }

    /// The collection with this number.
    pub fn numbered(&self, id: CollectionId) -> Option<&Arc<Known>> {
        self.all().find(|known| known.id == id)
    }

    /// The collection one of whose indexes has its entries in `rows`, and the index's place.
    pub(crate) fn indexed(&self, rows: CollectionId) -> Option<(&Arc<Known>, usize)> {
        let place =
            |known: &Arc<Known>| known.typed.as_ref()?.indexes.iter().position(|of| of.collection == rows);
        self.all().find_map(|known| Some((known, place(known)?)))
    }

    /// Where it is kept how far indexes are.
    pub(crate) fn states(&self) -> impl Iterator<Item = CollectionId> {
        self.namespaces.values().filter_map(|entry| entry.states)
    }

    /// The collection, if whoever has this secret owns it.
    pub fn collection(
        &self,
        secret: SecretHash,
        namespace: &str,
        collection: &str,
    ) -> Result<&Arc<Known>, Refused> {
        let entry = self.entry(secret, namespace)?;
        let found = Name::new(collection).ok().and_then(|name| entry.collections.get(&name));
        found.ok_or_else(|| Refused::NoCollection(nearest(collection, entry.collections.keys())))
    }

    /// All collections of a namespace, if whoever has this secret owns it.
    pub fn collections(&self, secret: SecretHash, namespace: &str) -> Result<Vec<&Arc<Known>>, Refused> {
        let mut all: Vec<&Arc<Known>> = self.entry(secret, namespace)?.collections.values().collect();
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
