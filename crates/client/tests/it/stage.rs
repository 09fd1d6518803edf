//! Instances to be called, each on a runtime of its own, so that one can be killed with all it has open.

use http::{Request, Response};
use prost_types::method_options::IdempotencyLevel;
use prost_types::{
    FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto, MethodOptions, ServiceDescriptorProto,
};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Duration;
use tenet_client::Client;
use tenet_service::{Facts, Service};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_stream::{Stream, StreamExt};
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::server::{Grpc, NamedService};
use tonic::{Status, Streaming};
use tonic_prost::ProstCodec;

/// The only message.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Say {
    #[prost(string, tag = "1")]
    pub text: String,
    #[prost(uint64, tag = "2")]
    pub number: u64,
}

pub fn say(text: &str) -> Say {
    Say { text: text.to_owned(), number: 0 }
}

/// What a test sees of an instance's handlers, and lets them do.
pub struct Seen {
    pub name: String,
    /// Handlers that began.
    pub begun: AtomicU32,
    /// Handlers and streams that were dropped before they were done.
    pub cancelled: AtomicU32,
    /// Lets as many `Wait`s and `Once`s go on as it has permits.
    pub release: Semaphore,
    /// Messages that `Down` has made.
    pub made: AtomicU64,
}

struct OnDrop(Arc<Seen>, bool);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.cancelled.fetch_add(u32::from(!self.1), SeqCst);
    }
}

/// Bytes of text in each message of `Down`.
pub const PIECE: usize = 8 << 10;

#[derive(Clone)]
struct Probe {
    seen: Arc<Seen>,
    below: Option<Client>,
}

type Answer<T> = Pin<Box<dyn Future<Output = Result<tonic::Response<T>, Status>> + Send>>;
type Says = Pin<Box<dyn Stream<Item = Result<Say, Status>> + Send>>;

struct Unary(Probe, String);

impl tonic::server::UnaryService<Say> for Unary {
    type Response = Say;
    type Future = Answer<Say>;
    fn call(&mut self, request: tonic::Request<Say>) -> Answer<Say> {
        let (probe, method) = (self.0.clone(), self.1.clone());
        Box::pin(async move { probe.unary(&method, request).await.map(tonic::Response::new) })
    }
}

struct Down(Probe);

impl tonic::server::ServerStreamingService<Say> for Down {
    type Response = Say;
    type ResponseStream = Says;
    type Future = Answer<Says>;
    fn call(&mut self, request: tonic::Request<Say>) -> Answer<Says> {
        let (seen, count) = (self.0.seen.clone(), request.into_inner().number);
        let mut guard = OnDrop(seen.clone(), false);
        let stream = tokio_stream::iter(0..count).map(move |number| {
            // All of it is taken along, not only the field.
            let guard = &mut guard;
            seen.made.fetch_add(1, SeqCst);
            guard.1 = number + 1 == count;
            Ok(Say { text: "x".repeat(PIECE), number })
        });
        Box::pin(async move { Ok(tonic::Response::new(Box::pin(stream) as Says)) })
    }
}

struct Up;

impl tonic::server::ClientStreamingService<Say> for Up {
    type Response = Say;
    type Future = Answer<Say>;
    fn call(&mut self, request: tonic::Request<Streaming<Say>>) -> Answer<Say> {
        Box::pin(async move {
            let (mut sum, mut stream) = (0, request.into_inner());
            while let Some(message) = stream.message().await? {
                sum += message.number;
            }
            Ok(tonic::Response::new(Say { text: "sum".into(), number: sum }))
        })
    }
}

impl Probe {
    async fn unary(&self, method: &str, request: tonic::Request<Say>) -> Result<Say, Status> {
        let (metadata, _, request) = request.into_parts();
        self.seen.begun.fetch_add(1, SeqCst);
        let mut guard = OnDrop(self.seen.clone(), false);
        let answer = match method {
            "Echo" => {
                tokio::time::sleep(Duration::from_millis(request.number)).await;
                Ok(say(&self.seen.name))
            }
            "Refuse" => Err(Status::failed_precondition("no")),
            "Wait" | "Once" => {
                self.seen.release.acquire().await.map_err(|_| Status::internal("closed"))?.forget();
                Ok(say(&self.seen.name))
            }
            "Context" => {
                let context = tenet_service::Context::current().ok_or_else(|| Status::internal("none"))?;
                let left = context.remaining().map_or(0, |left| left.as_millis() as u64);
                let share = metadata.get("tenet-allowance").map_or("0", |share| share.to_str().unwrap());
                let text = format!("{}; may spend {share}", context.baggage.as_deref().unwrap_or("-"));
                Ok(Say { text, number: left })
            }
            "Below" => {
                let below = self.below.clone().ok_or_else(|| Status::internal("nothing below"))?;
                let below = tower_layer::Layer::layer(&tenet_service::PropagateLayer, below);
                call(below, &request.text, say("")).await.map(tonic::Response::into_inner)
            }
            other => Err(Status::unimplemented(other.to_owned())),
        };
        guard.1 = true;
        answer
    }
}

