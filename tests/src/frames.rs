//! HTTP/2 frame by frame (RFC 9113 §4): for callers no client library would be.
//!
//! Header blocks are written without Huffman coding and without the dynamic table (RFC 7541 §6.2.2), and never decoded: who needs
//! to read an answer uses [`crate::h2c`]; here it is enough to see which frames come.

use crate::raw;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// What a client says first (RFC 9113 §3.4), before its SETTINGS.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Frame types (RFC 9113 §6).
#[allow(missing_docs)] // the names are the standard's own
pub mod kind {
    pub const DATA: u8 = 0x0;
    pub const HEADERS: u8 = 0x1;
    pub const PRIORITY: u8 = 0x2;
    pub const RST_STREAM: u8 = 0x3;
    pub const SETTINGS: u8 = 0x4;
    pub const PUSH_PROMISE: u8 = 0x5;
    pub const PING: u8 = 0x6;
    pub const GOAWAY: u8 = 0x7;
    pub const WINDOW_UPDATE: u8 = 0x8;
    pub const CONTINUATION: u8 = 0x9;
}

/// END_STREAM of DATA and HEADERS, ACK of SETTINGS and PING.
pub const END_STREAM: u8 = 0x1;
/// END_HEADERS of HEADERS and CONTINUATION.
pub const END_HEADERS: u8 = 0x4;

/// One frame as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Its type.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream, 0 for the connection.
    pub stream: u32,
    /// Its payload.
    pub payload: Vec<u8>,
}

impl Frame {
    /// The error code of RST_STREAM (RFC 9113 §6.4) or GOAWAY (§6.8).
    pub fn error(&self) -> Option<u32> {
        let at = match self.kind {
            kind::RST_STREAM => 0,
            kind::GOAWAY => 4,
            _ => return None,
        };
        self.payload.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
    }
}

/// A connection that speaks frames.
pub struct Frames {
    stream: TcpStream,
    unread: Vec<u8>,
    /// Whether the peer has closed or reset.
    pub closed: bool,
}

impl Frames {
    /// Connects, sends preface and empty SETTINGS.
    ///
    /// # Panics
    /// When nobody listens.
    pub fn open(address: SocketAddr) -> Frames {
        Frames::open_with(address, &[])
    }

    /// [`Frames::open`] with settings (RFC 9113 §6.5.1).
    ///
    /// # Panics
    /// As [`Frames::open`].
    pub fn open_with(address: SocketAddr, settings: &[(u16, u32)]) -> Frames {
        let mut frames = Frames { stream: raw::connect(address), unread: Vec::new(), closed: false };
        // A peer that stops reading must not hang the test.
        let _ = frames.stream.set_write_timeout(Some(crate::PATIENCE));
        let _ = frames.stream.write_all(PREFACE);
        frames.send(kind::SETTINGS, 0, 0, &self::settings(settings));
        frames
    }

    /// Sends one frame; whether the connection took it.
    pub fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        self.bytes(&frame(kind, flags, stream, payload))
    }

    /// Sends bytes as they are; whether the connection took them.
    pub fn bytes(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends a whole GET on `stream`.
    pub fn get(&mut self, stream: u32, path: &str) -> bool {
        self.send(kind::HEADERS, END_HEADERS | END_STREAM, stream, &headers("GET", path, &[]))
    }

    /// The next frame within `wait`; `None` when the time is over or the connection.
    pub fn next(&mut self, wait: Duration) -> Option<Frame> {
        let until = Instant::now() + wait;
        let mut chunk = [0u8; 16 << 10];
        loop {
            if let Some(frame) = self.take() {
                return Some(frame);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.closed {
                return None;
            }
            let _ = self.stream.set_read_timeout(Some(left));
            match self.stream.read(&mut chunk) {
                Ok(0) => self.closed = true,
                Ok(count) => self.unread.extend_from_slice(&chunk[..count]),
                Err(error) if raw::is_timeout(&error) => return None,
                Err(_) => self.closed = true,
            }
        }
    }

    /// The next frame that `wanted` accepts, passing over others.
    pub fn find(&mut self, wait: Duration, wanted: impl Fn(&Frame) -> bool) -> Option<Frame> {
        let until = Instant::now() + wait;
        loop {
            let frame = self.next(until.saturating_duration_since(Instant::now()))?;
            if wanted(&frame) {
                return Some(frame);
            }
        }
    }

    /// Reads to the connection's end, at most `wait`: every frame that came.
    pub fn rest(&mut self, wait: Duration) -> Vec<Frame> {
        let until = Instant::now() + wait;
        let mut frames = Vec::new();
        while let Some(frame) = self.next(until.saturating_duration_since(Instant::now())) {
            frames.push(frame);
        }
        frames
    }

    fn take(&mut self) -> Option<Frame> {
        let head: [u8; 9] = self.unread.get(..9)?.try_into().ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let payload = self.unread.get(9..9 + length)?.to_vec();
        self.unread.drain(..9 + length);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & (u32::MAX >> 1);
        Some(Frame { kind: head[3], flags: head[4], stream, payload })
    }
}

/// The bytes of a frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut out = vec![length[1], length[2], length[3], kind, flags];
    out.extend(stream.to_be_bytes());
    out.extend_from_slice(payload);
    out
}

/// The payload of a SETTINGS frame.
pub fn settings(settings: &[(u16, u32)]) -> Vec<u8> {
    settings.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect()
}

/// The header block of a request to authority `x`, with further fields.
pub fn headers(method: &str, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let mut list = vec![(":method", method), (":scheme", "http"), (":authority", "x"), (":path", path)];
    list.extend_from_slice(more);
    block(&list)
}

/// The header block of exactly these fields.
pub fn block(list: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in list {
        out.push(0);
        text(name, &mut out);
        text(value, &mut out);
    }
    out
}

/// A string literal (RFC 7541 §5.2) whose length is an integer of seven bits prefix (§5.1).
fn text(text: &str, out: &mut Vec<u8>) {
    let mut length = text.len();
    if length < 127 {
        out.push(length as u8);
    } else {
        out.push(127);
        length -= 127;
        while length >= 128 {
            out.push((length % 128) as u8 | 128);
            length /= 128;
        }
        out.push(length as u8);
    }
    out.extend_from_slice(text.as_bytes());
}
