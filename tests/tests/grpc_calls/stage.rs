//! A gateway over one scripted gRPC service.

use bytes::Bytes;
use h2::client::SendRequest;
use http::{Method, Request};
use std::future::Future;
use tenet_tests::gateway::Gateway;
use tenet_tests::h2c::H2;
use tenet_tests::{GrpcBackend, PATIENCE, Project, eventually};
use tokio::time::timeout;

const CONTRACT: &str = r#"syntax = "proto3";
package calls.v1;
import "google/api/annotations.proto";
import "google/protobuf/empty.proto";
import "tenet/policy/v1/policy.proto";

service Calls {
  rpc Unary(Words) returns (Words) { option (google.api.http) = { get: "/v1/unary" }; }
  rpc Quick(Words) returns (Words) {
    option (google.api.http) = { get: "/v1/quick" };
    option (tenet.policy.v1.method) = { deadline: { nanos: 250000000 } };
  }
  rpc Down(Words) returns (stream Words);
  rpc Up(stream Words) returns (Words);
  rpc Both(stream Words) returns (stream Words);
}
message Words { string text = 1; }
"#;

pub const UNARY: &str = "/calls.v1.Calls/Unary";
pub const QUICK: &str = "/calls.v1.Calls/Quick";
pub const DOWN: &str = "/calls.v1.Calls/Down";
pub const UP: &str = "/calls.v1.Calls/Up";
pub const BOTH: &str = "/calls.v1.Calls/Both";

/// A gateway and what stands behind it.
pub struct Stage {
    pub gateway: Gateway,
    _project: Project,
    pub backend: GrpcBackend,
}

impl Stage {
    /// Behind it stands `backend`; `gateway` is the body of `[gateway]`.
    pub fn open(backend: GrpcBackend, gateway: &str) -> Stage {
        let project = Project::new().with("proto/calls/v1/calls.proto", CONTRACT).with(
            "tenet.toml",
            &format!(
                "[services.calls]\nserves = [\"calls.v1.Calls\"]\nauto_bindings = true\ninstances = [{{ address = \"{}\", zone = \"a\" }}]\n[gateway]\n{gateway}\n",
                backend.address()
            ),
        );
        Stage { gateway: Gateway::start(&project), _project: project, backend }
    }

    /// Waits until exactly `count` calls of `method` (a path) were recorded with `code`.
    pub fn recorded(&self, path: &str, code: &str, count: u32) {
        let labels = [format!("method=\"{}\"", &path[1..]), format!("code=\"{code}\"")];
        let labels = labels.each_ref().map(String::as_str);
        eventually(&format!("{count} x {path} {code} in the metrics"), || {
            let seen = self.gateway.metric("tenet_requests_total", &labels);
            assert!(seen <= f64::from(count), "{path} {code}: {seen}");
            (seen == f64::from(count)).then_some(())
        });
    }
}

/// An open call: what is sent, and what will come.
pub struct Open {
    pub out: h2::SendStream<Bytes>,
    pub answer: h2::client::ResponseFuture,
}

/// Begins a call whose messages the test sends itself.
pub async fn begin(client: &H2, path: &str, headers: &[(&str, &str)]) -> Open {
    begin_on(client.sender(), client.request(&Method::POST, path, &with_grpc(headers))).await
}

/// [`begin`] on any HTTP/2 connection.
pub async fn begin_on(sender: SendRequest<Bytes>, request: Request<()>) -> Open {
    let mut sender = sender.ready().await.unwrap();
    let (answer, out) = sender.send_request(request, false).unwrap();
    Open { out, answer }
}

fn with_grpc<'a>(headers: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [("content-type", "application/grpc"), ("te", "trailers")]
        .into_iter()
        .chain(headers.iter().copied())
        .collect()
}

/// Runs `future`, which must end soon.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited {PATIENCE:?} in vain for {what}"))
}

/// The head of a gRPC answer.
pub fn head() -> http::Response<()> {
    http::Response::builder().header("content-type", "application/grpc").body(()).unwrap()
}

/// Trailers with this status.
pub fn trailers(status: u32) -> http::HeaderMap {
    http::HeaderMap::from_iter([("grpc-status".parse().unwrap(), http::HeaderValue::from(status))])
}

/// The next piece of `stream`, its window given back; `None` at the end of data.
pub async fn next(stream: &mut h2::RecvStream) -> Option<Result<Bytes, h2::Error>> {
    let piece = soon("data", stream.data()).await?;
    if let Ok(data) = &piece {
        let _ = stream.flow_control().release_capacity(data.len());
    }
    Some(piece)
}
