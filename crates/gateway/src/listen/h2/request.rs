//! An HTTP/2 request's head, where it is well-formed as RFC 9113 §8 has it. h2 sees to names, pseudo-fields, connection-specific
//! fields and lengths; what it lets pass is found here.

use crate::exchange::{Head, Protocol};
use http::header::HOST;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderValue, Method};
use tenet_error::{Code, Failure};

/// The protocol-neutral head of a request.
///
/// # Errors
/// `ProtocolViolation` for a malformed request, whose stream must be reset with PROTOCOL_ERROR (RFC 9113 §8.1.1).
pub fn head(parts: http::request::Parts) -> Result<Head, Failure> {
    let uri = parts.uri.into_parts();
    field_values(&parts.headers)?;
    if let (Some(host), Some(authority)) = (parts.headers.get(HOST), &uri.authority)
        && !same_entity(host, authority, uri.scheme.as_ref())
    {
        return Err(Failure::new(Code::ProtocolViolation, "Host and :authority differ (RFC 9113 §8.3.1)"));
    }
    let target = match uri.path_and_query {
        Some(target) => target,
        // Legal only here (§8.5). The pipeline refuses the method whatever its target.
        None if parts.method == Method::CONNECT && uri.authority.is_some() => {
            http::uri::PathAndQuery::from_static("/")
        }
        None => return Err(Failure::new(Code::ProtocolViolation, "there is no :path (RFC 9113 §8.3.1)")),
    };
    Ok(Head {
        method: parts.method,
        target,
        authority: uri.authority,
        headers: parts.headers,
        protocol: Protocol::Http2,
    })
}

/// Looks at the values of a field section; trailers have the same rules.
///
/// # Errors
/// `ProtocolViolation`, naming the first field whose value begins or ends with a space or tab (RFC 9113 §8.2.1).
pub fn field_values(fields: &HeaderMap) -> Result<(), Failure> {
    for (name, value) in fields {
        if let [first, .., last] | [first @ last] = value.as_bytes()
            && (matches!(first, b' ' | b'\t') || matches!(last, b' ' | b'\t'))
        {
            return Err(Failure::new(
                Code::ProtocolViolation,
                format!("the value of {name} begins or ends with white space (RFC 9113 §8.2.1)"),
            ));
        }
    }
    Ok(())
}

/// Whether Host names what :authority names: letters of either case, the scheme's own port said or left out (RFC 3986 §6.2.3).
fn same_entity(host: &HeaderValue, authority: &Authority, scheme: Option<&Scheme>) -> bool {
    let authority = authority.as_str().as_bytes();
    let host = host.as_bytes();
    if host.eq_ignore_ascii_case(authority) {
        return true;
    }
    let port: &[u8] = if scheme == Some(&Scheme::HTTPS) { b":443" } else { b":80" };
    let bare =
        |name: &[u8]| name.strip_suffix(port).or_else(|| name.strip_suffix(b":")).unwrap_or(name).len();
    host[..bare(host)].eq_ignore_ascii_case(&authority[..bare(authority)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn head_of(uri: &str, fields: &[(&str, &str)]) -> Result<Head, Failure> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        head(request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn malformed_requests_are_found() {
        for (uri, fields, fine) in [
            ("http://a.example/", &[("x", "y z"), ("empty", "")][..], true),
            ("http://a.example/", &[("x", " y")], false),
            ("http://a.example/", &[("x", "\ty")], false),
            ("http://a.example/", &[("x", "y ")], false),
            ("http://a.example/", &[("x", "y\t")], false),
            ("http://a.example/", &[("x", " ")], false),
            ("http://a.example/", &[("x", "y"), ("x", "y ")], false),
            ("http://a.example/", &[("host", "A.example")], true),
            ("http://a.example/", &[("host", "a.example:80")], true),
            ("http://a.example:80/", &[("host", "a.example")], true),
            ("http://a.example:/", &[("host", "a.example:80")], true),
            ("https://a.example/", &[("host", "a.example:443")], true),
            ("https://a.example/", &[("host", "a.example:80")], false),
            ("http://a.example/", &[("host", "a.example:443")], false),
            ("http://a.example:8080/", &[("host", "a.example")], false),
            ("http://a.example/", &[("host", "b.example")], false),
            ("http://a.example/", &[("host", "")], false),
            ("/", &[("host", "b.example")], true),
        ] {
            let found = head_of(uri, fields).map_err(|failure| failure.code());
            assert_eq!(found.is_ok(), fine, "{uri} {fields:?}");
            assert!(fine || found.is_err_and(|code| code == Code::ProtocolViolation));
        }
    }

    #[test]
    fn only_connect_has_no_path_and_it_names_an_authority() {
        let of = |method: Method, authority: Option<&'static str>| {
            let mut uri = http::uri::Parts::default();
            uri.authority = authority.map(Authority::from_static);
            let (mut parts, ()) = Request::builder().method(method).body(()).unwrap().into_parts();
            parts.uri = http::Uri::from_parts(uri).unwrap();
            head(parts).map(|head| head.target).map_err(|failure| failure.code())
        };
        assert_eq!(of(Method::CONNECT, Some("a.example:443")).unwrap(), "/");
        assert_eq!(of(Method::CONNECT, None), Err(Code::ProtocolViolation));
        assert_eq!(of(Method::GET, Some("a.example:443")), Err(Code::ProtocolViolation));
    }
}
