//! What a namespace may take, by what its callers are answered.

#![allow(clippy::unwrap_used)] // a panic in a test is its report

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};
use tenet_api::store::v1::store_server::Store as _;
use tenet_api::store::v1::{self as api, lease_request, write::Change};
use tenet_store::catalogue::{Catalogue, Declared, Namespace, SecretHash};
use tenet_store::engine::memory::Memory;
use tenet_store::name::Name;
use tenet_store::owner::{Owner, Width};
use tenet_store::quota::Limits;
use tenet_store::service::StoreService;
use tokio_stream::StreamExt as _;
use tonic::{Code, Request, Status};

/// So many processes divide a rate that nothing comes back while a test runs.
const MANY: u32 = 1000;

async fn service() -> StoreService {
    let memory = Arc::new(Memory::new());
    let namespaces = ["a", "b"].map(|name| Namespace {
        name: Name::new(name).unwrap(),
        owner: name.into(),
        secrets: vec![SecretHash::of(name.as_bytes())],
        collections: vec![Declared {
            name: Name::new("things").unwrap(),
            atomic_across_records: false,
            ttl: None,
            retention: Duration::ZERO,
            schema: None,
        }],
    });
    let catalogue = Catalogue::declare(&*memory, namespaces.into()).await.unwrap();
    StoreService::new(Owner::start(memory, Width::default()), catalogue)
}

fn limit(service: &StoreService, limits: Limits, processes: u32) {
    service.limit(&BTreeMap::from([(Name::new("a").unwrap(), limits)]), processes);
}

fn ask<T>(namespace: &'static str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("tenet-store-secret", namespace.parse().unwrap());
    request
}

fn record(namespace: &str, id: &str) -> Option<api::Record> {
    let collection = api::Collection { namespace: namespace.into(), name: "things".into() };
    Some(api::Record { collection: Some(collection), id: id.into() })
}

fn token() -> Option<api::WriteToken> {
    static MADE: LazyLock<SystemTime> = LazyLock::new(SystemTime::now);
    let since = MADE.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let nonce = rand::random::<[u8; 16]>().into();
    Some(api::WriteToken { time_unix_ms: since.as_millis() as i64, nonce })
}

fn write(key: &str, change: Change) -> api::Write {
    api::Write { key: key.into(), change: Some(change), ttl: None }
}

fn put_request(id: &str, key: &str, bytes: usize) -> api::PutRequest {
    let writes = vec![write(key, Change::Put(vec![b'x'; bytes]))];
    api::PutRequest { record: record("a", id), writes, token: token() }
}

async fn put(service: &StoreService, id: &str, key: &str, bytes: usize) -> Result<(), Status> {
    service.put(ask("a", put_request(id, key, bytes))).await.map(drop)
}

async fn get(service: &StoreService, namespace: &'static str, id: &str) -> Result<(), Status> {
    let asked =
        api::GetRequest { record: record(namespace, id), keys: vec!["k".into()], ..Default::default() };
    service.get(ask(namespace, asked)).await.map(drop)
}

async fn delete(service: &StoreService, id: &str, key: &str) {
    let asked = api::DeleteRequest {
        record: record("a", id),
        keys: vec![key.into()],
        token: token(),
        ..Default::default()
    };
    service.delete(ask("a", asked)).await.unwrap();
}

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, Status>, parts: &[&str]) {
    let status = answer.unwrap_err();
    let text = format!("{} {}", status.message(), String::from_utf8_lossy(status.details()));
    assert_eq!(status.code(), Code::ResourceExhausted, "{text}");
    parts.iter().for_each(|part| assert!(text.contains(part), "no {part:?} in {text:?}"));
    // Only what passes by waiting says how long.
    let says = status.metadata().get("grpc-retry-pushback-ms").is_some();
    assert_eq!(says, text.contains("RATE_EXCEEDED"), "{text}");
}

#[tokio::test]
async fn requests_have_a_rate_and_other_namespaces_their_own() {
    let service = service().await;
    for _ in 0..100 {
        get(&service, "a", "r").await.unwrap();
    }
    let limits = Limits { requests: Some(1), burst: Some(3 * u64::from(MANY)), ..Limits::default() };
    limit(&service, limits, MANY);
    get(&service, "a", "r").await.unwrap();
    let reads = vec![api::GetRequest { record: record("a", "r"), ..Default::default() }; 2];
    service.batch_get(ask("a", api::BatchGetRequest { reads })).await.unwrap();
    let says = ["The namespace a asks for more", "RATE_EXCEEDED", "requests", "store.tenet"];
    refused(get(&service, "a", "r").await, &says);
    refused(put(&service, "r", "k", 1).await, &says);
    let described = service.describe(ask("a", api::DescribeRequest { namespace: "a".into() })).await;
    refused(described, &says);
    for _ in 0..100 {
        get(&service, "b", "r").await.unwrap();
    }
    let mut page = String::new();
    service.quotas().write(&mut page);
    for line in [
        "tenet_store_quota{namespace=\"a\",limit=\"requests\"} 1\n",
        "tenet_store_quota_refused_total{namespace=\"a\",limit=\"requests\"} 3\n",
        "tenet_store_namespace_requests_total{namespace=\"a\"} 106\n",
        "tenet_store_namespace_requests_total{namespace=\"b\"} 100\n",
    ] {
        assert!(page.contains(line), "no {line:?} in {page}");
    }
    // A reload that says nothing of it lets everything in.
    service.limit(&BTreeMap::new(), MANY);
    get(&service, "a", "r").await.unwrap();
}

