//! The head of a request to an upstream.

use super::field;
use bytes::{BufMut, BytesMut};
use http::header::{CONTENT_LENGTH, HOST, HeaderMap, TRANSFER_ENCODING};
use http::{Method, Uri};

/// Room for request line and framing fields beside target and authority, so that a typical head is reserved once.
const FIXED_BYTES: usize = 96;

/// How the end of a request's body is found (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestFraming {
    /// Nothing follows and nothing is said of a length.
    None,
    /// So many bytes follow.
    Length(u64),
    /// Chunks follow; write them with [`chunk`](super::chunk) and [`last_chunk`](super::last_chunk).
    Chunked,
}

/// Appends a request head in origin form (RFC 9112 §3.2.1), with `Host` from the URI's authority where `headers` have
/// none.
///
/// `Content-Length` and `Transfer-Encoding` of `headers` are left out, so that no request carries two lengths; all other
/// fields go out as they are.
pub fn request_head(
    out: &mut BytesMut,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    framing: RequestFraming,
) {
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let (mut fields, mut has_host) = (0, false);
    for (name, value) in headers {
        has_host |= *name == HOST;
        fields += name.as_str().len() + value.len() + 4;
    }
    let host = uri.authority().filter(|_| !has_host).map(|authority| authority.as_str());
    out.reserve(FIXED_BYTES + target.len() + host.map_or(0, str::len) + fields);
    out.extend_from_slice(method.as_str().as_bytes());
    out.put_u8(b' ');
    out.extend_from_slice(target.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    if let Some(host) = host {
        out.extend_from_slice(b"host: ");
        out.extend_from_slice(host.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    for (name, value) in headers {
        if *name != CONTENT_LENGTH && *name != TRANSFER_ENCODING {
            field(out, name, value);
        }
    }
    match framing {
        RequestFraming::None => {}
        RequestFraming::Length(length) => {
            out.extend_from_slice(b"content-length: ");
            out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        RequestFraming::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    #[test]
    fn heads_have_one_host_and_one_length() {
        let check = |method: Method,
                     uri: &str,
                     fields: &[(&'static str, &'static str)],
                     framing: RequestFraming,
                     expected: &str| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            let mut out = BytesMut::new();
            request_head(&mut out, &method, &uri.parse().unwrap(), &headers, framing);
            assert_eq!(std::str::from_utf8(&out).unwrap(), expected);
        };
        let none = RequestFraming::None;
        check(Method::GET, "http://a.b/c?d=e", &[], none, "GET /c?d=e HTTP/1.1\r\nhost: a.b\r\n\r\n");
        check(Method::GET, "http://a.b:8", &[], none, "GET / HTTP/1.1\r\nhost: a.b:8\r\n\r\n");
        check(Method::OPTIONS, "*", &[("host", "x")], none, "OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n");
        check(
            Method::GET,
            "http://a/",
            &[("host", "own"), ("x", "1"), ("x", "2")],
            none,
            "GET / HTTP/1.1\r\nhost: own\r\nx: 1\r\nx: 2\r\n\r\n",
        );
        check(
            Method::POST,
            "http://a/",
            &[("content-length", "7"), ("transfer-encoding", "chunked")],
            RequestFraming::Length(3),
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n",
        );
        check(
            Method::PUT,
            "http://a/",
            &[("content-length", "7")],
            RequestFraming::Chunked,
            "PUT / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
        );
    }
}
