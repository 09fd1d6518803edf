//! Frames: kind, length, payload, checksum. The checksum counts the frame's place, so that none can be left out or exchanged unseen.

use super::BackupError;
use std::fmt;
use std::io::{ErrorKind, Read};

/// Longest payload: a part ends after the row that reaches a mebibyte, and a row holds at most one more and two keys.
pub const MAX_FRAME: usize = 4 << 20;
/// Kind and length.
const HEAD: usize = 5;
/// The checksum.
const SUM: usize = 4;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What the backup is of.
    Head,
    /// Rows.
    Part,
    /// Counts and digest: the end.
    Foot,
    /// The end of an answer that has no foot.
    End,
    /// JSON.
    Json,
    /// Why there is no more.
    Failed,
}

impl Kind {
    const ALL: [(Kind, u8); 6] = [
        (Kind::Head, b'H'),
        (Kind::Part, b'P'),
        (Kind::Foot, b'F'),
        (Kind::End, b'E'),
        (Kind::Json, b'J'),
        (Kind::Failed, b'X'),
    ];

    fn byte(self) -> u8 {
        Kind::ALL.iter().find(|(kind, _)| *kind == self).map_or(0, |(_, byte)| *byte)
    }

    fn of(byte: u8) -> Option<Kind> {
        Kind::ALL.iter().find(|(_, of)| *of == byte).map(|(kind, _)| *kind)
    }
}

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it holds.
    pub kind: Kind,
    /// The bytes.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Its bytes as the frame number `number`.
    pub fn encode(kind: Kind, payload: &[u8], number: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD + payload.len() + SUM);
        out.push(kind.byte());
        out.extend((payload.len() as u32).to_be_bytes());
        out.extend_from_slice(payload);
        let sum = checksum(number, &out);
        out.extend(sum.to_be_bytes());
        out
    }

    /// How long its payload is, of its first five bytes.
    pub fn length(head: [u8; HEAD], place: Place) -> Result<(Kind, usize), BackupError> {
        let kind = Kind::of(head[0])
            .ok_or_else(|| place.damaged(format!("0x{:02x} is no kind of frame", head[0])))?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if length > MAX_FRAME {
            return Err(
                place.damaged(format!("it says that it has {length} bytes, at most {MAX_FRAME} can be"))
            );
        }
        Ok((kind, length))
    }

    /// Whether the checksum `rest` ends with is that of all before it.
    pub fn check(
        head: [u8; HEAD],
        mut rest: Vec<u8>,
        kind: Kind,
        place: Place,
    ) -> Result<Frame, BackupError> {
        let bad = || place.damaged("it does not match its checksum".into());
        let sum = rest.split_off(rest.len().checked_sub(SUM).ok_or_else(bad)?);
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&place.frame.to_be_bytes());
        hasher.update(&head);
        hasher.update(&rest);
        if sum != hasher.finalize().to_be_bytes() {
            return Err(bad());
        }
        Ok(Frame { kind, payload: rest })
    }

    /// Bytes behind the first five.
    pub fn rest(length: usize) -> usize {
        length + SUM
    }
}

fn checksum(number: u64, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_be_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

/// Where a frame is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Its number.
    pub frame: u64,
    /// The byte that it begins at.
    pub byte: u64,
}

impl Place {
    /// Something is wrong with the frame that is there.
    pub fn damaged(self, what: String) -> BackupError {
        BackupError::Damaged { place: self.to_string(), what }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "frame {} at byte {}", self.frame, self.byte)
    }
}

/// Reads frames one after the other.
pub struct FrameReader<R> {
    input: R,
    /// Of the frame that comes next.
    pub place: Place,
}

impl<R: Read> FrameReader<R> {
    /// Whose first frame is at this place.
    pub fn new(input: R, place: Place) -> FrameReader<R> {
        FrameReader { input, place }
    }

    /// The next frame and all its bytes; `None` where there is nothing, or less than a frame.
    pub fn frame(&mut self) -> Result<Option<(Frame, Vec<u8>)>, BackupError> {
        let mut head = [0; HEAD];
        if !self.fill(&mut head)? {
            return Ok(None);
        }
        let (kind, length) = Frame::length(head, self.place)?;
        let mut rest = vec![0; Frame::rest(length)];
        if !self.fill(&mut rest)? {
            return Ok(None);
        }
        let bytes = [&head[..], &rest].concat();
        let frame = Frame::check(head, rest, kind, self.place)?;
        self.place = Place { frame: self.place.frame + 1, byte: self.place.byte + bytes.len() as u64 };
        Ok(Some((frame, bytes)))
    }

    /// False where the input ends before the buffer is full.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<bool, BackupError> {
        match self.input.read_exact(buffer) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
            Err(source) => Err(BackupError::Io { place: self.place.to_string(), source }),
        }
    }
}