#[tokio::test]
async fn what_is_kept_has_a_limit_and_what_removes_goes_on() {
    let service = service().await;
    put(&service, "r", "k", 48).await.unwrap();
    limit(&service, Limits { bytes: Some(100), ..Limits::default() }, 1);
    // 1 of id, 1 of key: 50 each.
    let second = put_request("s", "k", 48);
    service.put(ask("a", second.clone())).await.unwrap();
    let says = ["The namespace a keeps as much", "QUOTA_EXCEEDED", "bytes", "used", "100"];
    refused(put(&service, "t", "k", 0).await, &says);
    refused(put(&service, "r", "k", 49).await, &says);
    // What is overwritten by no more is let in, however often: it is looked at what there is.
    for _ in 0..5 {
        let asked = api::MutateRequest {
            collection: record("a", "x").unwrap().collection,
            changes: vec![api::RecordChange {
                record_id: "r".into(),
                writes: vec![write("k", Change::Delete(true))],
                ..Default::default()
            }],
            token: token(),
            ..Default::default()
        };
        service.mutate(ask("a", asked)).await.unwrap();
        put(&service, "r", "k", 48).await.unwrap();
    }
    // What was done before is, whatever is kept by now.
    let again = service.put(ask("a", second)).await.unwrap().into_inner();
    assert!(again.replayed);
    delete(&service, "s", "k").await;
    put(&service, "t", "k", 48).await.unwrap();
    limit(&service, Limits { items: Some(2), ..Limits::default() }, 1);
    refused(put(&service, "u", "k", 0).await, &["QUOTA_EXCEEDED", "items", "2"]);
    limit(&service, Limits { items: Some(3), ..Limits::default() }, 1);
    put(&service, "u", "k", 0).await.unwrap();
    let mut page = String::new();
    service.quotas().write(&mut page);
    for line in [
        "tenet_store_quota{namespace=\"a\",limit=\"items\"} 3\n",
        "tenet_store_quota_used{namespace=\"a\",limit=\"items\"} ",
        "tenet_store_quota_refused_total{namespace=\"a\",limit=\"bytes\"} 2\n",
        "tenet_store_quota_refused_total{namespace=\"a\",limit=\"items\"} 1\n",
    ] {
        assert!(page.contains(line), "no {line:?} in {page}");
    }
}

fn lease(id: &str, holder: &str, action: lease_request::Action) -> Request<api::LeaseRequest> {
    let asked = api::LeaseRequest { record: record("a", id), holder: holder.into(), action: Some(action) };
    ask("a", asked)
}

#[tokio::test]
async fn a_lease_that_is_held_can_be_held_on_to_and_given_back() {
    let service = service().await;
    let hold = || lease_request::Action::Hold(prost_types::Duration { seconds: 10, nanos: 0 });
    assert!(service.lease(lease("l", "me", hold())).await.unwrap().into_inner().held);
    limit(&service, Limits { items: Some(1), ..Limits::default() }, 1);
    assert!(service.lease(lease("l", "me", hold())).await.unwrap().into_inner().held);
    refused(service.lease(lease("m", "me", hold())).await, &["QUOTA_EXCEEDED", "items"]);
    service.lease(lease("l", "me", lease_request::Action::Release(true))).await.unwrap();
    assert!(service.lease(lease("m", "me", hold())).await.unwrap().into_inner().held);
}

#[tokio::test]
async fn what_is_read_and_written_has_a_rate_of_bytes() {
    let service = service().await;
    // A thousand at once in each.
    let limits = Limits { bytes_per_second: Some(1000), ..Limits::default() };
    limit(&service, limits, 1);
    // 1 of id, 1 of key.
    put(&service, "r", "k", 998).await.unwrap();
    get(&service, "a", "r").await.unwrap();
    limit(&service, Limits { bytes_per_second: Some(1), ..Limits::default() }, MANY);
    let says = ["RATE_EXCEEDED", "bytes_per_second", "= 1 a second"];
    put(&service, "s", "k", 998)
        .await
        .unwrap_or_else(|status| assert!(status.message().contains("a second")));
    refused(get(&service, "a", "r").await, &says);
    refused(put(&service, "r", "k", 1).await, &says);
    get(&service, "b", "r").await.unwrap();
    let mut page = String::new();
    service.quotas().write(&mut page);
    assert!(
        page.contains("tenet_store_quota_refused_total{namespace=\"a\",limit=\"bytes_per_second\"}"),
        "{page}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_scan_goes_as_fast_as_its_namespace_may() {
    let service = service().await;
    for number in 0..6 {
        put(&service, &format!("r{number}"), "k", 997).await.unwrap();
    }
    // A page a second, and one more at once.
    limit(&service, Limits { bytes_per_second: Some(1000), ..Limits::default() }, 1);
    let begun = tokio::time::Instant::now();
    let asked = api::ScanRequest {
        collection: record("a", "x").unwrap().collection,
        page_bytes: 1000,
        ..Default::default()
    };
    let mut pages = service.scan(ask("a", asked)).await.unwrap().into_inner();
    let mut items = 0;
    while let Some(page) = pages.next().await {
        items += page.unwrap().items.len();
    }
    let seconds = begun.elapsed().as_secs();
    assert_eq!(items, 6);
    assert!((4..=6).contains(&seconds), "by the clock of the test, {seconds} s");
}
