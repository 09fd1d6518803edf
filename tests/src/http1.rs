//! A plain HTTP/1.1 caller: one request a connection, and a parser of responses that panics on anything malformed,
//! because what our own gateway writes must be exact.

use crate::raw;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A read time-out of zero means "for ever" to the system: the last wait is this short instead.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// One parsed response.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Reason phrase as sent.
    pub reason: String,
    /// Fields in order; names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body with any chunked coding removed.
    pub body: Vec<u8>,
    /// Trailer fields of a chunked body; names in lower case.
    pub trailers: Vec<(String, String)>,
}

impl Response {
    /// First value of the field `name` (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text()))
    }
}

/// `GET path`.
pub fn get(address: SocketAddr, path: &str) -> Response {
    call(address, "GET", path, &[], b"")
}

/// One request with `Connection: close`; `Host`, and `Content-Length` where there is a body, are added.
///
/// # Panics
/// When no whole response comes within [`crate::PATIENCE`].
pub fn call(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    try_call(address, method, path, headers, body)
        .unwrap_or_else(|what| panic!("{method} {path} at {address}: {what}"))
}

/// [`call`] that reports a failed connection or a broken response instead of panicking: for tests that kill things.
///
/// # Errors
/// What went wrong, in words.
pub fn try_call(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Response, String> {
    let mut stream =
        TcpStream::connect_timeout(&address, Duration::from_secs(5)).map_err(|e| format!("connect: {e}"))?;
    let _ = stream.set_nodelay(true);
    let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head.push_str(&format!("host: {address}\r\n"));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    stream.write_all(&bytes).map_err(|e| format!("send: {e}"))?;
    let until = Instant::now() + crate::PATIENCE;
    let (mut heard, mut chunk) = (Vec::new(), [0u8; 16 << 10]);
    loop {
        // Not until it closes: a server that ignores `connection: close` has still answered.
        if let Some((response, _)) = parse(&heard, method == "HEAD", false)? {
            return Ok(response);
        }
        let _ =
            stream.set_read_timeout(Some(until.saturating_duration_since(Instant::now()).max(SHORTEST_WAIT)));
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => heard.extend_from_slice(&chunk[..count]),
            Err(error) => {
                return Err(format!("receive: {error}, after {:?}", String::from_utf8_lossy(&heard)));
            }
        }
    }
    match parse(&heard, method == "HEAD", true)? {
        Some((response, _)) => Ok(response),
        None => Err(format!("no whole response: {:?}", String::from_utf8_lossy(&heard))),
    }
}

/// A keep-alive connection: requests one after another, pipelined if the caller likes.
pub struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub fn open(address: SocketAddr) -> Connection {
        Connection { stream: raw::connect(address), unread: Vec::new() }
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// What the socket says.
    pub fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// The next response, waiting at most `wait`; `None` where the connection ends or the time runs out first.
    ///
    /// # Panics
    /// On a malformed response.
    pub fn receive(&mut self, head_only: bool, wait: Duration) -> Option<Response> {
        let until = Instant::now() + wait;
        let mut chunk = [0u8; 16 << 10];
        loop {
            let parsed = parse(&self.unread, head_only, false)
                .unwrap_or_else(|what| panic!("malformed response: {what}"));
            if let Some((response, used)) = parsed {
                self.unread.drain(..used);
                return Some(response);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let _ = self.stream.set_read_timeout(Some(left));
            match self.stream.read(&mut chunk) {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.unread.extend_from_slice(&chunk[..count]),
            }
        }
    }

    /// Whether the server has closed, waiting at most `wait` for it.
    pub fn closes_within(&mut self, wait: Duration) -> bool {
        raw::listen(&mut self.stream, wait).closed
    }
}

/// Every response in `bytes`, none of them to HEAD.
///
/// # Panics
/// When what is there is no series of whole responses.
pub fn parse_all(bytes: &[u8]) -> Vec<Response> {
    let mut rest = bytes;
    let mut responses = Vec::new();
    while !rest.is_empty() {
        match parse(rest, false, true) {
            Ok(Some((response, used))) => {
                responses.push(response);
                rest = &rest[used..];
            }
            Ok(None) => panic!("a response is cut off: {:?}", String::from_utf8_lossy(rest)),
            Err(what) => panic!("malformed response: {what}: {:?}", String::from_utf8_lossy(rest)),
        }
    }
    responses
}

/// Parses one response from the front of `bytes`: it and its length, or `None` while it is incomplete.
///
/// `closed` says that no more will come, which ends a body that has neither length nor chunks (RFC 9112 §6.3).
///
/// # Errors
/// What is malformed.
pub fn parse(bytes: &[u8], head_only: bool, closed: bool) -> Result<Option<(Response, usize)>, String> {
    let Some(end) = find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| "head is not text".to_owned())?;
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().splitn(3, ' ');
    if first.next() != Some("HTTP/1.1") {
        return Err(format!("does not begin with HTTP/1.1: {head:?}"));
    }
    let status = first.next().and_then(|s| s.parse::<u16>().ok()).ok_or("no status code")?;
    let reason = first.next().unwrap_or_default().to_owned();
    let headers = fields(lines)?;
    let mut response = Response { status, reason, headers, ..Response::default() };
    let after = end + 4;
    if head_only || (100..200).contains(&status) || status == 204 || status == 304 {
        return Ok(Some((response, after)));
    }
    let rest = &bytes[after..];
    if response.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        if response.header("content-length").is_some() {
            return Err("both Transfer-Encoding and Content-Length".into());
        }
        return Ok(chunked(rest, &mut response)?.map(|used| (response, after + used)));
    }
    match response.header("content-length").map(str::parse::<usize>) {
        Some(Ok(length)) if rest.len() >= length => {
            response.body = rest[..length].to_vec();
            Ok(Some((response, after + length)))
        }
        Some(Ok(_)) => Ok(None),
        Some(Err(_)) => Err("malformed Content-Length".into()),
        None if closed => {
            response.body = rest.to_vec();
            Ok(Some((response, bytes.len())))
        }
        None => Ok(None),
    }
}

