//! TLS on the public door: both protocols by ALPN, what is no handshake, certificates replaced without a restart.

use http::Method;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tenet_tests::{Door, PATIENCE, http1, raw};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const NAME: &str = "door.test";

/// A self-signed certificate and its key in files of a folder, and what a client must trust.
struct Certificate {
    pem: String,
    key: String,
    der: CertificateDer<'static>,
}

impl Certificate {
    fn fresh() -> Certificate {
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).expect("a certificate");
        Certificate {
            pem: made.cert.pem(),
            key: made.signing_key.serialize_pem(),
            der: made.cert.der().clone(),
        }
    }
}

/// The files a gateway reads, in a folder of their own.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn with(certificate: &Certificate) -> Files {
        let files = Files { folder: tempfile::tempdir().expect("a folder") };
        files.write("cert.pem", &certificate.pem);
        files.write("key.pem", &certificate.key);
        files
    }

    /// Replaces a file as a whole, as tools that renew certificates do.
    fn write(&self, name: &str, text: &str) {
        let beside = self.folder.path().join(format!("{name}.new"));
        std::fs::write(&beside, text)
            .and_then(|()| std::fs::rename(&beside, self.path(name)))
            .expect("written");
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn door(&self, gateway: &str, more: &[(&str, &str)]) -> Door {
        let (cert, key) = (self.path("cert.pem"), self.path("key.pem"));
        let mut facts = vec![
            ("TENET_TLS_CERT", cert.to_str().expect("a path in UTF-8")),
            ("TENET_TLS_KEY", key.to_str().expect("a path in UTF-8")),
        ];
        facts.extend_from_slice(more);
        Door::open_with(gateway, &facts)
    }
}

/// Connects and shakes hands, trusting `trusted` alone.
async fn shake(
    address: SocketAddr,
    trusted: &[&Certificate],
    alpn: &[&str],
    version: &'static rustls::SupportedProtocolVersion,
    before: &[u8],
) -> Result<TlsStream<TcpStream>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in trusted {
        roots.add(certificate.der.clone()).expect("a root");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let mut stream = TcpStream::connect(address).await.expect("accepted");
    stream.write_all(before).await.expect("sent");
    let connector = TlsConnector::from(Arc::new(config));
    let shaken =
        timeout(PATIENCE, connector.connect(ServerName::try_from(NAME).expect("a name"), stream)).await;
    shaken.expect("an end to the handshake").map_err(|error| error.to_string())
}

