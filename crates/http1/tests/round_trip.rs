//! What the encoder writes, an independent reader of responses (httparse) reads back, with one framing only.

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use proptest::prelude::*;
use tenet_http1::Version;
use tenet_http1::encode::{Connection, Framing, response_head};

fn any_headers() -> impl Strategy<Value = HeaderMap> {
    let name = prop_oneof![
        "[a-z][a-z0-9-]{0,12}",
        prop::sample::select(vec!["content-length", "transfer-encoding", "connection", "trailer", "date"])
            .prop_map(str::to_owned),
    ];
    let value = prop::collection::vec(any::<u8>(), 0..20);
    prop::collection::vec((name, value), 0..10).prop_map(|fields| {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            // Values with forbidden bytes cannot be made: that is the guard against injected lines.
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                let name = HeaderName::from_bytes(name.as_bytes()).expect("made of token characters");
                headers.append(name, value);
            }
        }
        headers
    })
}

proptest! {
    #[test]
    fn one_framing_goes_out_and_every_other_field_survives(
        headers in any_headers(),
        status in 200u16..600,
        framing in prop::sample::select(vec![
            Framing::Length(7), Framing::Chunked, Framing::None, Framing::NoneOf(3), Framing::Close,
        ]),
        connection in prop::sample::select(vec![Connection::KeepAlive, Connection::Close]),
        version in prop::sample::select(vec![Version::Http10, Version::Http11]),
    ) {
        let mut out = BytesMut::new();
        response_head(&mut out, version, StatusCode::from_u16(status).unwrap(), &headers, framing, connection, b"now");
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut fields);
        prop_assert_eq!(response.parse(&out), Ok(httparse::Status::Complete(out.len())));
        prop_assert_eq!(response.code, Some(status));
        let count = |name: &str| response.headers.iter().filter(|field| field.name == name).count();
        let lengths = matches!(framing, Framing::Length(_) | Framing::NoneOf(_));
        prop_assert_eq!(count("content-length"), usize::from(lengths));
        prop_assert_eq!(count("transfer-encoding"), usize::from(framing == Framing::Chunked));
        prop_assert!(count("connection") <= 1);
        prop_assert!(count("date") >= 1);
        for name in headers.keys().filter(|name| {
            !["content-length", "transfer-encoding", "connection", "trailer", "date", "te", "upgrade"].contains(&name.as_str())
        }) {
            let sent: Vec<&[u8]> = headers.get_all(name).iter().map(|value| value.as_bytes().trim_ascii()).collect();
            let read: Vec<&[u8]> = response.headers.iter().filter(|field| field.name == name.as_str())
                .map(|field| field.value.trim_ascii()).collect();
            prop_assert_eq!(sent, read);
        }
    }
}
