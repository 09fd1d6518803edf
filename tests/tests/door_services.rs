//! What services do wrong, as callers of the public door see it: nothing that failed answers 2xx, every failure has its code and its
//! one record, and who is to blame can be told from it.

use http::Method;
use std::net::TcpListener;
use tenet_tests::door::check_problem;
use tenet_tests::h2c::{H2, frame};
use tenet_tests::{Answer, Call, Door, GrpcBackend, PATIENCE, http1, raw};

/// Misbehaves as the `name` of the request says.
fn misbehaving(call: &Call) -> Answer {
    let message = call.message();
    // Field 1, a string shorter than 128 bytes.
    let name = String::from_utf8_lossy(message.get(2..).unwrap_or_default()).into_owned();
    let ok = |body: Vec<bytes::Bytes>| Answer { body, ..Answer::grpc(b"") };
    if let Some(status) = name.strip_prefix("status-") {
        let mut answer = Answer::grpc_failure(0, "said%20so");
        answer.headers[1].1 = status.to_owned();
        return answer;
    }
    if let Some(status) = name.strip_prefix("http-") {
        return Answer::http(status.parse().unwrap_or(500), "<p>no</p>").header("content-type", "text/html");
    }
    match name.as_str() {
        "html" => Answer::http(200, "<p>hello</p>").header("content-type", "text/html"),
        "no-status" => Answer { trailers: Vec::new(), ..Answer::grpc(&message) },
        "no-message" => ok(Vec::new()),
        "two-messages" => ok(vec![frame(&message), frame(&message)]),
        "half-a-message" => ok(vec![frame(&message).slice(..4 + message.len())]),
        "half-a-prefix" => ok(vec![frame(&message).slice(..3)]),
        "compressed" => ok(vec![[&[1], &frame(&message)[1..]].concat().into()]),
        "broken-wire" => Answer::grpc(b"\x0a\x7fshort"),
        "broken-text" => Answer::grpc(b"\x0a\x02\xff\xfe"),
        "huge" => Answer::grpc(&[&b"\x0a\x80\x80\x08"[..], &vec![b'x'; 128 << 10]].concat()),
        "reset" => Answer::grpc(&message).aborted(),
        "late-failure" => {
            Answer { trailers: vec![("grpc-status".into(), "10".into())], ..Answer::grpc(&message) }
        }
        "unknown-field" => Answer::grpc(&[&message[..], b"\x78\x01"].concat()),
        _ => Answer::grpc(&message),
    }
}

#[test]
fn every_status_of_a_service_has_its_place_in_http() {
    let mut door = Door::over(GrpcBackend::start(misbehaving), "", &[]);
    // google/rpc/code.proto gives the HTTP column; what is no status is UNKNOWN to a client (gRPC over HTTP/2).
    for (sent, status, code) in [
        ("1", 499, "CANCELLED"),
        ("2", 500, "UNKNOWN"),
        ("3", 400, "INVALID_ARGUMENT"),
        ("4", 504, "DEADLINE_EXCEEDED"),
        ("5", 404, "NOT_FOUND"),
        ("6", 409, "ALREADY_EXISTS"),
        ("7", 403, "PERMISSION_DENIED"),
        ("8", 429, "RESOURCE_EXHAUSTED"),
        ("9", 400, "FAILED_PRECONDITION"),
        ("10", 409, "ABORTED"),
        ("11", 400, "OUT_OF_RANGE"),
        ("12", 501, "UNIMPLEMENTED"),
        ("13", 500, "INTERNAL"),
        ("14", 503, "UNAVAILABLE"),
        ("15", 500, "DATA_LOSS"),
        ("16", 401, "UNAUTHENTICATED"),
        ("17", 500, "UNKNOWN"),
        ("x", 500, "UNKNOWN"),
        ("-1", 500, "UNKNOWN"),
    ] {
        let answer = http1::get(door.gateway.public, &format!("/v1/echo/status-{sent}"));
        check_problem(sent, &answer, status, code);
        assert_eq!(answer.json()["detail"], "said so", "{sent}: the service's own words, decoded");
        door.ledger.expect(code);
    }
    door.settle();
}

