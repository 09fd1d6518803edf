//! `tenet contract pull` from real reflection servers: v1, v1alpha only, and none.

// A panic is the report of a test, also in what only tests call.
#![allow(clippy::unwrap_used)]

use prost_reflect::DescriptorPool;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use tenet_contract::{Contract, LoadOptions, Source};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tonic::transport::server::{Router, TcpIncoming};
use tonic_reflection::pb::{v1, v1alpha};

const PROTO: &str = r#"syntax = "proto3";
package shop.v1;
import "google/api/annotations.proto";
import "google/protobuf/timestamp.proto";
import "shop/v1/item.proto";
service Shop {
  rpc GetItem(Item) returns (Item) { option (google.api.http) = { get: "/v1/items/{name}" }; }
}
"#;
const ITEM: &str = r#"syntax = "proto3";
package shop.v1;
import "google/protobuf/timestamp.proto";
message Item { string name = 1; google.protobuf.Timestamp made = 2; }
"#;

fn descriptors(folder: &Path) -> Vec<u8> {
    let protos = folder.join("proto/shop/v1");
    std::fs::create_dir_all(&protos).unwrap();
    std::fs::write(protos.join("shop.proto"), PROTO).unwrap();
    std::fs::write(protos.join("item.proto"), ITEM).unwrap();
    let source = Source { roots: vec![folder.join("proto")], descriptor_sets: Vec::new() };
    tenet_contract::load(&source, &LoadOptions::default()).unwrap().descriptor_set()
}

/// A reflection server as most languages have it: it sends the bytes it was built with. (One that reads them into generated
/// types first loses custom options.) Files come one by one, so that imports have to be asked for.
struct Reflection(BTreeMap<String, Vec<u8>>);

impl Reflection {
    fn new(set: &[u8]) -> Reflection {
        let pool = DescriptorPool::decode(set).unwrap();
        let files = pool.files().map(|file| (file.name().to_owned(), file.encode_to_vec()));
        Reflection(files.collect())
    }
}

macro_rules! server {
    ($version:ident) => {
        #[tonic::async_trait]
        impl $version::server_reflection_server::ServerReflection for Reflection {
            type ServerReflectionInfoStream =
                ReceiverStream<Result<$version::ServerReflectionResponse, tonic::Status>>;

            async fn server_reflection_info(
                &self,
                request: tonic::Request<tonic::Streaming<$version::ServerReflectionRequest>>,
            ) -> Result<tonic::Response<Self::ServerReflectionInfoStream>, tonic::Status> {
                use $version::server_reflection_request::MessageRequest as Asked;
                use $version::server_reflection_response::MessageResponse as Answer;
                let mut questions = request.into_inner();
                let (send, answers) = tokio::sync::mpsc::channel(4);
                let files = self.0.clone();
                tokio::spawn(async move {
                    while let Ok(Some(question)) = questions.message().await {
                        let file = |name: &str| match files.get(name) {
                            Some(bytes) => Answer::FileDescriptorResponse($version::FileDescriptorResponse {
                                file_descriptor_proto: vec![bytes.clone()],
                            }),
                            None => Answer::ErrorResponse($version::ErrorResponse {
                                error_code: 5,
                                error_message: format!("no {name}"),
                            }),
                        };
                        let answer = match question.message_request {
                            Some(Asked::ListServices(_)) => {
                                let service = ["shop.v1.Shop", "grpc.reflection.v1.ServerReflection"]
                                    .map(|name| $version::ServiceResponse { name: name.into() });
                                Answer::ListServicesResponse($version::ListServiceResponse {
                                    service: service.into(),
                                })
                            }
                            Some(Asked::FileContainingSymbol(symbol)) if symbol == "shop.v1.Shop" => {
                                file("shop/v1/shop.proto")
                            }
                            Some(Asked::FileByFilename(name)) => file(&name),
                            other => panic!("{other:?}"),
                        };
                        let response = $version::ServerReflectionResponse {
                            message_response: Some(answer),
                            ..Default::default()
                        };
                        if send.send(Ok(response)).await.is_err() {
                            return;
                        }
                    }
                });
                Ok(tonic::Response::new(ReceiverStream::new(answers)))
            }
        }
    };
}

server!(v1);
server!(v1alpha);

/// Serves on a thread of its own until the test process ends.
fn serve(router: impl FnOnce() -> Router + Send + 'static) -> SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
            tell.send(incoming.local_addr().unwrap()).unwrap();
            router().serve_with_incoming(incoming).await.unwrap();
        });
    });
    told.recv().unwrap()
}

fn pull(server: &str, output: &Path) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tenet"))
        .args(["contract", "pull", server, "-o"])
        .arg(output)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text.into_owned())
}

fn check(address: SocketAddr, folder: &Path) {
    let output = folder.join("pulled.binpb");
    let (ok, text) = pull(&address.to_string(), &output);
    assert!(ok && text.contains("1 services"), "{text}");
    let contract =
        Contract::from_descriptor_set(&std::fs::read(&output).unwrap(), &LoadOptions::default()).unwrap();
    let names: Vec<&str> = contract.endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
    assert_eq!(names, ["GET /v1/items/{name}"]);
}

#[test]
fn contracts_come_from_either_version_of_reflection() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = descriptors(folder.path());
    let copy = bytes.clone();
    let server = serve(move || {
        Server::builder()
            .add_service(v1::server_reflection_server::ServerReflectionServer::new(Reflection::new(&copy)))
    });
    check(server, folder.path());
    let server = serve(move || {
        let service = Reflection::new(&bytes);
        Server::builder().add_service(v1alpha::server_reflection_server::ServerReflectionServer::new(service))
    });
    check(server, folder.path());
}

#[test]
fn a_server_without_reflection_and_no_server_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("pulled.binpb");
    // A server of something else: every reflection call ends in UNIMPLEMENTED.
    let other = serve(|| {
        let (_, health) = tonic_health::server::health_reporter();
        Server::builder().add_service(health)
    });
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (server, expected) in [
        (other.to_string(), "it has no reflection service"),
        (free.to_string(), "cannot connect"),
        ("no port here".to_owned(), "expected HOST:PORT"),
    ] {
        let (ok, text) = pull(&server, &output);
        assert!(!ok && text.contains(expected), "{server}: {text}");
    }
    assert!(!output.exists());
}