fn chunked(bytes: &[u8], response: &mut Response) -> Result<Option<usize>, String> {
    let mut at = 0;
    let mut body = Vec::new();
    loop {
        let Some(line_end) = find(&bytes[at..], b"\r\n") else { return Ok(None) };
        let line = std::str::from_utf8(&bytes[at..at + line_end])
            .map_err(|_| "chunk size is not text".to_owned())?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(digits, 16).map_err(|_| format!("malformed chunk size {line:?}"))?;
        at += line_end + 2;
        if size == 0 {
            break;
        }
        if bytes.len() < at + size + 2 {
            return Ok(None);
        }
        body.extend_from_slice(&bytes[at..at + size]);
        if &bytes[at + size..at + size + 2] != b"\r\n" {
            return Err("chunk data is not followed by CRLF".into());
        }
        at += size + 2;
    }
    let mut trailers = Vec::new();
    loop {
        let Some(line_end) = find(&bytes[at..], b"\r\n") else { return Ok(None) };
        let line =
            std::str::from_utf8(&bytes[at..at + line_end]).map_err(|_| "trailer is not text".to_owned())?;
        at += line_end + 2;
        if line.is_empty() {
            break;
        }
        trailers.extend(fields(std::iter::once(line))?);
    }
    response.body = body;
    response.trailers = trailers;
    Ok(Some(at))
}

fn fields<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Vec<(String, String)>, String> {
    lines
        .map(|line| {
            let (name, value) =
                line.split_once(':').ok_or_else(|| format!("field without a colon: {line:?}"))?;
            if name.is_empty() || name.contains(' ') {
                return Err(format!("malformed field name in {line:?}"));
            }
            Ok((name.to_ascii_lowercase(), value.trim().to_owned()))
        })
        .collect()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::{parse, parse_all};

    #[test]
    fn responses_are_parsed_by_their_framing() {
        let rows: [(&str, &[(u16, &str)]); 4] = [
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", &[(200, "hi")]),
            (
                "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
                &[(204, ""), (200, "")],
            ),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nt: 1\r\n\r\n",
                &[(100, ""), (200, "abcde")],
            ),
            ("HTTP/1.1 400 Bad Request\r\n\r\nuntil close", &[(400, "until close")]),
        ];
        for (text, expected) in rows {
            let got: Vec<_> = parse_all(text.as_bytes()).into_iter().map(|r| (r.status, r.text())).collect();
            let expected: Vec<_> = expected.iter().map(|(s, b)| (*s, (*b).to_owned())).collect();
            assert_eq!(got, expected, "{text:?}");
        }
    }

    #[test]
    fn incomplete_is_none_and_malformed_is_an_error() {
        for text in ["HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab"] {
            assert_eq!(parse(text.as_bytes(), false, true), Ok(None), "{text:?}");
        }
        for text in [
            "HTTP/1.0 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nbad\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n",
        ] {
            assert!(parse(text.as_bytes(), false, true).is_err(), "{text:?}");
        }
    }
}
