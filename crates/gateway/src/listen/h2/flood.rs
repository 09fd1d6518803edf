//! What HTTP/2 frames cost and tell, beside h2: floods are stopped, and what h2 refuses by itself is recorded.
//!
//! h2 bounds resets, CONTINUATION frames and empty DATA frames, but answers every PING and SETTINGS, and refuses malformed requests
//! without telling anybody. This module counts frames in both directions. Inbound, frames that cost work without being a request
//! draw on an allowance that requests and data refill; outbound, resets and GOAWAYs that h2 sent on its own account are noticed.

use super::frames::{CONTINUATION, DATA, END_HEADERS, Frame, GOAWAY, HEADERS, RST_STREAM};

/// Control frames a connection may send before it has earned more. A browser sends a handful; a gRPC client one PING or
/// WINDOW_UPDATE per few DATA frames.
const ALLOWANCE: i32 = 1_000;
/// What a HEADERS or non-empty DATA frame adds back, up to [`ALLOWANCE`].
const EARNED: i32 = 10;
/// What every second adds back: a keep-alive PING now and then on an idle connection is no flood, however long it lives.
const EARNED_PER_SECOND: u64 = 10;

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

/// Whether an outbound frame refuses a stream that was not looked at (REFUSED_STREAM): the caller has more open than was agreed.
pub fn is_surplus(frame: Frame) -> bool {
    frame.kind == RST_STREAM && frame.error == 0x7
}

/// Whether an outbound frame is h2 closing a connection that floods (ENHANCE_YOUR_CALM).
pub fn is_own_calm(frame: Frame) -> bool {
    frame.kind == GOAWAY && frame.error == 0xb
}

#[cfg(test)]
mod tests {
    use super::*;

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
