//! What is served and to whom, as releases and secrets follow each other under a running store; and what is measured of it.

#![allow(clippy::unwrap_used)] // a panic in a test is its report

use std::sync::Arc;
use std::time::Duration;
use tenet_api::store::v1::store_client::StoreClient;
use tenet_api::store::v1::store_server::StoreServer;
use tenet_api::store::v1::{self as api, write::Change};
use tenet_store::access::{Access, AccessFile};
use tenet_store::catalogue::{Catalogue, Declared, Namespace, SecretHash};
use tenet_store::engine::memory::Memory;
use tenet_store::name::Name;
use tenet_store::owner::{Owner, Width};
use tenet_store::service::{SECRET, StoreService};
use tokio_stream::StreamExt as _;
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Status};

struct Stage {
    service: StoreService,
    owner: Owner,
    client: StoreClient<Channel>,
    folder: tempfile::TempDir,
}

fn namespaces(collections: &[&str], retention: u64) -> Vec<Namespace> {
    let declared = |name: &&str| Declared {
        name: Name::new(name).unwrap(),
        atomic_across_records: false,
        ttl: None,
        retention: Duration::from_secs(retention),
        schema: None,
    };
    let collections = collections.iter().map(declared).collect();
    vec![Namespace { name: Name::new("web").unwrap(), owner: "web".into(), secrets: Vec::new(), collections }]
}

impl Stage {
    async fn new(collections: &[&str]) -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let owner = Owner::start(Arc::new(Memory::new()), Width::default());
        let catalogue =
            Catalogue::declare(owner.engine().as_ref(), namespaces(collections, 60)).await.unwrap();
        let path = folder.path().join("access.json");
        known(&["first"]).write(&path).unwrap();
        let service =
            StoreService::with_access(owner.clone(), catalogue, AccessFile::new(path)).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
        let server = Server::builder().add_service(StoreServer::new(service.clone()));
        tokio::spawn(server.serve_with_incoming(incoming));
        let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        Stage { service, owner, client: StoreClient::new(channel), folder }
    }

    fn write_access(&self, secrets: &[&str]) {
        known(secrets).write(&self.folder.path().join("access.json")).unwrap();
    }

    async fn put(&mut self, secret: &str, collection: &str, id: &str) -> Result<api::WriteResponse, Status> {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let token = api::WriteToken {
            time_unix_ms: now.as_millis() as i64,
            nonce: rand::random::<[u8; 16]>().into(),
        };
        let write = api::Write { key: Vec::new(), change: Some(Change::Put(b"v".to_vec())), ttl: None };
        let asked =
            api::PutRequest { record: record(collection, id), writes: vec![write], token: Some(token) };
        self.client.put(request(secret, asked)).await.map(tonic::Response::into_inner)
    }

    async fn get(&mut self, secret: &str, collection: &str, id: &str) -> Result<usize, Status> {
        let asked =
            api::GetRequest { record: record(collection, id), keys: vec![Vec::new()], ..Default::default() };
        Ok(self.client.get(request(secret, asked)).await?.into_inner().items.len())
    }

    fn page(&self) -> String {
        let mut page = String::new();
        self.owner.write_metrics(&mut page);
        page
    }
}

fn known(secrets: &[&str]) -> Access {
    let hashes = secrets.iter().map(|secret| SecretHash::of(secret.as_bytes())).collect();
    Access([("web".to_owned(), hashes)].into())
}

fn request<T>(secret: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(SECRET, secret.parse().unwrap());
    request
}

fn collection(name: &str) -> Option<api::Collection> {
    Some(api::Collection { namespace: "web".into(), name: name.into() })
}

fn record(name: &str, id: &str) -> Option<api::Record> {
    Some(api::Record { collection: collection(name), id: id.into() })
}

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code) {
    let status = answer.unwrap_err();
    assert_eq!(status.code(), code, "{status:?}");
}

#[tokio::test]
async fn what_a_coming_release_adds_is_served_at_once_and_what_it_drops_until_it_is_taken_over() {
    let mut stage = Stage::new(&["old", "both"]).await;
    stage.put("first", "old", "r").await.unwrap();
    refused(stage.put("first", "new", "r").await, Code::NotFound);
    stage.service.prepare(namespaces(&["both", "new"], 0)).await.unwrap();
    stage.put("first", "new", "r").await.unwrap();
    assert_eq!(stage.get("first", "old", "r").await.unwrap(), 1);
    let watch = |name| api::WatchRequest { collection: collection(name), ..Default::default() };
    stage.client.watch(request("first", watch("both"))).await.expect("its retention is the old one still");
    stage.service.take_over(namespaces(&["both", "new"], 0)).await.unwrap();
    refused(stage.get("first", "old", "r").await, Code::NotFound);
    refused(stage.client.watch(request("first", watch("both"))).await, Code::InvalidArgument);
    assert_eq!(stage.get("first", "new", "r").await.unwrap(), 1);
    stage.service.take_over(namespaces(&["old"], 60)).await.unwrap();
    assert_eq!(stage.get("first", "old", "r").await.unwrap(), 1, "its data stayed");
}

