//! A public contract that nobody here wrote works unchanged: etcd behind the gateway, over REST and gRPC, held against the
//! JSON gateway that etcd has built in. All its services but Maintenance, whose contract binds one path twice.
#![allow(clippy::unwrap_used)] // a panic in a test is its report
#![allow(clippy::needless_pass_by_value)] // json! values read best written in place

use serde_json::{Value, json};
use tenet_tests::door::check_problem;
use tenet_tests::etcd::{self, Etcd};
use tenet_tests::h2c::{H2, frame};
use tenet_tests::{Caller, Gateway, binary, http1};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

#[test]
fn etcd_works_unchanged_behind_the_gateway() {
    let test = "public_contract_etcd::etcd_works_unchanged_behind_the_gateway";
    let Some(packages) = etcd::packages_or_skip(test) else { return };
    let etcd = Etcd::start(&packages);
    let project = etcd::project(&packages, &etcd);
    let check = || binary::command().arg("check").arg(project.path()).output().unwrap();
    // One of its services cannot be served by anybody who must choose: etcd itself binds two methods to one path.
    let settings = std::fs::read_to_string(project.path().join("tenet.toml")).unwrap();
    project.write(
        "tenet.toml",
        &settings.replace("\"etcdserverpb.Auth\"", "\"etcdserverpb.Auth\", \"etcdserverpb.Maintenance\""),
    );
    let refused = check();
    let text = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success(), "{text}");
    for word in ["/v3/maintenance/hash", "Maintenance/HashKV", "Maintenance/Hash,", "rpc.proto:220:16"] {
        assert!(text.contains(word), "{word:?} is not in {text}");
    }
    project.write("tenet.toml", &settings);
    let checked = check();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let gateway = Gateway::start(&project);
    for caller in [Caller::Http1(gateway.public), Caller::http2(gateway.public)] {
        keys_and_values(&caller);
        transactions(&caller);
        leases_and_locks(&caller);
        refusals(&caller);
    }
    answers_as_etcd_itself(&gateway, &etcd);
    every_binding_is_documented(&gateway, &packages);
    watches_over_grpc(&gateway);
}

fn ask(caller: &Caller, path: &str, body: &Value) -> http1::Response {
    caller.call("POST", path, &JSON, Some(body.to_string().as_bytes()))
}

#[expect(clippy::needless_pass_by_value, reason = "bodies are written where they are sent")]
fn ok(caller: &Caller, path: &str, body: Value) -> Value {
    let answer = ask(caller, path, &body);
    assert_eq!(answer.status, 200, "{path} {body}: {}", answer.text());
    assert_eq!(answer.header("tenet-ignored-fields"), None, "{path} {body}");
    answer.json()
}

fn keys_and_values(caller: &Caller) {
    // `foo` and `bar` in base64, as bytes are in JSON.
    let put = ok(caller, "/v3/kv/put", json!({ "key": "Zm9v", "value": "YmFy", "prev_kv": true }));
    let revision = put["header"]["revision"].as_str().unwrap();
    let found = ok(caller, "/v3/kv/range", json!({ "key": "Zm9v" }));
    let kv = &found["kvs"][0];
    assert_eq!((&kv["key"], &kv["value"], &found["count"]), (&json!("Zm9v"), &json!("YmFy"), &json!("1")));
    assert_eq!(kv["mod_revision"], revision, "an int64 is a string, under its name in the contract: {found}");
    // The URL-safe alphabet without padding is accepted too, and the lowerCamelCase names.
    ok(caller, "/v3/kv/put", json!({ "key": "_-8", "value": "" }));
    let all = ok(
        caller,
        "/v3/kv/range",
        json!({ "key": "AA", "rangeEnd": "AA==", "keysOnly": true, "sortOrder": "DESCEND" }),
    );
    assert_eq!((&all["kvs"][0]["key"], &all["count"]), (&json!("/+8="), &json!("2")), "{all}");
    let gone =
        ok(caller, "/v3/kv/deleterange", json!({ "key": "AA==", "range_end": "AA==", "prev_kv": true }));
    assert_eq!((&gone["deleted"], gone["prev_kvs"].as_array().unwrap().len()), (&json!("2"), 2));
    let none = ok(caller, "/v3/kv/range", json!({ "key": "Zm9v" }));
    assert_eq!((none.get("kvs"), none.get("count")), (None, None));
}

/// Oneofs in repeated messages in oneofs.
fn transactions(caller: &Caller) {
    let txn = json!({
        "compare": [{ "key": "dHhu", "target": "VERSION", "result": "EQUAL", "version": "0" }],
        "success": [{ "request_put": { "key": "dHhu", "value": "MQ==" } }, { "requestRange": { "key": "dHhu" } }],
        "failure": [{ "request_delete_range": { "key": "dHhu" } }],
    });
    let first = ok(caller, "/v3/kv/txn", txn.clone());
    assert_eq!(first["succeeded"], json!(true));
    assert_eq!(first["responses"][1]["response_range"]["kvs"][0]["value"], "MQ==", "{first}");
    let second = ok(caller, "/v3/kv/txn", txn);
    assert_eq!(
        (second.get("succeeded"), &second["responses"][0]["response_delete_range"]["deleted"]),
        (None, &json!("1"))
    );
}

fn leases_and_locks(caller: &Caller) {
    let lease = ok(caller, "/v3/lease/grant", json!({ "TTL": 600 }));
    let id = lease["ID"].as_str().unwrap();
    assert_eq!(lease["TTL"], "600");
    let left = ok(caller, "/v3/lease/timetolive", json!({ "ID": id, "keys": true }));
    assert_eq!((&left["ID"], &left["grantedTTL"]), (&json!(id), &json!("600")));
    let lock = ok(caller, "/v3/lock/lock", json!({ "name": "bG9jaw==", "lease": id }));
    ok(caller, "/v3/lock/unlock", json!({ "key": lock["key"] }));
    ok(caller, "/v3/lease/revoke", json!({ "ID": id }));
}

