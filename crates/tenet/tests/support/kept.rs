//! A caller of the store: its contract over the wire, with a service's secret.

use super::{Up, eventually, get};
use prost::Message as _;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};
use tenet_api::store::v1::store_client::StoreClient;
use tenet_api::store::v1::{self as api, write::Change};
use tenet_collection::KeyBuilder;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What all messages of the tests look like: a name, and what is kept under it.
#[derive(Clone, PartialEq, prost::Message)]
struct Kind {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    text: String,
}

/// A connection to the store, or to the gateways' private door before it.
pub struct Kept {
    runtime: tokio::runtime::Runtime,
    client: StoreClient<Channel>,
    secret: String,
    namespace: &'static str,
}

impl Kept {
    /// As the service `web` of this `up`.
    pub fn of(up: &Up) -> Kept {
        Kept::at(store(up, 1), &secret(up))
    }

    pub fn at(address: SocketAddr, secret: &str) -> Kept {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap().timeout(PATIENCE);
        let client = {
            let _guard = runtime.enter();
            StoreClient::new(endpoint.connect_lazy())
        };
        Kept { runtime, client, secret: secret.to_owned(), namespace: "web" }
    }

    /// The same caller, asking for another service's state.
    #[must_use]
    pub fn asking_for(mut self, namespace: &'static str) -> Kept {
        self.namespace = namespace;
        self
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("tenet-store-secret", self.secret.parse().unwrap());
        request
    }

    fn record(&self, collection: &str, id: &str) -> Option<api::Record> {
        let collection = api::Collection { namespace: self.namespace.into(), name: collection.into() };
        Some(api::Record { collection: Some(collection), id: KeyBuilder::new().text(id).finish() })
    }

    pub fn put(&self, collection: &str, id: &str, value: &str) -> Result<u64, Status> {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let token = api::WriteToken {
            time_unix_ms: i64::try_from(since.as_millis()).unwrap(),
            nonce: rand::random::<[u8; 16]>().into(),
        };
        let kept = Kind { id: id.into(), text: value.into() }.encode_to_vec();
        let write = api::Write { key: Vec::new(), change: Some(Change::Put(kept)), ttl: None };
        let asked =
            api::PutRequest { record: self.record(collection, id), writes: vec![write], token: Some(token) };
        let mut client = self.client.clone();
        let answer = self.runtime.block_on(client.put(self.request(asked)))?;
        Ok(answer.into_inner().version)
    }

    pub fn get(&self, collection: &str, id: &str) -> Result<Option<String>, Status> {
        let asked = api::GetRequest { record: self.record(collection, id), ..Default::default() };
        let mut client = self.client.clone();
        let answer = self.runtime.block_on(client.get(self.request(asked)))?.into_inner();
        Ok(answer.items.first().map(|item| Kind::decode(&item.value[..]).unwrap().text))
    }

    /// The same, as often as it takes while the store is away.
    pub fn get_soon(&self, collection: &str, id: &str) -> Option<String> {
        eventually("the store to answer", || match self.get(collection, id) {
            Ok(found) => Some(found),
            Err(status) => {
                assert!(
                    matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled),
                    "{status:?}"
                );
                None
            }
        })
    }
}

/// Where this process of the store serves.
pub fn store(up: &Up, number: u32) -> SocketAddr {
    up.member(&format!("store-{number}"))["address"].as_str().unwrap().parse().unwrap()
}

/// The secret of the service `web`.
pub fn secret(up: &Up) -> String {
    get(up.public(), "/web/secret").unwrap()
}
