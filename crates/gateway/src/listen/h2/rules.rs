//! Rules of RFC 9113 that h2 does not hold, or answers with PROTOCOL_ERROR where a narrower code is asked for: judged by frame
//! headers, before h2 sees the frame.
//!
//! Everything found here ends the connection, also where the rule speaks of a stream error (§5.4.1 allows it): a peer that loses
//! count of its streams or lengths is broken, and a header block that is not decoded would leave the two HPACK tables apart. What
//! h2 holds by itself (identifiers, header blocks, windows, field syntax) is left to h2.

use super::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, PING, PRIORITY, PUSH_PROMISE,
    RST_STREAM, SETTINGS, Seen, WINDOW_UPDATE,
};
use h2::Reason;

/// Streams whose sending side a client may hold open while we keep count. Many more than any configured number of streams that is
/// sensible; a client that goes on past it is refused most of them and is left to h2.
const OPEN: usize = 4_096;
/// Ranges of identifiers a client may skip while we keep count. Clients skip none.
const SKIPPED: usize = 64;
const INITIAL_WINDOW_SIZE: u16 = 0x4;
/// Largest flow-control window (RFC 9113 §6.9.1).
const MAX_WINDOW: u32 = 0x7fff_ffff;

/// What one client has sent, as far as the rules ask.
pub struct Rules {
    /// The lowest identifier that was never passed.
    next: u32,
    /// Streams the client has neither ended nor reset, ascending.
    open: Vec<u32>,
    /// Identifiers that were passed without being used: half-open ranges, ascending.
    skipped: Vec<(u32, u32)>,
    in_block: bool,
    counting: bool,
}

impl Rules {
    /// Of a client that has sent nothing.
    pub fn new() -> Rules {
        Rules { next: 1, open: Vec::new(), skipped: Vec::new(), in_block: false, counting: true }
    }

    /// Judges what the client sends next.
    ///
    /// # Errors
    /// The code with which the connection ends.
    pub fn judge(&mut self, seen: Seen) -> Result<(), Reason> {
        match seen {
            Seen::Frame(frame) => self.frame(frame),
            // The value does not fit a window (§6.5.2).
            Seen::Setting { id: INITIAL_WINDOW_SIZE, value } if value > MAX_WINDOW => {
                Err(Reason::FLOW_CONTROL_ERROR)
            }
            Seen::Setting { .. } => Ok(()),
        }
    }

    fn frame(&mut self, frame: Frame) -> Result<(), Reason> {
        if self.in_block {
            // Whatever is no CONTINUATION is out of place here, which h2 says by itself.
            self.in_block = !(frame.kind == CONTINUATION && frame.flags & END_HEADERS != 0);
            return Ok(());
        }
        let fits = match frame.kind {
            HEADERS | DATA => return self.on_stream(frame),
            // A client cannot push (§8.4).
            PUSH_PROMISE => return Err(Reason::PROTOCOL_ERROR),
            RST_STREAM => {
                self.ended(frame.stream);
                frame.length == 4
            }
            PRIORITY => frame.length == 5,
            SETTINGS if frame.flags & ACK != 0 => frame.length == 0,
            SETTINGS => frame.length.is_multiple_of(6),
            PING => frame.length == 8,
            GOAWAY => frame.length >= 8,
            WINDOW_UPDATE => frame.length == 4,
            _ => true,
        };
        if fits { Ok(()) } else { Err(Reason::FRAME_SIZE_ERROR) }
    }

    /// HEADERS and DATA stand on a stream that is new or that the client has not ended (§5.1).
    fn on_stream(&mut self, frame: Frame) -> Result<(), Reason> {
        self.in_block = frame.kind == HEADERS && frame.flags & END_HEADERS == 0;
        let of_clients = frame.stream % 2 == 1;
        if !self.counting || !of_clients {
            return Ok(());
        }
        let ends = frame.flags & END_STREAM != 0;
        if frame.stream >= self.next {
            // DATA on a stream that is idle is h2's to refuse.
            if frame.kind == HEADERS {
                self.begun(frame.stream, ends);
            }
            return Ok(());
        }
        let known = self.open.binary_search(&frame.stream).is_ok();
        if known && ends {
            self.ended(frame.stream);
        }
        // A smaller identifier that was never used is another error (§5.1.1), which h2 says by itself.
        let never_used = || self.skipped.iter().any(|(from, to)| (*from..*to).contains(&frame.stream));
        if known || never_used() { Ok(()) } else { Err(Reason::STREAM_CLOSED) }
    }

