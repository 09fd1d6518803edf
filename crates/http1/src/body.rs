//! The body: cuts content out of the connection's buffer without copying it.

use crate::chunk;
use crate::grammar::show;
use crate::lines::Lines;
use crate::trailers::TrailerParser;
use crate::{BodyLength, Limits, Refusal};
use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use tenet_error::Code;

/// One step through a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// Append more bytes and call again.
    NeedMore,
    /// Content, never empty, a slice of the connection's buffer.
    Data(Bytes),
    /// The trailer section, at most once and right before `End`; left out when no field of it may pass.
    Trailers(HeaderMap),
    /// The body is complete; what is left in the buffer is the next request. Repeats when called again.
    End,
}

/// Decodes one body.
#[derive(Debug)]
pub struct BodyDecoder {
    state: State,
    limits: Limits,
    /// Extension bytes seen so far, over all chunks.
    extensions: usize,
}

#[derive(Debug)]
enum State {
    /// Bytes left of a body of known length.
    Exact(u64),
    /// In the line before a chunk.
    ChunkLine(Lines),
    /// Bytes left of a chunk.
    ChunkData(u64),
    /// In the CRLF behind a chunk's data.
    ChunkEnd,
    Trailers(TrailerParser),
    End,
}

impl BodyDecoder {
    /// A decoder at the first byte behind a head.
    pub fn new(length: BodyLength, limits: &Limits) -> BodyDecoder {
        let state = match length {
            BodyLength::None => State::End,
            BodyLength::Exact(bytes) => State::Exact(bytes),
            BodyLength::Chunked => State::ChunkLine(Lines::default()),
        };
        BodyDecoder { state, limits: *limits, extensions: 0 }
    }

    /// Whether the body is complete, so that the connection can carry another request.
    pub fn is_end(&self) -> bool {
        matches!(self.state, State::End | State::Exact(0))
    }

    /// Bytes of content still to come; `None` when only chunks will tell.
    pub fn left(&self) -> Option<u64> {
        match self.state {
            State::Exact(left) => Some(left),
            State::End => Some(0),
            State::ChunkLine(_) | State::ChunkData(_) | State::ChunkEnd | State::Trailers(_) => None,
        }
    }

    /// Takes the next step from the front of `buf`, which nobody else may consume from until `End`.
    ///
    /// # Errors
    /// A [`Refusal`] for malformed or oversized chunk framing or trailers.
    pub fn decode(&mut self, buf: &mut BytesMut) -> Result<Decoded, Refusal> {
        loop {
            match &mut self.state {
                State::End | State::Exact(0) => {
                    self.state = State::End;
                    return Ok(Decoded::End);
                }
                State::Exact(left) => return Ok(take(left, buf)),
                State::ChunkData(0) => self.state = State::ChunkEnd,
                State::ChunkData(left) => return Ok(take(left, buf)),
                State::ChunkLine(lines) => {
                    let Some(line) = next_chunk_line(lines, buf, self.limits.chunk_line)? else {
                        return Ok(Decoded::NeedMore);
                    };
                    self.extensions += line.extensions;
                    if self.extensions > self.limits.chunk_extensions {
                        let most = self.limits.chunk_extensions;
                        return Err(Refusal::malformed(format!(
                            "chunk extensions: more than {most} bytes in one body (RFC 9112 §7.1.1)"
                        )));
                    }
                    self.state = match line.size {
                        0 => State::Trailers(TrailerParser::default()),
                        size => State::ChunkData(size),
                    };
                }
                State::ChunkEnd => match (buf.first(), buf.get(1)) {
                    (Some(b'\r'), Some(b'\n')) => {
                        buf.advance(2);
                        self.state = State::ChunkLine(Lines::default());
                    }
                    (None, _) | (Some(b'\r'), None) => return Ok(Decoded::NeedMore),
                    (Some(b'\r'), Some(&byte)) | (Some(&byte), _) => {
                        let found = show(byte);
                        return Err(Refusal::malformed(format!(
                            "chunk data: {found} behind it, expected CRLF (RFC 9112 §7.1)"
                        )));
                    }
                },
                State::Trailers(parser) => {
                    let Some(trailers) = parser.parse(buf, &self.limits)? else {
                        return Ok(Decoded::NeedMore);
                    };
                    self.state = State::End;
                    if !trailers.is_empty() {
                        return Ok(Decoded::Trailers(trailers));
                    }
                }
            }
        }
    }
}

fn take(left: &mut u64, buf: &mut BytesMut) -> Decoded {
    if buf.is_empty() {
        return Decoded::NeedMore;
    }
    let bytes = usize::try_from(*left).unwrap_or(usize::MAX).min(buf.len());
    *left -= bytes as u64;
    Decoded::Data(buf.split_to(bytes).freeze())
}

fn next_chunk_line(
    lines: &mut Lines,
    buf: &mut BytesMut,
    longest: usize,
) -> Result<Option<chunk::ChunkLine>, Refusal> {
    let window = &buf[..buf.len().min(longest)];
    match lines.next(window).map_err(|bad| bad.refuse("chunk line", 0))? {
        Some((start, end)) => {
            let line = chunk::parse(&window[start..end])?;
            buf.advance(end + 2);
            Ok(Some(line))
        }
        None if buf.len() > window.len() => Err(Refusal::new(
            Code::MalformedRequest,
            format!("chunk line: longer than {longest} bytes (RFC 9112 §7.1.1)"),
        )),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests;