#[tokio::test]
async fn a_new_secret_is_found_when_it_comes_and_an_old_one_is_forgotten() {
    let mut stage = Stage::new(&["notes"]).await;
    stage.put("first", "notes", "r").await.unwrap();
    refused(stage.put("second", "notes", "r").await, Code::Unauthenticated);
    stage.write_access(&["first", "second"]);
    // It was looked at just now; whoever brings a release about has it read at once.
    stage.service.prepare(namespaces(&["notes"], 60)).await.unwrap();
    stage.put("second", "notes", "r").await.unwrap();
    stage.write_access(&["second", "third"]);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    stage.put("third", "notes", "r").await.unwrap();
    refused(stage.put("first", "notes", "r").await, Code::Unauthenticated);
    std::fs::write(stage.folder.path().join("access.json"), "nonsense").unwrap();
    stage.service.take_over(namespaces(&["notes"], 60)).await.unwrap();
    stage.put("third", "notes", "r").await.expect("a broken file changes nobody");
}

#[tokio::test]
async fn what_has_no_end_ends_when_the_store_does() {
    let mut stage = Stage::new(&["notes"]).await;
    let asked = api::WatchRequest { collection: collection("notes"), ..Default::default() };
    let mut changes = stage.client.watch(request("first", asked)).await.unwrap().into_inner();
    assert!(!changes.next().await.unwrap().unwrap().token.is_empty());
    stage.service.end();
    let ended = tokio::time::timeout(Duration::from_secs(20), changes.next()).await.expect("it ends");
    refused(ended.unwrap(), Code::Unavailable);
    stage.put("first", "notes", "r").await.expect("what ends by itself is not refused");
}

#[tokio::test]
async fn watches_end_with_their_collection_and_those_of_others_go_on() {
    let mut stage = Stage::new(&["goes", "silent", "stays"]).await;
    let mut watches = Vec::new();
    for name in ["goes", "silent", "stays"] {
        let asked = api::WatchRequest { collection: collection(name), ..Default::default() };
        let mut changes = stage.client.watch(request("first", asked)).await.unwrap().into_inner();
        assert!(!changes.next().await.unwrap().unwrap().token.is_empty());
        watches.push(changes);
    }
    let mut now = namespaces(&["stays"], 60);
    now[0].collections.extend(namespaces(&["silent"], 0).remove(0).collections);
    stage.service.take_over(now).await.unwrap();
    let ended = |changes: tonic::Streaming<api::WatchResponse>| async {
        let mut changes = changes;
        tokio::time::timeout(Duration::from_secs(20), changes.next()).await.expect("it ends").unwrap()
    };
    let mut stays = watches.pop().unwrap();
    for changes in watches {
        let status = ended(changes).await.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
        assert!(status.message().contains("release that serves now"), "{status:?}");
    }
    stage.put("first", "stays", "r").await.unwrap();
    let told = tokio::time::timeout(Duration::from_secs(20), stays.next()).await.expect("it goes on");
    assert_eq!(told.unwrap().unwrap().changes.len(), 1);
}

