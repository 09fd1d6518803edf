//! The store as the example's tests have it: its service over the engine in memory, in the test's process, for what `tenet.toml` says that
//! the services keep.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use tenet_api::store::FILE_DESCRIPTOR_SET;
use tenet_api::store::v1::store_server::StoreServer;
use tenet_client::Client;
use tenet_client::store::Store;
use tenet_release::Release;
use tenet_service::{Facts, PropagateLayer, Service};
use tenet_store::catalogue::{Catalogue, Declared, Namespace, SecretHash};
use tenet_store::engine::memory::Memory;
use tenet_store::name::Name;
use tenet_store::owner::{Owner, Width};
use tenet_store::service::StoreService;
use tower_layer::Layer;

/// Bytes of one call: a page of keys and values, or a piece of a long value.
const MESSAGE_MAX: usize = 8 << 20;

/// Collections by the service that keeps them.
static COLLECTIONS: LazyLock<BTreeMap<String, Vec<Declared>>> = LazyLock::new(|| {
    let release = Release::load(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap_or_else(|why| panic!("{why}"));
    let mut collections: BTreeMap<String, Vec<Declared>> = BTreeMap::new();
    for (service, schema) in release.collections() {
        let declared = Declared::of(Arc::new(schema.clone())).unwrap();
        collections.entry(service.to_owned()).or_default().push(declared);
    }
    collections
});

/// A store that serves until the test's runtime ends.
pub struct Kept {
    pub address: SocketAddr,
}

impl Kept {
    pub async fn start() -> Kept {
        let memory = Arc::new(Memory::new());
        let namespaces = COLLECTIONS.iter().map(|(service, collections)| Namespace {
            name: Name::new(service).unwrap(),
            owner: service.clone(),
            secrets: vec![SecretHash::of(secret(service).as_bytes())],
            collections: collections.clone(),
        });
        let catalogue = Catalogue::declare(&*memory, namespaces.collect()).await.unwrap();
        let server = StoreServer::new(StoreService::new(Owner::start(memory, Width::default()), catalogue));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = Service::new("store")
            .descriptor_set(FILE_DESCRIPTOR_SET)
            .add(server.max_decoding_message_size(MESSAGE_MAX));
        let facts = Facts::from_lookup("store", |_| None).unwrap();
        tokio::spawn(service.serve_on(listener, facts, std::future::pending()));
        Kept { address }
    }

    /// The store as a service in this process sees it.
    #[allow(dead_code, reason = "tests of processes have none")]
    pub fn seen_by(&self, service: &str) -> Store {
        let client = Client::builder("store")
            .addresses([self.address])
            .zone("")
            .descriptor_set(FILE_DESCRIPTOR_SET)
            .answer_max(MESSAGE_MAX)
            .build()
            .unwrap();
        Store::over(PropagateLayer.layer(client), service, &secret(service)).unwrap()
    }
}

/// By what a service is known: 64 hexadecimal digits, as `tenet up` makes them.
pub fn secret(service: &str) -> String {
    let digits: String = service.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{digits:0<64}")
}
