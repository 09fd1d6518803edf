//! What passes through the public door and what does not: PROXY protocol, forwarding claims, hop-by-hop fields, request ids, trace
//! context.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;
use tenet_tests::{Answer, Call, Door, GrpcBackend, HttpBackend, PATIENCE, door, http1, raw};

/// A PROXY protocol v2 header: version and command, family and protocol, what follows.
fn proxy(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut out = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    out.extend([command, family]);
    out.extend(u16::try_from(rest.len()).expect("short").to_be_bytes());
    out.extend_from_slice(rest);
    out
}

/// 203.0.113.7:4000 to 192.0.2.1:80.
const V4: [u8; 12] = [203, 0, 113, 7, 192, 0, 2, 1, 0x0f, 0xa0, 0, 80];

fn v6() -> Vec<u8> {
    let mut out = vec![0x20, 1, 0x0d, 0xb8];
    out.extend([0; 11]);
    out.push(9);
    out.extend([0; 16]);
    out.extend([0x0f, 0xa0, 0, 80]);
    out
}

const GET: &[u8] = b"GET /plain/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

#[test]
fn the_proxy_header_says_who_calls() {
    let mut door = Door::open_with("", &[("TENET_PROXY_PROTOCOL", "true")]);
    let with_tlv = [&V4[..], &[0x04, 0, 3, 1, 2, 3]].concat();
    for (what, header, seen) in [
        ("TCP over IPv4", proxy(0x21, 0x11, &V4), "203.0.113.7"),
        ("TCP over IPv6", proxy(0x21, 0x21, &v6()), "2001:db8::9"),
        ("with more fields behind", proxy(0x21, 0x11, &with_tlv), "203.0.113.7"),
        ("LOCAL, as health checks say", proxy(0x20, 0x00, &[]), "127.0.0.1"),
        ("LOCAL with addresses to be ignored", proxy(0x20, 0x11, &V4), "127.0.0.1"),
        ("an unspecified family", proxy(0x21, 0x00, &[]), "127.0.0.1"),
    ] {
        for pieces in [1, 3] {
            let bytes = [&header[..], GET].concat();
            let pieces: Vec<_> = bytes.chunks(bytes.len().div_ceil(pieces)).collect();
            let heard = raw::send_slowly(door.gateway.public, &pieces, Duration::from_millis(20), PATIENCE);
            assert_eq!(
                heard.responses().first().map(|answer| answer.status),
                Some(200),
                "{what}: {}",
                heard.text()
            );
            let call = door.plain.calls().pop().expect("a call");
            assert_eq!(call.header("x-forwarded-for"), Some(seen), "{what}");
            door.ledger.expect("OK");
        }
    }
    // HTTP/2 behind it just the same.
    let mut bytes = proxy(0x21, 0x11, &V4);
    bytes.extend(tenet_tests::frames::PREFACE);
    bytes.extend(tenet_tests::frames::frame(4, 0, 0, &[]));
    bytes.extend(tenet_tests::frames::frame(1, 5, 1, &tenet_tests::frames::headers("GET", "/plain/h2", &[])));
    let mut stream = raw::connect(door.gateway.public);
    std::io::Write::write_all(&mut stream, &bytes).expect("sent");
    let call = tenet_tests::eventually("the call", || {
        door.plain.calls().pop().filter(|call| call.path == "/plain/h2")
    });
    assert_eq!(call.header("x-forwarded-for"), Some("203.0.113.7"));
    door.ledger.expect("OK");
    door.settle();
}

