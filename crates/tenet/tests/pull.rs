//! `tenet contract pull` from real reflection servers: v1, v1alpha only, and none.

// A panic is the report of a test, also in what only tests call.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use tenet_contract::{Contract, LoadOptions, Source};
use tonic::transport::Server;
use tonic::transport::server::{Router, TcpIncoming};

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

fn reflection(bytes: &[u8]) -> tonic_reflection::server::Builder<'_> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(bytes)
        .with_service_name("shop.v1.Shop")
}

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
    let v1 = serve(move || Server::builder().add_service(reflection(&copy).build_v1().unwrap()));
    check(v1, folder.path());
    let v1alpha = serve(move || Server::builder().add_service(reflection(&bytes).build_v1alpha().unwrap()));
    check(v1alpha, folder.path());
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
