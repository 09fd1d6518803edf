//! What the integration tests share: a local runtime with a bound on time, rosters, servers on port 0.

pub mod h1;
pub mod h2s;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tenet_error::Failure;
use tenet_resilience::allowance::Allowance;
use tenet_upstream::{
    CallError, CallTerms, Incoming, Instance, InstanceView, Outgoing, Part, Pool, PoolOptions, Protocol,
    Reply, Roster, ServiceHandle, ServiceRoster, ServiceRules, Shared,
};
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep, timeout};

/// No test takes longer; one that hangs fails instead.
const LIMIT: Duration = Duration::from_secs(20);

/// Runs a test as a gateway's thread would run: one thread, local tasks.
pub fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async { timeout(LIMIT, test).await.expect("the test took too long") });
}

/// Waits until `done`, at most two seconds.
pub async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..400 {
        if done() {
            return;
        }
        sleep(Duration::from_millis(5)).await;
    }
    panic!("never happened: {what}");
}

/// Options with times short enough to be waited for.
pub fn options() -> PoolOptions {
    PoolOptions { connect_timeout: Duration::from_millis(300), ..PoolOptions::default() }
}

pub fn instance(id: &str, address: SocketAddr, zone: u16) -> Instance {
    Instance { id: id.into(), address, zone, zone_name: format!("z{zone}").into(), weight_percent: 100 }
}

pub fn roster(protocol: Protocol, addresses: &[SocketAddr], options: PoolOptions) -> Roster {
    roster_by(protocol, addresses, ServiceRules { pool: options, ..ServiceRules::default() })
}

pub fn roster_by(protocol: Protocol, addresses: &[SocketAddr], rules: ServiceRules) -> Roster {
    let instances =
        addresses.iter().enumerate().map(|(i, &address)| instance(&format!("i{i}"), address, i as u16));
    let (name, instances, rules) = ("feed".into(), instances.collect(), Arc::new(rules));
    Roster { services: vec![ServiceRoster { name, protocol, instances, rules }] }
}

/// A pool and one service.
pub struct Client {
    pub shared: Arc<Shared>,
    pub pool: Pool,
    pub service: ServiceHandle,
}

impl Client {
    pub fn new(protocol: Protocol, addresses: &[SocketAddr], options: PoolOptions) -> Client {
        Client::by(protocol, addresses, ServiceRules { pool: options, ..ServiceRules::default() })
    }

    pub fn by(protocol: Protocol, addresses: &[SocketAddr], rules: ServiceRules) -> Client {
        let shared = Arc::new(Shared::new());
        let service = shared.apply(&roster_by(protocol, addresses, rules)).remove(0);
        Client { pool: Pool::new(Part::WHOLE, shared.clone()), shared, service }
    }

    pub async fn send(&self, request: Request<Outgoing<Channel>>) -> Result<Reply, CallError> {
        self.send_within(request, Duration::from_secs(5)).await
    }

    pub async fn send_within(
        &self,
        request: Request<Outgoing<Channel>>,
        limit: Duration,
    ) -> Result<Reply, CallError> {
        let idempotent = request.method().is_idempotent();
        self.pool.call(&self.service, request, CallTerms { idempotent, ..terms(limit) }).await
    }

    /// GET, and the whole answer as text.
    pub async fn get(&self, path: &str) -> Result<String, CallError> {
        let reply = self.send(get(path)).await?;
        Ok(text(reply.response.into_body()).await.expect("a whole body"))
    }

    pub fn views(&self) -> Vec<InstanceView> {
        self.shared.view()
    }

    pub fn open(&self) -> u64 {
        self.views().iter().map(|view| view.open_connections).sum()
    }

    pub fn in_flight(&self) -> u64 {
        self.views().iter().map(|view| view.in_flight).sum()
    }
}

/// Of a plain HTTP call that is not repeated once it may have run.
pub fn terms(limit: Duration) -> CallTerms {
    CallTerms { allowance: Allowance::new(3), ..CallTerms::new(Instant::now() + limit) }
}

pub fn request(method: &str, path: &str, body: Outgoing<Channel>) -> Request<Outgoing<Channel>> {
    Request::builder().method(method).uri(format!("http://feed.test{path}")).body(body).unwrap()
}

pub fn get(path: &str) -> Request<Outgoing<Channel>> {
    request("GET", path, Outgoing::Empty)
}

/// The body's text and trailers, or what it failed with.
pub async fn read(body: Incoming) -> Result<(String, Option<HeaderMap>), Failure> {
    let whole = body.collect().await?;
    let trailers = whole.trailers().cloned();
    Ok((String::from_utf8(whole.to_bytes().to_vec()).unwrap(), trailers))
}

pub async fn text(body: Incoming) -> Result<String, Failure> {
    read(body).await.map(|(text, _)| text)
}

/// A request body fed by the test, one frame at a time.
pub struct Channel(mpsc::Receiver<Result<Frame<Bytes>, Failure>>);

pub type Feed = mpsc::Sender<Result<Frame<Bytes>, Failure>>;

/// A body and the end that feeds it; holds one frame, so that a feed that waits shows that nobody reads.
pub fn channel() -> (Feed, Outgoing<Channel>) {
    let (feed, body) = mpsc::channel(1);
    (feed, Outgoing::Stream(Channel(body)))
}

pub fn data(bytes: impl Into<Bytes>) -> Result<Frame<Bytes>, Failure> {
    Ok(Frame::data(bytes.into()))
}

impl Body for Channel {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        self.0.poll_recv(cx)
    }
}
