//! A look at HTTP/2 frame headers as they pass, beside h2: floods are stopped, and what h2 refuses by itself is recorded.
//!
//! h2 bounds resets, CONTINUATION frames and empty DATA frames, but answers every PING and SETTINGS, and refuses malformed requests
//! without telling anybody. This module follows the nine-byte frame headers (RFC 9113 §4.1) in both directions, and counts.
//! Inbound, frames that cost work without being a request draw on an allowance that requests and data refill; outbound, resets and
//! GOAWAYs that h2 sent on its own account are noticed.

/// Control frames a connection may send before it has earned more. A browser sends a handful; a gRPC client one PING or
/// WINDOW_UPDATE per few DATA frames.
const ALLOWANCE: i32 = 1_000;
/// What a HEADERS or non-empty DATA frame adds back, up to [`ALLOWANCE`].
const EARNED: i32 = 10;
/// What every second adds back: a keep-alive PING now and then on an idle connection is no flood, however long it lives.
const EARNED_PER_SECOND: u64 = 10;

const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const GOAWAY: u8 = 0x7;
const CONTINUATION: u8 = 0x9;
const END_HEADERS: u8 = 0x4;

/// A frame's header as far as anybody here needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Frame type (RFC 9113 §6).
    pub kind: u8,
    /// Flags.
    pub flags: u8,
    /// Stream identifier.
    pub stream: u32,
    /// Payload length in bytes.
    pub length: u32,
    /// The first four payload bytes of RST_STREAM (its error code), bytes 4..8 of GOAWAY (likewise), else 0.
    pub error: u32,
}

/// Cuts a byte stream into frame headers, skipping payloads, whatever the fragmentation.
#[derive(Default)]
pub struct FrameScanner {
    header: [u8; 17],
    have: usize,
    skip: u64,
}

impl FrameScanner {
    /// A scanner that first passes over `preface` bytes (24 for what a client sends, RFC 9113 §3.4).
    pub fn after(preface: u64) -> FrameScanner {
        FrameScanner { skip: preface, ..FrameScanner::default() }
    }

    /// Feeds bytes; `each` is called once a frame's header (and error code) is whole.
    pub fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(Frame)) {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let step = self.skip.min(bytes.len() as u64);
                self.skip -= step;
                bytes = &bytes[step as usize..];
                continue;
            }
            let wanted = self.wanted();
            let step = (wanted - self.have).min(bytes.len());
            self.header[self.have..self.have + step].copy_from_slice(&bytes[..step]);
            self.have += step;
            bytes = &bytes[step..];
            if self.have < self.wanted() {
                continue;
            }
            let h = &self.header;
            let length = u32::from_be_bytes([0, h[0], h[1], h[2]]);
            let error = match h[3] {
                RST_STREAM if length == 4 => u32::from_be_bytes([h[9], h[10], h[11], h[12]]),
                GOAWAY if length >= 8 => u32::from_be_bytes([h[13], h[14], h[15], h[16]]),
                _ => 0,
            };
            let stream = u32::from_be_bytes([h[5] & 0x7f, h[6], h[7], h[8]]);
            each(Frame { kind: h[3], flags: h[4], stream, length, error });
            self.skip = u64::from(length) - (self.have as u64 - 9);
            self.have = 0;
        }
    }

    /// Bytes that make this frame whole for us: the header, and the error code where there is one.
    fn wanted(&self) -> usize {
        if self.have < 9 {
            return 9;
        }
        let length = u32::from_be_bytes([0, self.header[0], self.header[1], self.header[2]]);
        match self.header[3] {
            RST_STREAM if length == 4 => 13,
            GOAWAY if length >= 8 => 17,
            _ => 9,
        }
    }
}

/// What one connection's inbound frames amount to.
pub struct Allowance {
    left: i32,
    in_headers: bool,
}

impl Default for Allowance {
    fn default() -> Self {
        Allowance { left: ALLOWANCE, in_headers: false }
    }
}

impl Allowance {
    /// Time has passed since the last refill.
    pub fn refill(&mut self, seconds: u64) {
        let earned = seconds.saturating_mul(EARNED_PER_SECOND).min(ALLOWANCE as u64) as i32;
        self.left = (self.left + earned).min(ALLOWANCE);
    }

    /// Accounts one outbound frame: a reader of much data answers it with many WINDOW_UPDATEs.
    pub fn earn(&mut self, frame: Frame) {
        if frame.kind == DATA && frame.length > 0 {
            self.left = (self.left + EARNED).min(ALLOWANCE);
        }
    }

