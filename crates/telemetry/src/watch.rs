//! `tenet.telemetry.v1.Telemetry`, served from a collector.

use crate::Collector;
use std::sync::Arc;
use tenet_api::telemetry::v1::{GetRequest, Snapshot, WatchRequest, telemetry_server};
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

/// The service over one collector.
pub struct Watch {
    #[allow(dead_code)]
    collector: Arc<Collector>,
}

/// A ready gRPC service (`tower::Service` over `http::Request`) for a tonic server or router.
pub fn watch_service(collector: Arc<Collector>) -> telemetry_server::TelemetryServer<Watch> {
    telemetry_server::TelemetryServer::new(Watch { collector })
}

type Snapshots = std::pin::Pin<Box<dyn Stream<Item = Result<Snapshot, Status>> + Send>>;

#[tonic::async_trait]
#[allow(clippy::todo)]
impl telemetry_server::Telemetry for Watch {
    type WatchStream = Snapshots;

    async fn watch(&self, _request: Request<WatchRequest>) -> Result<Response<Snapshots>, Status> {
        todo!()
    }

    async fn get(&self, _request: Request<GetRequest>) -> Result<Response<Snapshot>, Status> {
        todo!()
    }
}
