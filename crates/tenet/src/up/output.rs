//! What the terminal shows: the supervisor's own lines, and the children's with their names before them.

use std::io::{IsTerminal as _, Write as _};
use std::rc::Rc;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// A longer line is printed in pieces: a child that never ends its line must not fill our memory.
const MAX_LINE: usize = 16 << 10;
/// Bytes read at a time.
const CHUNK: usize = 8 << 10;
/// Colours of names: readable on light and dark, none of them red.
const COLOURS: [u8; 6] = [36, 33, 32, 35, 34, 96];

/// Where lines go. Cheap to clone.
#[derive(Clone)]
pub struct Output {
    colour: bool,
    width: Rc<std::cell::Cell<usize>>,
}

impl Output {
    /// Standard output; coloured on a terminal unless `NO_COLOR` is set (no-color.org).
    pub fn new() -> Output {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Output { colour, width: Rc::default() }
    }

    /// A line of the supervisor itself.
    pub fn say(&self, line: &str) {
        write(line.as_bytes());
    }

    /// A line about a child, under its name.
    pub fn note(&self, id: &str, line: &str) {
        let mut out = self.prefix(id);
        out.extend_from_slice(line.as_bytes());
        write(&out);
    }

    /// Copies `stream` line by line under the name `id` until it ends.
    pub async fn copy(self, id: String, mut stream: impl AsyncRead + Unpin) {
        let prefix = self.prefix(&id);
        let mut line = prefix.clone();
        let mut chunk = vec![0; CHUNK];
        // A broken pipe is the end of a stream like any other.
        while let Ok(read @ 1..) = stream.read(&mut chunk).await {
            for piece in chunk[..read].split_inclusive(|byte| *byte == b'\n') {
                line.extend_from_slice(piece.strip_suffix(b"\n").unwrap_or(piece));
                if piece.ends_with(b"\n") || line.len() > MAX_LINE {
                    write(&line);
                    line.truncate(prefix.len());
                }
            }
        }
        if line.len() > prefix.len() {
            write(&line);
        }
    }

    fn prefix(&self, id: &str) -> Vec<u8> {
        // Names are aligned to the longest seen so far.
        let width = self.width.get().max(id.len());
        self.width.set(width);
        let pad = " ".repeat(width - id.len());
        if !self.colour {
            return format!("[{id}]{pad} ").into_bytes();
        }
        let hash = id
            .split('-')
            .next()
            .unwrap_or(id)
            .bytes()
            .fold(0usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(usize::from(byte)));
        format!("\u{1b}[{}m[{id}]\u{1b}[0m{pad} ", COLOURS[hash % COLOURS.len()]).into_bytes()
    }
}

/// One write for a line, so that lines of two children never mix. A closed terminal is no reason to stop serving.
fn write(line: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(line).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
}