    fn begun(&mut self, stream: u32, ends: bool) {
        if stream > self.next {
            self.skipped.push((self.next, stream));
        }
        self.next = stream + 2;
        if !ends {
            self.open.push(stream);
        }
        if self.open.len() > OPEN || self.skipped.len() > SKIPPED {
            self.counting = false;
            self.open = Vec::new();
            self.skipped = Vec::new();
        }
    }

    fn ended(&mut self, stream: u32) {
        if let Ok(at) = self.open.binary_search(&stream) {
            self.open.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const END: u8 = END_STREAM | END_HEADERS;
    const BLOCK_GOES_ON: u8 = 0;
    const SIZE: Result<(), Reason> = Err(Reason::FRAME_SIZE_ERROR);
    const CLOSED: Result<(), Reason> = Err(Reason::STREAM_CLOSED);

    fn of(kind: u8, flags: u8, stream: u32, length: u32) -> Seen {
        Seen::Frame(Frame { kind, flags, stream, length, error: 0 })
    }

    /// All but the last are fine, the last is judged `expected`.
    fn check(what: &str, sent: &[Seen], expected: Result<(), Reason>) {
        let mut rules = Rules::new();
        let (last, before) = sent.split_last().unwrap();
        for seen in before {
            assert_eq!(rules.judge(*seen), Ok(()), "{what}: {seen:?}");
        }
        assert_eq!(rules.judge(*last), expected, "{what}");
    }

    #[test]
    fn lengths() {
        for (what, seen, expected) in [
            ("PING of 8", of(PING, 0, 0, 8), Ok(())),
            ("PING of 6", of(PING, 0, 0, 6), SIZE),
            ("RST_STREAM of 3", of(RST_STREAM, 0, 1, 3), SIZE),
            ("PRIORITY of 5", of(PRIORITY, 0, 1, 5), Ok(())),
            ("PRIORITY of 4", of(PRIORITY, 0, 1, 4), SIZE),
            ("WINDOW_UPDATE of 4", of(WINDOW_UPDATE, 0, 1, 4), Ok(())),
            ("WINDOW_UPDATE of 3", of(WINDOW_UPDATE, 0, 0, 3), SIZE),
            ("SETTINGS of 12", of(SETTINGS, 0, 0, 12), Ok(())),
            ("SETTINGS of 3", of(SETTINGS, 0, 0, 3), SIZE),
            ("SETTINGS ACK", of(SETTINGS, ACK, 0, 0), Ok(())),
            ("SETTINGS ACK of 6", of(SETTINGS, ACK, 0, 6), SIZE),
            ("GOAWAY of 8", of(GOAWAY, 0, 0, 8), Ok(())),
            ("GOAWAY of 7", of(GOAWAY, 0, 0, 7), SIZE),
            ("a kind nobody knows", of(0xff, 0, 0, 3), Ok(())),
            ("PUSH_PROMISE", of(PUSH_PROMISE, END_HEADERS, 1, 5), Err(Reason::PROTOCOL_ERROR)),
            ("the largest window", Seen::Setting { id: 4, value: MAX_WINDOW }, Ok(())),
            ("a larger window", Seen::Setting { id: 4, value: 1 << 31 }, Err(Reason::FLOW_CONTROL_ERROR)),
            ("another large setting", Seen::Setting { id: 6, value: u32::MAX }, Ok(())),
        ] {
            check(what, &[seen], expected);
        }
    }

    #[test]
    fn streams_that_ended_stay_closed() {
        let get = |stream| of(HEADERS, END, stream, 20);
        let post = |stream| of(HEADERS, END_HEADERS, stream, 20);
        let data = |stream| of(DATA, 0, stream, 20);
        let last = |stream| of(DATA, END_STREAM, stream, 0);
        let reset = |stream| of(RST_STREAM, 0, stream, 4);
        for (what, sent, expected) in [
            ("a body", &[post(1), data(1), data(1), last(1), get(3)][..], Ok(())),
            ("trailers", &[post(1), data(1), get(1), get(3)], Ok(())),
            ("interleaved bodies", &[post(1), post(3), get(5), last(3), data(1), last(1)], Ok(())),
            ("DATA after the end of HEADERS", &[get(1), data(1)], CLOSED),
            ("DATA after the end of DATA", &[post(1), last(1), data(1)], CLOSED),
            ("DATA after trailers", &[post(1), get(1), data(1)], CLOSED),
            ("HEADERS after the end", &[get(1), get(1)], CLOSED),
            ("HEADERS after the end, others between", &[get(1), post(3), get(5), get(1)], CLOSED),
            ("DATA after a reset", &[post(1), reset(1), data(1)], CLOSED),
            ("HEADERS after a reset", &[post(1), reset(1), get(1)], CLOSED),
            (
                "what may come after the end",
                &[get(1), of(WINDOW_UPDATE, 0, 1, 4), of(PRIORITY, 0, 1, 5), reset(1)],
                Ok(()),
            ),
            ("an identifier that was skipped", &[get(1), get(7), get(5)], Ok(())),
            ("one that was used beside one skipped", &[get(1), get(7), get(7)], CLOSED),
            ("DATA on an idle stream", &[get(1), data(3)], Ok(())),
            ("an even stream", &[get(1), get(2)], Ok(())),
        ] {
            check(what, sent, expected);
        }
    }

    #[test]
    fn within_a_header_block_h2_judges() {
        let begin = of(HEADERS, END_STREAM | BLOCK_GOES_ON, 1, 20);
        check("another frame", &[begin, of(PING, 0, 0, 6)], Ok(()));
        check("its end", &[begin, of(CONTINUATION, END_HEADERS, 1, 9), of(PING, 0, 0, 6)], SIZE);
        check(
            "its end after several",
            &[begin, of(CONTINUATION, 0, 1, 9), of(CONTINUATION, END_HEADERS, 1, 9), of(DATA, 0, 1, 9)],
            CLOSED,
        );
    }

    #[test]
    fn a_client_that_opens_too_much_costs_no_memory_and_is_left_to_h2() {
        let mut rules = Rules::new();
        for stream in (1..40_000).step_by(2) {
            assert_eq!(rules.judge(of(HEADERS, END_HEADERS, stream, 20)), Ok(()));
            assert!(rules.open.len() <= OPEN);
        }
        assert_eq!(rules.judge(of(DATA, 0, 1, 20)), Ok(()));
        let mut rules = Rules::new();
        for stream in (1..40_000).step_by(6) {
            assert_eq!(rules.judge(of(HEADERS, END, stream, 20)), Ok(()));
            assert!(rules.skipped.len() <= SKIPPED);
        }
    }

    proptest! {
        /// However a well-behaved client interleaves its streams, nothing it sends is against the rules.
        #[test]
        fn a_client_that_keeps_count_is_left_alone(steps in prop::collection::vec((0..7u8, any::<prop::sample::Index>(), any::<bool>()), 0..200)) {
            let mut rules = Rules::new();
            let mut next = 1;
            let mut open: Vec<u32> = Vec::new();
            for (step, which, flag) in steps {
                let end = if flag { END_STREAM } else { 0 };
                let chosen = (!open.is_empty()).then(|| which.index(open.len()));
                let seen = match (step, chosen) {
                    (0, _) | (1..=3, None) => {
                        next += 2;
                        if !flag {
                            open.push(next - 2);
                        }
                        of(HEADERS, END_HEADERS | end, next - 2, 20)
                    }
                    (1, Some(at)) => of(DATA, end, if flag { open.remove(at) } else { open[at] }, 9),
                    (2, Some(at)) => of(HEADERS, END, open.remove(at), 9),
                    (3, Some(at)) => of(RST_STREAM, 0, open.remove(at), 4),
                    (4, _) => of(WINDOW_UPDATE, 0, which.index(next as usize) as u32, 4),
                    (5, _) => of(RST_STREAM, 0, (next.max(3) - 2) | 1, 4),
                    _ => of(PING, end, 0, 8),
                };
                if step == 5 {
                    open.retain(|stream| *stream != (next.max(3) - 2) | 1);
                }
                prop_assert_eq!(rules.judge(seen), Ok(()), "{:?}, open {:?}", seen, open);
            }
        }

        /// Whatever is sent, judging neither panics nor keeps more than its bounds.
        #[test]
        fn anything_can_be_judged(frames in prop::collection::vec((0..12u8, any::<u8>(), 0..=0x7fff_ffffu32, 0..20_000u32), 0..300)) {
            let mut rules = Rules::new();
            for (kind, flags, stream, length) in frames {
                let _ = rules.judge(of(kind, flags, stream, length));
                prop_assert!(rules.open.len() <= OPEN && rules.skipped.len() <= SKIPPED);
            }
        }
    }
}
