//! The trailer section of a chunked body (RFC 9112 §7.1.2) and which fields may stand in it.
//!
//! RFC 9110 §6.5.1 lets only fields stand there whose definition allows it, and names the kinds that never can. Those
//! that say how long a message is or whom it is for are refused, because someone downstream may merge them into the
//! head and read another message; the other kinds are dropped, because a sender out of step with the rules for
//! `Cache-Control` is a mistake and no attack. What remains is passed on apart from the head, never merged.

use crate::head::{refuse_leading_space, tokenize};
use crate::lines::Lines;
use crate::{Limits, Refusal};
use bytes::BytesMut;
use http::{HeaderMap, HeaderName};
use tenet_error::Code;

/// Framing and routing: refused.
const REFUSED: [&str; 3] = ["content-length", "transfer-encoding", "host"];

/// Request modifiers, authentication, how to read the content, and the connection's own fields: dropped.
const DROPPED: [&str; 32] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "age",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "expect",
    "expires",
    "forwarded",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "location",
    "max-forwards",
    "pragma",
    "proxy-authorization",
    "range",
    "retry-after",
    "set-cookie",
    "te",
    "trailer",
    "upgrade",
];

/// Whether a field may leave in a trailer section.
pub(crate) fn allowed(name: &HeaderName) -> bool {
    !REFUSED.contains(&name.as_str()) && !DROPPED.contains(&name.as_str())
}

/// Reads a trailer section across calls.
#[derive(Debug, Default)]
pub(crate) struct TrailerParser {
    lines: Lines,
    fields: usize,
}

impl TrailerParser {
    /// The fields that may pass, once the empty line has come; `None` until then. Takes the section from `buf`.
    pub fn parse(&mut self, buf: &mut BytesMut, limits: &Limits) -> Result<Option<HeaderMap>, Refusal> {
        loop {
            let window = &buf[..buf.len().min(limits.trailers)];
            let start = self.lines.start;
            if let Some(b' ' | b'\t') = window.get(start) {
                return Err(refuse_leading_space("trailer line", self.fields + 1));
            }
            let found = self
                .lines
                .next(window)
                .map_err(|bad| bad.refuse(&format!("trailer line {}", self.fields + 1), start))?;
            match found {
                Some((start, end)) if start == end => return self.finish(buf).map(Some),
                Some(_) => self.fields += 1,
                None if buf.len() > window.len() => {
                    let detail =
                        format!("the trailer section is longer than {} bytes (RFC 6585 §5)", limits.trailers);
                    return Err(Refusal::new(Code::HeadTooLarge, detail));
                }
                None => return Ok(None),
            }
            if self.fields > limits.trailer_fields {
                let detail = format!(
                    "the trailer section has more than {} field lines (RFC 6585 §5)",
                    limits.trailer_fields
                );
                return Err(Refusal::new(Code::HeadTooLarge, detail));
            }
        }
    }

    fn finish(&self, buf: &mut BytesMut) -> Result<HeaderMap, Refusal> {
        let section = buf.split_to(self.lines.start).freeze();
        if self.fields == 0 {
            return Ok(HeaderMap::new());
        }
        let (mut trailers, _) = tokenize(&section, self.fields, "trailer line")?;
        if let Some(name) = REFUSED.iter().find(|name| trailers.contains_key(**name)) {
            return Err(Refusal::ambiguous(format!(
                "trailer section: {name} cannot stand in it (RFC 9110 §6.5.1)"
            )));
        }
        let dropped: Vec<HeaderName> = trailers.keys().filter(|name| !allowed(name)).cloned().collect();
        for name in dropped {
            trailers.remove(name);
        }
        Ok(trailers)
    }
}
