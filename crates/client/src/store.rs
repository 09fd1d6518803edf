//! A service's state, kept by the store: messages of its contract as typed collections.
//!
//! ```text
//!   User ──encode──▶ key by its schema ──▶ Get, Put, Mutate, Scan, Watch ──▶ Client ──▶ store-1, store-2, …
//!     ▲   (option (tenet.policy.v1.collection) in the .proto)                  (balance, attempts, the same token again)
//!     └───────────────────────────── Kept<User>: version, age, expiry ◀──────────┘
//! ```
//!
//! ```no_run
//! # use tenet_client::store::{Change, Store, StoreError};
//! # #[derive(Clone, PartialEq, prost::Message)]
//! # struct User { #[prost(string, tag = "1")] user_id: String, #[prost(string, tag = "2")] name: String }
//! # impl prost::Name for User { const NAME: &'static str = "User"; const PACKAGE: &'static str = "accounts.v1"; }
//! # async fn rename(set: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
//! let store = Store::from_env(tenet_service::PropagateLayer)?;
//! let users = store.collection::<User>(set)?;
//! users
//!     .update("u7", |user| {
//!         let user = User { name: "Ada".into(), ..user.unwrap_or_default() };
//!         Ok::<_, StoreError>(Change::Put(User { user_id: "u7".into(), ..user }))
//!     })
//!     .await?;
//! # Ok(()) }
//! ```
//!
//! *What goes along with a call* is put there by the layer that a store is opened with: `tenet_service::PropagateLayer` hands on deadline, trace and
//! allowance of the call that is being served. What may be repeated is repeated by the [`Client`]'s rules; every write carries a token, so
//! that one which was done is not done again. A broken scan or watch goes on by itself where it was.
//!
//! *What is read* is strict, unless the schema says `cached` or [`Collection::cached`] was asked for. What a message's own `expire_field` says
//! is gone is not shown, also where the store has not removed it yet.

mod changes;
mod collection;
mod describe;
mod details;
mod error;
mod found;
mod key;
mod large;
mod lease;
mod link;
mod open;
mod range;
mod read;
mod scan;
mod schema;
mod secret;
mod status;
mod steps;
mod time;
mod token;
mod unknown;
mod update;
mod watch;
mod write;

pub use changes::Changes;
pub use collection::Collection;
pub use describe::{CollectionSize, Description};
pub use error::{StoreError, StoreErrorKind};
pub use found::Kept;
pub use key::{IntoKey, IntoPart, Key, Part};
pub use lease::{Held, Lease, Taken};
pub use link::{CallError, Calls};
pub use open::OpenError;
pub use range::Range;
pub use scan::Scan;
pub use update::Change;
pub use watch::{Changed, Watch};

use crate::Client;
use http::{Request, Response};
use link::Link;
use std::sync::Arc;
use tonic::body::Body;
use tonic::codegen::{Body as HttpBody, Bytes, StdError};
use tower_layer::Layer;
use tower_service::Service;

/// A service's namespace in the store. Clones are the same.
#[derive(Clone)]
pub struct Store {
    link: Link,
    namespace: Arc<str>,
    client: Option<Client>,
}

impl Store {
    /// The store as the environment says: instances by the roster that `TENET_ROSTER` names, else through the gateways at
    /// `TENET_STORE_URL` or `TENET_PRIVATE_URL`; the secret from the descriptor `TENET_STORE_SECRET_FD`, else from the file
    /// `TENET_STORE_SECRET_FILE`; the namespace is `TENET_SERVICE`.
    ///
    /// Every call goes through `layer`: `tenet_service::PropagateLayer` in a service, so that it carries the context of the call that is
    /// being served; `tower_layer::Identity` in a program that serves nothing. Connects when it is first used.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn from_env<L, B>(layer: L) -> Result<Store, OpenError>
    where
        L: Layer<Calls>,
        L::Service: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request<Body>>>::Error: Into<StdError>,
        <L::Service as Service<Request<Body>>>::Future: Send + 'static,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<StdError>,
    {
        let lookup = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let namespace = lookup("TENET_SERVICE").ok_or(OpenError::MissingFact {
            name: "TENET_SERVICE",
            why: "it is the namespace in the store, and `tenet up` sets it",
        })?;
        let secret = secret::of_process()?;
        let (calls, client) = link::from_lookup(lookup)?;
        let store = Store::over(layer.layer(calls), &namespace, &secret)?;
        Ok(Store { client, ..store })
    }

    /// The store behind any channel, as `namespace`, known by `secret`.
    ///
    /// # Errors
    /// The secret cannot stand in metadata.
    pub fn over<S, B>(channel: S, namespace: &str, secret: &str) -> Result<Store, OpenError>
    where
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<StdError>,
        S::Future: Send + 'static,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<StdError>,
    {
        let secret = link::secret(secret).ok_or(OpenError::NoSecret)?;
        let link = Link::new(link::boxed(channel), secret);
        Ok(Store { link, namespace: namespace.into(), client: None })
    }

    /// The collection whose schema is the message `T` in a compiled contract (an encoded `google.protobuf.FileDescriptorSet` with its
    /// imports). The store is not asked.
    ///
    /// # Errors
    /// The set has no such message, or the message's option is missing or wrong.
    pub fn collection<T: prost::Message + Default + prost::Name>(
        &self,
        descriptor_set: &[u8],
    ) -> Result<Collection<T>, OpenError> {
        let (message, schema) = schema::open(descriptor_set, &T::full_name())?;
        Ok(Collection::new(self.link.clone(), &self.namespace, message, schema))
    }

    /// The client that calls instances of the store, where they are called directly: for its metrics.
    pub fn client(&self) -> Option<&Client> {
        self.client.as_ref()
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}
