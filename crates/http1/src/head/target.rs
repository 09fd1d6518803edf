//! The request target (RFC 9112 §3.2): checks its characters and reconciles its authority with `Host`.

use super::authority::{self, same_authority};
use super::fields::Known;
use super::request_line::{RequestLine, Version};
use crate::Refusal;
use crate::grammar::{is_path, is_query, show};
use bytes::{Bytes, BytesMut};
use http::Method;
use http::uri::{Authority, PathAndQuery};

/// Which of the forms of RFC 9112 §3.2 a target came in. Authority-form belongs to `CONNECT`, which is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `/path?query`
    Origin,
    /// `http://authority/path?query`
    Absolute,
    /// `*`, or its absolute equal (RFC 9112 §3.2.4): `OPTIONS` about the server itself.
    Asterisk,
}

/// What a request asks for, and of whom.
#[derive(Clone, Debug)]
pub struct Target {
    form: Form,
    authority: Option<Authority>,
    path_and_query: PathAndQuery,
}

impl Target {
    /// The form on the wire.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The path: still percent-encoded, dot segments untouched, begins with `/`; `*` in asterisk-form. Each `%` is
    /// followed by two hexadecimal digits.
    pub fn path(&self) -> &str {
        self.path_and_query.path()
    }

    /// What follows the first `?`, still encoded and not checked beyond its characters.
    pub fn query(&self) -> Option<&str> {
        self.path_and_query.query()
    }

    /// Path and query in one, for the upstream's request.
    pub fn path_and_query(&self) -> &PathAndQuery {
        &self.path_and_query
    }

    /// Of whom it is asked: the authority of the absolute form, else `Host`. `None` only in HTTP/1.0 without `Host`,
    /// and in asterisk-form with an empty one.
    pub fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }

    pub(crate) fn new(line: &RequestLine, head: &Bytes, known: &Known) -> Result<Target, Refusal> {
        let raw = head.slice(line.target.clone());
        check_host_count(line.version, known)?;
        let host = known.host.value.as_ref();
        match raw.first() {
            Some(b'/') => {
                let path_and_query = check_path_and_query(raw, 0)?;
                let authority = host.map(|host| authority::parse(host, "Host")).transpose()?;
                Ok(Target { form: Form::Origin, authority, path_and_query })
            }
            Some(b'*') if raw.len() == 1 && line.method == Method::OPTIONS => {
                // No authority to speak of: the one place where an empty Host is the right one (RFC 9112 §3.2).
                let host = host.filter(|host| !host.is_empty());
                let authority = host.map(|host| authority::parse(host, "Host")).transpose()?;
                Ok(Target { form: Form::Asterisk, authority, path_and_query: PathAndQuery::from_static("*") })
            }
            _ => absolute(line, &raw, host),
        }
    }
}

/// RFC 9112 §3.2: 400 for a missing Host in HTTP/1.1 and for more than one in any version.
fn check_host_count(version: Version, known: &Known) -> Result<(), Refusal> {
    match (known.host.count, version) {
        (1, _) | (0, Version::Http10) => Ok(()),
        (0, Version::Http11) => {
            Err(Refusal::malformed("Host is missing; HTTP/1.1 requires exactly one (RFC 9112 §3.2)"))
        }
        (count, _) => {
            Err(Refusal::malformed(format!("Host occurs {count} times, expected one (RFC 9112 §3.2)")))
        }
    }
}

fn absolute(line: &RequestLine, raw: &Bytes, host: Option<&Bytes>) -> Result<Target, Refusal> {
    let Some((scheme_bytes, default_port)) = scheme(raw) else {
        let wanted = "expected a path beginning with '/', or http://authority/path (RFC 9112 §3.2)";
        let hint = if raw.as_ref() == b"*" { "; '*' belongs to OPTIONS" } else { "" };
        return Err(Refusal::malformed(format!("target: {wanted}{hint}")));
    };
    let rest = raw.slice(scheme_bytes..);
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let authority_text = rest.slice(..end);
    let authority = authority::parse(&authority_text, "target")?;
    // The absolute form decides and Host is ignored (RFC 9112 §3.2.2); but a client MUST send both alike, so two that
    // differ are two readings of one request.
    if let Some(host) = host
        && !same_authority(host, &authority_text, default_port)
    {
        return Err(Refusal::malformed("Host differs from the authority of the target (RFC 9112 §3.2)"));
    }
    let tail = rest.slice(end..);
    let authority = Some(authority);
    if tail.is_empty() && line.method == Method::OPTIONS {
        return Ok(Target {
            form: Form::Asterisk,
            authority,
            path_and_query: PathAndQuery::from_static("*"),
        });
    }
    let path_and_query = match tail.first() {
        None => PathAndQuery::from_static("/"),
        Some(b'/') => check_path_and_query(tail, scheme_bytes + end)?,
        Some(_) => {
            // An empty path is "/" (RFC 9110 §4.2.3).
            let mut rooted = BytesMut::with_capacity(tail.len() + 1);
            rooted.extend_from_slice(b"/");
            rooted.extend_from_slice(&tail);
            check_path_and_query(rooted.freeze(), scheme_bytes + end)?
        }
    };
    Ok(Target { form: Form::Absolute, authority, path_and_query })
}

/// Length of `scheme://` and the scheme's default port.
fn scheme(raw: &[u8]) -> Option<(usize, &'static [u8])> {
    const HTTP: &[u8] = b"http://";
    const HTTPS: &[u8] = b"https://";
    let begins =
        |scheme: &[u8]| raw.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    match () {
        () if begins(HTTP) => Some((HTTP.len(), b"80")),
        () if begins(HTTPS) => Some((HTTPS.len(), b"443")),
        () => None,
    }
}

/// `offset` is where `raw` begins in the target, for the message.
fn check_path_and_query(raw: Bytes, offset: usize) -> Result<PathAndQuery, Refusal> {
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        match byte {
            b'?' => break,
            b'%' => {
                let hex = raw.get(at + 1..at + 3).is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit));
                if !hex {
                    return Err(Refusal::malformed(format!(
                        "target: '%' at byte {} is not followed by two hexadecimal digits (RFC 3986 §2.1)",
                        offset + at + 1
                    )));
                }
                at += 3;
            }
            _ if is_path(byte) => at += 1,
            _ => return Err(refuse_byte("path", byte, offset + at)),
        }
    }
    if let Some(found) = raw[at..].iter().position(|&byte| !is_query(byte)) {
        return Err(refuse_byte("query", raw[at + found], offset + at + found));
    }
    PathAndQuery::from_maybe_shared(raw)
        .map_err(|_| Refusal::malformed("target: not a path and query (RFC 3986 §3)"))
}

fn refuse_byte(part: &str, byte: u8, at: usize) -> Refusal {
    let found = show(byte);
    let hint = match byte {
        b'#' => "; a fragment is never sent (RFC 9112 §3.2)",
        b' ' => "; a space in it must be sent as %20",
        0x80.. => "; bytes beyond ASCII must be percent-encoded",
        _ => "; it must be percent-encoded (RFC 3986 §3.3)",
    };
    Refusal::malformed(format!("target: {found} at byte {} cannot stand in a {part}{hint}", at + 1))
}
