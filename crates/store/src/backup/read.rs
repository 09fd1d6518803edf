//! Reads a backup, and believes nothing of it before it was looked at.

use super::frame::Place as FramePlace;
use super::head::FORMAT;
use super::{BackupError, Foot, FrameReader, Head, Kind, MAGIC, Names, Tally, row};
use crate::engine::Row;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

/// What is read at once.
const BUFFER: usize = 256 << 10;

/// A part of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its place among the parts.
    pub number: u64,
    /// What it holds.
    pub rows: Vec<Row>,
}

/// A backup that is read.
pub struct Reader {
    path: PathBuf,
    frames: FrameReader<BufReader<File>>,
    head: Head,
    names: Names,
    tally: Tally,
    digest: Sha256,
    parts: u64,
    foot: Option<Foot>,
    whole: FramePlace,
    size: u64,
}

impl Reader {
    /// Opens it and reads its head.
    ///
    /// # Errors
    /// It cannot be opened, is no backup, is of another format, or its head is damaged.
    pub fn open(path: &Path) -> Result<Reader, BackupError> {
        let io = |error| BackupError::io(path, error);
        let file = File::open(path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        let mut input = BufReader::with_capacity(BUFFER, file);
        let mut magic = [0; MAGIC.len()];
        let whole = input.read_exact(&mut magic).is_ok();
        if !whole || magic != *MAGIC {
            return Err(BackupError::Refused(format!(
                "{} is no backup of a store: it does not begin with {:?}",
                path.display(),
                String::from_utf8_lossy(MAGIC)
            )));
        }
        let mut digest = Sha256::new();
        digest.update(magic);
        let place = FramePlace { frame: 0, byte: MAGIC.len() as u64 };
        let mut frames = FrameReader::new(input, place);
        let Some((frame, bytes)) = frames.frame()? else {
            return Err(BackupError::Half { at: place.byte, frames: 0 });
        };
        digest.update(&bytes);
        if frame.kind != Kind::Head {
            return Err(place.damaged("it is not the head that a backup begins with".into()));
        }
        let head: Head = serde_json::from_slice(&frame.payload)
            .map_err(|error| place.damaged(format!("the head cannot be read: {error}")))?;
        if head.format != FORMAT {
            let text = format!("{} is of format {}, this build reads {FORMAT}", path.display(), head.format);
            return Err(BackupError::Refused(text));
        }
        // Names that are none are found before anything is read.
        head.collections()?;
        let names = head.names();
        let (path, whole) = (path.to_owned(), frames.place);
        let tally = Tally::default();
        Ok(Reader { path, frames, head, names, tally, digest, parts: 0, foot: None, whole, size })
    }

    /// What it is of.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// What was read so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// What it ends with, once that was read.
    pub fn foot(&self) -> Option<&Foot> {
        self.foot.as_ref()
    }

    /// Bytes that were read, and bytes of the file.
    pub fn progress(&self) -> (u64, u64) {
        (self.frames.place.byte, self.size)
    }

    /// The next part; `None` once the foot was read and agrees with all of it.
    ///
    /// # Errors
    /// [`BackupError::Damaged`] with the place, [`BackupError::Half`] where there is no foot.
    pub fn part(&mut self) -> Result<Option<Part>, BackupError> {
        if self.foot.is_some() {
            return Ok(None);
        }
        let place = self.frames.place;
        let Some((frame, bytes)) = self.frames.frame()? else {
            return Err(BackupError::Half { at: place.byte, frames: place.frame });
        };
        match frame.kind {
            Kind::Part => {
                let rows = row::decode(&frame.payload).map_err(|what| place.damaged(what))?;
                let mut tally = self.tally.clone();
                tally.count(&rows, &self.names).map_err(|what| place.damaged(what))?;
                self.tally = tally;
                self.digest.update(&bytes);
                self.whole = self.frames.place;
                let number = self.parts;
                self.parts += 1;
                Ok(Some(Part { number, rows }))
            }
            Kind::Foot => {
                self.end(place, &frame.payload)?;
                Ok(None)
            }
            other => Err(place.damaged(format!("a frame of kind {other:?} does not belong here"))),
        }
    }

    fn end(&mut self, place: FramePlace, payload: &[u8]) -> Result<(), BackupError> {
        let foot: Foot = serde_json::from_slice(payload)
            .map_err(|error| place.damaged(format!("the foot cannot be read: {error}")))?;
        self.tally.end().map_err(|what| place.damaged(what))?;
        let digest = hex(&self.digest.clone().finalize());
        if foot.digest != digest {
            return Err(place.damaged(format!(
                "the foot says that all before it has the digest {}, it has {digest}",
                foot.digest
            )));
        }
        let (found, said) = (&self.tally, &foot.tally);
        if foot.parts != self.parts || super::compare(said, found).is_some() || said.items != found.items {
            return Err(place.damaged(format!(
                "the foot says {} parts and {said:?}, there are {} and {found:?}",
                foot.parts, self.parts
            )));
        }
        if self.frames.place.byte != self.size {
            return Err(self
                .frames
                .place
                .damaged(format!("{} bytes follow the foot", self.size - self.frames.place.byte)));
        }
        self.foot = Some(foot);
        Ok(())
    }

    /// Reads the rest.
    pub fn read_all(&mut self) -> Result<&Foot, BackupError> {
        while self.part()?.is_some() {}
        let path = self.path.display();
        self.foot.as_ref().ok_or_else(|| BackupError::Refused(format!("{path} has no foot")))
    }

    /// What a writer has to know to go on behind what was read so far.
    pub(super) fn into_state(self) -> (Head, Names, Tally, Sha256, u64) {
        (self.head, self.names, self.tally, self.digest, self.parts)
    }

    /// Behind the last frame that was whole and is no foot.
    pub(super) fn whole(&self) -> FramePlace {
        self.whole
    }
}

/// Hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
