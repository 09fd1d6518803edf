//! Writes a backup: under another name until it is whole, and on from its last whole frame where it was interrupted.

use super::frame::Place as FramePlace;
use super::read::hex;
use super::{BackupError, Foot, Frame, Head, Kind, MAGIC, Names, PARTIAL, Place, Reader, Tally, row};
use crate::engine::Row;
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A part is on the disk at the latest when so many bytes were written behind it: what is lost with the machine's power is done again.
const SYNC_BYTES: u64 = 64 << 20;

/// It has everything that is kept: its owner alone may read it.
const MODE: u32 = 0o600;

/// What was found where a backup is to be written.
pub enum Begun {
    /// Nothing.
    Nothing,
    /// One that was interrupted.
    Partial(Box<Writer>),
    /// What is there says nothing that could be gone on with; why.
    Useless(String),
}

/// A backup that is written.
pub struct Writer {
    /// Its name when it is whole.
    path: PathBuf,
    partial: PathBuf,
    file: File,
    place: FramePlace,
    head: Head,
    names: Names,
    tally: Tally,
    digest: Sha256,
    parts: u64,
    after: Option<Place>,
    unsynced: u64,
}

impl Writer {
    /// The name of a file while it is not whole.
    pub fn partial(path: &Path) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(".");
        name.push(PARTIAL);
        name.into()
    }

    /// Looks at what is there.
    pub fn find(path: &Path) -> Result<Begun, BackupError> {
        let partial = Writer::partial(path);
        let mut reader = match Reader::open(&partial) {
            Ok(reader) => reader,
            Err(BackupError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                return Ok(Begun::Nothing);
            }
            Err(error @ BackupError::Io { .. }) => return Err(error),
            Err(error) => return Ok(Begun::Useless(error.to_string())),
        };
        let mut after = None;
        loop {
            // Where it is torn or damaged, all before it is whole: so many frames are taken, the rest is done again.
            match reader.part() {
                Ok(Some(part)) => {
                    after = part.rows.iter().fold(after, |before, row| Place::after(row, before))
                }
                // It has its foot, and only its name is not right yet: the foot is written again.
                Ok(None) => break,
                Err(BackupError::Half { .. } | BackupError::Damaged { .. }) => break,
                Err(error) => return Err(error),
            }
        }
        let place = reader.whole();
        let (head, names, tally, digest, parts) = reader.into_state();
        let file = OpenOptions::new()
            .write(true)
            .open(&partial)
            .map_err(|error| BackupError::io(&partial, error))?;
        alone(&file, &partial)?;
        let mut writer = Writer {
            path: path.to_owned(),
            file,
            place,
            head,
            names,
            tally,
            digest,
            parts,
            after,
            unsynced: 0,
            partial,
        };
        writer.cut()?;
        Ok(Begun::Partial(Box::new(writer)))
    }

    /// Begins anew.
    pub fn create(path: &Path, head: Head) -> Result<Writer, BackupError> {
        let partial = Writer::partial(path);
        let io = |error| BackupError::io(&partial, error);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(MODE)
            .open(&partial)
            .map_err(io)?;
        alone(&file, &partial)?;
        file.set_len(0).map_err(io)?;
        let mut writer = Writer {
            path: path.to_owned(),
            partial,
            file,
            place: FramePlace { frame: 0, byte: MAGIC.len() as u64 },
            names: head.names(),
            tally: Tally::default(),
            digest: Sha256::new(),
            parts: 0,
            after: None,
            unsynced: 0,
            head,
        };
        writer.file.write_all(MAGIC).map_err(|error| BackupError::io(&writer.partial, error))?;
        writer.digest.update(MAGIC);
        let head =
            serde_json::to_vec(&writer.head).map_err(|error| BackupError::Refused(error.to_string()))?;
        writer.frame(Kind::Head, &head)?;
        Ok(writer)
    }

    /// What it is of.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// What is in it.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.place.byte
    }

    /// After what it goes on. None: it has no rows yet.
    pub fn after(&self) -> Option<&Place> {
        self.after.as_ref()
    }

    /// Adds a part.
    pub fn part(&mut self, rows: &[Row]) -> Result<(), BackupError> {
        self.tally.count(rows, &self.names).map_err(BackupError::Refused)?;
        self.frame(Kind::Part, &row::encode(rows))?;
        self.parts += 1;
        self.after = rows.iter().fold(self.after.take(), |before, row| Place::after(row, before));
        if self.unsynced >= SYNC_BYTES {
            self.unsynced = 0;
            self.file.sync_data().map_err(|error| BackupError::io(&self.partial, error))?;
        }
        Ok(())
    }

    /// Ends it: from now on it has its name.
    pub fn finish(mut self) -> Result<Foot, BackupError> {
        self.tally.end().map_err(BackupError::Refused)?;
        let foot = Foot {
            parts: self.parts,
            tally: self.tally.counts(),
            digest: hex(&self.digest.clone().finalize()),
        };
        let payload = serde_json::to_vec(&foot).map_err(|error| BackupError::Refused(error.to_string()))?;
        self.frame(Kind::Foot, &payload)?;
        let io = |error| BackupError::io(&self.partial, error);
        self.file.sync_all().map_err(io)?;
        std::fs::rename(&self.partial, &self.path).map_err(io)?;
        // The name, too, is to survive the machine's power.
        if let Some(folder) = self.path.parent() {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)?;
        }
        Ok(foot)
    }

    fn frame(&mut self, kind: Kind, payload: &[u8]) -> Result<(), BackupError> {
        let bytes = Frame::encode(kind, payload, self.place.frame);
        self.file.write_all(&bytes).map_err(|error| BackupError::io(&self.partial, error))?;
        if kind != Kind::Foot {
            self.digest.update(&bytes);
        }
        self.place = FramePlace { frame: self.place.frame + 1, byte: self.place.byte + bytes.len() as u64 };
        self.unsynced += bytes.len() as u64;
        Ok(())
    }

    /// Removes what is behind the last whole frame.
    fn cut(&mut self) -> Result<(), BackupError> {
        let io = |error| BackupError::io(&self.partial, error);
        self.file.set_len(self.place.byte).map_err(io)?;
        self.file.seek(SeekFrom::Start(self.place.byte)).map_err(io)?;
        Ok(())
    }
}

/// Makes sure that nobody else writes the file, until it is closed.
fn alone(file: &File, partial: &Path) -> Result<(), BackupError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            Err(BackupError::Refused(format!("another backup writes {}", partial.display())))
        }
        Err(TryLockError::Error(error)) => Err(BackupError::io(partial, error)),
    }
}
