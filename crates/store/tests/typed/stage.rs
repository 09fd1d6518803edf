//! A store over an engine, called as a service calls it.

use crate::contract::{Shirt, key, schema};
use prost::Message;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tenet_api::store::v1::store_server::Store;
use tenet_api::store::v1::{self as api, write::Change};
use tenet_store::catalogue::{Catalogue, Declared, Namespace, SecretHash};
use tenet_store::engine::Engine;
use tenet_store::name::Name;
use tenet_store::owner::{Owner, Width};
use tenet_store::service::StoreService;
use tokio_stream::StreamExt as _;
use tonic::{Request, Status};

const SECRET: &str = "of the shop";

pub struct Stage {
    pub engine: Arc<dyn Engine>,
    pub owner: Owner,
    pub service: StoreService,
    nonce: AtomicU64,
}

/// The namespace with the collection `shirts`: typed with these indexes, or of bytes that nobody looks into.
pub fn namespaces(indexes: Option<&[&str]>) -> Vec<Namespace> {
    let plain = Declared {
        name: Name::new("shirts").unwrap(),
        atomic_across_records: true,
        ttl: None,
        retention: Duration::from_secs(60),
        schema: None,
    };
    let declared = indexes.map_or(plain, |indexes| Declared::of(schema(indexes)).unwrap());
    let name = Name::new("shop").unwrap();
    let secrets = vec![SecretHash::of(SECRET.as_bytes())];
    vec![Namespace { name, owner: "shop".into(), secrets, collections: vec![declared] }]
}

pub fn request<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("tenet-store-secret", SECRET.parse().unwrap());
    request
}

pub fn collection() -> Option<api::Collection> {
    Some(api::Collection { namespace: "shop".into(), name: "shirts".into() })
}

pub fn record(id: &str) -> Option<api::Record> {
    Some(api::Record { collection: collection(), id: key(id) })
}

pub fn put(value: &Shirt) -> api::Write {
    api::Write { key: Vec::new(), change: Some(Change::Put(value.encode_to_vec())), ttl: None }
}

/// A scan of all that an index has.
pub fn by(index: &str) -> api::ScanRequest {
    api::ScanRequest { collection: collection(), index: index.into(), ..api::ScanRequest::default() }
}

impl Stage {
    pub async fn new(engine: Arc<dyn Engine>, indexes: Option<&[&str]>) -> Stage {
        let owner = Owner::start(engine.clone(), Width::default());
        let catalogue = Catalogue::declare(owner.engine().as_ref(), namespaces(indexes)).await.unwrap();
        let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
        let service = StoreService::new(owner.clone(), catalogue);
        Stage { engine, owner, service, nonce: AtomicU64::new(seed) }
    }

    pub fn token(&self) -> Option<api::WriteToken> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
        let nonce = u128::from(self.nonce.fetch_add(1, Ordering::Relaxed)).to_be_bytes().to_vec();
        Some(api::WriteToken { time_unix_ms: now, nonce })
    }

    /// Puts a message where it belongs.
    pub async fn put(&self, value: &Shirt) -> Result<api::WriteResponse, Status> {
        self.put_at(&value.id, value).await
    }

    pub async fn put_at(&self, id: &str, value: &Shirt) -> Result<api::WriteResponse, Status> {
        let asked = api::PutRequest { record: record(id), writes: vec![put(value)], token: self.token() };
        Ok(self.service.put(request(asked)).await?.into_inner())
    }

    pub async fn delete(&self, id: &str) -> Result<api::WriteResponse, Status> {
        let keys = vec![Vec::new()];
        let asked = api::DeleteRequest { record: record(id), keys, range: None, token: self.token() };
        Ok(self.service.delete(request(asked)).await?.into_inner())
    }

    pub async fn pages(&self, asked: api::ScanRequest) -> Result<Vec<api::ScanPage>, Status> {
        let mut pages = Box::pin(self.service.scan(request(asked)).await?.into_inner());
        let mut all = Vec::new();
        while let Some(page) = pages.next().await {
            all.push(page?);
        }
        Ok(all)
    }

    /// The messages of a scan.
    pub async fn scan(&self, asked: api::ScanRequest) -> Result<Vec<Shirt>, Status> {
        Ok(self
            .pages(asked)
            .await?
            .into_iter()
            .flat_map(|page| page.items)
            .map(|item| shirt_of(&item))
            .collect())
    }

    /// The ids of what an index has.
    pub async fn ids(&self, index: &str) -> Result<Vec<String>, Status> {
        Ok(self.scan(by(index)).await?.into_iter().map(|shirt| shirt.id).collect())
    }

    pub async fn describe(&self) -> api::CollectionDescription {
        let asked = api::DescribeRequest { namespace: "shop".into() };
        self.service.describe(request(asked)).await.unwrap().into_inner().collections.remove(0)
    }

    /// Works on the indexes until there is nothing left to do, or nothing that can be done.
    pub async fn settle(&self) -> tenet_store::service::Filling {
        loop {
            let left = self.service.index_step().await.unwrap();
            if left != tenet_store::service::Filling::More {
                return left;
            }
        }
    }

    /// Rows of hidden collections of indexes that the engine has.
    pub async fn rows(&self) -> u64 {
        let mut rows = 0;
        for (id, known) in self.engine.collections().await.unwrap() {
            if known.name.collection.as_str().starts_with("shirts.") {
                rows += self.engine.size(id).await.unwrap().items;
            }
        }
        rows
    }
}

pub fn shirt_of(scanned: &api::ScannedItem) -> Shirt {
    let shirt = Shirt::decode(&scanned.item.as_ref().unwrap().value[..]).unwrap();
    assert_eq!(scanned.record_id, key(&shirt.id));
    shirt
}

/// `google.rpc.ErrorInfo`, as far as it is read.
#[derive(Clone, PartialEq, Message)]
struct ErrorInfo {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(map = "string, string", tag = "3")]
    metadata: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct Details {
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

/// The reason of a status, and a value of its metadata.
pub fn reason(status: &Status, key: &str) -> (String, String) {
    let details = Details::decode(status.details()).unwrap().details;
    let info = details.iter().find(|any| any.type_url.ends_with("google.rpc.ErrorInfo"));
    let info = info.map(|any| ErrorInfo::decode(&any.value[..]).unwrap()).unwrap_or_default();
    (info.reason, info.metadata.get(key).cloned().unwrap_or_default())
}
