//! Field lines (RFC 9112 §5) to a header map, through the tokenizer; and the words for what it refuses.

use crate::Refusal;
use crate::grammar::{is_tchar, show};
use crate::names::header_name;
use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use httparse::Status;

/// Fields that a proxy typically adds to a request: trace, request id, forwarding, call parameters.
const ADDED_BY_PROXY: usize = 8;

/// Field lines for which the tokenizer's scratch space stands on the stack; more of them cost one allocation.
const ON_STACK: usize = 32;

/// A field that decides about the message, as often as it occurred.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub count: usize,
    /// The last value.
    pub value: Option<Bytes>,
}

/// The fields that decide about framing and routing, noted on the way into the map: looking each up again would cost
/// as much as the rest of the head.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub host: Seen,
    pub content_length: Seen,
    pub transfer_encoding: Seen,
    pub connection: Seen,
    pub expect: bool,
}

impl Seen {
    fn note(&mut self, value: &Bytes) {
        self.count += 1;
        self.value = Some(value.clone());
    }
}

impl Known {
    fn note(&mut self, name: &HeaderName, value: &Bytes) {
        if *name == HOST {
            self.host.note(value);
        } else if *name == CONTENT_LENGTH {
            self.content_length.note(value);
        } else if *name == TRANSFER_ENCODING {
            self.transfer_encoding.note(value);
        } else if *name == CONNECTION {
            self.connection.note(value);
        } else if *name == EXPECT {
            self.expect = true;
        }
    }
}

/// Reads `count` field lines and the empty line behind them; every line is known to end in CRLF. `place` names the
/// section in messages.
pub(crate) fn tokenize(section: &Bytes, count: usize, place: &str) -> Result<(HeaderMap, Known), Refusal> {
    if count <= ON_STACK {
        tokenize_into(section, &mut [httparse::EMPTY_HEADER; ON_STACK], count, place)
    } else {
        tokenize_into(section, &mut vec![httparse::EMPTY_HEADER; count], count, place)
    }
}

fn tokenize_into<'a>(
    section: &'a Bytes,
    scratch: &mut [httparse::Header<'a>],
    count: usize,
    place: &str,
) -> Result<(HeaderMap, Known), Refusal> {
    // A line the tokenizer would split or end differently than we did shows in the number of bytes it has read.
    let fields = match httparse::parse_headers(section, scratch) {
        Ok(Status::Complete((read, fields))) if read == section.len() && fields.len() == count => fields,
        _ => return Err(diagnose(section, place)),
    };
    // Room for what a proxy adds, so that the map need not be made anew for it.
    let mut headers = HeaderMap::with_capacity(count + ADDED_BY_PROXY);
    let mut known = Known::default();
    for (index, field) in fields.iter().enumerate() {
        let refuse = || Refusal::malformed(format!("{place} {}: not a valid field (RFC 9110 §5)", index + 1));
        let name = header_name(field.name.as_bytes()).map_err(|_| refuse())?;
        let value = section.slice_ref(field.value);
        known.note(&name, &value);
        let value = HeaderValue::from_maybe_shared(value).map_err(|_| refuse())?;
        headers.try_append(name, value).map_err(|_| refuse())?;
    }
    Ok((headers, known))
}

/// RFC 9112 §2.2 (whitespace before the first field) and §5.2 (folding).
pub(crate) fn refuse_leading_space(place: &str, number: usize) -> Refusal {
    let rule = match number {
        1 => "whitespace before the first field (RFC 9112 §2.2)",
        _ => "begins with whitespace; line folding is obsolete and refused (RFC 9112 §5.2)",
    };
    Refusal::malformed(format!("{place} {number}: {rule}"))
}

/// Finds the first broken line and the rule it breaks. Off the fast path: only runs when the tokenizer has refused.
fn diagnose(section: &[u8], place: &str) -> Refusal {
    let lines = section.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    for (index, line) in lines.enumerate() {
        if let Some(rule) = broken_rule(line) {
            return Refusal::malformed(format!("{place} {}: {rule}", index + 1));
        }
    }
    Refusal::malformed(format!("{place}: cannot be read (RFC 9112 §5)"))
}

fn broken_rule(line: &[u8]) -> Option<String> {
    if line.is_empty() {
        return None;
    }
    let Some(colon) = memchr::memchr(b':', line) else {
        return Some("has no colon; expected name: value (RFC 9112 §5)".into());
    };
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    match name.iter().position(|&byte| !is_tchar(byte)) {
        _ if name.is_empty() => return Some("the name is empty (RFC 9110 §5.1)".into()),
        // RFC 9112 §5.1: "No whitespace is allowed between the field name and colon", and a server answers 400.
        Some(at) if name[at..].iter().all(|byte| matches!(byte, b' ' | b'\t')) => {
            return Some("whitespace before the colon (RFC 9112 §5.1)".into());
        }
        Some(at) => {
            let (found, column) = (show(name[at]), at + 1);
            return Some(format!("{found} at byte {column} cannot stand in a field name (RFC 9110 §5.1)"));
        }
        None => {}
    }
    let bad = |byte: &u8| (*byte < 0x20 && *byte != b'\t') || *byte == 0x7f;
    value.iter().position(bad).map(|at| {
        let (found, column) = (show(value[at]), colon + at + 2);
        format!("{found} at byte {column} cannot stand in a field value (RFC 9110 §5.5)")
    })
}