fn refusals(caller: &Caller) {
    for (path, body, status, code) in [
        ("/v3/kv/range", json!({}), 400, "INVALID_ARGUMENT"),
        ("/v3/kv/put", json!({ "key": "Zm9v", "lease": "12345" }), 404, "NOT_FOUND"),
        ("/v3/kv/range", json!({ "key": "Zm9v", "revision": "999999" }), 400, "OUT_OF_RANGE"),
        ("/v3/auth/enable", json!({}), 400, "FAILED_PRECONDITION"),
        ("/v3/kv/put", json!({ "key": "***" }), 400, "INVALID_JSON"),
        ("/v3/kv/range", json!({ "limit": "many" }), 400, "INVALID_JSON"),
        ("/v3/kv/nothing", json!({}), 404, "ROUTE_NOT_FOUND"),
        ("/v3/watch", json!({}), 501, "STREAMING_NOT_MAPPED"),
    ] {
        let answer = ask(caller, path, &body);
        check_problem(&format!("{path} {body}"), &answer, status, code);
        if code == "INVALID_ARGUMENT" {
            assert_eq!(answer.json()["detail"], "etcdserver: key is not provided");
        }
    }
    let answer = caller.call("GET", "/v3/kv/put", &[], None);
    check_problem("GET /v3/kv/put", &answer, 405, "METHOD_NOT_ALLOWED");
}

/// The same question to us and to the gateway that etcd has built in has the same answer.
fn answers_as_etcd_itself(gateway: &Gateway, etcd: &Etcd) {
    for (key, value) in [("YQ==", "AAECAwQF/w=="), ("Yg==", ""), ("Yw==", "4oKs")] {
        ok(&Caller::Http1(gateway.public), "/v3/kv/put", json!({ "key": key, "value": value }));
    }
    for (path, body) in [
        ("/v3/kv/range", json!({ "key": "YQ==", "range_end": "eg==" })),
        ("/v3/kv/range", json!({ "key": "YQ==", "range_end": "eg==", "count_only": true })),
        (
            "/v3/kv/range",
            json!({ "key": "YQ==", "range_end": "eg==", "limit": 1, "sort_target": "VALUE", "sort_order": 2 }),
        ),
        ("/v3/kv/range", json!({ "key": "bm9uZQ==" })),
        ("/v3/cluster/member/list", json!({})),
        ("/v3/lease/leases", json!({})),
        ("/v3/kv/txn", json!({ "compare": [], "success": [{ "request_range": { "key": "YQ==" } }] })),
    ] {
        let text = body.to_string();
        let [ours, theirs] = [gateway.public, etcd.address]
            .map(|address| http1::call(address, "POST", path, &JSON, text.as_bytes()));
        assert_eq!(
            (ours.status, theirs.status),
            (200, 200),
            "{path} {body}: {} {}",
            ours.text(),
            theirs.text()
        );
        assert_eq!(ours.json(), theirs.json(), "{path} {body}");
    }
}

fn every_binding_is_documented(gateway: &Gateway, packages: &std::path::Path) {
    let document = http1::get(gateway.public, "/openapi.json").json();
    let paths = document["paths"].as_object().unwrap();
    for (service, streaming) in [
        (
            "etcdserver/etcdserverpb/rpc.proto",
            &["/v3/watch", "/v3/lease/keepalive", "/v3/maintenance/snapshot"][..],
        ),
        ("etcdserver/api/v3lock/v3lockpb/v3lock.proto", &[]),
        ("etcdserver/api/v3election/v3electionpb/v3election.proto", &["/v3/election/observe"]),
    ] {
        let place = packages.join("usr/share/gocode/src/go.etcd.io/etcd").join(service);
        let text = std::fs::read_to_string(place).unwrap();
        let bound: Vec<_> =
            text.split("post: \"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert!(!bound.is_empty(), "{service}");
        for path in bound {
            let there = !streaming.contains(&path) && !path.starts_with("/v3/maintenance/");
            assert_eq!(paths.contains_key(path), there, "{path}");
        }
    }
}

/// A bidirectional stream: the answer to `watch` comes, then an event for what is put over REST meanwhile.
fn watches_over_grpc(gateway: &Gateway) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = H2::connect(gateway.public).await;
        let headers = [("content-type", "application/grpc"), ("te", "trailers")];
        let request = client.request(&http::Method::POST, "/etcdserverpb.Watch/Watch", &headers);
        let mut sender = client.sender().ready().await.unwrap();
        let (answer, mut out) = sender.send_request(request, false).unwrap();
        // WatchRequest { create_request: { key: "seen" } }
        out.send_data(frame(b"\x0a\x06\x0a\x04seen"), false).unwrap();
        let soon = tenet_tests::PATIENCE;
        let mut events = tokio::time::timeout(soon, answer).await.unwrap().unwrap().into_body();
        let mut heard = Vec::new();
        let mut put = false;
        while !contains(&heard, b"by-rest") {
            let piece = tokio::time::timeout(soon, events.data()).await.unwrap().unwrap().unwrap();
            events.flow_control().release_capacity(piece.len()).unwrap();
            heard.extend_from_slice(&piece);
            if !std::mem::replace(&mut put, true) {
                let public = gateway.public;
                let body = json!({ "key": "c2Vlbg==", "value": "YnktcmVzdA==" });
                let answer =
                    tokio::task::spawn_blocking(move || ok(&Caller::Http1(public), "/v3/kv/put", body));
                answer.await.unwrap();
            }
        }
        out.send_data(bytes::Bytes::new(), true).unwrap();
    });
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
