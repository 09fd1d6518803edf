//! Cuts bytes into lines that end in exactly CRLF, remembering how far it has looked.
//!
//! RFC 9112 §2.2 lets a recipient take a bare LF for a line end, and forbids taking a bare CR for anything. Both are
//! refused here: a party in front of or behind us may disagree, and that is what request smuggling lives on.

use crate::Refusal;
use memchr::memchr2;

/// A position in a growing buffer whose front does not move.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lines {
    /// Where the current, unfinished line begins.
    pub start: usize,
    /// Bytes before this hold no line end of the current line.
    scanned: usize,
}

/// A line end that is not CRLF, and the offset of its byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadBreak {
    Lf(usize),
    Cr(usize),
}

impl Lines {
    /// A position at `start`.
    pub fn at(start: usize) -> Lines {
        Lines { start, scanned: start }
    }

    /// The next whole line as (start, end without CRLF), or `None` when more bytes are needed.
    pub fn next(&mut self, buf: &[u8]) -> Result<Option<(usize, usize)>, BadBreak> {
        let Some(rest) = buf.get(self.scanned..) else { return Ok(None) };
        let Some(found) = memchr2(b'\r', b'\n', rest) else {
            self.scanned = buf.len();
            return Ok(None);
        };
        let end = self.scanned + found;
        if buf[end] == b'\n' {
            return Err(BadBreak::Lf(end));
        }
        match buf.get(end + 1) {
            Some(b'\n') => {
                let line = (self.start, end);
                *self = Lines::at(end + 2);
                Ok(Some(line))
            }
            Some(_) => Err(BadBreak::Cr(end)),
            None => {
                self.scanned = end;
                Ok(None)
            }
        }
    }
}

impl BadBreak {
    /// The refusal, naming the `place` and the column in its line, counted from one.
    pub fn refuse(self, place: &str, line_start: usize) -> Refusal {
        let (name, at) = match self {
            BadBreak::Lf(at) => ("LF without CR", at),
            BadBreak::Cr(at) => ("CR without LF", at),
        };
        let column = at - line_start + 1;
        Refusal::malformed(format!("{place}: {name} at byte {column}; lines end in CRLF (RFC 9112 §2.2)"))
    }
}
