//! The service under test: one message type, and methods that misbehave in every way a handler can.

use http::{Request, Response, Uri};
use prost_types::{
    DescriptorProto, FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto, ServiceDescriptorProto,
};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tenet_service::{Channel, Facts, Fault, Limits, Propagate, Service, channel_to};
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio_stream::{Stream, StreamExt};
use tonic::body::Body;
use tonic::server::{Grpc, NamedService};
use tonic::{Status, Streaming};
use tonic_prost::ProstCodec;

/// The only message: what a method should do, and what came of it.
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

/// What a test sees of the handlers from outside.
#[derive(Default)]
pub struct Seen {
    /// Handlers that were dropped before they were done.
    pub cancelled: AtomicU32,
    /// Lets the method `Wait` go on.
    pub release: Notify,
    /// Raised when `Wait` has begun.
    pub waiting: Notify,
}

struct OnDrop(Arc<Seen>, bool);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.cancelled.fetch_add(u32::from(!self.1), Ordering::SeqCst);
    }
}

#[derive(Clone)]
pub struct Probe {
    seen: Arc<Seen>,
    below: Option<Channel>,
}

type Answer<T> = Pin<Box<dyn Future<Output = Result<tonic::Response<T>, Status>> + Send>>;
type Says = Pin<Box<dyn Stream<Item = Result<Say, Status>> + Send>>;

/// One unary method: what it does by the name in its path.
struct Unary(Probe, String);

impl tonic::server::UnaryService<Say> for Unary {
    type Response = Say;
    type Future = Answer<Say>;
    fn call(&mut self, request: tonic::Request<Say>) -> Answer<Say> {
        let (probe, method) = (self.0.clone(), self.1.clone());
        Box::pin(async move { probe.unary(&method, request.into_inner()).await.map(tonic::Response::new) })
    }
}

struct Down(Probe);

impl tonic::server::ServerStreamingService<Say> for Down {
    type Response = Say;
    type ResponseStream = Says;
    type Future = Answer<Says>;
    fn call(&mut self, request: tonic::Request<Say>) -> Answer<Says> {
        let probe = self.0.clone();
        Box::pin(async move { Ok(tonic::Response::new(probe.stream(&request.into_inner()))) })
    }
}

struct Up;

impl tonic::server::ClientStreamingService<Say> for Up {
    type Response = Say;
    type Future = Answer<Say>;
    fn call(&mut self, request: tonic::Request<Streaming<Say>>) -> Answer<Say> {
        Box::pin(async move {
            let mut sum = 0;
            let mut stream = request.into_inner();
            while let Some(message) = stream.message().await? {
                sum += message.number;
            }
            Ok(tonic::Response::new(Say { text: "sum".into(), number: sum }))
        })
    }
}

impl Probe {
    async fn unary(&self, method: &str, request: Say) -> Result<Say, Status> {
        match method {
            "Echo" | "Critical" | "Sheddable" => Ok(request),
            "Panic" => panic!("the probe panics: {}", request.text),
            "Refuse" => Err(Fault::invalid_argument("The request has one invalid field.")
                .field("number", "must not be 0")
                .retry_after(Duration::from_millis(250))
                .cause("a secret of the house")
                .into()),
            "Wait" => {
                let mut on_drop = OnDrop(self.seen.clone(), false);
                self.seen.waiting.notify_one();
                self.seen.release.notified().await;
                on_drop.1 = true;
                Ok(request)
            }
            "Context" => {
                let context =
                    tenet_service::Context::current().ok_or_else(|| Status::internal("no context"))?;
                let left = context.remaining().map_or(0, |left| left.as_millis() as u64);
                let text = format!(
                    "{} {} {} {} {}",
                    context.request_id,
                    context.trace,
                    context.trace.state.as_deref().unwrap_or("-"),
                    context.baggage.as_deref().unwrap_or("-"),
                    context.consumer.as_deref().unwrap_or("-"),
                );
                Ok(Say { text, number: left })
            }
            "Below" => {
                let below = self.below.clone().ok_or_else(|| Status::internal("nothing below"))?;
                call(below, &request.text, say("")).await.map(tonic::Response::into_inner)
            }
            other => Err(Status::unimplemented(other.to_owned())),
        }
    }