    /// Accounts one inbound frame; `false` once the connection has used up its allowance.
    pub fn spend(&mut self, frame: Frame) -> bool {
        match frame.kind {
            HEADERS => {
                self.in_headers = frame.flags & END_HEADERS == 0;
                self.left = (self.left + EARNED).min(ALLOWANCE);
            }
            CONTINUATION => {
                self.in_headers = frame.flags & END_HEADERS == 0;
                self.left -= 1;
            }
            DATA if frame.length > 0 => self.left = (self.left + EARNED).min(ALLOWANCE),
            // A reset takes back what its HEADERS earned and more: the request it undid was work.
            RST_STREAM => self.left -= EARNED + 1,
            _ => self.left -= 1,
        }
        self.left > 0
    }

    /// Whether a header block was begun and not ended.
    pub fn in_headers(&self) -> bool {
        self.in_headers
    }
}

/// Whether an outbound frame is h2 refusing something on its own: a protocol error, told to the peer.
pub fn is_own_refusal(frame: Frame) -> bool {
    // The gateway itself resets with NO_ERROR, INTERNAL_ERROR, REFUSED_STREAM, CANCEL; these are h2's (RFC 9113 §7).
    const OF_H2: [u32; 6] = [0x1, 0x3, 0x4, 0x5, 0x6, 0x9];
    matches!(frame.kind, RST_STREAM | GOAWAY) && OF_H2.contains(&frame.error)
}

/// Whether an outbound frame is h2 closing a connection that floods (ENHANCE_YOUR_CALM).
pub fn is_own_calm(frame: Frame) -> bool {
    frame.kind == GOAWAY && frame.error == 0xb
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut out = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        out.extend_from_slice(&[kind, flags]);
        out.extend_from_slice(&stream.to_be_bytes());
        out.extend_from_slice(payload);
        out
    }

    #[test]
    fn frames_are_found_at_every_fragmentation() {
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        bytes.extend(frame(4, 0, 0, &[]));
        bytes.extend(frame(HEADERS, 5, 1, b"abcdef"));
        bytes.extend(frame(RST_STREAM, 0, 1, &8u32.to_be_bytes()));
        bytes.extend(frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0xb, b'x', b'y']));
        bytes.extend(frame(DATA, 1, 3, b""));
        let expected = [(4, 0, 0), (HEADERS, 1, 0), (RST_STREAM, 1, 8), (GOAWAY, 0, 0xb), (DATA, 3, 0)];
        for size in 1..bytes.len() {
            let mut scanner = FrameScanner::after(24);
            let mut seen = Vec::new();
            for piece in bytes.chunks(size) {
                scanner.feed(piece, |f| seen.push((f.kind, f.stream, f.error)));
            }
            assert_eq!(seen, expected, "pieces of {size}");
        }
    }

    #[test]
    fn floods_run_out_and_honest_traffic_does_not() {
        let of = |kind, length| Frame { kind, flags: END_HEADERS, stream: 1, length, error: 0 };
        for (kind, bound) in [(0x6, 1_000), (0x4, 1_000), (0x8, 1_000), (0x2, 1_000)] {
            let mut allowance = Allowance::default();
            let count = (0..10_000).take_while(|_| allowance.spend(of(kind, 8))).count();
            assert!(count < bound, "kind {kind}: {count}");
        }
        let mut rapid = Allowance::default();
        let resets = (0..10_000)
            .take_while(|_| rapid.spend(of(HEADERS, 20)) && rapid.spend(of(RST_STREAM, 4)))
            .count();
        assert!(resets < 1_000, "{resets}");
        let mut reader = Allowance::default();
        for _ in 0..100_000 {
            reader.earn(of(DATA, 16_384));
            assert!(reader.spend(of(0x8, 4)) && reader.spend(of(0x8, 4)));
        }
        let mut idle = Allowance::default();
        for _ in 0..100_000 {
            idle.refill(1);
            assert!(idle.spend(of(0x6, 8)));
        }
        let mut honest = Allowance::default();
        for _ in 0..100_000 {
            assert!(honest.spend(of(HEADERS, 50)) && honest.spend(of(DATA, 100)));
            assert!(honest.spend(of(0x8, 4)) && honest.spend(of(0x8, 4)));
        }
    }
}
