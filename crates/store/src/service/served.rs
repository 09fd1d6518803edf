//! What is served and to whom: the catalogue in force, and what follows it while calls go on.
//!
//! A call uses the catalogue that is in force when it looks, and never waits for a new one. A release is *prepared* before it is in force:
//! what it adds is served from then on, so that an instance that was started for it finds its collections; what it changes or leaves out
//! is as before until it is *taken over*.

use super::StoreService;
use crate::access::{AccessError, AccessFile};
use crate::catalogue::{Catalogue, DeclareError, Namespace};
use crate::engine::EngineError;
use crate::name::Name;
use crate::owner::Owner;
use crate::quota::{self, Limits, Quotas};
use arc_swap::{ArcSwap, Guard};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{Mutex, watch};

/// The state that all clones of a service share.
pub(super) struct Served {
    catalogue: ArcSwap<Catalogue>,
    quotas: Arc<Quotas>,
    access: Option<AccessFile>,
    /// Held while a release is prepared or taken over: one at a time.
    changing: Mutex<()>,
    ending: watch::Sender<bool>,
}

impl StoreService {
    /// Over an owner and what is declared. Those who may call are the catalogue's, and stay the same.
    pub fn new(owner: Owner, catalogue: Catalogue) -> StoreService {
        StoreService::over(owner, catalogue, None)
    }

    /// Over an owner and what is declared, for those whom a file names: as it is now, and as it becomes. See [`AccessFile`].
    ///
    /// # Errors
    /// The file cannot be read now.
    pub async fn with_access(
        owner: Owner,
        catalogue: Catalogue,
        access: AccessFile,
    ) -> Result<StoreService, AccessError> {
        let known = access.read().await?;
        Ok(StoreService::over(owner, catalogue.with_secrets(known.secrets()), Some(access)))
    }

    fn over(owner: Owner, catalogue: Catalogue, access: Option<AccessFile>) -> StoreService {
        owner.metrics().know(&catalogue);
        let quotas = Arc::<Quotas>::default();
        let served = Served {
            catalogue: ArcSwap::from_pointee(catalogue.with_quotas(&quotas)),
            quotas,
            access,
            changing: Mutex::default(),
            ending: watch::Sender::new(false),
        };
        StoreService { owner, served: Arc::new(served) }
    }

    /// Declares and serves what `namespaces` have beyond what is served, and reads who may call.
    ///
    /// # Errors
    /// The engine cannot give what is asked for, or does not answer; then nothing is served that was not before.
    pub async fn prepare(&self, namespaces: Vec<Namespace>) -> Result<(), DeclareError> {
        let _changing = self.served.changing.lock().await;
        let engine = self.owner.engine();
        Catalogue::check(engine.as_ref(), &namespaces)?;
        let missing = self.catalogue().missing(namespaces);
        let fresh = Catalogue::declare(engine.as_ref(), missing).await?.with_quotas(&self.served.quotas);
        self.owner.metrics().know(&fresh);
        self.served.catalogue.rcu(|now| now.joined(fresh.clone()));
        self.read_access().await;
        Ok(())
    }

    /// Declares and serves `namespaces` and nothing else, and reads who may call.
    ///
    /// # Errors
    /// As of [`prepare`](StoreService::prepare).
    pub async fn take_over(&self, namespaces: Vec<Namespace>) -> Result<(), DeclareError> {
        let _changing = self.served.changing.lock().await;
        let fresh = Catalogue::declare(self.owner.engine().as_ref(), namespaces).await?;
        let fresh = fresh.with_quotas(&self.served.quotas);
        self.owner.metrics().know(&fresh);
        if self.served.access.is_some() {
            // The release does not say who may call; the file does.
            self.served.catalogue.rcu(|now| fresh.clone().with_secrets_of(now));
            self.read_access().await;
        } else {
            self.served.catalogue.store(Arc::new(fresh));
        }
        Ok(())
    }

    /// What each namespace may take from now on, where the store has so many processes. One that is not named may take as much as there is.
    pub fn limit(&self, limits: &BTreeMap<Name, Limits>, processes: u32) {
        self.served.quotas.limit(limits, processes);
    }

    /// What namespaces may take, have, and were refused.
    pub fn quotas(&self) -> &Arc<Quotas> {
        &self.served.quotas
    }

    /// Measures how much the namespaces keep that have a limit of it. Does not end by itself.
    pub async fn keep_sizes(&self) {
        let engine = self.owner.engine().clone();
        quota::measure(self.served.quotas.clone(), engine, || self.catalogue_kept()).await;
    }

    /// Takes over rows of indexes that another process gave them. While a release is taken over here, it does that.
    pub(super) async fn follow_indexes(&self) -> Result<(), EngineError> {
        let Ok(_changing) = self.served.changing.try_lock() else { return Ok(()) };
        let changed = self.catalogue_kept().changed(self.owner.engine().as_ref()).await?;
        if !changed.is_empty() {
            self.served.catalogue.rcu(|now| now.with(&changed));
        }
        Ok(())
    }

    /// Ends what has no end by itself (scans after their page, watches), so that a drain need not wait for it.
    pub fn end(&self) {
        self.served.ending.send_replace(true);
    }

    /// True once it is ending.
    pub(super) fn ending(&self) -> watch::Receiver<bool> {
        self.served.ending.subscribe()
    }

    /// What is served now.
    pub(super) fn catalogue(&self) -> Guard<Arc<Catalogue>> {
        self.served.catalogue.load()
    }

    /// The same, to be kept while something is waited for.
    pub(super) fn catalogue_kept(&self) -> Arc<Catalogue> {
        self.served.catalogue.load_full()
    }

    /// Reads who may call, for somebody who is not known.
    pub(super) async fn look_for_strangers(&self) {
        let Some(access) = &self.served.access else { return };
        if let Some(known) = access.read_for_a_stranger().await {
            self.served.catalogue.rcu(|now| now.with_secrets(known.secrets()));
        }
    }

    async fn read_access(&self) {
        let Some(access) = &self.served.access else { return };
        match access.read().await {
            Ok(known) => drop(self.served.catalogue.rcu(|now| now.with_secrets(known.secrets()))),
            Err(error) => tracing::warn!("those who are known stay the same: {error}"),
        }
    }
}