    fn stream(&self, request: &Say) -> Says {
        match request.text.as_str() {
            "panic" => {
                // The pause lets the first message leave before the panic.
                Box::pin(tokio_stream::iter(0..2).then(async |number| {
                    tokio::time::sleep(Duration::from_millis(number * 20)).await;
                    assert!(number == 0, "the stream panics");
                    Ok(Say { text: String::new(), number })
                }))
            }
            "endless" => {
                let guard = OnDrop(self.seen.clone(), false);
                Box::pin(
                    tokio_stream::iter(std::iter::once(Ok(say("first")))).chain(tokio_stream::pending()).map(
                        move |item| {
                            let _held = &guard;
                            item
                        },
                    ),
                )
            }
            _ => Box::pin(tokio_stream::iter(0..3).map(|number| {
                let id = tenet_service::Context::current().map(|context| context.request_id.to_string());
                Ok(Say { text: id.unwrap_or_default(), number })
            })),
        }
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

/// `tenet.policy.v1.Priority` of the methods that have one.
const PRIORITIES: [(&str, u64); 2] = [("Critical", 1), ("Sheddable", 3)];

/// The contract, with options a generic type would lose: `google.api.http` (field 72295728) stands for those nobody reads here,
/// the policy of a method (field 81001) for those that are read. They are appended as bytes, which is what an option is.
pub fn contract() -> &'static [u8] {
    use prost::Message;
    use prost::encoding::{bytes, string, uint64};
    let mut service =
        ServiceDescriptorProto { name: Some("Probe".into()), ..Default::default() }.encode_to_vec();
    let methods =
        ["Echo", "Panic", "Refuse", "Wait", "Context", "Below", "Down", "Up", "Critical", "Sheddable"];
    for name in methods {
        let mut method = MethodDescriptorProto {
            name: Some(name.into()),
            client_streaming: Some(name == "Up"),
            server_streaming: Some(name == "Down"),
            ..Default::default()
        }
        .encode_to_vec();
        if let Some((_, priority)) = PRIORITIES.iter().find(|(with, _)| *with == name) {
            let (mut policy, mut options) = (Vec::new(), Vec::new());
            uint64::encode(2, priority, &mut policy);
            bytes::encode(81_001, &policy, &mut options);
            bytes::encode(4, &options, &mut method);
        }
        bytes::encode(2, &method, &mut service);
    }
    let mut file = FileDescriptorProto {
        name: Some("probe/v1/probe.proto".into()),
        package: Some("probe.v1".into()),
        message_type: vec![DescriptorProto { name: Some("Say".into()), ..Default::default() }],
        ..Default::default()
    }
    .encode_to_vec();
    bytes::encode(6, &service, &mut file);
    string::encode(72_295_728, &OPTION.to_owned(), &mut file);
    let mut set = Vec::new();
    bytes::encode(1, &file, &mut set);
    let read = FileDescriptorSet::decode(set.as_slice()).unwrap();
    assert_eq!(read.file[0].service[0].method.len(), methods.len());
    set.leak()
}

/// Text of the option in [`contract`].
pub const OPTION: &str = "an option nobody knows";

/// A service that runs.
pub struct Running {
    pub uri: Uri,
    pub seen: Arc<Seen>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), tenet_service::Error>>,
}

impl Running {
    pub fn channel(&self) -> Channel {
        channel_to(self.uri.clone())
    }

    /// Asks for a drain without waiting for its end.
    pub fn stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }

    /// Waits, within a bound, until the service has ended.
    pub async fn ended(self) {
        tokio::time::timeout(Duration::from_secs(10), self.task).await.expect("it ends").unwrap().unwrap();
    }

    /// One plain HTTP/1.1 exchange; the whole answer as text.
    pub async fn raw(&self, request: &str) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream =
            tokio::net::TcpStream::connect(self.uri.authority().unwrap().as_str()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// One request without or with a JSON body; status line, header and body as text.
    pub async fn http(&self, start: &str, body: &str) -> String {
        let length = body.len();
        self.raw(&format!(
            "{start} HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
        .await
    }

    /// The metrics page.
    pub async fn metrics(&self) -> String {
        self.raw("GET /metrics HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n").await
    }
}

/// Starts the probe on a free port.
pub async fn start(limits: Limits, drain: Duration, below: Option<Channel>) -> Running {
    start_with(&[], limits, drain, below).await
}

/// Starts the probe with these variables in its environment.
pub async fn start_with(
    environment: &[(&str, &str)],
    limits: Limits,
    drain: Duration,
    below: Option<Channel>,
) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let lookup =
        |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    let mut facts = Facts::from_lookup("probe", lookup).unwrap();
    facts.instance = "probe-a-1".into();
    facts.drain = drain;
    let (stop, stopped) = oneshot::channel();
    let seen = Arc::new(Seen::default());
    let service = Service::new("probe")
        .descriptor_set(contract())
        .limits(limits)
        .add(Probe { seen: seen.clone(), below });
    let task = tokio::spawn(service.serve_on(listener, facts, async {
        let _ = stopped.await;
    }));
    Running { uri, seen, stop: Some(stop), task }
}

/// Starts the probe with what it has by default.
pub async fn start_default() -> Running {
    start(Limits::default(), Duration::from_secs(5), None).await
}

pub type Client = tonic::client::Grpc<Propagate<tonic::transport::Channel>>;

/// One unary call with a request that may carry metadata.
pub async fn call(
    channel: Channel,
    method: &str,
    request: impl tonic::IntoRequest<Say>,
) -> Result<tonic::Response<Say>, Status> {
    let mut client = Client::new(channel);
    client.ready().await.map_err(Status::from_error)?;
    let path = format!("/probe.v1.Probe/{method}").parse().unwrap();
    client.unary(request.into_request(), path, ProstCodec::<Say, Say>::default()).await
}

/// The server-streaming method.
pub async fn down(
    channel: Channel,
    request: impl tonic::IntoRequest<Say>,
) -> Result<tonic::Response<Streaming<Say>>, Status> {
    let mut client = Client::new(channel);
    client.ready().await.map_err(Status::from_error)?;
    let path = http::uri::PathAndQuery::from_static("/probe.v1.Probe/Down");
    client.server_streaming(request.into_request(), path, ProstCodec::<Say, Say>::default()).await
}

/// Waits, within a bound, until `condition` holds.
pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}
