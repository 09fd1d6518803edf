//! What plain HTTP services answer, passed on: every status, framing and body arrives as it was meant, on connections that live on.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use tenet_tests::http1::Connection;
use tenet_tests::{Door, Gateway, PATIENCE};

/// A service that gives the bytes named by the last segment of the path and keeps the connection or not, as they say.
fn scripted(script: &'static [(&'static str, &'static str)]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        // Bounded, so that nothing is left running when a test goes wrong.
        for stream in listener.incoming().take(100).flatten() {
            std::thread::spawn(move || {
                let mut stream = stream;
                let mut unread = Vec::new();
                let mut chunk = [0; 4096];
                while let Ok(count) = stream.read(&mut chunk) {
                    unread.extend_from_slice(&chunk[..count]);
                    let Some(end) = unread.windows(4).position(|w| w == b"\r\n\r\n") else {
                        if count == 0 {
                            return;
                        }
                        continue;
                    };
                    let head = String::from_utf8_lossy(&unread[..end]).into_owned();
                    unread.drain(..end + 4);
                    let path = head.split(' ').nth(1).unwrap_or_default();
                    let name = path.rsplit('/').next().unwrap_or_default();
                    let Some((_, bytes)) = script.iter().find(|(known, _)| *known == name) else { return };
                    let _ = stream.write_all(bytes.as_bytes());
                    if !bytes.contains("ength:")
                        && !bytes.contains("chunked")
                        && !bytes.contains(" 204 ")
                        && !bytes.contains(" 304 ")
                    {
                        return;
                    }
                }
            });
        }
    });
    address
}

const SCRIPT: &[(&str, &str)] = &[
    ("length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    ("empty", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
    ("trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-End: 1\r\n\r\n"),
    ("until-close", "HTTP/1.1 200 OK\r\nX-A: b\r\n\r\nhello"),
    ("old", "HTTP/1.0 200 OK\r\nX-A: b\r\n\r\nhello"),
    ("no-content", "HTTP/1.1 204 No Content\r\n\r\n"),
    ("not-modified", "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n"),
    ("created", "HTTP/1.1 201 Created\r\nLocation: /plain/7\r\nContent-Length: 0\r\n\r\n"),
    ("moved", "HTTP/1.1 301 Moved Permanently\r\nLocation: http://x/y\r\nContent-Length: 0\r\n\r\n"),
    ("teapot", "HTTP/1.1 418 I'm a teapot\r\nContent-Length: 5\r\n\r\nshort"),
    ("failed", "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy"),
    ("continue-first", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    (
        "hints-first",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    ),
    ("cookies", "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2, c\r\nContent-Length: 0\r\n\r\n"),
    (
        "switches",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 0\r\n\r\n",
    ),
];

#[test]
fn answers_arrive_as_they_were_meant() {
    let mut door = Door::open("");
    let toml = std::fs::read_to_string(door.project.path().join("tenet.toml")).expect("read");
    let address = scripted(SCRIPT).to_string();
    door.project.write("tenet.toml", &toml.replace(&door.plain.address().to_string(), &address));
    door.gateway = Gateway::start(&door.project);
    // One connection throughout: an answer that is longer or shorter than it says would be seen in the next.
    let mut connection = Connection::open(door.gateway.public);
    for round in 0..3 {
        for (name, status, body, code) in [
            ("length", 200, "hello", "OK"),
            ("empty", 200, "", "OK"),
            ("chunked", 200, "hello", "OK"),
            ("trailers", 200, "hello", "OK"),
            ("until-close", 200, "hello", "OK"),
            ("old", 200, "hello", "OK"),
            ("no-content", 204, "", "OK"),
            ("not-modified", 304, "", "OK"),
            ("created", 201, "", "OK"),
            ("moved", 301, "", "OK"),
            ("teapot", 418, "short", "UPSTREAM_HTTP_4XX"),
            ("failed", 503, "busy", "UPSTREAM_HTTP_5XX"),
            ("continue-first", 200, "hello", "OK"),
            ("hints-first", 200, "hello", "OK"),
            ("cookies", 200, "", "OK"),
            ("switches", 502, "", "UPSTREAM_PROTOCOL_ERROR"),
        ] {
            let what = format!("{name}, round {round}");
            connection
                .send(format!("GET /plain/{name} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
                .expect("sent");
            let mut answer =
                connection.receive(false, PATIENCE).unwrap_or_else(|| panic!("{what}: no answer"));
            if answer.status == 103 {
                // May be passed on or kept (RFC 9110 §15.2).
                answer = connection.receive(false, PATIENCE).unwrap_or_else(|| panic!("{what}: no answer"));
            }
            assert_eq!(answer.status, status, "{what}: {answer:?}");
            if status != 502 {
                assert_eq!(answer.text(), body, "{what}");
            }
            door.ledger.expect(code);
            match name {
                "created" => assert_eq!(answer.header("location"), Some("/plain/7")),
                "moved" => assert_eq!(answer.header("location"), Some("http://x/y"), "{what}: not followed"),
                "not-modified" => assert_eq!(answer.header("etag"), Some("\"a\"")),
                "failed" => assert_eq!(answer.header("retry-after"), Some("7")),
                "cookies" => {
                    let cookies: Vec<_> = answer
                        .headers
                        .iter()
                        .filter(|(name, _)| name == "set-cookie")
                        .map(|(_, v)| v.as_str())
                        .collect();
                    assert_eq!(cookies, ["a=1", "b=2, c"], "{what}: never folded into one (RFC 9110 §5.3)");
                }
                _ => {}
            }
            assert!(
                answer.header("x-request-id").is_some() && answer.header("date").is_some(),
                "{what}: {answer:?}"
            );
        }
    }
    door.settle();
}

#[test]
fn head_asks_for_the_length_and_gets_no_body() {
    const HEADS: &[(&str, &str)] = &[
        ("length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
        ("chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ];
    let mut door = Door::open("");
    let toml = std::fs::read_to_string(door.project.path().join("tenet.toml")).expect("read");
    let address = scripted(HEADS).to_string();
    door.project.write("tenet.toml", &toml.replace(&door.plain.address().to_string(), &address));
    door.gateway = Gateway::start(&door.project);
    let mut connection = Connection::open(door.gateway.public);
    for (name, length) in [("length", Some("5")), ("chunked", None), ("length", Some("5"))] {
        connection.send(format!("HEAD /plain/{name} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).expect("sent");
        let answer = connection.receive(true, PATIENCE).unwrap_or_else(|| panic!("{name}: no answer"));
        assert_eq!((answer.status, answer.header("content-length")), (200, length), "{name}");
        door.ledger.expect("OK");
    }
    door.settle();
}
