//! The store's contract over the wire, on the engine in memory.

#![allow(clippy::unwrap_used)] // a panic in a test is its report

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};
use tenet_api::store::v1::store_client::StoreClient;
use tenet_api::store::v1::store_server::StoreServer;
use tenet_api::store::v1::{self as api, condition::Must, lease_request, write::Change};
use tenet_store::catalogue::{Catalogue, Declared, Namespace, SecretHash};
use tenet_store::engine::memory::Memory;
use tenet_store::name::Name;
use tenet_store::owner::{Owner, Width};
use tenet_store::service::StoreService;
use tokio_stream::StreamExt as _;
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Status};

const SECRET: &str = "of accounts";
const OTHER: &str = "of payments";

struct Stage {
    memory: Arc<Memory>,
    client: StoreClient<Channel>,
}

fn declared(name: &str) -> Declared {
    Declared {
        name: Name::new(name).unwrap(),
        atomic_across_records: name == "ledger",
        ttl: (name == "sessions").then_some(Duration::from_secs(60)),
        retention: if name == "users" { Duration::from_secs(60) } else { Duration::ZERO },
        schema: None,
    }
}

async fn stage() -> Stage {
    let memory = Arc::new(Memory::new());
    let namespace = |name: &str, owner: &str, secret: &str, collections: &[&str]| Namespace {
        name: Name::new(name).unwrap(),
        owner: owner.into(),
        secrets: vec![SecretHash::of(secret.as_bytes())],
        collections: collections.iter().map(|name| declared(name)).collect(),
    };
    let namespaces = vec![
        namespace("accounts", "accounts", SECRET, &["users", "sessions", "ledger"]),
        namespace("payments", "payments", OTHER, &["charges"]),
    ];
    let catalogue = Catalogue::declare(&*memory, namespaces).await.unwrap();
    let service = StoreService::new(Owner::start(memory.clone(), Width::default()), catalogue);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    tokio::spawn(Server::builder().add_service(StoreServer::new(service)).serve_with_incoming(incoming));
    let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect_lazy();
    Stage { memory, client: StoreClient::new(channel).max_decoding_message_size(8 << 20) }
}

fn as_service<T>(secret: &'static str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("tenet-store-secret", secret.parse().unwrap());
    request
}

fn accounts<T>(message: T) -> Request<T> {
    as_service(SECRET, message)
}

fn collection(name: &str) -> Option<api::Collection> {
    Some(api::Collection { namespace: "accounts".into(), name: name.into() })
}

fn record(id: &str) -> Option<api::Record> {
    record_of("users", id)
}

fn record_of(name: &str, id: &str) -> Option<api::Record> {
    Some(api::Record { collection: collection(name), id: id.into() })
}

/// The same number is the same token.
fn token(nonce: u128) -> Option<api::WriteToken> {
    static MADE: LazyLock<SystemTime> = LazyLock::new(SystemTime::now);
    let since = MADE.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Some(api::WriteToken { time_unix_ms: since.as_millis() as i64, nonce: nonce.to_be_bytes().into() })
}

fn write(key: &str, change: Change) -> api::Write {
    api::Write { key: key.into(), change: Some(change), ttl: None }
}

fn put(id: &str, nonce: u128, items: &[(&str, &str)]) -> api::PutRequest {
    let writes = items.iter().map(|(key, value)| write(key, Change::Put((*value).into()))).collect();
    api::PutRequest { record: record(id), writes, token: token(nonce) }
}

fn condition(key: &str, must: Must) -> api::Condition {
    api::Condition { key: key.into(), must: Some(must) }
}

fn mutate(
    name: &str,
    nonce: u128,
    changes: Vec<(&str, Vec<api::Condition>, Vec<api::Write>)>,
) -> api::MutateRequest {
    let change = |(id, conditions, writes): (&str, _, _)| api::RecordChange {
        record_id: id.into(),
        conditions,
        writes,
    };
    let changes = changes.into_iter().map(change).collect();
    api::MutateRequest { collection: collection(name), changes, token: token(nonce), ..Default::default() }
}

