//! What passes through beside the bytes: the target, and trailers in either direction over either protocol.

use crate::stage::{RawBackend, Stage, read_body, read_head};
use bytes::Bytes;
use http::{HeaderMap, Method};
use std::io::{BufReader, Write};
use tenet_tests::h2c::H2;
use tenet_tests::{GrpcBackend, PATIENCE, http1, raw};

/// Answers with the target, the body and the trailers it read, and trailers of its own.
fn echoing_h1() -> RawBackend {
    RawBackend::start(|stream| {
        let mut out = stream.try_clone().unwrap();
        let mut stream = BufReader::new(stream);
        while let Some(head) = read_head(&mut stream) {
            let mut body = Vec::new();
            let Some(trailers) = read_body(&mut stream, &head, |piece| body.extend_from_slice(piece)) else {
                return;
            };
            let target = head[0].split(' ').nth(1).unwrap();
            let said = format!("{target}|{}|{}", String::from_utf8_lossy(&body), trailers.join(","));
            let _ = write!(
                out,
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-end\r\n\r\n{:x}\r\n{said}\r\n0\r\nx-end: over\r\n\r\n",
                said.len()
            );
        }
    })
}

fn echoing_h2() -> GrpcBackend {
    GrpcBackend::streaming(|request, mut respond| async move {
        let target = request.uri().path_and_query().unwrap().to_string();
        let mut stream = request.into_body();
        let mut body = Vec::new();
        while let Some(Ok(piece)) = stream.data().await {
            let _ = stream.flow_control().release_capacity(piece.len());
            body.extend_from_slice(&piece);
        }
        let trailers = stream.trailers().await.ok().flatten().unwrap_or_default();
        let trailers: Vec<_> =
            trailers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        let said = format!("{target}|{}|{}", String::from_utf8_lossy(&body), trailers.join(","));
        let Ok(mut out) = respond.send_response(http::Response::new(()), false) else { return };
        let _ = out.send_data(Bytes::from(said), false);
        let _ =
            out.send_trailers(HeaderMap::from_iter([("x-end".parse().unwrap(), "over".parse().unwrap())]));
    })
}

#[test]
fn trailers_pass_in_both_directions_over_both_protocols() {
    let stage = Stage::open(&echoing_h1(), Some(echoing_h2()), "");
    for path in ["/one/a?b=c", "/two/a?b=c"] {
        let expected = format!("{path}|hello|x-sum: 5");
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nte: trailers\r\ntrailer: x-sum\r\ntransfer-encoding: chunked\r\nconnection: close, te\r\n\r\n\
             5\r\nhello\r\n0\r\nx-sum: 5\r\n\r\n"
        );
        let answer = raw::send(stage.gateway.public, request.as_bytes(), PATIENCE).responses().remove(0);
        assert_eq!((answer.status, answer.text()), (200, expected.clone()), "{path}");
        assert_eq!(answer.trailers, [("x-end".to_owned(), "over".to_owned())], "{path}");

        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let client = H2::connect(stage.gateway.public).await;
            let request = client.request(&Method::POST, path, &[("te", "trailers"), ("trailer", "x-sum")]);
            let (answer, mut out) =
                client.sender().ready().await.unwrap().send_request(request, false).unwrap();
            out.send_data(Bytes::from_static(b"hello"), false).unwrap();
            out.send_trailers(HeaderMap::from_iter([("x-sum".parse().unwrap(), "5".parse().unwrap())]))
                .unwrap();
            let reply =
                tokio::time::timeout(PATIENCE, async { tenet_tests::h2c::collect(answer.await?).await });
            let reply = reply.await.unwrap().unwrap();
            assert_eq!((reply.status, &reply.body[..]), (200, expected.as_bytes()), "{path}");
            assert_eq!(reply.trailers["x-end"], "over", "{path}");
        });
    }
}

#[test]
fn the_target_passes_as_it_was_sent() {
    let stage = Stage::open(&echoing_h1(), None, "");
    for (sent, seen) in [
        ("/one", Some("/one")),
        ("/one/", Some("/one/")),
        ("/one/a%2Fb/%7e;v=1?q=%20+&q=&&", Some("/one/a%2Fb/%7e;v=1?q=%20+&q=&&")),
        ("/one//a/../b", Some("/one//a/../b")),
        ("/bare", Some("/")),
        ("/bare/", Some("/")),
        ("/bare?q", Some("/?q")),
        ("/bare/a/b?q=1", Some("/a/b?q=1")),
        ("/onerous", None),
        ("/barefoot", None),
        ("/", None),
    ] {
        let answer = http1::get(stage.gateway.public, sent);
        match seen {
            Some(seen) => assert_eq!((answer.status, answer.text()), (200, format!("{seen}||")), "{sent}"),
            None => tenet_tests::door::check_problem(sent, &answer, 404, "ROUTE_NOT_FOUND"),
        }
    }
}
