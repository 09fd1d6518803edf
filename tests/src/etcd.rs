//! etcd, a gRPC server that nobody here wrote, with the contracts it is published with.
//!
//! `TENET_ETCD` names a folder into which Debian's packages `etcd-server`, `golang-etcd-server-dev` and
//! `golang-github-gogo-protobuf-dev` were unpacked; nothing of them is part of this repository.

use crate::process::Process;
use crate::skip::skip;
use crate::{Project, eventually, http1};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Command;

/// Contracts: where an import names them, and where the packages keep them.
const CONTRACTS: [(&str, &str); 6] = [
    ("gogoproto/gogo.proto", "github.com/gogo/protobuf/gogoproto/gogo.proto"),
    ("etcd/mvcc/mvccpb/kv.proto", "go.etcd.io/etcd/mvcc/mvccpb/kv.proto"),
    ("etcd/auth/authpb/auth.proto", "go.etcd.io/etcd/auth/authpb/auth.proto"),
    ("etcd/etcdserver/etcdserverpb/rpc.proto", "go.etcd.io/etcd/etcdserver/etcdserverpb/rpc.proto"),
    (
        "etcd/etcdserver/api/v3lock/v3lockpb/v3lock.proto",
        "go.etcd.io/etcd/etcdserver/api/v3lock/v3lockpb/v3lock.proto",
    ),
    (
        "etcd/etcdserver/api/v3election/v3electionpb/v3election.proto",
        "go.etcd.io/etcd/etcdserver/api/v3election/v3electionpb/v3election.proto",
    ),
];
/// Times a port that was free when we looked may be taken by someone else when etcd does.
const TRIES: usize = 5;

/// The unpacked packages, or `None` after noting that `test` is skipped.
pub fn packages_or_skip(test: &str) -> Option<PathBuf> {
    let found = std::env::var_os("TENET_ETCD").map(PathBuf::from);
    if found.is_none() {
        skip(test, "no etcd: TENET_ETCD is not set; `cargo xtask test` unpacks one where there is apt-get");
    }
    found
}

/// A running etcd of one member.
pub struct Etcd {
    /// Where it serves gRPC, and JSON through the gateway it has built in.
    pub address: SocketAddr,
    _process: Process,
    _data: tempfile::TempDir,
}

impl Etcd {
    /// Starts one and waits until it serves.
    ///
    /// # Panics
    /// When it does not.
    pub fn start(packages: &std::path::Path) -> Etcd {
        for _ in 0..TRIES {
            let data = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
            let [address, peer] = free_addresses();
            let (client, peer) = (format!("http://{address}"), format!("http://{peer}"));
            let mut command = Command::new(packages.join("usr/bin/etcd"));
            command.arg("--data-dir").arg(data.path()).args(["--listen-client-urls", &client]);
            command.args(["--advertise-client-urls", &client, "--listen-peer-urls", &peer]);
            command.args(["--initial-advertise-peer-urls", &peer]);
            command.arg("--initial-cluster").arg(format!("default={peer}"));
            let mut process = Process::start(&mut command);
            let serves = eventually("etcd to serve or to end", || {
                let health = http1::try_call(address, "GET", "/health", &[], b"");
                let healthy = health.is_ok_and(|answer| answer.status == 200);
                (healthy || process.ended().is_some()).then_some(healthy)
            });
            if serves {
                return Etcd { address, _process: process, _data: data };
            }
        }
        panic!("etcd did not start in {TRIES} tries")
    }
}

/// etcd tells its built-in gateway the address it was given, so that port 0 is not enough.
fn free_addresses() -> [SocketAddr; 2] {
    let sockets = [(); 2].map(|()| TcpListener::bind(("127.0.0.1", 0)));
    sockets.map(|socket| {
        socket.and_then(|socket| socket.local_addr()).unwrap_or_else(|error| panic!("no free port: {error}"))
    })
}

/// A project of etcd's own contracts, unchanged, in front of `etcd`.
///
/// # Panics
/// When the packages lack one.
pub fn project(packages: &std::path::Path, etcd: &Etcd) -> Project {
    let sources = packages.join("usr/share/gocode/src");
    let project = Project::new();
    for (import, place) in CONTRACTS {
        let text = std::fs::read_to_string(sources.join(place)).unwrap_or_else(|e| panic!("{place}: {e}"));
        project.write(&format!("proto/{import}"), &text);
    }
    project.with(
        "tenet.toml",
        &format!(
            "name = \"etcd\"\n[services.etcd]\n\
             serves = [\"etcdserverpb.KV\", \"etcdserverpb.Watch\", \"etcdserverpb.Lease\", \"etcdserverpb.Cluster\", \
             \"etcdserverpb.Auth\", \"v3lockpb.Lock\", \"v3electionpb.Election\"]\n\
             instances = [{{ address = \"{}\", zone = \"a\" }}]\n\
             # As the gateway that etcd has built in prints.\njson = {{ preserve_field_names = true }}\n",
            etcd.address
        ),
    )
}