#[tokio::test]
async fn what_is_done_is_told_each_second_and_what_is_held_as_it_is_now() {
    let mut stage = Stage::new(&["notes", "other"]).await;
    stage.owner.tell_metrics();
    for _ in 0..3 {
        stage.put("first", "notes", "whale").await.unwrap();
    }
    stage.get("first", "notes", "whale").await.unwrap();
    let asked = api::WatchRequest { collection: collection("notes"), ..Default::default() };
    let mut changes = stage.client.watch(request("first", asked)).await.unwrap().into_inner();
    changes.next().await.unwrap().unwrap();
    let hold = api::lease_request::Action::Hold(prost_types::Duration { seconds: 60, nanos: 0 });
    let lease = |action| api::LeaseRequest {
        record: record("other", "leader"),
        holder: "one".into(),
        action: Some(action),
    };
    assert!(stage.client.lease(request("first", lease(hold))).await.unwrap().into_inner().held);
    refused(stage.put("first", "notes", "").await, Code::InvalidArgument);

    let told = stage.owner.tell_metrics();
    assert_eq!((told.engine.as_str(), told.problem.as_str()), ("memory", ""));
    let [notes, other] = &told.collections[..] else { panic!("{told:?}") };
    let calls = |of: &tenet_api::telemetry::v1::StoreCollection| {
        let count = |calls: &tenet_api::telemetry::v1::StoreCalls| {
            (calls.kind.clone(), calls.latency.as_ref().map_or(0, |latency| latency.count), calls.failures)
        };
        of.calls.iter().map(count).collect::<Vec<_>>()
    };
    // What was not understood is no call.
    assert_eq!(calls(notes), [("get".to_owned(), 1, 0), ("put".to_owned(), 3, 0)]);
    assert_eq!(calls(other), [("lease".to_owned(), 1, 0)]);
    assert_eq!((notes.watches, notes.leases, other.watches, other.leases), (1, 0, 0, 1));
    assert_eq!(notes.commits[0].count, 3);
    let commits = told.operations.iter().find(|told| told.operation == "commit").unwrap();
    assert_eq!(commits.latency.as_ref().map(|latency| latency.count), Some(4));

    drop(changes);
    let release = api::lease_request::Action::Release(true);
    stage.client.lease(request("first", lease(release))).await.unwrap();
    let ended = async {
        loop {
            let told = stage.owner.tell_metrics();
            if told.collections[0].watches == 0 {
                return told;
            }
            tokio::task::yield_now().await;
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(20), ended).await.expect("the watch ends");
    assert_eq!(told.collections[1].leases, 0);
    assert!(told.collections[0].calls.is_empty(), "a second is told once: {told:?}");
    assert_eq!(told.collections[0].commits[0].count, 3, "counters go on");
}

#[tokio::test]
async fn what_is_done_is_on_the_page() {
    let mut stage = Stage::new(&["notes", "other"]).await;
    for _ in 0..60 {
        stage.put("first", "notes", "whale").await.unwrap();
    }
    for number in 0..20 {
        stage.put("first", "notes", &format!("n{number}")).await.unwrap();
    }
    for _ in 0..3 {
        assert_eq!(stage.get("first", "notes", "whale").await.unwrap(), 1);
    }
    let condition = api::Condition { key: Vec::new(), must: Some(api::condition::Must::Absent(true)) };
    let change =
        api::RecordChange { record_id: b"whale".to_vec(), conditions: vec![condition], writes: vec![] };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let token = Some(api::WriteToken { time_unix_ms: now.as_millis() as i64, nonce: vec![7; 16] });
    let asked = api::MutateRequest {
        collection: collection("notes"),
        changes: vec![change],
        token,
        ..Default::default()
    };
    refused(stage.client.mutate(request("first", asked)).await, Code::FailedPrecondition);
    let measuring =
        tenet_store::metrics::measure(stage.owner.engine().clone(), stage.owner.metrics().clone());
    let measuring = tokio::spawn(measuring);
    stage.page();
    let measured = async {
        loop {
            let page = stage.page();
            if page.contains("tenet_store_records{namespace=\"web\",collection=\"notes\"}") {
                return page;
            }
            tokio::task::yield_now().await;
        }
    };
    let page = tokio::time::timeout(Duration::from_secs(20), measured).await.expect("sizes are measured");
    measuring.abort();
    let of = |labels: &str| format!("{{namespace=\"web\",collection=\"notes\"{labels}}}");
    let reads: u64 = ["memory", "engine"]
        .iter()
        .map(|from| {
            let name = format!("tenet_store_items_read_total{} ", of(&format!(",from=\"{from}\"")));
            page.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse::<u64>().unwrap()
        })
        .sum();
    assert_eq!(reads, 3, "{page}");
    for line in [
        format!("tenet_store_commits_total{} 80\n", of(",outcome=\"done\"")),
        format!("tenet_store_commits_total{} 1\n", of(",outcome=\"conflict\"")),
        format!("tenet_store_refused_total{} 0\n", of("")),
        format!("tenet_store_records{} 21\n", of("")),
        format!("tenet_store_items{} 21\n", of("")),
        "tenet_store_batch_count{engine=\"memory\",operation=\"commit\"} 81\n".to_owned(),
        "tenet_store_batch_bucket{engine=\"memory\",operation=\"commit\",le=\"1.0\"} 81\n".to_owned(),
        "tenet_store_engine_seconds_count{engine=\"memory\",operation=\"declare\"} 2\n".to_owned(),
        "tenet_store_commits_total{namespace=\"web\",collection=\"other\",outcome=\"done\"} 0\n".to_owned(),
    ] {
        assert!(page.contains(&line), "{line} is not in\n{page}");
    }
    // 64 of 84 accesses were of one record; those of once each are not hot.
    let hot: Vec<&str> =
        page.lines().filter(|line| line.starts_with("tenet_store_hot_record_ratio{")).collect();
    assert_eq!(hot, [format!("tenet_store_hot_record_ratio{} 0.7619", of(",record=\"whale\""))], "{page}");
}