/// Items as text, of one record.
async fn items(stage: &mut Stage, id: &str) -> BTreeMap<String, String> {
    let asked = api::GetRequest { record: record(id), ..Default::default() };
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let found = stage.client.get(accounts(asked)).await.unwrap().into_inner();
    found.items.into_iter().map(|item| (text(item.key), text(item.value))).collect()
}

fn map(items: &[(&str, &str)]) -> BTreeMap<String, String> {
    items.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[track_caller]
fn check(status: &Status, code: Code, parts: &[&str]) {
    let text = format!("{} {}", status.message(), String::from_utf8_lossy(status.details()));
    assert_eq!(status.code(), code, "{text}");
    parts.iter().for_each(|part| assert!(text.contains(part), "no {part:?} in {text:?}"));
}

#[tokio::test]
async fn what_is_written_is_read_and_a_token_that_comes_again_changes_nothing() {
    let mut stage = stage().await;
    let first =
        stage.client.put(accounts(put("u1", 1, &[("a", "1"), ("b", "2")]))).await.unwrap().into_inner();
    assert!(first.version > 0 && !first.replayed);
    let again = stage.client.put(accounts(put("u1", 1, &[("a", "other")]))).await.unwrap().into_inner();
    assert_eq!((again.version, again.replayed), (first.version, true));
    assert_eq!(items(&mut stage, "u1").await, map(&[("a", "1"), ("b", "2")]));

    let delete = |keys: &[&str], range, nonce| api::DeleteRequest {
        record: record("u1"),
        keys: keys.iter().map(|key| key.as_bytes().to_vec()).collect(),
        range,
        token: token(nonce),
    };
    stage.client.delete(accounts(delete(&["a", "not there"], None, 2))).await.unwrap();
    assert_eq!(items(&mut stage, "u1").await, map(&[("b", "2")]));
    let more: Vec<_> = ["c/1", "c/2", "d"].map(|key| (key, "x")).to_vec();
    stage.client.put(accounts(put("u1", 3, &more))).await.unwrap();
    let range = Some(api::KeyRange { start: "c/".into(), end: "c0".into() });
    stage.client.delete(accounts(delete(&[], range.clone(), 4))).await.unwrap();
    assert_eq!(items(&mut stage, "u1").await, map(&[("b", "2"), ("d", "x")]));
    stage.client.put(accounts(put("u1", 5, &[("c/9", "new")]))).await.unwrap();
    assert!(stage.client.delete(accounts(delete(&[], range, 4))).await.unwrap().into_inner().replayed);
    assert_eq!(items(&mut stage, "u1").await["c/9"], "new", "a replayed removal removes nothing new");

    let asked = |keys: &[&str]| api::GetRequest {
        record: record("u1"),
        keys: keys.iter().map(|key| key.as_bytes().to_vec()).collect(),
        ..Default::default()
    };
    let reads =
        vec![asked(&["d", "b", "d", "none"]), api::GetRequest { record: record("u2"), ..Default::default() }];
    let answers =
        stage.client.batch_get(accounts(api::BatchGetRequest { reads })).await.unwrap().into_inner().answers;
    let keys =
        |answer: &api::GetResponse| answer.items.iter().map(|item| item.key.clone()).collect::<Vec<_>>();
    assert_eq!((keys(&answers[0]), keys(&answers[1])), (vec![b"b".to_vec(), b"d".to_vec()], vec![]));
}

#[tokio::test]
async fn a_mutate_happens_whole_or_says_why_not() {
    let mut stage = stage().await;
    let version = stage.client.put(accounts(put("u1", 1, &[("a", "1")]))).await.unwrap().into_inner().version;
    let step = |nonce, must| {
        mutate(
            "users",
            nonce,
            vec![(
                "u1",
                vec![condition("a", must)],
                vec![write("a", Change::Delete(true)), write("n", Change::Add(5))],
            )],
        )
    };
    let refused = stage.client.mutate(accounts(step(2, Must::Version(version + 1)))).await.unwrap_err();
    check(&refused, Code::FailedPrecondition, &["CONDITION_FAILED", &format!("version {version}")]);
    assert_eq!(items(&mut stage, "u1").await, map(&[("a", "1")]));
    stage.client.mutate(accounts(step(3, Must::Version(version)))).await.unwrap();
    let refused = stage.client.mutate(accounts(step(4, Must::Present(true)))).await.unwrap_err();
    check(&refused, Code::FailedPrecondition, &["absent"]);
    assert_eq!(items(&mut stage, "u1").await, map(&[("n", "\0\0\0\0\0\0\0\u{5}")]));

    let two = |name, nonce| {
        mutate(
            name,
            nonce,
            vec![
                ("x", vec![], vec![write("", Change::Add(-3))]),
                ("y", vec![], vec![write("", Change::Add(3))]),
            ],
        )
    };
    check(
        &stage.client.mutate(accounts(two("users", 5))).await.unwrap_err(),
        Code::InvalidArgument,
        &["one record at a time"],
    );
    stage.client.mutate(accounts(two("ledger", 6))).await.unwrap();
}

#[tokio::test]
async fn bad_requests_say_what_is_wrong_and_where() {
    let mut stage = stage().await;
    let long = "x".repeat(513);
    let old = Some(api::WriteToken { time_unix_ms: 0, nonce: vec![0; 16] });
    let base = || put("u1", 1, &[("a", "1")]);
    let rows: Vec<(api::PutRequest, &[&str])> = vec![
        (api::PutRequest { record: None, ..base() }, &["record", "missing"]),
        (api::PutRequest { record: record(""), ..base() }, &["record.id", "0 bytes"]),
        (api::PutRequest { record: record(&long), ..base() }, &["record.id", "513 bytes, expected 1 to 512"]),
        (api::PutRequest { token: None, ..base() }, &["token", "missing"]),
        (api::PutRequest { token: old, ..base() }, &["token.time_unix_ms", "older than 3600 s"]),
        (api::PutRequest { writes: vec![], ..base() }, &["writes", "expected 1 to 1000"]),
        (put("u1", 1, &[("a", "1"), ("a", "2")]), &["writes[1]", "twice"]),
        (put("u1", 1, &[(&long, "1")]), &["writes[0].key", "513 bytes"]),
        (
            api::PutRequest { writes: vec![write("a", Change::Delete(true))], ..base() },
            &["writes[0]", "removes nothing"],
        ),
        (
            api::PutRequest { writes: vec![api::Write::default()], ..base() },
            &["writes[0]", "expected put, delete"],
        ),
        (
            api::PutRequest { writes: vec![write("a", Change::Put(vec![0; (1 << 20) + 1]))], ..base() },
            &["writes[0].put", "1048577 bytes", "WriteValue"],
        ),
    ];
    for (request, parts) in rows {
        check(&stage.client.put(accounts(request)).await.unwrap_err(), Code::InvalidArgument, parts);
    }
    assert!(items(&mut stage, "u1").await.is_empty(), "none of it was written");
}

#[tokio::test]
async fn a_namespace_answers_its_owner_alone() {
    type Row = (Option<&'static str>, &'static str, &'static str, Code, &'static [&'static str]);
    let mut stage = stage().await;
    let get = |namespace: &str, name: &str| api::GetRequest {
        record: Some(api::Record {
            collection: Some(api::Collection { namespace: namespace.into(), name: name.into() }),
            id: "x".into(),
        }),
        ..Default::default()
    };
    let rows: [Row; 6] = [
        (None, "accounts", "users", Code::Unauthenticated, &["tenet-store-secret"]),
        (Some("guessed"), "accounts", "users", Code::Unauthenticated, &["No service is known"]),
        (
            Some(OTHER),
            "accounts",
            "users",
            Code::PermissionDenied,
            &["belongs to the service \"accounts\"", "\"payments\" asks", "NOT_THE_OWNER"],
        ),
        (Some(SECRET), "acounts", "users", Code::NotFound, &["Did you mean \"accounts\"?"]),
        (Some(SECRET), "accounts", "user", Code::NotFound, &["accounts/user", "Did you mean \"users\"?"]),
        (Some(SECRET), "accounts", "zzz", Code::NotFound, &["no collection"]),
    ];
    for (secret, namespace, name, code, parts) in rows {
        let message = get(namespace, name);
        let request = secret
            .map_or_else(|| Request::new(message.clone()), |secret| as_service(secret, message.clone()));
        check(&stage.client.get(request).await.unwrap_err(), code, parts);
    }
    let described =
        stage.client.describe(accounts(api::DescribeRequest { namespace: "accounts".into() })).await.unwrap();
    let names: Vec<_> = described.into_inner().collections.into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["ledger", "sessions", "users"]);
}

#[tokio::test]
async fn scans_go_on_where_they_ended() {
    let mut stage = stage().await;
    for id in ["u1", "u2", "u3"] {
        let keys: Vec<_> = (0..4).map(|n| format!("k{n}")).collect();
        let pairs: Vec<_> = keys.iter().map(|key| (key.as_str(), "0123456789")).collect();
        stage.client.put(accounts(put(id, id.as_bytes()[1].into(), &pairs))).await.unwrap();
    }
    let all: Vec<String> =
        ["u1", "u2", "u3"].iter().flat_map(|id| (0..4).map(move |n| format!("{id}/k{n}"))).collect();
    let rows: [(api::ScanRequest, Vec<String>); 5] = [
        (api::ScanRequest::default(), all.clone()),
        (api::ScanRequest { reverse: true, ..Default::default() }, all.iter().rev().cloned().collect()),
        (api::ScanRequest { limit: 5, ..Default::default() }, all[..5].to_vec()),
        (api::ScanRequest { record_id: "u2".into(), ..Default::default() }, all[4..8].to_vec()),
        (
            api::ScanRequest {
                range: Some(api::KeyRange { start: "u2".into(), end: "u3".into() }),
                ..Default::default()
            },
            all[4..8].to_vec(),
        ),
    ];
    let text = |item: &api::ScannedItem| {
        let key = item.item.as_ref().unwrap().key.clone();
        format!("{}/{}", String::from_utf8_lossy(&item.record_id), String::from_utf8_lossy(&key))
    };
    for (asked, expected) in rows {
        // 14 bytes an item: pages of three.
        let asked = api::ScanRequest { collection: collection("users"), page_bytes: 30, ..asked };
        let mut whole = Vec::new();
        let mut pages = stage.client.scan(accounts(asked.clone())).await.unwrap().into_inner();
        while let Some(page) = pages.next().await {
            whole.extend(page.unwrap().items.iter().map(text));
        }
        assert_eq!(whole, expected, "{asked:?}");
        // One page a call, as if the stream broke each time.
        let (mut parts, mut resume) = (Vec::new(), Vec::new());
        loop {
            let asked = api::ScanRequest { resume, ..asked.clone() };
            let page =
                stage.client.scan(accounts(asked)).await.unwrap().into_inner().next().await.unwrap().unwrap();
            assert!(page.items.len() <= 3);
            parts.extend(page.items.iter().map(text));
            resume = page.next;
            if resume.is_empty() {
                break;
            }
        }
        assert_eq!(parts, expected, "{asked:?}");
    }
    let other =
        api::ScanRequest { collection: collection("users"), resume: vec![9, 9], ..Default::default() };
    check(&stage.client.scan(accounts(other)).await.unwrap_err(), Code::InvalidArgument, &["resume"]);
}

#[tokio::test]
async fn a_watch_tells_every_change_from_its_token_on() {
    let mut stage = stage().await;
    stage.client.put(accounts(put("u1", 1, &[("a", "before")]))).await.unwrap();
    let scan = api::ScanRequest { collection: collection("users"), ..Default::default() };
    let page = stage.client.scan(accounts(scan)).await.unwrap().into_inner().next().await.unwrap().unwrap();
    for nonce in 2..6u128 {
        stage.client.put(accounts(put("u1", nonce, &[("a", &nonce.to_string())]))).await.unwrap();
    }
    let delete =
        api::DeleteRequest { record: record("u1"), keys: vec!["a".into()], range: None, token: token(9) };
    stage.client.delete(accounts(delete)).await.unwrap();
    let watch =
        |token: Vec<u8>| api::WatchRequest { collection: collection("users"), token, ..Default::default() };
    let mut seen = Vec::new();
    let mut answers = stage.client.watch(accounts(watch(page.watch))).await.unwrap().into_inner();
    let mut tokens = Vec::new();
    while seen.len() < 5 {
        let answer = answers.next().await.unwrap().unwrap();
        tokens.push(answer.token);
        seen.extend(answer.changes.into_iter().map(|change| {
            let item = change.item.unwrap();
            (change.deleted, String::from_utf8(item.value).unwrap(), item.version)
        }));
    }
    let texts: Vec<_> = seen.iter().map(|(deleted, value, _)| (*deleted, value.as_str())).collect();
    assert_eq!(texts, [(false, "2"), (false, "3"), (false, "4"), (false, "5"), (true, "")]);
    assert!(seen.windows(2).all(|two| two[0].2 < two[1].2));
    // What comes later wakes it; and whoever comes back with the last token gets nothing twice.
    stage.client.put(accounts(put("u2", 10, &[("", "later")]))).await.unwrap();
    let later = loop {
        let answer = answers.next().await.unwrap().unwrap();
        if let Some(change) = answer.changes.into_iter().next() {
            break change;
        }
    };
    assert_eq!(later.record_id, b"u2");
    let mut again = stage.client.watch(accounts(watch(tokens.pop().unwrap()))).await.unwrap().into_inner();
    let first = loop {
        if let Some(change) = again.next().await.unwrap().unwrap().changes.into_iter().next() {
            break change;
        }
    };
    assert_eq!(first.record_id, b"u2");
    let none = api::WatchRequest { collection: collection("ledger"), ..Default::default() };
    check(
        &stage.client.watch(accounts(none)).await.unwrap_err(),
        Code::InvalidArgument,
        &["keeps no changes"],
    );
}

#[tokio::test]
async fn a_lease_has_one_holder_and_its_tokens_grow() {
    let mut stage = stage().await;
    let ask = |holder: &str, action| api::LeaseRequest {
        record: record("leader"),
        holder: holder.into(),
        action: Some(action),
    };
    let hold = |seconds| lease_request::Action::Hold(prost_types::Duration { seconds, nanos: 0 });
    let mut lease =
        async |request| stage.client.lease(accounts(request)).await.map(tonic::Response::into_inner);
    let one = lease(ask("one", hold(10))).await.unwrap();
    assert!(one.held && one.left.unwrap().seconds >= 9);
    let two = lease(ask("two", hold(10))).await.unwrap();
    assert_eq!((two.held, two.holder.as_str(), two.token), (false, "one", one.token));
    let kept = lease(ask("one", hold(20))).await.unwrap();
    assert_eq!((kept.held, kept.token), (true, one.token), "kept, not taken anew");
    assert!(!lease(ask("two", lease_request::Action::Release(true))).await.unwrap().held);
    stage.memory.advance(Duration::from_secs(21));
    let two = lease(ask("two", hold(10))).await.unwrap();
    assert!(two.held && two.token > one.token);
    let late = lease(ask("one", hold(10))).await.unwrap();
    assert_eq!((late.held, late.holder.as_str()), (false, "two"));
    lease(ask("two", lease_request::Action::Release(true))).await.unwrap();
    let three = lease(ask("one", hold(10))).await.unwrap();
    assert!(three.held && three.token > two.token);
    check(&lease(ask("one", hold(0))).await.unwrap_err(), Code::InvalidArgument, &["hold", "100ms"]);
    // Who was the holder writes nothing any more.
    let fenced = |token: u64, nonce| api::MutateRequest {
        fence: Some(api::Fence { lease: record("leader"), token }),
        ..mutate("users", nonce, vec![("u1", vec![], vec![write("", Change::Put("x".into()))])])
    };
    check(
        &stage.client.mutate(accounts(fenced(two.token, 1))).await.unwrap_err(),
        Code::FailedPrecondition,
        &["FENCED"],
    );
    stage.client.mutate(accounts(fenced(three.token, 2))).await.unwrap();
}

#[tokio::test]
async fn items_go_when_their_time_is_over() {
    let mut stage = stage().await;
    let session = |nonce, ttl| api::PutRequest {
        record: record_of("sessions", "s"),
        writes: vec![api::Write { ttl, ..write("", Change::Put("x".into())) }],
        token: token(nonce),
    };
    let get = || api::GetRequest { record: record_of("sessions", "s"), ..Default::default() };
    stage.client.put(accounts(session(1, None))).await.unwrap();
    let item = stage.client.get(accounts(get())).await.unwrap().into_inner().items.remove(0);
    let (updated, expires) = (item.update_time.unwrap(), item.expire_time.unwrap());
    assert!((60..=66).contains(&(expires.seconds - updated.seconds)), "the default, and up to a tenth more");
    stage.memory.advance(Duration::from_secs(67));
    assert!(stage.client.get(accounts(get())).await.unwrap().into_inner().items.is_empty());
    let none = Some(prost_types::Duration::default());
    check(
        &stage.client.put(accounts(session(2, none))).await.unwrap_err(),
        Code::InvalidArgument,
        &["writes[0].ttl"],
    );
}

#[tokio::test]
async fn long_values_come_and_go_in_chunks() {
    let mut stage = stage().await;
    let value: Vec<u8> = (0..(5 << 20) / 2 + 17u32).map(|n| (n % 251) as u8).collect();
    let start = |size: usize, nonce| api::WriteValueRequest {
        start: Some(api::WriteValueStart {
            record: record("u1"),
            key: "film".into(),
            size: size as u64,
            token: token(nonce),
            ..Default::default()
        }),
        chunk: Vec::new(),
    };
    let chunks = |value: &[u8]| -> Vec<_> {
        value
            .chunks(700_000)
            .map(|chunk| api::WriteValueRequest { start: None, chunk: chunk.to_vec() })
            .collect()
    };
    let all = |first, value: &[u8]| tokio_stream::iter([vec![first], chunks(value)].concat());
    // Fewer than announced: nothing is written.
    let short = stage.client.write_value(accounts(all(start(value.len() + 1, 1), &value))).await.unwrap_err();
    check(&short, Code::InvalidArgument, &["were announced"]);
    assert!(items(&mut stage, "u1").await.is_empty());
    let version = stage
        .client
        .write_value(accounts(all(start(value.len(), 2), &value)))
        .await
        .unwrap()
        .into_inner()
        .version;
    let read =
        |offset, version| api::ReadValueRequest { record: record("u1"), key: "film".into(), offset, version };
    for offset in [0, 1, 1 << 20, (1 << 20) + 5, value.len() as u64] {
        let mut answers =
            stage.client.read_value(accounts(read(offset, version))).await.unwrap().into_inner();
        let (mut whole, mut head) = (Vec::new(), None);
        while let Some(answer) = answers.next().await {
            let answer = answer.unwrap();
            head = head.or(answer.item);
            whole.extend(answer.chunk);
        }
        assert!(whole == value[offset as usize..], "{} bytes from {offset}", whole.len());
        if offset < value.len() as u64 {
            assert_eq!(head.unwrap().size, value.len() as u64);
        }
    }
    check(
        &stage.client.read_value(accounts(read(0, version + 1))).await.unwrap_err(),
        Code::FailedPrecondition,
        &["another version"],
    );
    // In the item itself only its size shows.
    let get = api::GetRequest { record: record("u1"), ..Default::default() };
    let item = stage.client.get(accounts(get)).await.unwrap().into_inner().items.remove(0);
    assert_eq!((item.value.len(), item.size), (0, value.len() as u64));
    // A short one is an item like any other.
    stage.client.write_value(accounts(all(start(3, 3), b"abc"))).await.unwrap();
    assert_eq!(items(&mut stage, "u1").await, map(&[("film", "abc")]));
}
