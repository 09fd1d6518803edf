//! Leases: of all who ask, one holds it, and can prove it when it writes.

use super::link::Link;
use super::{Store, StoreError, StoreErrorKind, time};
use std::sync::Arc;
use std::time::Duration;
use tenet_api::store::v1 as api;
use tenet_api::store::v1::lease_request::Action;
use tenet_collection::KeyBuilder;
use tokio::time::Instant;

/// A lease that can be taken: one holder at a time, over all instances of the service.
#[derive(Clone)]
pub struct Lease(Arc<Inner>);

struct Inner {
    link: Link,
    record: api::Record,
    holder: String,
    /// With its namespace, for errors.
    collection: String,
}

/// What came of asking for a lease.
#[derive(Clone, Debug)]
pub enum Taken {
    /// The one who asked holds it.
    Held(Held),
    /// Another does.
    ByAnother {
        /// Who.
        holder: String,
        /// For how long, unless it is kept longer.
        left: Duration,
    },
}

/// Proof of holding a lease. It does not end by being dropped: [`release`](Held::release) it, or let its time run out.
#[derive(Clone)]
pub struct Held {
    lease: Lease,
    token: u64,
    until: Instant,
}

impl Store {
    /// The lease with this name, kept in `collection`, which is one of the service's with a key of one text and for nothing but
    /// leases. The holder is this process: what it holds is not another's, also not its own after a restart.
    pub fn lease(&self, collection: &str, name: &str) -> Lease {
        let instance = std::env::var("TENET_INSTANCE").unwrap_or_default();
        let holder = format!("{instance}/{:016x}", holder());
        self.lease_as(collection, name, &holder)
    }

    /// The lease, for a holder of this name, of at most 256 bytes: whoever says the same name is the same holder.
    pub fn lease_as(&self, collection: &str, name: &str, holder: &str) -> Lease {
        let whole = api::Collection { namespace: self.namespace.to_string(), name: collection.to_owned() };
        let record = api::Record { collection: Some(whole), id: KeyBuilder::new().text(name).finish() };
        let collection = format!("{}/{collection}", self.namespace);
        Lease(Arc::new(Inner { link: self.link.clone(), record, holder: holder.to_owned(), collection }))
    }
}

/// What no other process and no other life of this one has: a number by chance, the same for all leases of the process.
fn holder() -> u64 {
    static CHANCE: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    *CHANCE.get_or_init(rand::random)
}

impl Lease {
    /// Takes it for a time from 100 ms to 1 h, counted from now; held already, it is kept for that long.
    ///
    /// # Errors
    /// A time that is too short or too long, or the store did not answer. Then it may be held: ask again, or let the time run out.
    pub async fn take(&self, hold: Duration) -> Result<Taken, StoreError> {
        // From when it was sent: the store begins to count later, so it is never held longer here than there.
        let asked = Instant::now();
        let answer = self.ask(Action::Hold(time::duration(hold))).await?;
        let left = time::span(answer.left);
        if answer.held {
            let until = asked + left.min(hold);
            return Ok(Taken::Held(Held { lease: self.clone(), token: answer.token, until }));
        }
        Ok(Taken::ByAnother { holder: answer.holder, left })
    }

    async fn ask(&self, action: Action) -> Result<api::LeaseResponse, StoreError> {
        let asked = api::LeaseRequest {
            record: Some(self.0.record.clone()),
            holder: self.0.holder.clone(),
            action: Some(action),
        };
        let answer = self.0.link.client().lease(self.0.link.request(asked)).await;
        let failed = |status| StoreError::of(status, &self.0.collection).at(self.name());
        Ok(answer.map_err(failed)?.into_inner())
    }

    fn name(&self) -> String {
        tenet_collection::show(&[tenet_collection::Kind::Text], &self.0.record.id).unwrap_or_default()
    }
}

impl Held {
    /// Greater than that of every holder before.
    pub fn token(&self) -> u64 {
        self.token
    }

    /// How long it is held for certain; zero when that is over.
    pub fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// Keeps it for this long from now.
    ///
    /// # Errors
    /// [`Fenced`](StoreErrorKind::Fenced) where another has it, or had it meanwhile; else as of [`Lease::take`].
    pub async fn keep(&mut self, hold: Duration) -> Result<(), StoreError> {
        let current = match self.lease.take(hold).await? {
            Taken::Held(held) if held.token == self.token => {
                self.until = held.until;
                return Ok(());
            }
            // It was another's meanwhile: what was done under the old token is not what is done now.
            Taken::Held(held) => {
                let token = held.token;
                held.release().await?;
                Some(token)
            }
            Taken::ByAnother { .. } => None,
        };
        let error = StoreError::new(StoreErrorKind::Fenced { current }, &self.lease.0.collection);
        Err(error.at(self.lease.name()))
    }

    /// Gives it up.
    ///
    /// # Errors
    /// The store did not answer: then it is over when its time is.
    pub async fn release(self) -> Result<(), StoreError> {
        self.lease.ask(Action::Release(true)).await.map(drop)
    }

    pub(super) fn fence(&self) -> api::Fence {
        api::Fence { lease: Some(self.lease.0.record.clone()), token: self.token }
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").field("token", &self.token).finish_non_exhaustive()
    }
}
