//! The head of an upstream's response, as strict as the request's: what two parties could read as different messages is
//! refused, because a byte that is taken for the next answer's is an answer given to the wrong caller.
//!
//! Interim responses (RFC 9110 §15.2) are passed over. The reason phrase is checked and dropped (RFC 9112 §4). One thing is
//! let pass that the grammar forbids: the space behind the status code may be missing where the reason is, too, as
//! several servers write it and as it can mean nothing else.

use crate::grammar::show;
use crate::head::{chunked, content_length, keep_alive, read_field_lines, tokenize};
use crate::lines::Lines;
use crate::{BodyLength, Limits, Refusal, Version};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};

/// Interim responses that are passed over before one answer. No server has that much to say in advance, and a peer that
/// says nothing else must not keep us reading without end.
const INTERIM_MAX: u8 = 16;

/// `HTTP/1.1 200`, the least a status line has.
const STATUS_LINE_MIN: usize = 12;

/// How the end of a response's body is found (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseBody {
    /// As with requests: none, so many bytes, or chunks.
    Framed(BodyLength),
    /// The body ends with the connection (rule 8).
    UntilClose,
}

/// A checked response head. Field values are slices of one shared buffer.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// The final status, or 101.
    pub status: StatusCode,
    /// The version the peer speaks.
    pub version: Version,
    /// All fields as sent, hop-by-hop ones included.
    pub headers: HeaderMap,
    /// How the end of the body is found.
    pub body: ResponseBody,
    /// Whether the connection can carry another request behind this answer (RFC 9112 §9.3).
    pub keep_alive: bool,
    /// Bytes of the head on the wire, interim responses not counted.
    pub head_bytes: usize,
}

/// Reads response heads from a connection's buffer, remembering between calls how far it has looked.
#[derive(Debug, Default)]
pub struct ResponseParser {
    lines: Lines,
    fields: usize,
    interim: u8,
    status_line: Option<StatusLine>,
}

#[derive(Clone, Copy, Debug)]
struct StatusLine {
    version: Version,
    status: StatusCode,
    /// Length of the line with its CRLF.
    bytes: usize,
}

impl ResponseParser {
    /// A parser at the beginning of a response.
    pub fn new() -> ResponseParser {
        ResponseParser::default()
    }

    /// Reads the next final head; `to_head` says that the request was a `HEAD`. `None` means that more bytes are needed;
    /// append them to the same `buf`, whose front must not have moved. A head that is returned has been taken from `buf`
    /// with nothing of what follows, and the parser is ready for the next one.
    ///
    /// Of `limits`, `head` and `headers` count.
    ///
    /// # Errors
    /// A [`Refusal`] whose text says what is wrong with the response; its code is that of a request with the same flaw. Neither
    /// `buf` nor the parser is of use afterwards.
    pub fn parse(
        &mut self,
        buf: &mut BytesMut,
        limits: &Limits,
        to_head: bool,
    ) -> Result<Option<ResponseHead>, Refusal> {
        loop {
            let line = match self.status_line {
                Some(line) => line,
                None => match self.read_status_line(buf, limits)? {
                    Some(line) => *self.status_line.insert(line),
                    None => return Ok(None),
                },
            };
            if !read_field_lines(&mut self.lines, &mut self.fields, buf, limits)? {
                return Ok(None);
            }
            let head = buf.split_to(self.lines.start).freeze();
            let (count, interim) = (self.fields, self.interim);
            *self = ResponseParser::new();
            if !line.status.is_informational() || line.status == StatusCode::SWITCHING_PROTOCOLS {
                return finish(line, &head, count, to_head).map(Some);
            }
            if interim == INTERIM_MAX {
                return Err(Refusal::malformed(format!(
                    "more than {INTERIM_MAX} interim responses before the final one (RFC 9110 §15.2)"
                )));
            }
            self.interim = interim + 1;
        }
    }