#[test]
fn a_connection_without_its_proxy_header_is_closed() {
    let facts = [("TENET_PROXY_PROTOCOL", "true")];
    let mut door = Door::open_with("[gateway.limits]\nheader_time = \"500ms\"", &facts);
    for (what, bytes, code) in [
        ("plain HTTP", GET.to_vec(), "PROXY_HEADER_INVALID"),
        ("version 1", [b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", GET].concat(), "PROXY_HEADER_INVALID"),
        ("version 3", [&proxy(0x31, 0x11, &V4)[..], GET].concat(), "PROXY_HEADER_INVALID"),
        ("a command nobody knows", [&proxy(0x2f, 0x11, &V4)[..], GET].concat(), "PROXY_HEADER_INVALID"),
        (
            "fewer addresses than the family has",
            [&proxy(0x21, 0x11, &V4[..8])[..], GET].concat(),
            "PROXY_HEADER_INVALID",
        ),
        (
            "a broken signature",
            [&b"\r\n\r\n\0\r\nQUIX\n\x21\x11\0\x0c"[..], &V4, GET].concat(),
            "PROXY_HEADER_INVALID",
        ),
        ("half a header", proxy(0x21, 0x11, &V4)[..20].to_vec(), "HEADER_TIMEOUT"),
        ("nothing", Vec::new(), "HEADER_TIMEOUT"),
    ] {
        let heard = raw::send(door.gateway.public, &bytes, PATIENCE);
        assert!(heard.closed && heard.bytes.is_empty(), "{what}: {}", heard.text());
        door.ledger.expect(code);
    }
    assert!(door.plain.calls().is_empty());
    door.settle();
}

/// The last call of the plain service after a GET with these fields.
fn seen(door: &mut Door, fields: &[(&str, &str)]) -> Call {
    let answer = http1::call(door.gateway.public, "GET", "/plain/a", fields, b"");
    assert_eq!(answer.status, 200, "{fields:?}: {}", answer.text());
    door.ledger.expect("OK");
    door.plain.calls().pop().expect("a call")
}

const CLAIMS: [(&str, &str); 5] = [
    ("x-forwarded-for", "198.51.100.1"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "shop.test"),
    ("x-forwarded-port", "8443"),
    ("forwarded", "for=198.51.100.1;proto=https"),
];

#[test]
fn claims_of_strangers_are_not_believed() {
    let mut door = Door::open("");
    let call = seen(&mut door, &CLAIMS);
    assert_eq!(call.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(call.header("x-forwarded-proto"), Some("http"));
    assert_eq!(call.header("x-forwarded-host"), Some(door.gateway.public.to_string().as_str()));
    assert_eq!(call.header("x-forwarded-port"), None);
    assert!(
        call.header("forwarded").is_none_or(|value| !value.contains("198.51.100.1")),
        "{:?}",
        call.headers
    );
    // Said twice is not believed either.
    let twice = seen(&mut door, &[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "2.2.2.2")]);
    assert_eq!(twice.headers.get_all("x-forwarded-for").iter().count(), 1, "{:?}", twice.headers);
    assert_eq!(twice.header("x-forwarded-for"), Some("127.0.0.1"));
    door.settle();
}

#[test]
fn nobody_outside_says_which_consumer_calls() {
    // Not even a hop that is trusted with addresses.
    let mut door = Door::open("trusted_proxies = [\"127.0.0.1\"]");
    let claim = [("tenet-consumer", "root")];
    assert_eq!(seen(&mut door, &claim).header("tenet-consumer"), None);
    let answer = http1::call(door.gateway.public, "GET", "/v1/echo/a", &claim, b"");
    assert_eq!(answer.status, 200, "{}", answer.text());
    door.ledger.expect("OK");
    assert_eq!(door.echo.calls().pop().expect("a call").header("tenet-consumer"), None);
    // Services say it to each other.
    let answer = http1::call(door.gateway.private, "GET", "/v1/echo/a", &claim, b"");
    assert_eq!(answer.status, 200, "{}", answer.text());
    door.ledger.expect("OK");
    assert_eq!(door.echo.calls().pop().expect("a call").header("tenet-consumer"), Some("root"));
    door.settle();
}

#[test]
fn claims_of_trusted_hops_are_passed_on_with_the_hop() {
    let mut door = Door::open("trusted_proxies = [\"10.0.0.0/8\", \"127.0.0.0/8\"]");
    let call = seen(&mut door, &CLAIMS);
    assert_eq!(call.header("x-forwarded-for"), Some("198.51.100.1, 127.0.0.1"));
    assert_eq!(call.header("x-forwarded-proto"), Some("https"));
    assert_eq!(call.header("x-forwarded-host"), Some("shop.test"));
    let forwarded = call.header("forwarded").unwrap_or_default();
    assert!(
        forwarded.starts_with("for=198.51.100.1;proto=https") && forwarded.contains("127.0.0.1"),
        "{forwarded}"
    );
    // A hop that says nothing is the first.
    let call = seen(&mut door, &[]);
    assert_eq!(call.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(call.header("x-forwarded-proto"), Some("http"));
    // A chain in two fields is one chain (RFC 9110 §5.3).
    let call = seen(&mut door, &[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "2.2.2.2")]);
    let chain: Vec<_> =
        call.headers.get_all("x-forwarded-for").iter().filter_map(|v| v.to_str().ok()).collect();
    assert_eq!(chain.join(", "), "1.1.1.1, 2.2.2.2, 127.0.0.1");
    door.settle();
}

#[test]
fn trust_is_in_who_calls_and_not_in_who_relays() {
    // The balancer says with its PROXY header that a stranger calls: the stranger's claims are his own.
    let facts = [("TENET_PROXY_PROTOCOL", "true")];
    let mut door = Door::open_with("trusted_proxies = [\"127.0.0.0/8\"]", &facts);
    let request =
        b"GET /plain/a HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.51.100.1\r\nConnection: close\r\n\r\n";
    let heard = raw::send(door.gateway.public, &[&proxy(0x21, 0x11, &V4)[..], request].concat(), PATIENCE);
    assert_eq!(heard.responses().first().map(|answer| answer.status), Some(200));
    let call = door.plain.calls().pop().expect("a call");
    assert_eq!(call.header("x-forwarded-for"), Some("203.0.113.7"));
    door.ledger.expect("OK");
    door.settle();
}

#[test]
fn hop_by_hop_fields_stay_on_their_hop() {
    let answers = |call: &Call| {
        door::plain(call)
            .header("connection", "x-secret, keep-alive")
            .header("x-secret", "of the service")
            .header("keep-alive", "timeout=5")
            .header("proxy-connection", "keep-alive")
            .header("upgrade", "h2c")
            .header("x-public", "passes")
    };
    let mut door = Door::before(GrpcBackend::start(door::echo), HttpBackend::start(answers), "", &[]);
    let request = [
        ("connection", "x-private, te, upgrade, close"),
        ("x-private", "of the caller"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("te", "gzip"),
        ("upgrade", "h2c"),
        ("x-public", "passes"),
    ];
    for path in ["/plain/a", "/plain2/a", "/v1/echo/a"] {
        let answer = http1::call(door.gateway.public, "GET", path, &request, b"");
        assert_eq!(answer.status, 200, "{path}");
        door.ledger.expect("OK");
        let call = match path {
            "/plain/a" => door.plain.calls().pop(),
            "/plain2/a" => door.plain2.calls().pop(),
            _ => door.echo.calls().pop(),
        };
        let call = call.expect("a call");
        assert_eq!(call.header("x-public"), Some("passes"), "{path}");
        for name in ["x-private", "keep-alive", "proxy-connection", "upgrade"] {
            assert_eq!(call.header(name), None, "{path}: {name} passed");
        }
        assert!(call.header("te").is_none_or(|te| te == "trailers"), "{path}");
        let connection = call.header("connection").unwrap_or_default();
        assert!(!connection.contains("x-private") && !connection.contains("upgrade"), "{path}: {connection}");
    }
    let answer = http1::get(door.gateway.public, "/plain/a");
    door.ledger.expect("OK");
    assert_eq!(answer.header("x-public"), Some("passes"));
    for name in ["x-secret", "keep-alive", "proxy-connection", "upgrade"] {
        assert_eq!(answer.header(name), None, "{name} came back");
    }
    door.settle();
}

#[test]
fn a_request_id_is_kept_where_it_is_one_and_made_where_it_is_not() {
    let mut door = Door::open("");
    let long = "a".repeat(2000);
    let mut ids = HashSet::new();
    for (sent, kept) in [
        (None, false),
        (None, false),
        (Some("order-4711"), true),
        (Some("497f42b3e12a958abb3b3f5b38b569f3"), true),
        (Some("two words"), false),
        (Some("quote\"d"), false),
        (Some(long.as_str()), false),
        (Some(""), false),
    ] {
        let fields: Vec<_> = sent.map(|id| ("x-request-id", id)).into_iter().collect();
        let answer = http1::call(door.gateway.public, "GET", "/plain/a", &fields, b"");
        door.ledger.expect("OK");
        let id = answer.header("x-request-id").unwrap_or_default().to_owned();
        let call = door.plain.calls().pop().expect("a call");
        assert_eq!(call.headers.get_all("x-request-id").iter().count(), 1, "{sent:?}");
        assert_eq!(call.header("x-request-id"), Some(id.as_str()), "{sent:?}: the service sees another");
        assert!(!id.is_empty() && ids.insert(id.clone()), "{sent:?}: {id} is not its own");
        assert_eq!(sent == Some(id.as_str()), kept, "{sent:?} became {id:?}");
    }
    // The same in a failure.
    let answer =
        http1::call(door.gateway.public, "GET", "/v1/nowhere", &[("x-request-id", "order-4712")], b"");
    assert_eq!(answer.json()["request_id"], "order-4712");
    door.ledger.expect("ROUTE_NOT_FOUND");
    door.settle();
}

#[test]
fn trace_context_is_continued() {
    let mut door = Door::open("");
    let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    for flags in ["00", "01"] {
        let context = format!("00-{trace}-{parent}-{flags}");
        let fields =
            [("traceparent", context.as_str()), ("tracestate", "vendor=1"), ("baggage", "user=7,plan=gold")];
        for path in ["/plain/a", "/v1/echo/a"] {
            let answer = http1::call(door.gateway.public, "GET", path, &fields, b"");
            assert_eq!(answer.status, 200, "{path}");
            door.ledger.expect("OK");
            let call = if path == "/plain/a" { door.plain.calls().pop() } else { door.echo.calls().pop() };
            let call = call.expect("a call");
            let (version, id, span, sent_flags) = parts(&call);
            assert_eq!((version.as_str(), id.as_str(), sent_flags.as_str()), ("00", trace, flags), "{path}");
            assert_ne!(span, parent, "{path}: our own span is the service's parent");
            assert_eq!(call.header("tracestate"), Some("vendor=1"), "{path}");
            assert!(
                call.header("baggage").is_some_and(|baggage| baggage.contains("user=7,plan=gold")),
                "{path}"
            );
        }
    }
    // What is no context is replaced by a new one (W3C Trace Context §3.2.2, §4.3), and its state with it.
    let mut traces = HashSet::new();
    for bad in [
        "",
        "nonsense",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
    ] {
        let call = seen(&mut door, &[("traceparent", bad), ("tracestate", "vendor=1")]);
        let (version, id, span, _) = parts(&call);
        assert_eq!((version.as_str(), id.len(), span.len()), ("00", 32, 16), "{bad:?}");
        assert!(id != trace && traces.insert(id.clone()), "{bad:?} became {id}");
        assert_eq!(call.header("tracestate"), None, "{bad:?}: the state of no trace");
    }
    // A later version may have more behind what is known, and is continued as version 00 (§4.3).
    let later = format!("cc-{trace}-{parent}-01-more");
    let (version, id, ..) = parts(&seen(&mut door, &[("traceparent", &later)]));
    assert_eq!((version.as_str(), id.as_str()), ("00", trace));
    door.settle();
}

/// The four parts of the one `traceparent` of a call.
fn parts(call: &Call) -> (String, String, String, String) {
    assert_eq!(call.headers.get_all("traceparent").iter().count(), 1, "{:?}", call.headers);
    let mut parts = call.header("traceparent").unwrap_or_default().split('-').map(str::to_owned);
    let mut next = || parts.next().unwrap_or_default();
    (next(), next(), next(), next())
}

#[test]
fn the_time_left_travels_with_rest_calls_too() {
    let mut door = Door::open("deadline = \"9s\"");
    for (asked, most_us) in [(None, 9_000_000), (Some("2S"), 2_000_000), (Some("1M"), 9_000_000)] {
        let fields: Vec<_> = asked.map(|asked| ("grpc-timeout", asked)).into_iter().collect();
        let answer = http1::call(door.gateway.public, "GET", "/v1/echo/a", &fields, b"");
        assert_eq!(answer.status, 200, "{asked:?}: {}", answer.text());
        door.ledger.expect("OK");
        let call = door.echo.calls().pop().expect("a call");
        let left = call.header("grpc-timeout").and_then(|text| text.strip_suffix('u')?.parse::<u64>().ok());
        assert!(left.is_some_and(|left| left <= most_us && left > most_us / 2), "{asked:?}: {left:?}");
    }
    for bad in ["", "1", "S", "1x", "123456789S", "-1S", "1.5S"] {
        let answer = http1::call(door.gateway.public, "GET", "/v1/echo/a", &[("grpc-timeout", bad)], b"");
        assert_eq!(answer.status, 400, "{bad:?}: {}", answer.text());
        door.ledger.expect(answer.json()["code"].as_str().unwrap_or_default());
    }
    door.settle();
}

#[test]
fn the_private_door_reaches_what_the_public_one_does_not() {
    let mut door = Door::open("");
    let rows: [(SocketAddr, u16, &str); 2] =
        [(door.gateway.public, 404, "ROUTE_NOT_FOUND"), (door.gateway.private, 200, "OK")];
    for (address, status, code) in rows {
        let answer = http1::get(address, "/v1/inner?name=a");
        assert_eq!(answer.status, status, "{address}: {}", answer.text());
        door.ledger.expect(code);
    }
    door.settle();
}

#[test]
fn a_service_cannot_speak_for_the_connection() {
    // What an upstream says of its own framing ends there.
    let answers = |_: &Call| {
        Answer::http(200, "body")
            .header("x-request-id", "forged")
            .header("server", "theirs")
            .header("date", "then")
    };
    let mut door = Door::before(GrpcBackend::start(door::echo), HttpBackend::start(answers), "", &[]);
    let answer = http1::get(door.gateway.public, "/plain/a");
    door.ledger.expect("OK");
    let count = |name: &str| answer.headers.iter().filter(|(key, _)| key == name).count();
    assert_eq!(
        (count("x-request-id"), count("date"), count("content-length")),
        (1, 1, 1),
        "{:?}",
        answer.headers
    );
    assert_ne!(answer.header("x-request-id"), Some("forged"));
    door.settle();
}