/// One HTTP/1.1 request; the status and the body.
async fn ask(stream: &mut TlsStream<TcpStream>, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {NAME}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut heard = Vec::new();
    loop {
        let count = timeout(PATIENCE, stream.read_buf(&mut heard)).await.expect("an answer").expect("read");
        if let Some((answer, _)) = http1::parse(&heard, false, count == 0).expect("well-formed") {
            return (answer.status, answer.text());
        }
        assert!(count > 0, "the connection ends within an answer");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_protocols_are_spoken_by_alpn() {
    let certificate = Certificate::fresh();
    let mut door = Files::with(&certificate).door("", &[]);
    let versions = [&rustls::version::TLS12, &rustls::version::TLS13];
    for (alpn, agreed) in
        [(&["http/1.1"][..], Some("http/1.1")), (&[], None), (&["spdy/3", "http/1.1"], Some("http/1.1"))]
    {
        for version in versions {
            let stream = shake(door.gateway.public, &[&certificate], alpn, version, b"").await;
            let mut stream = stream.unwrap_or_else(|error| panic!("{alpn:?}: {error}"));
            assert_eq!(stream.get_ref().1.alpn_protocol(), agreed.map(str::as_bytes), "{alpn:?}");
            let (status, body) = ask(&mut stream, "/v1/echo/a").await;
            assert_eq!((status, body.as_str()), (200, "{\"name\":\"a\"}"), "{alpn:?}");
            door.ledger.expect("OK");
        }
    }
    for version in versions {
        let stream = shake(door.gateway.public, &[&certificate], &["h2", "http/1.1"], version, b"").await;
        let stream = stream.expect("a handshake");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]), "HTTP/2 is preferred");
        let (sender, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        let connection = tokio::spawn(connection);
        let request = http::Request::builder().method(Method::GET).uri(format!("https://{NAME}/plain/a"));
        let sent =
            sender.ready().await.expect("ready").send_request(request.body(()).expect("a request"), true);
        let (answer, _) = sent.expect("sent");
        assert_eq!(timeout(PATIENCE, answer).await.expect("an answer").expect("an answer").status(), 200);
        connection.abort();
        door.ledger.expect("OK");
        let call = door.plain.calls().pop().expect("a call");
        assert_eq!(call.header("x-forwarded-proto"), Some("https"));
    }
    door.settle();
    assert_eq!(door.gateway.metric("tenet_tls_handshakes_total", &[]), 8.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_handshake_is_recorded_and_closed() {
    let certificate = Certificate::fresh();
    let mut door = Files::with(&certificate).door("[gateway.limits]\nheader_time = \"500ms\"", &[]);
    let public = door.gateway.public;
    for (what, bytes) in [
        ("HTTP in the clear", &b"GET /v1/echo/a HTTP/1.1\r\nHost: x\r\n\r\n"[..]),
        ("HTTP/2 in the clear", tenet_tests::frames::PREFACE),
        ("an SSL 2 hello", b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10"),
        ("half a record that stops", b"\x16\x03\x01\x02\x00\x01\x00"),
    ] {
        let heard =
            tokio::task::spawn_blocking(move || raw::send(public, bytes, PATIENCE)).await.expect("heard");
        assert!(heard.closed, "{what}: stays open");
        assert!(!heard.text().contains("HTTP/1.1"), "{what}: no HTTP answer can be sent: {}", heard.text());
        door.ledger.expect("TLS_HANDSHAKE_FAILED");
    }
    let refused = shake(public, &[&certificate], &["spdy/3"], &rustls::version::TLS13, b"").await;
    assert!(refused.is_err(), "RFC 7301 §3.2: no protocol in common");
    door.ledger.expect("TLS_HANDSHAKE_FAILED");
    let stranger = Certificate::fresh();
    let refused = shake(public, &[&stranger], &["h2"], &rustls::version::TLS13, b"").await;
    assert!(refused.is_err(), "the client does not trust us and says so");
    door.ledger.expect("TLS_HANDSHAKE_FAILED");
    let stream = shake(public, &[&certificate], &[], &rustls::version::TLS13, b"").await;
    assert_eq!(ask(&mut stream.expect("a handshake"), "/v1/echo/a").await.0, 200, "others are served");
    door.ledger.expect("OK");
    door.settle();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_replaced_without_a_restart() {
    let (old, new) = (Certificate::fresh(), Certificate::fresh());
    let files = Files::with(&old);
    let mut door = files.door("", &[]);
    let public = door.gateway.public;
    let tls = &rustls::version::TLS13;
    let mut before = shake(public, &[&old], &[], tls, b"").await.expect("a handshake");
    assert_eq!(ask(&mut before, "/v1/echo/a").await.0, 200);
    door.ledger.expect("OK");
    assert!(shake(public, &[&new], &[], tls, b"").await.is_err(), "not yet");
    door.ledger.expect("TLS_HANDSHAKE_FAILED");

    // What cannot be used is not used: no certificate at all, or one that does not fit the key.
    for broken in ["nonsense", &new.pem] {
        files.write("cert.pem", broken);
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(shake(public, &[&old], &[], tls, b"").await.is_ok(), "the old one goes on");
    }
    files.write("key.pem", &new.key);
    let mut failures = 0;
    let renewed = timeout(PATIENCE, async {
        loop {
            match shake(public, &[&new], &[], tls, b"").await {
                Ok(stream) => break stream,
                Err(_) => failures += 1,
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let mut after = renewed.await.expect("the new certificate is served");
    assert_eq!(ask(&mut after, "/v1/echo/a").await.0, 200);
    // Who was there before goes on.
    assert_eq!(ask(&mut before, "/v1/echo/a").await.0, 200);
    door.ledger.expect_many("OK", 2);
    door.ledger.expect_many("TLS_HANDSHAKE_FAILED", failures);
    door.settle();
    assert_eq!(door.gateway.metric("tenet_certificate_reloads_total", &[]), 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_header_stands_before_the_handshake() {
    let certificate = Certificate::fresh();
    let mut door = Files::with(&certificate).door("", &[("TENET_PROXY_PROTOCOL", "true")]);
    // PROXY protocol v2, TCP over IPv4, 203.0.113.7:4000 to 192.0.2.1:443.
    let header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x07\xc0\0\x02\x01\x0f\xa0\x01\xbb";
    let stream = shake(door.gateway.public, &[&certificate], &[], &rustls::version::TLS13, header).await;
    assert_eq!(ask(&mut stream.expect("a handshake"), "/plain/a").await.0, 200);
    let call = door.plain.calls().pop().expect("a call");
    assert_eq!(call.header("x-forwarded-for"), Some("203.0.113.7"));
    assert_eq!(call.header("x-forwarded-proto"), Some("https"));
    door.ledger.expect("OK");
    door.settle();
}