#[test]
fn a_service_that_breaks_the_protocol_is_a_failure_of_the_dependency() {
    let limits = "[gateway.limits]\nmax_response_message = \"64KiB\"";
    let mut door = Door::over(GrpcBackend::start(misbehaving), limits, &[]);
    for (name, status, code) in [
        ("html", 502, "UPSTREAM_PROTOCOL_ERROR"),
        ("no-status", 502, "UPSTREAM_PROTOCOL_ERROR"),
        ("no-message", 502, "UPSTREAM_BODY_INVALID"),
        ("two-messages", 502, "UPSTREAM_BODY_INVALID"),
        ("half-a-message", 502, "UPSTREAM_BODY_INVALID"),
        ("half-a-prefix", 502, "UPSTREAM_BODY_INVALID"),
        ("compressed", 502, "UPSTREAM_BODY_INVALID"),
        ("broken-wire", 502, "UPSTREAM_BODY_INVALID"),
        ("broken-text", 502, "UPSTREAM_BODY_INVALID"),
        ("huge", 502, "UPSTREAM_BODY_INVALID"),
        ("reset", 502, "CONNECTION_LOST"),
        ("late-failure", 409, "ABORTED"),
        // gRPC over HTTP/2 maps what is no gRPC answer by its HTTP status.
        ("http-400", 502, "UPSTREAM_PROTOCOL_ERROR"),
        ("http-401", 401, "UNAUTHENTICATED"),
        ("http-403", 403, "PERMISSION_DENIED"),
        ("http-404", 501, "UNIMPLEMENTED"),
        ("http-429", 503, "UNAVAILABLE"),
        ("http-502", 503, "UNAVAILABLE"),
        ("http-503", 503, "UNAVAILABLE"),
        ("http-504", 503, "UNAVAILABLE"),
        ("http-500", 502, "UPSTREAM_PROTOCOL_ERROR"),
    ] {
        let answer = http1::get(door.gateway.public, &format!("/v1/echo/{name}"));
        check_problem(name, &answer, status, code);
        door.ledger.expect(code);
    }
    // A field this contract does not have is no failure: the service is newer.
    let answer = http1::get(door.gateway.public, "/v1/echo/unknown-field");
    assert_eq!((answer.status, answer.text().as_str()), (200, "{\"name\":\"unknown-field\"}"));
    door.ledger.expect("OK");
    door.settle();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grpc_caller_always_gets_a_status() {
    let mut door = Door::over(GrpcBackend::start(misbehaving), "", &[]);
    let client = H2::connect(door.gateway.public).await;
    for (name, status, code) in [
        ("fine", 0, "OK"),
        ("status-5", 5, "NOT_FOUND"),
        ("status-17", 2, "UNKNOWN"),
        ("late-failure", 10, "ABORTED"),
        ("no-status", 13, "UPSTREAM_PROTOCOL_ERROR"),
        ("reset", 14, "CONNECTION_LOST"),
        ("html", 13, "UPSTREAM_PROTOCOL_ERROR"),
        ("http-503", 14, "UNAVAILABLE"),
        ("http-404", 12, "UNIMPLEMENTED"),
    ] {
        let message = [&[0x0a, name.len() as u8], name.as_bytes()].concat();
        let reply = client.grpc("/door.v1.Echo/Get", &[], &message).await;
        let reply = reply.unwrap_or_else(|error| panic!("{name}: {error}"));
        let said = reply.grpc_status();
        // A number nobody knows is passed on; that it is UNKNOWN is for the caller's library to say.
        assert!(said == Some(status) || (name == "status-17" && said == Some(17)), "{name}: {reply:?}");
        door.ledger.expect(code);
    }
    door.settle();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_not_there_is_unavailable() {
    let mut door = Door::open("");
    // Two ports that were free a moment ago: nobody listens there.
    let free = || TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("an address");
    let (address, other) = (free(), free());
    let toml = std::fs::read_to_string(door.project.path().join("tenet.toml")).expect("read");
    let gone = toml
        .replace(&door.echo.address().to_string(), &address.to_string())
        .replace(&door.plain.address().to_string(), &other.to_string());
    door.project.write("tenet.toml", &gone);
    let gateway = tenet_tests::Gateway::start(&door.project);
    for path in ["/v1/echo/a", "/plain/a"] {
        let answer = http1::get(gateway.public, path);
        let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
        assert!(matches!(code.as_str(), "CONNECT_FAILED" | "NO_INSTANCE"), "{path}: {code}");
        check_problem(path, &answer, 503, &code);
        assert!(
            !answer.text().contains(&address.to_string()),
            "{path}: inner addresses are nobody's business"
        );
        door.ledger.expect(&code);
    }
    let client = H2::connect(gateway.public).await;
    let reply = client.grpc("/door.v1.Echo/Get", &[], b"").await.expect("an answer");
    assert_eq!(reply.grpc_status(), Some(14), "{reply:?}");
    let recorded = || tenet_tests::ledger::recorded(&gateway.metrics());
    tenet_tests::eventually("three records", || (recorded().values().sum::<u64>() == 3).then_some(()));
    assert!(
        recorded().keys().all(|code| code == "CONNECT_FAILED" || code == "NO_INSTANCE"),
        "{:?}",
        recorded()
    );
}

#[test]
fn a_plain_upstream_that_is_no_http_is_told_apart() {
    // Whatever it is asked, it answers these bytes and closes.
    let speak = |bytes: &'static [u8]| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            // Bounded: a gateway that retried without end would be noticed by the ledger.
            for stream in listener.incoming().take(20).flatten() {
                let mut stream = stream;
                let _ = std::io::Read::read(&mut stream, &mut [0; 4096]);
                let _ = std::io::Write::write_all(&mut stream, bytes);
            }
        });
        address
    };
    type Row = (&'static str, &'static [u8], u16, &'static [&'static str]);
    let rows: [Row; 5] = [
        ("not HTTP", &b"SSH-2.0-hello\r\n\r\n"[..], 502, &["UPSTREAM_PROTOCOL_ERROR", "CONNECTION_LOST"][..]),
        ("nothing", b"", 502, &["CONNECTION_LOST"]),
        (
            "half a head",
            b"HTTP/1.1 200 OK\r\nContent-Le",
            502,
            &["CONNECTION_LOST", "UPSTREAM_PROTOCOL_ERROR"],
        ),
        (
            "both lengths",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            0,
            &["OK", "UPSTREAM_PROTOCOL_ERROR"],
        ),
        (
            "two lengths",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
            502,
            &["UPSTREAM_PROTOCOL_ERROR"],
        ),
    ];
    // Each over a gateway of its own, all at once: a settled ledger takes seconds.
    let check = |(what, bytes, status, codes): Row| {
        let mut door = Door::open("");
        let toml = std::fs::read_to_string(door.project.path().join("tenet.toml")).expect("read");
        let address = speak(bytes);
        door.project
            .write("tenet.toml", &toml.replace(&door.plain.address().to_string(), &address.to_string()));
        door.gateway = tenet_tests::Gateway::start(&door.project);
        let heard = raw::send(
            door.gateway.public,
            b"POST /plain/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
            PATIENCE,
        );
        let answers = heard.responses();
        assert_eq!(answers.len(), 1, "{what}: {}", heard.text());
        let answer = &answers[0];
        let code = if answer.status == 200 {
            "OK".into()
        } else {
            answer.json()["code"].as_str().unwrap_or("").to_owned()
        };
        assert!(codes.contains(&code.as_str()), "{what}: {} {code}", answer.status);
        assert!(status == 0 || answer.status == status, "{what}: {}", answer.status);
        let both = answer.header("content-length").is_some() && answer.header("transfer-encoding").is_some();
        assert!(!both, "{what}: one framing");
        door.ledger.expect(&code);
        door.settle();
    };
    std::thread::scope(|scope| {
        for row in rows {
            scope.spawn(move || check(row));
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strict_services_and_lenient_ones_treat_what_is_unknown_as_they_say() {
    let mut door = Door::open("");
    let client = H2::connect(door.gateway.public).await;
    let json = [("content-type", "application/json")];
    let body = Some(bytes::Bytes::from_static(b"{\"name\":\"a\",\"newer\":{\"x\":[1]}}"));
    let reply = client.call(Method::POST, "/v1/echo?other=1", &json, body).await.expect("an answer");
    assert_eq!((reply.status, &reply.body[..]), (200, &b"{\"name\":\"a\"}"[..]), "{reply:?}");
    let named = reply.header("tenet-ignored-fields").unwrap_or_default();
    assert!(
        named.contains("newer") && named.contains("other"),
        "what was ignored is named: {:?}",
        reply.headers
    );
    door.ledger.expect("OK");
    door.settle();
    assert!(door.gateway.metric("tenet_unknown_fields_total", &[]) >= 1.0);

    let toml = std::fs::read_to_string(door.project.path().join("tenet.toml")).expect("read");
    door.project.write(
        "tenet.toml",
        &toml.replacen("[services.echo]\n", "[services.echo]\njson = { strict = true }\n", 1),
    );
    let mut strict = Door { gateway: tenet_tests::Gateway::start(&door.project), ..door };
    strict.ledger = Default::default();
    let body = b"{\"name\":\"a\",\"newer\":1}";
    let answer = http1::call(strict.gateway.public, "POST", "/v1/echo", &json, body);
    check_problem("an unknown field", &answer, 400, "UNKNOWN_FIELD");
    assert!(answer.text().contains("newer"), "{}", answer.text());
    let answer = http1::get(strict.gateway.public, "/v1/echo/a?newer=1");
    check_problem("an unknown parameter", &answer, 400, "UNKNOWN_FIELD");
    strict.ledger.expect_many("UNKNOWN_FIELD", 2);
    strict.settle();
}
