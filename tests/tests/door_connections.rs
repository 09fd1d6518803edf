//! How an HTTP/1.1 connection is kept: keep-alive, pipelining, `Expect: 100-continue`, trailers, HEAD, OPTIONS, HTTP/1.0, bodies
//! nobody read, absolute targets.

use std::time::Duration;
use tenet_tests::http1::{Connection, Response};
use tenet_tests::{Door, PATIENCE, raw};

/// Long enough for an answer that must not come to have come, were it coming.
const NOTHING_COMES: Duration = Duration::from_millis(300);

const JSON: &str = "Host: x\r\nContent-Type: application/json\r\n";

fn receive(connection: &mut Connection, what: &str) -> Response {
    connection.receive(false, PATIENCE).unwrap_or_else(|| panic!("{what}: no answer"))
}

#[test]
fn a_connection_is_kept_or_closed_as_the_caller_says() {
    let mut door = Door::open("");
    let rows = [
        ("HTTP/1.1", "", true, ""),
        ("HTTP/1.1", "Connection: close\r\n", false, "close"),
        ("HTTP/1.1", "Connection: keep-alive, close\r\n", false, "close"),
        ("HTTP/1.1", "Connection: CLOSE\r\n", false, "close"),
        ("HTTP/1.1", "Connection: x-private\r\n", true, ""),
        ("HTTP/1.0", "", false, "close"),
        ("HTTP/1.0", "Connection: keep-alive\r\n", true, "keep-alive"),
    ];
    for (version, fields, lives, says) in rows {
        let what = format!("{version} {fields:?}");
        let mut connection = Connection::open(door.gateway.public);
        let request = format!("GET /v1/echo/a {version}\r\nHost: x\r\n{fields}\r\n");
        connection.send(request.as_bytes()).expect("sent");
        let answer = receive(&mut connection, &what);
        door.ledger.expect("OK");
        assert_eq!(answer.status, 200, "{what}");
        let said = answer.header("connection").unwrap_or_default();
        // HTTP/1.0 ends by closing even where nothing says so.
        assert!(said == says || (version == "HTTP/1.0" && !lives && said.is_empty()), "{what}: {said:?}");
        if lives {
            connection.send(request.as_bytes()).expect("sent");
            assert_eq!(receive(&mut connection, &what).status, 200, "{what}: again");
            door.ledger.expect("OK");
        } else {
            assert!(connection.closes_within(PATIENCE), "{what}: stays open");
        }
    }
    door.settle();
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let mut door = Door::open("");
    // The slow one stands first: what is behind it must wait.
    let mut bytes = b"GET /v1/slow?text=0 HTTP/1.1\r\nHost: x\r\n\r\n".to_vec();
    bytes.extend(
        format!("POST /v1/echo HTTP/1.1\r\n{JSON}Content-Length: 12\r\n\r\n{{\"text\":\"1\"}}").bytes(),
    );
    bytes.extend(
        format!("POST /v1/echo HTTP/1.1\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n5\r\n{{\"tex\r\n7\r\nt\":\"2\"}}\r\n0\r\n\r\n")
            .bytes(),
    );
    bytes.extend(b"GET /v1/nowhere HTTP/1.1\r\nHost: x\r\n\r\n");
    bytes.extend(b"\r\nGET /v1/echo/n?text=4 HTTP/1.1\r\nHost: x\r\n\r\n");
    bytes.extend(b"POST /plain/p HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n5");
    bytes.extend(b"GET /v1/echo/n?text=6 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    bytes.extend(b"GET /v1/echo/n?text=7 HTTP/1.1\r\nHost: x\r\n\r\n");
    for code in ["OK", "OK", "OK", "ROUTE_NOT_FOUND", "OK", "OK", "OK"] {
        door.ledger.expect(code);
    }
    let heard = raw::send(door.gateway.public, &bytes, PATIENCE);
    assert!(heard.closed, "it was told to close");
    let answers: Vec<_> = heard
        .responses()
        .into_iter()
        .map(|answer| match answer.header("content-type") {
            Some("application/json") => answer.json()["text"].as_str().unwrap_or_default().to_owned(),
            _ => format!(
                "{} {}",
                answer.status,
                if answer.body.len() < 9 { answer.text() } else { String::new() }
            ),
        })
        .collect();
    assert_eq!(answers, ["0", "1", "2", "404 ", "4", "200 5", "6"], "what is behind `close` is not served");
    door.settle();
}

#[test]
fn bytes_may_arrive_one_by_one() {
    let mut door = Door::open("");
    let request = format!(
        "POST /v1/echo HTTP/1.1\r\n{JSON}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n5;ext=\"1;2\"\r\n{{\"tex\r\n7\r\nt\":\"2\"}}\r\n0\r\nTrailer: x\r\n\r\n"
    );
    let pieces: Vec<_> = request.as_bytes().chunks(1).collect();
    let heard = raw::send_slowly(door.gateway.public, &pieces, Duration::from_micros(200), PATIENCE);
    let answers = heard.responses();
    assert_eq!(answers.len(), 1, "{}", heard.text());
    assert_eq!(answers[0].json()["text"], "2");
    door.ledger.expect("OK");
    door.settle();
}

#[test]
fn a_hundred_continue_is_sent_when_the_body_is_wanted_and_only_then() {
    let mut door = Door::open("[gateway.limits]\nbody = \"1KiB\"");
    let post = |path: &str, fields: &str| {
        format!("POST {path} HTTP/1.1\r\n{JSON}Expect: 100-continue\r\n{fields}\r\n")
    };
    for (path, fields, body) in [
        ("/v1/echo", "Content-Length: 2\r\n", "{}"),
        ("/v1/echo", "Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"),
        ("/plain/a", "Content-Length: 2\r\n", "{}"),
        ("/plain2/a", "Content-Length: 2\r\n", "{}"),
    ] {
        let mut connection = Connection::open(door.gateway.public);
        connection.send(post(path, fields).as_bytes()).expect("sent");
        let go_on = receive(&mut connection, path);
        assert_eq!((go_on.status, go_on.headers.len()), (100, 0), "{path} {fields:?}: {go_on:?}");
        connection.send(body.as_bytes()).expect("sent");
        let answer = receive(&mut connection, path);
        assert_eq!((answer.status, answer.text().as_str()), (200, "{}"), "{path} {fields:?}");
        door.ledger.expect("OK");
        // The connection goes on.
        connection.send(b"GET /v1/echo/a HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
        assert_eq!(receive(&mut connection, path).status, 200, "{path} {fields:?}");
        door.ledger.expect("OK");
    }
    for (path, fields, status, code) in [
        ("/v1/nowhere", "Content-Length: 2\r\n", 404, "ROUTE_NOT_FOUND"),
        ("/v1/slow", "Content-Length: 2\r\n", 405, "METHOD_NOT_ALLOWED"),
        ("/v1/echo", "Content-Length: 9999\r\n", 413, "BODY_TOO_LARGE"),
        ("/v1/echo", "Content-Length: 2\r\nContent-Encoding: gzip\r\n", 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("/v1/echo", "Content-Length: 2\r\nAccept: text/html\r\n", 406, "NOT_ACCEPTABLE"),
    ] {
        let mut connection = Connection::open(door.gateway.public);
        connection.send(post(path, fields).as_bytes()).expect("sent");
        let answer = receive(&mut connection, path);
        assert_eq!(answer.status, status, "{path} {fields:?}: refused before the body is sent for");
        door.ledger.expect(code);
    }
    // Nobody waits for a 100 that does not understand it (RFC 9110 §10.1.1), or has no body to send.
    for request in [
        format!("POST /v1/echo HTTP/1.0\r\n{JSON}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{{}}"),
        "GET /v1/echo/a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n".to_owned(),
        // It did not wait: the body is there already.
        format!("POST /v1/echo HTTP/1.1\r\n{JSON}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{{}}"),
    ] {
        let mut connection = Connection::open(door.gateway.public);
        connection.send(request.as_bytes()).expect("sent");
        let mut answer = receive(&mut connection, &request);
        if request.contains("POST /v1/echo HTTP/1.1") && answer.status == 100 {
            // Allowed, though it may be left out.
            answer = receive(&mut connection, &request);
        }
        assert_eq!(answer.status, 200, "{request}");
        door.ledger.expect("OK");
    }
    door.settle();
}

#[test]
fn a_body_nobody_read_is_not_the_next_request() {
    let mut door = Door::open("");
    // Were the body taken for a request, it would be answered 200.
    let smuggled = "GET /v1/echo/smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    let rows = [
        format!(
            "POST /v1/nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{smuggled}",
            smuggled.len()
        ),
        format!(
            "POST /v1/nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{smuggled}\r\n0\r\n\r\n",
            smuggled.len()
        ),
        format!(
            "GET /v1/nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{smuggled}",
            smuggled.len()
        ),
    ];
    for request in &rows {
        let mut connection = Connection::open(door.gateway.public);
        connection.send(request.as_bytes()).expect("sent");
        assert_eq!(receive(&mut connection, request).status, 404, "{request}");
        door.ledger.expect("ROUTE_NOT_FOUND");
        connection.send(b"GET /v1/echo/next HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
        assert_eq!(receive(&mut connection, request).json()["name"], "next", "{request}");
        door.ledger.expect("OK");
    }
    // More than is worth reading: the connection ends, and what is in the body is still no request.
    let mut connection = Connection::open(door.gateway.public);
    let long = smuggled.repeat(200_000 / smuggled.len());
    let _ = connection.send(
        format!("POST /v1/nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 90000000\r\n\r\n{long}").as_bytes(),
    );
    let answer = receive(&mut connection, "a long body");
    assert_eq!((answer.status, answer.header("connection")), (404, Some("close")));
    assert!(connection.closes_within(PATIENCE));
    door.ledger.expect("ROUTE_NOT_FOUND");
    assert!(door.echo.calls().iter().all(|call| !call.body.windows(8).any(|window| window == b"smuggled")));
    door.settle();
}

#[test]
fn head_is_get_without_its_body() {
    let mut door = Door::open("");
    let mut connection = Connection::open(door.gateway.public);
    let mut ask = |line: &str, head_only: bool| {
        connection.send(format!("{line} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).expect("sent");
        connection.receive(head_only, PATIENCE).unwrap_or_else(|| panic!("{line}: no answer"))
    };
    for (path, status, code) in [
        ("/v1/echo/abc?text=hello", 200, "OK"),
        ("/v1/nowhere", 404, "ROUTE_NOT_FOUND"),
        ("/v1/lost", 404, "NOT_FOUND"),
        ("/plain/a", 200, "OK"),
    ] {
        let get = ask(&format!("GET {path}"), false);
        let head = ask(&format!("HEAD {path}"), true);
        door.ledger.expect_many(code, 2);
        assert_eq!((get.status, head.status), (status, status), "{path}");
        assert!(head.body.is_empty());
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        // RFC 9110 §9.3.2: the same fields as GET; a length may be left out, but not differ.
        if let Some(length) = head.header("content-length") {
            assert_eq!(Some(length), get.header("content-length"), "{path}");
        }
    }
    door.settle();
}

#[test]
fn options_says_what_a_path_can_do() {
    let mut door = Door::open("");
    let mut connection = Connection::open(door.gateway.public);
    for (target, allow) in [
        ("/v1/echo/x", "GET, HEAD, OPTIONS"),
        ("/v1/echo", "OPTIONS, POST"),
        ("*", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"),
    ] {
        connection.send(format!("OPTIONS {target} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).expect("sent");
        let answer = receive(&mut connection, target);
        assert!(matches!(answer.status, 200 | 204), "{target}: {}", answer.status);
        let mut listed: Vec<_> = answer.header("allow").unwrap_or_default().split(", ").collect();
        listed.sort_unstable();
        assert_eq!(listed.join(", "), allow, "{target}");
        assert!(answer.header("x-request-id").is_some(), "{target}");
        door.ledger.expect("OK");
    }
    connection.send(b"OPTIONS /v1/nowhere HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    assert_eq!(receive(&mut connection, "OPTIONS").status, 404);
    door.ledger.expect("ROUTE_NOT_FOUND");
    // A plain upstream answers for itself.
    connection.send(b"OPTIONS /plain/a HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    let answer = receive(&mut connection, "OPTIONS /plain/a");
    assert_eq!((answer.status, answer.header("x-saw-method")), (200, Some("OPTIONS")));
    door.ledger.expect("OK");
    door.settle();
}

#[test]
fn http_1_0_gets_what_it_can_read() {
    let mut door = Door::open("");
    for (request, body) in [
        ("GET /v1/echo/a HTTP/1.0\r\n\r\n".to_owned(), "{\"name\":\"a\"}"),
        (
            format!("POST /v1/echo HTTP/1.0\r\n{JSON}Content-Length: 12\r\n\r\n{{\"text\":\"1\"}}"),
            "{\"text\":\"1\"}",
        ),
        ("POST /plain2/a HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello".to_owned(), "hello"),
    ] {
        let heard = raw::send(door.gateway.public, request.as_bytes(), PATIENCE);
        let answers = heard.responses();
        assert!(heard.closed && answers.len() == 1, "{request}: {}", heard.text());
        assert_eq!((answers[0].status, answers[0].text().as_str()), (200, body), "{request}");
        assert_eq!(answers[0].header("transfer-encoding"), None, "{request}: it knows no chunks");
        door.ledger.expect("OK");
    }
    door.settle();
}

#[test]
fn an_absolute_target_is_served_as_its_path() {
    let mut door = Door::open("");
    let mut connection = Connection::open(door.gateway.public);
    for (target, name) in
        [("http://x/v1/echo/a", "a"), ("http://X/v1/echo/b", "b"), ("HTTP://x/v1/echo/c?text=", "c")]
    {
        connection.send(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).expect("sent");
        let answer = receive(&mut connection, target);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        assert_eq!(answer.json()["name"], name, "{target}");
        door.ledger.expect("OK");
    }
    door.settle();
}

#[test]
fn trailers_pass_where_the_upstream_can_take_them() {
    let mut door = Door::open("");
    let mut connection = Connection::open(door.gateway.public);
    // The answer of an HTTP/2 upstream ends in a trailer, which `TE: trailers` asks for.
    connection
        .send(b"POST /plain2/a HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: TE\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-Check: 1\r\n\r\n")
        .expect("sent");
    let answer = receive(&mut connection, "/plain2");
    assert_eq!((answer.status, answer.text().as_str()), (200, "ab"));
    assert_eq!(answer.trailers, [("x-trailer".to_owned(), "end".to_owned())]);
    door.ledger.expect("OK");
    // A REST call has no use for trailers: they are read and dropped.
    connection
        .send(format!("POST /v1/echo HTTP/1.1\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\nX-Check: 1\r\n\r\n").as_bytes())
        .expect("sent");
    assert_eq!(receive(&mut connection, "/v1/echo").text(), "{}");
    door.ledger.expect("OK");
    door.settle();
}

#[test]
fn an_idle_connection_says_nothing() {
    let door = Door::open("");
    let heard = raw::send(door.gateway.public, b"", NOTHING_COMES);
    assert!(heard.bytes.is_empty() && !heard.closed, "{heard:?}");
    // A caller that connects and leaves has made no request.
    drop(raw::connect(door.gateway.public));
    door.settle();
}

#[test]
fn a_request_that_is_cut_off_is_no_request() {
    let mut door = Door::open("");
    let post = |path: &str, fields: &str| format!("POST {path} HTTP/1.1\r\n{JSON}{fields}\r\n");
    for (what, bytes) in [
        ("a head", "GET /v1/echo/cut HTTP/1.1\r\nHost: x\r\n".to_owned()),
        ("a body", post("/v1/echo", "Content-Length: 20\r\n") + "{\"name\":\"cut\"}"),
        ("a chunk", post("/v1/echo", "Transfer-Encoding: chunked\r\n") + "20\r\n{\"name\":\"cut\"}"),
        (
            "the last chunk",
            post("/v1/echo", "Transfer-Encoding: chunked\r\n") + "e\r\n{\"name\":\"cut\"}\r\n",
        ),
        (
            "the trailers",
            post("/v1/echo", "Transfer-Encoding: chunked\r\n") + "e\r\n{\"name\":\"cut\"}\r\n0\r\nA: b\r\n",
        ),
        ("a stream", post("/plain/cut", "Content-Length: 20\r\n") + "{\"name\":\"cut\"}"),
        (
            "a chunked stream",
            post("/plain/cut", "Transfer-Encoding: chunked\r\n") + "e\r\n{\"name\":\"cut\"}\r\n",
        ),
        ("a stream to HTTP/2", post("/plain2/cut", "Content-Length: 20\r\n") + "{\"name\":\"cut\"}"),
    ] {
        let heard = raw::send_and_finish(door.gateway.public, bytes.as_bytes(), PATIENCE);
        assert!(heard.closed, "{what}: stays open");
        assert!(!heard.text().starts_with("HTTP/1.1 2"), "{what}: answered {}", heard.text());
        door.ledger.expect("CANCELLED");
    }
    door.settle();
    // A service must never take the part for the whole.
    let calls = [door.echo.calls(), door.plain.calls(), door.plain2.calls()].concat();
    assert!(calls.is_empty(), "{calls:?}");
}