impl NamedService for Probe {
    const NAME: &'static str = "probe.v1.Probe";
}

impl tower_service::Service<Request<Body>> for Probe {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let probe = self.clone();
        let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::<Say, Say>::default());
            Ok(match method.as_str() {
                "Down" => grpc.server_streaming(Down(probe), request).await,
                "Up" => grpc.client_streaming(Up, request).await,
                _ => grpc.unary(Unary(probe, method), request).await,
            })
        })
    }
}

/// The contract: all but `Once` may be repeated.
pub fn contract() -> &'static [u8] {
    use prost::Message;
    let method = |name: &str| MethodDescriptorProto {
        name: Some(name.into()),
        client_streaming: Some(name == "Up"),
        server_streaming: Some(name == "Down"),
        options: Some(MethodOptions {
            idempotency_level: (name != "Once").then_some(IdempotencyLevel::NoSideEffects.into()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let names = ["Echo", "Refuse", "Wait", "Once", "Context", "Below", "Down", "Up"];
    let service = ServiceDescriptorProto {
        name: Some("Probe".into()),
        method: names.map(method).to_vec(),
        ..Default::default()
    };
    let file = FileDescriptorProto {
        name: Some("probe/v1/probe.proto".into()),
        package: Some("probe.v1".into()),
        service: vec![service],
        ..Default::default()
    };
    FileDescriptorSet { file: vec![file] }.encode_to_vec().leak()
}

/// An instance that runs.
pub struct Instance {
    pub address: SocketAddr,
    pub seen: Arc<Seen>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Instance {
    pub fn start(name: &str) -> Instance {
        Instance::start_above(name, None)
    }

    /// Starts one whose method `Below` calls through `below`.
    pub fn start_above(name: &str, below: Option<Client>) -> Instance {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let seen = Arc::new(Seen {
            name: name.to_owned(),
            begun: AtomicU32::new(0),
            cancelled: AtomicU32::new(0),
            release: Semaphore::new(0),
            made: AtomicU64::new(0),
        });
        let mut service = Service::new("probe").descriptor_set(contract());
        if let Some(below) = below.clone() {
            service = service.metrics(move |out| below.write_metrics(out));
        }
        let service = service.add(Probe { seen: seen.clone(), below });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let mut facts = Facts::from_lookup("probe", |_| None).unwrap();
        facts.instance = name.to_owned();
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            service.serve_on(listener, facts, std::future::pending()).await
        });
        Instance { address, seen, runtime: Some(runtime) }
    }

    /// Ends it as a crash does: its sockets close with whatever was on them.
    pub fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    pub fn begun(&self) -> u32 {
        self.seen.begun.load(SeqCst)
    }

    pub fn cancelled(&self) -> u32 {
        self.seen.cancelled.load(SeqCst)
    }

    /// The page of metrics.
    pub async fn metrics(&self) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A client of these instances.
pub fn client<'a>(instances: impl IntoIterator<Item = &'a Instance>) -> tenet_client::Builder {
    let addresses: Vec<_> = instances.into_iter().map(|instance| instance.address).collect();
    Client::builder("probe").addresses(addresses).zone("").descriptor_set(contract())
}

/// One unary call.
pub async fn call<C>(
    client: C,
    method: &str,
    request: impl tonic::IntoRequest<Say>,
) -> Result<tonic::Response<Say>, Status>
where
    C: GrpcService<Body>,
    C::ResponseBody: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    <C::ResponseBody as http_body::Body>::Error: Into<tonic::codegen::StdError>,
    C::Error: Into<tonic::codegen::StdError>,
{
    let mut client = tonic::client::Grpc::new(client);
    client.ready().await.map_err(|error| Status::from_error(error.into()))?;
    let path = format!("/probe.v1.Probe/{method}").parse().unwrap();
    client.unary(request.into_request(), path, ProstCodec::<Say, Say>::default()).await
}

/// The server-streaming method, asked for `count` messages.
pub async fn down(client: Client, count: u64) -> Result<Streaming<Say>, Status> {
    let mut client = tonic::client::Grpc::new(client);
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/probe.v1.Probe/Down");
    let request = tonic::Request::new(Say { text: String::new(), number: count });
    let answer = client.server_streaming(request, path, ProstCodec::<Say, Say>::default()).await?;
    Ok(answer.into_inner())
}

/// The client-streaming method.
pub async fn up(client: Client, numbers: std::ops::Range<u64>) -> Result<u64, Status> {
    let mut client = tonic::client::Grpc::new(client);
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/probe.v1.Probe/Up");
    let stream = tokio_stream::iter(numbers.map(|number| Say { text: String::new(), number }));
    let codec = ProstCodec::<Say, Say>::default();
    Ok(client.client_streaming(tonic::Request::new(stream), path, codec).await?.into_inner().number)
}

/// Waits, within a bound, until `condition` holds.
pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    for _ in 0..1000 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}

/// The reason in `google.rpc.ErrorInfo` of a status.
pub fn reason(status: &Status) -> String {
    tenet_service::details::read::<tenet_service::details::ErrorInfo>(status)
        .map_or_else(String::new, |info| info.reason)
}