    fn read_status_line(&mut self, buf: &BytesMut, limits: &Limits) -> Result<Option<StatusLine>, Refusal> {
        // Another protocol is told by its first bytes, and not by waiting for a line end that it may never send.
        if let Some(at) = buf.iter().zip(b"HTTP/1.").position(|(found, wanted)| found != wanted) {
            let (found, column) = (show(buf[at]), at + 1);
            return Err(Refusal::malformed(format!(
                "status line: byte {column} is {found}, expected HTTP/1.1 (RFC 9112 §4)"
            )));
        }
        let window = &buf[..buf.len().min(limits.head)];
        match self.lines.next(window).map_err(|bad| bad.refuse("status line", 0))? {
            Some((_, end)) => parse_status_line(&buf[..end]).map(Some),
            None if buf.len() > window.len() => {
                Err(Refusal::malformed(format!("status line: longer than {} bytes", limits.head)))
            }
            None => Ok(None),
        }
    }
}

/// `HTTP-version SP 3DIGIT SP [ reason ]` (RFC 9112 §4).
fn parse_status_line(line: &[u8]) -> Result<StatusLine, Refusal> {
    let Some((fixed, rest)) = line.split_at_checked(STATUS_LINE_MIN) else { return Err(refuse_line(line)) };
    let version = match &fixed[..9] {
        b"HTTP/1.1 " => Version::Http11,
        b"HTTP/1.0 " => Version::Http10,
        // RFC 9110 §2.5: a higher minor version is read as the highest known.
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0'..=b'9', b' '] => Version::Http11,
        _ => return Err(refuse_line(line)),
    };
    let status = StatusCode::from_bytes(&fixed[9..]).map_err(|_| refuse_line(line))?;
    let reason = match rest {
        [] => rest,
        [b' ', reason @ ..] => reason,
        _ => return Err(refuse_line(line)),
    };
    if let Some(at) = reason.iter().position(|&byte| (byte < 0x20 && byte != b'\t') || byte == 0x7f) {
        let (found, column) = (show(reason[at]), STATUS_LINE_MIN + at + 2);
        return Err(Refusal::malformed(format!(
            "status line: {found} at byte {column} cannot stand in a reason (RFC 9112 §4)"
        )));
    }
    Ok(StatusLine { version, status, bytes: line.len() + 2 })
}

fn refuse_line(seen: &[u8]) -> Refusal {
    let shown = seen[..seen.len().min(STATUS_LINE_MIN)].escape_ascii();
    Refusal::malformed(format!(
        "status line: \"{shown}\", expected HTTP/1.1 SP status SP reason (RFC 9112 §4)"
    ))
}

fn finish(line: StatusLine, head: &Bytes, count: usize, to_head: bool) -> Result<ResponseHead, Refusal> {
    let (headers, known) = tokenize(&head.slice(line.bytes..), count, "field line")?;
    let framed = match (known.transfer_encoding.count, known.content_length.count) {
        (0, 0) => None,
        (0, 1) => {
            let value = known.content_length.value.as_deref().unwrap_or_default();
            Some(BodyLength::Exact(content_length(value)?))
        }
        (0, times) => {
            return Err(Refusal::ambiguous(format!(
                "Content-Length occurs {times} times, expected one (RFC 9112 §6.3)"
            )));
        }
        (_, 0) => Some(chunked(line.version, &known.transfer_encoding)?),
        // Rule 3: ought to be handled as an error.
        _ => {
            return Err(Refusal::ambiguous(
                "both Content-Length and Transfer-Encoding are present (RFC 9112 §6.3)",
            ));
        }
    };
    // Rule 1: whatever the fields say.
    let silent = to_head
        || line.status.is_informational()
        || matches!(line.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let body = match framed {
        _ if silent => ResponseBody::Framed(BodyLength::None),
        Some(length) => ResponseBody::Framed(length),
        None => ResponseBody::UntilClose,
    };
    let keep_alive = body != ResponseBody::UntilClose && keep_alive(line.version, &known, &headers)?;
    Ok(ResponseHead {
        status: line.status,
        version: line.version,
        headers,
        body,
        keep_alive,
        head_bytes: head.len(),
    })
}

#[cfg(test)]
mod tests;
