//! HTTP/2 frame headers (RFC 9113 §4.1) cut out of a byte stream, without the payloads that nobody beside h2 needs.

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

/// Flag of HEADERS and DATA.
pub const END_STREAM: u8 = 0x1;
/// Flag of HEADERS and CONTINUATION.
pub const END_HEADERS: u8 = 0x4;
/// Flag of SETTINGS and PING.
pub const ACK: u8 = 0x1;

/// Bytes of a frame's header.
const HEADER: usize = 9;
/// Bytes of one parameter in SETTINGS (RFC 9113 §6.5.1).
const PARAMETER: u32 = 6;
/// Most bytes that are held at a time: a header and a GOAWAY's last stream and error code.
const LONGEST: usize = HEADER + 8;

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

/// What a scanner finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A frame begins.
    Frame(Frame),
    /// One parameter of the SETTINGS frame begun last.
    Setting {
        /// Identifier (RFC 9113 §6.5.2).
        id: u16,
        /// Value.
        value: u32,
    },
}

/// Cuts a byte stream into frame headers, skipping payloads, whatever the fragmentation.
#[derive(Default)]
pub struct FrameScanner {
    held: [u8; LONGEST],
    have: usize,
    skip: u64,
    /// Bytes of parameters that are still to come.
    parameters: u32,
}

impl FrameScanner {
    /// A scanner that first passes over `preface` bytes (24 for what a client sends, RFC 9113 §3.4).
    pub fn after(preface: u64) -> FrameScanner {
        FrameScanner { skip: preface, ..FrameScanner::default() }
    }

    /// Feeds bytes; `each` is called once a frame's header (and error code) or a parameter is whole.
    pub fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(Seen)) {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let step = self.skip.min(bytes.len() as u64);
                self.skip -= step;
                bytes = &bytes[step as usize..];
                continue;
            }
            let wanted = self.wanted();
            let step = (wanted - self.have).min(bytes.len());
            self.held[self.have..self.have + step].copy_from_slice(&bytes[..step]);
            self.have += step;
            bytes = &bytes[step..];
            if self.have == self.wanted() {
                each(self.take());
            }
        }
    }

    /// Bytes that make this frame or parameter whole for us: the header, and the error code where there is one.
    fn wanted(&self) -> usize {
        if self.parameters > 0 {
            return PARAMETER as usize;
        }
        if self.have < HEADER {
            return HEADER;
        }
        match (self.held[3], self.length()) {
            (RST_STREAM, 4) => HEADER + 4,
            (GOAWAY, 8..) => HEADER + 8,
            _ => HEADER,
        }
    }

    fn take(&mut self) -> Seen {
        let have = std::mem::take(&mut self.have);
        let held = &self.held;
        let word = |at: usize| u32::from_be_bytes([held[at], held[at + 1], held[at + 2], held[at + 3]]);
        if self.parameters > 0 {
            self.parameters -= PARAMETER;
            return Seen::Setting { id: u16::from_be_bytes([held[0], held[1]]), value: word(2) };
        }
        let length = self.length();
        let error = match have {
            13 => word(HEADER),
            LONGEST => word(HEADER + 4),
            _ => 0,
        };
        let frame = Frame { kind: held[3], flags: held[4], stream: word(5) & 0x7fff_ffff, length, error };
        if frame.kind == SETTINGS && length.is_multiple_of(PARAMETER) {
            self.parameters = length;
        } else {
            self.skip = u64::from(length) - (have - HEADER) as u64;
        }
        Seen::Frame(frame)
    }

    fn length(&self) -> u32 {
        u32::from_be_bytes([0, self.held[0], self.held[1], self.held[2]])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
        bytes.extend(frame(SETTINGS, 0, 0, &[]));
        bytes.extend(frame(SETTINGS, 0, 0, &[0, 4, 0x80, 0, 0, 1, 0, 2, 0, 0, 0, 0]));
        bytes.extend(frame(HEADERS, 5, 1, b"abcdef"));
        bytes.extend(frame(RST_STREAM, 0, 1, &8u32.to_be_bytes()));
        bytes.extend(frame(SETTINGS, 0, 0, b"seven b"));
        bytes.extend(frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0xb, b'x', b'y']));
        bytes.extend(frame(RST_STREAM, 0, 1, b"abc"));
        bytes.extend(frame(DATA, 1, 0x8000_0003, b""));
        let of =
            |kind, flags, stream, length, error| Seen::Frame(Frame { kind, flags, stream, length, error });
        let expected = [
            of(SETTINGS, 0, 0, 0, 0),
            of(SETTINGS, 0, 0, 12, 0),
            Seen::Setting { id: 4, value: 0x8000_0001 },
            Seen::Setting { id: 2, value: 0 },
            of(HEADERS, 5, 1, 6, 0),
            of(RST_STREAM, 0, 1, 4, 8),
            of(SETTINGS, 0, 0, 7, 0),
            of(GOAWAY, 0, 0, 10, 0xb),
            of(RST_STREAM, 0, 1, 3, 0),
            of(DATA, 1, 3, 0, 0),
        ];
        for size in 1..bytes.len() {
            let mut scanner = FrameScanner::after(24);
            let mut seen = Vec::new();
            for piece in bytes.chunks(size) {
                scanner.feed(piece, |found| seen.push(found));
            }
            assert_eq!(seen, expected, "pieces of {size}");
        }
    }

    proptest! {
        /// Bytes of no sense are cut the same however they arrive.
        #[test]
        fn any_bytes_are_cut_alike_in_any_pieces(bytes in prop::collection::vec(prop_oneof![Just(0u8), Just(4), any::<u8>()], 0..400), size in 1..40usize) {
            let cut = |size: usize| {
                let mut scanner = FrameScanner::default();
                let mut seen = Vec::new();
                for piece in bytes.chunks(size) {
                    scanner.feed(piece, |found| seen.push(found));
                }
                seen
            };
            prop_assert_eq!(cut(size), cut(400));
        }
    }
}
