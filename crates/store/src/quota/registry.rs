//! The quotas of all namespaces: they outlive catalogues and releases, so that what was taken stays taken.

use super::room::{Amount, As, FRESH, Fits};
use super::{LetIn, Limits, Over, Quota};
use crate::catalogue::Catalogue;
use crate::engine::{Engine, EngineError};
use crate::metrics::{PAUSE, SHARE};
use crate::name::{CollectionId, Name};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use tenet_resilience::Moment;
use tokio::time::{Instant, sleep};

/// See the module.
#[derive(Debug)]
pub struct Quotas {
    started: Instant,
    by_name: Mutex<HashMap<Name, Arc<Quota>>>,
}

impl Default for Quotas {
    fn default() -> Quotas {
        Quotas { started: Instant::now(), by_name: Mutex::default() }
    }
}

impl Quotas {
    /// The time as quotas are told it.
    pub fn now(&self) -> Moment {
        Moment::from_start(self.started.elapsed())
    }

    /// The quota of a namespace; one without limits where there was none.
    pub fn of(&self, namespace: &Name) -> Arc<Quota> {
        let mut all = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(namespace.clone()).or_insert_with(|| Arc::new(Quota::new(namespace.clone()))).clone()
    }

    /// What each namespace may take from now on, where the store has so many processes. One that is not named has no limits.
    pub fn limit(&self, limits: &BTreeMap<Name, Limits>, processes: u32) {
        limits.keys().for_each(|name| drop(self.of(name)));
        for quota in self.all() {
            quota.set(limits.get(quota.name()).copied().unwrap_or_default(), processes);
        }
    }

    /// All there are, by name.
    pub(super) fn all(&self) -> Vec<Arc<Quota>> {
        let all = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Arc<Quota>> = all.values().cloned().collect();
        all.sort_by(|a, b| a.name().cmp(b.name()));
        all
    }

    /// Lets in what fits into its namespace, whose collections are these. The engine is asked where it may not. Where nothing is bounded
    /// nothing is written down.
    ///
    /// # Errors
    /// It does not fit.
    pub(crate) async fn let_in(
        &self,
        engine: &dyn Engine,
        quota: &Arc<Quota>,
        collections: impl FnOnce() -> Vec<CollectionId>,
        (more, what): (Amount, As),
    ) -> Result<Option<LetIn>, Over> {
        if !quota.room.is_bounded() {
            return Ok(None);
        }
        let asked = self.now();
        let since = if engine.knows_sizes() {
            asked
        } else {
            Moment::from_nanos(asked.nanos().saturating_sub(FRESH.as_nanos() as u64))
        };
        let mut fits = quota.room.fits(more, since);
        if fits == Fits::Measure {
            if let Err(error) = self.measure(engine, quota, &collections(), since).await {
                // An engine that is away says so to the write itself.
                tracing::debug!(namespace = %quota.name(), "how much it keeps is not known: {error}");
                return Ok(Some(LetIn::new(quota, more, what)));
            }
            fits = quota.room.fits(more, since);
        }
        match fits {
            Fits::Yes | Fits::Measure => Ok(Some(LetIn::new(quota, more, what))),
            Fits::No { limit, allowed, used } => Err(Over::Size { limit, allowed, used }),
        }
    }

    /// Asks the engine how much there is, unless somebody did after `since`.
    async fn measure(
        &self,
        engine: &dyn Engine,
        quota: &Quota,
        collections: &[CollectionId],
        since: Moment,
    ) -> Result<(), EngineError> {
        let _measuring = quota.measuring.lock().await;
        if quota.room.is_measured_after(since) {
            return Ok(());
        }
        let (at, written) = (self.now(), quota.room.begin_measure());
        let mut found = Amount::default();
        for id in collections {
            let size = engine.size(*id).await?;
            found.bytes += size.bytes;
            found.items += size.items;
        }
        quota.room.measured(found, written, at);
        Ok(())
    }
}

/// Measures namespaces that have a limit of what they keep, until it is dropped; `catalogue` says what there is at the time.
pub(crate) async fn measure(
    quotas: Arc<Quotas>,
    engine: Arc<dyn Engine>,
    catalogue: impl Fn() -> Arc<Catalogue>,
) {
    loop {
        let begun = Instant::now();
        for quota in quotas.all().iter().filter(|quota| quota.room.is_bounded()) {
            let collections = catalogue().in_namespace(quota.name());
            let measured = quotas.measure(engine.as_ref(), quota, &collections, quotas.now()).await;
            if let Err(error) = measured {
                tracing::debug!(namespace = %quota.name(), "how much it keeps is not known: {error}");
            }
        }
        sleep(PAUSE.max(begun.elapsed() * SHARE)).await;
    }
}
