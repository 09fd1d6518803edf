//! Instances of the store over one engine in memory, and what can go wrong between them and whoever calls.

use super::contract::SET;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body as HttpBody, Frame};
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use tenet_api::store::FILE_DESCRIPTOR_SET;
use tenet_api::store::v1::store_server::StoreServer;
use tenet_client::Client;
use tenet_client::store::{Collection, Store};
use tenet_collection::Schema;
use tenet_service::{Facts, PropagateLayer, Service};
use tenet_store::catalogue::{Catalogue, Declared, Namespace, SecretHash};
use tenet_store::engine::memory::Memory;
use tenet_store::name::Name;
use tenet_store::owner::{Owner, Width};
use tenet_store::service::StoreService;
use tokio::net::TcpListener;
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tower_layer::Layer;

/// What the service `notes` is known by.
pub const SECRET: &str = "of notes";
/// Another secret of it, as the runner makes them.
pub const MADE: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
/// What `payments` is.
pub const OTHER: &str = "of payments";

/// What goes wrong, and what was seen, over all instances.
#[derive(Default)]
pub struct Faults {
    /// Answers that are made and get lost on their way: those of so many of the next writes.
    pub lose: AtomicUsize,
    /// Streams whose answer breaks off after this many bytes, one after the other; the first is the next.
    pub cut: Mutex<Vec<usize>>,
    /// Calls of this method are never answered.
    pub silent: Mutex<Option<&'static str>>,
    /// Calls of this method are refused with this.
    pub refuse: Mutex<Option<(&'static str, Status)>>,
    /// Calls by method.
    pub calls: Mutex<HashMap<String, usize>>,
    /// The fields of the last call.
    pub fields: Mutex<HeaderMap>,
    /// Streams that were cut.
    pub broken: AtomicI64,
}

impl Faults {
    pub fn calls(&self, method: &str) -> usize {
        self.calls.lock().unwrap().get(method).copied().unwrap_or(0)
    }
}

/// Instances of the store, and a client of them all.
pub struct Stage {
    pub memory: Arc<Memory>,
    pub faults: Arc<Faults>,
    pub addresses: Vec<SocketAddr>,
    pub client: Client,
    pub store: Store,
}

impl Stage {
    /// With so many instances.
    pub async fn with(instances: usize) -> Stage {
        let memory = Arc::new(Memory::new());
        let faults = Arc::new(Faults::default());
        let mut addresses = Vec::new();
        for _ in 0..instances {
            // What another instance writes, a near cache would not see: this engine believes itself alone.
            let owner = Owner::start(memory.clone(), Width { near_bytes: 0, ..Width::default() });
            let catalogue = Catalogue::declare(&*memory, namespaces()).await.unwrap();
            let server =
                StoreServer::new(StoreService::new(owner, catalogue)).max_decoding_message_size(8 << 20);
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            addresses.push(listener.local_addr().unwrap());
            let service = Service::new("store")
                .descriptor_set(FILE_DESCRIPTOR_SET)
                .add(Faulty { inner: server, faults: faults.clone() });
            let facts = Facts::from_lookup("store", |_| None).unwrap();
            tokio::spawn(service.serve_on(listener, facts, std::future::pending()));
        }
        let client = Client::builder("store")
            .addresses(addresses.clone())
            .zone("")
            .descriptor_set(FILE_DESCRIPTOR_SET)
            .answer_max((8 << 20) + 5)
            .build()
            .unwrap();
        let store = Store::over(PropagateLayer.layer(client.clone()), "notes", SECRET).unwrap();
        Stage { memory, faults, addresses, client, store }
    }

    /// With one instance.
    pub async fn one() -> Stage {
        Stage::with(1).await
    }

    pub fn of<T: prost::Message + Default + prost::Name>(&self) -> Collection<T> {
        self.store.collection(&SET).unwrap()
    }

    /// The store as somebody else calls it.
    pub fn known_by(&self, namespace: &str, secret: &str) -> Store {
        Store::over(PropagateLayer.layer(self.client.clone()), namespace, secret).unwrap()
    }
}

/// Everything of `notes.proto` in the namespace of `notes`, and another service's.
fn namespaces() -> Vec<Namespace> {
    let pool = prost_reflect::DescriptorPool::decode(&SET[..]).unwrap();
    let schemas = pool.all_messages().filter_map(|message| Schema::of(&message)).map(Result::unwrap);
    let declared = |schema: Schema| Declared::of(Arc::new(schema)).unwrap();
    let namespace = |name: &str, secrets: &[&str], collections| Namespace {
        name: Name::new(name).unwrap(),
        owner: name.into(),
        secrets: secrets.iter().map(|secret| SecretHash::of(secret.as_bytes())).collect(),
        collections,
    };
    let notes: Vec<Declared> = schemas.map(declared).collect();
    let theirs = notes.iter().filter(|one| one.name.as_str() == "note").cloned().collect();
    vec![namespace("notes", &[SECRET, MADE], notes), namespace("payments", &[OTHER], theirs)]
}

/// The store's server, with faults around it.
#[derive(Clone)]
struct Faulty {
    inner: StoreServer<StoreService>,
    faults: Arc<Faults>,
}

impl NamedService for Faulty {
    const NAME: &'static str = <StoreServer<StoreService> as NamedService>::NAME;
}

impl tower_service::Service<Request<Body>> for Faulty {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Faulty { mut inner, faults } = self.clone();
        let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        *faults.calls.lock().unwrap().entry(method.clone()).or_default() += 1;
        *faults.fields.lock().unwrap() = request.headers().clone();
        let silent = faults.silent.lock().unwrap().is_some_and(|silent| silent == method);
        let refused = faults.refuse.lock().unwrap().clone().filter(|(refused, _)| *refused == method);
        Box::pin(async move {
            if silent {
                std::future::pending::<()>().await;
            }
            if let Some((_, status)) = refused {
                return Ok(status.into_http());
            }
            let answer = tower_service::Service::call(&mut inner, request).await?;
            let streams = method == "Scan" || method == "Watch" || method == "ReadValue";
            let cut = match streams {
                true => {
                    let mut cuts = faults.cut.lock().unwrap();
                    if cuts.is_empty() { None } else { Some(cuts.remove(0)) }
                }
                false if method.contains("Get") => None,
                // The work is done; what is lost is the answer.
                false => faults.lose.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).ok().map(|_| 0),
            };
            Ok(match cut {
                None => answer,
                Some(left) => answer.map(|inner| Body::new(Cut { inner, left, faults })),
            })
        })
    }
}

/// A body that breaks off.
struct Cut {
    inner: Body,
    left: usize,
    faults: Arc<Faults>,
}

impl HttpBody for Cut {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.left == 0 {
            self.faults.broken.fetch_add(1, SeqCst);
            return Poll::Ready(Some(Err(Status::unknown("cut"))));
        }
        let frame = match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            other => return Poll::Ready(other),
        };
        Poll::Ready(Some(Ok(match frame.into_data() {
            Ok(mut data) => {
                data.truncate(self.left);
                self.left -= data.len();
                Frame::data(data)
            }
            Err(frame) => frame,
        })))
    }
}
