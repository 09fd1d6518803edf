//! The request head: finds its end, checks every part, and gives the framing of the body that follows.
//!
//! One pass over the lines as they arrive (line ends, request line, folding, counts), then, once the head is whole, one
//! pass of the tokenizer over the field lines. All checks are ordered by position, so how the bytes were cut into reads
//! cannot change which rule is named.

mod authority;
mod fields;
mod framing;
mod request_line;
mod target;

pub use framing::BodyLength;
pub use request_line::Version;
pub use target::{Form, Target};

use crate::grammar::{is_tchar, show};
use crate::lines::Lines;
use crate::{Limits, Refusal};
use bytes::{Buf, BytesMut};
use http::{HeaderMap, Method};
use request_line::RequestLine;
use tenet_error::Code;

pub(crate) use fields::{refuse_leading_space, tokenize};
pub(crate) use framing::{LENGTH_MAX, chunked, content_length, keep_alive};

/// Empty lines that are skipped before a request line: RFC 9112 §2.2 asks for at least one, because old clients sent a
/// CRLF too many after a body; two cover a client that does so after an empty body as well.
const LEADING_EMPTY_LINES_MAX: u8 = 2;

/// Bytes of a request line that are not method or target: two spaces, `HTTP/1.1`, CRLF.
const REQUEST_LINE_FIXED: usize = 12;

/// A checked request head. Field values are slices of one shared buffer.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// The method; never `CONNECT`.
    pub method: Method,
    /// What is asked for and of whom.
    pub target: Target,
    /// The version the peer speaks.
    pub version: Version,
    /// All fields as sent, hop-by-hop ones included ([`crate::strip_hop_by_hop`] removes those).
    pub headers: HeaderMap,
    /// How the end of the body is found.
    pub body: BodyLength,
    /// Whether the peer will send another request on this connection (RFC 9112 §9.3).
    pub keep_alive: bool,
    /// Whether the peer waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1).
    pub expect_continue: bool,
    /// Bytes of the head on the wire, skipped empty lines not counted.
    pub head_bytes: usize,
}

/// Reads heads from a connection's buffer, remembering between calls how far it has looked.
#[derive(Debug, Default)]
pub struct HeadParser {
    lines: Lines,
    skipped: u8,
    fields: usize,
    request_line: Option<RequestLine>,
}

/// Reads one head from the front of `buf` without keeping state: every call looks from the start.
///
/// # Errors
/// See [`HeadParser::parse`].
pub fn parse_head(buf: &mut BytesMut, limits: &Limits) -> Result<Option<RequestHead>, Refusal> {
    HeadParser::new().parse(buf, limits)
}

impl HeadParser {
    /// A parser at the beginning of a request.
    pub fn new() -> HeadParser {
        HeadParser::default()
    }

    /// Whether a request has begun to arrive: an idle connection may be closed without an answer, one in the middle of
    /// a head is owed a 408.
    pub fn has_begun(&self, buf: &BytesMut) -> bool {
        !(buf.is_empty() || buf.as_ref() == b"\r")
    }

    /// Reads the next head. `None` means that more bytes are needed; append them to the same `buf`, whose front must
    /// not have moved. A head that is returned has been taken from `buf` with nothing of what follows, and the parser
    /// is ready for the next one.
    ///
    /// # Errors
    /// A [`Refusal`] with the code that fits; neither `buf` nor the parser is of use afterwards.
    pub fn parse(&mut self, buf: &mut BytesMut, limits: &Limits) -> Result<Option<RequestHead>, Refusal> {
        if self.request_line.is_none() && !self.read_request_line(buf, limits)? {
            return Ok(None);
        }
        if !read_field_lines(&mut self.lines, &mut self.fields, buf, limits)? {
            return Ok(None);
        }
        let Some(line) = self.request_line.take() else { return Ok(None) };
        let head_bytes = self.lines.start;
        let count = self.fields;
        *self = HeadParser::new();
        let head = buf.split_to(head_bytes).freeze();
        finish(line, &head, count).map(Some)
    }

    /// Returns whether the request line is complete.
    fn read_request_line(&mut self, buf: &mut BytesMut, limits: &Limits) -> Result<bool, Refusal> {
        while self.skipped < LEADING_EMPTY_LINES_MAX && buf.starts_with(b"\r\n") {
            buf.advance(2);
            self.skipped += 1;
            self.lines = Lines::default();
        }
        match buf.first() {
            None => return Ok(false),
            Some(b'\r') if buf.len() == 1 => return Ok(false),
            Some(&first) if !is_tchar(first) => return Err(refuse_first_byte(first)),
            Some(_) => {}
        }
        let longest = limits.target.min(Limits::TARGET_MAX) + Limits::METHOD_MAX + REQUEST_LINE_FIXED;
        let window = buf.len().min(longest).min(limits.head);
        match self.lines.next(&buf[..window]).map_err(|bad| bad.refuse("request line", 0))? {
            Some((_, end)) => {
                self.request_line = Some(request_line::parse(&buf[..end], limits)?);
                Ok(true)
            }
            None if buf.len() > window => Err(request_line::refuse_long(&buf[..window], limits)),
            None => Ok(false),
        }
    }
}

/// Looks over the lines of `buf` as they come, counting fields; returns whether the empty line that closes the head has
/// been seen.
pub(crate) fn read_field_lines(
    lines: &mut Lines,
    fields: &mut usize,
    buf: &BytesMut,
    limits: &Limits,
) -> Result<bool, Refusal> {
    let window = &buf[..buf.len().min(limits.head)];
    loop {
        let start = lines.start;
        if let Some(b' ' | b'\t') = window.get(start) {
            return Err(fields::refuse_leading_space("field line", *fields + 1));
        }
        let found =
            lines.next(window).map_err(|bad| bad.refuse(&format!("field line {}", *fields + 1), start))?;
        match found {
            Some((start, end)) if start == end => return Ok(true),
            Some(_) => *fields += 1,
            None if buf.len() > window.len() => {
                let detail = format!("the head is longer than {} bytes (RFC 6585 §5)", limits.head);
                return Err(Refusal::new(Code::HeadTooLarge, detail));
            }
            None => return Ok(false),
        }
        let most = limits.headers.min(Limits::HEADERS_MAX);
        if *fields > most {
            let detail = format!("the head has more than {most} field lines (RFC 6585 §5)");
            return Err(Refusal::new(Code::HeadTooLarge, detail));
        }
    }
}

fn refuse_first_byte(first: u8) -> Refusal {
    let hint = match first {
        0x16 => "; this looks like TLS on a plain-text port",
        b' ' | b'\t' => "; a request line has no leading space",
        b'\r' | b'\n' => "; too many or malformed empty lines before it",
        _ => "",
    };
    let found = show(first);
    Refusal::malformed(format!("request line: byte 1 is {found}, expected a method (RFC 9112 §3){hint}"))
}

fn finish(line: RequestLine, head: &bytes::Bytes, count: usize) -> Result<RequestHead, Refusal> {
    let (headers, known) = tokenize(&head.slice(line.bytes..), count, "field line")?;
    let target = Target::new(&line, head, &known)?;
    let body = framing::body_length(&line, &known)?;
    let keep_alive = framing::keep_alive(line.version, &known, &headers)?;
    let expect_continue = framing::expect_continue(line.version, body, &known, &headers)?;
    Ok(RequestHead {
        method: line.method,
        target,
        version: line.version,
        headers,
        body,
        keep_alive,
        expect_continue,
        head_bytes: head.len(),
    })
}

#[cfg(test)]
mod tests;
