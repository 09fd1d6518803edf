//! `tenet.telemetry.v1.Telemetry`, served from a collector.

use crate::Collector;
use crate::collector::HISTORY_SECONDS;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tenet_api::telemetry::v1::{GetRequest, Snapshot, WatchRequest, telemetry_server};
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

/// Followers at once: consoles and exporters, never the public. Each may hold [`QUEUE`] snapshots.
const FOLLOWERS_MAX: usize = 32;

/// Snapshots queued for a follower that reads slowly. It then waits on us and catches up from the history.
const QUEUE: usize = 4;

/// The service over one collector.
#[derive(Clone)]
pub struct Watch {
    collector: Arc<Collector>,
    followers: Arc<AtomicUsize>,
}

impl Watch {
    /// The service's methods over a collector, to be wrapped or called in process.
    pub fn new(collector: Arc<Collector>) -> Watch {
        Watch { collector, followers: Arc::default() }
    }
}

/// A ready gRPC service (`tower::Service` over `http::Request`) for a tonic server or router.
pub fn watch_service(collector: Arc<Collector>) -> telemetry_server::TelemetryServer<Watch> {
    telemetry_server::TelemetryServer::new(Watch::new(collector))
}

/// Counts a follower for as long as it lives.
struct Follower(Arc<AtomicUsize>);

impl Follower {
    fn admit(followers: &Arc<AtomicUsize>) -> Option<Follower> {
        let follower = Follower(Arc::clone(followers));
        (followers.fetch_add(1, Relaxed) < FOLLOWERS_MAX).then_some(follower)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

type Snapshots = Pin<Box<dyn Stream<Item = Result<Snapshot, Status>> + Send>>;

#[tonic::async_trait]
impl telemetry_server::Telemetry for Watch {
    type WatchStream = Snapshots;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Snapshots>, Status> {
        let follower = Follower::admit(&self.followers).ok_or_else(|| {
            Status::resource_exhausted(format!(
                "{FOLLOWERS_MAX} followers are connected, the most there may be"
            ))
        })?;
        let backfill = u64::from(request.get_ref().backfill_seconds).min(HISTORY_SECONDS as u64);
        let start = self.collector.snapshot().sequence.saturating_sub(backfill);
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(follow(Arc::clone(&self.collector), start, sender, follower));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn get(&self, _request: Request<GetRequest>) -> Result<Response<Snapshot>, Status> {
        Ok(Response::new(Snapshot::clone(&self.collector.snapshot())))
    }
}

/// Sends every second after `sequence` in order; what a slow reader misses meanwhile comes from the history.
async fn follow(
    collector: Arc<Collector>,
    mut sequence: u64,
    sender: mpsc::Sender<Result<Snapshot, Status>>,
    _follower: Follower,
) {
    let mut closed = collector.subscribe();
    loop {
        for snapshot in collector.since(sequence) {
            sequence = snapshot.sequence;
            if sender.send(Ok(Snapshot::clone(&snapshot))).await.is_err() {
                return;
            }
        }
        tokio::select! {
            changed = closed.changed() => if changed.is_err() { return },
            () = sender.closed() => return,
            () = collector.ended() => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ProcessInfo;
    use std::time::{Duration, SystemTime};
    use tenet_api::telemetry::v1::Store;
    use tenet_api::telemetry::v1::telemetry_server::Telemetry as _;
    use tokio_stream::StreamExt as _;

    #[tokio::test]
    async fn what_a_store_did_is_told_in_its_second_alone_and_the_stream_ends_with_the_process() {
        let collector = Arc::new(Collector::new(ProcessInfo {
            name: "store-1".into(),
            role: "store".into(),
            zone: String::new(),
            release: String::new(),
            epoch: 1,
            version: String::new(),
            started: SystemTime::UNIX_EPOCH,
        }));
        let watch = Watch::new(Arc::clone(&collector));
        let mut stream = watch.watch(Request::new(WatchRequest::default())).await.unwrap().into_inner();
        collector.set_store(Store { engine: "postgres".into(), ..Store::default() });
        collector.tick(SystemTime::now());
        collector.tick(SystemTime::now());
        let mut engines = Vec::new();
        for _ in 0..2 {
            let told = stream.next().await.unwrap().unwrap();
            engines.push(told.store.map(|store| store.engine));
        }
        assert_eq!(engines, [Some("postgres".to_owned()), None]);
        collector.end();
        let ended = tokio::time::timeout(Duration::from_secs(20), stream.next()).await.expect("it ends");
        assert!(ended.is_none());
    }
}
