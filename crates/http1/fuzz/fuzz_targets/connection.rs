//! One connection's bytes, read whole and cut in two: the same requests, the same refusal, no panic.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use tenet_http1::{BodyDecoder, Decoded, HeadParser, Limits, Refusal};

/// Reads on until more bytes are needed; gives a line for every step and the content apart from its cuts.
#[derive(Default)]
struct Reader {
    buf: BytesMut,
    parser: HeadParser,
    body: Option<BodyDecoder>,
    steps: Vec<String>,
    content: Vec<u8>,
}

impl Reader {
    fn feed(&mut self, bytes: &[u8], limits: &Limits) -> Result<(), Refusal> {
        self.buf.extend_from_slice(bytes);
        loop {
            let Some(body) = &mut self.body else {
                let Some(head) = self.parser.parse(&mut self.buf, limits)? else { return Ok(()) };
                self.body = Some(BodyDecoder::new(head.body, limits));
                self.steps.push(format!("{head:?}"));
                continue;
            };
            match body.decode(&mut self.buf)? {
                Decoded::NeedMore => return Ok(()),
                Decoded::Data(data) => self.content.extend_from_slice(&data),
                Decoded::Trailers(trailers) => self.steps.push(format!("{trailers:?}")),
                Decoded::End => {
                    self.steps.push(format!("end after {}", self.content.len()));
                    self.body = None;
                }
            }
        }
    }
}

fn read(pieces: &[&[u8]], limits: &Limits) -> (Vec<String>, Vec<u8>, Option<String>) {
    let mut reader = Reader::default();
    let fed = pieces.iter().try_for_each(|piece| reader.feed(piece, limits));
    (reader.steps, reader.content, fed.err().map(|refusal| refusal.to_string()))
}

fuzz_target!(|input: &[u8]| {
    let Some((&cut, raw)) = input.split_first() else { return };
    let limits = Limits { head: 512, target: 128, headers: 12, chunk_line: 48, ..Limits::default() };
    let whole = read(&[raw], &limits);
    assert!(whole.1.len() <= raw.len());
    let (left, right) = raw.split_at(usize::from(cut).min(raw.len()));
    assert_eq!(whole, read(&[left, right], &limits));
});
