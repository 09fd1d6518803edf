//! Requests with a few bytes changed, thousands of them: none may panic, hang, be answered with nonsense or be blamed on us. The
//! changes come from a fixed seed, so that a failure happens again.

use std::time::Duration;
use tenet_tests::frames::{PREFACE, frame, headers, kind, settings};
use tenet_tests::{Door, PATIENCE, eventually, http1, raw};

/// Changed requests of each protocol; a second or two of work.
const ROUNDS: usize = 1500;

/// Numbers without pattern (xorshift, Marsaglia 2003).
struct Noise(u64);

impl Noise {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }

    /// `bytes` with one to four changes.
    fn change(&mut self, bytes: &[u8]) -> Vec<u8> {
        const SPECIAL: &[u8] = b"\r\n\0 \t:;,=\"%/?#*-+09afAF\x7f\x80\xff";
        let mut out = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(out.len());
            let length = self.below(8).min(out.len() - at);
            match self.below(5) {
                0 => out[at] ^= 1 << self.below(8),
                1 => out[at] = SPECIAL[self.below(SPECIAL.len())],
                2 => out.insert(at, SPECIAL[self.below(SPECIAL.len())]),
                3 => drop(out.drain(at..at + length)),
                _ => {
                    let piece = out[at..at + length].to_vec();
                    let to = self.below(out.len());
                    out.splice(to..to, piece);
                }
            }
            if out.is_empty() {
                break;
            }
        }
        out
    }
}

/// Sends noise. Most callers close behind it, which must end the connection; every fifth waits a little for whatever comes, since a
/// call whose caller closes is cancelled.
fn hear(door: &Door, round: usize, bytes: &[u8]) -> raw::Heard {
    if round.is_multiple_of(5) {
        return raw::send(door.gateway.public, bytes, Duration::from_millis(30));
    }
    let heard = raw::send_and_finish(door.gateway.public, bytes, PATIENCE);
    assert!(heard.closed, "round {round}: stays open after {:?}", String::from_utf8_lossy(bytes));
    heard
}

/// What must hold after any noise.
fn is_sound(door: &Door) {
    eventually("nothing to be in flight", || (door.gateway.status()["in_flight"] == 0).then_some(()));
    eventually("every connection to be closed", || (door.gateway.status()["connections"] == 0).then_some(()));
    assert_eq!(http1::get(door.gateway.public, "/v1/echo/a").status, 200);
    std::thread::sleep(Duration::from_millis(2200));
    let recorded = tenet_tests::ledger::recorded(&door.gateway.metrics());
    for ours in ["GATEWAY_PANIC", "GATEWAY_INTERNAL", "UPSTREAM_PROTOCOL_ERROR", "CONNECTION_LOST"] {
        assert_eq!(recorded.get(ours), None, "{recorded:?}");
    }
    assert_eq!(door.gateway.metric("tenet_panics_total", &[]), 0.0);
}

#[test]
fn changed_http1_requests_are_answered_or_refused() {
    let door = Door::open("[gateway.limits]\nheader_time = \"2s\"\nbody_time = \"2s\"");
    let seeds = [
        &b"GET /v1/echo/a%20b?text=x&text=%C3%A4 HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n"[..],
        b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 26\r\n\r\n{\"name\":\"a\",\"text\":\"\\u00e4\"}",
        b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b\"\r\n{\"nam\r\n7\r\ne\":\"a\"}\r\n0\r\nT: x\r\n\r\n",
        b"POST /plain/a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nbaggage: a=b\r\n\r\nGET http://x/v1/lost HTTP/1.1\r\nHost: x\r\ngrpc-timeout: 9S\r\nForwarded: for=\"[::1]\"\r\n\r\n",
    ];
    let mut noise = Noise(0x5eed_0001);
    for round in 0..ROUNDS {
        // Not in step with the fifth that waits.
        let bytes = noise.change(seeds[round / 7 % seeds.len()]);
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        let heard = hear(&door, round, &bytes);
        // Panics on anything that is not a series of whole responses.
        let answers = std::panic::catch_unwind(|| heard.responses());
        let answers = answers.unwrap_or_else(|_| panic!("round {round}: {shown:?} got {:?}", heard.text()));
        for answer in answers {
            assert!(answer.status != 500, "round {round}: {shown:?} got {}", answer.text());
        }
    }
    is_sound(&door);
}

#[test]
fn changed_http2_frames_are_answered_or_refused() {
    let door = Door::open("[gateway.limits]\nheader_time = \"2s\"\nbody_time = \"2s\"\nidle_time = \"2s\"");
    let json = [("content-type", "application/json"), ("te", "trailers")];
    let grpc = [("content-type", "application/grpc"), ("te", "trailers"), ("grpc-timeout", "9S")];
    let seed = [
        frame(kind::SETTINGS, 0, 0, &settings(&[(1, 4096), (4, 65_535), (6, 16_384)])),
        frame(kind::WINDOW_UPDATE, 0, 0, &[0, 1, 0, 0]),
        frame(kind::HEADERS, 5, 1, &headers("GET", "/v1/echo/a?text=b", &[])),
        frame(kind::HEADERS, 4, 3, &headers("POST", "/v1/echo", &json)),
        frame(kind::DATA, 0, 3, b"{\"name\":"),
        frame(kind::PING, 0, 0, b"12345678"),
        frame(kind::DATA, 1, 3, b"\"a\"}"),
        frame(kind::HEADERS, 4, 5, &headers("POST", "/door.v1.Echo/Get", &grpc)),
        frame(kind::DATA, 1, 5, b"\0\0\0\0\x03\x0a\x01a"),
        frame(kind::HEADERS, 0, 7, &headers("POST", "/plain2/a", &[])[..20]),
        frame(kind::CONTINUATION, 4, 7, &headers("POST", "/plain2/a", &[])[20..]),
        frame(kind::DATA, 1, 7, b"streamed"),
        frame(kind::RST_STREAM, 0, 7, &[0, 0, 0, 8]),
        frame(kind::GOAWAY, 0, 0, &[0; 8]),
    ]
    .concat();
    let mut noise = Noise(0x5eed_0002);
    for round in 0..ROUNDS {
        let bytes = [PREFACE, &noise.change(&seed)].concat();
        let heard = hear(&door, round, &bytes);
        let first = heard.bytes.get(3).copied();
        assert!(first.is_none_or(|first| first == kind::SETTINGS), "round {round}: begins with {first:?}");
    }
    is_sound(&door);
}
