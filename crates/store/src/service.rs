//! The store's gRPC service: who calls, what may be said, and the answers.
//!
//! ```text
//!   request ─▶ access (secret → service → namespace) ─▶ quota ─▶ terms (names, keys, bounds) ─▶ owner / engine ─▶ answer
//!                                                                  │
//!                                                                  └─ all that is wrong with it, field by field
//! ```

mod access;
mod answer;
mod fault;
mod indexes;
mod lease;
mod quota;
mod read;
mod scan;
mod served;
mod terms;
mod typed;
mod value;
mod watch;
mod write;

use crate::owner::Owner;
use served::Served;
use std::pin::Pin;
use std::sync::Arc;
use tenet_api::store::v1 as api;
use tenet_api::store::v1::store_server::Store;
use tenet_service::Limits;
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

pub use access::SECRET;
pub use indexes::Filling;
pub use terms::TOKEN_LIFE;

/// The contract, compiled: for reflection and metrics.
pub use tenet_api::store::FILE_DESCRIPTOR_SET;

/// Calls that the store always takes at a time. Those that wait for the engine wait to be joined: fewer of them make its batches smaller and not
/// its answers faster, which a limit that follows latency cannot know. Beyond them it is asked.
const CALLS: u32 = 1024;

/// The limits to serve it with.
pub fn limits() -> Limits {
    Limits { calls_min: CALLS, ..Limits::default() }
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Serves `tenet.store.v1.Store`. Clones are the same service.
#[derive(Clone)]
pub struct StoreService {
    owner: Owner,
    served: Arc<Served>,
}

#[tonic::async_trait]
impl Store for StoreService {
    async fn get(&self, request: Request<api::GetRequest>) -> Result<Response<api::GetResponse>, Status> {
        let (caller, asked) = self.split(request).await?;
        self.read(caller, asked).await.map(Response::new)
    }

    async fn batch_get(
        &self,
        request: Request<api::BatchGetRequest>,
    ) -> Result<Response<api::BatchGetResponse>, Status> {
        let (caller, asked) = self.split(request).await?;
        self.read_many(caller, asked).await.map(Response::new)
    }

    async fn put(&self, request: Request<api::PutRequest>) -> Result<Response<api::WriteResponse>, Status> {
        let (caller, asked) = self.split(request).await?;
        self.write_put(caller, asked).await.map(Response::new)
    }

    async fn delete(
        &self,
        request: Request<api::DeleteRequest>,
    ) -> Result<Response<api::WriteResponse>, Status> {
        let (caller, asked) = self.split(request).await?;
        self.write_delete(caller, asked).await.map(Response::new)
    }

    async fn mutate(
        &self,
        request: Request<api::MutateRequest>,
    ) -> Result<Response<api::WriteResponse>, Status> {
        let (caller, asked) = self.split(request).await?;
        self.write_mutate(caller, asked).await.map(Response::new)
    }

    type ScanStream = Answers<api::ScanPage>;

    async fn scan(&self, request: Request<api::ScanRequest>) -> Result<Response<Self::ScanStream>, Status> {
        let (caller, asked) = self.split(request).await?;
        self.pages(caller, asked).map(Response::new)
    }

    type WatchStream = Answers<api::WatchResponse>;

    async fn watch(
        &self,
        request: Request<api::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let (caller, asked) = self.split(request).await?;
        self.changes(caller, asked).await.map(Response::new)
    }

    type ReadValueStream = Answers<api::ReadValueResponse>;

    async fn read_value(
        &self,
        request: Request<api::ReadValueRequest>,
    ) -> Result<Response<Self::ReadValueStream>, Status> {
        let (caller, asked) = self.split(request).await?;
        self.value_out(caller, asked).await.map(Response::new)
    }

    async fn write_value(
        &self,
        request: Request<Streaming<api::WriteValueRequest>>,
    ) -> Result<Response<api::WriteResponse>, Status> {
        let (caller, asked) = self.split(request).await?;
        self.value_in(caller, asked).await.map(Response::new)
    }

    async fn lease(
        &self,
        request: Request<api::LeaseRequest>,
    ) -> Result<Response<api::LeaseResponse>, Status> {
        let (caller, asked) = self.split(request).await?;
        self.hold(caller, asked).await.map(Response::new)
    }

    async fn describe(
        &self,
        request: Request<api::DescribeRequest>,
    ) -> Result<Response<api::DescribeResponse>, Status> {
        let (caller, asked) = self.split(request).await?;
        self.describe_namespace(caller, &asked.namespace).await.map(Response::new)
    }
}
